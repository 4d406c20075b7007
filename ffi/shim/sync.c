/* Waits for a file system to be on its disk, which can take seconds, in place of a caller that has more to do. */
#include "monitor.h"

/* Of the file system. */
#define DIRECTORY 3

/* Ends with the error number. */
void sync_main(void)
{
	for (;;)
		sys_exit_group(-sys_syncfs(DIRECTORY));
}

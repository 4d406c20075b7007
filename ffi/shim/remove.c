/* Removes a container's directories, as far as that is simple: what is left is left to the client, which looks again. */
#include "monitor.h"

/* Each level takes a descriptor and a piece of the stack. */
#define DEPTH 64

/* struct linux_dirent64 (man 2 getdents). */
struct entry {
	u64 inode;
	s64 next;
	u16 length;
	u8 type;
	char name[];
};
#define DT_DIR 4

static int is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

/* Follows no link and enters no mount point. */
static void empty(s32 parent, const char *name, int depth)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	char listing[2048] __attribute__((aligned(8)));
	long fd = sys_openat2(parent, name, &how, sizeof how);
	long length;

	if (fd < 0)
		return;
	while ((length = sys_getdents64(fd, listing, sizeof listing)) > 0) {
		for (long at = 0; at < length; at += ((struct entry *)(listing + at))->length) {
			const struct entry *entry = (struct entry *)(listing + at);
			if (is_dots(entry->name))
				continue;
			if (entry->type != DT_DIR)
				sys_unlinkat(fd, entry->name, 0);
			else if (sys_unlinkat(fd, entry->name, AT_REMOVEDIR) < 0 && depth < DEPTH) {
				empty(fd, entry->name, depth + 1);
				sys_unlinkat(fd, entry->name, AT_REMOVEDIR);
			}
		}
	}
	sys_close(fd);
}

/* All that is in a directory. */
void empty_directory(const char *path)
{
	empty(AT_FDCWD, path, 0);
}

void remove_tree(const char *path)
{
	empty_directory(path);
	sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

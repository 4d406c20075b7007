/* A unix socket that listens in a directory, whose path may be longer than an address takes. */
#include "monitor.h"

static const char self[] = "/proc/self/fd/";

/* The directory's descriptor stands for its path. Fails the plan. */
s32 listen_at(s32 directory, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *to = address.sun_path;
	char digits[10];
	int count = 0;

	for (const char *from = self; *from != 0; from++)
		*to++ = *from;
	for (s32 left = directory; left > 0 || count == 0; left /= 10)
		digits[count++] = '0' + left % 10;
	while (count > 0)
		*to++ = digits[--count];
	*to++ = '/';
	for (const char *from = name; *from != 0; from++)
		*to++ = *from;

	s32 socket = must(sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
	/* One of a monitor that was killed. */
	sys_unlinkat(directory, name, 0);
	long mask = sys_umask(0177);
	must(sys_bind(socket, &address, sizeof address), "bind");
	sys_umask(mask);
	must(sys_listen(socket, 128), "listen");
	return socket;
}

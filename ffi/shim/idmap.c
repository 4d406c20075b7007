/* Mounts whose files belong to other users than on disk, by the mappings of a user namespace (man 2 mount_setattr). */
#include "shim.h"

#define PATH_SIZE 48

static char *append(char *to, const char *text)
{
	while (*text != 0)
		*to++ = *text++;
	*to = 0;
	return to;
}

/* Opens "/proc/PID/NAME" of the host's. */
static s32 open_of_process(long pid, const char *name, u32 flags)
{
	char path[PATH_SIZE], digits[20];
	char *to = append(path, "/proc/");
	int count = 0;

	do
		digits[count++] = '0' + pid % 10;
	while ((pid /= 10) > 0);
	while (count > 0)
		*to++ = digits[--count];
	append(append(to, "/"), name);
	return must(sys_openat(AT_FDCWD, path, flags | O_CLOEXEC, 0), "openat");
}

static void write_map(long pid, const char *name, const char *map)
{
	s32 fd = open_of_process(pid, name, O_WRONLY);

	must(sys_write(fd, map, length_of(map)), name);
	sys_close(fd);
}

/* A user namespace with these mappings; nobody is in it, but its descriptor keeps it. */
static s32 make_namespace(const char *uids, const char *gids)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	long ours = sys_getpid();
	long pid = must(sys_clone3(&args, sizeof args), "clone3");

	/* The child is only there to be written about; it goes when we do. */
	if (pid == 0) {
		end_with(ours);
		for (;;)
			sys_ppoll(NULL, 0, NULL);
	}
	write_map(pid, "uid_map", uids);
	write_map(pid, "gid_map", gids);
	s32 namespace = open_of_process(pid, "ns/user", O_RDONLY);
	sys_kill(pid, SIGKILL);
	sys_wait4(pid, NULL, 0);
	return namespace;
}

/* Without mappings the namespace is that of the file in the other slot. */
void step_idmap(const struct step *step)
{
	int joined = step->other >= 0;
	s32 namespace = joined ? slot_fd(step->other) : make_namespace(text_of(step, 0), text_of(step, 1));
	struct mount_attr change = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = namespace };
	u32 flags = AT_EMPTY_PATH | (step->flags & STEP_RECURSIVE ? AT_RECURSIVE : 0);

	must(sys_mount_setattr(slot_fd(step->slot), flags, &change, sizeof change), "mount_setattr");
	if (!joined)
		sys_close(namespace);
}

/* Attributes and propagation of a mount that is held by descriptor. */
#include "shim.h"

/* The flags of mount(2) for attributes of fsmount(2), in the order of their bits. */
static u64 flags_of_attributes(u64 attributes)
{
	u64 flags = attributes & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);

	if (attributes & MOUNT_ATTR_NOATIME)
		flags |= MS_NOATIME;
	if (attributes & MOUNT_ATTR_STRICTATIME)
		flags |= MS_STRICTATIME;
	if (attributes & MOUNT_ATTR_NODIRATIME)
		flags |= MS_NODIRATIME;
	return flags;
}

#define FD_PATH_SIZE 32

/* "/proc/self/fd/N": the only path that means the mount of a descriptor and no other. */
static void path_of_fd(char *to, s32 fd)
{
	char digits[10];
	int count = 0;

	for (const char *directory = "/proc/self/fd/"; *directory != 0; directory++)
		*to++ = *directory;
	do
		digits[count++] = '0' + fd % 10;
	while ((fd /= 10) > 0);
	while (count > 0)
		*to++ = digits[--count];
	*to = 0;
}

/* Before Linux 5.12: mount(2), which wants a path and all flags at once, and changes no more than one mount. */
static void remount(s32 fd, u32 flags, u64 set, u64 clear, u64 propagation)
{
	char path[FD_PATH_SIZE];
	struct statfs filesystem;

	path_of_fd(path, fd);
	if (set != 0 || clear != 0) {
		must(sys_fstatfs(fd, &filesystem), "fstatfs");
		u64 kept = filesystem.f_flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
		u64 wanted = (kept & ~flags_of_attributes(clear)) | flags_of_attributes(set);
		must(sys_mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | wanted), "mount");
	}
	if (propagation != 0)
		must(sys_mount(NULL, path, NULL, propagation | (flags & AT_RECURSIVE ? MS_REC : 0)), "mount");
}

void change_mount(s32 fd, u32 flags, u64 set, u64 clear, u64 propagation)
{
	struct mount_attr change = { .attr_set = set, .attr_clr = clear, .propagation = propagation };
	long result = sys_mount_setattr(fd, AT_EMPTY_PATH | flags, &change, sizeof change);

	if (result == -ENOSYS)
		remount(fd, flags, set, clear, propagation);
	else
		must(result, "mount_setattr");
}

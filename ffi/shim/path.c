/* Paths inside a root, by descriptor: nothing that an image holds can lead a resolution outside. */
#include "shim.h"

#define PATH_MAX 4096

long open_in_root(s32 root, const char *path, u64 flags, u64 resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};
	long fd;

	/* EAGAIN: a rename raced with "..": the kernel cannot tell that the walk stayed inside. Try again. */
	do
		fd = sys_openat2(root, path, &how, sizeof how);
	while (fd == -11 || fd == -EINTR);
	return fd;
}

void stat_fd(s32 fd, struct statx *out)
{
	must(sys_statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, out), "statx");
}

int is_null_device(const struct statx *file)
{
	return (file->stx_mode & S_IFMT) == S_IFCHR && file->stx_rdev_major == 1 && file->stx_rdev_minor == 3;
}

/* Copies the first `length` bytes of a path; fails when it is too long for the kernel anyway. */
static void copy_path(char *to, const char *path, size length)
{
	if (length >= PATH_MAX)
		fail("path", ENAMETOOLONG);
	for (size i = 0; i < length; i++)
		to[i] = path[i];
	to[length] = 0;
}

/* Opens what was just made in `parent`: the very entry, not what a symlink that replaced it points to. */
static s32 open_entry(s32 parent, const char *name, u64 flags)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};

	return must(sys_openat2(parent, name, &how, sizeof how), "openat2");
}

#define LINKS_MAX 40 /* as many as the kernel follows (man 7 path_resolution) */

/* Appends `length` bytes to a path that is `*used` bytes long. */
static void append_path(char *to, size *used, const char *path, size length)
{
	if (*used + length >= PATH_MAX)
		fail("path", ENAMETOOLONG);
	copy_path(to + *used, path, length);
	*used += length;
}

/*
 * The path that `path` means when its part from `start` to `end` is a symlink in `parent`; 0 when it is none. Only for a
 * link to what is missing: all others the kernel has followed.
 */
static int follow_link(s32 parent, const char *path, size start, size end, char *followed)
{
	char name[PATH_MAX], target[PATH_MAX];
	size used = 0;

	copy_path(name, path + start, end - start);
	long length = sys_readlinkat(parent, name, target, sizeof target);
	if (length <= 0)
		return 0;
	if (target[0] != '/')
		append_path(followed, &used, path, start);
	append_path(followed, &used, target, length);
	append_path(followed, &used, path + end, length_of(path + end));
	return 1;
}

/* 0 when something is there: another container may have made the same directory of a shared volume. */
static int make_directory(s32 parent, const char *name, u32 mode)
{
	long made = sys_mkdirat(parent, name, mode);

	if (made < 0 && made != -EEXIST)
		fail("mkdirat", -made);
	return made == 0;
}

/*
 * Opens the directory at `path`, making the parts that are missing. A part that exists is resolved in the root, with its
 * symlinks; where one leads to nothing, what it means is made. Below the first part that had to be made, all is ours.
 */
static s32 make_directories(s32 root, const char *path, u32 mode, u64 resolve)
{
	char prefix[PATH_MAX], followed[2][PATH_MAX];
	s32 parent = must(open_in_root(root, ".", O_PATH | O_DIRECTORY, 0), "openat2");
	size start = 0, end;
	int links = 0;

	for (;; start = end) {
		while (path[start] == '/')
			start++;
		if (path[start] == 0)
			return parent;
		for (end = start; path[end] != 0 && path[end] != '/'; end++)
			;
		copy_path(prefix, path, end);
		long next = open_in_root(root, prefix, O_PATH | O_DIRECTORY, resolve);
		if (next == -ENOENT) {
			int made = make_directory(parent, prefix + start, mode);
			char *other = followed[links % 2];
			if (!made && !(resolve & RESOLVE_NO_SYMLINKS) && follow_link(parent, path, start, end, other)) {
				if (++links > LINKS_MAX)
					fail("openat2", ELOOP);
				path = other;
				end = 0;
				next = open_in_root(root, ".", O_PATH | O_DIRECTORY, 0);
			} else {
				next = open_entry(parent, prefix + start, O_DIRECTORY);
			}
		}
		must(next, "openat2");
		sys_close(parent);
		parent = next;
	}
}

/* Opens the directory that holds the last part of `path`, making it when missing; `name` is that part. */
s32 parent_in_root(s32 root, const char *path, const char **name)
{
	char directory[PATH_MAX];
	size end = length_of(path), start;

	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	if (start == end)
		fail("path", EINVAL);
	copy_path(directory, path, start);
	*name = path + start;
	return make_directories(root, directory, 0755, 0);
}

/* Opens `path` as a place, making it as a directory or an empty file when it is missing. */
s32 make_in_root(s32 root, const char *path, enum target target, u32 mode, u64 resolve)
{
	long fd = open_in_root(root, path, O_PATH, resolve);
	const char *name;

	if (fd != -ENOENT)
		return must(fd, "openat2");
	if (target == TARGET_DIRECTORY)
		return make_directories(root, path, mode, resolve);
	s32 parent = parent_in_root(root, path, &name);
	/* Excl: never opens, follows or truncates what somebody put there meanwhile. */
	fd = sys_openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, mode);
	if (fd < 0 && fd != -EEXIST)
		fail("openat", -fd);
	if (fd >= 0)
		sys_close(fd);
	fd = open_entry(parent, name, 0);
	sys_close(parent);
	return fd;
}

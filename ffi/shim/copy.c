/* Copies what a new filesystem will cover into it (the mount option tmpcopyup). */
#include "shim.h"

#define DEPTH_MAX 128 /* nested directories */

struct entry {
	u64 inode;
	s64 offset;
	u16 length;
	u8 type;
	char name[];
};

static void copy_directory(s32 from, s32 to, int depth);

/* Owner, mode and times, once the contents are there; a link has no mode. */
static void copy_attributes(const struct statx *file, s32 directory, const char *name)
{
	s64 times[4] = { file->times[0], (u32)file->times[1], file->times[6], (u32)file->times[7] };

	must(sys_fchownat(directory, name, file->stx_uid, file->stx_gid, AT_SYMLINK_NOFOLLOW), "fchownat");
	if ((file->stx_mode & S_IFMT) != S_IFLNK)
		must(sys_fchmodat(directory, name, file->stx_mode & 07777), "fchmodat");
	must(sys_utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW), "utimensat");
}

static void copy_file(s32 from, s32 to, const char *name)
{
	s32 source = must(sys_openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0), "openat");
	s32 target = must(sys_openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "openat");

	while (must(sys_sendfile(target, source, NULL, 1 << 30), "sendfile") > 0)
		;
	sys_close(source);
	sys_close(target);
}

static void copy_link(s32 from, s32 to, const char *name)
{
	char target[4096];
	long length = must(sys_readlinkat(from, name, target, sizeof target - 1), "readlinkat");

	target[length] = 0;
	must(sys_symlinkat(target, to, name), "symlinkat");
}

static void copy_below(s32 from, s32 to, const char *name, int depth)
{
	u32 flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	must(sys_mkdirat(to, name, 0700), "mkdirat");
	s32 source = must(sys_openat(from, name, flags, 0), "openat");
	s32 target = must(sys_openat(to, name, flags, 0), "openat");
	copy_directory(source, target, depth + 1);
	sys_close(source);
	sys_close(target);
}

static void copy_entry(s32 from, s32 to, const char *name, int depth)
{
	struct statx file;

	must(sys_statx(from, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &file), "statx");
	switch (file.stx_mode & S_IFMT) {
	case S_IFDIR:
		copy_below(from, to, name, depth);
		break;
	case S_IFREG:
		copy_file(from, to, name);
		break;
	case S_IFLNK:
		copy_link(from, to, name);
		break;
	default:
		must(sys_mknodat(to, name, file.stx_mode, device_number(file.stx_rdev_major, file.stx_rdev_minor)), "mknodat");
	}
	copy_attributes(&file, to, name);
}

static int is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

static void copy_directory(s32 from, s32 to, int depth)
{
	char block[2048] __attribute__((aligned(8)));
	long got;

	if (depth > DEPTH_MAX)
		fail("tmpcopyup", ELOOP);
	while ((got = must(sys_getdents64(from, block, sizeof block), "getdents64")) > 0) {
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)(block + at);
			if (!is_dots(entry->name))
				copy_entry(from, to, entry->name, depth);
			at += entry->length;
		}
	}
}

/* What is missing, or no directory, leaves the filesystem empty. */
void step_copy_up(const struct step *step)
{
	long from = open_in_root(slot_fd(step->other), text_of(step, 0), O_RDONLY | O_DIRECTORY, 0);

	if (from < 0)
		return;
	s32 to = must(sys_openat(slot_fd(step->slot), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), "openat");
	copy_directory(from, to, 0);
	sys_close(from);
	sys_close(to);
}

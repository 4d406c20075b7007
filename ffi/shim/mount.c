/* Steps about mounts: every one is made detached, held by descriptor, then put in its place. */
#include "shim.h"

void step_open(const struct step *step)
{
	u32 flags = step->flags & STEP_READ ? O_RDONLY : O_PATH;

	set_slot(step->slot, must(sys_openat(AT_FDCWD, text_of(step, 0), flags | O_CLOEXEC, 0), "openat"));
}

void step_forget(const struct step *step)
{
	forget_slot(step->slot);
}

/* Only a file of the procfs that the slot means: no link out of it, nothing that is mounted over it (CVE-2025-52881). */
void step_write(const struct step *step)
{
	struct open_how how = {
		.flags = O_WRONLY | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	const char *data = text_of(step, 1);
	struct statfs filesystem;
	s32 fd = must(sys_openat2(slot_fd(step->slot), text_of(step, 0), &how, sizeof how), "openat2");

	must(sys_fstatfs(fd, &filesystem), "fstatfs");
	if (filesystem.f_type != PROC_SUPER_MAGIC)
		fail("fstatfs", EINVAL);
	must(sys_write(fd, data, length_of(data)), "write");
	sys_close(fd);
}

void step_tree(const struct step *step)
{
	u32 flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (step->flags & STEP_RECURSIVE ? AT_RECURSIVE : 0);

	long tree = sys_open_tree(AT_FDCWD, text_of(step, 0), flags);

	if (tree == -ENOENT && step->flags & STEP_OPTIONAL)
		return;
	set_slot(step->slot, must(tree, "open_tree"));
}

/* Fails with what the kernel wrote in the context's log, which says more than the error number. */
__attribute__((noreturn)) static void fail_with_log(s32 context, long error)
{
	char line[512];
	long length = sys_read(context, line, sizeof line);

	/* "e text": a level, a space, the text. */
	if (length > 2)
		fail_with_text("fsconfig", error, line + 2, length - 2);
	fail("fsconfig", error);
}

static void configure(s32 context, u32 command, const char *key, const char *value)
{
	long result = sys_fsconfig(context, command, key, value);

	if (result < 0)
		fail_with_log(context, -result);
}

/* Gives the new filesystem the mode that the directory has which it will cover. */
static void copy_mode(s32 context, s32 root, const char *path)
{
	long fd = open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
	struct statx directory;
	char mode[5];

	if (fd < 0)
		return;
	stat_fd(fd, &directory);
	sys_close(fd);
	for (int i = 0; i < 4; i++)
		mode[i] = '0' + (directory.stx_mode >> (9 - 3 * i) & 7);
	mode[4] = 0;
	configure(context, FSCONFIG_SET_STRING, "mode", mode);
}

/* Another tree takes the place of a filesystem that we may not make, with the same attributes: true then. */
static int is_denied(const struct step *step, long result)
{
	u32 instead = step->number[2];

	if (result != -EPERM || instead == 0 || !slot_is_open(instead - 1))
		return 0;
	s32 tree = must(sys_fcntl(slot_fd(instead - 1), F_DUPFD_CLOEXEC, 0), "fcntl");
	change_mount(tree, AT_RECURSIVE, step->number[0], 0, MS_PRIVATE);
	set_slot(step->slot, tree);
	return 1;
}

/* The options behind the text `before`: pairs of texts, the key, then "=value", or "" for a flag. */
static void configure_all(const struct step *step, s32 context, const char *before, u64 count)
{
	const char *key = before;

	for (u64 i = 0; i < count; i++) {
		key = next_text(step, key);
		const char *value = next_text(step, key);
		if (value[0] == '=')
			configure(context, FSCONFIG_SET_STRING, key, value + 1);
		else
			configure(context, FSCONFIG_SET_FLAG, key, NULL);
		key = value;
	}
}

void step_filesystem(const struct step *step)
{
	const char *type = text_of(step, 0);
	long context = sys_fsopen(type, FSOPEN_CLOEXEC);

	if (is_denied(step, context))
		return;
	must(context, "fsopen");
	configure_all(step, context, type, step->number[1]);
	if (step->other >= 0)
		copy_mode(context, slot_fd(step->other), text_of(step, 1));
	long result = sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (result < 0 && !is_denied(step, result))
		fail_with_log(context, -result);
	if (result >= 0) {
		result = sys_fsmount(context, FSMOUNT_CLOEXEC, step->number[0]);
		if (!is_denied(step, result))
			set_slot(step->slot, must(result, "fsmount"));
	}
	sys_close(context);
}

/* Changes a mount that is at a place in a root, and its filesystem when there are options for it. */
void step_remount(const struct step *step)
{
	const char *path = text_of(step, 0);
	s32 fd = must(open_in_root(slot_fd(step->other), path, O_PATH, 0), "openat2");

	if (step->number[2] > 0) {
		s32 context = must(sys_fspick(fd, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC), "fspick");
		configure_all(step, context, path, step->number[2]);
		configure(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL);
		sys_close(context);
	}
	if (step->number[0] != 0 || step->number[1] != 0)
		change_mount(fd, 0, step->number[0], step->number[1], 0);
	sys_close(fd);
}

void step_attributes(const struct step *step)
{
	u32 flags = step->flags & STEP_RECURSIVE ? AT_RECURSIVE : 0;

	u64 set = step->number[0], clear = step->number[1];
	struct mount_attr change = { .attr_set = set, .attr_clr = clear };

	/* Only propagation spreads with mount(2): better no container than one with half of what was asked for. */
	if (flags != 0 && (set != 0 || clear != 0))
		must(sys_mount_setattr(slot_fd(step->slot), AT_EMPTY_PATH | flags, &change, sizeof change), "mount_setattr");
	else
		change_mount(slot_fd(step->slot), flags, set, clear, step->number[2]);
}

static void attach(s32 tree, s32 target)
{
	must(sys_move_mount(tree, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "move_mount");
}

void step_attach(const struct step *step)
{
	s32 tree = slot_fd(step->slot);
	struct statx mounted;

	stat_fd(tree, &mounted);
	int directory = (mounted.stx_mode & S_IFMT) == S_IFDIR;
	s32 target = make_in_root(slot_fd(step->other), text_of(step, 0), directory ? TARGET_DIRECTORY : TARGET_FILE,
				  directory ? 0755 : 0644, step->flags & STEP_NOFOLLOW ? RESOLVE_NO_SYMLINKS : 0);
	attach(tree, target);
	sys_close(target);
}

void step_cover(const struct step *step)
{
	if (step->other >= 0) {
		attach(slot_fd(step->slot), slot_fd(step->other));
		return;
	}
	s32 target = must(sys_openat(AT_FDCWD, text_of(step, 0), O_PATH | O_DIRECTORY | O_CLOEXEC, 0), "openat");

	attach(slot_fd(step->slot), target);
	sys_close(target);
}

/*
 * The old root lands on top of the new one, and goes (man 2 pivot_root, "pivot_root(".", ".")"). The plan has made it a
 * slave: what is taken off here stays mounted on the host.
 */
void step_pivot(const struct step *step)
{
	s32 old = must(sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0), "openat");
	long gone;

	must(sys_fchdir(slot_fd(step->slot)), "fchdir");
	must(sys_pivot_root(".", "."), "pivot_root");
	must(sys_fchdir(old), "fchdir");
	/* The call takes the uppermost of what lies over the directory: once more until the old root itself has gone. */
	must(sys_umount2(".", MNT_DETACH), "umount2");
	while ((gone = sys_umount2(".", MNT_DETACH)) == 0)
		;
	if (gone != -EINVAL)
		fail("umount2", -gone);
	must(sys_chdir("/"), "chdir");
	sys_close(old);
}

/* A ramfs as root has nothing below that could be left behind. What is mounted elsewhere stays, out of sight. */
void step_chroot(const struct step *step)
{
	s32 root = slot_fd(step->slot);
	const char **gone = list_of(step, 0, step->number[0]);

	for (; *gone != NULL; gone++) {
		long result = sys_umount2(*gone, MNT_DETACH);
		/* Gone with one that it was in. */
		if (result != -ENOENT && result != -EINVAL)
			must(result, "umount2");
	}
	must(sys_fchdir(root), "fchdir");
	must(sys_chroot("."), "chroot");
	must(sys_chdir("/"), "chdir");
}

/* A place to cover or change that may be missing: -1 then. */
static s32 open_optional(const struct step *step)
{
	long fd = open_in_root(slot_fd(step->other), text_of(step, 0), O_PATH, 0);

	return fd == -ENOENT || fd == -ENOTDIR ? -1 : must(fd, "openat2");
}

void step_mask(const struct step *step)
{
	s32 target = open_optional(step);
	struct statx covered;

	if (target < 0)
		return;
	stat_fd(target, &covered);
	const char *name = (covered.stx_mode & S_IFMT) == S_IFDIR ? "empty" : "null";
	u32 flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
	s32 tree = must(sys_open_tree(slot_fd(step->slot), name, flags), "open_tree");
	attach(tree, target);
	sys_close(tree);
	sys_close(target);
}

void step_readonly(const struct step *step)
{
	s32 target = open_optional(step);

	if (target < 0)
		return;
	u32 flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH;
	s32 tree = must(sys_open_tree(target, "", flags), "open_tree");
	attach(tree, target);
	change_mount(tree, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0, 0);
	sys_close(tree);
	sys_close(target);
}

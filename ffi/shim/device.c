/* Steps that make entries in a root: directories, device nodes, symlinks. */
#include "shim.h"

void step_directory(const struct step *step)
{
	sys_close(make_in_root(slot_fd(step->other), text_of(step, 0), TARGET_DIRECTORY, step->number[0], 0));
}

u64 device_number(u64 major, u64 minor)
{
	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffUL) << 12;
}

static int is_same(const struct statx *node, u32 mode, u32 major, u32 minor)
{
	return (node->stx_mode & S_IFMT) == (mode & S_IFMT) &&
	       ((mode & S_IFMT) == S_IFIFO || (node->stx_rdev_major == major && node->stx_rdev_minor == minor));
}

/*
 * Where we may make no nodes, as in a user namespace, the host's own takes its place: owner and mode stay the host's. What
 * lies at the same place there must be that very device.
 */
static void bind_device(const struct step *step)
{
	u32 flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
	long tree = sys_open_tree(slot_fd(step->slot), text_of(step, 1), flags);
	struct statx node;

	if (tree < 0)
		fail("mknodat", EPERM);
	stat_fd(tree, &node);
	if (!is_same(&node, step->number[0], step->number[1], step->number[2]))
		fail("mknodat", EPERM);
	/* A node needs neither. Kernels before 5.12 have no way to say so of a tree, and it does without. */
	struct mount_attr change = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC };
	sys_mount_setattr(tree, AT_EMPTY_PATH, &change, sizeof change);
	s32 target = make_in_root(slot_fd(step->other), text_of(step, 0), TARGET_FILE, 0666, RESOLVE_NO_SYMLINKS);
	must(sys_move_mount(tree, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "move_mount");
	sys_close(target);
	sys_close(tree);
}

/* A node that is there already will do when it is the same device; nothing is followed. */
void step_device(const struct step *step)
{
	u32 mode = step->number[0], major = step->number[1], minor = step->number[2];
	u32 uid = step->number[3], gid = step->number[3] >> 32;
	const char *name;
	struct statx node;
	s32 parent = parent_in_root(slot_fd(step->other), text_of(step, 0), &name);
	long made = sys_mknodat(parent, name, mode, device_number(major, minor));

	if (made == -EPERM && step->slot >= 0) {
		sys_close(parent);
		bind_device(step);
		return;
	}
	if (made < 0 && made != -EEXIST)
		fail("mknodat", -made);
	s32 fd = must(sys_openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), "openat");
	stat_fd(fd, &node);
	int same = is_same(&node, mode, major, minor);
	/* An empty file is what an earlier container, or whoever made the image, bound a device to. */
	int empty = (node.stx_mode & S_IFMT) == S_IFREG && node.stx_size == 0;
	if (!same && !(empty && step->slot >= 0))
		fail("mknodat", EEXIST);
	if (same && (uid != node.stx_uid || gid != node.stx_gid)) {
		long changed = sys_fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
		/* The node of an image that is no file of our user namespace does as it is. */
		if (changed != -EPERM || made == 0 || step->slot < 0)
			must(changed, "fchownat");
	}
	sys_close(fd);
	sys_close(parent);
	if (!same)
		bind_device(step);
}

void step_symlink(const struct step *step)
{
	const char *name;
	s32 parent = parent_in_root(slot_fd(step->other), text_of(step, 0), &name);

	if (step->flags & STEP_REPLACE)
		sys_unlinkat(parent, name, 0);
	long made = sys_symlinkat(text_of(step, 1), parent, name);
	/* An image that brings one of its own keeps it. */
	if (made < 0 && made != -EEXIST)
		fail("symlinkat", -made);
	sys_close(parent);
}

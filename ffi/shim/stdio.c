/* Steps about the streams 0 to 2: a terminal of the container's own, or what the caller connected. */
#include "shim.h"

/*
 * The real multiplexer of a devpts: inode 2 (Documentation/filesystems/devpts.rst), not what replaced it. Nothing else is
 * opened: a device does things when it is, and what lies in a devpts, and not on it, nobody but the kernel has made.
 */
static s32 open_multiplexer(s32 root)
{
	struct open_how how = {
		.flags = O_RDWR | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	s32 directory = must(open_in_root(root, "dev/pts", O_PATH | O_DIRECTORY, 0), "openat2");
	struct statfs filesystem;
	struct statx node;

	must(sys_fstatfs(directory, &filesystem), "fstatfs");
	if (filesystem.f_type != DEVPTS_SUPER_MAGIC)
		fail("ptmx", EINVAL);
	s32 fd = must(sys_openat2(directory, "ptmx", &how, sizeof how), "openat2");
	stat_fd(fd, &node);
	if (node.stx_ino != 2 || node.stx_rdev_major != 5 || node.stx_rdev_minor != 2)
		fail("ptmx", EINVAL);
	sys_close(directory);
	return fd;
}

/* Binds the pty on /dev/console, a file that is made for it. */
static void bind_console(s32 root, s32 peer)
{
	u32 flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	s32 tree = must(sys_open_tree(peer, "", flags), "open_tree");
	s32 target = make_in_root(root, "/dev/console", TARGET_FILE, 0600, RESOLVE_NO_SYMLINKS);

	must(sys_move_mount(tree, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "move_mount");
	sys_close(target);
	sys_close(tree);
}

static void keep_line_ends(s32 terminal)
{
	struct termios settings;

	must(sys_ioctl(terminal, TCGETS, &settings), "ioctl");
	settings.oflag &= ~ONLCR;
	must(sys_ioctl(terminal, TCSETS, &settings), "ioctl");
}

void step_terminal(const struct step *step)
{
	s32 root = slot_fd(step->other);
	s32 master = open_multiplexer(root);
	struct winsize window = { step->number[1], step->number[2], 0, 0 };
	s32 unlocked = 0;

	must(sys_ioctl(master, TIOCSPTLCK, &unlocked), "ioctl");
	/* Never by name: the name can be made to mean another file (CVE-2025-52565). */
	s32 peer = must(sys_ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), "ioctl");
	must(sys_fchownat(peer, "", step->number[0], -1, AT_EMPTY_PATH), "fchownat");
	if (window.rows != 0 && window.columns != 0)
		must(sys_ioctl(master, TIOCSWINSZ, &window), "ioctl");
	if (step->flags & STEP_PLAIN)
		keep_line_ends(peer);
	if (step->flags & STEP_CONSOLE)
		bind_console(root, peer);
	must(sys_ioctl(peer, TIOCSCTTY, 0), "ioctl");
	for (int i = 0; i < 3; i++)
		must(sys_dup3(peer, i, 0), "dup3");
	send_fd(slot_fd(step->slot), master);
	sys_close(peer);
	sys_close(master);
}

/* The host's null device stays with the host: its owner and mode could be changed through the descriptor. */
void step_null_stdio(const struct step *step)
{
	struct statx file;

	for (int i = 0; i < 3; i++) {
		stat_fd(i, &file);
		if (!is_null_device(&file))
			continue;
		/* Whatever lies there instead, opening it neither waits nor becomes our terminal. */
		long fd = open_in_root(slot_fd(step->other), "dev/null", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
		/* A container without one keeps what it was given. */
		if (fd == -ENOENT)
			return;
		stat_fd(must(fd, "openat2"), &file);
		if (!is_null_device(&file))
			fail("/dev/null", EINVAL);
		must(sys_fcntl(fd, F_SETFL, 0), "fcntl");
		must(sys_dup3(fd, i, 0), "dup3");
		sys_close(fd);
	}
}

void step_own_stdio(const struct step *step)
{
	struct statx file;

	for (int i = 0; i < 3; i++) {
		/* A caller may leave a stream closed. */
		if (sys_statx(i, "", AT_EMPTY_PATH, STATX_TYPE, &file) < 0 || (file.stx_mode & S_IFMT) != S_IFIFO)
			continue;
		/* A pipe on a read-only filesystem, or one of another user namespace, stays as it is. */
		sys_fchownat(i, "", step->number[0], -1, AT_EMPTY_PATH);
	}
}

/* What may stay: as many descriptors as can come along, the socket, and what `await` needs. */
#define KEPT_MAX 256

static s32 kept_count;
static s32 kept[KEPT_MAX];

static void keep(s32 fd)
{
	if (kept_count == KEPT_MAX)
		fail("close", EMFILE);
	kept[kept_count++] = fd;
}

/* The program's own descriptors become 3, 4 … and pass execve; behind them come the socket and the two of `await`. */
void step_close(const struct step *step)
{
	s32 count = step->number[0] > KEPT_MAX ? KEPT_MAX : step->number[0];
	const s32 *preserved = count == 0 ? NULL : data_of(step, 0, count * sizeof(s32));
	s32 fifo = step->slot >= 0 ? slot_fd(step->slot) : -1;
	s32 failure = step->other >= 0 ? slot_fd(step->other) : -1;

	for (s32 i = 0; i < count; i++)
		keep(slot_fd(preserved[i]));
	keep(plan_socket);
	if (fifo >= 0)
		keep(fifo);
	if (failure >= 0)
		keep(failure);
	/* First out of the way of the places that they get. */
	for (s32 i = 0; i < kept_count && kept_count > 1; i++)
		kept[i] = must(sys_fcntl(kept[i], F_DUPFD_CLOEXEC, PLAN_SOCKET + kept_count), "fcntl");
	for (s32 i = 0; i < kept_count && kept_count > 1; i++)
		must(sys_dup3(kept[i], PLAN_SOCKET + i, i < count ? 0 : O_CLOEXEC), "dup3");
	must(sys_close_range(PLAN_SOCKET + kept_count, ~0u, 0), "close_range");
	forget_slots();
	plan_socket = PLAN_SOCKET + count;
	if (fifo >= 0)
		set_slot(step->slot, plan_socket + 1);
	if (failure >= 0)
		set_slot(step->other, plan_socket + 2);
}

/* What the monitor is told by the client that starts it, and what it prepares before anything runs. */
#include "monitor.h"

#define CLIENT_SOCKET 3 /* to the creating client; the plan's socket takes its place */

/* As it came: its text is used as long as we live. */
static struct {
	struct charge charge;
	char text[CHARGE_TEXT];
} message;

/* Out of the caller's session, its files and the sight of others. */
void detach(void)
{
	sys_prctl(PR_SET_DUMPABLE, 0, 0);
	sys_prctl(PR_SET_NAME, "currunt-monitor", 0);
	sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0);
	/* Fails only for a process group's leader, which a spawned process is not. */
	sys_setsid();
	sys_chdir("/");
	sys_umask(022);
	sys_close_range(CLIENT_SOCKET + 1, ~0u, 0);
	long nowhere = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	if (nowhere < 0)
		give_up();
	for (int i = 0; i < 3; i++)
		sys_dup3(nowhere, i, 0);
	if (nowhere > CLIENT_SOCKET)
		sys_close(nowhere);
}

/* The text behind the charge's header, `got` bytes of which have come with it. */
static void receive_text(s32 client, size got, size length)
{
	while (got < length) {
		long count = sys_read(client, message.text + got, length - got);
		if (count <= 0 && count != -EINTR)
			give_up();
		if (count > 0)
			got += count;
	}
}

/* A client that gives up, or dies, before it has sent all ends us: nothing has been started. */
void receive_charge(void)
{
	s32 fds[5] = { 0 };
	size count, needed = 2;
	long got = receive_with_fds(CLIENT_SOCKET, &message, sizeof message, fds, 5, &count);
	const struct charge *charge = &message.charge;

	if (got < (long)sizeof *charge || charge->magic != CHARGE_MAGIC || charge->version != CHARGE_VERSION ||
	    charge->size > CHARGE_TEXT || charge->size < (size)got - sizeof *charge)
		give_up();
	monitor.flags = charge->flags;
	if (charge->flags & CHARGE_TERMINAL)
		monitor.master_socket = fds[needed++];
	if (charge->flags & CHARGE_REMOVE)
		monitor.executable = fds[needed++];
	if (charge->flags & CHARGE_KEEP)
		needed++;
	if (count != needed)
		give_up();
	monitor.lock = fds[0];
	receive_text(CLIENT_SOCKET, got - sizeof *charge, charge->size);
	if (charge->size == 0 || message.text[charge->size - 1] != 0)
		give_up();
	monitor.arguments_end = message.text + charge->size;

	/* From here on a failure is a failure of the plan, which the client reads at the other end of this. */
	long client = sys_fcntl(CLIENT_SOCKET, F_DUPFD_CLOEXEC, CLIENT_SOCKET + 1);
	if (client < 0 || sys_dup3(fds[1], PLAN_SOCKET, O_CLOEXEC) < 0)
		give_up();
	sys_close(fds[1]);
	must(sys_fcntl(client, F_SETFL, O_RDWR | O_NONBLOCK), "fcntl");
	monitor.creator = adopt_client(client, 1);
}

static s32 open_directory(const char *path)
{
	return must(sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), "openat");
}

/* What the shim needs. */
void prepare(void)
{
	const char *run = message.text + length_of(message.text) + 1;

	if (run >= monitor.arguments_end)
		fail("charge", EPROTO);
	monitor.directory_path = message.text;
	monitor.run_path = run;
	monitor.directory = open_directory(message.text);
	monitor.run = open_directory(run);
	monitor.arguments = run + length_of(run) + 1;
	if (!(monitor.flags & CHARGE_TERMINAL))
		open_pipes(monitor.flags & CHARGE_INPUT);
}

/* Receives a plan on the socket, executes its steps in order, and says how it went. */
#include "monitor.h"

/* The caller's end closes when the program runs: the socket is close-on-exec. */
s32 plan_socket = PLAN_SOCKET;
s32 failure_file = -1;
static s32 current_step = -1;

static step_function *const functions[OP_COUNT] = {
	[OP_CLONE] = step_clone,
	[OP_SETNS] = step_setns,
	[OP_UNSHARE] = step_unshare,
	[OP_SYNC] = step_sync,
	[OP_DEATH_SIGNAL] = step_death_signal,
	[OP_SESSION] = step_session,
	[OP_KEYRING] = step_keyring,
	[OP_LOOPBACK] = step_loopback,
	[OP_OPEN] = step_open,
	[OP_WRITE] = step_write,
	[OP_TREE] = step_tree,
	[OP_FILESYSTEM] = step_filesystem,
	[OP_ATTRIBUTES] = step_attributes,
	[OP_ATTACH] = step_attach,
	[OP_COVER] = step_cover,
	[OP_PIVOT] = step_pivot,
	[OP_CHROOT] = step_chroot,
	[OP_MASK] = step_mask,
	[OP_READONLY] = step_readonly,
	[OP_DIRECTORY] = step_directory,
	[OP_DEVICE] = step_device,
	[OP_SYMLINK] = step_symlink,
	[OP_TERMINAL] = step_terminal,
	[OP_NULL_STDIO] = step_null_stdio,
	[OP_OWN_STDIO] = step_own_stdio,
	[OP_HOSTNAME] = step_hostname,
	[OP_DOMAINNAME] = step_domainname,
	[OP_CLOSE] = step_close,
	[OP_UMASK] = step_umask,
	[OP_CHDIR] = step_chdir,
	[OP_RLIMIT] = step_rlimit,
	[OP_NO_NEW_PRIVILEGES] = step_no_new_privileges,
	[OP_SECCOMP] = step_seccomp,
	[OP_BOUNDING_SET] = step_bounding_set,
	[OP_USER] = step_user,
	[OP_CAPABILITIES] = step_capabilities,
	[OP_EXEC] = step_exec,
	[OP_FORGET] = step_forget,
	[OP_LOOKUP] = step_lookup,
	[OP_AWAIT] = step_await,
	[OP_CGROUP] = step_cgroup,
	[OP_SCHEDULER] = step_scheduler,
	[OP_IO_PRIORITY] = step_io_priority,
	[OP_AFFINITY] = step_affinity,
	[OP_PERSONALITY] = step_personality,
	[OP_MEMORY_POLICY] = step_memory_policy,
	[OP_HOME] = step_home,
	[OP_HOOK] = step_hook,
	[OP_DUMPABLE] = step_dumpable,
	[OP_REMOUNT] = step_remount,
	[OP_COPY_UP] = step_copy_up,
	[OP_IDMAP] = step_idmap,
};

/* Room for a control message with as many descriptors as the kernel passes at once (SCM_MAX_FD). */
#define PASSED_MAX 253
struct control {
	struct cmsghdr header;
	s32 fds[PASSED_MAX + 1];
};

/* Sends one packet; with it goes the descriptor `fd`, unless it is negative. */
long send_packet(s32 socket, struct iovec *parts, u64 count, s32 fd)
{
	struct {
		struct cmsghdr header;
		s32 fd;
	} control = { { sizeof(struct cmsghdr) + sizeof(s32), SOL_SOCKET, SCM_RIGHTS }, fd };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof control;
	}
	return sys_sendmsg(socket, &message, MSG_NOSIGNAL);
}

/*
 * A caller that is gone ends the shim. Without a descriptor it is a plain write: a seccomp filter may be in force that
 * knows no sendmsg.
 */
void send_message(u32 type, s32 value, const char *text, size length, s32 fd)
{
	struct {
		struct message header;
		char text[1024];
	} packet = { .header = { .type = type, .step = current_step, .value = value } };
	struct iovec part = { &packet, sizeof packet.header + length };
	s32 to = plan_socket >= 0 ? plan_socket : failure_file;

	if (length > sizeof packet.text)
		part.iov_len = sizeof packet;
	for (size i = 0; i < part.iov_len - sizeof packet.header; i++)
		packet.text[i] = text[i];
	/* Nobody listens any more; only why it went wrong is kept. */
	if (plan_socket < 0 && type != MESSAGE_FAILED)
		return;
	if ((fd >= 0 ? send_packet(to, &part, 1, fd) : sys_write(to, &packet, part.iov_len)) < 0)
		for (;;)
			sys_exit_group(1);
}

void send_fd(s32 socket, s32 fd)
{
	u8 byte = 0;
	struct iovec part = { &byte, 1 };

	must(send_packet(socket, &part, 1, fd), "sendmsg");
}

void fail_with_text(const char *call, long error, const char *text, size length)
{
	char buffer[1024];
	size used = length_of(call);

	for (size i = 0; i < used; i++)
		buffer[i] = call[i];
	if (length > 0)
		buffer[used++] = '\n';
	for (size i = 0; i < length && used < sizeof buffer; i++)
		buffer[used++] = text[i];
	send_message(MESSAGE_FAILED, error, buffer, used, -1);
	for (;;)
		sys_exit_group(1);
}

void fail(const char *call, long error)
{
	fail_with_text(call, error, NULL, 0);
}

/* One byte means go on; a closed socket means that the caller has given up or died. */
void wait_for_reply(void)
{
	u8 reply;

	while (sys_read(plan_socket, &reply, 1) != 1)
		sys_exit_group(1);
}

/* Receives what is there, and at most `room` descriptors with it, close-on-exec. Returns the bytes. */
long receive_with_fds(s32 socket, void *to, size length, s32 *fds, size room, size *count)
{
	struct control control;
	struct iovec part = { to, length };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	long got = sys_recvmsg(socket, &message, MSG_CMSG_CLOEXEC);

	*count = 0;
	if (got < 0 || message.msg_controllen <= sizeof control.header)
		return got;
	for (size i = 0; i < (control.header.cmsg_len - sizeof control.header) / sizeof(s32); i++) {
		if (*count < room)
			fds[(*count)++] = control.fds[i];
		else
			sys_close(control.fds[i]);
	}
	return got;
}

static void receive_header(struct plan *plan)
{
	s32 fds[PASSED_MAX];
	size count;
	long got = must(receive_with_fds(plan_socket, plan, sizeof *plan, fds, PASSED_MAX, &count), "recvmsg");

	if (got != sizeof *plan || plan->magic != PLAN_MAGIC || plan->version != PLAN_VERSION)
		fail("plan", EPROTO);
	for (size i = 0; i < count; i++)
		set_slot(plan->slot + i, fds[i]);
}

static u8 *receive_records(size length)
{
	long memory = must(sys_mmap(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS), "mmap");
	size got = 0;

	while (got < length) {
		long part = must(sys_recvfrom(plan_socket, memory + got, length - got, 0), "recv");
		if (part == 0)
			fail("plan", EPROTO);
		got += part;
	}
	return (u8 *)memory;
}

static void run(const struct plan *plan, const u8 *records, u32 first)
{
	const u8 *end = records + plan->size;

	for (u32 i = 0; i < plan->steps; i++) {
		current_step = first + i;
		const struct step *step = step_at(records, end);
		functions[step->op](step);
		records += step->size;
	}
}

/* Executes the plan; what becomes of the process is the plan's program, or nothing. */
void shim_main(void)
{
	struct plan plan;
	u32 first = 0;

	/* Nobody in the namespaces that we join may look into us or open our /proc files (CVE-2019-5736). */
	sys_prctl(PR_SET_DUMPABLE, 0, 0);
	sys_fcntl(PLAN_SOCKET, F_SETFD, FD_CLOEXEC);
	/* What the caller has open and did not mark close-on-exec. */
	sys_close_range(PLAN_SOCKET + 1, ~0u, 0);
	sys_umask(0);
	do {
		receive_header(&plan);
		run(&plan, receive_records(plan.size), first);
		first += plan.steps;
	} while (plan.more);
	for (;;)
		sys_exit_group(0);
}

/*
 * With arguments it is something else: a container's monitor, what guards a program, keeps one, or waits for a disk. `stack` begins with
 * their number.
 */
__attribute__((noreturn, used)) void start(const u64 *stack)
{
	if (stack[0] > 2 && *(const char *)stack[2] == 'k')
		keep_main(stack);
	if (stack[0] > 4 && *(const char *)stack[2] == 'g')
		guard_main(stack);
	if (stack[0] > 1 && *(const char *)stack[2] == 's')
		sync_main();
	if (stack[0] > 1)
		monitor_main();
	shim_main();
}

/* The kernel's entry: align the stack as the ABI wants it and never return. */
#ifdef __aarch64__
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tb start\n");
#else
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");
#endif

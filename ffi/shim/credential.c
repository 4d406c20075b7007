/* Steps about what the program may do. */
#include "shim.h"

void step_no_new_privileges(const struct step *step)
{
	(void)step;
	must(sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0), "prctl");
}

void step_seccomp(const struct step *step)
{
	u64 count = step->number[0];

	/* More than the kernel takes; a cut-off length would be another filter. */
	if (count > 4096)
		fail("seccomp", EINVAL);
	struct sock_fprog program = { count, (void *)data_of(step, 0, count * 8) };

	long listener = must(sys_seccomp(SECCOMP_SET_MODE_FILTER, step->number[1], &program), "seccomp");

	/* From here on calls may wait for whoever answers at the listener: the caller takes it without help but a write of ours. */
	if (step->number[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
		send_message(MESSAGE_LISTENER, listener, NULL, 0, -1);
		wait_for_reply();
		sys_close(listener);
	}
}

void step_bounding_set(const struct step *step)
{
	/* The kernel says which capabilities it has: EINVAL behind the last. */
	for (u64 i = 0; i < 64; i++) {
		long held = sys_prctl(PR_CAPBSET_READ, i, 0);
		if (held < 0)
			break;
		if (held == 1 && !(step->number[0] >> i & 1))
			must(sys_prctl(PR_CAPBSET_DROP, i, 0), "prctl");
	}
}

/* Groups first, while we may; permitted capabilities stay until they are set as the plan says. */
void step_user(const struct step *step)
{
	u32 uid = step->number[0], gid = step->number[1];
	u64 groups = step->number[2];

	must(sys_prctl(PR_SET_KEEPCAPS, 1, 0), "prctl");
	if (step->flags & STEP_REPLACE) {
		long result = sys_setgroups(groups, groups == 0 ? NULL : data_of(step, 0, groups * sizeof(u32)));
		if (result != -EPERM || !(step->flags & STEP_OPTIONAL))
			must(result, "setgroups");
	}
	must(sys_setresgid(gid), "setresgid");
	must(sys_setresuid(uid), "setresuid");
	must(sys_prctl(PR_SET_KEEPCAPS, 0, 0), "prctl");
}

/* What we do not hold ourselves cannot be given: it is left out, as in a container within a container. */
void step_capabilities(const struct step *step)
{
	struct cap_header header = { CAPABILITY_VERSION_3, 0 };
	struct cap_data data[2];

	must(sys_capget(&header, data), "capget");
	u64 held = data[0].permitted | (u64)data[1].permitted << 32;
	u64 permitted = step->number[1] & held;
	u64 effective = step->number[0] & permitted;
	u64 inheritable = step->number[2] & held;
	u64 ambient = step->number[3] & permitted & inheritable;

	for (int i = 0; i < 2; i++)
		data[i] = (struct cap_data){ effective >> 32 * i, permitted >> 32 * i, inheritable >> 32 * i };
	must(sys_capset(&header, data), "capset");
	must(sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0), "prctl");
	for (u64 i = 0; i < 64; i++)
		if (ambient >> i & 1)
			must(sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i), "prctl");
}

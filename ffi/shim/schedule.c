/* Steps about how the kernel treats the process: scheduling, CPUs, memory, execution domain. */
#include "shim.h"

/* The record holds a struct sched_attr as the kernel wants it. */
void step_scheduler(const struct step *step)
{
	must(sys_sched_setattr(0, data_of(step, 0, step->number[0]), 0), "sched_setattr");
}

void step_io_priority(const struct step *step)
{
	must(sys_ioprio_set(IOPRIO_WHO_PROCESS, 0, step->number[0]), "ioprio_set");
}

/* Without a mask all CPUs that the cgroup allows; that is no more than it would be, so a failure is none. */
void step_affinity(const struct step *step)
{
	u8 all[1024];

	if (step->number[0] > 0) {
		must(sys_sched_setaffinity(0, step->number[0], data_of(step, 0, step->number[0])), "sched_setaffinity");
		return;
	}
	for (size i = 0; i < sizeof all; i++)
		all[i] = 0xff;
	sys_sched_setaffinity(0, sizeof all, all);
}

void step_personality(const struct step *step)
{
	must(sys_personality(step->number[0]), "personality");
}

/* The kernel takes one from the count of bits (man 2 set_mempolicy). */
void step_memory_policy(const struct step *step)
{
	u64 bytes = step->number[1];

	must(sys_set_mempolicy(step->number[0], bytes == 0 ? NULL : data_of(step, 0, bytes), bytes == 0 ? 0 : bytes * 8 + 1),
	     "set_mempolicy");
}

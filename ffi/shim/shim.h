/* What the shim's files share: how a step reads its record, fails, and finds its way inside a root. */
#ifndef SHIM_H
#define SHIM_H

#include "plan.h"
#include "syscall.h"

/* main.c: the socket that the plan comes through, -1 once it is closed; then a failure goes to the other, a file. */
extern s32 plan_socket, failure_file;

/* main.c: ends the shim with a message: the running step failed in `call`. */
__attribute__((noreturn)) void fail(const char *call, long error);
__attribute__((noreturn)) void fail_with_text(const char *call, long error, const char *text, size length);
void send_message(u32 type, s32 value, const char *text, size length, s32 fd);
long send_packet(s32 socket, struct iovec *parts, u64 count, s32 fd);
void send_fd(s32 socket, s32 fd);
void wait_for_reply(void);

/* Returns `result`, unless it is a negative errno: then the step has failed. */
static inline long must(long result, const char *call)
{
	if (result < 0)
		fail(call, -result);
	return result;
}

/* record.c: reads a record; a malformed one ends the shim with EPROTO. */
const struct step *step_at(const u8 *records, const u8 *end);
const char *text_of(const struct step *step, int index);
const char *next_text(const struct step *step, const char *text);
const void *data_of(const struct step *step, int index, size length);
const char **list_of(const struct step *step, int index, u64 count);
s32 slot_fd(s32 slot);
int slot_is_open(s32 slot);
void set_slot(s32 slot, s32 fd);
void forget_slot(s32 slot);
void forget_slots(void);

/* path.c: paths inside a root, by descriptor. */
enum target { TARGET_DIRECTORY, TARGET_FILE };
long open_in_root(s32 root, const char *path, u64 flags, u64 resolve);
s32 make_in_root(s32 root, const char *path, enum target target, u32 mode, u64 resolve);
s32 parent_in_root(s32 root, const char *path, const char **name);
void stat_fd(s32 fd, struct statx *out);
int is_null_device(const struct statx *file);

/* process.c: has the kernel end us when our parent, that was `parent` when it made us, dies. */
void end_with(long parent);

/* The steps, by file. */
typedef void step_function(const struct step *step);
step_function step_clone, step_setns, step_unshare, step_sync, step_death_signal, step_session, step_keyring,
	step_loopback, step_hostname, step_domainname, step_rlimit, step_umask, step_chdir,
	step_dumpable; /* process.c */
step_function step_cgroup;
step_function step_open, step_forget, step_write, step_tree, step_filesystem, step_attributes, step_attach, step_cover,
	step_pivot, step_chroot, step_mask, step_readonly; /* mount.c */
step_function step_remount; /* mount.c */
step_function step_copy_up; /* copy.c */
step_function step_idmap;   /* idmap.c */
step_function step_directory, step_device, step_symlink; /* device.c */
step_function step_terminal, step_null_stdio, step_own_stdio, step_close; /* stdio.c */
step_function step_no_new_privileges, step_seccomp, step_bounding_set, step_user, step_capabilities; /* credential.c */
step_function step_lookup, step_await, step_exec; /* program.c */
step_function step_scheduler, step_io_priority, step_affinity, step_personality, step_memory_policy; /* schedule.c */
step_function step_home;									     /* home.c */
step_function step_hook;									     /* hook.c */

/* home.c: "HOME=…" for the program's environment; NULL when the plan has it already. */
extern const char *home;

/* device.c: as mknod(2) takes it. */
u64 device_number(u64 major, u64 minor);

/* attribute.c */
void change_mount(s32 fd, u32 flags, u64 set, u64 clear, u64 propagation);

/* memory.c */
void *memcpy(void *to, const void *from, size length);
size length_of(const char *text);

#endif

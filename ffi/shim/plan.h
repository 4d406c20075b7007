/* The plan as the shim gets it, and the messages it sends back. ffi/plan.ts is the other side; a test compares both. */
#ifndef PLAN_H
#define PLAN_H

#include "types.h"

#define PLAN_MAGIC 0x6e757263u /* "crun" backwards in memory order: c r u n */
#define PLAN_VERSION 1u
#define PLAN_SLOTS 1024 /* descriptors that a plan can name; the first ones come with it */
#define PLAN_SOCKET 3  /* the descriptor that the plan arrives on; `close` may move it up */
#define PLAN_CHUNK 32768

/*
 * The first packet of a part; descriptors for slots may come with it. Packets of at most PLAN_CHUNK bytes follow.
 * A part is executed when it is there: the caller can make the next one meanwhile.
 */
struct plan {
	u32 magic;
	u32 version;
	u32 size;  /* bytes of all records */
	u32 steps; /* how many records */
	u32 more;  /* 1: another part follows */
	u32 slot;  /* of the first descriptor that comes along */
};

/* One step. Text is NUL-terminated, in the record's tail; a list is one text behind the other. */
struct step {
	u32 op;
	u32 size; /* bytes of this record with its tail: a multiple of 8; the last byte is 0 */
	s32 slot;
	s32 other;
	u64 number[4];
	u32 text[3]; /* offset from the start of the record; 0: none */
	u32 flags;   /* STEP_* */
};

#define STEP_RECURSIVE 1u /* tree, attributes: with all mounts below */
#define STEP_NOFOLLOW 2u  /* attach: no symlink anywhere on the way */
#define STEP_OPTIONAL 4u  /* a failure is no error: a later step decides */
#define STEP_REPLACE 8u   /* symlink: what is there goes first */
#define STEP_CONSOLE 16u  /* terminal: bind it on /dev/console */
#define STEP_READ 32u     /* open: to read, not only as a place */
#define STEP_TRY 64u      /* setns: EPERM is no error */
#define STEP_REST 128u    /* setns: nothing to do when an earlier step has joined one of this kind */
#define STEP_PLAIN 256u   /* terminal: line ends come out as they were written */
#define STEP_HOME 512u    /* hook: with the program's HOME, when that is not in the plan */
#define STEP_APART 1024u  /* clone: init gets memory of its own */

enum op {
	OP_CLONE = 1,
	OP_SETNS,
	OP_UNSHARE,
	OP_SYNC,
	OP_DEATH_SIGNAL,
	OP_SESSION,
	OP_KEYRING,
	OP_LOOPBACK,
	OP_OPEN,
	OP_WRITE,
	OP_TREE,
	OP_FILESYSTEM,
	OP_ATTRIBUTES,
	OP_ATTACH,
	OP_COVER,
	OP_PIVOT,
	OP_MASK,
	OP_READONLY,
	OP_DIRECTORY,
	OP_DEVICE,
	OP_SYMLINK,
	OP_TERMINAL,
	OP_NULL_STDIO,
	OP_OWN_STDIO,
	OP_HOSTNAME,
	OP_DOMAINNAME,
	OP_CLOSE,
	OP_UMASK,
	OP_CHDIR,
	OP_RLIMIT,
	OP_NO_NEW_PRIVILEGES,
	OP_SECCOMP,
	OP_BOUNDING_SET,
	OP_USER,
	OP_CAPABILITIES,
	OP_EXEC,
	OP_FORGET,
	OP_LOOKUP,
	OP_AWAIT,
	OP_CGROUP,
	OP_SCHEDULER,
	OP_IO_PRIORITY,
	OP_AFFINITY,
	OP_PERSONALITY,
	OP_MEMORY_POLICY,
	OP_HOME,
	OP_HOOK,
	OP_DUMPABLE,
	OP_REMOUNT,
	OP_COPY_UP,
	OP_IDMAP,
	OP_CHROOT,
	OP_COUNT
};

/* What the shim says; its packet ends with `text`, without a NUL. */
struct message {
	u32 type;
	s32 step;  /* index of the step that speaks */
	s32 value; /* pid, errno */
	char text[]; /* failed: the system call, then a newline and what the kernel says */
};

enum message_type {
	MESSAGE_CLONED = 1, /* value: init's pid; its pidfd comes along */
	MESSAGE_SYNC,       /* text: the point's name; goes on when one byte comes back */
	MESSAGE_FAILED,     /* value: errno; the shim has ended */
	MESSAGE_EXECUTING,  /* the next thing is the program, or the wait for its start; then the socket closes */
	MESSAGE_LISTENER    /* value: a descriptor of ours, the seccomp filter's listener; goes on as SYNC does */
};

#endif

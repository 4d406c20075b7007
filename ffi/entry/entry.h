/* What the files of the entry share: code that runs before Bun, flat and without data of its own. */
#ifndef ENTRY_H
#define ENTRY_H

#include "../shim/syscall.h"

typedef unsigned long word;

/* Words of the code (entry.c). Hidden, or the compiler would look for their addresses in a table that nobody fills. */
#define OWN __attribute__((visibility("hidden")))
extern OWN const word madvise_place, syscall_place, image, image_bytes, shim, shim_bytes, text, text_bytes;
extern OWN const char _start[];

/* What Bun's start is to know of what happened before it. */
enum outcome { UNTOUCHED, BEGUN };

/* settle.c: ends the process when it could do all that the command line asks for. */
enum outcome settle(const u64 *stack);

/* pages.c */
void prefer_large_pages(void);

/* text.c */
int same(const char *a, const char *b);
const char *behind(const char *text, const char *start);
const char *value_of(char *const *environment, const char *name);
int parse_number(const char *text, u64 *number);

/* shim.c: a shim that waits for its plan while Bun starts. */
struct waiting_shim {
	/* Descriptors, close-on-exec: its sealed program, and our end of its socket. */
	s32 image, socket;
	s32 pid;
};
int start_shim(const void *program, size bytes, struct waiting_shim *waiting);

/*
 * command.c: whether the command line, with which `stack` begins, comes to a plan of the OCI runtime, and whether the command
 * then stays until the plan's program ends.
 */
enum plan_command { NO_PLAN, LEFT_RUNNING, FOREGROUND };
enum plan_command plan_command(const u64 *stack);

/* command.c: a command line that names a container of the OCI runtime, and nothing that is rare. */
enum verb { NO_VERB, START, STATE, KILL, DELETE, RUN_A_PLAN };
struct command {
	enum verb verb;
	const char *root, *id;
	/* `force` of delete, `all` of kill; the signal of kill. */
	int flag, signal;
};
int parse_command(char *const *arguments, char *const *environment, struct command *command);

/* brief.c: what the runtime wrote down when it made the container. */
#define BRIEF_BYTES 16384
#define PATH_BYTES 4096
struct brief {
	s32 pid;
	u64 start_time;
	/* The state's document for each status. */
	const char *created, *running, *paused, *stopped;
	/* Texts up to an empty one: files that tell of a freezer, and the cgroups to remove. */
	const char *freezers, *cgroups;
	char text[BRIEF_BYTES];
};
int read_brief(const struct command *command, struct brief *brief);
int make_path(char *out, const struct command *command, const char *name);
long open_init(const struct brief *brief);
int is_frozen(const struct brief *brief);
const char *next_text(const char *text);

#endif

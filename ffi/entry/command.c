/*
 * Reads the command lines that callers of an OCI runtime end a container's life with, and knows those that make a process
 * in a container. Whatever is not exactly one of them, errors included, is left to the command line in TypeScript, which says
 * what each flag means.
 */
#include "entry.h"

/* A flag with one dash or two; its name. */
static const char *flag_name(const char *word)
{
	if (*word != '-' || word[1] == 0)
		return NULL;
	return word[1] == '-' ? word + 2 : word + 1;
}

/* Takes a global flag and its value; the word behind them, or NULL when the flag is none that is known here. */
static char *const *skip_global(char *const *word, const char **root, int *is_oci)
{
	const char *name = flag_name(*word), *value = NULL;

	if (same(name, "systemd-cgroup")) {
		*is_oci = 1;
		return word + 1;
	}
	if (same(name, "root") || same(name, "log") || same(name, "log-format")) {
		if (word[1] == NULL)
			return NULL;
		value = *++word;
	} else if ((value = behind(name, "root=")) == NULL && (value = behind(name, "log=")) == NULL &&
		   (value = behind(name, "log-format=")) == NULL)
		return NULL;
	if (behind(name, "log-format") != NULL)
		return same(value, "json") || same(value, "text") ? word + 1 : NULL;
	*is_oci = 1;
	if (behind(name, "root") != NULL)
		*root = value;
	return *value == 0 ? NULL : word + 1;
}

static enum verb verb_of(const char *word)
{
	if (same(word, "start"))
		return START;
	if (same(word, "state"))
		return STATE;
	if (same(word, "kill"))
		return KILL;
	if (same(word, "create") || same(word, "run") || same(word, "exec"))
		return RUN_A_PLAN;
	return same(word, "delete") ? DELETE : NO_VERB;
}

static int is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* As `statePaths` of src/runtime/state-root.ts. */
static int is_id(const char *text)
{
	const char *at = text;

	while (is_letter_or_digit(*at) || *at == '_' || *at == '+' || *at == '.' || *at == '-')
		at++;
	return at > text && at - text <= 255 && *at == 0 && !same(text, ".") && !same(text, "..");
}

/* 64 hexadecimal digits: random, so the engine knows no container of that name. */
static int is_random(const char *id)
{
	const char *at = id;

	while ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'))
		at++;
	return *at == 0 && at - id == 64;
}

static int parse_signal(const char *word)
{
	u64 number;

	if (same(word, "KILL") || same(word, "SIGKILL"))
		return 9;
	if (same(word, "TERM") || same(word, "SIGTERM"))
		return 15;
	return parse_number(word, &number) && number >= 1 && number <= 64 ? (int)number : 0;
}

/* The flag that `verb` may have. */
static int is_own_flag(enum verb verb, const char *word)
{
	const char *name = flag_name(word);

	if (name == NULL)
		return 0;
	if (verb == KILL)
		return same(name, "all") || same(word, "-a");
	return verb == DELETE && (same(name, "force") || same(word, "-f"));
}

static int is_runtimes_name(const char *program)
{
	const char *name = program;

	for (const char *at = program; *at != 0; at++)
		if (*at == '/')
			name = at + 1;
	return same(name, "runc") || same(name, "crun");
}

/* As `defaultStateRoot` of src/runtime/state-root.ts, where the caller is the host's root. */
static const char *default_root(char *const *environment)
{
	static const char whole[] = "         0          0 4294967295\n";
	const char *directory = value_of(environment, "XDG_RUNTIME_DIR="), *user = value_of(environment, "USER=");
	char map[sizeof(whole)];

	if (sys_geteuid() != 0)
		return NULL;
	if (directory != NULL && *directory == '/' && (user == NULL || !same(user, "root"))) {
		s32 fd = (s32)sys_openat(AT_FDCWD, "/proc/self/uid_map", O_RDONLY | O_CLOEXEC, 0);
		long length = fd < 0 ? 0 : sys_read(fd, map, sizeof(map));

		sys_close(fd);
		if (length != sizeof(whole) - 1)
			return NULL;
		map[length] = 0;
		if (!same(map, whole))
			return NULL;
	}
	return "/run/currunt-oci";
}

/* Reads what stands in front of the verb, and it; the word behind it. NULL when that is nothing to be known here. */
static char *const *parse_verb(char *const *arguments, struct command *command, int *is_oci)
{
	char *const *word = arguments + 1;

	*is_oci = is_runtimes_name(*arguments);
	*command = (struct command){.verb = NO_VERB};
	while (word != NULL && *word != NULL && flag_name(*word) != NULL)
		word = skip_global(word, &command->root, is_oci);
	if (word == NULL || *word == NULL)
		return NULL;
	command->verb = verb_of(*word);
	return command->verb == NO_VERB ? NULL : word + 1;
}

/*
 * None also where descriptors are to be passed on by their numbers, of which ours might be taken for some. A word of the program's
 * may be taken for our -detach: that costs a little, and nothing else.
 */
enum plan_command plan_command(const u64 *stack)
{
	char *const *arguments = (char *const *)(stack + 1), *const *word;
	struct command command;
	int is_oci, stays;

	if (*stack < 3 || (word = parse_verb(arguments, &command, &is_oci)) == NULL || command.verb != RUN_A_PLAN)
		return NO_PLAN;
	stays = !same(word[-1], "create");
	for (; *word != NULL; word++) {
		const char *name = flag_name(*word);

		if (name != NULL && behind(name, "preserve-fds") != NULL)
			return NO_PLAN;
		stays = stays && !(name != NULL && (behind(name, "detach") != NULL || same(*word, "-d")));
		is_oci = is_oci || (name != NULL && (behind(name, "bundle") != NULL || same(*word, "-b")));
	}
	if (!is_oci || value_of(arguments + *stack + 1, "LISTEN_FDS=") != NULL)
		return NO_PLAN;
	return stays ? FOREGROUND : LEFT_RUNNING;
}

int parse_command(char *const *arguments, char *const *environment, struct command *command)
{
	char *const *word;
	int is_oci, count = 0;
	const char *positional[2];

	/* Not in the declaration, of which the compiler would make data with addresses. */
	positional[0] = NULL;
	positional[1] = "TERM";
	word = parse_verb(arguments, command, &is_oci);
	if (word == NULL || command->verb == RUN_A_PLAN)
		return 0;
	for (; *word != NULL; word++) {
		if (is_own_flag(command->verb, *word))
			command->flag = 1;
		else if (**word == '-' || count == (command->verb == KILL ? 2 : 1))
			return 0;
		else
			positional[count++] = *word;
	}
	if (count == 0 || !is_id(positional[0]))
		return 0;
	command->id = positional[0];
	command->signal = parse_signal(positional[1]);
	if (command->root == NULL)
		command->root = default_root(environment);
	is_oci = is_oci || command->verb == STATE || command->verb == DELETE || is_random(command->id);
	return is_oci && command->root != NULL && command->signal != 0;
}

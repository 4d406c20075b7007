/* Reads what src/runtime/brief.ts wrote down about a container, and looks whether its init still lives. */
#include "entry.h"

static long read_file(const char *path, char *out, size room)
{
	s32 fd = (s32)sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	size length = 0;
	long got = 1;

	if (fd < 0)
		return fd;
	while (length < room && (got = sys_read(fd, out + length, room - length)) > 0)
		length += (size)got;
	sys_close(fd);
	return got < 0 ? got : (long)length;
}

/* The path of a file in the container's directory; of the directory itself when `name` is empty. */
int make_path(char *out, const struct command *command, const char *name)
{
	const char *parts[] = {command->root, "/", command->id, *name == 0 ? "" : "/", name};
	size length = 0;

	for (size part = 0; part < sizeof(parts) / sizeof(*parts); part++) {
		for (const char *at = parts[part]; *at != 0; at++) {
			if (length == PATH_BYTES - 1)
				return 0;
			out[length++] = *at;
		}
	}
	out[length] = 0;
	return 1;
}

/* False when there is none, or one that is not whole. */
int read_brief(const struct command *command, struct brief *brief)
{
	char path[PATH_BYTES];
	const char *at = brief->text, *end;
	const char **documents[] = {&brief->created, &brief->running, &brief->paused, &brief->stopped};
	long length;
	u64 number;

	/* Room for the longest of all names, then. */
	if (!make_path(path, command, "config.json") || !make_path(path, command, "brief"))
		return 0;
	length = read_file(path, brief->text, sizeof(brief->text));
	if (length < 8 || length == sizeof(brief->text))
		return 0;
	end = brief->text + length;
	/* It ends with the empty text behind the last list, and a word that a half-written one lacks. */
	if (end[-1] != 0 || !same(end - 4, "end") || end[-5] != 0)
		return 0;
	if (!same(at, "currunt-brief 1"))
		return 0;
	at = next_text(at);
	if (!parse_number(at, &number))
		return 0;
	brief->pid = (s32)number;
	at = next_text(at);
	if (!parse_number(at, &brief->start_time))
		return 0;
	for (size i = 0; i < sizeof(documents) / sizeof(*documents); i++)
		*documents[i] = at = next_text(at);
	brief->freezers = at = next_text(at);
	while (*at != 0)
		at = next_text(at);
	brief->cgroups = at + 1;
	return 1;
}

/* `startTimeOf` of src/sys/process.ts: the 22nd field of /proc/PID/stat; 0 for a process that has ended. */
static u64 start_time_of(s32 pid)
{
	char path[32] = "/proc/", stat[1024], *digits = path + 6, *at;
	s32 unit = 1;
	u64 time = 0;
	long length;

	while (pid / unit > 9)
		unit *= 10;
	for (; unit > 0; unit /= 10)
		*digits++ = (char)('0' + pid / unit % 10);
	for (const char *name = "/stat"; *name != 0; name++)
		*digits++ = *name;
	length = read_file(path, stat, sizeof(stat) - 1);
	if (length <= 0)
		return 0;
	for (at = stat + length; at > stat && *at != ')'; at--)
		;
	stat[length] = 0;
	/* Behind the name: the state, then 18 more fields before the one. */
	if (at == stat || at[2] == 'Z' || at[2] == 'X')
		return 0;
	for (int spaces = 0; spaces < 20; at++) {
		if (*at == 0)
			return 0;
		if (*at == ' ')
			spaces++;
	}
	for (; *at >= '0' && *at <= '9'; at++)
		time = time * 10 + (u64)(*at - '0');
	return time;
}

/* A descriptor of the container's init; negative when it has ended. */
long open_init(const struct brief *brief)
{
	long fd = sys_pidfd_open(brief->pid, 0);

	if (fd < 0 || start_time_of(brief->pid) == brief->start_time)
		return fd;
	sys_close(fd);
	return -ESRCH;
}

/* "1" in cgroup.freeze, anything but "THAWED" in freezer.state. A file that is not there tells of nothing. */
int is_frozen(const struct brief *brief)
{
	for (const char *path = brief->freezers; *path != 0; path = next_text(path)) {
		char word[16];
		long length = read_file(path, word, sizeof(word));

		if (length > 0 && word[0] != '0' && word[0] != 'T')
			return 1;
		if (length < 0 && length != -ENOENT && length != -ENODEV)
			return 1;
	}
	return 0;
}

/* The user's home directory, as the container's /etc/passwd has it. */
#include "shim.h"

#define LINE_MAX 1024 /* longer lines are no entries */

static char variable[LINE_MAX + 8] = "HOME=/";
const char *home;

/* The text behind `count` colons, up to `end`; NULL when there are not so many. */
static const char *field(const char *line, const char *end, int count)
{
	for (; count > 0; line++) {
		if (line == end)
			return NULL;
		if (*line == ':')
			count--;
	}
	return line;
}

static int has_uid(const char *line, const char *end, u64 uid)
{
	const char *digit = field(line, end, 2);
	u64 number = 0;

	if (digit == NULL || digit == end || *digit == ':')
		return 0;
	for (; digit < end && *digit != ':'; digit++) {
		if (*digit < '0' || *digit > '9' || number > 0xffffffff)
			return 0;
		number = number * 10 + (*digit - '0');
	}
	return number == uid;
}

/* Takes the entry's directory when it is the user's, and has one. */
static int take_home(const char *line, const char *end, u64 uid)
{
	const char *directory = field(line, end, 5);
	char *to = variable + length_of("HOME=");

	if (directory == NULL || directory == end || *directory == ':' || !has_uid(line, end, uid))
		return 0;
	while (directory < end && *directory != ':' && *directory != 0)
		*to++ = *directory++;
	*to = 0;
	return 1;
}

/* The first entry of the user, as getpwuid(3) has it. */
static void search(s32 fd, u64 uid)
{
	char block[4096], line[LINE_MAX];
	size used = 0;
	long got;

	while ((got = sys_read(fd, block, sizeof block)) > 0) {
		for (long i = 0; i < got; i++) {
			if (block[i] != '\n') {
				if (used < sizeof line)
					line[used] = block[i];
				used++;
				continue;
			}
			if (used < sizeof line && take_home(line, line + used, uid))
				return;
			used = 0;
		}
	}
	if (used > 0 && used < sizeof line)
		take_home(line, line + used, uid);
}

/* Nothing of the image's may keep the program from starting: "/" where there is no file, or no entry. */
void step_home(const struct step *step)
{
	struct statx file;
	s32 root = must(sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0), "openat");
	/* Whatever lies there, opening it does not wait. */
	long fd = open_in_root(root, "etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	sys_close(root);
	home = variable;
	if (fd < 0)
		return;
	stat_fd(fd, &file);
	if ((file.stx_mode & S_IFMT) == S_IFREG)
		search(fd, step->number[0]);
	sys_close(fd);
}

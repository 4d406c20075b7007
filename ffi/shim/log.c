/* The container's log in the CRI format: time, stream, F for a full line or P for a part, the text. */
#include "monitor.h"

/* Fields of a prefix: "2026-01-31T12:34:56.789123456Z stdout F ". */
#define PREFIX 40
#define PARTS 256

static s32 file;
/* What was written last may have stopped in the middle of a line. */
static int torn;

/* Without room on the disk there is no log. */
void open_log(s32 directory)
{
	long fd = sys_openat(directory, "log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	file = fd < 0 ? 0 : fd;
}

static void put_number(char *to, u64 value, int digits)
{
	while (digits-- > 0) {
		to[digits] = '0' + value % 10;
		value /= 10;
	}
}

/* Year, month and day of a day since 1970: counted from March, a year's leap day is its last. */
static void put_date(char *to, u64 days)
{
	u64 day = days + 719468; /* from 0000-03-01 */
	u64 era = day / 146097, of_era = day % 146097;
	u64 year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	u64 of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	u64 from_march = (5 * of_year + 2) / 153;
	u64 month = from_march < 10 ? from_march + 3 : from_march - 9;

	put_number(to, era * 400 + year_of_era + (month <= 2), 4);
	put_number(to + 5, month, 2);
	put_number(to + 8, of_year - (153 * from_march + 2) / 5 + 1, 2);
}

static void put_prefix(char *to, enum stream stream)
{
	const char *form = stream == STREAM_OUTPUT ? "0000-00-00T00:00:00.000000000Z stdout F " :
						     "0000-00-00T00:00:00.000000000Z stderr F ";
	struct timespec now = { 0, 0 };

	sys_clock_gettime(CLOCK_REALTIME, &now);
	memcpy(to, form, PREFIX);
	put_date(to, now.tv_sec / 86400);
	put_number(to + 11, now.tv_sec / 3600 % 24, 2);
	put_number(to + 14, now.tv_sec / 60 % 60, 2);
	put_number(to + 17, now.tv_sec % 60, 2);
	put_number(to + 20, now.tv_nsec, 9);
}

/* A full disk must not stop the program: what cannot be logged is lost. */
static void write_parts(struct iovec *parts, int count, size length)
{
	struct iovec newline = { "\n", 1 };
	long written;

	if (torn && sys_writev(file, &newline, 1) == 1)
		torn = 0;
	if (torn)
		return;
	while ((written = sys_writev(file, parts, count)) == -EINTR)
		;
	torn = written > 0 && (size)written < length;
}

static size length_to_newline(const u8 *bytes, size length)
{
	for (size i = 0; i < length; i++)
		if (bytes[i] == '\n')
			return i + 1;
	return length;
}

/* What came from one read. Text without a newline is written at once as a part: a prompt is seen while the program waits. */
void append_log(enum stream stream, const u8 *bytes, size length)
{
	static struct iovec parts[PARTS];
	char full[PREFIX], part[PREFIX];
	size total = 0;
	int count = 0;

	if (file == 0)
		return;
	put_prefix(full, stream);
	memcpy(part, full, PREFIX);
	part[PREFIX - 2] = 'P';
	for (size at = 0; at < length;) {
		size line = length_to_newline(bytes + at, length - at);
		int complete = bytes[at + line - 1] == '\n';
		parts[count++] = (struct iovec){ complete ? full : part, PREFIX };
		parts[count++] = (struct iovec){ (void *)(bytes + at), line };
		if (!complete)
			parts[count++] = (struct iovec){ "\n", 1 };
		total += PREFIX + line + !complete;
		at += line;
		if (count + 3 <= PARTS && at < length)
			continue;
		write_parts(parts, count, total);
		count = 0;
		total = 0;
	}
}

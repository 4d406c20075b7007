/* Texts and numbers, without a C library. */
#include "entry.h"

int same(const char *a, const char *b)
{
	while (*a != 0 && *a == *b)
		a++, b++;
	return *a == *b;
}

/* What follows `start` at the beginning of `text`; NULL when it begins otherwise. */
const char *behind(const char *text, const char *start)
{
	while (*start != 0 && *text == *start)
		text++, start++;
	return *start == 0 ? text : NULL;
}

/* The text behind the next NUL. */
const char *next_text(const char *text)
{
	while (*text != 0)
		text++;
	return text + 1;
}

/* The value of the variable that is called `name`, with its "=". */
const char *value_of(char *const *environment, const char *name)
{
	for (; *environment != NULL; environment++) {
		const char *value = behind(*environment, name);

		if (value != NULL)
			return value;
	}
	return NULL;
}

/* Digits alone, at most 18 of them. */
int parse_number(const char *text, u64 *number)
{
	const char *at = text;

	*number = 0;
	for (; *at >= '0' && *at <= '9' && at - text < 18; at++)
		*number = *number * 10 + (u64)(*at - '0');
	return at > text && *at == 0;
}

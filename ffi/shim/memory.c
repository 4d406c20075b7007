/* The four functions that a compiler may call on its own, and the length of a text. */
#include "shim.h"

size length_of(const char *text)
{
	size length = 0;

	while (text[length] != 0)
		length++;
	return length;
}

__attribute__((used)) void *memcpy(void *to, const void *from, size length)
{
	for (size i = 0; i < length; i++)
		((u8 *)to)[i] = ((const u8 *)from)[i];
	return to;
}

__attribute__((used)) void *memset(void *to, int value, size length)
{
	for (size i = 0; i < length; i++)
		((u8 *)to)[i] = value;
	return to;
}

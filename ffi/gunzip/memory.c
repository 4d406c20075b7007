/* The functions that a compiler may call on its own. */
#include "gunzip.h"

__attribute__((used)) void *memcpy(void *to, const void *from, size length)
{
#ifdef __x86_64__
	void *end = to;

	/* Fast for long pieces on every processor of the last ten years. */
	__asm__ volatile("rep movsb" : "+D"(end), "+S"(from), "+c"(length) : : "memory");
	return to;
#else
	u8 *out = to;
	const u8 *in = from;

	for (; length >= 8; length -= 8, out += 8, in += 8)
		store64(out, load64(in));
	for (; length > 0; length--)
		*out++ = *in++;
	return to;
#endif
}

__attribute__((used)) void *memset(void *to, int value, size length)
{
	for (size i = 0; i < length; i++)
		((volatile u8 *)to)[i] = value;
	return to;
}

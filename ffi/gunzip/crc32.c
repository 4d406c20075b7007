/* gzip's checksum (RFC 1952, 8): eight bytes a step from tables, or 64 with carry-less multiplication. */
#include "gunzip.h"

#define POLYNOMIAL 0xedb88320u

void make_checksum_table(u32 table[8][256])
{
	for (u32 byte = 0; byte < 256; byte++) {
		u32 value = byte;

		for (u32 bit = 0; bit < 8; bit++)
			value = value >> 1 ^ ((value & 1) != 0 ? POLYNOMIAL : 0);
		table[0][byte] = value;
	}
	for (u32 i = 1; i < 8; i++)
		for (u32 byte = 0; byte < 256; byte++)
			table[i][byte] = table[i - 1][byte] >> 8 ^ table[0][table[i - 1][byte] & 0xff];
}

static u32 add_from_tables(u32 (*table)[256], u32 state, const u8 *bytes, u64 length)
{
	for (; length >= 8; length -= 8, bytes += 8) {
		u64 word = load64(bytes) ^ state;

		state = table[7][word & 0xff] ^ table[6][word >> 8 & 0xff] ^ table[5][word >> 16 & 0xff] ^
			table[4][word >> 24 & 0xff] ^ table[3][word >> 32 & 0xff] ^ table[2][word >> 40 & 0xff] ^
			table[1][word >> 48 & 0xff] ^ table[0][word >> 56];
	}
	for (; length > 0; length--)
		state = state >> 8 ^ table[0][(state ^ *bytes++) & 0xff];
	return state;
}

#ifdef __x86_64__
#define _MM_MALLOC_H_INCLUDED
#define __MM_MALLOC_H
#include <cpuid.h>
#include <immintrin.h>

bool has_fast_checksum(void)
{
	u32 a, b, c, d;

	/* CPUID 1, ECX: PCLMULQDQ (1) and SSE4.1 (19). */
	return __get_cpuid(1, &a, &b, &c, &d) && (c >> 1 & c >> 19 & 1) != 0;
}

/*
 * Folds 64 bytes at a time into four registers, those into one, and takes the rest of the division from the tables: x^n modulo the
 * polynomial, bits reflected, for n = 4*128+32, 4*128-32, 128+32 and 128-32.
 */
__attribute__((target("pclmul,sse4.1"))) static u32 fold(u32 (*table)[256], u32 state, const u8 *bytes, u64 blocks)
{
	const __m128i by_64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by_16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
	const __m128i *from = (const __m128i *)bytes;
	__m128i lanes[4];
	u8 rest[16];

	for (u32 i = 0; i < 4; i++)
		lanes[i] = _mm_loadu_si128(from + i);
	lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int)state));
	while (--blocks > 0) {
		from += 4;
#pragma GCC unroll 4
		for (u32 i = 0; i < 4; i++) {
			__m128i low = _mm_clmulepi64_si128(lanes[i], by_64, 0x00);
			__m128i high = _mm_clmulepi64_si128(lanes[i], by_64, 0x11);

			lanes[i] = _mm_xor_si128(_mm_xor_si128(low, high), _mm_loadu_si128(from + i));
		}
	}
	__m128i sum = lanes[0];

	for (u32 i = 1; i < 4; i++) {
		__m128i low = _mm_clmulepi64_si128(sum, by_16, 0x00), high = _mm_clmulepi64_si128(sum, by_16, 0x11);

		sum = _mm_xor_si128(_mm_xor_si128(low, high), lanes[i]);
	}
	_mm_storeu_si128((__m128i *)rest, sum);
	return add_from_tables(table, 0, rest, sizeof(rest));
}
#else
bool has_fast_checksum(void)
{
	return false;
}

static u32 fold(u32 (*table)[256], u32 state, const u8 *bytes, u64 blocks)
{
	return add_from_tables(table, state, bytes, blocks * 64);
}
#endif

/* The checksum of what `checksum` is of (0: nothing) and `bytes` behind it. */
u32 add_checksum(struct gunzip *g, u32 checksum, const u8 *bytes, u64 length)
{
	u32 state = ~checksum;

	if (g->fast_checksum && length >= 64) {
		state = fold(g->checksum_table, state, bytes, length / 64);
		bytes += length & ~63ul;
		length &= 63;
	}
	return ~add_from_tables(g->checksum_table, state, bytes, length);
}

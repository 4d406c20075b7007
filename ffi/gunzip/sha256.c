/* SHA-256 with the processor's own instructions: FIPS 180-4. Where there are none, whoever takes the output hashes it. */
#include "gunzip.h"

#ifdef __x86_64__
#define _MM_MALLOC_H_INCLUDED
#define __MM_MALLOC_H
#include <cpuid.h>
#include <immintrin.h>

static const u32 constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

bool has_sha256(void)
{
	u32 a, b, c, d;

	/* CPUID 1: SSSE3 (9) and SSE4.1 (19) of ECX; 7: SHA (29) of EBX. */
	if (!__get_cpuid(1, &a, &b, &c, &d) || (c >> 9 & c >> 19 & 1) == 0)
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) != 0;
}

void start_sha256(struct sha256 *hash)
{
	static const u32 initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
				       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	for (u32 i = 0; i < 8; i++)
		hash->state[i] = initial[i];
	hash->hashed = 0;
}

/* The instructions keep the state as two registers, ABEF and CDGH, and do two rounds at a time. */
__attribute__((target("sha,sse4.1,ssse3"))) void add_sha256(struct sha256 *hash, const u8 *bytes, u64 blocks)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&hash->state[0]), 0xb1);
	__m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&hash->state[4]), 0x1b);
	__m128i abef = _mm_alignr_epi8(dcba, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);

	for (; blocks > 0; blocks--, bytes += 64) {
		__m128i words[4], abef_before = abef, cdgh_before = cdgh;

		for (u32 i = 0; i < 4; i++)
			words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * i)), big_endian);
#pragma GCC unroll 16
		for (u32 i = 0; i < 16; i++) {
			__m128i now = words[i & 3], *next = &words[(i + 1) & 3], *before = &words[(i + 3) & 3];
			__m128i sum = _mm_add_epi32(now, _mm_load_si128((const __m128i *)&constants[4 * i]));

			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
			if (i >= 3 && i < 15)
				*next = _mm_sha256msg2_epu32(_mm_add_epi32(*next, _mm_alignr_epi8(now, *before, 4)), now);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
			if (i >= 1 && i < 13)
				*before = _mm_sha256msg1_epu32(*before, now);
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	__m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);

	_mm_storeu_si128((__m128i *)&hash->state[0], _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)&hash->state[4], _mm_alignr_epi8(dchg, feba, 8));
}
#else
bool has_sha256(void)
{
	return false;
}

void start_sha256(struct sha256 *hash)
{
	hash->hashed = 0;
}

void add_sha256(struct sha256 *hash, const u8 *bytes, u64 blocks)
{
	(void)hash, (void)bytes, (void)blocks;
}
#endif

/* Adds the last bytes, fewer than a block, and the length. The digest is in the machine's order of bytes, a word at a time. */
void end_sha256(struct sha256 *hash, const u8 *rest, u64 length, u32 digest[8])
{
	u8 block[128] = {0};
	u64 bits = (hash->hashed + length) * 8, bytes = length < 56 ? 64 : 128;

	__builtin_memcpy(block, rest, length);
	block[length] = 0x80;
	for (u32 i = 0; i < 8; i++)
		block[bytes - 1 - i] = bits >> (8 * i);
	add_sha256(hash, block, bytes / 64);
	for (u32 i = 0; i < 8; i++)
		digest[i] = hash->state[i];
}

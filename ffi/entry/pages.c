/*
 * Large pages: each page that a start touches is a page fault, which some hypervisors make ten times dearer than others. Bun asks
 * the kernel itself for the pages of its allocator (entry.c, settings); here are those of its file and of its engine's objects.
 */
#include "entry.h"

#define PAGE_BYTES 4096 /* of kernels that have large pages of 2 MB */
#define MADV_NORMAL 0
#define MADV_HUGEPAGE 14
#define MADV_NOHUGEPAGE 15
#define MADV_POPULATE_READ 22
#define SAMPLE_BYTES (4ul << 20)
/* Nothing but the engine's objects takes as much. */
#define OBJECTS_BYTES (4ul << 30)

/* Where a page is 64 KB, a large one has 512 MB. */
static int has_small_pages(void)
{
	/* EINVAL where this is no multiple of a page (man 2 madvise). */
	return sys_madvise(PAGE_BYTES, 0, MADV_NORMAL) == 0;
}

/*
 * Stands for the C library's madvise() in Bun, which asks for small pages where the engine's objects are: two large ones serve
 * a command in place of eighty.
 */
static int advise(void *address, size bytes, int advice)
{
	long (*call)(long number, ...) = *(long (**)(long, ...))(_start + syscall_place);

	if (advice == MADV_NOHUGEPAGE && bytes >= OBJECTS_BYTES)
		advice = MADV_HUGEPAGE;
	if (advice == MADV_HUGEPAGE && !has_small_pages())
		return 0;
	/* It knows where errno is. */
	return (int)call(SYS_MADVISE, address, bytes, advice);
}

/* As far as samples tell: what is not would all be read now, needed or not. */
static int is_cached(word start, word bytes)
{
	u8 resident = 1;

	for (word at = 0; at < bytes && (resident & 1) != 0; at += SAMPLE_BYTES)
		if (sys_mincore(start + at, PAGE_BYTES, &resident) < 0)
			return 0;
	return (resident & 1) != 0;
}

/*
 * Where the file of the executable is read only now, after a boot for instance, it shall come in pieces that the kernel can map
 * as one page each (align.ts): the starts that follow take fewer page faults. What is cached already stays as it is.
 */
void prefer_large_pages(void)
{
	word start = ((word)_start + image) & -(word)PAGE_BYTES;

	if (madvise_place != 0 && syscall_place != 0)
		*(int (**)(void *, size, int))(_start + madvise_place) = advise;
	if (!has_small_pages())
		return;
	/* What lies between the segments is passed over (man 2 madvise, ENOMEM). */
	sys_madvise(start, (word)_start + image + image_bytes - start, MADV_HUGEPAGE);
	/* A start jumps into all of these pieces: where they are cached, one call for them costs less than their page faults. */
	start = ((word)_start + text) & -(word)PAGE_BYTES;
	if (is_cached(start, text_bytes))
		sys_madvise(start, (word)_start + text + text_bytes - start, MADV_POPULATE_READ);
}

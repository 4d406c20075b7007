/*
 * The first instructions of the executable: between the dynamic linker and Bun's own start. Whoever starts a program that
 * root runs must not be able to give its JavaScript engine orders, and the engine's own choices are for programs that run
 * for long, so the environment that Bun sees is ours: without the variables that it obeys, with the settings below. And
 * Bun raises the limit of open files for good, which containers shall not inherit: what it was stands in CURRUNT_NOFILE.
 * Some commands need no engine at all: settle.c.
 *
 * A flat piece of position-independent code without data of its own: see install.ts. `/proc/self/environ` stays as it was.
 */
#include "entry.h"

/*
 * A command of currunt runs for some tens of milliseconds: compiling its functions, and warming up memory for it, on other
 * threads, costs more than it brings in that time. A pull takes a second: the engine's last compiler is never worth its while,
 * which is a twentieth of that.
 *
 * Its memory comes in large pages where the system lets programs ask for them: in those few megabytes every page is a page fault,
 * a thousand of them. What was used is kept for the next use: to give it back and to get it again were a tenth of a pull. And the
 * collector acts as on a machine of 64 MB, or garbage would take more memory for that.
 */
static const char settings[] = "BUN_JSC_startupJITDeferralScale=20\0"
			       "BUN_JSC_useFTLJIT=0\0"
			       "BUN_JSC_useWarmUpMarkedBlocks=0\0"
			       "BUN_GC_TIMER_DISABLE=1\0"
			       "BUN_JSC_forceRAMSize=67108864\0"
			       "MIMALLOC_ALLOW_THP=1\0"
			       "MIMALLOC_PURGE_DELAY=-1\0";

/* What Bun and its engine, its allocator and its Node.js layer take orders from. */
static const char obeyed[] = "BUN_\0"
			     "JSC_\0"
			     "MIMALLOC_\0"
			     "NODE_\0"
			     "CURRUNT_BEGUN=\0"
			     "CURRUNT_NOFILE=\0"
			     "CURRUNT_SHIM=\0";

/* Tells `start` that the program has been started, and has failed. */
static const char begun[] = "CURRUNT_BEGUN=1";

#define RLIMIT_NOFILE 7
/* Room for the two variables that are made here. */
#define LIMIT_WORDS 8 /* "CURRUNT_NOFILE=soft:hard", each number of at most 20 digits */
#define SHIM_WORDS 16 /* "CURRUNT_SHIM=address:bytes:image:socket:pid:1", of which all but the first are short */

static char *append_text(char *to, const char *text)
{
	while (*text != 0)
		*to++ = *text++;
	return to;
}

/* With a colon in front, unless it is the variable's first. */
static char *append_number(char *to, word number)
{
	word unit = 1;

	if (to[-1] != '=')
		*to++ = ':';
	while (number / unit > 9)
		unit *= 10;
	for (; unit > 0; unit /= 10)
		*to++ = '0' + number / unit % 10;
	return to;
}

/* "CURRUNT_NOFILE=soft:hard", as the limits are before Bun starts. */
static void describe_limit(char *to)
{
	struct {
		word soft, hard;
	} limit;

	to = append_text(to, "CURRUNT_NOFILE=");
	if (sys_prlimit64(0, RLIMIT_NOFILE, NULL, &limit) == 0) {
		to = append_number(to, limit.soft);
		to = append_number(to, limit.hard);
	}
	*to = 0;
}

/*
 * Signals that will be passed on to a process that is not there yet wait in the kernel: Bun's threads inherit that, whoever takes
 * them later finds them there.
 */
static void keep_signals(void)
{
	u64 passed_on = PASSED_ON_SIGNALS & ~SIGNAL_BIT(SIGPWR);

	sys_rt_sigprocmask(SIG_BLOCK, &passed_on);
}

/*
 * Starts a shim where one will be wanted. Writes down where its program is in memory and, of one that waits for its plan, what
 * src/sys/entry.ts must know.
 */
static void prepare_shim(char *to, const word *old)
{
	enum plan_command command = plan_command(old);
	struct waiting_shim waiting;
	const void *program = _start + shim;

	to = append_text(to, "CURRUNT_SHIM=");
	to = append_number(to, (word)program);
	to = append_number(to, shim_bytes);
	if (command != NO_PLAN && start_shim(program, shim_bytes, &waiting)) {
		to = append_number(to, (word)waiting.image);
		to = append_number(to, (word)waiting.socket);
		to = append_number(to, (word)waiting.pid);
		if (command == FOREGROUND) {
			keep_signals();
			to = append_number(to, 1);
		}
	}
	*to = 0;
}

static int is_obeyed(const char *variable)
{
	for (const char *start = obeyed; *start != 0; start = next_text(start))
		if (behind(variable, start) != NULL)
			return 1;
	return 0;
}

/* Words that the new stack may take: argc, argv, NULL, environment, NULL, auxiliary vector with its last pair. */
word count_words(const word *old)
{
	const word *end = old + 1 + old[0] + 1;
	word ours = 0;

	while (*end != 0)
		end++;
	for (end++; *end != 0; end += 2)
		;
	for (const char *setting = settings; *setting != 0; setting = next_text(setting))
		ours++;
	/* And three variables more. */
	return (word)(end + 2 - old) + ours + 3 + LIMIT_WORDS + SHIM_WORDS;
}

/*
 * Copies what the kernel put on the stack (System V ABI, "Process Initialization"), with the environment changed. `environ`
 * is where the address of that variable is: musl sets it anew from the stack, but glibc's is set already.
 */
void copy_stack(const word *old, word *new, word **environ, enum outcome outcome)
{
	/* The new words end below the old ones, with room for this in between. */
	char *limit = (char *)(old - LIMIT_WORDS);
	char *shim_text = (char *)(old - LIMIT_WORDS - SHIM_WORDS);

	describe_limit(limit);
	prepare_shim(shim_text, old);
	for (word left = 1 + old[0] + 1; left > 0; left--)
		*new++ = *old++;
	**environ = (word)new;
	for (; *old != 0; old++)
		if (!is_obeyed((const char *)*old))
			*new++ = *old;
	for (const char *setting = settings; *setting != 0; setting = next_text(setting))
		*new++ = (word)setting;
	*new++ = (word)limit;
	*new++ = (word)shim_text;
	if (outcome == BEGUN)
		*new++ = (word)begun;
	*new++ = *old++;
	for (; *old != 0; old += 2) {
		*new++ = old[0];
		*new++ = old[1];
	}
	*new++ = 0;
	*new++ = 0;
}

/*
 * The words of the code: how far it is from here to Bun's entry; to the places that the dynamic linker has filled with the addresses
 * of `environ`, `madvise` and `syscall` (0: there is no such place); to the first segment, and how many bytes the segments take;
 * to the shim's program, and how many bytes that is; the same for Bun's code. install.ts writes them. The register in which the
 * dynamic linker passes its last function (rdx, x0) is kept.
 */
#define WORDS														\
	"	.globl madvise_place, syscall_place, image, image_bytes, text, text_bytes\n"				\
	"	.balign 8\n"												\
	"entry: .quad 0\n"												\
	"environment: .quad 0\n"											\
	"madvise_place: .quad 0\n"											\
	"syscall_place: .quad 0\n"											\
	"image: .quad 0\n"												\
	"image_bytes: .quad 0\n"											\
	"shim: .quad 0\n"												\
	"shim_bytes: .quad 0\n"											\
	"text: .quad 0\n"												\
	"text_bytes: .quad 0\n"
#ifdef __aarch64__
__asm__(".section .text.start, \"ax\"\n"
	".globl _start\n"
	"_start:\n"
	"	b 1f\n"
	WORDS
	"1:	mov x19, x0\n"
	"	mov x20, sp\n"
	"	mov x0, x20\n"
	"	bl settle\n"
	"	mov w22, w0\n"
	"	bl prefer_large_pages\n"
	"	mov x0, x20\n"
	"	bl count_words\n"
	"	sub x0, x20, x0, lsl #3\n"
	"	and x1, x0, #-16\n"
	"	mov sp, x1\n"
	"	adr x21, _start\n"
	"	ldr x3, environment\n"
	"	add x2, x21, x3\n"
	"	mov x0, x20\n"
	"	mov w3, w22\n"
	"	bl copy_stack\n"
	"	ldr x2, entry\n"
	"	add x1, x21, x2\n"
	"	mov x0, x19\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	br x1\n");
#else
__asm__(".section .text.start, \"ax\"\n"
	".globl _start\n"
	"_start:\n"
	"	jmp 1f\n"
	WORDS
	"1:	mov %rdx, %rbx\n"
	"	mov %rsp, %rbp\n"
	"	and $-16, %rsp\n"
	"	mov %rbp, %rdi\n"
	"	call settle\n"
	"	mov %eax, %r13d\n"
	"	call prefer_large_pages\n"
	"	mov %rbp, %rdi\n"
	"	call count_words\n"
	"	shl $3, %rax\n"
	"	mov %rbp, %rsp\n"
	"	sub %rax, %rsp\n"
	"	and $-16, %rsp\n"
	"	mov %rbp, %rdi\n"
	"	mov %rsp, %rsi\n"
	"	lea _start(%rip), %r12\n"
	"	mov environment(%rip), %rdx\n"
	"	add %r12, %rdx\n"
	"	mov %r13d, %ecx\n"
	"	call copy_stack\n"
	"	mov %rbx, %rdx\n"
	"	mov entry(%rip), %rax\n"
	"	add %r12, %rax\n"
	"	xor %ebp, %ebp\n"
	"	jmp *%rax\n");
#endif

/* The program's streams, seen from outside: pipes, or a terminal's master. */
#include "monitor.h"

u8 buffer[BUFFER_SIZE] __attribute__((aligned(4096)));

/* Descriptor 0 is /dev/null, so that zero means none. */
static s32 program_ends[3];
static s32 output[STREAM_COUNT];
static s32 input, peer;
static int terminal, input_ended, large;
static struct queue waiting;

static void make_pipe(s32 *ours, s32 *program, int ours_writes)
{
	s32 ends[2];

	must(sys_pipe2(ends, O_CLOEXEC), "pipe2");
	*ours = ends[ours_writes];
	*program = ends[!ours_writes];
	must(sys_fcntl(*ours, F_SETFL, O_NONBLOCK | (ours_writes ? O_WRONLY : O_RDONLY)), "fcntl");
}

/* The shim gives them to the program's user (OP_OWN_STDIO). */
void open_pipes(int with_input)
{
	if (with_input)
		make_pipe(&input, &program_ends[0], 1);
	make_pipe(&output[STREAM_OUTPUT], &program_ends[1], 0);
	make_pipe(&output[STREAM_ERROR], &program_ends[2], 0);
}

/* In the shim: what has no pipe stays /dev/null. */
void become_program_streams(void)
{
	for (int i = 0; i < 3; i++)
		if (program_ends[i] != 0)
			must(sys_dup3(program_ends[i], i, 0), "dup3");
}

/* So that ours see the end when the program closes them. */
void close_program_ends(void)
{
	for (int i = 0; i < 3; i++)
		if (program_ends[i] != 0)
			sys_close(program_ends[i]);
}

/*
 * The other side is held open too: otherwise the terminal would be hung up whenever no process of the container has it
 * open, and what comes later be lost.
 */
int open_terminal(s32 master)
{
	long other = sys_ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (sys_fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return 0;
	terminal = 1;
	input = output[STREAM_OUTPUT] = master;
	peer = other < 0 ? 0 : other;
	return 1;
}

s32 output_fd(enum stream stream)
{
	return output[stream];
}

/* Reads one piece and passes it on; 0: there is none now. */
int read_output(enum stream stream)
{
	if (output[stream] == 0)
		return 0;
	long count = sys_read(output[stream], buffer, sizeof buffer);
	if (count == -EAGAIN || count == -EINTR)
		return 0;
	if (count <= 0) {
		/* The end; a terminal's is EIO. */
		if (output[stream] != input)
			sys_close(output[stream]);
		output[stream] = 0;
		return 0;
	}
	large |= count > 16384;
	append_log(stream, buffer, count);
	broadcast(stream == STREAM_OUTPUT ? FRAME_STDOUT : FRAME_STDERR, buffer, count);
	return 1;
}

int buffer_is_large(void)
{
	return large;
}

void give_back_buffer(void)
{
	sys_madvise(buffer, sizeof buffer, MADV_DONTNEED);
	large = 0;
}

s32 input_fd(void)
{
	return input;
}

/* Whether there is input that the program has not taken: it gets no more until it has. */
int input_waits(void)
{
	return !queue_empty(&waiting);
}

/* Nobody will take it any more. */
void drop_input(void)
{
	queue_free(&waiting);
	if (input == 0 || terminal)
		return;
	sys_close(input);
	input = 0;
}

/* A program without input, or one that has closed it, takes all. */
void write_input(const u8 *bytes, size length)
{
	if (input == 0 || input_ended)
		return;
	while (length > 0 && queue_empty(&waiting)) {
		long count = sys_write(input, bytes, length);
		if (count == -EINTR)
			continue;
		if (count == -EAGAIN)
			break;
		if (count < 0) {
			drop_input();
			return;
		}
		bytes += count;
		length -= count;
	}
	large |= length > 0;
	if (!queue_add(&waiting, bytes, length))
		drop_input();
}

/* Once the program has taken what it was given. A terminal's input does not end. */
void end_input(void)
{
	if (terminal)
		return;
	input_ended = 1;
	if (!input_waits())
		drop_input();
}

void continue_input(void)
{
	if (input == 0 || queue_write(&waiting, input) < 0 || (input_ended && !input_waits()))
		drop_input();
}

void resize_terminal(u16 rows, u16 columns)
{
	struct winsize window = { rows, columns, 0, 0 };

	if (terminal)
		sys_ioctl(input, TIOCSWINSZ, &window);
}

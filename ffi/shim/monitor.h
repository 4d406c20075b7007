/* What the monitor's files share: its streams, its clients, its log, the container's end. */
#ifndef MONITOR_H
#define MONITOR_H

#include "charge.h"
#include "shim.h"

/* main.c */
__attribute__((noreturn)) void shim_main(void);
long receive_with_fds(s32 socket, void *to, size length, s32 *fds, size room, size *count);
/* process.c: where init's pid is stored, before init can end. */
extern s32 *cloned_pid;

/* monitor.c */
struct monitor {
	u32 flags; /* CHARGE_* */
	s32 lock, directory, run, executable;
	s32 master_socket; /* the terminal's master comes through it */
	s32 listener, signals;
	s32 shim, status; /* a child's pid until it has ended; how init ended */
	int running, ended;
	struct client *creator;
	const char *directory_path, *run_path;
	const char *arguments, *arguments_end; /* of what removes the container */
};
extern struct monitor monitor;
__attribute__((noreturn)) void monitor_main(void);
__attribute__((noreturn)) void give_up(void);
void program_started(void);

/* keep.c */
__attribute__((noreturn)) void keep_main(const u64 *stack);

/* sync.c */
__attribute__((noreturn)) void sync_main(void);

/* guard.c */
long number_of(const char *digits);
__attribute__((noreturn)) void guard_main(const u64 *stack);

/* charge.c */
void detach(void);
void receive_charge(void);
void prepare(void);

/* queue.c: bytes that wait for a descriptor; an empty queue has no memory. */
struct queue {
	u8 *bytes;
	size capacity, from, to;
};
int queue_empty(const struct queue *queue);
int queue_add(struct queue *queue, const void *bytes, size length);
long queue_write(struct queue *queue, s32 fd);
void queue_free(struct queue *queue);

/* stream.c: the program's streams as we see them. */
enum stream { STREAM_OUTPUT, STREAM_ERROR, STREAM_COUNT };
void open_pipes(int input);
void become_program_streams(void);
void close_program_ends(void);
int open_terminal(s32 master);
s32 output_fd(enum stream stream);
int read_output(enum stream stream);
s32 input_fd(void);
int input_waits(void);
void write_input(const u8 *bytes, size length);
void end_input(void);
void continue_input(void);
void drop_input(void);
void resize_terminal(u16 rows, u16 columns);
void give_back_buffer(void);
int buffer_is_large(void);
/* One for all who read: what is read is passed on at once. */
#define BUFFER_SIZE 65536
extern u8 buffer[BUFFER_SIZE];

/* client.c: whoever is connected. */
#define CLIENTS 250
struct client {
	s32 fd; /* 0: a free place */
	u8 creator;
	u8 observes; /* wants the end only */
	u8 gone;     /* has closed; what it sent is still to be read */
	u8 type, have;
	u8 head[FRAME_HEADER];
	u32 left; /* bytes of the payload that are still to come */
	struct queue queue;
};
extern struct client clients[CLIENTS];
/* Beyond these places there is none. */
extern int client_places;
struct client *adopt_client(s32 fd, int creator);
void accept_clients(s32 listener, u8 ready);
void receive_from(struct client *client);
void continue_sending(struct client *client);
void leave(struct client *client);
void send_frame(struct client *client, u8 type, const void *payload, u32 length);
void broadcast(u8 type, const void *payload, u32 length);
int all_have_taken(void);
int place_for_client(void);

/* listen.c */
s32 listen_at(s32 directory, const char *name);

/* log.c */
void open_log(s32 directory);
void append_log(enum stream stream, const u8 *bytes, size length);

/* remove.c */
void empty_directory(const char *path);
void remove_tree(const char *path);

/* end.c: the shell's number for how a process ended (man 2 wait): the exit code, or 128 and the signal. */
u32 exit_code_of(s32 status);
s32 record_end(s32 directory, s32 run, u32 code);
s32 start_remover(s32 executable, s32 lock, const char *arguments, const char *end);

#endif

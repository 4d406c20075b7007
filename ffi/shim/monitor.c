/*
 * The monitor: one process a container, its parent, which holds its streams, writes its log and records its end. It has
 * no timers and no memory but what waits for a slow reader: an idle one costs some tens of kilobytes.
 */
#include "monitor.h"

struct monitor monitor;

/* Init goes with us, which has asked the kernel for that. */
void give_up(void)
{
	for (;;)
		sys_exit_group(1);
}

/* The shim's first half is a child of ours, and so is init, which it clones. */
static void start_shim(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	u64 child_signal = 1UL << (SIGCHLD - 1), none = 0;
	struct sigaction ignored = { .handler = 1 };

	cloned_pid = (s32 *)must(
		sys_mmap(sizeof *cloned_pid, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS), "mmap");
	sys_rt_sigprocmask(SIG_BLOCK, &child_signal);
	monitor.signals = must(sys_signalfd4(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd4");
	monitor.shim = must(sys_clone3(&args, sizeof args), "clone3");
	if (monitor.shim == 0) {
		sys_rt_sigprocmask(SIG_SETMASK, &none);
		become_program_streams();
		shim_main();
	}
	sys_rt_sigaction(SIGPIPE, &ignored);
	close_program_ends();
	/* While the kernel clones. The client sees the end of the plan's socket, so of the start, when all is there. */
	open_log(monitor.directory);
	monitor.listener = listen_at(monitor.run, "attach.sock");
	sys_close(PLAN_SOCKET);
}

/* The client has seen the program start: from here on the container does not need it. */
void program_started(void)
{
	s32 master;
	size count;
	u8 byte;

	if (monitor.running)
		return;
	monitor.running = 1;
	/* It has been sent before the program was executed. */
	if (monitor.flags & CHARGE_TERMINAL) {
		receive_with_fds(monitor.master_socket, &byte, 1, &master, 1, &count);
		if (count != 1 || !open_terminal(master))
			give_up();
		sys_close(monitor.master_socket);
	}
	monitor.creator->observes = !(monitor.flags & CHARGE_ATTACHED);
}

/* Takes in init, the shim's first half and every orphan that comes to us. */
static void reap(void)
{
	u8 information[128];
	s32 status;
	long pid;

	while (sys_read(monitor.signals, information, sizeof information) > 0)
		;
	while ((pid = sys_wait4(-1, &status, WNOHANG)) > 0) {
		if (pid == monitor.shim)
			monitor.shim = 0;
		if (pid != *(volatile s32 *)cloned_pid)
			continue;
		monitor.status = status;
		monitor.ended = 1;
	}
}

enum place { SIGNALS, LISTENER, OUTPUT, ERROR, INPUT, FIRST_CLIENT };
static struct pollfd polled[FIRST_CLIENT + CLIENTS];

/* Who is asked for what. Output is read when every client has taken the last; input when the program has. */
static void choose(void)
{
	int flowing = monitor.running && !monitor.ended && all_have_taken();

	polled[SIGNALS] = (struct pollfd){ monitor.signals, POLLIN, 0 };
	polled[LISTENER] = (struct pollfd){ monitor.running && place_for_client() ? monitor.listener : -1, POLLIN, 0 };
	for (int i = 0; i < STREAM_COUNT; i++)
		polled[OUTPUT + i] = (struct pollfd){ flowing && output_fd(i) != 0 ? output_fd(i) : -1, POLLIN, 0 };
	polled[INPUT] = (struct pollfd){ input_waits() ? input_fd() : -1, POLLOUT, 0 };
	for (int i = 0; i < client_places; i++) {
		const struct client *client = &clients[i];
		short events = (input_waits() ? 0 : POLLIN) | (queue_empty(&client->queue) ? 0 : POLLOUT);
		/* One that has gone would be reported again and again while its last words may not be read. */
		int asked = client->fd != 0 && !(client->gone && input_waits());
		polled[FIRST_CLIENT + i] = (struct pollfd){ asked ? client->fd : -1, events, 0 };
	}
}

static void serve_client(struct client *client, const struct pollfd *answer)
{
	if (answer->fd < 0 || client->fd != answer->fd || answer->revents == 0)
		return;
	if (answer->revents & (POLLERR | POLLHUP)) {
		client->gone = 1;
		queue_free(&client->queue);
	}
	if (answer->revents & POLLOUT && !client->gone)
		continue_sending(client);
	/* As long as input waits, more of it stays in the sockets. */
	if (client->fd != 0 && !input_waits() && (client->gone || answer->revents & POLLIN))
		receive_from(client);
}

/* Waits for something to happen, and does what belongs to it. What a burst needed is given back after a second. */
static void wait_and_serve(void)
{
	struct timespec second = { 1, 0 };

	choose();
	int asked = client_places;
	long ready = sys_ppoll(polled, FIRST_CLIENT + asked, buffer_is_large() ? &second : NULL);
	if (ready == 0)
		give_back_buffer();
	if (ready <= 0)
		return;
	if (polled[SIGNALS].revents != 0)
		reap();
	for (int i = 0; i < STREAM_COUNT; i++)
		if (polled[OUTPUT + i].revents != 0 && all_have_taken())
			read_output(i);
	if (polled[INPUT].revents != 0)
		continue_input();
	for (int i = 0; i < asked; i++)
		serve_client(&clients[i], &polled[FIRST_CLIENT + i]);
	/* Last, since the answers are about those that were there before. */
	if (polled[LISTENER].revents != 0)
		accept_clients(monitor.listener, !!(monitor.flags & CHARGE_TERMINAL));
}

/*
 * The creating client takes it out of the index, which it has open, while the directories are removed here, and removes
 * the run directory at our end. Should it die, the next sweep, which finds that, finishes what is begun.
 */
static void remove_container(u32 code)
{
	if (monitor.creator->fd != 0 && monitor.creator->creator && !monitor.creator->observes) {
		send_frame(monitor.creator, FRAME_ENDED, &code, sizeof code);
		if (monitor.creator->fd != 0) {
			remove_tree(monitor.directory_path);
			empty_directory(monitor.run_path);
			return;
		}
	}
	monitor.shim = start_remover(monitor.executable, monitor.lock, monitor.arguments, monitor.arguments_end);
	while (monitor.shim != 0)
		wait_and_serve();
}

static void close_listener(void)
{
	sys_unlinkat(monitor.run, "attach.sock", 0);
	/* Whoever has got through before learns how it ended. */
	accept_clients(monitor.listener, !!(monitor.flags & CHARGE_TERMINAL));
	sys_close(monitor.listener);
	monitor.listener = -1;
}

/* The directories that a file in the run directory lists, each with a NUL behind it (src/engine/cgroup-list.ts). */
static void remove_cgroups(void)
{
	static char paths[8192];
	long file = sys_openat(monitor.run, "cgroups", O_RDONLY | O_CLOEXEC, 0);
	long length = file < 0 ? 0 : sys_read(file, paths, sizeof paths - 1);

	for (const char *path = paths; path < paths + length; path += length_of(path) + 1)
		sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	if (file >= 0)
		sys_close(file);
}

/* The order matters: all output, then the record, then the lock, then the word to the clients. */
static void finish(void)
{
	u32 code = exit_code_of(monitor.status);
	s32 file = 0;

	/* Init was the last process of its pid namespace: what is in the pipes now is all there will be. */
	while (read_output(STREAM_OUTPUT) || read_output(STREAM_ERROR))
		;
	drop_input();
	remove_cgroups();
	if (monitor.flags & CHARGE_REMOVE)
		remove_container(code);
	else
		file = record_end(monitor.directory, monitor.run, code);
	close_listener();
	/* From here on the container can be started again or removed, however long a client takes to read the rest. */
	sys_close(monitor.lock);
	broadcast(FRAME_EXIT, &code, sizeof code);
	while (!all_have_taken()) {
		for (int i = 0; i < client_places; i++)
			if (clients[i].fd != 0 && queue_empty(&clients[i].queue))
				leave(&clients[i]);
		wait_and_serve();
	}
	if (file != 0) {
		for (int i = 0; i < client_places; i++)
			if (clients[i].fd != 0)
				leave(&clients[i]);
		sys_fsync(file);
	}
}

/* Until the program runs, the client's end is ours too, and init's, which has asked the kernel for that. */
void monitor_main(void)
{
	detach();
	receive_charge();
	prepare();
	start_shim();
	while (!monitor.running || !monitor.ended) {
		wait_and_serve();
		if (!monitor.running && monitor.creator->fd == 0)
			give_up();
	}
	finish();
	for (;;)
		sys_exit_group(0);
}

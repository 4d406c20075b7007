/*
 * The monitor's clients: whoever connects to the attach socket gets the program's output and may give it input.
 *
 * A client that does not read stops the program's output once the socket is full, as a stopped terminal does: nothing
 * is lost and memory stays bounded. Leaving, or dying, sets the program free again.
 */
#include "monitor.h"

struct client clients[CLIENTS];
int client_places;

static struct client *free_place(void)
{
	for (int i = 0; i < CLIENTS; i++)
		if (clients[i].fd == 0)
			return &clients[i];
	return NULL;
}

int place_for_client(void)
{
	return free_place() != NULL;
}

struct client *adopt_client(s32 fd, int creator)
{
	struct client *client = free_place();

	*client = (struct client){ .fd = fd, .creator = creator };
	if (client - clients >= client_places)
		client_places = client - clients + 1;
	return client;
}

void leave(struct client *client)
{
	queue_free(&client->queue);
	sys_close(client->fd);
	client->fd = 0;
	while (client_places > 0 && clients[client_places - 1].fd == 0)
		client_places--;
}

/* The directory's mode keeps others out already. */
static int is_ours(s32 fd)
{
	struct ucred peer;
	u32 length = sizeof peer;

	return sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == sys_getuid();
}

/* Takes all that wait at the listener; `ready` is what they learn of the program. */
void accept_clients(s32 listener, u8 ready)
{
	while (place_for_client()) {
		long fd = sys_accept4(listener, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -EINTR || fd == -ECONNABORTED)
			continue;
		if (fd < 0)
			return;
		if (is_ours(fd))
			send_frame(adopt_client(fd, 0), FRAME_READY, &ready, sizeof ready);
		else
			sys_close(fd);
	}
}

/* Sends now what the client takes, and keeps the rest. One that takes nothing any more leaves. */
void send_frame(struct client *client, u8 type, const void *payload, u32 length)
{
	u8 head[FRAME_HEADER] = { type, length, length >> 8, length >> 16, length >> 24 };
	struct iovec parts[2] = { { head, sizeof head }, { (void *)payload, length } };
	long sent = -EAGAIN;

	if (client->gone)
		return;
	while (queue_empty(&client->queue) && (sent = sys_writev(client->fd, parts, 2)) == -EINTR)
		;
	if (sent < 0 && sent != -EAGAIN) {
		leave(client);
		return;
	}
	size done = sent < 0 ? 0 : sent;
	size of_head = done < sizeof head ? done : sizeof head;
	if (!queue_add(&client->queue, head + of_head, sizeof head - of_head) ||
	    !queue_add(&client->queue, (const u8 *)payload + (done - of_head), length - (done - of_head)))
		leave(client);
}

/* The program's output, to all but those that wait for its end only. */
void broadcast(u8 type, const void *payload, u32 length)
{
	for (int i = 0; i < client_places; i++)
		if (clients[i].fd != 0 && (!clients[i].observes || type == FRAME_EXIT))
			send_frame(&clients[i], type, payload, length);
}

/* Whether all that was sent has left this process. */
int all_have_taken(void)
{
	for (int i = 0; i < client_places; i++)
		if (clients[i].fd != 0 && !queue_empty(&clients[i].queue))
			return 0;
	return 1;
}

void continue_sending(struct client *client)
{
	if (queue_write(&client->queue, client->fd) < 0)
		leave(client);
}

/* What a frame of this type may be long; a client that sends another is none of ours. */
static int is_frame(const struct client *client)
{
	switch (client->type) {
	case FRAME_STDIN:
		return client->left <= FRAME_MAXIMUM;
	case FRAME_RESIZE:
		return client->left == 4;
	case FRAME_OBSERVE:
		return client->left == 0;
	case FRAME_STARTED:
		return client->left == 0 && client->creator;
	default:
		return 0;
	}
}

/* A head is complete: frames without a payload are done with it. */
static int begin_frame(struct client *client)
{
	const u8 *head = client->head;

	client->type = head[0];
	client->left = head[1] | (u32)head[2] << 8 | (u32)head[3] << 16 | (u32)head[4] << 24;
	if (!is_frame(client))
		return 0;
	if (client->type == FRAME_OBSERVE)
		client->observes = 1;
	if (client->type == FRAME_STARTED)
		program_started();
	if (client->type == FRAME_STDIN && client->left == 0)
		end_input();
	client->have = 0;
	return 1;
}

/* Takes the next bytes of a payload; a window's size is put together where the head was. */
static size take_payload(struct client *client, const u8 *bytes, size length)
{
	u8 *size_of_window = client->head;

	if (length > client->left)
		length = client->left;
	if (client->type == FRAME_STDIN)
		write_input(bytes, length);
	else
		memcpy(size_of_window + 4 - client->left, bytes, length);
	client->left -= length;
	if (client->type == FRAME_RESIZE && client->left == 0)
		resize_terminal(size_of_window[0] | size_of_window[1] << 8, size_of_window[2] | size_of_window[3] << 8);
	return length;
}

/* Cuts what is there into frames, however the bytes come. */
void receive_from(struct client *client)
{
	long count = sys_read(client->fd, buffer, sizeof buffer);

	if (count == -EAGAIN || count == -EINTR)
		return;
	if (count <= 0) {
		leave(client);
		return;
	}
	for (size at = 0; at < (size)count;) {
		if (client->left > 0) {
			at += take_payload(client, buffer + at, count - at);
			continue;
		}
		client->head[client->have++] = buffer[at++];
		if (client->have == FRAME_HEADER && !begin_frame(client)) {
			leave(client);
			return;
		}
	}
}

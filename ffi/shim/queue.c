/* Bytes that wait until a descriptor takes them. */
#include "monitor.h"

#define PIECE 65536

int queue_empty(const struct queue *queue)
{
	return queue->from == queue->to;
}

void queue_free(struct queue *queue)
{
	if (queue->bytes != NULL)
		sys_munmap(queue->bytes, queue->capacity);
	*queue = (struct queue){ 0 };
}

/* Memory for `length` bytes more behind the last. */
static int make_room(struct queue *queue, size length)
{
	long memory;

	if (queue->bytes != NULL && queue->capacity - queue->to >= length)
		return 1;
	size capacity = (queue->to + length + PIECE - 1) / PIECE * PIECE;
	if (queue->bytes == NULL)
		memory = sys_mmap(capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	else
		memory = sys_mremap(queue->bytes, queue->capacity, capacity, MREMAP_MAYMOVE);
	if (memory < 0 && memory > -4096)
		return 0;
	queue->bytes = (u8 *)memory;
	queue->capacity = capacity;
	return 1;
}

/* Keeps a copy; 0: there is no memory for it. */
int queue_add(struct queue *queue, const void *bytes, size length)
{
	if (length == 0)
		return 1;
	if (!make_room(queue, length))
		return 0;
	memcpy(queue->bytes + queue->to, bytes, length);
	queue->to += length;
	return 1;
}

/* Writes what the descriptor takes now; a negative errno when it takes nothing any more. */
long queue_write(struct queue *queue, s32 fd)
{
	while (!queue_empty(queue)) {
		long count = sys_write(fd, queue->bytes + queue->from, queue->to - queue->from);
		if (count == -EINTR)
			continue;
		if (count < 0)
			return count == -EAGAIN ? 0 : count;
		queue->from += count;
	}
	queue_free(queue);
	return 0;
}

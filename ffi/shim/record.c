/* Reads a step's record: texts, lists and data in its tail, descriptors by slot. */
#include "shim.h"

static s32 slots[PLAN_SLOTS];

/* The record that begins at `records`: whole before `end`, of a known kind, its last byte 0. */
const struct step *step_at(const u8 *records, const u8 *end)
{
	const struct step *step = (const struct step *)records;

	if ((size)(end - records) < sizeof *step || step->size < sizeof *step || step->size % 8 != 0 ||
	    step->size > (size)(end - records) || records[step->size - 1] != 0 || step->op == 0 ||
	    step->op >= OP_COUNT)
		fail("plan", EPROTO);
	return step;
}

/* The text at an offset; the record's last byte is 0, so that it ends inside. */
const char *text_of(const struct step *step, int index)
{
	u32 offset = step->text[index];

	if (offset < sizeof *step || offset >= step->size)
		fail("plan", EPROTO);
	return (const char *)step + offset;
}

const char *next_text(const struct step *step, const char *text)
{
	const char *next = text + length_of(text) + 1;

	if (next >= (const char *)step + step->size)
		fail("plan", EPROTO);
	return next;
}

const void *data_of(const struct step *step, int index, size length)
{
	const char *data = text_of(step, index);

	if (length > (size)((const char *)step + step->size - data))
		fail("plan", EPROTO);
	return data;
}

/* Pointers to `count` texts and a final NULL, as execve wants them, with room for one more. */
const char **list_of(const struct step *step, int index, u64 count)
{
	const char **list;
	const char *text = NULL;

	if (count > step->size)
		fail("plan", EPROTO);
	list = (const char **)must(
		sys_mmap((count + 2) * sizeof *list, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS), "mmap");
	for (u64 i = 0; i < count; i++) {
		text = i == 0 ? text_of(step, index) : next_text(step, text);
		list[i] = text;
	}
	return list;
}

/* Slots hold the descriptor plus one, so that zero means empty. */
s32 slot_fd(s32 slot)
{
	if (slot < 0 || slot >= PLAN_SLOTS || slots[slot] == 0)
		fail("slot", EPROTO);
	return slots[slot] - 1;
}

int slot_is_open(s32 slot)
{
	return slot >= 0 && slot < PLAN_SLOTS && slots[slot] != 0;
}

void set_slot(s32 slot, s32 fd)
{
	if (slot < 0 || slot >= PLAN_SLOTS)
		fail("slot", EPROTO);
	if (slots[slot] != 0)
		sys_close(slots[slot] - 1);
	slots[slot] = fd + 1;
}

void forget_slot(s32 slot)
{
	sys_close(slot_fd(slot));
	slots[slot] = 0;
}

void forget_slots(void)
{
	for (int i = 0; i < PLAN_SLOTS; i++)
		slots[i] = 0;
}

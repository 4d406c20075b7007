/* What a client hands over to its monitor, and what the two say to each other. The other side: ffi/charge.ts. */
#ifndef CHARGE_H
#define CHARGE_H

#include "types.h"

#define CHARGE_MAGIC 0x6e6f6d63u /* "cmon" in memory order */
#define CHARGE_VERSION 1u
#define CHARGE_TEXT 32768 /* the most bytes of text */

/*
 * The first message, with descriptors: the container's lock, the plan's socket, then as far as the flags tell a socket
 * and an executable. `size` bytes of text follow, each NUL-terminated: the container's directory, its run directory, and
 * the arguments of the command that removes the container.
 */
struct charge {
	u32 magic;
	u32 version;
	u32 flags; /* CHARGE_* */
	u32 size;
};

#define CHARGE_TERMINAL 1u /* the master of the program's terminal will come through the socket that comes along */
#define CHARGE_INPUT 2u    /* the program's input stays open for clients; else it is /dev/null */
#define CHARGE_ATTACHED 4u /* the creating client stays and gets the output */
#define CHARGE_REMOVE 8u   /* the container goes when its program ends; the executable that does it comes along */
#define CHARGE_KEEP 16u    /* the last descriptor is only kept open, for others to take */

/* Frames: a type (u8), a length (u32, little-endian), a payload. A client sends those below 16, the monitor the others. */
enum frame_type {
	FRAME_STDIN = 2,   /* bytes for the program; none: end of input */
	FRAME_RESIZE = 3,  /* u16 rows, u16 columns */
	FRAME_OBSERVE = 4, /* the client wants no output, only the end */
	FRAME_STARTED = 5, /* from the creating client only: the program runs */
	FRAME_READY = 16,  /* u8, 1: with a terminal. To a client that joins; output follows */
	FRAME_ENDED = 17,  /* u32 exit code, to the creating client of a container that is to be removed: take it out of the index */
	FRAME_STDOUT = 18,
	FRAME_STDERR = 19,
	FRAME_EXIT = 20 /* u32 exit code, after all output and after the end has been recorded; the last frame */
};

#define FRAME_HEADER 5
#define FRAME_MAXIMUM 16777216 /* bytes of a payload */

#endif

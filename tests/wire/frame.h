/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An RDS peer made of plain TCP sockets: it plays either role frame by frame, and may be as wrong
 * as it likes. Coding and decoding are its own, after the table of the protocol and not after
 * src/wire.c, so that a mistake there is not made here again.
 */
#ifndef TESTS_FRAME_H
#define TESTS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deadline.h"
#include "netns.h"
#include "rds.h"

#define FRAME_HEADER 48
#define FRAME_EXT 16
#define FRAME_MAP_BYTES 8192

#define FRAME_MAP 0x01
#define FRAME_AGAIN 0x04

struct frame {
	uint64_t seq;
	uint64_t ack;
	uint32_t len;
	uint16_t sport;
	uint16_t dport;
	uint8_t flags;
	uint8_t credit;
	uint32_t padding;
	uint16_t csum;
	uint8_t ext[FRAME_EXT];
};

void frame_encode(const struct frame *frame, uint8_t bytes[FRAME_HEADER]);
void frame_decode(const uint8_t bytes[FRAME_HEADER], struct frame *frame);

/* What the extension space of a handshake says; false when it is not well-formed. */
struct frame_hello {
	uint16_t npaths;	/* 0: absent */
	uint32_t gen_num;	/* 0: absent */
	bool sport_idx;
	uint8_t private_type;	/* 16 or more, 0: absent */
	size_t used;		/* bytes before the private one, or the end */
};

bool frame_hello(const uint8_t ext[FRAME_EXT], struct frame_hello *hello);

/* What in-tree 7.x puts into a handshake; npaths 0 leaves that out, and so on. */
void frame_put_hello(uint8_t ext[FRAME_EXT], uint16_t npaths, uint32_t gen_num, bool sport_idx);

/* ---- TCP; -1 with errno on failure, a deadline that is over is ETIMEDOUT ---- */

int wire_listen(const struct netns *ns, const union rds_addr *local);
int wire_accept(int listener, struct deadline deadline);
int wire_connect(const struct netns *ns, const union rds_addr *local, const union rds_addr *peer,
		 struct deadline deadline);

/* close(), as a reset or as an orderly end. */
void wire_reset(int fd);

int wire_send_bytes(int fd, const void *bytes, size_t length);
/* A header alone; the payload is the caller's to send, or to leave out. */
int wire_send_header(int fd, const struct frame *frame);
/* A frame and frame->len bytes of payload (NULL: zeroes). */
int wire_send(int fd, const struct frame *frame, const void *payload);
/* A congestion map in which nothing is congested. */
int wire_send_map(int fd);

/* The next frame; its payload goes to a buffer that holds 1 MiB, or is dropped if that is NULL. */
int wire_receive(int fd, struct frame *frame, uint8_t *payload, struct deadline deadline);

/* The same in two steps. */
int wire_receive_header(int fd, struct frame *frame, struct deadline deadline);
int wire_receive_bytes(int fd, uint8_t *to, size_t length, struct deadline deadline);

enum wire_end { WIRE_OPEN, WIRE_FIN, WIRE_RESET };

/* Waits until the other end has ended the connection; what it still sends is thrown away. */
enum wire_end wire_wait_end(int fd, struct deadline deadline);

/* Everything that was sent is acknowledged by the other TCP. */
bool wire_wait_acked(int fd, struct deadline deadline);

#endif

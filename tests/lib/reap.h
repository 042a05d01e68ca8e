/* SPDX-License-Identifier: GPL-2.0 */
/* Reading completions, in both forms. */
#ifndef TESTS_REAP_H
#define TESTS_REAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "deadline.h"

/* What one recvmsg(MSG_ERRQUEUE) said. */
struct reap {
	ssize_t bytes;		/* return value; -1 leaves the rest zero and errno set */
	size_t cookies;		/* bytes / 4 */
	uint32_t ee_data;	/* cookies in this read; with MSG_PEEK: in one larger read */
	uint8_t origin;
	uint8_t code;
	/* The sock_extended_err was there, at SOL_IP/IP_RECVERR, 16 bytes. */
	bool has_report;
	bool truncated;		/* MSG_TRUNC: more of this verdict wait */
	bool control_cut;	/* MSG_CTRUNC */
	bool copied;		/* SO_EE_CODE_ZEROCOPY_COPIED */
	int flags;		/* msg_flags as they came */
};

/* Reads into room for `room` bytes; flags may add MSG_PEEK. */
struct reap reap_errqueue(int fd, void *buffer, size_t room, int flags);

/* The same with a control buffer of the caller's size, 0 for none at all. */
struct reap reap_errqueue_control(int fd, void *buffer, size_t room, size_t control, int flags);

/* What one recvmsg() with room for completion cmsgs said. */
struct reap_cmsg {
	ssize_t bytes;		/* return value: data bytes, 0 for cookies alone */
	size_t cookies;
	unsigned int cmsgs;
	bool well_formed;	/* every cmsg 52 bytes long, 1..8 cookies, unused slots zero */
	int flags;
};

/*
 * recvmsg() with data room (may be 0) and `slots` completion cmsgs' worth of control room; the
 * cookies of all of them go to the list, which holds 8 * slots.
 */
struct reap_cmsg reap_by_cmsg(int fd, void *data, size_t room, uint32_t *list, unsigned int slots,
			      int flags);

/*
 * Reaps from the error queue until `want` cookies came or the deadline passed; returns how many.
 * copied (may be NULL) counts those whose verdict was "copied".
 */
size_t reap_until(int fd, uint32_t *list, size_t want, size_t *copied, struct deadline deadline);

#endif

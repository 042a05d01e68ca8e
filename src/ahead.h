/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ahead.h - a sleeping reader and what it has copied of a message that is not complete yet.
 */
#ifndef RDSZ_AHEAD_H
#define RDSZ_AHEAD_H

#include <linux/uio.h>

#include "rdsz.h"

/**
 * struct rdsz_ahead - of one call of recvmsg, on its stack
 * @inc: the message it has begun to copy, with a reference; NULL: none
 * @cursor: how far it got in @inc
 * @start: the buffer before
 * @room: size of its buffer
 * @refused: this call reads nothing ahead: it peeks, its buffer is small, or a copy failed
 */
struct rdsz_ahead {
	struct rdsz_incoming	*inc;
	struct rdsz_cursor	cursor;
	struct iov_iter		start;
	size_t			room;
	bool			refused;
};

void rdsz_ahead_open(struct rdsz_sock *rs, struct rdsz_ahead *ahead, const struct msghdr *msg,
		     size_t len, int flags);
void rdsz_ahead_close(struct rdsz_sock *rs, struct rdsz_ahead *ahead);
bool rdsz_ahead_ready(const struct rdsz_sock *rs, const struct rdsz_ahead *ahead);
void rdsz_ahead_copy(struct rdsz_sock *rs, struct rdsz_ahead *ahead, struct msghdr *msg);
void rdsz_ahead_resume(struct rdsz_ahead *ahead, const struct rdsz_incoming *inc,
		       struct msghdr *msg, struct rdsz_cursor *cursor);

#endif /* RDSZ_AHEAD_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * errqueue.h - recvmsg(MSG_ERRQUEUE) for zerocopy cookies: read or peek, any number at once.
 *
 * The core's sock_recv_errqueue() takes one skb per call, loses it if the copy to the user faults,
 * and takes it even with MSG_PEEK, on every kernel. Here the records are list nodes of the socket's
 * own, and what the socket says about them comes through struct rdsz_errqueue_source.
 */
#ifndef RDSZ_COMPAT_ERRQUEUE_H
#define RDSZ_COMPAT_ERRQUEUE_H

#include <linux/list.h>
#include <linux/socket.h>
#include <linux/types.h>

/**
 * struct rdsz_errqueue_batch - the run of records of one verdict that is next to be read
 * @total: how many of them wait; 0: nothing at all waits
 * @code: ee_code that goes with them: SO_EE_CODE_ZEROCOPY_COPIED or 0
 */
struct rdsz_errqueue_batch {
	u32	total;
	u8	code;
};

/**
 * struct rdsz_errqueue_source - a queue of records; all calls in process context, any number at
 * once
 * @peek: fill in @batch, and copy the first @max cookies of the run to @cookies (@max may be 0);
 *	returns how many. Takes nothing.
 * @take: fill in @batch as it was before, and move the first @max records of the run to @out;
 *	returns how many. What is taken is seen by no other reader.
 * @cookie: the cookie of a record
 * @untake: put taken records back to the head of the run they came from, and wake whoever waits for
 *	records, for meanwhile it looked as if there were none
 * @done: taken records were read: free them
 */
struct rdsz_errqueue_source {
	u32 (*peek)(void *priv, u32 *cookies, u32 max, struct rdsz_errqueue_batch *batch);
	u32 (*take)(void *priv, u32 max, struct list_head *out, struct rdsz_errqueue_batch *batch);
	u32 (*cookie)(const struct list_head *record);
	void (*untake)(void *priv, struct list_head *records,
		       const struct rdsz_errqueue_batch *batch);
	void (*done)(void *priv, struct list_head *records);
};

int rdsz_errqueue_recv(struct msghdr *msg, size_t len, int flags,
		       const struct rdsz_errqueue_source *src, void *priv);

#endif /* RDSZ_COMPAT_ERRQUEUE_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * errqueue.c - recvmsg(MSG_ERRQUEUE) for zerocopy cookies.
 *
 * Readers run side by side. A read detaches its records under the lock of the source, copies them
 * without it, and frees them or, if the copy faults, puts them back: so no record is lost, and none
 * is given to two. A peek copies cookies under that lock and detaches nothing: other readers never
 * find the queue empty because of it.
 */
#include <linux/errqueue.h>
#include <linux/in.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/compat.h>
#include <net/sock.h>

#include "errqueue.h"

/* Cookies that a copy to the user carries at once; on the stack. */
#define RDSZ_ERRQUEUE_CHUNK	64

/* Cookies that one peek returns at most: it holds the lock of the source while it collects them. */
#define RDSZ_ERRQUEUE_PEEK_MAX	65536

/* put_cmsg() would cut the record short; better none. 32-bit callers have a smaller header. */
static bool rdsz_errqueue_control_fits(const struct msghdr *msg)
{
	size_t need = CMSG_LEN(sizeof(struct sock_extended_err));

#ifdef CONFIG_COMPAT
	if (msg->msg_flags & MSG_CMSG_COMPAT)
		need = sizeof(struct compat_cmsghdr) + sizeof(struct sock_extended_err);
#endif
	return msg->msg_control && msg->msg_controllen >= need;
}

static int rdsz_errqueue_put_report(struct msghdr *msg, u32 count, u8 code)
{
	struct sock_extended_err ee = {
		.ee_origin	= SO_EE_ORIGIN_ZEROCOPY,
		.ee_code	= code,
		.ee_data	= count,
	};

	return put_cmsg(msg, SOL_IP, IP_RECVERR, sizeof(ee), &ee);
}

static int rdsz_errqueue_put_data(struct msghdr *msg, const u32 *cookies, u32 n)
{
	size_t bytes = n * sizeof(*cookies);

	return copy_to_iter(cookies, bytes, &msg->msg_iter) == bytes ? 0 : -EFAULT;
}

static int rdsz_errqueue_put_records(struct msghdr *msg, const struct list_head *records,
				     const struct rdsz_errqueue_source *src)
{
	u32 chunk[RDSZ_ERRQUEUE_CHUNK];
	const struct list_head *pos;
	u32 n = 0;
	int err;

	list_for_each(pos, records) {
		chunk[n++] = src->cookie(pos);
		if (n < ARRAY_SIZE(chunk))
			continue;
		err = rdsz_errqueue_put_data(msg, chunk, n);
		if (err)
			return err;
		n = 0;
	}
	return n ? rdsz_errqueue_put_data(msg, chunk, n) : 0;
}

/* Data and report are with the user; tell what is left. */
static int rdsz_errqueue_finish(struct msghdr *msg, u32 n, u32 total)
{
	msg->msg_flags |= MSG_ERRQUEUE;
	if (n < total)
		msg->msg_flags |= MSG_TRUNC;
	return n * sizeof(u32);
}

static int rdsz_errqueue_read(struct msghdr *msg, u32 room, const struct rdsz_errqueue_source *src,
			      void *priv)
{
	struct rdsz_errqueue_batch batch;
	LIST_HEAD(records);
	u32 n;
	int err;

	n = src->take(priv, room, &records, &batch);
	if (!n)
		return -EAGAIN;
	err = rdsz_errqueue_put_records(msg, &records, src);
	if (!err)
		err = rdsz_errqueue_put_report(msg, n, batch.code);
	if (err) {
		src->untake(priv, &records, &batch);
		return err;
	}
	src->done(priv, &records);
	return rdsz_errqueue_finish(msg, n, batch.total);
}

/*
 * Where memory is short for all that fit, a peek shows fewer cookies, and says that there are more.
 */
static int rdsz_errqueue_peek(struct msghdr *msg, u32 room, const struct rdsz_errqueue_source *src,
			      void *priv)
{
	u32 chunk[RDSZ_ERRQUEUE_CHUNK], *cookies = chunk, *large = NULL;
	struct rdsz_errqueue_batch batch;
	u32 n, max = ARRAY_SIZE(chunk);
	int err;

	src->peek(priv, NULL, 0, &batch);
	room = min3(room, batch.total, (u32)RDSZ_ERRQUEUE_PEEK_MAX);
	if (room > max)
		large = kvmalloc_array(room, sizeof(*large), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (large) {
		cookies = large;
		max = room;
	}
	n = src->peek(priv, cookies, min(room, max), &batch);
	if (n)
		err = rdsz_errqueue_put_data(msg, cookies, n);
	else
		err = batch.total ? 0 : -EAGAIN;
	if (!err)
		err = rdsz_errqueue_put_report(msg, batch.total, batch.code);
	kvfree(large);
	return err ?: rdsz_errqueue_finish(msg, n, batch.total);
}

/* Nothing can be given: say that something waits, and how much to who only looks. */
static int rdsz_errqueue_no_room(struct msghdr *msg, bool control, int flags,
				 const struct rdsz_errqueue_source *src, void *priv)
{
	struct rdsz_errqueue_batch batch;
	int err;

	src->peek(priv, NULL, 0, &batch);
	if (!batch.total)
		return -EAGAIN;
	if (!control) {
		msg->msg_flags |= MSG_ERRQUEUE | MSG_CTRUNC;
		return 0;
	}
	err = rdsz_errqueue_put_report(msg, flags & MSG_PEEK ? batch.total : 0, batch.code);
	return err ?: rdsz_errqueue_finish(msg, 0, batch.total);
}

/**
 * rdsz_errqueue_recv() - recvmsg with MSG_ERRQUEUE
 * @msg: data gets cookies, a u32 each; control gets one sock_extended_err (SOL_IP, IP_RECVERR) with
 *	their number in ee_data and the verdict of all of them in ee_code
 * @len: size of the data buffer
 * @flags: with MSG_PEEK nothing is taken, and ee_data is the number that a read with more room
 *	returns
 * @src: the records
 * @priv: argument of its calls
 *
 * MSG_TRUNC in msg_flags says that more of the same verdict wait. A data buffer of less than four
 * bytes takes nothing (ee_data 0, or as above when peeking). A control buffer that is missing or
 * too short takes nothing either, and sets MSG_CTRUNC.
 *
 * Context: process, may sleep.
 * Return: bytes of cookies; -EAGAIN: no record waits; -EFAULT: nothing was taken.
 */
int rdsz_errqueue_recv(struct msghdr *msg, size_t len, int flags,
		       const struct rdsz_errqueue_source *src, void *priv)
{
	u32 room = min_t(size_t, len, INT_MAX) / sizeof(u32);
	bool control = rdsz_errqueue_control_fits(msg);

	if (!control || !room)
		return rdsz_errqueue_no_room(msg, control, flags, src, priv);
	if (flags & MSG_PEEK)
		return rdsz_errqueue_peek(msg, room, src, priv);
	return rdsz_errqueue_read(msg, room, src, priv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * ahead.c - a reader that sleeps copies the beginning of a large message while the rest of it is on
 * its way.
 *
 * Copying a message takes as long as a good part of its transmission, so a reader that starts when
 * the last byte is there is late. One message of a socket is offered at a time, and one reader
 * takes offers: it sleeps in recvmsg, with an empty queue.
 *
 * Nothing depends on it. The message comes into the receive queue as any other does, and if the
 * reader finds it at the head, it goes on where it stopped. If it finds another one, or if the
 * connection broke, it forgets what it copied, and the next copy overwrites it.
 *
 * The parser appends buffers under the lock of the TCP socket while the reader walks them without.
 * The reader goes no further than inc->ready, which is published after what it covers.
 */
#include "ahead.h"
#include "iter.h"

/* Worth a wake-up. A message that is complete before so much has come at once is not offered. */
#define RDSZ_AHEAD_STEP	(128 * 1024)

/* ---- the reader ---- */

static void rdsz_ahead_drop(struct rdsz_ahead *ahead)
{
	if (ahead->inc)
		rdsz_incoming_put(ahead->inc);
	ahead->inc = NULL;
}

/**
 * rdsz_ahead_open() - this reader is about to sleep
 * @rs: socket
 * @ahead: of the call
 * @msg: where to; a pipe (splice) has no way back to its start
 * @len: size of its buffer
 * @flags: of recvmsg
 */
void rdsz_ahead_open(struct rdsz_sock *rs, struct rdsz_ahead *ahead, const struct msghdr *msg,
		     size_t len, int flags)
{
	if (len < RDSZ_AHEAD_STEP || flags & MSG_PEEK || !rdsz_iter_is_user(&msg->msg_iter))
		ahead->refused = true;
	if (ahead->refused)
		return;
	ahead->room = len;
	spin_lock_bh(&rs->queue_lock);
	if (!rs->ahead_reader)
		rs->ahead_reader = ahead;
	spin_unlock_bh(&rs->queue_lock);
}

/* The call ends, whatever its result. */
void rdsz_ahead_close(struct rdsz_sock *rs, struct rdsz_ahead *ahead)
{
	if (READ_ONCE(rs->ahead_reader) == ahead) {
		spin_lock_bh(&rs->queue_lock);
		rs->ahead_reader = NULL;
		spin_unlock_bh(&rs->queue_lock);
	}
	rdsz_ahead_drop(ahead);
}

/* Up to which byte the reader may copy what it has begun. */
static u32 rdsz_ahead_end_of(const struct rdsz_ahead *ahead)
{
	/* pairs with rdsz_ahead_offer(): the buffers up to there are linked */
	return min_t(size_t, smp_load_acquire(&ahead->inc->ready), ahead->room);
}

/* For the reader's wait: is there something for rdsz_ahead_copy() to do? */
bool rdsz_ahead_ready(const struct rdsz_sock *rs, const struct rdsz_ahead *ahead)
{
	const struct rdsz_incoming *offered = READ_ONCE(rs->ahead);

	if (ahead->inc)
		return offered != ahead->inc ||
			rdsz_ahead_end_of(ahead) > ahead->cursor.done;
	return offered && !ahead->refused && READ_ONCE(rs->ahead_reader) == ahead;
}

/* It goes back to the start of its buffer. */
static void rdsz_ahead_forget(struct rdsz_ahead *ahead, struct msghdr *msg)
{
	rdsz_ahead_drop(ahead);
	msg->msg_iter = ahead->start;
}

/* Take an offer, or see whether the one taken still stands. */
static bool rdsz_ahead_begin(struct rdsz_sock *rs, struct rdsz_ahead *ahead, struct msghdr *msg)
{
	struct rdsz_incoming *head;
	bool stands = true, begins = false;

	spin_lock_bh(&rs->queue_lock);
	head = list_first_entry_or_null(&rs->recv_queue, struct rdsz_incoming, node);
	if (ahead->inc) {
		stands = rs->ahead == ahead->inc || head == ahead->inc;
	} else if (rs->ahead && rs->ahead_reader == ahead && !head) {
		begins = true;
		refcount_inc(&rs->ahead->refs);
		ahead->inc = rs->ahead;
		WRITE_ONCE(ahead->inc->is_taken, true);	/* no more than a hint, see tcp_part.c */
		ahead->cursor = (struct rdsz_cursor){};
		ahead->start = msg->msg_iter;
	}
	spin_unlock_bh(&rs->queue_lock);
	if (begins)
		rdsz_stat_inc(rs->rn, recv_read_ahead);
	if (!stands)
		rdsz_ahead_forget(ahead, msg);
	return ahead->inc;
}

/**
 * rdsz_ahead_copy() - copy what has come
 * @rs: socket
 * @ahead: of the call
 * @msg: where to
 *
 * A fault is not reported here: whoever reads the whole message meets it again.
 *
 * Context: process, no lock held.
 */
void rdsz_ahead_copy(struct rdsz_sock *rs, struct rdsz_ahead *ahead, struct msghdr *msg)
{
	if (ahead->refused || !rdsz_ahead_begin(rs, ahead, msg))
		return;
	if (rdsz_incoming_copy(ahead->inc, &ahead->cursor, &msg->msg_iter,
			       rdsz_ahead_end_of(ahead))) {
		rdsz_ahead_forget(ahead, msg);
		ahead->refused = true;
	}
}

/**
 * rdsz_ahead_resume() - a whole message is about to be copied: where to begin
 * @ahead: of the call
 * @inc: the message
 * @msg: where to; back at its start, if it is not the message that was begun
 * @cursor: where in @inc
 */
void rdsz_ahead_resume(struct rdsz_ahead *ahead, const struct rdsz_incoming *inc,
		       struct msghdr *msg, struct rdsz_cursor *cursor)
{
	*cursor = (struct rdsz_cursor){};
	if (ahead->inc == inc)
		*cursor = ahead->cursor;
	else if (ahead->inc)
		rdsz_ahead_forget(ahead, msg);
}

/* ---- the parser ---- */

/* With a reference, or NULL. */
static struct rdsz_sock *rdsz_ahead_socket(struct rdsz_path *path, const struct rdsz_hdr *hdr)
{
	struct rdsz_endpoint to = rdsz_conn_endpoint(path->conn, &path->conn->key.local,
						     hdr->dport);

	return rdsz_find_bound(path->conn->rn, &to);
}

static bool rdsz_ahead_is_wanted(struct rdsz_sock *rs, struct rdsz_incoming *inc)
{
	bool wanted;

	spin_lock_bh(&rs->queue_lock);
	if (!rs->ahead && rs->ahead_reader && list_empty(&rs->recv_queue) && !rs->dead) {
		refcount_inc(&inc->refs);
		WRITE_ONCE(rs->ahead, inc);
	}
	wanted = rs->ahead == inc;
	spin_unlock_bh(&rs->queue_lock);
	return wanted;
}

/**
 * rdsz_ahead_offer() - more of a message has come, and not all
 * @path: by which path
 * @hdr: its header
 * @inc: what there is of it
 * @got: bytes
 *
 * Context: softirq or process, the lock of the TCP socket held.
 */
void rdsz_ahead_offer(struct rdsz_path *path, const struct rdsz_hdr *hdr,
		      struct rdsz_incoming *inc, u32 got)
{
	struct rdsz_sock *rs;

	if (got - inc->ready < RDSZ_AHEAD_STEP || inc->is_inline)
		return;
	smp_store_release(&inc->ready, got);	/* pairs with rdsz_ahead_end_of() */
	rs = rdsz_ahead_socket(path, hdr);
	if (!rs)
		return;
	if (rdsz_ahead_is_wanted(rs, inc))
		rdsz_sock_wake(rs, EPOLLIN | EPOLLRDNORM);
	sock_put(&rs->sk);
}

/**
 * rdsz_ahead_end() - the message is delivered, or never will be
 * @path: by which path
 * @hdr: its header
 * @inc: message that was offered
 *
 * Context: softirq or process; nothing is received on the path meanwhile.
 */
void rdsz_ahead_end(struct rdsz_path *path, const struct rdsz_hdr *hdr, struct rdsz_incoming *inc)
{
	struct rdsz_sock *rs = rdsz_ahead_socket(path, hdr);

	if (!rs)
		return;
	if (READ_ONCE(rs->ahead) == inc) {
		rdsz_ahead_withdraw(rs, inc);
		rdsz_sock_wake(rs, EPOLLIN | EPOLLRDNORM);
	}
	sock_put(&rs->sk);
}

/* Its socket closes, or nothing more of it comes. Any context up to softirq. */
void rdsz_ahead_withdraw(struct rdsz_sock *rs, const struct rdsz_incoming *inc)
{
	struct rdsz_incoming *offered;

	spin_lock_bh(&rs->queue_lock);
	offered = rs->ahead;
	if (offered && (!inc || offered == inc))
		WRITE_ONCE(rs->ahead, NULL);
	else
		offered = NULL;
	spin_unlock_bh(&rs->queue_lock);
	if (offered)
		rdsz_incoming_put(offered);
}

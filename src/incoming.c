// SPDX-License-Identifier: GPL-2.0
/*
 * incoming.c - received messages: building, delivery, receive accounting.
 *
 * The payload is never touched in softirq if it is large: the message keeps clones of TCP's buffers
 * and the one copy goes to the reader. Small or badly filled pieces are copied, so that a few bytes
 * cannot hold on to a large buffer. Accounting counts the memory held and a fixed cost per message,
 * so that empty messages count too.
 */
#include <linux/slab.h>

#include "iter.h"
#include "payload.h"
#include "rdsz.h"
#include "socket.h"
#include "trace.h"

/* Pieces under this are copied; so are those whose buffer is over RDSZ_FILL times their size. */
#define RDSZ_CLONE_MIN	2048
#define RDSZ_FILL	4

/* The part of a clone that belongs to the message, kept in skb->cb. */
struct rdsz_skb_span {
	u32 offset;
	u32 len;
};

static struct rdsz_skb_span *rdsz_span(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct rdsz_skb_span) > sizeof(skb->cb));
	return (struct rdsz_skb_span *)skb->cb;
}

/**
 * rdsz_incoming_alloc() - an incoming message without content
 * @len: payload bytes to come
 * @is_inline: the payload will be copied behind the struct
 * @gfp: how to allocate
 */
struct rdsz_incoming *rdsz_incoming_alloc(u32 len, bool is_inline, gfp_t gfp)
{
	size_t size = sizeof(struct rdsz_incoming) + (is_inline ? len : 0);
	struct rdsz_incoming *inc = kmalloc(size, gfp);

	if (!inc)
		return NULL;
	memset(inc, 0, sizeof(*inc));
	refcount_set(&inc->refs, 1);
	INIT_LIST_HEAD(&inc->node);
	__skb_queue_head_init(&inc->skbs);
	inc->len = len;
	inc->mem = size;
	inc->is_inline = is_inline;
	inc->is_charged = gfp & __GFP_ACCOUNT;
	return inc;
}

void rdsz_incoming_put(struct rdsz_incoming *inc)
{
	if (!refcount_dec_and_test(&inc->refs))
		return;
	__skb_queue_purge(&inc->skbs);
	rdsz_payload_put(inc->payload);
	kfree(inc);
}

static int rdsz_incoming_append_copy(struct rdsz_incoming *inc, struct sk_buff *skb,
				     unsigned int offset, unsigned int len, u32 at)
{
	struct sk_buff *last = skb_peek_tail(&inc->skbs);

	if (!last || skb_cloned(last) || skb_tailroom(last) < len) {
		u32 room = max(len, min(inc->len - at, 2U * RDSZ_CLONE_MIN));

		last = alloc_skb(room, GFP_ATOMIC | __GFP_NOWARN) ?:
			alloc_skb(len, GFP_ATOMIC | __GFP_NOWARN);
		if (!last)
			return -ENOMEM;
		*rdsz_span(last) = (struct rdsz_skb_span){};
		__skb_queue_tail(&inc->skbs, last);
		inc->mem += last->truesize;
	}
	if (skb_copy_bits(skb, offset, skb_put(last, len), len))
		return -EFAULT;
	WRITE_ONCE(rdsz_span(last)->len, rdsz_span(last)->len + len);
	return 0;
}

/**
 * rdsz_incoming_add() - add the next piece of the payload
 * @rn: for the counters
 * @inc: message
 * @skb: TCP's buffer; it stays TCP's, a clone is taken if its memory is worth keeping
 * @offset: start of the piece in @skb
 * @len: its length
 * @at: its place in the message
 *
 * Context: softirq or process, the lock of the TCP socket held.
 * Return: 0, -ENOMEM (nothing was added, try again), -EFAULT (buffer not readable).
 */
int rdsz_incoming_add(struct rdsz_net *rn, struct rdsz_incoming *inc, struct sk_buff *skb,
		      unsigned int offset, unsigned int len, u32 at)
{
	struct sk_buff *clone;
	int err;

	if (!rdsz_skb_readable(skb))
		return -EFAULT;
	if (inc->is_inline)
		return skb_copy_bits(skb, offset, inc->inline_data + at, len);
	if (len < RDSZ_CLONE_MIN || skb->truesize > RDSZ_FILL * len) {
		err = rdsz_incoming_append_copy(inc, skb, offset, len, at);
		if (!err)
			rdsz_stat_inc(rn, recv_copied_small);
		if (err != -ENOMEM)
			return err;
	}
	clone = skb_clone(skb, GFP_ATOMIC | __GFP_NOWARN);
	if (!clone)
		return -ENOMEM;
	*rdsz_span(clone) = (struct rdsz_skb_span){ .offset = offset, .len = len };
	__skb_queue_tail(&inc->skbs, clone);
	inc->mem += clone->truesize;
	return 0;
}

/**
 * rdsz_incoming_copy() - copy to a reader
 * @inc: message, not changed: it can be copied again
 * @cursor: where to begin; moves along
 * @to: destination
 * @end: up to which byte of it, at most what has come
 *
 * Context: process, no lock held; see ahead.c for what is appended meanwhile.
 * Return: 0 or -EFAULT.
 */
int rdsz_incoming_copy(struct rdsz_incoming *inc, struct rdsz_cursor *cursor, struct iov_iter *to,
		       u32 end)
{
	if (inc->is_inline)
		return copy_to_iter(inc->inline_data, end, to) == end ? 0 : -EFAULT;
	while (cursor->done < end) {
		struct sk_buff *skb = cursor->skb ?: skb_peek(&inc->skbs);
		const struct rdsz_skb_span *span = rdsz_span(skb);
		u32 part = min(READ_ONCE(span->len) - cursor->offset, end - cursor->done);

		if (!part) {
			cursor->skb = skb->next;
			cursor->offset = 0;
			continue;
		}
		if (skb_copy_datagram_iter(skb, span->offset + cursor->offset, to, part))
			return -EFAULT;
		cursor->skb = skb;
		cursor->offset += part;
		cursor->done += part;
	}
	return 0;
}

/* Copy the first @len bytes into kernel memory; for map updates, which come by TCP. */
void rdsz_incoming_read(struct rdsz_incoming *inc, u8 *to, u32 len)
{
	struct sk_buff *skb;

	if (inc->is_inline) {
		memcpy(to, inc->inline_data, len);
		return;
	}
	skb_queue_walk(&inc->skbs, skb) {
		const struct rdsz_skb_span *span = rdsz_span(skb);
		u32 part = min(span->len, len);

		skb_copy_bits(skb, span->offset, to, part);
		to += part;
		len -= part;
	}
}

/*
 * Congestion is the soft limit: set above the receive buffer, cleared below half of it. Bytes are
 * what the API promises; memory, at eight times the limit, catches floods of tiny messages.
 */
static void rdsz_recv_check_congestion(struct rdsz_sock *rs)
	__must_hold(&rs->queue_lock)
{
	u64 limit = rdsz_rcvbuf(rs);

	lockdep_assert_held(&rs->queue_lock);
	if (!rs->congested && (rs->rcv_bytes > limit || rs->rcv_mem > 8 * limit ||
			       rs->rcv_cgroup_full))
		rdsz_cong_set_local(rs, true);
	else if (rs->congested && rs->rcv_bytes < limit / 2 && rs->rcv_mem < 4 * limit &&
		 !rs->rcv_cgroup_full)
		rdsz_cong_set_local(rs, false);
}

static void rdsz_recv_charge(struct rdsz_sock *rs, struct rdsz_incoming *inc)
	__must_hold(&rs->queue_lock)
{
	rs->rcv_bytes += inc->len;
	rs->rcv_mem += inc->mem;
	rs->rcv_msgs++;
	rdsz_rcvmem_add(rs, inc);
	atomic_long_add(inc->mem, &rs->rn->rcv_mem);
	rdsz_stat_add(rs->rn, recv_bytes_added_to_sock, inc->len);
	rdsz_recv_check_congestion(rs);
}

static bool rdsz_recv_over_limit(struct rdsz_net *rn)
{
	return atomic_long_read(&rn->rcv_mem) > READ_ONCE(rn->sysctl.rcv_mem_max);
}

/**
 * rdsz_recv_paused() - does the namespace hold so much unread data that delivery stops?
 * @path: path that has something to deliver; if it is true, its recv_work is queued in time
 *
 * The flags are set before the memory is looked at again, and the reader who frees memory looks at
 * them after: one of the two goes on.
 *
 * Context: any up to softirq.
 */
bool rdsz_recv_paused(struct rdsz_path *path)
{
	struct rdsz_net *rn = path->conn->rn;

	if (likely(!rdsz_recv_over_limit(rn)))
		return false;
	set_bit(RDSZ_PATH_RX_PAUSED, &path->flags);
	WRITE_ONCE(rn->rcv_paused, true);
	smp_mb();	/* pairs with rdsz_recv_resume() */
	if (!rdsz_recv_over_limit(rn))
		return false;
	rdsz_stat_inc(rn, recv_paused);
	return true;
}

/* Reading goes on once a quarter of the limit is free. */
void rdsz_recv_resume(struct rdsz_net *rn)
{
	unsigned long max = READ_ONCE(rn->sysctl.rcv_mem_max);
	struct rdsz_conn *conn = NULL;
	struct rdsz_path *path;
	int i;

	if (!READ_ONCE(rn->rcv_paused) || atomic_long_read(&rn->rcv_mem) > max - max / 4)
		return;
	WRITE_ONCE(rn->rcv_paused, false);
	smp_mb();	/* pairs with rdsz_recv_paused(): flag, then test the memory again */
	while ((conn = rdsz_conn_next(rn, conn)))
		rdsz_conn_for_each_lane(conn, path, i)
			if (test_and_clear_bit(RDSZ_PATH_RX_PAUSED, &path->flags))
				rdsz_net_queue_work(rn, &path->recv_work);
}

/**
 * rdsz_recv_uncharge() - a message was read: its memory goes
 * @rs: reader
 * @inc: message, off the queue
 *
 * Context: process, no lock held.
 */
void rdsz_recv_uncharge(struct rdsz_sock *rs, struct rdsz_incoming *inc)
{
	spin_lock_bh(&rs->queue_lock);
	rs->rcv_bytes -= inc->len;
	rs->rcv_mem -= inc->mem;
	rs->rcv_msgs--;
	rdsz_rcvmem_sub(rs, inc);
	rdsz_recv_check_congestion(rs);
	spin_unlock_bh(&rs->queue_lock);
	atomic_long_sub(inc->mem, &rs->rn->rcv_mem);
	smp_mb__after_atomic();	/* pairs with rdsz_recv_paused(): flag, then the memory */
	rdsz_stat_add(rs->rn, recv_bytes_freed_fromsock, inc->len);
	rdsz_recv_resume(rs->rn);
}

/*
 * close(): unread messages go, and the port is not congested any more. The socket is marked dead.
 */
void rdsz_recv_purge(struct rdsz_sock *rs)
{
	struct rdsz_incoming *inc, *next;
	LIST_HEAD(unread);

	rdsz_ahead_withdraw(rs, NULL);
	spin_lock_bh(&rs->queue_lock);
	list_splice_init(&rs->recv_queue, &unread);
	spin_unlock_bh(&rs->queue_lock);
	list_for_each_entry_safe(inc, next, &unread, node) {
		list_del_init(&inc->node);
		rdsz_recv_uncharge(rs, inc);
		rdsz_incoming_put(inc);
	}
	spin_lock_bh(&rs->queue_lock);
	if (rs->congested)
		rdsz_cong_set_local(rs, false);
	spin_unlock_bh(&rs->queue_lock);
}

static bool rdsz_enqueue(struct rdsz_sock *rs, struct rdsz_incoming *inc)
{
	bool alive;

	spin_lock_bh(&rs->queue_lock);
	alive = !rs->dead;
	if (alive) {
		list_add_tail(&inc->node, &rs->recv_queue);
		rdsz_recv_charge(rs, inc);
	}
	spin_unlock_bh(&rs->queue_lock);
	return alive;
}

/**
 * rdsz_deliver_to() - put a message into the queue of the socket it is for
 * @rn: namespace
 * @from: sender
 * @to: receiver
 * @inc: message, taken over
 *
 * Context: process or softirq; locks held at most those of a TCP socket.
 */
void rdsz_deliver_to(struct rdsz_net *rn, const struct rdsz_endpoint *from,
		     const struct rdsz_endpoint *to, struct rdsz_incoming *inc)
{
	struct rdsz_sock *rs = rdsz_find_bound(rn, to);

	if (!rs) {
		rdsz_drop(rn, recv_drop_no_sock, from, to, inc->len);
		rdsz_incoming_put(inc);
		return;
	}
	inc->from = *from;
	if (sock_flag(&rs->sk, SOCK_RCVTSTAMP))
		inc->tstamp = ktime_get_real();
	inc->stages[RDSZ_RX_QUEUED] = rdsz_rx_stamp(rn) ?: rdsz_hist_stamp(rn);
	trace_rds_zc_message(rn, RDSZ_TRACE_DELIVER, from, to, 0, inc->len);
	if (rdsz_enqueue(rs, inc)) {
		rdsz_stat_inc(rn, recv_queued);
		rdsz_sock_wake(rs, EPOLLIN | EPOLLRDNORM);
	} else {
		rdsz_drop(rn, recv_drop_dead_sock, from, to, inc->len);
		rdsz_incoming_put(inc);
	}
	sock_put(&rs->sk);
}

/**
 * rdsz_deliver() - a whole frame has arrived by TCP
 * @path: on which lane of which peer
 * @hdr: its header
 * @inc: its payload, taken over
 *
 * Context: the lock of the TCP socket is held, which serialises next_rx_seq.
 */
void rdsz_deliver(struct rdsz_path *path, const struct rdsz_hdr *hdr, struct rdsz_incoming *inc)
{
	struct rdsz_conn *conn = path->conn;
	struct rdsz_endpoint from = rdsz_conn_endpoint(conn, &conn->key.peer, hdr->sport);
	struct rdsz_endpoint to = rdsz_conn_endpoint(conn, &conn->key.local, hdr->dport);
	u64 seq = be64_to_cpu(hdr->seq);

	if (rdsz_ack_is_pure(path, hdr)) {
		rdsz_stat_inc(conn->rn, ack_received);
		rdsz_incoming_put(inc);
		return;
	}
	if (rdsz_hdr_is_handshake(hdr))
		rdsz_handshake_generation(path, hdr);
	rdsz_ack_owe(path, hdr);	/* sent after the delivery below, at the earliest */
	if (rdsz_seq_is_duplicate(seq, path->next_rx_seq, hdr->flags)) {
		rdsz_drop(conn->rn, recv_drop_old_seq, &from, &to, inc->len);
		rdsz_incoming_put(inc);
		return;
	}
	path->next_rx_seq = seq + 1;
	inc->seq = seq;
	if (rdsz_hdr_is_ping(hdr) &&
	    (READ_ONCE(conn->rn->sysctl.ping_enable) || rdsz_hdr_is_handshake(hdr))) {
		rdsz_ping_received(path, hdr);
		rdsz_incoming_put(inc);
	} else if (rdsz_hdr_is_handshake(hdr)) {
		rdsz_handshake_received(path, hdr);
		rdsz_incoming_put(inc);
	} else {
		rdsz_deliver_to(conn->rn, &from, &to, inc);
	}
}

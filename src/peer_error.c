// SPDX-License-Identifier: GPL-2.0
/*
 * peer_error.c - RDSZC_PEER_ERROR: sockets that want to know which peers cannot be reached.
 *
 * Each attempt to connect that fails is told to the sockets whose messages wait for it, once for
 * each message: a socket that asked gets one record in its error queue, named after the first
 * message that it was not told about, and its pending error is set. Nothing is dropped; the
 * attempts go on.
 *
 * RDSZ_PATH_UNTOLD of lane 0 says that some message of the conn waits to be told of, so that no
 * queue is walked for nothing.
 *
 * The records are skbs in sk_error_queue, charged to the receive buffer by the core. The
 * destination is their data.
 */
#include <linux/errqueue.h>
#include <linux/in.h>

#include "rdsz.h"

/* As long as a record waits; who takes the last one clears it under the same lock. */
static void rdsz_peer_error_pend(struct sock *sk, int err)
{
	struct sk_buff_head *queue = &sk->sk_error_queue;
	unsigned long irq;

	spin_lock_irqsave(&queue->lock, irq);
	if (!skb_queue_empty(queue))
		WRITE_ONCE(sk->sk_err, err);
	spin_unlock_irqrestore(&queue->lock, irq);
}

static void rdsz_peer_error_queue(struct rdsz_sock *rs, const struct rdsz_endpoint *peer, int err)
{
	struct sk_buff *skb = alloc_skb(sizeof(*peer), GFP_ATOMIC | __GFP_NOWARN);
	struct sock_exterr_skb *serr;

	if (!skb)
		goto lost;
	skb_put_data(skb, peer, sizeof(*peer));
	serr = SKB_EXT_ERR(skb);
	memset(serr, 0, sizeof(*serr));
	serr->ee.ee_errno = err;
	serr->ee.ee_origin = SO_EE_ORIGIN_LOCAL;
	if (!sock_queue_err_skb(&rs->sk, skb)) {
		rdsz_stat_inc(rs->rn, peer_errors);
		rdsz_peer_error_pend(&rs->sk, err);
		rdsz_sock_wake(rs, EPOLLERR);
		return;
	}
	kfree_skb(skb);
lost:
	WRITE_ONCE(rs->sk.sk_err, err);
	rdsz_stat_inc(rs->rn, peer_errors_lost);
	rdsz_sock_wake(rs, EPOLLERR);
}

/* One record for each socket and attempt, however many messages wait. */
static void rdsz_peer_error_tell(struct rdsz_message *m, u64 attempt, int err)
	__must_hold(&m->path->lock)
{
	const struct rdsz_conn *conn = m->path->conn;
	struct rdsz_endpoint peer = rdsz_conn_endpoint(conn, &conn->key.peer, m->hdr.dport);
	struct rdsz_sock *rs = rdsz_message_sender(m);

	if (!rs)
		return;
	if (READ_ONCE(rs->peer_error) && !test_and_set_bit(RDSZ_MSG_TOLD, &m->flags) &&
	    READ_ONCE(rs->told) != attempt) {
		WRITE_ONCE(rs->told, attempt);
		rdsz_peer_error_queue(rs, &peer, err);
	}
	sock_put(&rs->sk);
}

/* All that waits on a lane that is not UP is in its two queues, or held for it. */
static void rdsz_peer_error_tell_lane(struct rdsz_path *path, u64 attempt, int err)
{
	struct rdsz_message *m;

	spin_lock_bh(&path->lock);
	list_for_each_entry(m, &path->send_queue, path_node)
		rdsz_peer_error_tell(m, attempt, err);
	list_for_each_entry(m, &path->queue.waiting, path_node)
		rdsz_peer_error_tell(m, attempt, err);
	list_for_each_entry(m, &path->held, path_node)
		rdsz_peer_error_tell(m, attempt, err);
	spin_unlock_bh(&path->lock);
}

/**
 * rdsz_peer_unreachable() - an attempt to connect has failed
 * @conn: conn; what waits on its lanes that are not UP is told of
 * @err: positive errno
 *
 * Context: process, no lock held.
 */
void rdsz_peer_unreachable(struct rdsz_conn *conn, int err)
{
	static atomic64_t attempts;
	struct rdsz_path *path;
	u64 attempt;
	int i;

	if (!test_and_clear_bit(RDSZ_PATH_UNTOLD, &conn->path.flags))
		return;
	attempt = atomic64_inc_return(&attempts);
	rdsz_conn_for_each_lane(conn, path, i) {
		if (rdsz_path_is_up(path))
			set_bit(RDSZ_PATH_UNTOLD, &conn->path.flags);	/* for when it is lost */
		else
			rdsz_peer_error_tell_lane(path, attempt, err);
	}
}

/* What waits already counts, too: under the lock it is either seen here or comes later. */
int rdsz_peer_error_set(struct rdsz_sock *rs, int value)
{
	struct rdsz_message *m;

	if (value < 0 || value > 1)
		return -EINVAL;
	spin_lock_bh(&rs->queue_lock);
	WRITE_ONCE(rs->peer_error, value);
	list_for_each_entry(m, &rs->send_list, sock_node)
		if (value && !test_bit(RDSZ_MSG_TOLD, &m->flags))
			set_bit(RDSZ_PATH_UNTOLD, &m->path->conn->path.flags);
	spin_unlock_bh(&rs->queue_lock);
	return 0;
}

/* The oldest record: taken off the queue, or with a reference of the looker's. */
static struct sk_buff *rdsz_peer_error_take(struct rdsz_sock *rs, bool peek)
{
	struct sk_buff_head *queue = &rs->sk.sk_error_queue;
	struct sk_buff *skb;
	unsigned long irq;

	spin_lock_irqsave(&queue->lock, irq);	/* the core takes it so */
	skb = skb_peek(queue);
	if (skb && peek)
		skb_get(skb);
	else if (skb)
		__skb_unlink(skb, queue);
	/* Who has read all records knows the error. */
	if (skb && skb_queue_empty(queue))
		WRITE_ONCE(rs->sk.sk_err, 0);
	spin_unlock_irqrestore(&queue->lock, irq);
	return skb;
}

static void rdsz_peer_error_put_name(struct msghdr *msg, const struct sk_buff *skb)
{
	struct rdsz_endpoint peer;
	struct sockaddr_storage ss;

	if (!msg->msg_name)
		return;
	memcpy(&peer, skb->data, sizeof(peer));
	msg->msg_namelen = rdsz_addr_format(&ss, &peer);
	memcpy(msg->msg_name, &ss, msg->msg_namelen);
}

/**
 * rdsz_peer_error_recv() - recvmsg(MSG_ERRQUEUE): the oldest record about a peer
 * @rs: reader
 * @msg: where to; a control buffer without room gets MSG_CTRUNC, and the record stays
 * @flags: of recvmsg; with MSG_PEEK nothing is taken
 *
 * Return: 0, -EAGAIN: there is none, -EFAULT: it stays.
 */
int rdsz_peer_error_recv(struct rdsz_sock *rs, struct msghdr *msg, int flags)
{
	bool peek = flags & MSG_PEEK;
	struct sk_buff *skb;
	int err;

	if (skb_queue_empty_lockless(&rs->sk.sk_error_queue))
		return -EAGAIN;
	if (!rdsz_cmsg_fits(msg, sizeof(struct sock_extended_err))) {
		msg->msg_flags |= MSG_ERRQUEUE | MSG_CTRUNC;
		return 0;
	}
	skb = rdsz_peer_error_take(rs, peek);
	if (!skb)
		return -EAGAIN;
	err = put_cmsg(msg, SOL_IP, IP_RECVERR, sizeof(struct sock_extended_err),
		       &SKB_EXT_ERR(skb)->ee);
	if (err && !peek) {
		skb_queue_head(&rs->sk.sk_error_queue, skb);
		return err;
	}
	if (!err) {
		rdsz_peer_error_put_name(msg, skb);
		msg->msg_flags |= MSG_ERRQUEUE;
	}
	kfree_skb(skb);
	return err;
}

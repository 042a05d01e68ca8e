// SPDX-License-Identifier: GPL-2.0
/*
 * message.c - outgoing messages: their references, and how they leave the sender's queue.
 *
 * A queued message is on two lists: of the path it travels and of the socket that sent it. They
 * part at different times: the socket's send buffer is released when TCP has the acknowledgement,
 * the path keeps the message while it may have to be sent again (see ack.c), and close() or a
 * cancel withdraws it from both. RDSZ_MSG_ON_SOCK decides the race for the socket's side: who
 * clears the bit unlinks the message, releases its send buffer space and drops the socket
 * reference. The others leave it alone.
 */
#include <linux/slab.h>

#include "payload.h"
#include "rdsz.h"
#include "trace.h"

/**
 * rdsz_message_alloc() - a message with one reference, not queued
 * @path: where it will go; its conn is held
 * @payload: bytes, or NULL when empty; taken over on success
 * @len: payload bytes
 * @sport: our port
 * @dport: the peer's port
 * @gfp: how to allocate
 */
struct rdsz_message *rdsz_message_alloc(struct rdsz_path *path, struct rdsz_payload *payload,
					u32 len, __be16 sport, __be16 dport, gfp_t gfp)
{
	struct rdsz_message *m = kzalloc(sizeof(*m), gfp);

	if (!m)
		return NULL;
	refcount_set(&m->refs, 1);
	INIT_LIST_HEAD(&m->path_node);
	INIT_LIST_HEAD(&m->sock_node);
	rdsz_conn_hold(path->conn);
	m->path = path;
	m->payload = payload;
	m->len = len;
	m->dport = dport;
	m->stamp = rdsz_hist_stamp(path->conn->rn);
	rdsz_hdr_init(&m->hdr, 0, len, sport, dport);
	return m;
}

/* Drop a reference. @wakes is for the cookie's reader, as in rdsz_payload_put_batched(). */
void rdsz_message_put_batched(struct rdsz_message *m, struct rdsz_wakes *wakes)
{
	if (!refcount_dec_and_test(&m->refs))
		return;
	if (test_bit(RDSZ_MSG_PONG, &m->flags))
		atomic_dec(&m->path->nr_pongs);
	rdsz_payload_put_batched(m->payload, wakes);
	rdsz_conn_put(m->path->conn);
	kfree(m);
}

void rdsz_message_put(struct rdsz_message *m)
{
	rdsz_message_put_batched(m, NULL);
}

/* The caller has cleared RDSZ_MSG_ON_SOCK and holds the queue_lock. */
static void rdsz_message_unlink(struct rdsz_sock *rs, struct rdsz_message *m)
	__must_hold(&rs->queue_lock)
{
	lockdep_assert_held(&rs->queue_lock);
	list_del_init(&m->sock_node);
	rs->snd_bytes -= m->len;
	rs->snd_msgs--;
}

/* For those who watch: TCP has acknowledged the message. */
static void rdsz_message_told(const struct rdsz_message *m)
{
	rdsz_hist_add(m->rs->rn, RDSZ_HIST_send_to_ack, m->stamp);
	rdsz_trace_message(m, RDSZ_TRACE_ACK);
}

/**
 * rdsz_message_release_space() - give the message's send buffer space back, once
 * @m: message; the caller holds a reference and no lock
 *
 * Context: any up to softirq. Wakes writers that wait for space.
 */
void rdsz_message_release_space(struct rdsz_message *m)
{
	struct rdsz_sock *rs = m->rs;

	if (!test_and_clear_bit(RDSZ_MSG_ON_SOCK, &m->flags))
		return;
	spin_lock_bh(&rs->queue_lock);
	rdsz_message_unlink(rs, m);
	spin_unlock_bh(&rs->queue_lock);
	rdsz_message_told(m);
	rdsz_sock_wake(rs, EPOLLOUT | EPOLLWRNORM);
	sock_put(&rs->sk);
	rdsz_message_put(m);
}

/**
 * rdsz_message_sender() - the socket in whose send buffer a message is
 * @m: message; the caller holds a reference
 *
 * It may have let go of the message meanwhile, and then be on its way to be freed, which takes an
 * RCU period.
 *
 * Return: the socket, with a reference, or NULL.
 */
struct rdsz_sock *rdsz_message_sender(const struct rdsz_message *m)
{
	struct rdsz_sock *rs = NULL;

	rcu_read_lock();
	if (m->rs && test_bit(RDSZ_MSG_ON_SOCK, &m->flags) &&
	    refcount_inc_not_zero(&m->rs->sk.sk_refcnt))
		rs = m->rs;
	rcu_read_unlock();
	return rs;
}

/**
 * rdsz_message_take_space() - first half of giving send buffer space back, for many messages at
 * once
 * @m: message, its path's lock is held
 * @space: collects it, for rdsz_messages_give_space()
 */
void rdsz_message_take_space(struct rdsz_message *m, struct list_head *space)
{
	struct rdsz_sock *rs = m->rs;

	lockdep_assert_held(&m->path->lock);
	if (!test_and_clear_bit(RDSZ_MSG_ON_SOCK, &m->flags))
		return;
	spin_lock(&rs->queue_lock);
	rdsz_message_unlink(rs, m);
	spin_unlock(&rs->queue_lock);
	list_add_tail(&m->sock_node, space);
}

/* The other half, with no lock held; who waits for space is woken with @wakes. */
void rdsz_messages_give_space(struct list_head *space, struct rdsz_wakes *wakes)
{
	struct rdsz_message *m, *next;

	list_for_each_entry_safe(m, next, space, sock_node) {
		rdsz_message_told(m);
		list_del_init(&m->sock_node);
		rdsz_wake_later(wakes, m->rs, EPOLLOUT | EPOLLWRNORM);
		rdsz_message_put_batched(m, wakes);
	}
}

/**
 * rdsz_message_dequeue() - take a message off its path: it is not sent (again)
 * @m: message; the caller holds a reference
 *
 * What TCP has of it goes out all the same, and its payload waits for TCP.
 *
 * Return: true if it was queued.
 */
bool rdsz_message_dequeue(struct rdsz_message *m)
{
	struct rdsz_path *path = rdsz_message_lock_path(m);
	bool queued;

	queued = test_and_clear_bit(RDSZ_MSG_ON_PATH, &m->flags);
	if (queued) {
		rdsz_queue_left(path, m);
		rdsz_path_load_left(path, m);
		rdsz_unretain(m);
		rdsz_lanes_left(path, m);
		list_del_init(&m->path_node);
	}
	spin_unlock_bh(&path->lock);
	if (queued)
		rdsz_message_put(m);
	return queued;
}

static bool rdsz_message_is_to(const struct rdsz_message *m, const struct rdsz_endpoint *to)
{
	return !to || (m->dport == to->port &&
		       !rdsz_addr_cmp(&m->path->conn->key.peer, &to->ip));
}

/**
 * rdsz_messages_withdraw() - withdraw messages that were not acknowledged yet
 * @rs: sender
 * @to: only those to this address and port (the scope does not count); NULL: all
 *
 * Context: process.
 * Return: how many.
 */
u32 rdsz_messages_withdraw(struct rdsz_sock *rs, const struct rdsz_endpoint *to)
{
	struct rdsz_message *m, *next;
	LIST_HEAD(withdrawn);
	u32 n = 0;

	spin_lock_bh(&rs->queue_lock);
	list_for_each_entry_safe(m, next, &rs->send_list, sock_node) {
		if (!rdsz_message_is_to(m, to) ||
		    !test_and_clear_bit(RDSZ_MSG_ON_SOCK, &m->flags))
			continue;
		rdsz_message_unlink(rs, m);
		list_add_tail(&m->sock_node, &withdrawn);
	}
	spin_unlock_bh(&rs->queue_lock);

	list_for_each_entry_safe(m, next, &withdrawn, sock_node) {
		list_del_init(&m->sock_node);
		rdsz_trace_message(m, RDSZ_TRACE_WITHDRAW);
		rdsz_message_dequeue(m);
		rdsz_message_put(m);
		sock_put(&rs->sk);
		n++;
	}
	if (n)
		rdsz_sock_wake(rs, EPOLLOUT | EPOLLWRNORM);
	return n;
}

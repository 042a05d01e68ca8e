// SPDX-License-Identifier: GPL-2.0
/*
 * ack.c - when a message is done: what TCP acknowledges, and what the peer's RDS acknowledges.
 *
 * TCP's acknowledgement gives the sender its send buffer space back, whoever the peer is. Whether
 * it also ends the message depends on the peer. In-tree RDS says nothing more, so there it does.
 * One of ours tells, by h_ack in every frame, up to which sequence number it has put messages into
 * the queue of a socket or refused them for good; until then a message is retained, and goes out
 * again if the connection is lost. Who the peer is it tells on each connection anew, and before
 * that nothing is forgotten.
 *
 * The other direction: frames that go out anyway carry our h_ack. Where none goes, a frame of its
 * own does, after RDSZ_ACK_MSGS messages or RDSZ_ACK_BYTES bytes, or after one to two times
 * RDSZ_ACK_DELAY_NS: the timer, once started, is not stopped by a frame that carries what it was
 * started for. When it runs it then gives what came later the same time.
 *
 * What was learned from the peer, and what we owe it, is written under the lock of the TCP socket
 * and belongs to one connection.
 */
#include "hrtimer_compat.h"
#include "rdsz.h"
#include "trace.h"

#define RDSZ_ACK_MSGS		64
#define RDSZ_ACK_BYTES		(256 * 1024)
#define RDSZ_ACK_DELAY_NS	(800 * NSEC_PER_USEC)

/*
 * No more than this is retained per path, or a peer that acknowledges nothing could make us keep
 * without bound. A good one owes what its TCP has not handed on yet, and 2 ms of traffic.
 */
#define RDSZ_RETAIN_MAX		(32U << 20)

/* Bookkeeping that each message costs, whatever its size. */
#define RDSZ_RETAIN_COST	512

/* The peer, too, acknowledges deliveries. */
static bool rdsz_ack_spoken(const struct rdsz_path *path)
{
	return rdsz_path_peer_can(path, RDSZ_CAP_DELIVERY_ACK);
}

/* ---- what we have sent ---- */

static u32 rdsz_retain_mem(const struct rdsz_message *m)
{
	return m->len + RDSZ_RETAIN_COST;
}

static void rdsz_retain(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	set_bit(RDSZ_MSG_RETAINED, &m->flags);
	path->retained_mem += rdsz_retain_mem(m);
	list_move_tail(&m->path_node, &path->retained);
	rdsz_stat_inc(path->conn->rn, msg_retained);
}

/**
 * rdsz_unretain() - a message that may be retained leaves its path queue
 * @m: message; the lock of its path is held, and the caller unlinks it
 */
void rdsz_unretain(struct rdsz_message *m)
{
	struct rdsz_path *path = m->path;

	lockdep_assert_held(&path->lock);
	if (!test_and_clear_bit(RDSZ_MSG_RETAINED, &m->flags))
		return;
	path->retained_mem -= rdsz_retain_mem(m);
	rdsz_stat_inc(path->conn->rn, msg_retained_done);
}

/* True if a message that TCP has acknowledged will not have to be sent again. */
static bool rdsz_is_delivered(const struct rdsz_path *path, const struct rdsz_message *m)
{
	enum rdsz_peer_kind peer = rdsz_path_peer(path);

	if (peer == RDSZ_PEER_OURS && rdsz_ack_spoken(path))
		return be64_to_cpu(m->hdr.seq) <= READ_ONCE(path->peer_ack);
	return peer != RDSZ_PEER_UNKNOWN;
}

static void rdsz_message_delivered(struct rdsz_message *m, struct list_head *done)
	__must_hold(&m->path->lock)
{
	rdsz_unretain(m);
	rdsz_path_load_left(m->path, m);
	rdsz_lanes_left(m->path, m);
	clear_bit(RDSZ_MSG_ON_PATH, &m->flags);
	list_move_tail(&m->path_node, done);
}

/* True if the queue was held, and need not be any longer. */
static bool rdsz_retains_less(struct rdsz_path *path)
	__must_hold(&path->lock)
{
	return path->retained_mem <= RDSZ_RETAIN_MAX / 2 &&
		test_and_clear_bit(RDSZ_PATH_RETAIN_FULL, &path->flags);
}

/*
 * True if so much is retained that no more messages go out; held by the caller until some are gone.
 */
bool rdsz_path_hold_queue(struct rdsz_path *path)
	__must_hold(&path->lock)
{
	if (likely(path->retained_mem < RDSZ_RETAIN_MAX))
		return false;
	/* A peer that has not heard who we are acknowledges nothing: our word goes out first. */
	if (!test_bit(RDSZ_PATH_INTRODUCED, &path->flags))
		return false;
	if (!test_and_set_bit(RDSZ_PATH_RETAIN_FULL, &path->flags))
		rdsz_stat_inc(path->conn->rn, retain_full);
	return true;
}

/**
 * rdsz_path_acked() - settle what TCP, and perhaps the peer, has acknowledged
 * @path: path
 * @snd_una: everything before it has reached the peer's TCP
 *
 * Context: process or softirq, perhaps under the lock of the TCP socket.
 */
void rdsz_path_acked(struct rdsz_path *path, u32 snd_una)
{
	struct rdsz_message *m, *next;
	LIST_HEAD(space);	/* by sock_node: send buffer space to give back */
	LIST_HEAD(done);	/* by path_node: needed no more */
	struct rdsz_wakes wakes;
	bool go_on;

	spin_lock_bh(&path->lock);
	list_for_each_entry_safe(m, next, &path->retained, path_node) {
		if (!rdsz_is_delivered(path, m))
			break;
		rdsz_message_delivered(m, &done);
	}
	list_for_each_entry_safe(m, next, &path->retrans, path_node) {
		if (!rdsz_tcp_seq_acked(m->tcp_end, snd_una))
			break;
		rdsz_message_take_space(m, &space);
		if (rdsz_is_delivered(path, m))
			rdsz_message_delivered(m, &done);
		else
			rdsz_retain(path, m);
	}
	go_on = rdsz_retains_less(path);
	spin_unlock_bh(&path->lock);

	wakes.nr = 0;
	rdsz_messages_give_space(&space, &wakes);
	list_for_each_entry_safe(m, next, &done, path_node) {
		list_del_init(&m->path_node);
		if (unlikely(test_bit(RDSZ_MSG_OFFER, &m->flags)))
			rdsz_handshake_offer_acked(path);
		rdsz_message_put_batched(m, &wakes);
	}
	rdsz_wake_all(&wakes);
	if (go_on)
		rdsz_path_kick(path, false);
}

/* ---- what the peer tells ---- */

/**
 * rdsz_ack_settle() - we know more about the peer: some of what is retained may go
 * @path: path
 *
 * Done behind the frames that are being read, or by the receive worker.
 */
void rdsz_ack_settle(struct rdsz_path *path)
{
	WRITE_ONCE(path->settle, true);
	rdsz_net_queue_work(path->conn->rn, &path->recv_work);
}

/**
 * rdsz_ack_learn() - look at the h_ack of a frame
 * @path: path
 * @hdr: header, just complete
 *
 * Context: the lock of the TCP socket is held.
 * Return: false if it acknowledges what was never sent.
 */
bool rdsz_ack_learn(struct rdsz_path *path, const struct rdsz_hdr *hdr)
{
	u64 ack = be64_to_cpu(hdr->ack);

	if (ack <= path->peer_ack || !rdsz_ack_spoken(path))
		return true;
	if (ack >= READ_ONCE(path->next_tx_seq)) {
		rdsz_drop_frame(path, hdr, recv_drop_bad_ack);
		return false;
	}
	WRITE_ONCE(path->peer_ack, ack);
	WRITE_ONCE(path->settle, true);
	return true;
}

/* A frame that carries nothing but its h_ack, from one of ours. */
bool rdsz_ack_is_pure(const struct rdsz_path *path, const struct rdsz_hdr *hdr)
{
	return !hdr->sport && !hdr->dport && !hdr->len && rdsz_ack_spoken(path);
}

/* ---- what we owe the peer ---- */

/**
 * rdsz_ack_owe() - a message of the peer was delivered, or refused for good
 * @path: path
 * @hdr: its header
 *
 * Context: the lock of the TCP socket is held.
 */
void rdsz_ack_owe(struct rdsz_path *path, const struct rdsz_hdr *hdr)
{
	u64 seq = be64_to_cpu(hdr->seq);

	if (seq > path->rx_ack)
		WRITE_ONCE(path->rx_ack, seq);
	WRITE_ONCE(path->rx_bytes, path->rx_bytes + be32_to_cpu(hdr->len));
}

static bool rdsz_ack_owed(const struct rdsz_path *path)
{
	return rdsz_ack_spoken(path) && rdsz_path_is_up(path) &&
		READ_ONCE(path->rx_ack) != READ_ONCE(path->tx_ack);
}

static void rdsz_ack_later(struct rdsz_path *path)
{
	if (test_and_set_bit(RDSZ_PATH_ACK_TIMER, &path->flags))
		return;
	WRITE_ONCE(path->timed_ack, READ_ONCE(path->rx_ack));
	hrtimer_start(&path->ack_timer, ns_to_ktime(RDSZ_ACK_DELAY_NS), HRTIMER_MODE_REL_SOFT);
}

static void rdsz_ack_now(struct rdsz_path *path)
{
	/* What is owed was written before; pairs with rdsz_ack_take_due(). */
	if (!test_and_set_bit(RDSZ_PATH_ACK_DUE, &path->flags))
		rdsz_path_kick(path, false);
}

/**
 * rdsz_ack_after_read() - frames were read from TCP: settle, and see what is owed for them
 * @path: path
 * @snd_una: as for rdsz_path_acked()
 *
 * Context: the lock of the TCP socket is held.
 */
void rdsz_ack_after_read(struct rdsz_path *path, u32 snd_una)
{
	if (READ_ONCE(path->settle)) {
		WRITE_ONCE(path->settle, false);
		rdsz_path_acked(path, snd_una);
	}
	if (!rdsz_ack_owed(path))
		return;
	if (path->rx_ack - READ_ONCE(path->tx_ack) >= RDSZ_ACK_MSGS ||
	    path->rx_bytes - READ_ONCE(path->tx_ack_bytes) >= RDSZ_ACK_BYTES)
		rdsz_ack_now(path);
	else
		rdsz_ack_later(path);
}

static enum hrtimer_restart rdsz_ack_timer(struct hrtimer *timer)
{
	struct rdsz_path *path = container_of(timer, struct rdsz_path, ack_timer);

	clear_bit(RDSZ_PATH_ACK_TIMER, &path->flags);
	smp_mb__after_atomic();	/* clear, then look: who owes more from now on starts it again */
	if (!rdsz_ack_owed(path))
		return HRTIMER_NORESTART;
	if (READ_ONCE(path->tx_ack) < READ_ONCE(path->timed_ack))
		rdsz_ack_now(path);
	else
		rdsz_ack_later(path);
	return HRTIMER_NORESTART;
}

/**
 * rdsz_ack_take_due() - must an acknowledgement go out, if need be in a frame of its own?
 * @path: path, the caller owns the right to transmit
 *
 * Who gets true and sends nothing puts it back with rdsz_ack_put_due().
 */
bool rdsz_ack_take_due(struct rdsz_path *path)
{
	if (!test_and_clear_bit(RDSZ_PATH_ACK_DUE, &path->flags))
		return false;
	return rdsz_ack_owed(path);
}

void rdsz_ack_put_due(struct rdsz_path *path)
{
	set_bit(RDSZ_PATH_ACK_DUE, &path->flags);
}

/* The h_ack of the frames that go out next; the caller owns the right to transmit. */
u64 rdsz_ack_peek(const struct rdsz_path *path)
{
	return rdsz_ack_spoken(path) ? READ_ONCE(path->rx_ack) : 0;
}

/* These frames are on their way; the caller owns the right to transmit. */
void rdsz_ack_stamped(struct rdsz_path *path, u64 ack)
{
	WRITE_ONCE(path->tx_ack_bytes, READ_ONCE(path->rx_bytes));
	WRITE_ONCE(path->tx_ack, ack);
}

/**
 * rdsz_ack_message() - a frame of its own for an acknowledgement
 * @path: path, the caller owns the right to transmit
 *
 * From port 0 to port 0, empty, never retained. Its number is the one before the next message's.
 */
struct rdsz_message *rdsz_ack_message(struct rdsz_path *path)
{
	struct rdsz_message *m = rdsz_message_alloc(path, NULL, 0, 0, 0, GFP_KERNEL);
	struct rdsz_message *first;

	if (!m)
		return NULL;
	spin_lock_bh(&path->lock);
	first = list_first_entry_or_null(&path->send_queue, struct rdsz_message, path_node);
	m->hdr.seq = first ? cpu_to_be64(be64_to_cpu(first->hdr.seq) - 1) :
			     cpu_to_be64(path->next_tx_seq++);
	spin_unlock_bh(&path->lock);
	rdsz_stat_inc(path->conn->rn, ack_sent);
	return m;
}

/* ---- life ---- */

/*
 * The connection is closed, and the next one may lead to somebody else. Nothing of it runs but,
 * maybe, ack_timer: it finds nothing owed, or sends what the next one owes a little early.
 */
void rdsz_ack_forget(struct rdsz_path *path)
{
	path->settle = false;
	path->peer_ack = 0;
	path->rx_ack = 0;
	path->tx_ack = 0;
	path->timed_ack = 0;
	path->tx_ack_bytes = path->rx_bytes;
	clear_bit(RDSZ_PATH_ACK_DUE, &path->flags);
}

void rdsz_ack_init(struct rdsz_path *path)
{
	INIT_LIST_HEAD(&path->retained);
	rdsz_hrtimer_setup(&path->ack_timer, rdsz_ack_timer, HRTIMER_MODE_REL_SOFT);
}

/* The path has no connection any more. */
void rdsz_ack_exit(struct rdsz_path *path)
{
	hrtimer_cancel(&path->ack_timer);
}

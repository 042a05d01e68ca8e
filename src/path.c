// SPDX-License-Identifier: GPL-2.0
/*
 * path.c - a lane of a conn: its state machine, its queues, and who may transmit.
 *
 *            want                    established
 *   DOWN ------------> CONNECTING ---------------> UP
 *    ^                     |                        | drop, or a newer connection
 *    |       failed        |                        v
 *    +---------------------+------------- DISCONNECTING
 *              drained, or out of time
 *
 * One worker (state_work) makes all changes; everybody else leaves a bit in path->flags and wakes
 * it. An accepted connection enters DOWN, and is UP at once. While DISCONNECTING what the peer sent
 * is still read and its acknowledgements still count; nothing is sent.
 *
 * The right to transmit is the bit RDSZ_PATH_OWNED. Who finds it taken leaves RDSZ_PATH_KICKED,
 * which the owner looks at again after it has let go, so no request is lost. The owner alone
 * touches path->pass, gives messages their numbers and takes them off send_queue to send them.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "payload.h"
#include "rdsz.h"
#include "trace.h"

#define RDSZ_CLOSE_MS		5000	/* longest orderly shutdown */
#define RDSZ_DRAIN_POLL_MS	20
#define RDSZ_CONNECT_MS		3000	/* a connect that takes longer starts over */
#define RDSZ_RETRY_JIFFIES	2	/* until memory is asked for again */
#define RDSZ_OWNER_RUNS		8	/* transmit runs in a row before the worker takes over */

/* ---- waking the worker ---- */

/* Have the state worker look, in so many milliseconds or before. Any context up to softirq. */
void rdsz_path_poke(struct rdsz_path *path, unsigned int ms)
{
	rdsz_net_queue_delayed_work(path->conn->rn, &path->state_work, msecs_to_jiffies(ms));
}

/* Somebody has something to send. Cheap when the path is up. */
void rdsz_path_want(struct rdsz_path *path)
{
	if (rdsz_path_is_up(path))
		return;
	WRITE_ONCE(path->conn->idle, false);
	/* Not idle, then set; pairs with rdsz_path_unwant(). */
	if (!test_and_set_bit(RDSZ_PATH_WANTED, &path->flags))
		rdsz_path_poke(path, 0);
}

/* Nobody has used the conn for long: no more tries, unless somebody wants it right now. */
static void rdsz_path_unwant(struct rdsz_path *path)
{
	clear_bit(RDSZ_PATH_WANTED, &path->flags);
	smp_mb__after_atomic();	/* clear, then look */
	if (!READ_ONCE(path->conn->idle) || rdsz_path_has_work(path))
		set_bit(RDSZ_PATH_WANTED, &path->flags);
}

/**
 * rdsz_path_drop() - ask for the path to go down
 * @path: path
 * @reason: the first one given counts
 *
 * Context: any up to softirq.
 */
void rdsz_path_drop(struct rdsz_path *path, enum rdsz_drop_reason reason)
{
	cmpxchg(&path->drop_reason, RDSZ_DROP_NONE, reason);
	set_bit(RDSZ_PATH_DROP, &path->flags);
	rdsz_path_poke(path, 0);
}

void rdsz_path_established(struct rdsz_path *path)
{
	set_bit(RDSZ_PATH_ESTABLISHED, &path->flags);
	rdsz_path_poke(path, 0);
}

/**
 * rdsz_path_hand_over() - the listener has a connection of this peer
 * @path: path
 * @sock: accepted socket, taken over; a newer one replaces one that still waits
 *
 * The large side takes it into the path. To the small side it is a wake-up: it connects, and lets
 * the peer's connection go once its own request is out.
 */
void rdsz_path_hand_over(struct rdsz_path *path, struct socket *sock)
{
	bool wakeup = rdsz_conn_is_small(path->conn);
	struct socket *old = xchg(wakeup ? &path->wakeup : &path->accepted, sock);

	if (old)
		sock_release(old);
	if (wakeup) {
		WRITE_ONCE(path->conn->idle, false);
		set_bit(RDSZ_PATH_WANTED, &path->flags);
	}
	rdsz_path_poke(path, 0);
}

/* A valid frame came: the connection works, the next reconnect may be quick. */
void rdsz_path_heard(struct rdsz_path *path)
{
	rdsz_conn_proved(path->conn);
	if (READ_ONCE(path->backoff))
		WRITE_ONCE(path->backoff, 0);
}

/* ---- transmitting ---- */

static void rdsz_path_own(struct rdsz_path *path)
{
	wait_on_bit_lock(&path->flags, RDSZ_PATH_OWNED, TASK_UNINTERRUPTIBLE);
}

static void rdsz_path_disown(struct rdsz_path *path)
{
	clear_bit_unlock(RDSZ_PATH_OWNED, &path->flags);
	smp_mb__after_atomic();	/* let go, then look at KICKED and at those who wait for the bit */
	wake_up_bit(&path->flags, RDSZ_PATH_OWNED);
}

static void rdsz_path_send_later(struct rdsz_path *path)
{
	rdsz_net_queue_work(path->conn->rn, &path->send_work);
}

/**
 * rdsz_path_again() - there was no memory to go on
 * @path: path
 * @bit: RDSZ_PATH_SEND_AGAIN or RDSZ_PATH_RECV_AGAIN, what the state worker is to start before long
 *
 * Context: any up to softirq.
 */
void rdsz_path_again(struct rdsz_path *path, unsigned int bit)
{
	if (!test_and_set_bit(bit, &path->flags))
		rdsz_net_hurry_work(path->conn->rn, &path->state_work, RDSZ_RETRY_JIFFIES);
}

static void rdsz_path_transmit(struct rdsz_path *path)
{
	struct rdsz_net *rn = path->conn->rn;
	int runs, err;

	for (runs = 0; runs < RDSZ_OWNER_RUNS; runs++) {
		if (!rdsz_path_is_up(path))
			return;
		if (test_and_set_bit_lock(RDSZ_PATH_OWNED, &path->flags)) {
			rdsz_stat_inc(rn, send_lock_contention);
			return;
		}
		clear_bit(RDSZ_PATH_KICKED, &path->flags);
		smp_mb__after_atomic();	/* clear, then look at the queues; pairs with the kicker */
		err = rdsz_path_is_up(path) ? path->conn->ops->xmit(path) : 0;
		rdsz_path_disown(path);
		if (err == -ENOMEM) {
			rdsz_stat_inc(rn, send_delayed_retry);
			rdsz_path_again(path, RDSZ_PATH_SEND_AGAIN);
			return;
		}
		if (!test_bit(RDSZ_PATH_KICKED, &path->flags))
			return;
		rdsz_stat_inc(rn, send_lock_queue_raced);
	}
	rdsz_path_send_later(path);
}

/**
 * rdsz_path_kick() - there may be something to transmit
 * @path: path
 * @may_sleep: transmit right here, if the transport allows it
 */
void rdsz_path_kick(struct rdsz_path *path, bool may_sleep)
{
	set_bit(RDSZ_PATH_KICKED, &path->flags);
	smp_mb__after_atomic();	/* queue, then KICKED, then the owner bit */
	if (!rdsz_path_is_up(path))
		rdsz_path_want(path);
	else if (may_sleep && !path->conn->ops->needs_worker())
		rdsz_path_transmit(path);
	else
		rdsz_path_send_later(path);
}

static void rdsz_path_send_work(struct work_struct *work)
{
	rdsz_path_transmit(container_of(work, struct rdsz_path, send_work));
}

/**
 * rdsz_path_start_watch() - something was handed to TCP: see to it that it gets somewhere
 * @path: path
 *
 * The worker looks four times in stall_ms, as long as not all is acknowledged.
 */
void rdsz_path_start_watch(struct rdsz_path *path)
{
	if (test_and_set_bit(RDSZ_PATH_WATCHED, &path->flags))
		return;
	WRITE_ONCE(path->una_moved, jiffies);
	rdsz_path_poke(path, READ_ONCE(path->conn->rn->sysctl.stall_ms) / 4 + 1);
}

/* ---- queues, and what they hold ---- */

static void rdsz_load_add(struct rdsz_load *load, u32 len)
{
	load->msgs++;
	load->bytes += len;
}

static void rdsz_load_sub(struct rdsz_load *load, u32 len)
{
	load->msgs--;
	load->bytes -= len;
}

void rdsz_path_load_queued(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	lockdep_assert_held(&path->lock);
	rdsz_load_add(&path->queued, m->len);
	if (m->payload && rdsz_payload_is_user(m->payload)) {
		set_bit(RDSZ_MSG_PINNED, &m->flags);
		path->pinned += m->len;
	}
}

/* The message went from the send queue to the unacknowledged ones. */
void rdsz_path_load_sent(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	lockdep_assert_held(&path->lock);
	set_bit(RDSZ_MSG_SENT, &m->flags);
	rdsz_load_sub(&path->queued, m->len);
	rdsz_load_add(&path->unacked, m->len);
}

/* The message's payload is not in user pages any more, or does not count here any more. */
void rdsz_path_load_unpinned(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	lockdep_assert_held(&path->lock);
	if (test_and_clear_bit(RDSZ_MSG_PINNED, &m->flags))
		path->pinned -= m->len;
}

/* The message has left the queues of the path. */
void rdsz_path_load_left(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	rdsz_load_sub(test_and_clear_bit(RDSZ_MSG_SENT, &m->flags) ? &path->unacked : &path->queued,
		      m->len);
	rdsz_path_load_unpinned(path, m);
}

/* The queues take references of their own: one for that of @path, one for its sender's list. */
static void rdsz_path_take(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	struct rdsz_sock *rs = m->rs;

	lockdep_assert_held(&path->lock);
	m->path = path;
	set_bit(RDSZ_MSG_ON_PATH, &m->flags);
	refcount_inc(&m->refs);
	rdsz_path_load_queued(path, m);
	if (rs) {
		spin_lock(&rs->queue_lock);
		set_bit(RDSZ_MSG_ON_SOCK, &m->flags);
		refcount_inc(&m->refs);
		sock_hold(&rs->sk);
		list_add_tail(&m->sock_node, &rs->send_list);
		if (unlikely(READ_ONCE(rs->peer_error)))
			set_bit(RDSZ_PATH_UNTOLD, &path->conn->path.flags);
		spin_unlock(&rs->queue_lock);
	}
}

/**
 * rdsz_path_add() - put a message into the queue of a path, and into its sender's list
 * @path: path, its lock is held
 * @m: message
 *
 * Both under the path lock, so that nobody can withdraw it before it is in both.
 */
void rdsz_path_add(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	rdsz_queue_add(path, m);
	rdsz_path_take(path, m);
}

/* The same for a message that has to wait until its pair has left lane 0, see lanes.c. */
void rdsz_path_hold(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	list_add_tail(&m->path_node, &path->held);
	rdsz_path_take(path, m);
}

/* Queue what no socket sent: it goes by the path it was made for. */
void rdsz_path_enqueue(struct rdsz_message *m)
{
	struct rdsz_path *path = m->path;

	spin_lock_bh(&path->lock);
	rdsz_path_add(path, m);
	spin_unlock_bh(&path->lock);
}

/* Handshakes speak of the connection that is gone, and go with it. */
static void rdsz_path_drop_handshakes(struct rdsz_path *path, struct list_head *queue,
				      struct list_head *stale)
	__must_hold(&path->lock)
{
	struct rdsz_message *m, *next;

	list_for_each_entry_safe(m, next, queue, path_node) {
		if (!test_bit(RDSZ_MSG_HANDSHAKE, &m->flags))
			continue;
		clear_bit(RDSZ_MSG_ON_PATH, &m->flags);
		rdsz_queue_left(path, m);
		rdsz_path_load_left(path, m);
		list_move_tail(&m->path_node, stale);
	}
}

/* The connection is gone: what it may not have delivered goes out first on the next one. */
static void rdsz_path_requeue(struct rdsz_path *path)
{
	struct rdsz_message *m, *next;
	LIST_HEAD(stale);

	spin_lock_bh(&path->lock);
	list_for_each_entry(m, &path->retained, path_node)
		rdsz_unretain(m);
	list_splice_init(&path->retained, &path->retrans);
	list_for_each_entry(m, &path->retrans, path_node) {
		m->hdr.flags |= RDSZ_FLAG_RETRANSMITTED;
		clear_bit(RDSZ_MSG_SENT, &m->flags);
	}
	list_splice_init(&path->retrans, &path->send_queue);
	path->queued.msgs += path->unacked.msgs;
	path->queued.bytes += path->unacked.bytes;
	path->unacked = (struct rdsz_load){};
	rdsz_path_drop_handshakes(path, &path->send_queue, &stale);
	rdsz_path_drop_handshakes(path, &path->queue.waiting, &stale);
	clear_bit(RDSZ_PATH_RETAIN_FULL, &path->flags);
	spin_unlock_bh(&path->lock);
	list_for_each_entry_safe(m, next, &stale, path_node) {
		list_del_init(&m->path_node);
		rdsz_message_put(m);
	}
}

/* True if messages wait for a connection. Lane 0 brings the others back, so theirs count for it. */
bool rdsz_path_has_work(struct rdsz_path *path)
{
	struct rdsz_path *lane;
	int i;

	if (path->index)
		return !rdsz_queue_is_empty(path);
	rdsz_conn_for_each_lane(path->conn, lane, i)
		if (!rdsz_queue_is_empty(lane))
			return true;
	return false;
}

/* ---- state machine ---- */

/* What the manual and netlink call a reason. */
static const struct {
	int		reason;
	const char	*name;
} rdsz_path_reasons[] = {
	[RDSZ_DROP_NONE]	= { RDSZC_REASON_NONE,		"none" },
	[RDSZ_DROP_PEER]	= { RDSZC_REASON_PEER,		"peer" },
	[RDSZ_DROP_SEND]	= { RDSZC_REASON_SEND,		"send" },
	[RDSZ_DROP_PROTOCOL]	= { RDSZC_REASON_PROTOCOL,	"protocol" },
	[RDSZ_DROP_STALLED]	= { RDSZC_REASON_STALLED,	"stalled" },
	[RDSZ_DROP_REPLACED]	= { RDSZC_REASON_REPLACED,	"replaced" },
	[RDSZ_DROP_WAKEUP]	= { RDSZC_REASON_WAKEUP,	"wakeup" },
	[RDSZ_DROP_SYSCTL]	= { RDSZC_REASON_SYSCTL,	"sysctl" },
	[RDSZ_DROP_ADDRESS]	= { RDSZC_REASON_ADDRESS,	"address" },
	[RDSZ_DROP_LANE]	= { RDSZC_REASON_LANE,		"lane" },
	[RDSZ_DROP_IDLE]	= { RDSZC_REASON_IDLE,		"idle" },
};

const char *rdsz_path_reason_name(const struct rdsz_path *path)
{
	int reason = READ_ONCE(path->log.reason);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rdsz_path_reasons); i++)
		if (rdsz_path_reasons[i].name && rdsz_path_reasons[i].reason == reason)
			return rdsz_path_reasons[i].name;
	return reason == RDSZC_REASON_CONNECT ? "connect" : "other";
}

/* Why the path was lost. Made to be lost is the wake-up connection: no news. */
static void rdsz_path_log_loss(struct rdsz_path *path, enum rdsz_drop_reason reason)
{
	int error = xchg(&path->log.tcp_error, 0);

	if (reason == RDSZ_DROP_WAKEUP)
		return;
	if (reason == RDSZ_DROP_STALLED)
		error = ETIMEDOUT;
	else if (reason == RDSZ_DROP_PROTOCOL)
		error = EPROTO;
	WRITE_ONCE(path->log.error, error);
	WRITE_ONCE(path->log.reason,
		   reason < ARRAY_SIZE(rdsz_path_reasons) && rdsz_path_reasons[reason].name ?
		   rdsz_path_reasons[reason].reason : RDSZC_REASON_OTHER);
}

static void rdsz_path_log_no_connection(struct rdsz_path *path, int error)
{
	WRITE_ONCE(path->log.error, xchg(&path->log.tcp_error, 0) ?: error);
	WRITE_ONCE(path->log.reason, RDSZC_REASON_CONNECT);
}

static void rdsz_path_count_drop(struct rdsz_path *path, enum rdsz_drop_reason reason)
{
	struct rdsz_net *rn = path->conn->rn;

	switch (reason) {
	case RDSZ_DROP_PEER:
		rdsz_stat_inc(rn, conn_drop_peer);
		break;
	case RDSZ_DROP_SEND:
		rdsz_stat_inc(rn, conn_drop_send);
		break;
	case RDSZ_DROP_PROTOCOL:
		rdsz_stat_inc(rn, conn_drop_protocol);
		break;
	case RDSZ_DROP_STALLED:
		rdsz_stat_inc(rn, conn_drop_stalled);
		break;
	case RDSZ_DROP_REPLACED:
		rdsz_stat_inc(rn, tcp_replaced);
		break;
	case RDSZ_DROP_SYSCTL:
		rdsz_stat_inc(rn, conn_drop_sysctl);
		break;
	case RDSZ_DROP_ADDRESS:
		rdsz_stat_inc(rn, conn_drop_address);
		break;
	case RDSZ_DROP_IDLE:
		rdsz_stat_inc(rn, conn_drop_idle);
		break;
	case RDSZ_DROP_LANE:
		rdsz_stat_inc(rn, lane_given_up);
		break;
	case RDSZ_DROP_WAKEUP:
	case RDSZ_DROP_NONE:
		break;
	}
}

/* The only place that changes the state. */
static void rdsz_path_set_state(struct rdsz_path *path, enum rdsz_path_state state)
{
	enum rdsz_path_state old = path->state;

	if (old == RDSZ_PATH_UP)
		rdsz_stat_inc(path->conn->rn, conn_reset);
	if (state == RDSZ_PATH_UP) {
		rdsz_stat_inc(path->conn->rn, conn_up);
		WRITE_ONCE(path->log.ups, path->log.ups + 1);
	}
	WRITE_ONCE(path->log.changed, get_jiffies_64());
	smp_store_release(&path->state, state);	/* who sees UP sees the connection */
	trace_rds_zc_path(path, old, state);
	rdsz_nl_path_event(path, old, state);
}

/* Random in 0..backoff, which then doubles; the first try after an outage is immediate. */
static void rdsz_path_back_off(struct rdsz_path *path)
{
	const struct rdsz_sysctl *sysctl = &path->conn->rn->sysctl;
	unsigned int low = READ_ONCE(sysctl->reconnect_min_delay_ms);
	unsigned int high = max_t(unsigned int, low, READ_ONCE(sysctl->reconnect_max_delay_ms));
	unsigned int delay = path->backoff ? get_random_u32() % path->backoff + 1 : 0;

	path->next_try = jiffies + msecs_to_jiffies(delay);
	WRITE_ONCE(path->backoff, clamp(path->backoff * 2, low, high));
}

static void rdsz_path_go_down(struct rdsz_path *path)
{
	path->conn->ops->close(path);
	/* The peer comes again, to lane 0; what it sends again then must be known there. */
	if (test_bit(RDSZ_PATH_IS_FIRST, &path->flags)) {
		WRITE_ONCE(path->conn->path.next_rx_seq, path->next_rx_seq);
		smp_mb__before_atomic();	/* pairs with rdsz_path_awaits_first() */
		clear_bit(RDSZ_PATH_IS_FIRST, &path->flags);
	}
	rdsz_handshake_forget(path);
	rdsz_path_requeue(path);
	rdsz_ack_forget(path);
	clear_bit(RDSZ_PATH_DROP, &path->flags);
	clear_bit(RDSZ_PATH_ESTABLISHED, &path->flags);
	clear_bit(RDSZ_PATH_UNREACHABLE, &path->flags);
	WRITE_ONCE(path->drop_reason, RDSZ_DROP_NONE);
	rdsz_path_set_state(path, RDSZ_PATH_DOWN);
	rdsz_path_back_off(path);
	if (time_before(path->next_try, path->conn->refuse_until))
		path->next_try = path->conn->refuse_until;
	/*
	 * The owner of the connection brings it back; the large side only if it has something to
	 * say.
	 */
	if (rdsz_path_has_work(path) ||
	    (rdsz_conn_is_small(path->conn) && !READ_ONCE(path->conn->idle)))
		set_bit(RDSZ_PATH_WANTED, &path->flags);
}

/*
 * The peer's only connection was on another lane, so it is not the peer that lane 0 had, and has
 * numbers of ours from that lane: by those it would take for old what is only sent again.
 */
static void rdsz_path_send_as_new(struct rdsz_path *path)
{
	struct rdsz_message *m;

	spin_lock_bh(&path->lock);
	list_for_each_entry(m, &path->send_queue, path_node)
		m->hdr.flags &= ~RDSZ_FLAG_RETRANSMITTED;
	spin_unlock_bh(&path->lock);
}

static void rdsz_path_go_up(struct rdsz_path *path)
{
	if (test_and_clear_bit(RDSZ_PATH_NEW_PEER, &path->flags))
		rdsz_path_send_as_new(path);
	clear_bit(RDSZ_PATH_WANTED, &path->flags);
	WRITE_ONCE(path->conn->idle, false);
	if (!path->index)	/* maps go by lane 0 alone, so they stay in order */
		set_bit(RDSZ_PATH_MAP_DUE, &path->flags);
	path->una_moved = jiffies;
	if (path->conn->ops->type == RDSZ_TRANS_LOOP)	/* it has nobody to be heard from */
		WRITE_ONCE(path->backoff, 0);
	rdsz_handshake_begin(path);
	rdsz_path_set_state(path, RDSZ_PATH_UP);
	rdsz_log_up(path);
	path->conn->ops->start(path);
	rdsz_handshake_go_on(path);
	rdsz_path_kick(path, true);
}

/* True if there was one. */
static bool rdsz_path_release(struct socket **slot)
{
	struct socket *sock = xchg(slot, NULL);

	if (sock)
		sock_release(sock);
	return sock;
}

static bool rdsz_path_adopt(struct rdsz_path *path, struct socket *sock)
{
	if (path->conn->ops->adopt(path, sock)) {
		rdsz_stat_inc(path->conn->rn, conn_refused_memory);
		sock_release(sock);
		return false;
	}
	rdsz_stat_inc(path->conn->rn, tcp_accepts);
	rdsz_path_go_up(path);
	return true;
}

static bool rdsz_path_dial(struct rdsz_path *path)
{
	int err;

	rdsz_path_set_state(path, RDSZ_PATH_CONNECTING);
	path->deadline = jiffies + msecs_to_jiffies(RDSZ_CONNECT_MS);
	if (path->conn->ops->type == RDSZ_TRANS_TCP && !rdsz_conn_is_small(path->conn))
		rdsz_stat_inc(path->conn->rn, tcp_wakeups_sent);
	WRITE_ONCE(path->connect_error, 0);
	err = path->conn->ops->connect(path);
	rdsz_path_release(&path->wakeup);
	if (err) {
		rdsz_peer_unreachable(path->conn, -err);
		rdsz_path_log_no_connection(path, -err);
		rdsz_path_go_down(path);
		return true;
	}
	rdsz_path_poke(path, RDSZ_CONNECT_MS);
	return test_bit(RDSZ_PATH_ESTABLISHED, &path->flags);
}

/*
 * Lane 0 is dialled whenever it is wanted. The small side dials the others, as long as lane 0 is up
 * and both ends have agreed on them over its present connection; the large side waits for that.
 */
static bool rdsz_path_may_dial(struct rdsz_path *path)
{
	struct rdsz_conn *conn = path->conn;

	if (!path->index)
		return true;
	if (!rdsz_path_is_up(&conn->path)) {
		rdsz_path_want(&conn->path);
		return false;
	}
	return rdsz_conn_is_small(conn) && rdsz_handshake_lanes_open(conn);
}

/*
 * Lanes are not agreed on: what waits here goes by lane 0. Where the peer takes one connection
 * only, one that has come to this lane meanwhile is its first.
 */
static struct socket *rdsz_path_not_agreed(struct rdsz_path *path, struct socket *accepted)
{
	clear_bit(RDSZ_PATH_WANTED, &path->flags);
	rdsz_lanes_fold(path);
	if (!accepted || READ_ONCE(path->conn->spread) != RDSZ_SPREAD_ONE)
		return accepted;
	rdsz_path_hand_over(&path->conn->path, accepted);
	return NULL;
}

/*
 * The peer's first connection came to another lane, and is being closed there. The next one is for
 * lane 0, but not before all is known of the first.
 */
static bool rdsz_path_awaits_first(const struct rdsz_path *path)
{
	struct rdsz_conn *conn = path->conn;
	struct rdsz_path *lane;
	int i;

	if (path->index || READ_ONCE(conn->spread) != RDSZ_SPREAD_ONE)
		return false;
	for (i = 1; (lane = rdsz_conn_lane(conn, i)); i++)
		if (test_bit(RDSZ_PATH_IS_FIRST, &lane->flags))
			return true;
	smp_rmb();	/* cleared, then next_rx_seq is known; pairs with rdsz_path_go_down() */
	return false;
}

static bool rdsz_path_when_down(struct rdsz_path *path)
{
	struct socket *sock;

	if (rdsz_path_awaits_first(path)) {
		rdsz_path_poke(path, RDSZ_DRAIN_POLL_MS);
		return false;
	}
	sock = xchg(&path->accepted, NULL);
	clear_bit(RDSZ_PATH_DROP, &path->flags);
	WRITE_ONCE(path->drop_reason, RDSZ_DROP_NONE);
	if (path->index && !rdsz_lanes_agreed(path->conn))
		sock = rdsz_path_not_agreed(path, sock);
	if (sock)
		return rdsz_path_adopt(path, sock);
	if (READ_ONCE(path->conn->idle))
		rdsz_path_unwant(path);
	if (!test_bit(RDSZ_PATH_WANTED, &path->flags) && !rdsz_path_has_work(path)) {
		rdsz_path_release(&path->wakeup);
		return false;
	}
	if (!rdsz_path_may_dial(path))
		return false;
	if (time_before(jiffies, path->next_try)) {
		rdsz_path_poke(path, jiffies_to_msecs(path->next_try - jiffies) ?: 1);
		return false;
	}
	return rdsz_path_dial(path);
}

/*
 * From here nothing is sent. The transmit owner is waited for, and what it left half-sent goes: it
 * will be sent again from its first byte.
 */
static void rdsz_path_start_closing(struct rdsz_path *path, enum rdsz_drop_reason reason)
{
	unsigned int ms = reason == RDSZ_DROP_PROTOCOL ? 0 : RDSZ_CLOSE_MS;

	rdsz_path_count_drop(path, reason);
	if (path->state == RDSZ_PATH_UP)
		rdsz_log_down(path, reason);
	rdsz_path_log_loss(path, reason);
	rdsz_path_set_state(path, RDSZ_PATH_DISCONNECTING);
	if (reason == RDSZ_DROP_PROTOCOL)
		WRITE_ONCE(path->conn->refuse_until, jiffies + msecs_to_jiffies(
			READ_ONCE(path->conn->rn->sysctl.reconnect_max_delay_ms)));
	if (reason == RDSZ_DROP_STALLED || reason == RDSZ_DROP_ADDRESS)
		set_bit(RDSZ_PATH_UNREACHABLE, &path->flags);
	path->deadline = jiffies + msecs_to_jiffies(ms);
	rdsz_path_own(path);
	path->conn->ops->shutdown(path);
	rdsz_path_disown(path);
}

static bool rdsz_path_when_connecting(struct rdsz_path *path)
{
	bool small = rdsz_conn_is_small(path->conn);

	if (READ_ONCE(path->accepted)) {
		rdsz_stat_inc(path->conn->rn, tcp_connect_raced);
		rdsz_path_go_down(path);
		return true;
	}
	rdsz_path_release(&path->wakeup);
	if (test_bit(RDSZ_PATH_DROP, &path->flags) || time_after_eq(jiffies, path->deadline)) {
		rdsz_peer_unreachable(path->conn, READ_ONCE(path->connect_error) ?: ETIMEDOUT);
		rdsz_path_log_no_connection(path, ETIMEDOUT);
		rdsz_path_go_down(path);
		return true;
	}
	if (!test_and_clear_bit(RDSZ_PATH_ESTABLISHED, &path->flags)) {
		rdsz_path_poke(path, RDSZ_CONNECT_MS);
		return false;
	}
	if (small || path->conn->ops->type == RDSZ_TRANS_LOOP) {
		rdsz_path_go_up(path);
	} else {
		/* Our wake-up got through; the peer connects to us now. */
		rdsz_path_start_closing(path, RDSZ_DROP_WAKEUP);
	}
	return true;
}

/*
 * The stall watchdog: the peer has room, and stall_ms long nothing was acknowledged. One whose
 * window is shut is left alone, but looked at: what TCP has may be the last we have, and nobody else
 * sees it stall when the window has opened.
 */
static void rdsz_path_watch(struct rdsz_path *path)
{
	unsigned int stall = READ_ONCE(path->conn->rn->sysctl.stall_ms);
	enum rdsz_flight flight;
	u32 una;

	clear_bit(RDSZ_PATH_WATCHED, &path->flags);
	smp_mb__after_atomic();	/* clear, then look: a sender that comes now arms it again */
	flight = path->conn->ops->flight(path, &una);
	if (flight == RDSZ_FLIGHT_NONE)
		return;
	if (flight == RDSZ_FLIGHT_SHUT) {
		path->last_una = una - 1;	/* its time begins when the window has opened */
	} else if (una != path->last_una) {
		path->last_una = una;
		path->una_moved = jiffies;
	} else if (time_after(jiffies, path->una_moved + msecs_to_jiffies(stall))) {
		rdsz_path_drop(path, RDSZ_DROP_STALLED);
		return;
	}
	if (!test_and_set_bit(RDSZ_PATH_WATCHED, &path->flags))
		rdsz_path_poke(path, stall / 4 + 1);
}

static bool rdsz_path_when_up(struct rdsz_path *path)
{
	bool dropped = test_and_clear_bit(RDSZ_PATH_DROP, &path->flags);

	/*
	 * The peer thinks that it has no connection. Say something on this one: TCP will find out.
	 */
	if (rdsz_path_release(&path->wakeup)) {
		set_bit(RDSZ_PATH_MAP_DUE, &path->flags);
		rdsz_path_kick(path, false);
	}
	if (path->index && READ_ONCE(path->conn->spread) == RDSZ_SPREAD_ONE) {
		rdsz_path_start_closing(path, RDSZ_DROP_LANE);
		return true;
	}
	if (READ_ONCE(path->accepted)) {
		rdsz_path_start_closing(path, RDSZ_DROP_REPLACED);
		return true;
	}
	if (dropped) {
		rdsz_path_start_closing(path, READ_ONCE(path->drop_reason));
		return true;
	}
	rdsz_handshake_go_on(path);
	rdsz_path_watch(path);
	return false;
}

static bool rdsz_path_when_closing(struct rdsz_path *path)
{
	if (!path->conn->ops->drained(path) && time_before(jiffies, path->deadline)) {
		rdsz_path_poke(path, RDSZ_DRAIN_POLL_MS);
		return false;
	}
	rdsz_path_go_down(path);
	return true;
}

static bool rdsz_path_step(struct rdsz_path *path)
{
	switch (path->state) {
	case RDSZ_PATH_DOWN:
		return rdsz_path_when_down(path);
	case RDSZ_PATH_CONNECTING:
		return rdsz_path_when_connecting(path);
	case RDSZ_PATH_UP:
		return rdsz_path_when_up(path);
	default:
		return rdsz_path_when_closing(path);
	}
}

static void rdsz_path_state_work(struct work_struct *work)
{
	struct rdsz_path *path = container_of(to_delayed_work(work), struct rdsz_path, state_work);

	while (!READ_ONCE(path->conn->rn->dying) && rdsz_path_step(path))
		cond_resched();
	if (test_and_clear_bit(RDSZ_PATH_SEND_AGAIN, &path->flags))
		rdsz_path_send_later(path);
	if (test_and_clear_bit(RDSZ_PATH_RECV_AGAIN, &path->flags))
		rdsz_net_queue_work(path->conn->rn, &path->recv_work);
}

static void rdsz_path_recv_work(struct work_struct *work)
{
	struct rdsz_path *path = container_of(work, struct rdsz_path, recv_work);

	path->conn->ops->receive(path);
}

void rdsz_path_init(struct rdsz_conn *conn, struct rdsz_path *path, unsigned int index)
{
	path->conn = conn;
	path->index = index;
	spin_lock_init(&path->lock);
	rdsz_queue_init(&path->queue);
	INIT_LIST_HEAD(&path->send_queue);
	INIT_LIST_HEAD(&path->retrans);
	rdsz_ack_init(path);
	INIT_LIST_HEAD(&path->held);
	path->next_tx_seq = rdsz_net_next_seq(conn->rn);
	path->next_try = jiffies;
	path->log.changed = get_jiffies_64();
	INIT_DELAYED_WORK(&path->state_work, rdsz_path_state_work);
	INIT_WORK(&path->send_work, rdsz_path_send_work);
	INIT_WORK(&path->recv_work, rdsz_path_recv_work);
}

/* Nothing runs here, and nothing will unless somebody with a reference to the conn starts it. */
bool rdsz_path_is_quiet(struct rdsz_path *path)
{
	return READ_ONCE(path->state) == RDSZ_PATH_DOWN && !READ_ONCE(path->accepted) &&
		!READ_ONCE(path->wakeup) && !work_busy(&path->state_work.work) &&
		!work_busy(&path->send_work) && !work_busy(&path->recv_work);
}

static void rdsz_path_free_queue(struct list_head *queue)
{
	struct rdsz_message *m;

	while ((m = list_first_entry_or_null(queue, struct rdsz_message, path_node)))
		if (!rdsz_message_dequeue(m))
			break;
}

/**
 * rdsz_path_destroy() - the conn ends
 * @path: path of a conn that cannot be found any more; it is quiet, or its namespace is marked as
 *	dying, so no work is queued again once the connection is closed
 *
 * Context: process. Waits for our own work only, not for the peer.
 */
void rdsz_path_destroy(struct rdsz_path *path)
{
	cancel_delayed_work_sync(&path->state_work);
	if (path->state != RDSZ_PATH_DOWN) {
		rdsz_path_set_state(path, RDSZ_PATH_DISCONNECTING);
		rdsz_path_own(path);
		path->conn->ops->shutdown(path);
		rdsz_path_disown(path);
		path->conn->ops->close(path);
		rdsz_path_requeue(path);
		rdsz_path_set_state(path, RDSZ_PATH_DOWN);
	}
	rdsz_ack_exit(path);
	cancel_work_sync(&path->send_work);
	cancel_work_sync(&path->recv_work);
	cancel_delayed_work_sync(&path->state_work);
	rdsz_path_release(&path->accepted);
	rdsz_path_release(&path->wakeup);
	rdsz_path_free_queue(&path->send_queue);
	rdsz_path_free_queue(&path->queue.waiting);
	rdsz_path_free_queue(&path->held);
	rdsz_net_used_seq(path->conn->rn, path->next_tx_seq);
}

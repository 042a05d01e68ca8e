// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_pending.c - inbound connections that have not yet shown that an RDS peer is at the other end.
 *
 * To the large side a connection is worth a conn once a header came that parses: an in-tree peer,
 * and ours, sends its congestion map at once. Until then there is one small object, bounded in
 * number per namespace and per peer address, and in time. At a bound the oldest goes, not the
 * newest: a real peer waits for a round trip only, so it gets through while somebody else fills the
 * list.
 *
 * A wake-up carries no frame, and the small side must dial at once to find out. So a wake-up of an
 * unknown peer makes a conn, and one of these objects without a socket, which counts against the
 * same bounds until the peer has proved itself by a frame.
 *
 * Objects are made and freed under listen_lock, in workers. TCP's callbacks only put them into the
 * list of those to be looked at. pending_lock is a leaf, covers both lists, and is taken in
 * softirq.
 */
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/tcp.h>

#include "tcp.h"

/**
 * struct rdsz_pending - an inbound connection, or a wake-up, that has to prove itself
 * @node: in rn->pending, oldest first
 * @ready: in rn->pending_ready if something happened, else empty
 * @rn: namespace
 * @sock: the connection; NULL for a wake-up
 * @conn: made for a wake-up, holds a reference; NULL for a connection
 * @key: addresses
 * @since: jiffies when it came
 * @data_ready: the socket's own callback, and
 * @state_change: likewise
 */
struct rdsz_pending {
	struct list_head	node;
	struct list_head	ready;
	struct rdsz_net		*rn;
	struct socket		*sock;
	struct rdsz_conn	*conn;
	struct rdsz_conn_key	key;
	unsigned long		since;
	void			(*data_ready)(struct sock *sk);
	void			(*state_change)(struct sock *sk);
};

/* ---- calls from TCP ---- */

static void rdsz_pending_poke(struct rdsz_pending *p)
{
	struct rdsz_net *rn = p->rn;

	spin_lock_bh(&rn->pending_lock);
	if (list_empty(&p->ready))
		list_add_tail(&p->ready, &rn->pending_ready);
	spin_unlock_bh(&rn->pending_lock);
	rdsz_net_queue_delayed_work(rn, &rn->pending_work, 0);
}

/* Less than a header is worth no look, however slowly it comes. */
static void rdsz_pending_data_ready(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct rdsz_pending *p;

	read_lock_bh(&sk->sk_callback_lock);
	p = sk->sk_user_data;
	if (p && (READ_ONCE(tp->rcv_nxt) - READ_ONCE(tp->copied_seq) >= RDSZ_HDR_LEN ||
		  READ_ONCE(sk->sk_state) != TCP_ESTABLISHED))
		rdsz_pending_poke(p);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void rdsz_pending_state_change(struct sock *sk)
{
	struct rdsz_pending *p;

	read_lock_bh(&sk->sk_callback_lock);
	p = sk->sk_user_data;
	if (p && READ_ONCE(sk->sk_state) != TCP_ESTABLISHED)
		rdsz_pending_poke(p);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void rdsz_pending_attach(struct rdsz_pending *p)
{
	struct sock *sk = p->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	p->data_ready = sk->sk_data_ready;
	p->state_change = sk->sk_state_change;
	sk->sk_user_data = p;
	sk->sk_data_ready = rdsz_pending_data_ready;
	sk->sk_state_change = rdsz_pending_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
}

/* Returns the socket, whose callbacks are its own again. */
static struct socket *rdsz_pending_detach(struct rdsz_pending *p)
{
	struct socket *sock = p->sock;
	struct sock *sk = sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = p->data_ready;
	sk->sk_state_change = p->state_change;
	write_unlock_bh(&sk->sk_callback_lock);
	p->sock = NULL;
	return sock;
}

/* ---- the list ---- */

/* Ends it; a socket it still has is reset. */
static void rdsz_pending_free(struct rdsz_pending *p)
	__must_hold(&p->rn->listen_lock)
{
	struct rdsz_net *rn = p->rn;
	struct socket *sock = p->sock ? rdsz_pending_detach(p) : NULL;

	spin_lock_bh(&rn->pending_lock);
	list_del(&p->node);
	list_del(&p->ready);
	rn->nr_pending--;
	spin_unlock_bh(&rn->pending_lock);
	if (sock)
		sock_release(sock);
	if (p->conn) {
		if (!READ_ONCE(p->conn->proven))
			rdsz_idle_stranger(p->conn);
		rdsz_conn_put(p->conn);
	}
	kfree(p);
}

static bool rdsz_pending_same_peer(const struct rdsz_pending *p, const struct in6_addr *peer)
{
	return !rdsz_addr_cmp(&p->key.peer, peer);
}

/* Make room for one more of @peer. */
static void rdsz_pending_make_room(struct rdsz_net *rn, const struct in6_addr *peer)
	__must_hold(&rn->listen_lock)
{
	struct rdsz_pending *p, *oldest = NULL;
	int of_peer = 0;

	/* Only holders of listen_lock add and remove. */
	list_for_each_entry(p, &rn->pending, node) {
		if (!rdsz_pending_same_peer(p, peer))
			continue;
		oldest = oldest ?: p;
		of_peer++;
	}
	if (of_peer >= READ_ONCE(rn->sysctl.pending_per_peer)) {
		rdsz_stat_inc(rn, conn_refused_peer_limit);
		rdsz_pending_free(oldest);
	} else if (rn->nr_pending >= READ_ONCE(rn->sysctl.pending_max)) {
		rdsz_stat_inc(rn, conn_refused_limit);
		rdsz_pending_free(list_first_entry(&rn->pending, struct rdsz_pending, node));
	}
}

static struct rdsz_pending *rdsz_pending_add(struct rdsz_net *rn, const struct rdsz_conn_key *key)
	__must_hold(&rn->listen_lock)
{
	struct rdsz_pending *p;

	rdsz_pending_make_room(rn, &key->peer);
	p = kzalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return NULL;
	p->rn = rn;
	p->key = *key;
	p->since = jiffies;
	INIT_LIST_HEAD(&p->ready);
	spin_lock_bh(&rn->pending_lock);
	list_add_tail(&p->node, &rn->pending);
	rn->nr_pending++;
	spin_unlock_bh(&rn->pending_lock);
	return p;
}

/* ---- what comes in ---- */

/*
 * The lane that a connection of the peer is for. A peer that tells it by its source port does so on
 * every connection. Wake-ups are for lane 0, and so is what comes from other peers.
 */
static unsigned int rdsz_pending_lane(const struct rdsz_conn *conn, const struct sock *sk)
{
	if (rdsz_conn_is_small(conn) || READ_ONCE(conn->spread) == RDSZ_SPREAD_ONE)
		return 0;
	return ntohs(sk->sk_dport) % RDSZ_MAX_LANES;
}

/* A known peer's connection that is to be taken, or a wake-up: from here on it is the path's. */
static void rdsz_pending_admit(struct rdsz_conn *conn, struct socket *sock)
{
	unsigned int lane = rdsz_pending_lane(conn, sock->sk);

	if (rdsz_conn_is_small(conn))
		rdsz_stat_inc(conn->rn, tcp_wakeups_received);
	if (lane && rdsz_lanes_need(conn)) {
		rdsz_stat_inc(conn->rn, conn_refused_memory);
		sock_release(sock);
		return;
	}
	rdsz_path_hand_over(rdsz_conn_lane(conn, lane), sock);
}

/*
 * One more lane of a peer that is there. It need not prove itself by a frame, for in-tree RDS may
 * have none to send on it; but to replace one that looks alive it must. Returns false if it is
 * something else.
 */
static bool rdsz_pending_one_more(struct rdsz_net *rn, const struct rdsz_conn_key *key,
				  struct socket *sock)
{
	struct rdsz_conn *conn = rdsz_conn_lookup(rn, key);
	struct rdsz_path *path;
	unsigned int lane;
	bool taken;

	if (!conn)
		return false;
	lane = rdsz_pending_lane(conn, sock->sk);
	path = rdsz_conn_lane(conn, lane);
	taken = READ_ONCE(conn->proven) && lane && !(path && rdsz_path_is_up(path));
	if (taken)
		rdsz_pending_admit(conn, sock);
	rdsz_conn_put(conn);
	return taken;
}

/* Is somebody waiting for a frame of this conn? */
static bool rdsz_pending_awaits(struct rdsz_net *rn, const struct rdsz_conn *conn)
	__must_hold(&rn->listen_lock)
{
	const struct rdsz_pending *p;

	list_for_each_entry(p, &rn->pending, node)
		if (p->conn == conn)
			return true;
	return false;
}

/* The conn of one who asks for a connection; until he has proved himself he counts as pending. */
static struct rdsz_conn *rdsz_pending_conn(struct rdsz_net *rn, const struct rdsz_conn_key *key)
	__must_hold(&rn->listen_lock)
{
	struct rdsz_conn *conn = rdsz_conn_lookup(rn, key);
	struct rdsz_pending *p;

	if (conn && (READ_ONCE(conn->proven) || rdsz_pending_awaits(rn, conn)))
		return conn;
	p = rdsz_pending_add(rn, key);
	if (!conn)
		conn = p ? rdsz_conn_get_or_create(rn, key) : ERR_PTR(-ENOMEM);
	if (p && !IS_ERR(conn)) {
		rdsz_conn_hold(conn);
		p->conn = conn;
		WRITE_ONCE(conn->unawaited, false);
		return conn;
	}
	if (p)
		rdsz_pending_free(p);
	if (!IS_ERR(conn))
		rdsz_conn_put(conn);
	return ERR_PTR(-ENOMEM);
}

/* Takes the socket over. */
static void rdsz_pending_wakeup(struct rdsz_net *rn, const struct rdsz_conn_key *key,
				struct socket *sock)
	__must_hold(&rn->listen_lock)
{
	struct rdsz_conn *conn = rdsz_pending_conn(rn, key);

	if (IS_ERR(conn)) {
		rdsz_stat_inc(rn, conn_refused_memory);
		sock_release(sock);
		return;
	}
	rdsz_pending_admit(conn, sock);
	rdsz_conn_put(conn);
}

/* A peer that has to prove itself by a frame first. Takes the socket over. */
static void rdsz_pending_wait(struct rdsz_net *rn, const struct rdsz_conn_key *key,
			      struct socket *sock)
	__must_hold(&rn->listen_lock)
{
	struct rdsz_pending *p = rdsz_pending_add(rn, key);

	if (!p) {
		rdsz_stat_inc(rn, conn_refused_memory);
		sock_release(sock);
		return;
	}
	p->sock = sock;
	rdsz_pending_attach(p);
	rdsz_pending_poke(p);	/* it may have sent before the callbacks were ours */
}

/**
 * rdsz_pending_accept() - a connection was accepted
 * @rn: namespace, its listen_lock is held
 * @key: addresses of the connection
 * @sock: the socket, taken over
 *
 * Context: process.
 */
void rdsz_pending_accept(struct rdsz_net *rn, const struct rdsz_conn_key *key, struct socket *sock)
{
	bool wakeup = rdsz_addr_cmp(&key->local, &key->peer) < 0;

	lockdep_assert_held(&rn->listen_lock);
	if (!wakeup && rdsz_pending_one_more(rn, key, sock))
		return;
	if (wakeup)
		rdsz_pending_wakeup(rn, key, sock);
	else
		rdsz_pending_wait(rn, key, sock);
	rdsz_net_queue_delayed_work(rn, &rn->pending_work,
				    msecs_to_jiffies(READ_ONCE(rn->sysctl.pending_ms)) + 1);
}

/* ---- looking at them ---- */

/* Bytes of the first header that are there; it stays in TCP. 0: the peer has closed. */
static int rdsz_pending_peek(struct rdsz_pending *p, struct rdsz_hdr *hdr)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_PEEK };
	struct kvec vec = { .iov_base = hdr, .iov_len = sizeof(*hdr) };
	int ret = kernel_recvmsg(p->sock, &msg, &vec, 1, sizeof(*hdr), msg.msg_flags);

	if (ret > 0 && ret < RDSZ_HDR_LEN && READ_ONCE(p->sock->sk->sk_state) != TCP_ESTABLISHED)
		return 0;
	return ret;
}

static void rdsz_pending_take(struct rdsz_pending *p)
	__must_hold(&p->rn->listen_lock)
{
	struct rdsz_conn *conn = rdsz_conn_get_or_create(p->rn, &p->key);

	if (IS_ERR(conn)) {
		rdsz_stat_inc(p->rn, conn_refused_memory);
	} else {
		rdsz_pending_admit(conn, rdsz_pending_detach(p));
		rdsz_conn_put(conn);
	}
	rdsz_pending_free(p);
}

static void rdsz_pending_look(struct rdsz_pending *p)
	__must_hold(&p->rn->listen_lock)
{
	struct rdsz_net *rn = p->rn;
	struct rdsz_hdr hdr;
	int got;

	if (!p->sock)
		return;
	got = rdsz_pending_peek(p, &hdr);
	if (got == RDSZ_HDR_LEN) {
		if (!rdsz_tcp_header_ok(rn, &hdr)) {
			rdsz_stat_inc(rn, conn_drop_protocol);
			rdsz_pending_free(p);
		} else {
			rdsz_pending_take(p);
		}
	} else if (got <= 0 && got != -EAGAIN) {
		rdsz_stat_inc(rn, conn_refused_closed);
		rdsz_pending_free(p);
	}
}

static struct rdsz_pending *rdsz_pending_next_ready(struct rdsz_net *rn)
{
	struct rdsz_pending *p;

	spin_lock_bh(&rn->pending_lock);
	p = list_first_entry_or_null(&rn->pending_ready, struct rdsz_pending, ready);
	if (p)
		list_del_init(&p->ready);
	spin_unlock_bh(&rn->pending_lock);
	return p;
}

static bool rdsz_pending_proven(const struct rdsz_pending *p)
{
	return p->conn && READ_ONCE(p->conn->proven);
}

/* Ends those that are through or have had their time; returns when to look again, 0: no need. */
static unsigned long rdsz_pending_expire(struct rdsz_net *rn)
	__must_hold(&rn->listen_lock)
{
	unsigned long limit = msecs_to_jiffies(READ_ONCE(rn->sysctl.pending_ms));
	struct rdsz_pending *p, *next;
	unsigned long wait = 0;

	list_for_each_entry_safe(p, next, &rn->pending, node) {
		bool late = time_after_eq(jiffies, p->since + limit);

		if (!late && !rdsz_pending_proven(p)) {
			if (!wait)
				wait = p->since + limit - jiffies;
			continue;
		}
		if (!rdsz_pending_proven(p)) {
			if (p->conn)
				rdsz_stat_inc(rn, tcp_wakeups_vain);
			else
				rdsz_stat_inc(rn, conn_refused_silent);
		}
		rdsz_pending_free(p);
	}
	return wait;
}

static void rdsz_pending_work(struct work_struct *work)
{
	struct rdsz_net *rn = container_of(to_delayed_work(work), struct rdsz_net, pending_work);
	struct rdsz_pending *p;
	unsigned long wait;

	mutex_lock(&rn->listen_lock);
	while (!READ_ONCE(rn->dying) && (p = rdsz_pending_next_ready(rn))) {
		rdsz_pending_look(p);
		cond_resched();
	}
	wait = rdsz_pending_expire(rn);
	mutex_unlock(&rn->listen_lock);
	if (wait)
		rdsz_net_queue_delayed_work(rn, &rn->pending_work, wait);
}

void rdsz_pending_init(struct rdsz_net *rn)
{
	spin_lock_init(&rn->pending_lock);
	INIT_LIST_HEAD(&rn->pending);
	INIT_LIST_HEAD(&rn->pending_ready);
	INIT_DELAYED_WORK(&rn->pending_work, rdsz_pending_work);
}

/* The namespace ends, the listener is closed and no work is queued any more. */
void rdsz_pending_exit(struct rdsz_net *rn)
{
	struct rdsz_pending *p, *next;

	cancel_delayed_work_sync(&rn->pending_work);
	mutex_lock(&rn->listen_lock);
	list_for_each_entry_safe(p, next, &rn->pending, node)
		rdsz_pending_free(p);
	mutex_unlock(&rn->listen_lock);
}

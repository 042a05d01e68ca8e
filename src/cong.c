// SPDX-License-Identifier: GPL-2.0
/*
 * cong.c - congestion maps: one bit for each port of an address, 1 = do not send.
 *
 * Maps are kept per namespace and address. A socket sets and clears the bit of its port in the map
 * of its address; each peer of that address gets the whole map by an update. What a peer sent
 * stands in the map of the peer's address. Loop conns use one map for both directions, so no update
 * is needed.
 *
 * Most peers are never congested, so all maps share one of zeroes until a bit is set. One that
 * a socket is bound to has bits of its own before, for its receivers cannot wait for memory.
 *
 * Bits are changed with atomic operations or, by an update, copied over; readers need no lock. The
 * tree is under cong_lock, in any context up to softirq. Order for those who wait: change the bits,
 * count cong_gen, then wake.
 */
#include <linux/bitops.h>
#include <linux/slab.h>

#include "payload.h"
#include "rdsz.h"
#include "trace.h"

/* Changed ports of one update that are told one by one; the event says how many are set in all. */
#define RDSZ_TELL_PORTS	64

static struct rdsz_map *rdsz_map_find(struct rdsz_net *rn, const struct in6_addr *ip,
				      struct rb_node **parent, struct rb_node ***link)
	__must_hold(&rn->cong_lock)
{
	struct rb_node **p = &rn->maps.rb_node;

	*parent = NULL;
	while (*p) {
		struct rdsz_map *map = rb_entry(*p, struct rdsz_map, node);
		int order = rdsz_addr_cmp(ip, &map->ip);

		if (!order)
			return map;
		*parent = *p;
		p = order < 0 ? &(*p)->rb_left : &(*p)->rb_right;
	}
	*link = p;
	return NULL;
}

/* No port is congested. Never written. */
static unsigned long rdsz_map_clear[RDSZ_MAP_BYTES / sizeof(unsigned long)];

static struct rdsz_map *rdsz_map_alloc(struct rdsz_net *rn, const struct in6_addr *ip, gfp_t gfp)
{
	struct rdsz_map *map = kzalloc(sizeof(*map), gfp);

	if (!map)
		return NULL;
	map->bits = rdsz_map_clear;
	refcount_set(&map->refs, 1);
	refcount_inc(&rn->refs);
	map->rn = rn;
	map->ip = *ip;
	init_waitqueue_head(&map->wait);
	return map;
}

static void rdsz_map_free(struct rdsz_map *map)
{
	struct rdsz_net *rn = map->rn;

	if (map->bits != rdsz_map_clear)
		kfree(map->bits);
	kfree(map);
	rdsz_net_put(rn);
}

/* Map of an address, with a reference. If there is none @fresh becomes it, which may be NULL. */
static struct rdsz_map *rdsz_map_join(struct rdsz_net *rn, const struct in6_addr *ip,
				      struct rdsz_map *fresh)
{
	struct rb_node *parent, **link;
	struct rdsz_map *map;

	spin_lock_bh(&rn->cong_lock);
	map = rdsz_map_find(rn, ip, &parent, &link);
	if (map) {
		refcount_inc(&map->refs);
	} else if (fresh) {
		rb_link_node(&fresh->node, parent, link);
		rb_insert_color(&fresh->node, &rn->maps);
		map = fresh;
	}
	spin_unlock_bh(&rn->cong_lock);
	return map;
}

/* @bits become the map's, unless it has some already. */
static void rdsz_map_set_bits(struct rdsz_map *map, unsigned long *bits)
{
	if (cmpxchg(&map->bits, rdsz_map_clear, bits) != rdsz_map_clear)
		kfree(bits);
}

/**
 * rdsz_map_need_bits() - a socket binds to the address: its bits may be set from now on
 * @map: map
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int rdsz_map_need_bits(struct rdsz_map *map)
{
	unsigned long *bits;

	if (READ_ONCE(map->bits) != rdsz_map_clear)
		return 0;
	bits = kzalloc(RDSZ_MAP_BYTES, GFP_KERNEL_ACCOUNT);
	if (!bits)
		return -ENOMEM;
	rdsz_map_set_bits(map, bits);
	return 0;
}

/**
 * rdsz_map_get() - the map of an address, made if need be, with a reference
 * @rn: namespace
 * @ip: address
 * @gfp: how to allocate
 */
struct rdsz_map *rdsz_map_get(struct rdsz_net *rn, const struct in6_addr *ip, gfp_t gfp)
{
	struct rdsz_map *map = rdsz_map_join(rn, ip, NULL), *fresh;

	if (map)
		return map;
	fresh = rdsz_map_alloc(rn, ip, gfp);
	if (!fresh)
		return NULL;
	map = rdsz_map_join(rn, ip, fresh);
	if (map != fresh)
		rdsz_map_free(fresh);
	return map;
}

void rdsz_map_put(struct rdsz_map *map)
{
	struct rdsz_net *rn = map->rn;
	bool last;

	spin_lock_bh(&rn->cong_lock);
	last = refcount_dec_and_test(&map->refs);
	if (last)
		rb_erase(&map->node, &rn->maps);
	spin_unlock_bh(&rn->cong_lock);
	if (last)
		rdsz_map_free(map);
}

/* Is a socket bound to the address, with whatever port? Any context up to softirq. */
bool rdsz_map_is_bound(struct rdsz_net *rn, const struct in6_addr *ip)
{
	struct rb_node *parent, **link;
	struct rdsz_map *map;
	bool bound;

	spin_lock_bh(&rn->cong_lock);
	map = rdsz_map_find(rn, ip, &parent, &link);
	bound = map && atomic_read(&map->bound);
	spin_unlock_bh(&rn->cong_lock);
	return bound;
}

/* Is any port congested? */
bool rdsz_map_any(const struct rdsz_map *map)
{
	const unsigned long *bits = READ_ONCE(map->bits);

	return bits != rdsz_map_clear && memchr_inv(bits, 0, RDSZ_MAP_BYTES);
}

bool rdsz_map_test(const struct rdsz_map *map, __be16 port)
{
	return test_bit_le(ntohs(port), READ_ONCE(map->bits));
}

/* Wake what this map held up: senders that sleep, monitors, and pollers that met congestion. */
static void rdsz_map_changed(struct rdsz_map *map)
{
	struct rdsz_net *rn = map->rn;
	struct rdsz_sock *rs;

	atomic_inc(&rn->cong_gen);
	wake_up_all(&map->wait);
	spin_lock_bh(&rn->sock_lock);
	list_for_each_entry(rs, &rn->socks, net_node) {
		if (READ_ONCE(rs->cong_mask)) {
			WRITE_ONCE(rs->cong_notify, rs->cong_notify | rs->cong_mask);
			WRITE_ONCE(rs->cong_mask, 0);
		} else if (!READ_ONCE(rs->cong_hit)) {
			continue;
		}
		WRITE_ONCE(rs->cong_hit, false);
		rdsz_sock_wake(rs, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	}
	spin_unlock_bh(&rn->sock_lock);
}

/*
 * Each TCP peer of the address gets the new map, before any message that is queued later. Where
 * there is no connection the next one begins with it.
 */
static void rdsz_map_send(struct rdsz_map *map)
{
	struct rdsz_conn *conn = NULL;

	while ((conn = rdsz_conn_next(map->rn, conn))) {
		if (conn->local_map != map || conn->ops != &rdsz_tcp_transport)
			continue;
		smp_mb__before_atomic();	/* the map, then the bit, then whether it is up */
		if (!test_and_set_bit(RDSZ_PATH_MAP_DUE, &conn->path.flags))
			rdsz_stat_inc(map->rn, cong_update_queued);
		if (rdsz_path_is_up(&conn->path))
			rdsz_path_kick(&conn->path, false);
	}
}

/**
 * rdsz_cong_set_local() - our port is congested, or is not any more
 * @rs: socket; its queue_lock is held, which keeps changes in order
 * @congested: new state
 */
void rdsz_cong_set_local(struct rdsz_sock *rs, bool congested)
	__must_hold(&rs->queue_lock)
{
	struct rdsz_map *map = rs->map;
	int port = ntohs(rs->bind_key.port);

	lockdep_assert_held(&rs->queue_lock);
	rs->congested = congested;
	if (congested)
		set_bit_le(port, map->bits);
	else
		clear_bit_le(port, map->bits);
	trace_rds_zc_congestion(map, false, port, congested);
	rdsz_nl_congestion_event(map, false, port, congested);
	rdsz_map_send(map);
	if (!congested)
		rdsz_map_changed(map);
}

/* The map as it is, if somebody wants to hear what an update changes. */
static unsigned long *rdsz_map_remember(const struct rdsz_map *map)
{
	if (likely(!trace_rds_zc_congestion_enabled() && !rdsz_nl_congestion_heard(map->rn)))
		return NULL;
	return kmemdup(READ_ONCE(map->bits), RDSZ_MAP_BYTES, GFP_ATOMIC | __GFP_NOWARN);
}

/* Copy an update over the map; one of zeroes takes no memory that the map has not got. */
static int rdsz_map_replace(struct rdsz_map *map, struct rdsz_incoming *update)
{
	unsigned long *bits = READ_ONCE(map->bits);

	if (bits != rdsz_map_clear) {
		rdsz_incoming_read(update, (u8 *)bits, RDSZ_MAP_BYTES);
		return 0;
	}
	bits = kmalloc(RDSZ_MAP_BYTES, GFP_ATOMIC | __GFP_NOWARN);
	if (!bits)
		return -ENOMEM;
	rdsz_incoming_read(update, (u8 *)bits, RDSZ_MAP_BYTES);
	if (memchr_inv(bits, 0, RDSZ_MAP_BYTES))
		rdsz_map_set_bits(map, bits);
	else
		kfree(bits);
	return 0;
}

static void rdsz_map_tell_changes(const struct rdsz_map *map, unsigned long *old)
{
	u32 port, told = 0;

	for (port = 0; old && port < 8 * RDSZ_MAP_BYTES && told < RDSZ_TELL_PORTS; port++) {
		bool is = test_bit_le(port, map->bits);

		if (!(port % BITS_PER_LONG) && old[port / BITS_PER_LONG] ==
					       map->bits[port / BITS_PER_LONG]) {
			port += BITS_PER_LONG - 1;
			continue;
		}
		if (is == !!test_bit_le(port, old))
			continue;
		trace_rds_zc_congestion(map, true, port, is);
		rdsz_nl_congestion_event(map, true, port, is);
		told++;
	}
	kfree(old);
}

/**
 * rdsz_cong_received() - a peer sent its map
 * @conn: peer
 * @inc: frame of RDSZ_MAP_BYTES, taken over
 *
 * Context: any up to softirq.
 * Return: 0, or -ENOMEM: nothing has changed, and the frame is the caller's still.
 */
int rdsz_cong_received(struct rdsz_conn *conn, struct rdsz_incoming *inc)
{
	unsigned long *old = rdsz_map_remember(conn->peer_map);

	if (rdsz_map_replace(conn->peer_map, inc)) {
		kfree(old);
		return -ENOMEM;
	}
	rdsz_map_tell_changes(conn->peer_map, old);
	rdsz_incoming_put(inc);
	rdsz_stat_inc(conn->rn, cong_update_received);
	rdsz_map_changed(conn->peer_map);
	return 0;
}

/* In monitor mode a refused send makes the socket wait for its port's group. */
static void rdsz_cong_remember(struct rdsz_sock *rs, __be16 port)
{
	spin_lock_bh(&rs->rn->sock_lock);
	rs->cong_hit = true;
	if (rs->cong_monitor)
		WRITE_ONCE(rs->cong_mask, rs->cong_mask | 1ULL << (ntohs(port) % 64));
	spin_unlock_bh(&rs->rn->sock_lock);
}

/**
 * rdsz_cong_wait() - wait until a destination takes messages
 * @rs: sender
 * @conn: where to
 * @port: destination port
 * @nonblock: do not wait
 * @timeo: time left in jiffies, updated
 *
 * Return: 0, -ENOBUFS (congested, non-blocking), -ETIMEDOUT, or what a signal makes of it.
 */
int rdsz_cong_wait(struct rdsz_sock *rs, struct rdsz_conn *conn, __be16 port, bool nonblock,
		   long *timeo)
{
	struct rdsz_map *map = conn->peer_map;
	long left;

	if (!rdsz_map_test(map, port))
		return 0;
	rdsz_path_want(&conn->path);
	rdsz_cong_remember(rs, port);
	if (!rdsz_map_test(map, port))	/* it cleared before it could be remembered */
		return 0;
	if (nonblock) {
		rdsz_stat_inc(rs->rn, cong_send_error);
		return -ENOBUFS;
	}
	rdsz_stat_inc(rs->rn, cong_send_blocked);
	left = wait_event_interruptible_timeout(map->wait, !rdsz_map_test(map, port), *timeo);
	if (left == 0)
		return -ETIMEDOUT;
	if (left < 0)
		return sock_intr_errno(*timeo);
	*timeo = left;
	return 0;
}

/* The frame that carries our map as it is now; sequence number 0, never retransmitted. */
struct rdsz_message *rdsz_cong_update_message(struct rdsz_path *path)
{
	struct rdsz_payload *p;
	struct rdsz_message *m;

	p = rdsz_payload_from_bytes(path->conn->local_map->bits, RDSZ_MAP_BYTES, GFP_KERNEL);
	if (!p)
		return NULL;
	m = rdsz_message_alloc(path, p, RDSZ_MAP_BYTES, 0, 0, GFP_KERNEL);
	if (!m) {
		rdsz_payload_put(p);
		return NULL;
	}
	m->hdr.flags = RDSZ_FLAG_MAP;
	rdsz_handshake_map(path, &m->hdr);
	return m;
}

/*
 * For poll. With RDS_CONG_MONITOR: a notification waits. Without: some map changed since the last
 * time this was asked: a hint to try again, shown once as POLLWRBAND. In-tree adds POLLIN, although
 * there is nothing to read.
 */
bool rdsz_cong_poll(struct rdsz_sock *rs)
{
	u32 gen = atomic_read(&rs->rn->cong_gen);

	if (READ_ONCE(rs->cong_monitor))
		return READ_ONCE(rs->cong_notify) != 0;
	if (READ_ONCE(rs->cong_seen) == gen)
		return false;
	WRITE_ONCE(rs->cong_seen, gen);
	return true;
}

/* The groups in @taken were told to the reader. */
void rdsz_cong_take_notify(struct rdsz_sock *rs, u64 taken)
{
	spin_lock_bh(&rs->rn->sock_lock);
	WRITE_ONCE(rs->cong_notify, rs->cong_notify & ~taken);
	spin_unlock_bh(&rs->rn->sock_lock);
}

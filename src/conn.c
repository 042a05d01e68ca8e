// SPDX-License-Identifier: GPL-2.0
/*
 * conn.c - the connections of a namespace, by address pair and transport.
 *
 * A conn lives from its first use until it was idle for long (idle.c), or its namespace ends. The
 * table holds one reference; so do each message, transmit pass and TCP connection, and whoever
 * looked it up.
 */
#include <linux/slab.h>

#include "rdsz.h"

static const struct rhashtable_params rdsz_conn_params = {
	.head_offset		= offsetof(struct rdsz_conn, node),
	.key_offset		= offsetof(struct rdsz_conn, key),
	.key_len		= sizeof(struct rdsz_conn_key),
	.automatic_shrinking	= true,
};

/* A conn is somewhat larger than kmalloc() has a size for. */
static struct kmem_cache *rdsz_conn_cache;

int __init rdsz_conn_init(void)
{
	rdsz_conn_cache = KMEM_CACHE(rdsz_conn, SLAB_ACCOUNT);
	return rdsz_conn_cache ? 0 : -ENOMEM;
}

void rdsz_conn_exit(void)
{
	rcu_barrier();	/* rdsz_conn_free_rcu() */
	kmem_cache_destroy(rdsz_conn_cache);
}

int rdsz_conn_table_init(struct rdsz_net *rn)
{
	int err = rdsz_tombs_init(rn);

	if (err)
		return err;
	err = rhashtable_init(&rn->conns, &rdsz_conn_params);
	if (err)
		rdsz_tombs_exit(rn);
	return err;
}

void rdsz_conn_hold(struct rdsz_conn *conn)
{
	refcount_inc(&conn->refs);
}

static void rdsz_conn_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(rdsz_conn_cache, container_of(rcu, struct rdsz_conn, rcu));
}

/*
 * The last reference is gone. Perhaps in softirq, when TCP lets go of a pass; nothing here sleeps.
 */
static void rdsz_conn_free(struct rdsz_conn *conn)
{
	kfree(conn->tomb);
	rdsz_map_put(conn->local_map);
	rdsz_map_put(conn->peer_map);
	rdsz_net_put(conn->rn);
	rdsz_lanes_free(conn->lanes);
	call_rcu(&conn->rcu, rdsz_conn_free_rcu);
}

void rdsz_conn_put(struct rdsz_conn *conn)
{
	if (refcount_dec_and_test(&conn->refs))
		rdsz_conn_free(conn);
}

/* The side with the smaller address owns the TCP connections. */
bool rdsz_conn_is_small(const struct rdsz_conn *conn)
{
	return rdsz_addr_cmp(&conn->key.local, &conn->key.peer) < 0;
}

/* Somebody here uses it, or the peer has shown that it is one: it is nobody's try any more. */
void rdsz_conn_proved(struct rdsz_conn *conn)
{
	if (READ_ONCE(conn->proven))
		return;
	WRITE_ONCE(conn->proven, true);
	smp_mb();	/* proven, then what else it leads to: pairs with rdsz_idle_sent_away() */
	rdsz_net_queue_delayed_work(conn->rn, &conn->rn->pending_work, 0);
}

static bool rdsz_queue_is_busy(const struct list_head *queue)
{
	const struct rdsz_message *m;

	list_for_each_entry(m, queue, path_node)
		if (!test_bit(RDSZ_MSG_HANDSHAKE, &m->flags))
			return true;
	return false;
}

static bool rdsz_path_is_busy(struct rdsz_path *path)
{
	bool busy;

	spin_lock_bh(&path->lock);
	busy = rdsz_queue_is_busy(&path->queue.waiting) || rdsz_queue_is_busy(&path->send_queue) ||
		rdsz_queue_is_busy(&path->retained) || rdsz_queue_is_busy(&path->retrans) ||
		rdsz_queue_is_busy(&path->held);
	spin_unlock_bh(&path->lock);
	return busy;
}

/* Something of it, other than talk about the connection, waits to be sent or to be delivered. */
bool rdsz_conn_is_busy(struct rdsz_conn *conn)
{
	struct rdsz_path *path;
	bool busy = false;
	int i;

	rdsz_conn_for_each_lane(conn, path, i)
		busy |= rdsz_path_is_busy(path);
	return busy;
}

/* Every lane of it. Any context up to softirq. */
void rdsz_conn_drop(struct rdsz_conn *conn, enum rdsz_drop_reason reason)
{
	struct rdsz_path *path;
	int i;

	rdsz_conn_for_each_lane(conn, path, i)
		rdsz_path_drop(path, reason);
}

/* With a reference, or NULL. Any context up to softirq. */
struct rdsz_conn *rdsz_conn_lookup(struct rdsz_net *rn, const struct rdsz_conn_key *key)
{
	struct rdsz_conn *conn;

	rcu_read_lock();
	conn = rhashtable_lookup(&rn->conns, key, rdsz_conn_params);
	if (conn && !refcount_inc_not_zero(&conn->refs))
		conn = NULL;
	rcu_read_unlock();
	return conn;
}

static struct rdsz_conn *rdsz_conn_alloc(struct rdsz_net *rn, const struct rdsz_conn_key *key)
{
	struct rdsz_conn *conn = kmem_cache_zalloc(rdsz_conn_cache, GFP_KERNEL);

	if (!conn)
		return NULL;
	refcount_set(&conn->refs, 2);	/* the table's and the caller's */
	conn->key = *key;
	conn->ops = key->transport == RDSZ_TRANS_LOOP ? &rdsz_loop_transport :
							&rdsz_tcp_transport;
	conn->local_map = rdsz_map_get(rn, &key->local, GFP_KERNEL_ACCOUNT);
	if (!conn->local_map)
		goto err_free;
	conn->peer_map = rdsz_map_get(rn, &key->peer, GFP_KERNEL_ACCOUNT);
	if (!conn->peer_map)
		goto err_map;
	refcount_inc(&rn->refs);
	conn->rn = rn;
	conn->refuse_until = jiffies;
	conn->idle_since = jiffies;
	rdsz_path_init(conn, &conn->path, 0);
	return conn;

err_map:
	rdsz_map_put(conn->local_map);
err_free:
	kmem_cache_free(rdsz_conn_cache, conn);
	return NULL;
}

/* Never in the table: nobody else has seen it. */
static void rdsz_conn_discard(struct rdsz_conn *conn)
{
	rdsz_conn_put(conn);
	rdsz_conn_put(conn);
}

static void rdsz_conn_list(struct rdsz_net *rn, struct rdsz_conn *conn)
	__must_hold(&rn->conn_lock)
{
	lockdep_assert_held(&rn->conn_lock);
	conn->id = ++rn->conn_ids;
	rn->conn_gen++;
	list_add_tail(&conn->list, &rn->conn_list);
}

/* For dumps of lanes: a conn has more of them. Process context. */
void rdsz_conns_changed(struct rdsz_net *rn)
{
	spin_lock_bh(&rn->conn_lock);
	rn->conn_gen++;
	spin_unlock_bh(&rn->conn_lock);
}

static void rdsz_conn_unlist(struct rdsz_net *rn, struct rdsz_conn *conn)
	__must_hold(&rn->conn_lock)
{
	lockdep_assert_held(&rn->conn_lock);
	rn->conn_gen++;
	list_del_init(&conn->list);
}

/* What a conn of this address pair knew before it was let go; nobody else has seen this one yet. */
static void rdsz_conn_remember(struct rdsz_net *rn, struct rdsz_conn *conn)
	__must_hold(&rn->conn_lock)
{
	conn->tomb = rdsz_tomb_raise(rn, &conn->key);
	if (!conn->tomb)
		return;
	conn->peer_gen = conn->tomb->peer_gen;
	rdsz_tomb_apply(conn->tomb, &conn->path);
	rdsz_stat_inc(rn, conn_remembered);
}

/*
 * Look-ups see a conn before walkers do. Returns the one that was there before, NULL, or an error.
 */
static struct rdsz_conn *rdsz_conn_insert(struct rdsz_net *rn, struct rdsz_conn *conn)
	__must_hold(&rn->conn_lock)
{
	struct rdsz_conn *other = rhashtable_lookup_fast(&rn->conns, &conn->key, rdsz_conn_params);

	if (other)
		return refcount_inc_not_zero(&other->refs) ? other : ERR_PTR(-ENETDOWN);
	rdsz_conn_remember(rn, conn);
	if (rhashtable_insert_fast(&rn->conns, &conn->node, rdsz_conn_params)) {
		if (conn->tomb)
			rdsz_tomb_bury(rn, conn->tomb, conn);
		conn->tomb = NULL;
		return ERR_PTR(-ENOMEM);
	}
	rdsz_conn_list(rn, conn);
	return NULL;
}

static struct rdsz_conn *rdsz_conn_create(struct rdsz_net *rn, const struct rdsz_conn_key *key)
{
	struct rdsz_conn *conn = rdsz_conn_alloc(rn, key);
	struct rdsz_conn *other;

	if (!conn)
		return ERR_PTR(-ENOMEM);
	/* Conns come into the table and go from it under this lock only. */
	spin_lock_bh(&rn->conn_lock);
	rcu_read_lock();
	other = rdsz_conn_insert(rn, conn);
	rcu_read_unlock();
	spin_unlock_bh(&rn->conn_lock);
	if (!other) {
		rdsz_idle_start(rn);
		return conn;
	}
	rdsz_conn_discard(conn);
	return other;
}

/**
 * rdsz_conn_get_or_create() - the conn of an address pair, with a reference
 * @rn: namespace
 * @key: local and peer address, scope, transport
 *
 * Context: process, may sleep.
 * Return: the conn, or ERR_PTR(-ENOMEM), or ERR_PTR(-ENETDOWN) while the namespace ends.
 */
struct rdsz_conn *rdsz_conn_get_or_create(struct rdsz_net *rn, const struct rdsz_conn_key *key)
{
	struct rdsz_conn *conn = rdsz_conn_lookup(rn, key);

	return conn ?: rdsz_conn_create(rn, key);
}

/**
 * rdsz_conn_next() - walk the conns of a namespace without holding a lock between steps
 * @rn: namespace
 * @prev: conn returned before, its reference is dropped; NULL to start
 *
 * Conns leave the list when the namespace ends, or when nobody has a reference; so the place of
 * @prev stays good.
 *
 * Context: any up to softirq.
 * Return: the next conn, with a reference, or NULL.
 */
struct rdsz_conn *rdsz_conn_next(struct rdsz_net *rn, struct rdsz_conn *prev)
{
	struct list_head *pos;
	struct rdsz_conn *conn = NULL;

	spin_lock_bh(&rn->conn_lock);
	pos = prev ? prev->list.next : rn->conn_list.next;
	if (pos != &rn->conn_list && !(prev && list_empty(&prev->list))) {
		conn = list_entry(pos, struct rdsz_conn, list);
		rdsz_conn_hold(conn);
	}
	spin_unlock_bh(&rn->conn_lock);
	if (prev)
		rdsz_conn_put(prev);
	return conn;
}

/**
 * rdsz_conns_drop() - end the TCP connections of a namespace; they come back as after any loss
 * @rn: namespace
 * @reason: why
 *
 * Context: any up to softirq.
 */
void rdsz_conns_drop(struct rdsz_net *rn, enum rdsz_drop_reason reason)
{
	struct rdsz_conn *conn = NULL;

	while ((conn = rdsz_conn_next(rn, conn)))
		if (conn->ops->type == RDSZ_TRANS_TCP)
			rdsz_conn_drop(conn, reason);
}

/**
 * rdsz_conn_after() - the conn that comes after a number
 * @rn: namespace
 * @id: number of a conn seen before, which may be gone; 0 for the first
 *
 * Context: any up to softirq.
 * Return: the conn, with a reference, or NULL.
 */
struct rdsz_conn *rdsz_conn_after(struct rdsz_net *rn, u64 id)
{
	struct rdsz_conn *conn, *found = NULL;

	spin_lock_bh(&rn->conn_lock);
	list_for_each_entry(conn, &rn->conn_list, list) {
		if (conn->id <= id)
			continue;
		rdsz_conn_hold(conn);
		found = conn;
		break;
	}
	spin_unlock_bh(&rn->conn_lock);
	return found;
}

/* No work of it waits or runs, and no connection is under way that could start one. */
bool rdsz_conn_is_quiet(struct rdsz_conn *conn)
{
	struct rdsz_path *path;
	int i;

	rdsz_conn_for_each_lane(conn, path, i)
		if (!rdsz_path_is_quiet(path))
			return false;
	return true;
}

/*
 * True if the table's reference was the last and is gone: the conn cannot be found any more. Its
 * works hold no reference, so they are looked at; only who has a reference could start one.
 */
static bool rdsz_conn_leave(struct rdsz_net *rn, struct rdsz_conn *conn)
	__must_hold(&rn->conn_lock)
{
	if (!refcount_dec_if_one(&conn->refs))
		return false;
	if (!rdsz_conn_is_quiet(conn)) {
		refcount_set(&conn->refs, 1);
		return false;
	}
	rdsz_conn_unlist(rn, conn);
	rhashtable_remove_fast(&rn->conns, &conn->node, rdsz_conn_params);
	return true;
}

/* Something may have come from the peer that must not be delivered again. */
static bool rdsz_conn_was_heard(struct rdsz_conn *conn)
{
	struct rdsz_path *path;
	bool up = false;
	int i;

	rdsz_conn_for_each_lane(conn, path, i)
		up |= !!path->log.ups;
	return conn->ops->type == RDSZ_TRANS_TCP &&
		(conn->tomb || (up && READ_ONCE(conn->proven)));
}

/**
 * rdsz_conn_bury() - let go of a conn that nobody uses; a tombstone stays if its peer was ever
 * heard
 * @conn: conn that was quiet just now, with the caller's reference, which is gone if it could be
 *	buried
 *
 * Context: process, may sleep.
 * Return: true if it is gone.
 */
bool rdsz_conn_bury(struct rdsz_conn *conn)
{
	struct rdsz_net *rn = conn->rn;
	struct rdsz_tomb *fresh = NULL;
	struct rdsz_path *path;
	bool gone;
	int i;

	if (!conn->tomb) {
		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
		if (!fresh)
			return false;
	}
	spin_lock_bh(&rn->conn_lock);
	refcount_dec(&conn->refs);	/* the caller's; the table has one, and we the lock */
	gone = rdsz_conn_leave(rn, conn);
	if (!gone) {
		refcount_inc(&conn->refs);
	} else if (rdsz_conn_was_heard(conn)) {
		rdsz_tomb_bury(rn, conn->tomb ?: fresh, conn);
		conn->tomb = fresh = NULL;
	}
	spin_unlock_bh(&rn->conn_lock);
	kfree(fresh);
	if (!gone)
		return false;
	rdsz_conn_for_each_lane(conn, path, i)
		rdsz_path_destroy(path);
	rdsz_stat_inc(rn, conn_reaped);
	rdsz_conn_free(conn);
	return true;
}

static struct rdsz_conn *rdsz_conn_pop(struct rdsz_net *rn)
{
	struct rdsz_conn *conn;

	spin_lock_bh(&rn->conn_lock);
	conn = list_first_entry_or_null(&rn->conn_list, struct rdsz_conn, list);
	if (conn) {
		rdsz_conn_unlist(rn, conn);
		rhashtable_remove_fast(&rn->conns, &conn->node, rdsz_conn_params);
	}
	spin_unlock_bh(&rn->conn_lock);
	return conn;
}

/* The namespace ends: no socket is left, and no new connection is accepted. */
void rdsz_conn_table_exit(struct rdsz_net *rn)
{
	struct rdsz_conn *conn;
	struct rdsz_path *path;
	int i;

	while ((conn = rdsz_conn_pop(rn))) {
		/* One lane's worker may be about to give another something: lane 0 makes them. */
		rdsz_conn_for_each_lane(conn, path, i)
			cancel_delayed_work_sync(&path->state_work);
		rdsz_conn_for_each_lane(conn, path, i)
			rdsz_path_destroy(path);
		rdsz_conn_put(conn);
	}
	rhashtable_destroy(&rn->conns);
	rdsz_tombs_exit(rn);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * conn.c - the connections of a namespace, by address pair and transport.
 *
 * A conn lives from its first use to the end of its namespace. The table holds one reference; so do
 * each message, transmit pass and TCP connection, and whoever looked it up.
 */
#include <linux/slab.h>

#include "rdsz.h"

static const struct rhashtable_params rdsz_conn_params = {
	.head_offset		= offsetof(struct rdsz_conn, node),
	.key_offset		= offsetof(struct rdsz_conn, key),
	.key_len		= sizeof(struct rdsz_conn_key),
	.automatic_shrinking	= true,
};

int rdsz_conn_table_init(struct rdsz_net *rn)
{
	return rhashtable_init(&rn->conns, &rdsz_conn_params);
}

void rdsz_conn_hold(struct rdsz_conn *conn)
{
	refcount_inc(&conn->refs);
}

/* The last put may come from softirq, when TCP lets go of a pass; nothing here sleeps. */
void rdsz_conn_put(struct rdsz_conn *conn)
{
	if (!refcount_dec_and_test(&conn->refs))
		return;
	rdsz_map_put(conn->local_map);
	rdsz_map_put(conn->peer_map);
	rdsz_net_put(conn->rn);
	kfree(conn->lanes);
	kfree_rcu(conn, rcu);
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
	rdsz_net_queue_work(conn->rn, &conn->rn->pending_work, 0);
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
	busy = rdsz_queue_is_busy(&path->send_queue) || rdsz_queue_is_busy(&path->retained) ||
		rdsz_queue_is_busy(&path->retrans) || rdsz_queue_is_busy(&path->held);
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
	struct rdsz_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL);

	if (!conn)
		return NULL;
	refcount_set(&conn->refs, 2);	/* the table's and the caller's */
	conn->key = *key;
	conn->ops = key->transport == RDSZ_TRANS_LOOP ? &rdsz_loop_transport :
							&rdsz_tcp_transport;
	conn->local_map = rdsz_map_get(rn, &key->local, GFP_KERNEL);
	if (!conn->local_map)
		goto err_free;
	conn->peer_map = rdsz_map_get(rn, &key->peer, GFP_KERNEL);
	if (!conn->peer_map)
		goto err_map;
	refcount_inc(&rn->refs);
	conn->rn = rn;
	conn->refuse_until = jiffies;
	rdsz_path_init(conn, &conn->path, 0);
	return conn;

err_map:
	rdsz_map_put(conn->local_map);
err_free:
	kfree(conn);
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

static void rdsz_conn_unlist(struct rdsz_net *rn, struct rdsz_conn *conn)
	__must_hold(&rn->conn_lock)
{
	lockdep_assert_held(&rn->conn_lock);
	rn->conn_gen++;
	list_del_init(&conn->list);
}

static struct rdsz_conn *rdsz_conn_create(struct rdsz_net *rn, const struct rdsz_conn_key *key)
{
	struct rdsz_conn *conn = rdsz_conn_alloc(rn, key);
	struct rdsz_conn *other;

	if (!conn)
		return ERR_PTR(-ENOMEM);
	/* Walkers see a conn only after look-ups do, and both under the list lock at creation. */
	spin_lock_bh(&rn->conn_lock);
	rcu_read_lock();
	other = rhashtable_lookup_get_insert_fast(&rn->conns, &conn->node, rdsz_conn_params);
	if (!other)
		rdsz_conn_list(rn, conn);
	else if (!IS_ERR(other) && !refcount_inc_not_zero(&other->refs))
		other = ERR_PTR(-ENETDOWN);
	rcu_read_unlock();
	spin_unlock_bh(&rn->conn_lock);
	if (!other)
		return conn;
	rdsz_conn_discard(conn);
	return IS_ERR(other) && PTR_ERR(other) != -ENETDOWN ? ERR_PTR(-ENOMEM) : other;
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
 * Conns leave the list only when the namespace ends, so the place of @prev stays good.
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
		rdsz_conn_for_each_lane(conn, path, i)
			rdsz_path_destroy(path);
		rdsz_conn_put(conn);
	}
	rhashtable_destroy(&rn->conns);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * lanes.c - which of a conn's TCP connections a message goes by.
 *
 * The pairs of sockets of a conn are spread over 64 buckets, by a hash of ports and addresses; a
 * bucket's lane is its number modulo 8. All pairs of a bucket change lanes together. The hash does
 * not tell the two ends apart, and its seed is made of the incarnations of both, so an answer goes
 * by the lane of its question, and the acknowledgements of TCP and of delivery go with it instead
 * of in packets of their own; and who chooses ports cannot choose the lane. A conn starts with lane
 * 0 alone, so each bucket passes, once other lanes are up, through
 *
 *   on lane 0 -----------> moving ------------> moved
 *             its lane is         nothing of it
 *             up                  is on lane 0
 *
 * While it is moving new messages are held in its lane, outside of its queue, and go when the last
 * one of the bucket has left the queues of lane 0: it was acknowledged, or withdrawn. So no
 * message overtakes an earlier one of its pair, no other pair waits, and nobody polls.
 *
 * A peer that was restarted has to agree on lanes anew. Until it does, the queues of the other
 * lanes are appended to that of lane 0, and their buckets are back on lane 0. With the peer's
 * incarnation the seed is another: no bucket leaves lane 0 before all are there, and are dealt
 * anew.
 *
 * moved is changed under the locks of lane 0 and of the lane, in this order, so either is enough to
 * rely on it.
 */
#include <linux/jhash.h>
#include <linux/slab.h>

#include "rdsz.h"

/* Its objects would take a slot of 8 KiB of kmalloc each. */
static struct kmem_cache *rdsz_lanes_cache;

/* What both ends know, and no program that may not look at everything here. */
static u32 rdsz_lanes_seed(const struct rdsz_conn *conn)
{
	return conn->rn->gen_num ^ READ_ONCE(conn->peer_gen);
}

/* Were the buckets dealt for a peer that has been restarted since? */
static bool rdsz_lanes_stale(const struct rdsz_conn *conn, const struct rdsz_lanes *lanes)
{
	return READ_ONCE(lanes->seed) != rdsz_lanes_seed(conn);
}

/* The peer, be it of another byte order, finds the same. */
static unsigned int rdsz_lane_bucket(const struct rdsz_conn *conn, u32 seed, __be16 sport,
				     __be16 dport)
{
	__be32 hosts = conn->key.local.s6_addr32[3] ^ conn->key.peer.s6_addr32[3];
	u16 a = be16_to_cpu(sport), b = be16_to_cpu(dport);

	return jhash_3words(min(a, b), max(a, b), be32_to_cpu(hosts), seed) % RDSZ_BUCKETS;
}

static unsigned int rdsz_bucket_lane(unsigned int bucket)
{
	return bucket % RDSZ_MAX_LANES;
}

static bool rdsz_bucket_moved(const struct rdsz_lanes *lanes, unsigned int bucket)
{
	return READ_ONCE(lanes->moved) & BIT_ULL(bucket);
}

/* Message @m of a socket is, or comes, into the queues of lane 0. */
static void rdsz_lanes_count(struct rdsz_lanes *lanes, struct rdsz_message *m)
{
	if (!m->rs || !rdsz_bucket_lane(m->bucket))
		return;
	set_bit(RDSZ_MSG_ON_ZERO, &m->flags);
	lanes->on_zero[m->bucket]++;
}

static void rdsz_lanes_deal_queue(struct rdsz_conn *conn, struct rdsz_lanes *lanes,
				  struct list_head *queue)
{
	struct rdsz_message *m;

	list_for_each_entry(m, queue, path_node) {
		clear_bit(RDSZ_MSG_ON_ZERO, &m->flags);
		m->bucket = rdsz_lane_bucket(conn, lanes->seed, m->hdr.sport, m->hdr.dport);
		rdsz_lanes_count(lanes, m);
	}
}

/* All buckets are on lane 0, whose lock is held: which messages there are in which? */
static void rdsz_lanes_deal(struct rdsz_conn *conn, struct rdsz_lanes *lanes)
{
	WRITE_ONCE(lanes->seed, rdsz_lanes_seed(conn));
	memset(lanes->on_zero, 0, sizeof(lanes->on_zero));
	rdsz_lanes_deal_queue(conn, lanes, &conn->path.retained);
	rdsz_lanes_deal_queue(conn, lanes, &conn->path.retrans);
	rdsz_lanes_deal_queue(conn, lanes, &conn->path.send_queue);
	rdsz_lanes_deal_queue(conn, lanes, &conn->path.queue.waiting);
}

/* True if they were; the lock of lane 0 is held. */
static bool rdsz_lanes_deal_anew(struct rdsz_conn *conn, struct rdsz_lanes *lanes)
{
	lockdep_assert_held(&conn->path.lock);
	if (!rdsz_lanes_stale(conn, lanes) || lanes->moved || lanes->moving)
		return false;
	rdsz_lanes_deal(conn, lanes);
	return true;
}

/* May buckets be on lanes of their own, with this incarnation of the peer? */
bool rdsz_lanes_agreed(const struct rdsz_conn *conn)
{
	/* Pairs with rdsz_lanes_need(). */
	const struct rdsz_lanes *lanes = smp_load_acquire(&conn->lanes);

	return READ_ONCE(conn->spread) == RDSZ_SPREAD_AGREED &&
		!(lanes && rdsz_lanes_stale(conn, lanes));
}

int __init rdsz_lanes_init(void)
{
	rdsz_lanes_cache = KMEM_CACHE(rdsz_lanes, 0);
	return rdsz_lanes_cache ? 0 : -ENOMEM;
}

void rdsz_lanes_exit(void)
{
	kmem_cache_destroy(rdsz_lanes_cache);
}

/* Any context up to softirq. NULL is none. */
void rdsz_lanes_free(struct rdsz_lanes *lanes)
{
	if (lanes)
		kmem_cache_free(rdsz_lanes_cache, lanes);
}

/**
 * rdsz_lanes_need() - have lanes 1 to 7, and the buckets dealt for the present peer
 * @conn: conn
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int rdsz_lanes_need(struct rdsz_conn *conn)
{
	struct rdsz_lanes *lanes;
	int i;

	lanes = READ_ONCE(conn->lanes);
	if (lanes) {
		spin_lock_bh(&conn->path.lock);
		rdsz_lanes_deal_anew(conn, lanes);
		spin_unlock_bh(&conn->path.lock);
		return 0;
	}
	lanes = kmem_cache_zalloc(rdsz_lanes_cache, GFP_KERNEL);
	if (!lanes)
		return -ENOMEM;
	for (i = 1; i < RDSZ_MAX_LANES; i++) {
		rdsz_path_init(conn, &lanes->path[i - 1], i);
		if (conn->tomb)
			rdsz_tomb_apply(conn->tomb, &lanes->path[i - 1]);
	}
	spin_lock_bh(&conn->path.lock);
	if (!conn->lanes) {
		rdsz_lanes_deal(conn, lanes);
		smp_store_release(&conn->lanes, lanes);	/* pairs with rdsz_conn_lane() */
		lanes = NULL;
	}
	spin_unlock_bh(&conn->path.lock);
	if (lanes)
		rdsz_lanes_free(lanes);	/* somebody else was faster */
	else
		rdsz_conns_changed(conn->rn);
	return 0;
}

/* Look at the state of all lanes but the first. Any context up to softirq. */
void rdsz_lanes_poke(struct rdsz_conn *conn)
{
	struct rdsz_path *path;
	int i;

	for (i = 1; (path = rdsz_conn_lane(conn, i)); i++)
		rdsz_path_poke(path, 0);
}

static void rdsz_lanes_set_moved(struct rdsz_lanes *lanes, unsigned int bucket)
{
	WRITE_ONCE(lanes->moved, lanes->moved | BIT_ULL(bucket));
	lanes->moving &= ~BIT_ULL(bucket);
	rdsz_stat_inc(lanes->path[0].conn->rn, lane_moved);
}

/*
 * Queue a message whose bucket is not on a lane of its own. The lock of lane 0 is held; returns the
 * lane that has something to transmit now.
 */
static struct rdsz_path *rdsz_lanes_place(struct rdsz_conn *conn, struct rdsz_lanes *lanes,
					  struct rdsz_message *m)
	__must_hold(&conn->path.lock)
{
	struct rdsz_path *own = rdsz_conn_lane(conn, rdsz_bucket_lane(m->bucket));
	struct rdsz_path *zero = &conn->path;
	bool moving = lanes->moving & BIT_ULL(m->bucket);

	lockdep_assert_held(&zero->lock);
	if (own == zero || (!moving && !(rdsz_lanes_agreed(conn) && rdsz_path_is_up(own)))) {
		rdsz_lanes_count(lanes, m);
		rdsz_path_add(zero, m);
		return zero;
	}
	spin_lock_nested(&own->lock, SINGLE_DEPTH_NESTING);
	if (lanes->on_zero[m->bucket]) {
		lanes->moving |= BIT_ULL(m->bucket);
		rdsz_path_hold(own, m);
		rdsz_stat_inc(conn->rn, lane_held);
	} else {
		rdsz_lanes_set_moved(lanes, m->bucket);
		rdsz_path_add(own, m);
	}
	spin_unlock(&own->lock);
	return own;
}

/**
 * rdsz_lanes_enqueue() - queue a message of a socket on the lane it belongs to
 * @m: message; the queues take references of their own
 *
 * Return: the path to kick.
 */
struct rdsz_path *rdsz_lanes_enqueue(struct rdsz_message *m)
{
	struct rdsz_conn *conn = m->path->conn;
	struct rdsz_path *zero = &conn->path, *path;
	struct rdsz_lanes *lanes = smp_load_acquire(&conn->lanes);	/* rdsz_lanes_need() */
	u32 seed = lanes ? READ_ONCE(lanes->seed) : 0;

	if (lanes)
		m->bucket = rdsz_lane_bucket(conn, seed, m->hdr.sport, m->hdr.dport);
	if (lanes && rdsz_bucket_moved(lanes, m->bucket)) {
		path = rdsz_conn_lane(conn, rdsz_bucket_lane(m->bucket));
		spin_lock_bh(&path->lock);
		/* A bit that is set after a deal is seen with the new seed: by the same lock. */
		if (likely(rdsz_bucket_moved(lanes, m->bucket) &&
			   READ_ONCE(lanes->seed) == seed)) {
			rdsz_path_add(path, m);
			spin_unlock_bh(&path->lock);
			return path;
		}
		spin_unlock_bh(&path->lock);	/* the lane was given up just now */
	}
	spin_lock_bh(&zero->lock);
	lanes = conn->lanes;
	if (likely(!lanes)) {
		rdsz_path_add(zero, m);
		path = zero;
	} else {
		m->bucket = rdsz_lane_bucket(conn, lanes->seed, m->hdr.sport, m->hdr.dport);
		path = rdsz_lanes_place(conn, lanes, m);
	}
	spin_unlock_bh(&zero->lock);
	return path;
}

/* The lane that the next message between two ports will most likely take. */
struct rdsz_path *rdsz_lanes_of_ports(struct rdsz_conn *conn, __be16 sport, __be16 dport)
{
	struct rdsz_lanes *lanes = smp_load_acquire(&conn->lanes);	/* rdsz_lanes_need() */
	unsigned int bucket, lane;

	if (!lanes)
		return &conn->path;
	bucket = rdsz_lane_bucket(conn, READ_ONCE(lanes->seed), sport, dport);
	lane = rdsz_bucket_moved(lanes, bucket) ? rdsz_bucket_lane(bucket) : 0;
	return rdsz_conn_lane(conn, lane);
}

/* The bucket has nothing on lane 0 any more: what was held goes. The lock of lane 0 is held. */
static void rdsz_lanes_release(struct rdsz_conn *conn, unsigned int bucket)
	__must_hold(&conn->path.lock)
{
	struct rdsz_path *own = rdsz_conn_lane(conn, rdsz_bucket_lane(bucket));
	struct rdsz_message *m, *next;

	lockdep_assert_held(&conn->path.lock);
	spin_lock_nested(&own->lock, SINGLE_DEPTH_NESTING);
	list_for_each_entry_safe(m, next, &own->held, path_node) {
		if (m->bucket != bucket)
			continue;
		list_del(&m->path_node);
		rdsz_queue_add(own, m);
	}
	rdsz_lanes_set_moved(conn->lanes, bucket);
	spin_unlock(&own->lock);
	rdsz_path_kick(own, false);
}

/**
 * rdsz_lanes_left() - a message leaves the queues of its path
 * @path: its path; the lock is held
 * @m: message
 */
void rdsz_lanes_left(struct rdsz_path *path, struct rdsz_message *m)
{
	struct rdsz_conn *conn = path->conn;

	lockdep_assert_held(&path->lock);
	if (!test_bit(RDSZ_MSG_ON_ZERO, &m->flags))
		return;
	clear_bit(RDSZ_MSG_ON_ZERO, &m->flags);
	if (!--conn->lanes->on_zero[m->bucket] && (conn->lanes->moving & BIT_ULL(m->bucket)))
		rdsz_lanes_release(conn, m->bucket);
}

/* Move a queue to that of lane 0, to be numbered anew; what no socket sent goes to @rest. */
static void rdsz_lanes_fold_queue(struct rdsz_path *path, struct list_head *queue,
				  struct list_head *rest)
{
	struct rdsz_conn *conn = path->conn;
	struct rdsz_path *zero = &conn->path;
	struct rdsz_message *m, *next;

	list_for_each_entry_safe(m, next, queue, path_node) {
		rdsz_queue_left(path, m);
		rdsz_path_load_left(path, m);
		if (!m->rs) {
			clear_bit(RDSZ_MSG_ON_PATH, &m->flags);
			list_move_tail(&m->path_node, rest);
			continue;
		}
		WRITE_ONCE(m->path, zero);
		m->hdr.seq = 0;
		m->hdr.flags &= ~RDSZ_FLAG_RETRANSMITTED;
		rdsz_lanes_count(conn->lanes, m);
		list_del(&m->path_node);
		rdsz_queue_add(zero, m);
		rdsz_path_load_queued(zero, m);
	}
}

/**
 * rdsz_lanes_fold() - a lane may never come back: its messages go by lane 0
 * @path: a lane that is down, not the first one
 *
 * Context: the state worker of the lane.
 */
void rdsz_lanes_fold(struct rdsz_path *path)
{
	struct rdsz_conn *conn = path->conn;
	struct rdsz_message *m, *next;
	unsigned int bucket;
	LIST_HEAD(rest);
	bool dealt;

	spin_lock_bh(&conn->path.lock);
	spin_lock_nested(&path->lock, SINGLE_DEPTH_NESTING);
	rdsz_lanes_fold_queue(path, &path->send_queue, &rest);
	rdsz_lanes_fold_queue(path, &path->queue.waiting, &rest);
	rdsz_lanes_fold_queue(path, &path->held, &rest);
	for (bucket = path->index; bucket < RDSZ_BUCKETS; bucket += RDSZ_MAX_LANES) {
		WRITE_ONCE(conn->lanes->moved, conn->lanes->moved & ~BIT_ULL(bucket));
		conn->lanes->moving &= ~BIT_ULL(bucket);
	}
	spin_unlock(&path->lock);
	dealt = rdsz_lanes_deal_anew(conn, conn->lanes);
	spin_unlock_bh(&conn->path.lock);
	if (dealt)
		rdsz_path_poke(&conn->path, 0);	/* it dials the lanes again */
	list_for_each_entry_safe(m, next, &rest, path_node) {
		list_del_init(&m->path_node);
		rdsz_message_put(m);
	}
	if (rdsz_path_has_work(&conn->path))
		rdsz_path_kick(&conn->path, false);
}

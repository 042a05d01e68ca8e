// SPDX-License-Identifier: GPL-2.0
/*
 * idle.c - lets go of what nobody has used for net.rds_zc.idle_ms.
 *
 * A conn is idle when all that time no frame came or went, nothing waits to be delivered, and no
 * port of either end is congested. Then the side that owns its TCP connections closes them, if the
 * peer is one of ours and was told of all that it delivered to us; an in-tree peer would dial again
 * at once, and keeps its connection. Nobody brings the connections of an idle conn back before
 * there is something to send. A conn within the namespace has nothing to close.
 *
 * A conn that was idle and down for as long goes itself. What must not be forgotten with it stays
 * behind as a tombstone, see tombstone.c.
 *
 * The marks in a conn (idle_*) belong to the worker of its namespace; but @idle is read by the
 * state workers of its lanes.
 */
#include "rdsz.h"

/* How often the worker looks, as a part of idle_ms. */
#define RDSZ_IDLE_LOOKS		4

/* Every frame moves one of these numbers; sums may be inexact, as long as they change. */
static u64 rdsz_idle_count(struct rdsz_conn *conn)
{
	struct rdsz_path *path;
	u64 sum = 0;
	int i;

	rdsz_conn_for_each_lane(conn, path, i)
		sum += READ_ONCE(path->next_tx_seq) + READ_ONCE(path->next_rx_seq) +
			READ_ONCE(path->log.ups);
	return sum;
}

static bool rdsz_idle_is_loop(const struct rdsz_conn *conn)
{
	return conn->ops->type == RDSZ_TRANS_LOOP;
}

/* All that came from the peer is acknowledged, and it knows how to understand that. */
static bool rdsz_idle_path_told(struct rdsz_path *path)
{
	if (!rdsz_path_is_up(path) || rdsz_idle_is_loop(path->conn))
		return true;
	return rdsz_path_peer(path) == RDSZ_PEER_OURS &&
		READ_ONCE(path->rx_ack) == READ_ONCE(path->tx_ack);
}

static void rdsz_idle_close(struct rdsz_conn *conn)
{
	struct rdsz_path *path;
	int i;

	if (!rdsz_conn_is_small(conn) && !rdsz_idle_is_loop(conn))
		return;
	rdsz_conn_for_each_lane(conn, path, i)
		if (!rdsz_idle_path_told(path))
			return;
	rdsz_conn_for_each_lane(conn, path, i)
		if (rdsz_path_is_up(path))
			rdsz_path_drop(path, RDSZ_DROP_IDLE);
}

/*
 * Asked for a connection of ours, never sent a frame, and none came of it. Who took ours and says
 * nothing is treated as a peer of the in-tree kind, see handshake.c.
 */
static bool rdsz_idle_is_stranger(const struct rdsz_conn *conn)
{
	return READ_ONCE(conn->unawaited) && !READ_ONCE(conn->proven) &&
		!rdsz_path_is_up(&conn->path);
}

/* The stranger is not dialled again. True if there is nothing left of him. */
static bool rdsz_idle_sent_away(struct rdsz_conn *conn)
{
	if (rdsz_conn_is_quiet(conn))
		return true;
	WRITE_ONCE(conn->idle, true);
	smp_mb();	/* pairs with rdsz_conn_proved(): whoever is second sees the other's word */
	if (READ_ONCE(conn->proven))
		WRITE_ONCE(conn->idle, false);
	else
		rdsz_conn_drop(conn, RDSZ_DROP_IDLE);
	return false;
}

/* Somebody, here or there, may be waiting for a port to clear: this connection is to tell him. */
static bool rdsz_idle_is_awaited(const struct rdsz_conn *conn)
{
	return !rdsz_idle_is_loop(conn) && rdsz_path_is_up(&conn->path) &&
		(rdsz_map_any(conn->local_map) || rdsz_map_any(conn->peer_map));
}

/* Returns true if the conn may go altogether. */
static bool rdsz_idle_look(struct rdsz_conn *conn, unsigned long limit)
{
	u64 count = rdsz_idle_count(conn);

	if (rdsz_idle_is_stranger(conn))
		return rdsz_idle_sent_away(conn);
	if (!limit)
		return false;
	if (count != conn->idle_count || rdsz_conn_is_busy(conn) || rdsz_idle_is_awaited(conn)) {
		conn->idle_count = count;
		conn->idle_since = jiffies;
		WRITE_ONCE(conn->idle, false);
		return false;
	}
	if (time_before(jiffies, conn->idle_since + limit))
		return false;
	/* Once more as long, so that both ends have closed before one of them forgets. */
	if (!conn->idle) {
		WRITE_ONCE(conn->idle, true);
		conn->idle_since = jiffies;
		rdsz_idle_close(conn);
		return false;
	}
	return rdsz_conn_is_quiet(conn);
}

/* Strangers are looked at more often. */
static void rdsz_idle_soon(struct rdsz_net *rn)
{
	rdsz_net_queue_delayed_work(rn, &rn->idle_work,
				    msecs_to_jiffies(READ_ONCE(rn->sysctl.pending_ms)));
}

static void rdsz_idle_work(struct work_struct *work)
{
	struct rdsz_net *rn = container_of(to_delayed_work(work), struct rdsz_net, idle_work);
	unsigned long limit = msecs_to_jiffies(READ_ONCE(rn->sysctl.idle_ms));
	struct rdsz_conn *conn, *next;
	bool any = false, strangers = false;

	for (conn = rdsz_conn_next(rn, NULL); conn; conn = next) {
		rdsz_conn_hold(conn);	/* the walk's goes with the next step */
		next = rdsz_conn_next(rn, conn);
		if (!rdsz_idle_look(conn, limit) || !rdsz_conn_bury(conn)) {
			any = true;
			strangers |= rdsz_idle_is_stranger(conn);
			rdsz_conn_put(conn);
		}
		cond_resched();
	}
	if (any)
		rdsz_idle_start(rn);
	if (strangers)
		rdsz_idle_soon(rn);
}

/* There is a conn to look at. Any context up to softirq. */
void rdsz_idle_start(struct rdsz_net *rn)
{
	unsigned int ms = READ_ONCE(rn->sysctl.idle_ms);

	if (ms)
		rdsz_net_queue_delayed_work(rn, &rn->idle_work,
					    msecs_to_jiffies(ms) / RDSZ_IDLE_LOOKS + 1);
}

/**
 * rdsz_idle_stranger() - forget a host that asked for a connection and never sent a frame
 * @conn: conn that was made for it
 *
 * Context: any up to softirq.
 */
void rdsz_idle_stranger(struct rdsz_conn *conn)
{
	WRITE_ONCE(conn->unawaited, true);
	if (!rdsz_idle_is_stranger(conn))
		return;
	rdsz_idle_sent_away(conn);
	rdsz_idle_soon(conn->rn);
}

/* idle_ms was written: it counts from now on. */
void rdsz_idle_changed(struct rdsz_net *rn)
{
	rdsz_net_queue_delayed_work(rn, &rn->idle_work, 0);
}

void rdsz_idle_init(struct rdsz_net *rn)
{
	INIT_DELAYED_WORK(&rn->idle_work, rdsz_idle_work);
}

/* The namespace ends: nothing is queued again. */
void rdsz_idle_exit(struct rdsz_net *rn)
{
	cancel_delayed_work_sync(&rn->idle_work);
}

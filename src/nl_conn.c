// SPDX-License-Identifier: GPL-2.0
/*
 * nl_conn.c - conn-get, path-get: connections, as a whole and lane by lane.
 */
#include <linux/bitmap.h>

#include "nl.h"

const struct nla_policy rdsz_nl_path_policy[RDSZC_A_PATH_MAX + 1] = {
	[RDSZC_A_PATH_LOCAL_ADDR]	= NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[RDSZC_A_PATH_PEER_ADDR]	= NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[RDSZC_A_PATH_TRANSPORT]	= NLA_POLICY_RANGE(NLA_U32, RDSZC_TRANSPORT_TCP,
							   RDSZC_TRANSPORT_LOOP),
	[RDSZC_A_PATH_STATE]		= NLA_POLICY_MAX(NLA_U32, RDSZC_STATE_DISCONNECTING),
};

u32 rdsz_nl_state(int state)
{
	static const u8 states[] = {
		[RDSZ_PATH_DOWN]		= RDSZC_STATE_DOWN,
		[RDSZ_PATH_CONNECTING]		= RDSZC_STATE_CONNECTING,
		[RDSZ_PATH_UP]			= RDSZC_STATE_UP,
		[RDSZ_PATH_DISCONNECTING]	= RDSZC_STATE_DISCONNECTING,
	};

	return states[state];
}

static u32 rdsz_nl_peer(enum rdsz_peer_kind kind)
{
	switch (kind) {
	case RDSZ_PEER_OURS:
		return RDSZC_PEER_RDS_ZC;
	case RDSZ_PEER_INTREE:
		return RDSZC_PEER_OTHER;
	default:
		return RDSZC_PEER_UNKNOWN;
	}
}

/* What one lane looks like, or all lanes of a conn together. */
struct rdsz_path_view {
	u32			state;
	u32			lanes;
	u32			lanes_up;
	struct rdsz_load	queued;
	struct rdsz_load	unacked;
	u64			pinned;
	u32			reconnects;
	u64			changed;
	int			reason;
	int			error;
	u64			tx_seq;
	u64			rx_seq;
	u32			backoff;
};

static void rdsz_path_look(struct rdsz_path *path, struct rdsz_path_view *v)
{
	u32 ups = READ_ONCE(path->log.ups);

	v->state = rdsz_nl_state(READ_ONCE(path->state));
	v->lanes_up = v->state == RDSZC_STATE_UP;
	spin_lock_bh(&path->lock);
	v->queued = path->queued;
	v->unacked = path->unacked;
	v->pinned = path->pinned;
	v->tx_seq = path->next_tx_seq;
	spin_unlock_bh(&path->lock);
	v->rx_seq = READ_ONCE(path->next_rx_seq);
	v->reconnects = ups ? ups - 1 : 0;
	v->changed = READ_ONCE(path->log.changed);
	v->reason = READ_ONCE(path->log.reason);
	v->error = READ_ONCE(path->log.error);
	v->backoff = READ_ONCE(path->backoff);
}

static void rdsz_load_join(struct rdsz_load *to, const struct rdsz_load *from)
{
	to->msgs += from->msgs;
	to->bytes += from->bytes;
}

/* A conn is up as soon as a lane is, and its news are those of the lane that has the latest. */
static void rdsz_conn_look(struct rdsz_conn *conn, struct rdsz_path_view *v)
{
	struct rdsz_path_view lane;
	struct rdsz_path *path;
	u32 i;

	rdsz_path_look(rdsz_conn_lane(conn, 0), v);
	v->lanes = 1;
	for (i = 1; (path = rdsz_conn_lane(conn, i)); i++) {
		rdsz_path_look(path, &lane);
		v->lanes++;
		v->lanes_up += lane.lanes_up;
		rdsz_load_join(&v->queued, &lane.queued);
		rdsz_load_join(&v->unacked, &lane.unacked);
		v->pinned += lane.pinned;
		v->reconnects += lane.reconnects;
		if (lane.changed > v->changed && lane.reason) {
			v->reason = lane.reason;
			v->error = lane.error;
		}
		if (v->state != RDSZC_STATE_UP && lane.state == RDSZC_STATE_UP) {
			v->state = lane.state;
			v->changed = lane.changed;
		}
	}
}

int rdsz_nl_put_key(struct sk_buff *skb, const struct rdsz_conn *conn)
{
	return rdsz_nl_put_addr(skb, RDSZC_A_PATH_LOCAL_ADDR, &conn->key.local) ||
		rdsz_nl_put_addr(skb, RDSZC_A_PATH_PEER_ADDR, &conn->key.peer) ||
		nla_put_u32(skb, RDSZC_A_PATH_SCOPE, conn->key.scope) ||
		nla_put_u32(skb, RDSZC_A_PATH_TRANSPORT, rdsz_nl_transport(conn->key.transport));
}

static int rdsz_nl_put_view(struct sk_buff *skb, const struct rdsz_path_view *v)
{
	u64 since = jiffies64_to_msecs(get_jiffies_64() - v->changed);

	return nla_put_u32(skb, RDSZC_A_PATH_STATE, v->state) ||
		nla_put_u32(skb, RDSZC_A_PATH_REASON, v->reason) ||
		nla_put_u32(skb, RDSZC_A_PATH_ERROR, v->error) ||
		nla_put_u32(skb, RDSZC_A_PATH_RECONNECTS, v->reconnects) ||
		nla_put_u64_64bit(skb, RDSZC_A_PATH_SINCE_MS, since, RDSZC_A_PATH_PAD) ||
		nla_put_u32(skb, RDSZC_A_PATH_QUEUED_MSGS, v->queued.msgs) ||
		nla_put_u64_64bit(skb, RDSZC_A_PATH_QUEUED_BYTES, v->queued.bytes,
				  RDSZC_A_PATH_PAD) ||
		nla_put_u32(skb, RDSZC_A_PATH_UNACKED_MSGS, v->unacked.msgs) ||
		nla_put_u64_64bit(skb, RDSZC_A_PATH_UNACKED_BYTES, v->unacked.bytes,
				  RDSZC_A_PATH_PAD) ||
		nla_put_u64_64bit(skb, RDSZC_A_PATH_PINNED_BYTES, v->pinned, RDSZC_A_PATH_PAD);
}

u32 rdsz_map_weight(const struct rdsz_map *map)
{
	return bitmap_weight(READ_ONCE(map->bits), 8 * RDSZ_MAP_BYTES);
}

static int rdsz_nl_put_conn(struct sk_buff *skb, struct netlink_callback *cb,
			    struct rdsz_conn *conn)
{
	struct rdsz_path_view v;
	void *hdr;

	rdsz_conn_look(conn, &v);
	hdr = rdsz_nl_begin(skb, cb, RDSZC_CMD_CONN_GET, READ_ONCE(conn->rn->conn_gen));
	if (!hdr)
		return -EMSGSIZE;
	return rdsz_nl_end(skb, hdr,
		rdsz_nl_put_key(skb, conn) || rdsz_nl_put_view(skb, &v) ||
		nla_put_u32(skb, RDSZC_A_PATH_LANES, v.lanes) ||
		nla_put_u32(skb, RDSZC_A_PATH_LANES_UP, v.lanes_up) ||
		rdsz_nl_put_incarnation(skb, cb->skb, RDSZC_A_PATH_PEER_INCARNATION,
					READ_ONCE(conn->peer_gen)) ||
		nla_put_u32(skb, RDSZC_A_PATH_PEER_KIND,
			    rdsz_nl_peer(rdsz_path_peer(rdsz_conn_lane(conn, 0)))) ||
		nla_put_u32(skb, RDSZC_A_PATH_LOCAL_CONGESTED, rdsz_map_weight(conn->local_map)) ||
		nla_put_u32(skb, RDSZC_A_PATH_PEER_CONGESTED, rdsz_map_weight(conn->peer_map)));
}

static int rdsz_nl_put_path(struct sk_buff *skb, struct netlink_callback *cb,
			    struct rdsz_path *path)
{
	struct rdsz_conn *conn = path->conn;
	struct rdsz_path_view v;
	void *hdr;
	int err;

	rdsz_path_look(path, &v);
	hdr = rdsz_nl_begin(skb, cb, RDSZC_CMD_PATH_GET, READ_ONCE(conn->rn->conn_gen));
	if (!hdr)
		return -EMSGSIZE;
	err = rdsz_nl_put_key(skb, conn) || rdsz_nl_put_view(skb, &v) ||
		nla_put_u32(skb, RDSZC_A_PATH_LANE, rdsz_path_lane(path)) ||
		nla_put_u32(skb, RDSZC_A_PATH_PEER_KIND, rdsz_nl_peer(rdsz_path_peer(path))) ||
		nla_put_u32(skb, RDSZC_A_PATH_BACKOFF_MS, v.backoff);
	if (!err && rdsz_nl_is_admin(cb->skb))
		err = nla_put_u64_64bit(skb, RDSZC_A_PATH_NEXT_TX_SEQ, v.tx_seq,
					RDSZC_A_PATH_PAD) ||
			nla_put_u64_64bit(skb, RDSZC_A_PATH_NEXT_RX_SEQ, v.rx_seq,
					  RDSZC_A_PATH_PAD);
	return rdsz_nl_end(skb, hdr, err);
}

static bool rdsz_nl_conn_wanted(struct netlink_callback *cb, const struct rdsz_conn *conn)
{
	struct nlattr **attrs = rdsz_genl_dump_attrs(cb);
	const struct nlattr *transport = attrs[RDSZC_A_PATH_TRANSPORT];

	if (transport && nla_get_u32(transport) != rdsz_nl_transport(conn->key.transport))
		return false;
	return rdsz_nl_addr_matches(attrs[RDSZC_A_PATH_LOCAL_ADDR], &conn->key.local) &&
		rdsz_nl_addr_matches(attrs[RDSZC_A_PATH_PEER_ADDR], &conn->key.peer);
}

static bool rdsz_nl_state_wanted(struct netlink_callback *cb, struct rdsz_path *path)
{
	const struct nlattr *state = rdsz_genl_dump_attrs(cb)[RDSZC_A_PATH_STATE];

	return !state || nla_get_u32(state) == rdsz_nl_state(READ_ONCE(path->state));
}

/* The lanes of a conn that were not told yet. */
static int rdsz_nl_put_lanes(struct sk_buff *skb, struct netlink_callback *cb,
			     struct rdsz_conn *conn)
{
	long *lane = &cb->args[RDSZ_DUMP_PART];
	struct rdsz_path *path;
	int err = 0;

	if (cb->args[RDSZ_DUMP_ENTRY] != conn->id)	/* another one began, and is gone */
		*lane = 0;
	cb->args[RDSZ_DUMP_ENTRY] = conn->id;
	for (; (path = rdsz_conn_lane(conn, *lane)); ++*lane) {
		if (rdsz_nl_state_wanted(cb, path))
			err = rdsz_nl_put_path(skb, cb, path);
		if (err)
			return err;
	}
	*lane = 0;
	return 0;
}

static int rdsz_nl_put_whole_conn(struct sk_buff *skb, struct netlink_callback *cb,
				  struct rdsz_conn *conn)
{
	const struct nlattr *state = rdsz_genl_dump_attrs(cb)[RDSZC_A_PATH_STATE];
	struct rdsz_path_view v;

	rdsz_conn_look(conn, &v);
	if (state && nla_get_u32(state) != v.state)
		return 0;
	return rdsz_nl_put_conn(skb, cb, conn);
}

static int rdsz_nl_check_paths(struct netlink_callback *cb)
{
	return rdsz_nl_check_addrs(cb, RDSZC_A_PATH_LOCAL_ADDR, RDSZC_A_PATH_PEER_ADDR);
}

/* Each conn that is wanted, told by @put, from where the dump was. */
static int rdsz_nl_walk_conns(struct sk_buff *skb, struct netlink_callback *cb,
			      int (*put)(struct sk_buff *skb, struct netlink_callback *cb,
					 struct rdsz_conn *conn))
{
	struct rdsz_net *rn = rdsz_nl_net(cb->skb);
	struct rdsz_conn *conn;
	int err;

	err = rdsz_nl_check_once(cb, rdsz_nl_check_paths);
	while (!err && (conn = rdsz_conn_after(rn, cb->args[RDSZ_DUMP_AFTER]))) {
		if (rdsz_nl_conn_wanted(cb, conn))
			err = put(skb, cb, conn);
		if (!err)
			cb->args[RDSZ_DUMP_AFTER] = conn->id;
		rdsz_conn_put(conn);
	}
	return rdsz_nl_dumped(skb, cb, err, READ_ONCE(rn->conn_gen));
}

int rdsz_nl_conns(struct sk_buff *skb, struct netlink_callback *cb)
{
	return rdsz_nl_walk_conns(skb, cb, rdsz_nl_put_whole_conn);
}

int rdsz_nl_paths(struct sk_buff *skb, struct netlink_callback *cb)
{
	return rdsz_nl_walk_conns(skb, cb, rdsz_nl_put_lanes);
}

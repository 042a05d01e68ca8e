// SPDX-License-Identifier: GPL-2.0
/*
 * nl_event.c - events: paths that change their state, ports that congest and clear.
 */
#include "nl.h"

static struct sk_buff *rdsz_nl_event(u8 cmd, gfp_t gfp, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(512, gfp);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put(skb, 0, 0, &rdsz_genl, 0, cmd);
	if (*hdr)
		return skb;
	nlmsg_free(skb);
	return NULL;
}

static void rdsz_nl_tell(const struct rdsz_net *rn, struct sk_buff *skb, void *hdr, int err,
			 unsigned int group, gfp_t gfp)
{
	if (err) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&rdsz_genl, rn->net, skb, 0, group, gfp);
}

/**
 * rdsz_nl_path_event() - tell listeners that a path changed its state
 * @path: path
 * @old: state before
 * @state: state now
 *
 * Context: process, the worker of the path or the end of its namespace.
 */
void rdsz_nl_path_event(const struct rdsz_path *path, int old, int state)
{
	const struct rdsz_conn *conn = path->conn;
	u32 ups = path->log.ups;
	struct sk_buff *skb;
	void *hdr;

	if (!genl_has_listeners(&rdsz_genl, conn->rn->net, RDSZ_GRP_PATHS))
		return;
	skb = rdsz_nl_event(RDSZC_CMD_PATH_EVENT, GFP_KERNEL, &hdr);
	if (!skb)
		return;
	rdsz_nl_tell(conn->rn, skb, hdr,
		     rdsz_nl_put_key(skb, conn) ||
		     nla_put_u32(skb, RDSZC_A_PATH_LANE, rdsz_path_lane(path)) ||
		     nla_put_u32(skb, RDSZC_A_PATH_OLD_STATE, rdsz_nl_state(old)) ||
		     nla_put_u32(skb, RDSZC_A_PATH_STATE, rdsz_nl_state(state)) ||
		     nla_put_u32(skb, RDSZC_A_PATH_REASON, READ_ONCE(path->log.reason)) ||
		     nla_put_u32(skb, RDSZC_A_PATH_ERROR, READ_ONCE(path->log.error)) ||
		     nla_put_u32(skb, RDSZC_A_PATH_RECONNECTS, ups ? ups - 1 : 0),
		     RDSZ_GRP_PATHS, GFP_KERNEL);
}

/* Does anybody listen to congestion events? */
bool rdsz_nl_congestion_heard(const struct rdsz_net *rn)
{
	return genl_has_listeners(&rdsz_genl, rn->net, RDSZ_GRP_CONGESTION);
}

/**
 * rdsz_nl_congestion_event() - tell listeners that a port was marked as congested, or is not any
 * more
 * @map: map of its address
 * @peer: a peer told so, it is not ours
 * @port: RDS port
 * @congested: new state
 *
 * Context: any up to softirq.
 */
void rdsz_nl_congestion_event(const struct rdsz_map *map, bool peer, u16 port, bool congested)
{
	struct sk_buff *skb;
	void *hdr;

	if (likely(!rdsz_nl_congestion_heard(map->rn)))
		return;
	skb = rdsz_nl_event(RDSZC_CMD_CONGESTION_EVENT, GFP_ATOMIC | __GFP_NOWARN, &hdr);
	if (!skb)
		return;
	rdsz_nl_tell(map->rn, skb, hdr,
		     nla_put_u32(skb, RDSZC_A_CONGESTION_OWNER,
				 peer ? RDSZC_MAP_PEER : RDSZC_MAP_LOCAL) ||
		     rdsz_nl_put_addr(skb, RDSZC_A_CONGESTION_ADDR, &map->ip) ||
		     nla_put_u16(skb, RDSZC_A_CONGESTION_PORT, port) ||
		     nla_put_u8(skb, RDSZC_A_CONGESTION_CONGESTED, congested) ||
		     nla_put_u32(skb, RDSZC_A_CONGESTION_TOTAL, rdsz_map_weight(map)),
		     RDSZ_GRP_CONGESTION, GFP_ATOMIC);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * netlink.c - the generic netlink family "rds_zc": what the module knows, for tools.
 *
 * docs/netlink/rds_zc.yaml is the contract. Requests are checked by strict policies, every refusal says
 * why in an extack, and everything is about the namespace of the socket that asks. Sockets of other
 * users and sequence numbers are shown only to whoever has CAP_NET_ADMIN in the user namespace that
 * owns the network namespace.
 *
 * Dumps hold no lock between entries. They go by the numbers of sockets and conns, so an entry that is
 * there all the time is told exactly once; and they carry the generation of the list, so that
 * NLM_F_DUMP_INTR tells when it changed meanwhile.
 */
#include <linux/bitmap.h>
#include <linux/module.h>
#include <net/ipv6.h>

#include "genl.h"
#include "payload.h"
#include "rdsz.h"
#include "socket.h"

#include <linux/rds_zc_netlink.h>

/* cb->args[] of a dump */
enum {
	RDSZ_DUMP_AFTER,	/* number of the last conn or socket that was told completely */
	RDSZ_DUMP_PART,		/* lanes, queues or entries of the next one that were told */
	RDSZ_DUMP_INDEX,	/* messages of its queue that were told */
	RDSZ_DUMP_ENTRY,	/* the socket that PART and INDEX are about */
	RDSZ_DUMP_CHECKED,	/* the request was found good */
};

/* Messages looked at under the lock of a queue in one go. */
#define RDSZ_DUMP_BATCH		16

static struct genl_family rdsz_genl;

enum {
	RDSZ_GRP_PATHS,
	RDSZ_GRP_CONGESTION,
};

static const struct genl_multicast_group rdsz_nl_groups[] = {
	[RDSZ_GRP_PATHS]	= { .name = RDSZC_GENL_MCGRP_PATHS },
	[RDSZ_GRP_CONGESTION]	= { .name = RDSZC_GENL_MCGRP_CONGESTION },
};

/* ---- common parts ---- */

static struct rdsz_net *rdsz_nl_net(struct sk_buff *request)
{
	return rdsz_net_of(sock_net(request->sk));
}

/* May the sender of @request see what is not everybody's? */
static bool rdsz_nl_is_admin(struct sk_buff *request)
{
	return netlink_ns_capable(request, sock_net(request->sk)->user_ns, CAP_NET_ADMIN);
}

static bool rdsz_nl_may_see(struct sk_buff *request, struct rdsz_sock *rs)
{
	return uid_eq(NETLINK_CB(request).creds.uid, rdsz_sk_uid(&rs->sk)) ||
		rdsz_nl_is_admin(request);
}

static int rdsz_nl_put_addr(struct sk_buff *skb, int attr, const struct in6_addr *ip)
{
	if (rdsz_addr_is_v4(ip))
		return nla_put(skb, attr, 4, &ip->s6_addr32[3]);
	return nla_put(skb, attr, 16, ip);
}

/* 0 and *ip, -ENOENT if the attribute is not there, or -EINVAL with the reason told. */
static int rdsz_nl_get_addr(const struct nlattr *attr, struct in6_addr *ip,
			    struct netlink_ext_ack *extack)
{
	if (!attr)
		return -ENOENT;
	switch (nla_len(attr)) {
	case 4:
		ipv6_addr_set_v4mapped(nla_get_in_addr(attr), ip);
		return 0;
	case 16:
		*ip = nla_get_in6_addr(attr);
		return 0;
	default:
		NL_SET_ERR_MSG_ATTR(extack, attr, "an address has 4 or 16 bytes");
		return -EINVAL;
	}
}

static u32 rdsz_nl_transport(int transport)
{
	switch (transport) {
	case RDSZ_TRANS_TCP:
		return RDSZC_TRANSPORT_TCP;
	case RDSZ_TRANS_LOOP:
		return RDSZC_TRANSPORT_LOOP;
	default:
		return RDSZC_TRANSPORT_NONE;
	}
}

/* Errno or NULL; begins an entry of a dump whose list has this generation. */
static void *rdsz_nl_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd, u32 gen)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &rdsz_genl,
				NLM_F_MULTI, cmd);

	if (hdr) {
		cb->seq = gen ?: 1;	/* 0 means that nobody looks */
		genl_dump_check_consistent(cb, hdr);
	}
	return hdr;
}

static int rdsz_nl_end(struct sk_buff *skb, void *hdr, int err)
{
	if (err) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* What a dump returns: an entry that did not fit comes first in the next part. */
static int rdsz_nl_dumped(struct sk_buff *skb, struct netlink_callback *cb, int err, u32 gen)
{
	cb->seq = gen ?: 1;	/* for the end mark */
	return err == -EMSGSIZE && skb->len ? skb->len : err;
}

/*
 * What a policy cannot say is checked before the first entry, by @check: not in .start, where kernels
 * before 6.12 have no extack for the reason.
 */
static int rdsz_nl_check_once(struct netlink_callback *cb,
			      int (*check)(struct netlink_callback *cb))
{
	int err;

	if (cb->args[RDSZ_DUMP_CHECKED])
		return 0;
	err = check(cb);
	cb->args[RDSZ_DUMP_CHECKED] = !err;
	return err;
}

static int rdsz_nl_check_addrs(struct netlink_callback *cb, int local, int peer)
{
	struct nlattr **attrs = rdsz_genl_dump_attrs(cb);
	struct in6_addr ip;
	int err;

	err = rdsz_nl_get_addr(attrs[local], &ip, cb->extack);
	if (err == -EINVAL)
		return err;
	err = rdsz_nl_get_addr(attrs[peer], &ip, cb->extack);
	return err == -EINVAL ? err : 0;
}

static bool rdsz_nl_addr_matches(const struct nlattr *attr, const struct in6_addr *ip)
{
	struct in6_addr want;

	return rdsz_nl_get_addr(attr, &want, NULL) || !rdsz_addr_cmp(&want, ip);
}

/* ---- info-get ---- */

static int rdsz_nl_fill_info(struct sk_buff *skb, struct rdsz_net *rn)
{
	struct rdsz_sock *rs;
	struct rdsz_conn *conn;
	u32 socks = 0, conns = 0;

	spin_lock_bh(&rn->sock_lock);
	list_for_each_entry(rs, &rn->socks, net_node)
		socks++;
	spin_unlock_bh(&rn->sock_lock);
	spin_lock_bh(&rn->conn_lock);
	list_for_each_entry(conn, &rn->conn_list, list)
		conns++;
	spin_unlock_bh(&rn->conn_lock);

	return nla_put_string(skb, RDSZC_A_INFO_VERSION, RDSZ_VERSION) ||
		nla_put_u64_64bit(skb, RDSZC_A_INFO_FEATURES, RDSZC_FEATURES_ALL,
				  RDSZC_A_INFO_PAD) ||
		nla_put_u32(skb, RDSZC_A_INFO_FAMILY, rdsz_af_family()) ||
		nla_put_u32(skb, RDSZC_A_INFO_INCARNATION, rn->gen_num) ||
		nla_put_u16(skb, RDSZC_A_INFO_TCP_PORT, READ_ONCE(rn->sysctl.tcp_port)) ||
		nla_put_u8(skb, RDSZC_A_INFO_LISTENING, READ_ONCE(rn->listener) != NULL) ||
		nla_put_u32(skb, RDSZC_A_INFO_SOCKETS, socks) ||
		nla_put_u32(skb, RDSZC_A_INFO_CONNS, conns) ||
		nla_put_u32(skb, RDSZC_A_INFO_PINNED, atomic_read(&rn->pinned)) ||
		nla_put_u64_64bit(skb, RDSZC_A_INFO_RCV_MEM, atomic_long_read(&rn->rcv_mem),
				  RDSZC_A_INFO_PAD) ||
		nla_put_u64_64bit(skb, RDSZC_A_INFO_RCV_MEM_MAX,
				  READ_ONCE(rn->sysctl.rcv_mem_max), RDSZC_A_INFO_PAD) ||
		nla_put_u8(skb, RDSZC_A_INFO_RCV_PAUSED, READ_ONCE(rn->rcv_paused)) ||
		nla_put_u8(skb, RDSZC_A_INFO_HISTOGRAMS, READ_ONCE(rn->hist_on));
}

static int rdsz_nl_info(struct sk_buff *request, struct genl_info *info)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!skb)
		return -ENOMEM;
	hdr = genlmsg_put(skb, info->snd_portid, info->snd_seq, &rdsz_genl, 0, RDSZC_CMD_INFO_GET);
	if (!hdr || rdsz_nl_fill_info(skb, rdsz_nl_net(request))) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

/* ---- socket-get ---- */

static const struct nla_policy rdsz_nl_socket_policy[RDSZC_A_SOCKET_MAX + 1] = {
	[RDSZC_A_SOCKET_UID]		= { .type = NLA_U32 },
	[RDSZC_A_SOCKET_LOCAL_ADDR]	= NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[RDSZC_A_SOCKET_LOCAL_PORT]	= { .type = NLA_U16 },
};

static u32 rdsz_nl_socket_flags(const struct rdsz_sock *rs)
{
	return (READ_ONCE(rs->bound) ? RDSZC_SOCKFLAG_BOUND : 0) |
		(READ_ONCE(rs->connected) ? RDSZC_SOCKFLAG_CONNECTED : 0) |
		(READ_ONCE(rs->congested) ? RDSZC_SOCKFLAG_CONGESTED : 0) |
		(READ_ONCE(rs->recverr) ? RDSZC_SOCKFLAG_RECVERR : 0) |
		(READ_ONCE(rs->cong_monitor) ? RDSZC_SOCKFLAG_CONG_MONITOR : 0) |
		(sock_flag(&rs->sk, SOCK_ZEROCOPY) ? RDSZC_SOCKFLAG_ZEROCOPY : 0) |
		(READ_ONCE(rs->peer_error) ? RDSZC_SOCKFLAG_PEER_ERROR : 0) |
		(READ_ONCE(rs->af_rds) ? RDSZC_SOCKFLAG_AF_RDS : 0);
}

static int rdsz_nl_put_names(struct sk_buff *skb, struct rdsz_sock *rs)
{
	struct rdsz_endpoint local = {}, peer = {};
	int err = 0;

	mutex_lock(&rs->bind_lock);
	if (rs->bound)
		local = rs->local;
	if (rs->connected)
		peer = rs->peer;
	mutex_unlock(&rs->bind_lock);
	if (!ipv6_addr_any(&local.ip))
		err = rdsz_nl_put_addr(skb, RDSZC_A_SOCKET_LOCAL_ADDR, &local.ip) ||
			nla_put_u16(skb, RDSZC_A_SOCKET_LOCAL_PORT, ntohs(local.port)) ||
			nla_put_u32(skb, RDSZC_A_SOCKET_SCOPE, local.scope);
	if (!err && !ipv6_addr_any(&peer.ip))
		err = rdsz_nl_put_addr(skb, RDSZC_A_SOCKET_PEER_ADDR, &peer.ip) ||
			nla_put_u16(skb, RDSZC_A_SOCKET_PEER_PORT, ntohs(peer.port));
	return err;
}

static int rdsz_nl_put_buffers(struct sk_buff *skb, struct rdsz_sock *rs)
{
	u64 snd_bytes, rcv_bytes, rcv_mem;
	u32 snd_msgs, rcv_msgs;

	spin_lock_bh(&rs->queue_lock);
	snd_bytes = rs->snd_bytes;
	snd_msgs = rs->snd_msgs;
	rcv_bytes = rs->rcv_bytes;
	rcv_msgs = rs->rcv_msgs;
	rcv_mem = rs->rcv_mem;
	spin_unlock_bh(&rs->queue_lock);
	return nla_put_u64_64bit(skb, RDSZC_A_SOCKET_SND_BYTES, snd_bytes, RDSZC_A_SOCKET_PAD) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_SND_MSGS, snd_msgs) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_SND_BUF, rdsz_sndbuf(rs)) ||
		nla_put_u64_64bit(skb, RDSZC_A_SOCKET_RCV_BYTES, rcv_bytes, RDSZC_A_SOCKET_PAD) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_RCV_MSGS, rcv_msgs) ||
		nla_put_u64_64bit(skb, RDSZC_A_SOCKET_RCV_MEM, rcv_mem, RDSZC_A_SOCKET_PAD) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_RCV_BUF, rdsz_rcvbuf(rs));
}

static int rdsz_nl_put_cookies(struct sk_buff *skb, const struct rdsz_cq *cq)
{
	u32 copied = READ_ONCE(cq->nr_ready[RDSZ_COPIED]);

	return nla_put_u32(skb, RDSZC_A_SOCKET_COOKIES_PENDING, READ_ONCE(cq->nr_pending)) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_COOKIES_READY,
			    READ_ONCE(cq->nr_ready[RDSZ_ZEROCOPIED]) + copied) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_COOKIES_COPIED, copied);
}

static int rdsz_nl_put_socket(struct sk_buff *skb, struct netlink_callback *cb,
			      struct rdsz_sock *rs)
{
	struct user_namespace *ns = sk_user_ns(NETLINK_CB(cb->skb).sk);
	void *hdr = rdsz_nl_begin(skb, cb, RDSZC_CMD_SOCKET_GET, READ_ONCE(rs->rn->sock_gen));

	if (!hdr)
		return -EMSGSIZE;
	return rdsz_nl_end(skb, hdr,
		nla_put_u64_64bit(skb, RDSZC_A_SOCKET_ID, rs->id, RDSZC_A_SOCKET_PAD) ||
		nla_put_u64_64bit(skb, RDSZC_A_SOCKET_INODE, sock_i_ino(&rs->sk),
				  RDSZC_A_SOCKET_PAD) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_UID, from_kuid_munged(ns, rdsz_sk_uid(&rs->sk))) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_TRANSPORT,
			    rdsz_nl_transport(READ_ONCE(rs->transport))) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_FLAGS, rdsz_nl_socket_flags(rs)) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_COMPLETION_MODE, READ_ONCE(rs->completion_mode)) ||
		nla_put_s32(skb, RDSZC_A_SOCKET_ZC_THRESHOLD, READ_ONCE(rs->zc_threshold)) ||
		rdsz_nl_put_names(skb, rs) || rdsz_nl_put_buffers(skb, rs) ||
		rdsz_nl_put_cookies(skb, rs->cq));
}

static bool rdsz_nl_socket_wanted(struct netlink_callback *cb, struct rdsz_sock *rs)
{
	struct nlattr **attrs = rdsz_genl_dump_attrs(cb);
	const struct nlattr *uid = attrs[RDSZC_A_SOCKET_UID];
	const struct nlattr *port = attrs[RDSZC_A_SOCKET_LOCAL_PORT];
	bool bound = smp_load_acquire(&rs->bound);	/* pairs with rdsz_bind_locked() */

	if (READ_ONCE(rs->dead) || !rdsz_nl_may_see(cb->skb, rs))
		return false;
	if (uid && !uid_eq(make_kuid(sk_user_ns(NETLINK_CB(cb->skb).sk), nla_get_u32(uid)),
			   rdsz_sk_uid(&rs->sk)))
		return false;
	if (port && (!bound || ntohs(rs->local.port) != nla_get_u16(port)))
		return false;
	return !attrs[RDSZC_A_SOCKET_LOCAL_ADDR] ||
		(bound && rdsz_nl_addr_matches(attrs[RDSZC_A_SOCKET_LOCAL_ADDR], &rs->local.ip));
}

static int rdsz_nl_check_sockets(struct netlink_callback *cb)
{
	const struct nlattr *uid = rdsz_genl_dump_attrs(cb)[RDSZC_A_SOCKET_UID];

	if (uid && !rdsz_nl_is_admin(cb->skb) &&
	    !uid_eq(make_kuid(sk_user_ns(NETLINK_CB(cb->skb).sk), nla_get_u32(uid)),
		    NETLINK_CB(cb->skb).creds.uid)) {
		NL_SET_ERR_MSG_ATTR(cb->extack, uid,
				    "sockets of other users need CAP_NET_ADMIN in this namespace");
		return -EPERM;
	}
	return rdsz_nl_check_addrs(cb, RDSZC_A_SOCKET_LOCAL_ADDR, RDSZC_A_SOCKET_LOCAL_ADDR);
}

static int rdsz_nl_sockets(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct rdsz_net *rn = rdsz_nl_net(cb->skb);
	struct rdsz_sock *rs;
	int err;

	err = rdsz_nl_check_once(cb, rdsz_nl_check_sockets);
	if (err)
		return err;
	rs = rdsz_sock_after(rn, cb->args[RDSZ_DUMP_AFTER]);
	for (; rs; rs = rdsz_sock_next(rn, rs)) {
		if (rdsz_nl_socket_wanted(cb, rs))
			err = rdsz_nl_put_socket(skb, cb, rs);
		if (err) {
			sock_put(&rs->sk);
			break;
		}
		cb->args[RDSZ_DUMP_AFTER] = rs->id;
	}
	return rdsz_nl_dumped(skb, cb, err, READ_ONCE(rn->sock_gen));
}

/* ---- conn-get, path-get ---- */

static const struct nla_policy rdsz_nl_path_policy[RDSZC_A_PATH_MAX + 1] = {
	[RDSZC_A_PATH_LOCAL_ADDR]	= NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[RDSZC_A_PATH_PEER_ADDR]	= NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[RDSZC_A_PATH_TRANSPORT]	= NLA_POLICY_RANGE(NLA_U32, RDSZC_TRANSPORT_TCP,
							   RDSZC_TRANSPORT_LOOP),
	[RDSZC_A_PATH_STATE]		= NLA_POLICY_MAX(NLA_U32, RDSZC_STATE_DISCONNECTING),
};

static u32 rdsz_nl_state(int state)
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

static int rdsz_nl_put_key(struct sk_buff *skb, const struct rdsz_conn *conn)
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

static u32 rdsz_map_weight(const struct rdsz_map *map)
{
	return bitmap_weight(map->bits, 8 * RDSZ_MAP_BYTES);
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
		nla_put_u32(skb, RDSZC_A_PATH_PEER_INCARNATION, READ_ONCE(conn->peer_gen)) ||
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

static int rdsz_nl_conns(struct sk_buff *skb, struct netlink_callback *cb)
{
	return rdsz_nl_walk_conns(skb, cb, rdsz_nl_put_whole_conn);
}

static int rdsz_nl_paths(struct sk_buff *skb, struct netlink_callback *cb)
{
	return rdsz_nl_walk_conns(skb, cb, rdsz_nl_put_lanes);
}

/* ---- message-get ---- */

static const struct nla_policy rdsz_nl_message_policy[RDSZC_A_MESSAGE_MAX + 1] = {
	[RDSZC_A_MESSAGE_SOCKET_ID]	= { .type = NLA_U64 },
};

/* One message of a queue, copied out so that it can be told without a lock. */
struct rdsz_message_view {
	u32			queue;
	struct rdsz_endpoint	peer;
	u32			len;
	u32			payload;
	bool			retransmitted;
	bool			has_seq;
	u64			seq;
};

static u32 rdsz_nl_payload(const struct rdsz_payload *p)
{
	if (!p)
		return RDSZC_PAYLOAD_NONE;
	switch (p->kind) {
	case RDSZ_PAYLOAD_PINNED:
		return RDSZC_PAYLOAD_PINNED;
	case RDSZ_PAYLOAD_FOREIGN:
		return RDSZC_PAYLOAD_LENT;
	default:
		return RDSZC_PAYLOAD_COPIED;
	}
}

static void rdsz_look_at_outgoing(struct rdsz_message *m, struct rdsz_message_view *v)
{
	struct rdsz_path *path = rdsz_message_lock_path(m);

	v->peer = (struct rdsz_endpoint){ .ip = path->conn->key.peer, .port = m->dport,
					  .scope = path->conn->key.scope };
	v->len = m->len;
	v->queue = test_bit(RDSZ_MSG_SENT, &m->flags) ? RDSZC_QUEUE_UNACKED : RDSZC_QUEUE_SEND;
	v->payload = rdsz_nl_payload(m->payload);
	v->retransmitted = m->hdr.flags & RDSZ_FLAG_RETRANSMITTED;
	v->has_seq = true;
	v->seq = be64_to_cpu(m->hdr.seq);
	spin_unlock_bh(&path->lock);
}

static void rdsz_look_at_incoming(const struct rdsz_incoming *inc, struct rdsz_message_view *v)
{
	memset(v, 0, sizeof(*v));
	v->queue = RDSZC_QUEUE_RECEIVE;
	v->peer = inc->from;
	v->len = inc->len;
	if (inc->payload)
		v->payload = rdsz_nl_payload(inc->payload);
	else if (inc->len)
		v->payload = inc->is_inline ? RDSZC_PAYLOAD_COPIED : RDSZC_PAYLOAD_NETWORK;
}

/* Up to RDSZ_DUMP_BATCH messages of the send list, from the @skip'th on. */
static u32 rdsz_nl_outgoing(struct rdsz_sock *rs, u32 skip, struct rdsz_message_view *views)
{
	struct rdsz_message *held[RDSZ_DUMP_BATCH], *m;
	u32 i, n = 0;

	spin_lock_bh(&rs->queue_lock);
	list_for_each_entry(m, &rs->send_list, sock_node) {
		if (n == RDSZ_DUMP_BATCH)
			break;
		if (skip) {
			skip--;
			continue;
		}
		refcount_inc(&m->refs);
		held[n++] = m;
	}
	spin_unlock_bh(&rs->queue_lock);
	for (i = 0; i < n; i++) {
		rdsz_look_at_outgoing(held[i], &views[i]);
		rdsz_message_put(held[i]);
	}
	return n;
}

static u32 rdsz_nl_incoming(struct rdsz_sock *rs, u32 skip, struct rdsz_message_view *views)
{
	const struct rdsz_incoming *inc;
	u32 n = 0;

	spin_lock_bh(&rs->queue_lock);
	list_for_each_entry(inc, &rs->recv_queue, node) {
		if (n == RDSZ_DUMP_BATCH)
			break;
		if (skip)
			skip--;
		else
			rdsz_look_at_incoming(inc, &views[n++]);
	}
	spin_unlock_bh(&rs->queue_lock);
	return n;
}

static int rdsz_nl_put_message(struct sk_buff *skb, struct netlink_callback *cb,
			       struct rdsz_sock *rs, const struct rdsz_message_view *v)
{
	void *hdr = rdsz_nl_begin(skb, cb, RDSZC_CMD_MESSAGE_GET, READ_ONCE(rs->rn->sock_gen));
	int err;

	if (!hdr)
		return -EMSGSIZE;
	err = nla_put_u64_64bit(skb, RDSZC_A_MESSAGE_SOCKET_ID, rs->id, RDSZC_A_MESSAGE_PAD) ||
		nla_put_u32(skb, RDSZC_A_MESSAGE_QUEUE, v->queue) ||
		rdsz_nl_put_addr(skb, RDSZC_A_MESSAGE_LOCAL_ADDR, &rs->local.ip) ||
		nla_put_u16(skb, RDSZC_A_MESSAGE_LOCAL_PORT, ntohs(rs->local.port)) ||
		rdsz_nl_put_addr(skb, RDSZC_A_MESSAGE_PEER_ADDR, &v->peer.ip) ||
		nla_put_u16(skb, RDSZC_A_MESSAGE_PEER_PORT, ntohs(v->peer.port)) ||
		nla_put_u32(skb, RDSZC_A_MESSAGE_SCOPE, v->peer.scope) ||
		nla_put_u32(skb, RDSZC_A_MESSAGE_LEN, v->len) ||
		nla_put_u32(skb, RDSZC_A_MESSAGE_PAYLOAD, v->payload) ||
		nla_put_u8(skb, RDSZC_A_MESSAGE_RETRANSMITTED, v->retransmitted);
	if (!err && v->has_seq && rdsz_nl_is_admin(cb->skb))
		err = nla_put_u64_64bit(skb, RDSZC_A_MESSAGE_SEQ, v->seq, RDSZC_A_MESSAGE_PAD);
	return rdsz_nl_end(skb, hdr, err);
}

/* One queue of a socket from where the dump was, at most RDSZC_MESSAGES_MAX entries of it. */
static int rdsz_nl_put_queue(struct sk_buff *skb, struct netlink_callback *cb, struct rdsz_sock *rs,
			     u32 (*look)(struct rdsz_sock *rs, u32 skip,
					 struct rdsz_message_view *views))
{
	struct rdsz_message_view *views;
	long *index = &cb->args[RDSZ_DUMP_INDEX];
	u32 i, n = RDSZ_DUMP_BATCH;
	int err = 0;

	views = kcalloc(RDSZ_DUMP_BATCH, sizeof(*views), GFP_KERNEL);
	if (!views)
		return -ENOMEM;
	while (!err && n == RDSZ_DUMP_BATCH && *index < RDSZC_MESSAGES_MAX) {
		n = look(rs, *index, views);
		for (i = 0; i < n && !err; i++) {
			err = rdsz_nl_put_message(skb, cb, rs, &views[i]);
			if (!err)
				++*index;
		}
	}
	kfree(views);
	if (!err)
		*index = 0;
	return err;
}

static int rdsz_nl_put_queues(struct sk_buff *skb, struct netlink_callback *cb,
			      struct rdsz_sock *rs)
{
	int err = 0;

	if (!cb->args[RDSZ_DUMP_PART])
		err = rdsz_nl_put_queue(skb, cb, rs, rdsz_nl_outgoing);
	if (err)
		return err;
	cb->args[RDSZ_DUMP_PART] = 1;
	err = rdsz_nl_put_queue(skb, cb, rs, rdsz_nl_incoming);
	if (!err)
		cb->args[RDSZ_DUMP_PART] = 0;
	return err;
}

static bool rdsz_nl_queues_wanted(struct netlink_callback *cb, struct rdsz_sock *rs)
{
	const struct nlattr *id = rdsz_genl_dump_attrs(cb)[RDSZC_A_MESSAGE_SOCKET_ID];

	if (id && nla_get_u64(id) != rs->id)
		return false;
	/* bound: pairs with rdsz_bind_locked(); only a bound socket has messages */
	return !READ_ONCE(rs->dead) && smp_load_acquire(&rs->bound) &&
		rdsz_nl_may_see(cb->skb, rs);
}

static int rdsz_nl_messages(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct rdsz_net *rn = rdsz_nl_net(cb->skb);
	struct rdsz_sock *rs = rdsz_sock_after(rn, cb->args[RDSZ_DUMP_AFTER]);
	u64 partly = cb->args[RDSZ_DUMP_ENTRY];
	int err = 0;

	for (; rs; rs = rdsz_sock_next(rn, rs)) {
		if (rs->id != partly) {
			cb->args[RDSZ_DUMP_PART] = 0;
			cb->args[RDSZ_DUMP_INDEX] = 0;
		}
		partly = rs->id;
		cb->args[RDSZ_DUMP_ENTRY] = partly;
		if (rdsz_nl_queues_wanted(cb, rs))
			err = rdsz_nl_put_queues(skb, cb, rs);
		if (err) {
			sock_put(&rs->sk);
			break;
		}
		cb->args[RDSZ_DUMP_AFTER] = rs->id;
	}
	return rdsz_nl_dumped(skb, cb, err, READ_ONCE(rn->sock_gen));
}

/* ---- stat-get, hist-get ---- */

static const struct nla_policy rdsz_nl_stat_policy[RDSZC_A_STAT_MAX + 1] = {
	[RDSZC_A_STAT_NAME]	= { .type = NLA_NUL_STRING, .len = 63 },
	[RDSZC_A_STAT_EXPLAIN]	= { .type = NLA_FLAG },
};

static const struct nla_policy rdsz_nl_hist_policy[RDSZC_A_HIST_MAX + 1] = {
	[RDSZC_A_HIST_NAME]	= { .type = NLA_NUL_STRING, .len = 63 },
};

static bool rdsz_nl_name_matches(const struct nlattr *want, const char *name)
{
	return !want || !strcmp(nla_data(want), name);
}

static int rdsz_nl_put_stat(struct sk_buff *skb, struct netlink_callback *cb, enum rdsz_stat stat)
{
	bool explain = nla_get_flag(rdsz_genl_dump_attrs(cb)[RDSZC_A_STAT_EXPLAIN]);
	void *hdr = rdsz_nl_begin(skb, cb, RDSZC_CMD_STAT_GET, 1);

	if (!hdr)
		return -EMSGSIZE;
	return rdsz_nl_end(skb, hdr,
		nla_put_string(skb, RDSZC_A_STAT_NAME, rdsz_stat_name(stat)) ||
		nla_put_u64_64bit(skb, RDSZC_A_STAT_VALUE,
				  rdsz_stat_read(rdsz_nl_net(cb->skb), stat), RDSZC_A_STAT_PAD) ||
		(explain &&
		 nla_put_string(skb, RDSZC_A_STAT_MEANING, rdsz_stat_meaning(stat))));
}

static int rdsz_nl_check_stats(struct netlink_callback *cb)
{
	const struct nlattr *name = rdsz_genl_dump_attrs(cb)[RDSZC_A_STAT_NAME];
	int i;

	for (i = 0; i < RDSZ_STAT_MAX; i++)
		if (rdsz_nl_name_matches(name, rdsz_stat_name(i)))
			return 0;
	NL_SET_ERR_MSG_ATTR(cb->extack, name, "there is no counter of that name");
	return -ENOENT;
}

static int rdsz_nl_stats(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct nlattr *name = rdsz_genl_dump_attrs(cb)[RDSZC_A_STAT_NAME];
	long *i = &cb->args[RDSZ_DUMP_PART];
	int err;

	err = rdsz_nl_check_once(cb, rdsz_nl_check_stats);
	if (err)
		return err;
	for (; *i < RDSZ_STAT_MAX; ++*i) {
		if (rdsz_nl_name_matches(name, rdsz_stat_name(*i)))
			err = rdsz_nl_put_stat(skb, cb, *i);
		if (err)
			break;
	}
	return rdsz_nl_dumped(skb, cb, err, 1);
}

static int rdsz_nl_put_hist(struct sk_buff *skb, struct netlink_callback *cb, enum rdsz_hist hist)
{
	struct rdsz_hist_sum sum;
	void *hdr;

	rdsz_hist_read(rdsz_nl_net(cb->skb), hist, &sum);
	hdr = rdsz_nl_begin(skb, cb, RDSZC_CMD_HIST_GET, 1);
	if (!hdr)
		return -EMSGSIZE;
	return rdsz_nl_end(skb, hdr,
		nla_put_string(skb, RDSZC_A_HIST_NAME, rdsz_hist_name(hist)) ||
		nla_put_string(skb, RDSZC_A_HIST_MEANING, rdsz_hist_meaning(hist)) ||
		nla_put_u64_64bit(skb, RDSZC_A_HIST_COUNT, sum.count, RDSZC_A_HIST_PAD) ||
		nla_put_u64_64bit(skb, RDSZC_A_HIST_SUM, sum.sum, RDSZC_A_HIST_PAD) ||
		nla_put_64bit(skb, RDSZC_A_HIST_COUNTS, sizeof(sum.counts), sum.counts,
			      RDSZC_A_HIST_PAD));
}

static int rdsz_nl_check_hists(struct netlink_callback *cb)
{
	const struct nlattr *name = rdsz_genl_dump_attrs(cb)[RDSZC_A_HIST_NAME];
	int i;

	for (i = 0; i < RDSZ_HIST_MAX; i++)
		if (rdsz_nl_name_matches(name, rdsz_hist_name(i)))
			return 0;
	NL_SET_ERR_MSG_ATTR(cb->extack, name, "there is no histogram of that name");
	return -ENOENT;
}

static int rdsz_nl_hists(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct nlattr *name = rdsz_genl_dump_attrs(cb)[RDSZC_A_HIST_NAME];
	long *i = &cb->args[RDSZ_DUMP_PART];
	int err;

	err = rdsz_nl_check_once(cb, rdsz_nl_check_hists);
	if (err)
		return err;
	for (; *i < RDSZ_HIST_MAX; ++*i) {
		if (rdsz_nl_name_matches(name, rdsz_hist_name(*i)))
			err = rdsz_nl_put_hist(skb, cb, *i);
		if (err)
			break;
	}
	return rdsz_nl_dumped(skb, cb, err, 1);
}

/* ---- events ---- */

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
 * rdsz_nl_congestion_event() - tell listeners that a port was marked as congested, or is not any more
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

/* ---- the family ---- */

/* No flags in .validate: every message and attribute is checked strictly. */
static const struct genl_ops rdsz_nl_ops[] = {
	{
		.cmd		= RDSZC_CMD_INFO_GET,
		.doit		= rdsz_nl_info,
	},
	{
		.cmd		= RDSZC_CMD_SOCKET_GET,
		.dumpit		= rdsz_nl_sockets,
		.policy		= rdsz_nl_socket_policy,
		.maxattr	= RDSZC_A_SOCKET_MAX,
	},
	{
		.cmd		= RDSZC_CMD_CONN_GET,
		.dumpit		= rdsz_nl_conns,
		.policy		= rdsz_nl_path_policy,
		.maxattr	= RDSZC_A_PATH_MAX,
	},
	{
		.cmd		= RDSZC_CMD_PATH_GET,
		.dumpit		= rdsz_nl_paths,
		.policy		= rdsz_nl_path_policy,
		.maxattr	= RDSZC_A_PATH_MAX,
	},
	{
		.cmd		= RDSZC_CMD_MESSAGE_GET,
		.dumpit		= rdsz_nl_messages,
		.policy		= rdsz_nl_message_policy,
		.maxattr	= RDSZC_A_MESSAGE_MAX,
	},
	{
		.cmd		= RDSZC_CMD_STAT_GET,
		.dumpit		= rdsz_nl_stats,
		.policy		= rdsz_nl_stat_policy,
		.maxattr	= RDSZC_A_STAT_MAX,
	},
	{
		.cmd		= RDSZC_CMD_HIST_GET,
		.dumpit		= rdsz_nl_hists,
		.policy		= rdsz_nl_hist_policy,
		.maxattr	= RDSZC_A_HIST_MAX,
	},
};

static struct genl_family rdsz_genl __ro_after_init = {
	.name		= RDSZC_GENL_NAME,
	.version	= RDSZC_GENL_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.ops		= rdsz_nl_ops,
	.n_ops		= ARRAY_SIZE(rdsz_nl_ops),
	.mcgrps		= rdsz_nl_groups,
	.n_mcgrps	= ARRAY_SIZE(rdsz_nl_groups),
};

int __init rdsz_nl_init(void)
{
	return genl_register_family(&rdsz_genl);
}

void rdsz_nl_exit(void)
{
	genl_unregister_family(&rdsz_genl);
}

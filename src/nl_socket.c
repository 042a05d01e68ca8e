// SPDX-License-Identifier: GPL-2.0
/*
 * nl_socket.c - socket-get: the sockets of a namespace, what they hold and what they are owed.
 */
#include <net/ipv6.h>

#include "nl.h"
#include "socket.h"

const struct nla_policy rdsz_nl_socket_policy[RDSZC_A_SOCKET_MAX + 1] = {
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
	u32 pending = cq ? READ_ONCE(cq->nr_pending) : 0;
	u32 zerocopied = cq ? READ_ONCE(cq->nr_ready[RDSZ_ZEROCOPIED]) : 0;
	u32 copied = cq ? READ_ONCE(cq->nr_ready[RDSZ_COPIED]) : 0;

	return nla_put_u32(skb, RDSZC_A_SOCKET_COOKIES_PENDING, pending) ||
		nla_put_u32(skb, RDSZC_A_SOCKET_COOKIES_READY, zerocopied + copied) ||
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
		rdsz_nl_put_cookies(skb, READ_ONCE(rs->cq)));
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

int rdsz_nl_sockets(struct sk_buff *skb, struct netlink_callback *cb)
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

// SPDX-License-Identifier: GPL-2.0
/*
 * netlink.c - the generic netlink family "rds_zc": what the module knows, for tools. Here: what it
 * is made of, and what the nl_*.c, which answer its requests, have in common.
 *
 * docs/netlink/rds_zc.yaml is the contract. Requests are checked by strict policies, every refusal
 * says why in an extack, and everything is about the namespace of the socket that asks. Sockets of
 * other users, sequence numbers and incarnations are shown only to whoever has CAP_NET_ADMIN in the
 * user namespace that owns the network namespace.
 *
 * Dumps hold no lock between entries. They go by the numbers of sockets and conns, so an entry that
 * is always there is told exactly once; and they carry the generation of the list (of sockets,
 * of conns and their lanes), so that NLM_F_DUMP_INTR tells when it changed meanwhile. The messages
 * in the queues of a socket are no such list: they come and go while they are told.
 */
#include <linux/module.h>
#include <net/ipv6.h>

#include "nl.h"
#include "socket.h"

static const struct genl_multicast_group rdsz_nl_groups[] = {
	[RDSZ_GRP_PATHS]	= { .name = RDSZC_GENL_MCGRP_PATHS },
	[RDSZ_GRP_CONGESTION]	= { .name = RDSZC_GENL_MCGRP_CONGESTION },
};

/* ---- common parts ---- */

struct rdsz_net *rdsz_nl_net(struct sk_buff *request)
{
	return rdsz_net_of(sock_net(request->sk));
}

/* May the sender of @request see what is not everybody's? */
bool rdsz_nl_is_admin(struct sk_buff *request)
{
	return netlink_ns_capable(request, sock_net(request->sk)->user_ns, CAP_NET_ADMIN);
}

bool rdsz_nl_may_see(struct sk_buff *request, struct rdsz_sock *rs)
{
	return uid_eq(NETLINK_CB(request).creds.uid, rdsz_sk_uid(&rs->sk)) ||
		rdsz_nl_is_admin(request);
}

int rdsz_nl_put_addr(struct sk_buff *skb, int attr, const struct in6_addr *ip)
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

u32 rdsz_nl_transport(int transport)
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

/*
 * Which lane a pair of sockets takes depends on the incarnations of both ends (lanes.c), so they
 * are not for everybody.
 */
int rdsz_nl_put_incarnation(struct sk_buff *skb, struct sk_buff *request, int attr, u32 gen)
{
	return rdsz_nl_is_admin(request) ? nla_put_u32(skb, attr, gen) : 0;
}

/* Errno or NULL; begins an entry of a dump whose list has this generation. */
void *rdsz_nl_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd, u32 gen)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &rdsz_genl,
				NLM_F_MULTI, cmd);

	if (hdr) {
		cb->seq = gen ?: 1;	/* 0 means that nobody looks */
		genl_dump_check_consistent(cb, hdr);
	}
	return hdr;
}

int rdsz_nl_end(struct sk_buff *skb, void *hdr, int err)
{
	if (err) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* What a dump returns: an entry that did not fit comes first in the next part. */
int rdsz_nl_dumped(struct sk_buff *skb, struct netlink_callback *cb, int err, u32 gen)
{
	cb->seq = gen ?: 1;	/* for the end mark */
	return err == -EMSGSIZE && skb->len ? skb->len : err;
}

/*
 * What a policy cannot say is checked before the first entry, by @check: not in .start, where
 * kernels before 6.12 have no extack for the reason.
 */
int rdsz_nl_check_once(struct netlink_callback *cb, int (*check)(struct netlink_callback *cb))
{
	int err;

	if (cb->args[RDSZ_DUMP_CHECKED])
		return 0;
	err = check(cb);
	cb->args[RDSZ_DUMP_CHECKED] = !err;
	return err;
}

int rdsz_nl_check_addrs(struct netlink_callback *cb, int local, int peer)
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

bool rdsz_nl_addr_matches(const struct nlattr *attr, const struct in6_addr *ip)
{
	struct in6_addr want;

	return rdsz_nl_get_addr(attr, &want, NULL) || !rdsz_addr_cmp(&want, ip);
}

/* ---- info-get ---- */

/* It takes no attribute; without a policy 5.10 would look at none. */
static const struct nla_policy rdsz_nl_info_policy[RDSZC_A_INFO_MAX + 1];

static int rdsz_nl_fill_info(struct sk_buff *skb, struct sk_buff *request, struct rdsz_net *rn)
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
		rdsz_nl_put_incarnation(skb, request, RDSZC_A_INFO_INCARNATION, rn->gen_num) ||
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
	if (!hdr || rdsz_nl_fill_info(skb, request, rdsz_nl_net(request))) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

/* ---- the family ---- */

/* No flags in .validate: every message and attribute is checked strictly. */
static const struct genl_ops rdsz_nl_ops[] = {
	{
		.cmd		= RDSZC_CMD_INFO_GET,
		.doit		= rdsz_nl_info,
		.policy		= rdsz_nl_info_policy,
		.maxattr	= RDSZC_A_INFO_MAX,
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

struct genl_family rdsz_genl __ro_after_init = {
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

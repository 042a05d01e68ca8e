/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nl.h - shared by netlink.c, which has the rules, and nl_*.c, which answer its requests.
 */
#ifndef RDSZ_NL_H
#define RDSZ_NL_H

#include "genl.h"
#include "rdsz.h"

#include <linux/rds_zc_netlink.h>

/* cb->args[] of a dump */
enum {
	RDSZ_DUMP_AFTER,	/* number of the last conn or socket that was told completely */
	RDSZ_DUMP_PART,		/* lanes, queues or entries of the next one that were told */
	RDSZ_DUMP_INDEX,	/* messages of its queue that were told */
	RDSZ_DUMP_ENTRY,	/* the conn or socket that PART and INDEX are about */
	RDSZ_DUMP_CHECKED,	/* the request was found good */
};

enum {
	RDSZ_GRP_PATHS,
	RDSZ_GRP_CONGESTION,
};

extern struct genl_family rdsz_genl;

/* netlink.c */
struct rdsz_net *rdsz_nl_net(struct sk_buff *request);
bool rdsz_nl_is_admin(struct sk_buff *request);
bool rdsz_nl_may_see(struct sk_buff *request, struct rdsz_sock *rs);
int rdsz_nl_put_incarnation(struct sk_buff *skb, struct sk_buff *request, int attr, u32 gen);
int rdsz_nl_put_addr(struct sk_buff *skb, int attr, const struct in6_addr *ip);
u32 rdsz_nl_transport(int transport);
void *rdsz_nl_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd, u32 gen);
int rdsz_nl_end(struct sk_buff *skb, void *hdr, int err);
int rdsz_nl_dumped(struct sk_buff *skb, struct netlink_callback *cb, int err, u32 gen);
int rdsz_nl_check_once(struct netlink_callback *cb, int (*check)(struct netlink_callback *cb));
int rdsz_nl_check_addrs(struct netlink_callback *cb, int local, int peer);
bool rdsz_nl_addr_matches(const struct nlattr *attr, const struct in6_addr *ip);

/* nl_socket.c */
extern const struct nla_policy rdsz_nl_socket_policy[RDSZC_A_SOCKET_MAX + 1];
int rdsz_nl_sockets(struct sk_buff *skb, struct netlink_callback *cb);

/* nl_conn.c */
extern const struct nla_policy rdsz_nl_path_policy[RDSZC_A_PATH_MAX + 1];
u32 rdsz_nl_state(int state);
u32 rdsz_map_weight(const struct rdsz_map *map);
int rdsz_nl_put_key(struct sk_buff *skb, const struct rdsz_conn *conn);
int rdsz_nl_conns(struct sk_buff *skb, struct netlink_callback *cb);
int rdsz_nl_paths(struct sk_buff *skb, struct netlink_callback *cb);

/* nl_message.c */
extern const struct nla_policy rdsz_nl_message_policy[RDSZC_A_MESSAGE_MAX + 1];
int rdsz_nl_messages(struct sk_buff *skb, struct netlink_callback *cb);

/* nl_stat.c */
extern const struct nla_policy rdsz_nl_stat_policy[RDSZC_A_STAT_MAX + 1];
extern const struct nla_policy rdsz_nl_hist_policy[RDSZC_A_HIST_MAX + 1];
int rdsz_nl_stats(struct sk_buff *skb, struct netlink_callback *cb);
int rdsz_nl_hists(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* RDSZ_NL_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * nl_stat.c - stat-get, hist-get: counters and histograms.
 */
#include "nl.h"

const struct nla_policy rdsz_nl_stat_policy[RDSZC_A_STAT_MAX + 1] = {
	[RDSZC_A_STAT_NAME]	= { .type = NLA_NUL_STRING, .len = 63 },
	[RDSZC_A_STAT_EXPLAIN]	= { .type = NLA_FLAG },
};

const struct nla_policy rdsz_nl_hist_policy[RDSZC_A_HIST_MAX + 1] = {
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

int rdsz_nl_stats(struct sk_buff *skb, struct netlink_callback *cb)
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

int rdsz_nl_hists(struct sk_buff *skb, struct netlink_callback *cb)
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

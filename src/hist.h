/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hist.h - how long things take: log2 histograms of a namespace, kept per CPU.
 *
 * Off by default, and then a static key keeps them off the fast path: no clock is read, nothing is
 * counted. net.rds_zc.histograms turns them on. A time stamp of 0 means "not taken".
 */
#ifndef RDSZ_HIST_H
#define RDSZ_HIST_H

#include <linux/jump_label.h>
#include <linux/sched/clock.h>
#include <linux/types.h>

#include <linux/rds_zc_netlink.h>

struct rdsz_net;

#define RDSZ_HISTS(X) \
	X(send_to_ack, \
	  "from sendmsg to the acknowledgement of the peer's TCP; local: to delivery") \
	X(send_to_reusable,	"from sendmsg to the cookie: the buffer is the sender's again") \
	X(reusable_to_read,	"from there until the sender has read the cookie") \
	X(recv_queue,		"from a message's arrival in the receive queue until it is read")

enum rdsz_hist {
#define RDSZ_HIST_ENUM(name, meaning) RDSZ_HIST_##name,
	RDSZ_HISTS(RDSZ_HIST_ENUM)
#undef RDSZ_HIST_ENUM
	RDSZ_HIST_MAX
};

/* One per CPU, written there only. */
struct rdsz_hists {
	u64 sum[RDSZ_HIST_MAX];
	u64 counts[RDSZ_HIST_MAX][RDSZC_HIST_BUCKETS];
};

/* What one histogram holds, all CPUs together. */
struct rdsz_hist_sum {
	u64 count;
	u64 sum;
	u64 counts[RDSZC_HIST_BUCKETS];
};

DECLARE_STATIC_KEY_FALSE(rdsz_hist_key);

u64 rdsz_hist_clock(const struct rdsz_net *rn);
void rdsz_hist_record(struct rdsz_net *rn, enum rdsz_hist hist, u64 since);
int rdsz_hist_switch(struct rdsz_net *rn, bool on);
const char *rdsz_hist_name(enum rdsz_hist hist);
const char *rdsz_hist_meaning(enum rdsz_hist hist);
void rdsz_hist_read(const struct rdsz_net *rn, enum rdsz_hist hist, struct rdsz_hist_sum *out);

/* Does any namespace measure? For loops that would do nothing else. */
static inline bool rdsz_hist_measures(void)
{
	return static_branch_unlikely(&rdsz_hist_key);
}

/* Time stamp for a later rdsz_hist_add(), or 0. Any context. */
static inline u64 rdsz_hist_stamp(const struct rdsz_net *rn)
{
	return static_branch_unlikely(&rdsz_hist_key) ? rdsz_hist_clock(rn) : 0;
}

/* Count the time since a stamp, if it was taken. Any context. */
static inline void rdsz_hist_add(struct rdsz_net *rn, enum rdsz_hist hist, u64 since)
{
	if (static_branch_unlikely(&rdsz_hist_key) && since)
		rdsz_hist_record(rn, hist, since);
}

#endif /* RDSZ_HIST_H */

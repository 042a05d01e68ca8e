/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bucket.h - a token bucket: how often something may happen.
 *
 * Has no lock; its owner has one.
 */
#ifndef RDSZ_BUCKET_H
#define RDSZ_BUCKET_H

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/types.h>

/**
 * struct rdsz_bucket - all zero is a full one
 * @used: tokens taken and not yet grown again
 * @since: jiffies up to which growth has been counted
 */
struct rdsz_bucket {
	u32		used;
	unsigned long	since;
};

/**
 * rdsz_bucket_take() - may it happen once more?
 * @b: bucket
 * @rate: tokens a second, up to 2^20; as many fit into the bucket
 * @reserve: tokens to be left for somebody else
 */
static inline bool rdsz_bucket_take(struct rdsz_bucket *b, u32 rate, u32 reserve)
{
	unsigned long passed = min_t(unsigned long, jiffies - b->since, HZ);
	u32 grown = passed * rate / HZ;

	if (grown || !b->used) {
		b->used -= min(b->used, grown);
		b->since = jiffies;
	}
	if (b->used + reserve >= rate)
		return false;
	b->used++;
	return true;
}

#endif /* RDSZ_BUCKET_H */

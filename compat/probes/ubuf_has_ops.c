// SPDX-License-Identifier: GPL-2.0
/*
 * ubuf_has_ops - a ubuf completes through ops->complete(skb, ubuf, success).
 * Yes: 6.12, 7.2, 7.3. No: 5.10, 6.1.
 */
#include <linux/skbuff.h>

void rdsz_probe_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success);

static const struct ubuf_info_ops rdsz_probe_ops = { .complete = rdsz_probe_complete };

void rdsz_probe(struct ubuf_info *ubuf)
{
	ubuf->ops = &rdsz_probe_ops;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * ubuf_callback_takes_skb - a ubuf completes through callback(skb, ubuf, success).
 * Yes: 6.1. No: 5.10, 6.12, 7.2, 7.3.
 */
#include <linux/skbuff.h>

void rdsz_probe_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success);

void rdsz_probe(struct ubuf_info *ubuf)
{
	ubuf->callback = rdsz_probe_complete;
}

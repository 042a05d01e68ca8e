// SPDX-License-Identifier: GPL-2.0
/*
 * skb_has_frags_readable - an skb may have fragments that the CPU cannot read.
 * Yes: 6.12, 7.2, 7.3. No: 5.10, 6.1.
 */
#include <linux/skbuff.h>

bool rdsz_probe(const struct sk_buff *skb)
{
	return skb_frags_readable(skb);
}

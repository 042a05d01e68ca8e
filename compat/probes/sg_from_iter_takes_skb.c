// SPDX-License-Identifier: GPL-2.0
/*
 * sg_from_iter_takes_skb - a sender may put its pages into the skb itself; the core accounts.
 * Yes: 6.12, 7.2, 7.3. No: 5.10, 6.1.
 */
#include <linux/skbuff.h>
#include <linux/socket.h>

int rdsz_probe_fill(struct sk_buff *skb, struct iov_iter *from, size_t length);

unsigned int rdsz_probe(struct msghdr *msg)
{
	msg->sg_from_iter = rdsz_probe_fill;
	return SKBFL_MANAGED_FRAG_REFS;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * sg_from_iter_takes_sk - a sender may put its pages into the skb itself, and accounts for them.
 * Yes: 6.1. No: 5.10, 6.12, 7.2, 7.3.
 */
#include <linux/skbuff.h>
#include <linux/socket.h>

int rdsz_probe_fill(struct sock *sk, struct sk_buff *skb, struct iov_iter *from, size_t length);

unsigned int rdsz_probe(struct msghdr *msg)
{
	msg->sg_from_iter = rdsz_probe_fill;
	return SKBFL_MANAGED_FRAG_REFS;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * send_reset_takes_two - TCP's function that answers a segment by a reset takes no reason.
 * Yes: 5.10, 6.1. No: 7.3.
 */
#include <net/request_sock.h>

void rdsz_probe(const struct request_sock_ops *ops, const struct sock *sk, struct sk_buff *skb)
{
	ops->send_reset(sk, skb);
}

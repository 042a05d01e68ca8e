// SPDX-License-Identifier: GPL-2.0
/*
 * send_reset_takes_reason - TCP's function that answers a segment by a reset wants to know why.
 * Yes: 7.3. No: 5.10, 6.1.
 */
#include <net/request_sock.h>
#include <net/rstreason.h>

void rdsz_probe(const struct request_sock_ops *ops, const struct sock *sk, struct sk_buff *skb)
{
	ops->send_reset(sk, skb, SK_RST_REASON_NOT_SPECIFIED);
}

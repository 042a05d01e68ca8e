/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tcp_reset.h - answers a TCP segment by a reset, as TCP does for a port that nobody listens on.
 */
#ifndef RDSZ_COMPAT_TCP_RESET_H
#define RDSZ_COMPAT_TCP_RESET_H

#include <net/request_sock.h>
#include <net/tcp.h>

#include "gen/config.h"

#if RDSZ_SEND_RESET_TAKES_REASON
#include <net/rstreason.h>
#elif !RDSZ_SEND_RESET_TAKES_TWO
#error "request_sock_ops.send_reset of this kernel takes unknown arguments (known: 5.10 .. 7.3)"
#endif

/**
 * rdsz_tcp_send_reset() - refuse a connection request
 * @sk: the listener, IPv4 or IPv6
 * @skb: the segment
 *
 * Context: where conn_request() of the listener is called.
 */
static inline void rdsz_tcp_send_reset(const struct sock *sk, struct sk_buff *skb)
{
	const struct proto *proto = skb->protocol == htons(ETH_P_IP) ? &tcp_prot : sk->sk_prot;

#if RDSZ_SEND_RESET_TAKES_REASON
	proto->rsk_prot->send_reset(sk, skb, SK_RST_REASON_NOT_SPECIFIED);
#else
	proto->rsk_prot->send_reset(sk, skb);
#endif
}

#endif /* RDSZ_COMPAT_TCP_RESET_H */

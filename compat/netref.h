/* SPDX-License-Identifier: GPL-2.0 */
/*
 * netref.h - a full namespace reference for a kernel TCP socket.
 *
 * A kernel socket holds none, and TCP then stops its timers at close. A close that has to linger
 * needs them, so it upgrades first.
 */
#ifndef RDSZ_COMPAT_NETREF_H
#define RDSZ_COMPAT_NETREF_H

#include <net/net_namespace.h>
#include <net/sock.h>

#include "gen/config.h"

/**
 * rdsz_sk_netref_upgrade() - let a kernel socket keep its namespace alive until it is destroyed
 * @sk: made with kern = 1, whose namespace cannot be freed during the call
 *
 * Context: process, may sleep; the socket is not locked.
 * Return: false if the namespace is on its way out: nothing was changed, close with a reset.
 */
static inline bool rdsz_sk_netref_upgrade(struct sock *sk)
{
	struct net *net = sock_net(sk);

	if (sk->sk_net_refcnt)
		return true;
	if (!maybe_get_net(net))
		return false;
#if RDSZ_SK_HAS_NETREF_UPGRADE
	sk_net_refcnt_upgrade(sk);	/* since 6.12.x; takes a reference of its own */
	put_net(net);
#elif RDSZ_SK_HAS_NS_TRACKER
	sk->sk_net_refcnt = 1;		/* 6.1: by hand; sk_free() undoes all three */
	netns_tracker_alloc(net, &sk->ns_tracker, GFP_KERNEL);
	sock_inuse_add(net, 1);
#elif RDSZ_NET_HAS_SOCK_INUSE
	sk->sk_net_refcnt = 1;		/* 5.10: as 6.1, without trackers */
	this_cpu_add(*net->core.sock_inuse, 1);
#else
#error "no way known to give a socket of this kernel a namespace reference (known: 5.10 .. 7.3)"
#endif
	return true;
}

#endif /* RDSZ_COMPAT_NETREF_H */

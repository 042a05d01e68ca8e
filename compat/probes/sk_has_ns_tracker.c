// SPDX-License-Identifier: GPL-2.0
/*
 * sk_has_ns_tracker - namespace references of sockets are tracked, and counted with
 * sock_inuse_add(). Yes: 6.1, 6.12, 7.2, 7.3. No: 5.10.
 */
#include <net/net_namespace.h>
#include <net/sock.h>

void rdsz_probe(struct net *net, struct sock *sk)
{
	netns_tracker_alloc(net, &sk->ns_tracker, GFP_KERNEL);
	sock_inuse_add(net, 1);
}

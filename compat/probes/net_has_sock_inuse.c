// SPDX-License-Identifier: GPL-2.0
/*
 * net_has_sock_inuse - sockets of a namespace are counted in net->core.sock_inuse.
 * Yes: 5.10. No: 6.1, 6.12, 7.2, 7.3.
 */
#include <net/net_namespace.h>
#include <net/sock.h>

void rdsz_probe(struct net *net, struct sock *sk)
{
	sk->sk_net_refcnt = 1;
	this_cpu_add(*net->core.sock_inuse, 1);
}

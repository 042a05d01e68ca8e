// SPDX-License-Identifier: GPL-2.0
/*
 * sk_has_netref_upgrade - sk_net_refcnt_upgrade() gives a kernel socket a namespace reference.
 * Yes: 6.12, 7.2, 7.3. No: 5.10, 6.1.
 * Symbols: sk_net_refcnt_upgrade
 */
#include <net/sock.h>

void rdsz_probe(struct sock *sk)
{
	sk_net_refcnt_upgrade(sk);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * address.c - addresses that leave this host take their connections with them.
 *
 * A connection of an address that is gone cannot send, not even its end; without this it would look
 * up until TCP gives up. The messages stay, and the path comes back when the address does: the
 * small side keeps trying, the large side wakes the peer if it has something to say.
 *
 * The IPv6 chain is called in atomic context, the IPv4 one under RTNL. Both after the address is
 * out of the kernel's tables, so an address that another interface has, too, is still found there.
 * A namespace that ends loses its addresses after our part of it has gone.
 */
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/if_inet6.h>
#include <net/ipv6.h>

#include "rdsz.h"

static void rdsz_address_gone(struct net *net, const struct in6_addr *ip)
{
	struct rdsz_conn *conn = NULL;
	struct rdsz_net *rn;

	rcu_read_lock();
	rn = rdsz_net_of(net);
	while (rn && (conn = rdsz_conn_next(rn, conn))) {
		const struct rdsz_conn_key *key = &conn->key;

		if (key->transport == RDSZ_TRANS_TCP && !rdsz_addr_cmp(&key->local, ip) &&
		    rdsz_transport_for(rn, ip, key->scope) == RDSZ_TRANS_NONE)
			rdsz_conn_drop(conn, RDSZ_DROP_ADDRESS);
	}
	rcu_read_unlock();
}

static int rdsz_inetaddr_event(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct in_ifaddr *ifa = data;
	struct in6_addr ip;

	if (event == NETDEV_DOWN) {
		ipv6_addr_set_v4mapped(ifa->ifa_local, &ip);
		rdsz_address_gone(dev_net(ifa->ifa_dev->dev), &ip);
	}
	return NOTIFY_DONE;
}

static int rdsz_inet6addr_event(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct inet6_ifaddr *ifa = data;

	if (event == NETDEV_DOWN)
		rdsz_address_gone(dev_net(ifa->idev->dev), &ifa->addr);
	return NOTIFY_DONE;
}

static struct notifier_block rdsz_inetaddr_block = { .notifier_call = rdsz_inetaddr_event };
static struct notifier_block rdsz_inet6addr_block = { .notifier_call = rdsz_inet6addr_event };

/* After the namespaces are there, and before they go: the events look them up. */
int rdsz_address_init(void)
{
	int err = register_inetaddr_notifier(&rdsz_inetaddr_block);

	if (err)
		return err;
	err = register_inet6addr_notifier(&rdsz_inet6addr_block);
	if (err)
		unregister_inetaddr_notifier(&rdsz_inetaddr_block);
	return err;
}

void rdsz_address_exit(void)
{
	unregister_inet6addr_notifier(&rdsz_inet6addr_block);
	unregister_inetaddr_notifier(&rdsz_inetaddr_block);
}

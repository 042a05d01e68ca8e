// SPDX-License-Identifier: GPL-2.0
/*
 * net_sysctl_is_sized - sysctl tables are registered with their size, an end mark is an error.
 * Yes: 6.12, 7.2, 7.3. No: 5.10, 6.1.
 * Symbols: register_net_sysctl_sz
 */
#include <linux/sysctl.h>
#include <net/net_namespace.h>

void *rdsz_probe(struct net *net, struct ctl_table *table)
{
	return register_net_sysctl_sz(net, "net/x", table, 1);
}

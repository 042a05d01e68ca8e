/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sysctl_compat.h - registration and handlers of sysctls.
 */
#ifndef RDSZ_COMPAT_SYSCTL_H
#define RDSZ_COMPAT_SYSCTL_H

#include <linux/sysctl.h>
#include <net/net_namespace.h>

#include "gen/config.h"

/* What a proc_handler gets. Const from 6.12 on. */
#if RDSZ_CTL_HANDLER_TAKES_CONST
typedef const struct ctl_table rdsz_ctl_table_t;
#elif RDSZ_CTL_HANDLER_TAKES_MUTABLE
typedef struct ctl_table rdsz_ctl_table_t;
#else
#error "proc_handler of this kernel takes an unknown table (known: 5.10 .. 7.3)"
#endif

/*
 * @table has @nr_entries entries and, behind them, one of zeroes: without it 5.10 and 6.1 run past
 *	the
 * end, and from 6.12 on it must not be counted, or the registration fails.
 */
static inline struct ctl_table_header *rdsz_register_net_sysctl(struct net *net, const char *path,
								struct ctl_table *table,
								size_t nr_entries)
{
#if RDSZ_NET_SYSCTL_IS_SIZED
	return register_net_sysctl_sz(net, path, table, nr_entries);
#else
	return register_net_sysctl(net, path, table);
#endif
}

#endif /* RDSZ_COMPAT_SYSCTL_H */

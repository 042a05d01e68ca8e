/* SPDX-License-Identifier: GPL-2.0 */
/*
 * genl.h - generic netlink: where a dump finds the attributes of its request.
 */
#ifndef RDSZ_COMPAT_GENL_H
#define RDSZ_COMPAT_GENL_H

#include <net/genetlink.h>

#include "gen/config.h"

/* Parsed and checked by the policy of the operation; index 0 is unused. */
static inline struct nlattr **rdsz_genl_dump_attrs(struct netlink_callback *cb)
{
#if RDSZ_GENL_DUMPIT_HAS_INFO
	return genl_info_dump(cb)->attrs;
#elif RDSZ_GENL_DUMPIT_HAS_ATTRS
	return genl_dumpit_info(cb)->attrs;
#else
#error "no way known to the attributes of a dump request (known: 5.10 .. 7.3)"
#endif
}

#endif /* RDSZ_COMPAT_GENL_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * genl_dumpit_has_attrs - the parsed attributes of a dump request hang on genl_dumpit_info itself.
 * Yes: 5.10, 6.1. No: 6.12, 7.3.
 */
#include <net/genetlink.h>

struct nlattr **rdsz_probe(struct netlink_callback *cb);

struct nlattr **rdsz_probe(struct netlink_callback *cb)
{
	return genl_dumpit_info(cb)->attrs;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * genl_dumpit_has_info - a dump request has a genl_info of its own, with the parsed attributes in
 * it. Yes: 6.12, 7.3. No: 5.10, 6.1.
 */
#include <net/genetlink.h>

struct nlattr **rdsz_probe(struct netlink_callback *cb);

struct nlattr **rdsz_probe(struct netlink_callback *cb)
{
	return genl_info_dump(cb)->attrs;
}

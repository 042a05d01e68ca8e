// SPDX-License-Identifier: GPL-2.0
/* sane_fail - guard: compiles on no kernel, or the compiler's answers mean nothing. */
#include <linux/net.h>
#include <net/sock.h>

int rdsz_probe(const struct net_proto_family *f)
{
	return rdsz_no_such_function(f);
}

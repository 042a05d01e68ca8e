// SPDX-License-Identifier: GPL-2.0
/*
 * sane_pass - guard: compiles on every kernel, or the header paths are broken.
 * Symbols: sock_register
 */
#include <linux/net.h>
#include <net/sock.h>

int rdsz_probe(const struct net_proto_family *f)
{
	return sock_register(f);
}

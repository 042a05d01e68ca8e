// SPDX-License-Identifier: GPL-2.0
/*
 * proto_ops_has_sendpage - pages are given to a protocol one by one, with a call of their own.
 * Yes: 5.10, 6.1. No: 6.12, 7.3.
 */
#include <linux/net.h>

void *rdsz_probe(const struct proto_ops *ops);

void *rdsz_probe(const struct proto_ops *ops)
{
	return ops->sendpage;
}

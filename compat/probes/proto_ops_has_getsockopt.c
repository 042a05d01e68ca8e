// SPDX-License-Identifier: GPL-2.0
/*
 * proto_ops_has_getsockopt - getsockopt can be served with user pointers.
 * Yes: 5.10, 6.1, 6.12, 7.2, 7.3.
 */
#include <linux/net.h>

int rdsz_probe_get(struct socket *sock, int level, int optname, char __user *val, int __user *len);

const struct proto_ops rdsz_probe = { .getsockopt = rdsz_probe_get };

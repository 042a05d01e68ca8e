// SPDX-License-Identifier: GPL-2.0
/*
 * proto_ops_bind_takes_sockaddr - addresses in kernel calls are struct sockaddr.
 * Yes: 5.10, 6.1, 6.12. No: 7.2, 7.3.
 */
#include <linux/net.h>

int rdsz_probe_bind(struct socket *sock, struct sockaddr *addr, int len);
int rdsz_probe_connect(struct socket *sock, struct sockaddr *addr, int len, int flags);

const struct proto_ops rdsz_probe = {
	.bind		= rdsz_probe_bind,
	.connect	= rdsz_probe_connect,
};

int rdsz_probe_call(struct socket *sock, struct sockaddr *addr, int len)
{
	return kernel_bind(sock, addr, len) ?: kernel_connect(sock, addr, len, 0);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * proto_ops_bind_takes_unsized - addresses in kernel calls are struct sockaddr_unsized.
 * Yes: 7.2, 7.3. No: 5.10, 6.1, 6.12.
 */
#include <linux/net.h>

int rdsz_probe_bind(struct socket *sock, struct sockaddr_unsized *addr, int len);
int rdsz_probe_connect(struct socket *sock, struct sockaddr_unsized *addr, int len, int flags);

const struct proto_ops rdsz_probe = {
	.bind		= rdsz_probe_bind,
	.connect	= rdsz_probe_connect,
};

int rdsz_probe_call(struct socket *sock, struct sockaddr_unsized *addr, int len)
{
	return kernel_bind(sock, addr, len) ?: kernel_connect(sock, addr, len, 0);
}

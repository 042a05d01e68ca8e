// SPDX-License-Identifier: GPL-2.0
/*
 * proto_ops_has_getsockopt_iter - getsockopt gets iterators instead of user pointers.
 * Yes: 6.12.117, 7.2, 7.3. No: 5.10, 6.1, 6.12.107.
 */
#include <linux/net.h>
#include <linux/uio.h>

int rdsz_probe_get(struct socket *sock, int level, int optname, sockopt_t *opt);

const struct proto_ops rdsz_probe = { .getsockopt_iter = rdsz_probe_get };

size_t rdsz_probe_fields(sockopt_t *opt, const void *data, size_t len)
{
	opt->optlen = (int)len;
	return copy_to_iter(data, len, &opt->iter_out);
}

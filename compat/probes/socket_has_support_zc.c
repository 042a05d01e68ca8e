// SPDX-License-Identifier: GPL-2.0
/*
 * socket_has_support_zc - a socket says that io_uring may send zerocopy over it.
 * Yes: 6.1, 6.12 (macro), 7.2, 7.3 (enum). No: 5.10.
 */
#include <linux/net.h>

void rdsz_probe(struct socket *sock)
{
	set_bit(SOCK_SUPPORT_ZC, &sock->flags);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * sk_has_uid_helper - sk_uid() reads the owner of a socket.
 * Yes: 7.2, 7.3. No: 5.10, 6.1, 6.12.
 */
#include <net/sock.h>

kuid_t rdsz_probe(struct sock *sk)
{
	return sk_uid(sk);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * sk_has_uid_field - the owner of a socket is sk->sk_uid.
 * Yes: 5.10, 6.1, 6.12, 7.2, 7.3.
 */
#include <net/sock.h>

kuid_t rdsz_probe(struct sock *sk)
{
	return sk->sk_uid;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * proto_has_fw_alloc - a protocol counts its memory per CPU before it goes to the common counter.
 * Yes: 6.1, 6.12, 7.3. No: 5.10.
 */
#include <net/sock.h>

void rdsz_probe(struct proto *proto, int __percpu *counter)
{
	proto->per_cpu_fw_alloc = counter;
}

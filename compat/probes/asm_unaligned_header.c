// SPDX-License-Identifier: GPL-2.0
/*
 * asm_unaligned_header - <asm/unaligned.h> has the unaligned accessors.
 * Yes: 5.10, 6.1. No: 6.12, 7.2, 7.3.
 */
#include <asm/unaligned.h>

u32 rdsz_probe(const void *p)
{
	return get_unaligned_be32(p);
}

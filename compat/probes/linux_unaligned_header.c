// SPDX-License-Identifier: GPL-2.0
/*
 * linux_unaligned_header - <linux/unaligned.h> has the unaligned accessors.
 * Yes: 6.12, 7.2, 7.3. No: 5.10, 6.1.
 */
#include <linux/unaligned.h>

u32 rdsz_probe(const void *p)
{
	return get_unaligned_be32(p);
}

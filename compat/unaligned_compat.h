/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unaligned_compat.h - get_unaligned_be32() and its like. 6.12 moved the header.
 */
#ifndef RDSZ_COMPAT_UNALIGNED_H
#define RDSZ_COMPAT_UNALIGNED_H

#include "gen/config.h"

#if RDSZ_LINUX_UNALIGNED_HEADER
#include <linux/unaligned.h>
#elif RDSZ_ASM_UNALIGNED_HEADER
#include <asm/unaligned.h>
#else
#error "this kernel has no header for unaligned access where one is known (known: 5.10 .. 7.3)"
#endif

#endif /* RDSZ_COMPAT_UNALIGNED_H */

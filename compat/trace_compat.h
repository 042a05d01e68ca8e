/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace_compat.h - trace events. Needs -I$(src) in ccflags-y for TRACE_INCLUDE_PATH, on every
 * kernel.
 */
#ifndef RDSZ_COMPAT_TRACE_H
#define RDSZ_COMPAT_TRACE_H

#include "gen/config.h"

/* In TP_fast_assign, for a field declared __string(field, source). 6.12 dropped the source. */
#if RDSZ_ASSIGN_STR_TAKES_ONE
#define RDSZ_ASSIGN_STR(field, source)	__assign_str(field)
#elif RDSZ_ASSIGN_STR_TAKES_TWO
#define RDSZ_ASSIGN_STR(field, source)	__assign_str(field, source)
#else
#error "__assign_str() of this kernel has an unknown form (known: 5.10 .. 7.3)"
#endif

#endif /* RDSZ_COMPAT_TRACE_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * assign_str_takes_one - __assign_str() in a trace event names the field only.
 * Yes: 6.12, 7.2, 7.3. No: 5.10, 6.1.
 */
#define RDSZ_PROBE_ASSIGN(field)	__assign_str(field)
#define CREATE_TRACE_POINTS
#include "assign_str.h"

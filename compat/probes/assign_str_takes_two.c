// SPDX-License-Identifier: GPL-2.0
/*
 * assign_str_takes_two - __assign_str() in a trace event names field and source.
 * Yes: 5.10, 6.1. No: 6.12, 7.2, 7.3.
 */
#define RDSZ_PROBE_ASSIGN(field)	__assign_str(field, field)
#define CREATE_TRACE_POINTS
#include "assign_str.h"

/* SPDX-License-Identifier: GPL-2.0 */
/* assign_str.h - the trace event that the assign_str_takes_* probes compile. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM rdsz_probe

#if !defined(RDSZ_PROBE_ASSIGN_STR_H) || defined(TRACE_HEADER_MULTI_READ)
#define RDSZ_PROBE_ASSIGN_STR_H

#include <linux/tracepoint.h>

TRACE_EVENT(rdsz_probe_event,
	TP_PROTO(const char *name),
	TP_ARGS(name),
	TP_STRUCT__entry(__string(name, name)),
	TP_fast_assign(RDSZ_PROBE_ASSIGN(name);),
	TP_printk("%s", __get_str(name))
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE assign_str
#include <trace/define_trace.h>

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trace.h - trace events rds_zc:*, for /sys/kernel/tracing, perf, bpftrace and rdszc trace.
 *
 * Fields are values, no pointers; an event prints them as name=value. netns is the inode number of
 * the namespace, as in /proc/PID/ns/net. Where an argument costs something to compute, the caller
 * asks trace_*_enabled() first: what is not traced costs a patched-out jump.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM rds_zc

#if !defined(RDSZ_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RDSZ_TRACE_H

#include <linux/tracepoint.h>

#include "rdsz.h"
#include "trace_compat.h"

#ifndef RDSZ_TRACE_ACTIONS
#define RDSZ_TRACE_ACTIONS

enum rdsz_trace_action {
	/* sockets */
	RDSZ_TRACE_CREATE,
	RDSZ_TRACE_BIND,
	RDSZ_TRACE_CLOSE,
	/* messages */
	RDSZ_TRACE_QUEUE,	/* by sendmsg */
	RDSZ_TRACE_SEND,	/* given to TCP */
	RDSZ_TRACE_ACK,		/* send buffer space released */
	RDSZ_TRACE_WITHDRAW,	/* by close or RDS_CANCEL_SENT_TO */
	RDSZ_TRACE_DELIVER,	/* put into a receive queue */
	RDSZ_TRACE_READ,
	/* pages */
	RDSZ_TRACE_PIN,
	RDSZ_TRACE_UNPIN,
	RDSZ_TRACE_CONVERT,	/* copied after pin_hold_ms */
	/* passes */
	RDSZ_TRACE_BUILD,
	RDSZ_TRACE_SENT,
	RDSZ_TRACE_RELEASE,	/* TCP has let go of the pages */
};

#endif /* RDSZ_TRACE_ACTIONS */

TRACE_DEFINE_ENUM(RDSZ_TRACE_CREATE);
TRACE_DEFINE_ENUM(RDSZ_TRACE_BIND);
TRACE_DEFINE_ENUM(RDSZ_TRACE_CLOSE);
TRACE_DEFINE_ENUM(RDSZ_TRACE_QUEUE);
TRACE_DEFINE_ENUM(RDSZ_TRACE_SEND);
TRACE_DEFINE_ENUM(RDSZ_TRACE_ACK);
TRACE_DEFINE_ENUM(RDSZ_TRACE_WITHDRAW);
TRACE_DEFINE_ENUM(RDSZ_TRACE_DELIVER);
TRACE_DEFINE_ENUM(RDSZ_TRACE_READ);
TRACE_DEFINE_ENUM(RDSZ_TRACE_PIN);
TRACE_DEFINE_ENUM(RDSZ_TRACE_UNPIN);
TRACE_DEFINE_ENUM(RDSZ_TRACE_CONVERT);
TRACE_DEFINE_ENUM(RDSZ_TRACE_BUILD);
TRACE_DEFINE_ENUM(RDSZ_TRACE_SENT);
TRACE_DEFINE_ENUM(RDSZ_TRACE_RELEASE);
TRACE_DEFINE_ENUM(RDSZ_PATH_DOWN);
TRACE_DEFINE_ENUM(RDSZ_PATH_CONNECTING);
TRACE_DEFINE_ENUM(RDSZ_PATH_UP);
TRACE_DEFINE_ENUM(RDSZ_PATH_DISCONNECTING);

#define rdsz_show_action(action)				\
	__print_symbolic(action,				\
			 { RDSZ_TRACE_CREATE,	"create" },	\
			 { RDSZ_TRACE_BIND,	"bind" },	\
			 { RDSZ_TRACE_CLOSE,	"close" },	\
			 { RDSZ_TRACE_QUEUE,	"queue" },	\
			 { RDSZ_TRACE_SEND,	"send" },	\
			 { RDSZ_TRACE_ACK,	"ack" },	\
			 { RDSZ_TRACE_WITHDRAW,	"withdraw" },	\
			 { RDSZ_TRACE_DELIVER,	"deliver" },	\
			 { RDSZ_TRACE_READ,	"read" },	\
			 { RDSZ_TRACE_PIN,	"pin" },	\
			 { RDSZ_TRACE_UNPIN,	"unpin" },	\
			 { RDSZ_TRACE_CONVERT,	"convert" },	\
			 { RDSZ_TRACE_BUILD,	"build" },	\
			 { RDSZ_TRACE_SENT,	"sent" },	\
			 { RDSZ_TRACE_RELEASE,	"release" })

#define rdsz_show_state(state)						\
	__print_symbolic(state,						\
			 { RDSZ_PATH_DOWN,		"down" },	\
			 { RDSZ_PATH_CONNECTING,	"connecting" },	\
			 { RDSZ_PATH_UP,		"up" },		\
			 { RDSZ_PATH_DISCONNECTING,	"disconnecting" })

/* A socket was made, bound, or closed. */
TRACE_EVENT(rds_zc_socket,
	TP_PROTO(const struct rdsz_sock *rs, enum rdsz_trace_action action),
	TP_ARGS(rs, action),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, action)
		__field(u64, id)
		__array(u8, addr, 16)
		__field(u16, port)
	),
	TP_fast_assign(
		__entry->netns = rs->rn->inum;
		__entry->action = action;
		__entry->id = rs->id;
		memcpy(__entry->addr, &rs->local.ip, 16);
		__entry->port = ntohs(rs->local.port);
	),
	TP_printk("netns=%u action=%s socket=%llu addr=%pI6c port=%u", __entry->netns,
		  rdsz_show_action(__entry->action), __entry->id, __entry->addr, __entry->port)
);

/* A step in the life of a message; seq is 0 where it has none yet. */
TRACE_EVENT(rds_zc_message,
	TP_PROTO(const struct rdsz_net *rn, enum rdsz_trace_action action,
		 const struct rdsz_endpoint *from, const struct rdsz_endpoint *to,
		 u64 seq, u32 len),
	TP_ARGS(rn, action, from, to, seq, len),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, action)
		__array(u8, from, 16)
		__array(u8, to, 16)
		__field(u16, sport)
		__field(u16, dport)
		__field(u32, len)
		__field(u64, seq)
	),
	TP_fast_assign(
		__entry->netns = rn->inum;
		__entry->action = action;
		memcpy(__entry->from, &from->ip, 16);
		memcpy(__entry->to, &to->ip, 16);
		__entry->sport = ntohs(from->port);
		__entry->dport = ntohs(to->port);
		__entry->len = len;
		__entry->seq = seq;
	),
	TP_printk("netns=%u action=%s from=%pI6c sport=%u to=%pI6c dport=%u seq=%llu len=%u",
		  __entry->netns, rdsz_show_action(__entry->action), __entry->from,
		  __entry->sport, __entry->to, __entry->dport, __entry->seq, __entry->len)
);

/* User pages were pinned (error: or not), let go, or replaced by a copy. */
TRACE_EVENT(rds_zc_pin,
	TP_PROTO(const struct rdsz_net *rn, enum rdsz_trace_action action, u32 len, u32 segments,
		 int error),
	TP_ARGS(rn, action, len, segments, error),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, action)
		__field(u32, len)
		__field(u32, segments)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->netns = rn->inum;
		__entry->action = action;
		__entry->len = len;
		__entry->segments = segments;
		__entry->error = error;
	),
	TP_printk("netns=%u action=%s len=%u segments=%u error=%d", __entry->netns,
		  rdsz_show_action(__entry->action), __entry->len, __entry->segments,
		  __entry->error)
);

/* A transmit pass: built, all of it given to TCP, lent pages released. */
TRACE_EVENT(rds_zc_pass,
	TP_PROTO(const struct rdsz_conn *conn, enum rdsz_trace_action action, u32 messages,
		 u32 bytes, bool lends, bool copied),
	TP_ARGS(conn, action, messages, bytes, lends, copied),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, action)
		__array(u8, local, 16)
		__array(u8, peer, 16)
		__field(u32, messages)
		__field(u32, bytes)
		__field(bool, lends)
		__field(bool, copied)
	),
	TP_fast_assign(
		__entry->netns = conn->rn->inum;
		__entry->action = action;
		memcpy(__entry->local, &conn->key.local, 16);
		memcpy(__entry->peer, &conn->key.peer, 16);
		__entry->messages = messages;
		__entry->bytes = bytes;
		__entry->lends = lends;
		__entry->copied = copied;
	),
	TP_printk("netns=%u action=%s local=%pI6c peer=%pI6c messages=%u bytes=%u lends=%d copied=%d",
		  __entry->netns, rdsz_show_action(__entry->action), __entry->local, __entry->peer,
		  __entry->messages, __entry->bytes, __entry->lends, __entry->copied)
);

/* A cookie was given back; it can be read from here on. */
TRACE_EVENT(rds_zc_completion,
	TP_PROTO(const struct rdsz_net *rn, u32 cookie, bool copied),
	TP_ARGS(rn, cookie, copied),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, cookie)
		__field(bool, copied)
	),
	TP_fast_assign(
		__entry->netns = rn->inum;
		__entry->cookie = cookie;
		__entry->copied = copied;
	),
	TP_printk("netns=%u cookie=%u copied=%d", __entry->netns, __entry->cookie, __entry->copied)
);

/* A path changed its state. reason and error are those of the last loss. */
TRACE_EVENT(rds_zc_path,
	TP_PROTO(const struct rdsz_path *path, int old, int state),
	TP_ARGS(path, old, state),
	TP_STRUCT__entry(
		__field(u32, netns)
		__array(u8, local, 16)
		__array(u8, peer, 16)
		__field(u32, lane)
		__field(int, old)
		__field(int, state)
		__string(reason, rdsz_path_reason_name(path))
		__field(int, error)
	),
	TP_fast_assign(
		__entry->netns = path->conn->rn->inum;
		memcpy(__entry->local, &path->conn->key.local, 16);
		memcpy(__entry->peer, &path->conn->key.peer, 16);
		__entry->lane = rdsz_path_lane(path);
		__entry->old = old;
		__entry->state = state;
		RDSZ_ASSIGN_STR(reason, rdsz_path_reason_name(path));
		__entry->error = path->log.error;
	),
	TP_printk("netns=%u local=%pI6c peer=%pI6c lane=%u old=%s state=%s reason=%s error=%d",
		  __entry->netns, __entry->local, __entry->peer, __entry->lane,
		  rdsz_show_state(__entry->old), rdsz_show_state(__entry->state),
		  __get_str(reason), __entry->error)
);

/* A port of ours (peer=0) or of a peer (peer=1) takes no more messages, or does again. */
TRACE_EVENT(rds_zc_congestion,
	TP_PROTO(const struct rdsz_map *map, bool peer, u16 port, bool congested),
	TP_ARGS(map, peer, port, congested),
	TP_STRUCT__entry(
		__field(u32, netns)
		__array(u8, addr, 16)
		__field(u16, port)
		__field(bool, peer)
		__field(bool, congested)
	),
	TP_fast_assign(
		__entry->netns = map->rn->inum;
		memcpy(__entry->addr, &map->ip, 16);
		__entry->port = port;
		__entry->peer = peer;
		__entry->congested = congested;
	),
	TP_printk("netns=%u addr=%pI6c port=%u peer=%d congested=%d", __entry->netns,
		  __entry->addr, __entry->port, __entry->peer, __entry->congested)
);

/* A frame of a peer was dropped, or a send refused; reason is the counter that moved. */
TRACE_EVENT(rds_zc_drop,
	TP_PROTO(const struct rdsz_net *rn, enum rdsz_stat reason, const struct rdsz_endpoint *from,
		 const struct rdsz_endpoint *to, u32 len),
	TP_ARGS(rn, reason, from, to, len),
	TP_STRUCT__entry(
		__field(u32, netns)
		__string(reason, rdsz_stat_name(reason))
		__array(u8, from, 16)
		__array(u8, to, 16)
		__field(u16, sport)
		__field(u16, dport)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->netns = rn->inum;
		RDSZ_ASSIGN_STR(reason, rdsz_stat_name(reason));
		memcpy(__entry->from, &from->ip, 16);
		memcpy(__entry->to, &to->ip, 16);
		__entry->sport = ntohs(from->port);
		__entry->dport = ntohs(to->port);
		__entry->len = len;
	),
	TP_printk("netns=%u reason=%s from=%pI6c sport=%u to=%pI6c dport=%u len=%u",
		  __entry->netns, __get_str(reason), __entry->from, __entry->sport, __entry->to,
		  __entry->dport, __entry->len)
);

#endif /* RDSZ_TRACE_H */

#ifndef RDSZ_TRACE_HELPERS
#define RDSZ_TRACE_HELPERS

/* An outgoing message, if somebody listens. */
static inline void rdsz_trace_message(const struct rdsz_message *m, enum rdsz_trace_action action)
{
	if (trace_rds_zc_message_enabled()) {
		const struct rdsz_conn *conn = m->path->conn;
		struct rdsz_endpoint from = { .ip = conn->key.local, .port = m->hdr.sport };
		struct rdsz_endpoint to = { .ip = conn->key.peer, .port = m->hdr.dport };

		trace_rds_zc_message(conn->rn, action, &from, &to, be64_to_cpu(m->hdr.seq), m->len);
	}
}

/* Count what was dropped or refused, and say it. */
#define rdsz_drop(rn, name, from, to, len)						\
do {											\
	rdsz_stat_inc(rn, name);							\
	trace_rds_zc_drop(rn, RDSZ_STAT_##name, from, to, len);				\
} while (0)

/* The same for a frame of a peer. */
#define rdsz_drop_frame(path, hdr, name)						\
do {											\
	struct rdsz_conn *__conn = (path)->conn;					\
	struct rdsz_endpoint __from = rdsz_conn_endpoint(__conn, &__conn->key.peer,	\
							 (hdr)->sport);			\
	struct rdsz_endpoint __to = rdsz_conn_endpoint(__conn, &__conn->key.local,	\
						       (hdr)->dport);			\
											\
	rdsz_drop(__conn->rn, name, &__from, &__to, be32_to_cpu((hdr)->len));		\
} while (0)

#endif /* RDSZ_TRACE_HELPERS */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * rds_zc_netlink.h - the generic netlink family of rds_zc.
 *
 * docs/netlink/rds_zc.yaml says what each command and attribute means; names and numbers are the
 * same. Everything is about the network namespace of the socket that asks. Numbers are never
 * reused.
 */
#ifndef _UAPI_LINUX_RDS_ZC_NETLINK_H
#define _UAPI_LINUX_RDS_ZC_NETLINK_H

#define RDSZC_GENL_NAME			"rds_zc"
#define RDSZC_GENL_VERSION		1
#define RDSZC_GENL_MCGRP_PATHS		"paths"
#define RDSZC_GENL_MCGRP_CONGESTION	"congestion"

/* Most entries that one message-get shows of each queue of a socket. */
#define RDSZC_MESSAGES_MAX		1024

/* Buckets of a histogram: n holds values of 2^(n-1) up to, not including, 2^n ns; 0 holds 0. */
#define RDSZC_HIST_BUCKETS		64

enum rdszc_cmd {
	RDSZC_CMD_INFO_GET = 1,
	RDSZC_CMD_SOCKET_GET,
	RDSZC_CMD_CONN_GET,
	RDSZC_CMD_PATH_GET,
	RDSZC_CMD_MESSAGE_GET,
	RDSZC_CMD_STAT_GET,
	RDSZC_CMD_HIST_GET,
	RDSZC_CMD_PATH_EVENT,
	RDSZC_CMD_CONGESTION_EVENT,
};

enum rdszc_transport {
	RDSZC_TRANSPORT_NONE,
	RDSZC_TRANSPORT_TCP,
	RDSZC_TRANSPORT_LOOP,
};

enum rdszc_path_state {
	RDSZC_STATE_DOWN,
	RDSZC_STATE_CONNECTING,
	RDSZC_STATE_UP,
	RDSZC_STATE_DISCONNECTING,
};

/* Why a path went down the last time. */
enum rdszc_path_reason {
	RDSZC_REASON_NONE,		/* it never did */
	RDSZC_REASON_PEER,		/* the peer closed or reset it, or TCP gave up */
	RDSZC_REASON_SEND,		/* a send into TCP failed */
	RDSZC_REASON_PROTOCOL,		/* the peer sent what is no RDS */
	RDSZC_REASON_STALLED,		/* nothing acknowledged for stall_ms */
	RDSZC_REASON_REPLACED,		/* the peer made a new connection */
	RDSZC_REASON_WAKEUP,		/* a wake-up connection has done its work */
	RDSZC_REASON_CONNECT,		/* it could not be connected */
	RDSZC_REASON_SYSCTL,		/* buffer sizes were written */
	RDSZC_REASON_ADDRESS,		/* our address is gone */
	RDSZC_REASON_OTHER,		/* one that this header does not know */
	RDSZC_REASON_LANE,		/* the peer takes one connection only */
	RDSZC_REASON_IDLE,		/* nothing came or went for idle_ms */
};

/* Who speaks at the other end. */
enum rdszc_peer_kind {
	RDSZC_PEER_UNKNOWN,		/* not connected, or it has not told yet */
	RDSZC_PEER_OTHER,		/* not rds_zc: in-tree RDS */
	RDSZC_PEER_RDS_ZC,
};

enum rdszc_socket_flag {
	RDSZC_SOCKFLAG_BOUND		= 1 << 0,
	RDSZC_SOCKFLAG_CONNECTED		= 1 << 1,
	RDSZC_SOCKFLAG_CONGESTED		= 1 << 2,
	RDSZC_SOCKFLAG_RECVERR		= 1 << 3,
	RDSZC_SOCKFLAG_CONG_MONITOR	= 1 << 4,
	RDSZC_SOCKFLAG_ZEROCOPY		= 1 << 5,
	RDSZC_SOCKFLAG_PEER_ERROR	= 1 << 6,
	RDSZC_SOCKFLAG_AF_RDS		= 1 << 7,
};

enum rdszc_queue {
	RDSZC_QUEUE_SEND,		/* not yet handed to TCP */
	RDSZC_QUEUE_UNACKED,		/* handed over, not acknowledged */
	RDSZC_QUEUE_RECEIVE,		/* waits to be read */
};

enum rdszc_payload {
	RDSZC_PAYLOAD_NONE,		/* empty */
	RDSZC_PAYLOAD_COPIED,		/* kernel memory */
	RDSZC_PAYLOAD_PINNED,		/* the sender's pages */
	RDSZC_PAYLOAD_LENT,		/* pages lent by io_uring */
	RDSZC_PAYLOAD_NETWORK,		/* buffers of the network stack */
};

enum rdszc_map_owner {
	RDSZC_MAP_LOCAL,		/* one of our ports */
	RDSZC_MAP_PEER,			/* a port of a peer, as it told us */
};

enum rdszc_info_attr {
	RDSZC_A_INFO_PAD = 1,
	RDSZC_A_INFO_VERSION,
	RDSZC_A_INFO_FEATURES,
	RDSZC_A_INFO_FAMILY,
	RDSZC_A_INFO_INCARNATION,
	RDSZC_A_INFO_TCP_PORT,
	RDSZC_A_INFO_LISTENING,
	RDSZC_A_INFO_SOCKETS,
	RDSZC_A_INFO_CONNS,
	RDSZC_A_INFO_PINNED,
	RDSZC_A_INFO_RCV_MEM,
	RDSZC_A_INFO_RCV_MEM_MAX,
	RDSZC_A_INFO_RCV_PAUSED,
	RDSZC_A_INFO_HISTOGRAMS,

	__RDSZC_A_INFO_MAX,
	RDSZC_A_INFO_MAX = __RDSZC_A_INFO_MAX - 1
};

enum rdszc_socket_attr {
	RDSZC_A_SOCKET_PAD = 1,
	RDSZC_A_SOCKET_ID,
	RDSZC_A_SOCKET_INODE,
	RDSZC_A_SOCKET_UID,
	RDSZC_A_SOCKET_LOCAL_ADDR,
	RDSZC_A_SOCKET_LOCAL_PORT,
	RDSZC_A_SOCKET_PEER_ADDR,
	RDSZC_A_SOCKET_PEER_PORT,
	RDSZC_A_SOCKET_SCOPE,
	RDSZC_A_SOCKET_TRANSPORT,
	RDSZC_A_SOCKET_FLAGS,
	RDSZC_A_SOCKET_SND_BYTES,
	RDSZC_A_SOCKET_SND_MSGS,
	RDSZC_A_SOCKET_SND_BUF,
	RDSZC_A_SOCKET_RCV_BYTES,
	RDSZC_A_SOCKET_RCV_MSGS,
	RDSZC_A_SOCKET_RCV_MEM,
	RDSZC_A_SOCKET_RCV_BUF,
	RDSZC_A_SOCKET_COOKIES_PENDING,
	RDSZC_A_SOCKET_COOKIES_READY,
	RDSZC_A_SOCKET_COOKIES_COPIED,
	RDSZC_A_SOCKET_COMPLETION_MODE,
	RDSZC_A_SOCKET_ZC_THRESHOLD,

	__RDSZC_A_SOCKET_MAX,
	RDSZC_A_SOCKET_MAX = __RDSZC_A_SOCKET_MAX - 1
};

/* Of conn-get (all lanes together), path-get (one lane) and path-event. */
enum rdszc_path_attr {
	RDSZC_A_PATH_PAD = 1,
	RDSZC_A_PATH_LOCAL_ADDR,
	RDSZC_A_PATH_PEER_ADDR,
	RDSZC_A_PATH_SCOPE,
	RDSZC_A_PATH_TRANSPORT,
	RDSZC_A_PATH_LANE,
	RDSZC_A_PATH_LANES,
	RDSZC_A_PATH_LANES_UP,
	RDSZC_A_PATH_STATE,
	RDSZC_A_PATH_OLD_STATE,
	RDSZC_A_PATH_REASON,
	RDSZC_A_PATH_ERROR,
	RDSZC_A_PATH_RECONNECTS,
	RDSZC_A_PATH_SINCE_MS,
	RDSZC_A_PATH_QUEUED_MSGS,
	RDSZC_A_PATH_QUEUED_BYTES,
	RDSZC_A_PATH_UNACKED_MSGS,
	RDSZC_A_PATH_UNACKED_BYTES,
	RDSZC_A_PATH_PINNED_BYTES,
	RDSZC_A_PATH_NEXT_TX_SEQ,
	RDSZC_A_PATH_NEXT_RX_SEQ,
	RDSZC_A_PATH_PEER_INCARNATION,
	RDSZC_A_PATH_BACKOFF_MS,
	RDSZC_A_PATH_LOCAL_CONGESTED,
	RDSZC_A_PATH_PEER_CONGESTED,
	RDSZC_A_PATH_PEER_KIND,

	__RDSZC_A_PATH_MAX,
	RDSZC_A_PATH_MAX = __RDSZC_A_PATH_MAX - 1
};

enum rdszc_message_attr {
	RDSZC_A_MESSAGE_PAD = 1,
	RDSZC_A_MESSAGE_SOCKET_ID,
	RDSZC_A_MESSAGE_QUEUE,
	RDSZC_A_MESSAGE_LOCAL_ADDR,
	RDSZC_A_MESSAGE_LOCAL_PORT,
	RDSZC_A_MESSAGE_PEER_ADDR,
	RDSZC_A_MESSAGE_PEER_PORT,
	RDSZC_A_MESSAGE_SCOPE,
	RDSZC_A_MESSAGE_LEN,
	RDSZC_A_MESSAGE_PAYLOAD,
	RDSZC_A_MESSAGE_RETRANSMITTED,
	RDSZC_A_MESSAGE_SEQ,

	__RDSZC_A_MESSAGE_MAX,
	RDSZC_A_MESSAGE_MAX = __RDSZC_A_MESSAGE_MAX - 1
};

enum rdszc_stat_attr {
	RDSZC_A_STAT_PAD = 1,
	RDSZC_A_STAT_NAME,
	RDSZC_A_STAT_VALUE,
	RDSZC_A_STAT_MEANING,
	RDSZC_A_STAT_EXPLAIN,

	__RDSZC_A_STAT_MAX,
	RDSZC_A_STAT_MAX = __RDSZC_A_STAT_MAX - 1
};

enum rdszc_hist_attr {
	RDSZC_A_HIST_PAD = 1,
	RDSZC_A_HIST_NAME,
	RDSZC_A_HIST_MEANING,
	RDSZC_A_HIST_COUNT,
	RDSZC_A_HIST_SUM,
	RDSZC_A_HIST_COUNTS,

	__RDSZC_A_HIST_MAX,
	RDSZC_A_HIST_MAX = __RDSZC_A_HIST_MAX - 1
};

enum rdszc_congestion_attr {
	RDSZC_A_CONGESTION_PAD = 1,
	RDSZC_A_CONGESTION_OWNER,
	RDSZC_A_CONGESTION_ADDR,
	RDSZC_A_CONGESTION_PORT,
	RDSZC_A_CONGESTION_CONGESTED,
	RDSZC_A_CONGESTION_TOTAL,

	__RDSZC_A_CONGESTION_MAX,
	RDSZC_A_CONGESTION_MAX = __RDSZC_A_CONGESTION_MAX - 1
};

#endif /* _UAPI_LINUX_RDS_ZC_NETLINK_H */

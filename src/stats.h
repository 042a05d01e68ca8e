/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stats.h - every counter of the module, in one list.
 *
 * The list makes the enum, the names in /proc/net/rds_zc/stats and in RDS_INFO_COUNTERS, and the
 * table in the manual. Counters are kept per namespace and per CPU and never go back.
 * RDSZ_STATS_RDS are the names that tools know from in-tree RDS, in its order; those that a
 * TCP-only stack never moves stay 0. RDSZ_STATS_OWN are ours.
 */
#ifndef RDSZ_STATS_H
#define RDSZ_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

#define RDSZ_STATS_RDS(X) \
	X(conn_reset,			"connections that were UP and went down") \
	X(recv_drop_bad_checksum,	"RDMA only") \
	X(recv_drop_old_seq,		"retransmitted messages that had arrived before") \
	X(recv_drop_no_sock,		"messages for a port that no socket is bound to") \
	X(recv_drop_dead_sock,		"messages for a socket that is being closed") \
	X(recv_deliver_raced,		"unused: a message is taken before it is copied") \
	X(recv_delivered,		"messages handed to recvmsg callers") \
	X(recv_queued,			"messages put into a socket's receive queue") \
	X(recv_immediate_retry,		"unused") \
	X(recv_delayed_retry,		"receive passes that were put off for want of memory") \
	X(recv_ack_required,		"RDMA only") \
	X(recv_rdma_bytes,		"RDMA only") \
	X(recv_ping,			"pings answered") \
	X(send_queue_empty,		"transmit runs that found nothing to send") \
	X(send_queue_full,		"sends that met a full send buffer") \
	X(send_lock_contention,		"transmit runs left to the one that was running") \
	X(send_lock_queue_raced,	"transmit runs repeated for work that came meanwhile") \
	X(send_immediate_retry,		"unused") \
	X(send_delayed_retry,		"transmit runs put off for want of memory") \
	X(send_drop_acked,		"RDMA only") \
	X(send_ack_required,		"unused") \
	X(send_queued,			"messages queued for sending") \
	X(send_rdma,			"RDMA only") \
	X(send_rdma_bytes,		"RDMA only") \
	X(send_pong,			"pongs queued") \
	X(page_remainder_hit,		"unused") \
	X(page_remainder_miss,		"unused") \
	X(copy_to_user,			"payload bytes copied to readers") \
	X(copy_from_user,		"payload bytes copied from senders") \
	X(cong_update_queued,		"congestion map updates queued") \
	X(cong_update_received,		"congestion map updates received") \
	X(cong_send_error,		"sends refused with ENOBUFS: destination congested") \
	X(cong_send_blocked,		"sends that waited for a congested destination") \
	X(recv_bytes_added_to_sock,	"payload bytes put into receive queues") \
	X(recv_bytes_freed_fromsock,	"payload bytes taken from receive queues") \
	X(send_stuck_rm,		"unused") \
	X(mprds_catchup_tx0_retries,	"unused") \
	X(tcp_data_ready_calls,		"calls from TCP: data has arrived") \
	X(tcp_write_space_calls,	"calls from TCP: data was acknowledged") \
	X(tcp_sndbuf_full,		"sends into TCP that filled its buffer") \
	X(tcp_connect_raced, \
	  "connections of the peer that met one of ours in progress") \
	X(tcp_listen_closed_stale,	"unused")

#define RDSZ_STATS_OWN(X) \
	X(send_refused_flags,		"EOPNOTSUPP: a flag that RDS does not take") \
	X(send_refused_addr,		"EINVAL, EOPNOTSUPP: no valid destination") \
	X(send_refused_notconn,		"ENOTCONN: socket not bound, or no destination") \
	X(send_refused_size,		"EMSGSIZE: over 1 MiB or over the send buffer") \
	X(send_refused_cmsg,		"EINVAL, EOPNOTSUPP: control message") \
	X(send_refused_zcopy, \
	  "EINVAL: MSG_ZEROCOPY, SO_ZEROCOPY and cookie do not match") \
	X(send_refused_completions,	"EAGAIN: max_completions reached") \
	X(send_refused_full,		"EAGAIN, ETIMEDOUT: send buffer full") \
	X(send_refused_fault,		"EFAULT: payload not readable") \
	X(send_refused_memlock,		"ENOMEM: RLIMIT_MEMLOCK") \
	X(send_refused_nomem,		"ENOMEM: no memory") \
	X(send_gathered,		"small messages of a burst that waited for others") \
	X(send_gather_timer,		"times such messages went because gather_us was over") \
	X(zc_sent,			"messages sent from pinned user pages") \
	X(zc_copied_threshold,		"zerocopy sends copied: under the threshold") \
	X(zc_copied_adaptive, \
	  "zerocopy sends copied: the path's completions say it copies") \
	X(zc_copied_converted, \
	  "pinned payloads copied after pin_hold_ms without progress") \
	X(zc_convert_failed,		"conversions put off for want of memory") \
	X(zc_completed,			"cookies given back") \
	X(zc_completed_copied,		"cookies given back as copied") \
	X(zc_cmsg_no_room, \
	  "recvmsg calls whose control buffer had no room for waiting cookies") \
	X(sock_wakeups,			"times somebody was woken who waited on a socket") \
	X(zc_passes,			"transmit passes that lent user pages to TCP") \
	X(zc_pass_waits,		"passes that waited for an earlier completion of TCP") \
	X(zc_pass_refused,		"passes copied because TCP refused zerocopy") \
	X(tcp_send_calls,		"calls into TCP to send") \
	X(tcp_unsent_waits,		"passes put off: TCP had much left to send") \
	X(tcp_connects,			"connections we dialled") \
	X(tcp_accepts,			"connections accepted") \
	X(tcp_wakeups_sent,		"wake-up connections we made") \
	X(tcp_wakeups_received,		"wake-up connections answered by a connection of ours") \
	X(tcp_wakeups_vain, \
	  "wake-ups of unknown peers that no frame followed within pending_ms") \
	X(tcp_replaced,			"connections replaced by a newer one of the same peer") \
	X(conn_up,			"connections that came up") \
	X(conn_refused_local,		"inbound connections refused: the peer's address is ours") \
	X(conn_refused_from, \
	  "inbound connections refused: the peer's address is not in accept_from") \
	X(conn_refused_unbound, \
	  "inbound connections refused: no socket is bound to our address") \
	X(conn_refused_backoff, \
	  "inbound connections refused: the peer sent a malformed header just before") \
	X(conn_refused_peer_limit, \
	  "inbound connections closed: pending_per_peer, the oldest goes") \
	X(conn_refused_limit, \
	  "inbound connections closed: pending_max, the oldest goes") \
	X(conn_refused_silent,		"inbound connections closed: no frame within pending_ms") \
	X(conn_refused_closed,		"inbound connections that the peer ended before a frame") \
	X(conn_delayed_accept, \
	  "inbound connections accepted later: no memory for a socket") \
	X(conn_refused_memory,		"inbound connections refused: no memory") \
	X(conn_drop_peer, \
	  "connections down: the peer closed or reset it, or TCP gave up") \
	X(conn_drop_send,		"connections down: a send into TCP failed") \
	X(conn_drop_protocol,		"connections down: malformed header") \
	X(conn_drop_stalled,		"connections down: nothing acknowledged for stall_ms") \
	X(conn_drop_idle,		"connections closed: nothing came or went for idle_ms") \
	X(conn_reaped, \
	  "conns let go: idle and down for idle_ms, or of hosts that never sent a frame") \
	X(conn_remembered,		"conns made anew whose peer is remembered") \
	X(conn_forgotten, \
	  "conns let go that are not remembered: too many, or no memory") \
	X(lane_moved,			"groups of socket pairs that went to a lane of their own") \
	X(lane_held,			"messages held while their group changed lanes") \
	X(lane_given_up,		"connections down: the peer takes one only") \
	X(tcp_no_port,			"connects put off: no local port was free for the lane") \
	X(peer_restarts,		"handshakes of a peer that has been restarted") \
	X(handshake_unanswered, \
	  "connections whose peer told nothing of itself: taken for in-tree") \
	X(conn_drop_sysctl,		"connections down: tcp_sndbuf or tcp_rcvbuf was written") \
	X(conn_drop_address,		"connections down: our address was removed") \
	X(recv_drop_bad_len,		"headers with a length over 1 MiB") \
	X(recv_drop_bad_map,		"map updates of a wrong size") \
	X(recv_drop_bad_ack,		"headers that acknowledge what was never sent") \
	X(recv_drop_ping,		"pings not answered: too many waiting, or no memory") \
	X(recv_drop_ping_rate,		"pings not answered: more than ping_rate in a second") \
	X(recv_paused,			"times reading stopped at rcv_mem_max") \
	X(recv_later,			"times TCP had more frames than are read at a time") \
	X(recv_cgroup_full, \
	  "times a port was congested because the memory cgroup of its socket is full") \
	X(ack_sent, \
	  "acknowledgements of deliveries sent in a frame of their own") \
	X(ack_received, \
	  "acknowledgements of deliveries received in a frame of their own") \
	X(msg_retained, \
	  "messages kept because TCP, but not the peer, acknowledged them") \
	X(msg_retained_done,		"such messages kept no longer") \
	X(retain_full, \
	  "times transmission stopped because too much was retained") \
	X(recv_part_late,		"parts of messages that were read before they were whole") \
	X(recv_read_ahead,		"messages that a sleeping reader began to copy early") \
	X(recv_copied_small,		"received pieces copied out of badly filled buffers") \
	X(peer_errors,			"unreachable peers told to sockets with RDSZC_PEER_ERROR") \
	X(peer_errors_lost,		"the same not told: no memory, or SO_RCVBUF full of them") \
	X(cong_notify_no_room,		"congestion notifications kept: no control buffer")

enum rdsz_stat {
#define RDSZ_STAT_ENUM(name, meaning) RDSZ_STAT_##name,
	RDSZ_STATS_RDS(RDSZ_STAT_ENUM)
	RDSZ_STATS_OWN(RDSZ_STAT_ENUM)
#undef RDSZ_STAT_ENUM
	RDSZ_STAT_MAX
};

struct rdsz_stats {
	u64 v[RDSZ_STAT_MAX];
};

const char *rdsz_stat_name(enum rdsz_stat stat);
const char *rdsz_stat_meaning(enum rdsz_stat stat);

#endif /* RDSZ_STATS_H */

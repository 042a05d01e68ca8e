/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tcp.h - what the files of the TCP transport (tcp*.c) share.
 */
#ifndef RDSZ_TCP_H
#define RDSZ_TCP_H

#include "rdsz.h"
#include "tcp_zc.h"

/**
 * struct rdsz_tcp - one TCP connection of a path
 * @path: whom it serves; the path's conn is held
 * @sock: the kernel socket; sk_user_data points back here while the callbacks are ours
 * @zs: zerocopy state of the socket
 * @data_ready, @state_change, @write_space: the socket's own callbacks
 * @hdr: header being received
 * @hdr_got: bytes of it
 * @hdr_time: when its first byte was seen, see RDSZ_RX_HEADER
 * @inc: message being received, once its header is complete
 * @inc_got: payload bytes of it
 * @part: how much of a large message is to come together before it is read; NULL before the first
 *	one, see tcp_part.c
 * @last_sent_nxt: TCP sequence at the start of the last message handed to TCP, under the path lock
 * @last_expected_una: just past its end, under the path lock
 * @last_seen_una: last acknowledgement looked at
 * @failed: the stream cannot be read on; nothing more is taken from it
 *
 * The receive fields belong to whoever holds the lock of the TCP socket.
 */
struct rdsz_tcp {
	struct rdsz_path	*path;
	struct socket		*sock;
	struct rdsz_zc_sock	*zs;
	void			(*data_ready)(struct sock *sk);
	void			(*state_change)(struct sock *sk);
	void			(*write_space)(struct sock *sk);

	struct rdsz_hdr		hdr;
	u64			hdr_time;
	struct rdsz_incoming	*inc;
	struct rdsz_part	*part;
	u32			hdr_got;
	u32			inc_got;
	u32			last_sent_nxt;
	u32			last_expected_una;
	u32			last_seen_una;
	bool			failed;
};

/* Payload bytes still to come of the message being received; a snapshot, for any context. */
static inline u32 rdsz_tcp_data_left(const struct rdsz_tcp *tcp)
{
	u32 len = be32_to_cpu(READ_ONCE(tcp->hdr.len)), got = READ_ONCE(tcp->inc_got);

	return READ_ONCE(tcp->hdr_got) < RDSZ_HDR_LEN || got > len ? 0 : len - got;
}

/* tcp_send.c */
int rdsz_tcp_xmit(struct rdsz_path *path);
void rdsz_tcp_write_space(struct sock *sk);
void rdsz_tcp_zc_wake(void *arg);
void rdsz_tcp_abort_pass(struct rdsz_path *path);

/* tcp_recv.c */
void rdsz_tcp_data_ready(struct sock *sk);
void rdsz_tcp_receive(struct rdsz_path *path);
bool rdsz_tcp_header_ok(struct rdsz_net *rn, const struct rdsz_hdr *hdr);

/* tcp_part.c */
void rdsz_part_begin(struct rdsz_tcp *tcp, u32 len);
void rdsz_part_end(struct rdsz_tcp *tcp, const struct rdsz_incoming *inc);
bool rdsz_part_is_there(struct rdsz_tcp *tcp, struct sock *sk);
void rdsz_part_reads(struct rdsz_tcp *tcp, struct sock *sk);
void rdsz_part_stop(struct rdsz_tcp *tcp);
void rdsz_part_free(struct rdsz_tcp *tcp);

/* The connection of a socket whose callback runs; call under sk_callback_lock. NULL: detached. */
static inline struct rdsz_tcp *rdsz_tcp_of(const struct sock *sk)
{
	return sk->sk_user_data;
}

/* tcp_gate.c */
void rdsz_gate_install(struct sock *sk);
void rdsz_gate_remove(struct sock *sk);

/* tcp_pending.c */
void rdsz_pending_accept(struct rdsz_net *rn, const struct rdsz_conn_key *key, struct socket *sock);

#endif /* RDSZ_TCP_H */

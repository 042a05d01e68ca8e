/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wire.h - the RDS frame as it travels over TCP: header, flags, extension headers.
 *
 * Source of every number: the protocol as in-tree rds-tcp speaks it, described in docs/protocol.md.
 * Everything here is pure (no locks, no allocation), so that tests/unit builds it in userspace.
 */
#ifndef RDSZ_WIRE_H
#define RDSZ_WIRE_H

#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/in.h>
#else
#include <netinet/in.h>
#include <stdbool.h>
#endif

#define RDSZ_TCP_PORT		16385		/* default of net.rds_zc.tcp_port */
#define RDSZ_MAX_PAYLOAD	(1U << 20)	/* bytes; the largest h_len we send or take */
#define RDSZ_HDR_LEN		48		/* bytes */
#define RDSZ_EXT_LEN		16		/* bytes of extension space, the header's end */

/* RDS ports with a meaning of their own (host order); neither can be bound. */
#define RDSZ_PORT_PING		0
#define RDSZ_PORT_PROBE		1

/* h_flags. A map update carries exactly RDSZ_FLAG_MAP: in-tree peers compare the whole byte. */
#define RDSZ_FLAG_MAP		0x01
#define RDSZ_FLAG_RETRANSMITTED	0x04

/* A congestion map: one bit for each port, port p is bit (p & 7) of byte (p >> 3). */
#define RDSZ_MAP_BYTES		8192

struct rdsz_hdr {
	__be64	seq;		/* per path, 0 in map updates */
	__be64	ack;		/* highest seq delivered; 0 towards others than ours */
	__be32	len;		/* payload bytes behind the header */
	__be16	sport;
	__be16	dport;
	__u8	flags;
	__u8	credit;		/* sent as 0 */
	__u8	padding[4];	/* sent as 0 */
	__be16	csum;		/* sent as 0, which means "not computed" */
	__u8	ext[RDSZ_EXT_LEN];
};

/* Extension headers: [type][data of a length that the type implies]..., type 0 ends the list. */
#define RDSZ_EXT_NONE		0
#define RDSZ_EXT_NPATHS		5	/* be16: paths the sender supports */
#define RDSZ_EXT_GEN_NUM	6	/* be32: incarnation of the sender, 0 = ignore */
#define RDSZ_EXT_SPORT_IDX	8	/* one dummy byte; presence: source port low bits = lane */
#define RDSZ_EXT_STOP		16	/* from here on in-tree parsers stop reading, silently */
#define RDSZ_EXT_OURS		0x40	/* u8 version, be32 capabilities; rds_zc's, the last */

#define RDSZ_OURS_VERSION	1

/* Capabilities, valid for the TCP connection they were announced on. */
#define RDSZ_CAP_DELIVERY_ACK	(1U << 0)	/* h_ack says what has been delivered */
#define RDSZ_CAPS_OURS		RDSZ_CAP_DELIVERY_ACK	/* what we announce */

#define RDSZ_MAX_LANES		8	/* TCP connections of an address pair; a power of two */

/**
 * struct rdsz_handshake - what a handshake ping or pong, or a map of ours, told about its sender
 * @gen_num: incarnation number, 0 if absent
 * @npaths: paths supported, 0 if absent
 * @sport_idx: the peer encodes the lane in its source ports
 * @version: of the private extension, 0 if absent: the peer is not ours
 * @caps: RDSZ_CAP_* bits, unknown ones included
 */
struct rdsz_handshake {
	__u32	gen_num;
	__u16	npaths;
	bool	sport_idx;
	__u8	version;
	__u32	caps;
};

static inline bool rdsz_hdr_is_ping(const struct rdsz_hdr *hdr)
{
	return hdr->dport == htons(RDSZ_PORT_PING);
}

/* A ping from the probe port, or the answer to one. */
static inline bool rdsz_hdr_is_handshake(const struct rdsz_hdr *hdr)
{
	return (hdr->sport == htons(RDSZ_PORT_PROBE) && rdsz_hdr_is_ping(hdr)) ||
		(hdr->sport == htons(RDSZ_PORT_PING) &&
		 hdr->dport == htons(RDSZ_PORT_PROBE));
}

void rdsz_hdr_init(struct rdsz_hdr *hdr, __u64 seq, __u32 len, __be16 sport, __be16 dport);
int rdsz_ext_put_handshake(struct rdsz_hdr *hdr, const struct rdsz_handshake *hs);
void rdsz_ext_get_handshake(const struct rdsz_hdr *hdr, struct rdsz_handshake *hs);

/* True if TCP has acknowledged everything before @end (32-bit sequence space, end exclusive). */
static inline bool rdsz_tcp_seq_acked(__u32 end, __u32 snd_una)
{
	return (__s32)(snd_una - end) >= 0;
}

/* The duplicate rule: only a frame marked as retransmitted can be a duplicate. */
static inline bool rdsz_seq_is_duplicate(__u64 seq, __u64 next_expected, __u8 flags)
{
	return seq < next_expected && (flags & RDSZ_FLAG_RETRANSMITTED);
}

#endif /* RDSZ_WIRE_H */

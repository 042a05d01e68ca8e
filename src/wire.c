// SPDX-License-Identifier: GPL-2.0
/*
 * wire.c - codes and decodes the RDS header and its extension space.
 */
#include "wire.h"

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#else
#include "wire_user.h"
#endif

static_assert(sizeof(struct rdsz_hdr) == RDSZ_HDR_LEN, "the header is 48 bytes without holes");

void rdsz_hdr_init(struct rdsz_hdr *hdr, __u64 seq, __u32 len, __be16 sport, __be16 dport)
{
	memset(hdr, 0, sizeof(*hdr));
	hdr->seq = cpu_to_be64(seq);
	hdr->len = cpu_to_be32(len);
	hdr->sport = sport;
	hdr->dport = dport;
}

/*
 * Bytes of data behind a type. Unknown types below RDSZ_EXT_STOP have none, as in-tree reads them.
 */
static int rdsz_ext_data_len(__u8 type)
{
	switch (type) {
	case 1:				/* version */
	case 2:				/* RDMA key */
	case RDSZ_EXT_GEN_NUM:
		return 4;
	case 3:				/* RDMA destination */
	case 4:				/* RDMA byte count */
		return 8;
	case RDSZ_EXT_NPATHS:
		return 2;
	case RDSZ_EXT_SPORT_IDX:
		return 1;
	case RDSZ_EXT_OURS:
		return 5;
	default:
		return 0;
	}
}

static int rdsz_ext_put(__u8 *ext, int at, __u8 type, __u64 value)
{
	int len = rdsz_ext_data_len(type);
	int i;

	if (at < 0 || at + 1 + len > RDSZ_EXT_LEN)
		return -1;
	ext[at] = type;
	for (i = 0; i < len; i++)
		ext[at + 1 + i] = value >> (8 * (len - 1 - i));
	return at + 1 + len;
}

static __u64 rdsz_ext_value(const __u8 *data, int len)
{
	__u64 value = 0;

	while (len--)
		value = value << 8 | *data++;
	return value;
}

/**
 * rdsz_ext_put_handshake() - write what we announce into a handshake ping or pong, or a map
 * @hdr: header whose extension space is still empty
 * @hs: what to announce; absent members (0, false) are left out
 *
 * Return: bytes used, or -1 if it does not fit.
 */
int rdsz_ext_put_handshake(struct rdsz_hdr *hdr, const struct rdsz_handshake *hs)
{
	int at = 0;

	if (hs->npaths)
		at = rdsz_ext_put(hdr->ext, at, RDSZ_EXT_NPATHS, hs->npaths);
	if (hs->gen_num)
		at = rdsz_ext_put(hdr->ext, at, RDSZ_EXT_GEN_NUM, hs->gen_num);
	if (hs->sport_idx)
		at = rdsz_ext_put(hdr->ext, at, RDSZ_EXT_SPORT_IDX, 0);
	if (hs->version)
		at = rdsz_ext_put(hdr->ext, at, RDSZ_EXT_OURS,
				  (__u64)hs->version << 32 | hs->caps);
	return at;
}

static bool rdsz_ext_goes_on(__u8 type)
{
	return type == RDSZ_EXT_OURS || (type != RDSZ_EXT_NONE && type < RDSZ_EXT_STOP);
}

/* Version 0 is none, and has no capabilities. */
static void rdsz_ext_get_ours(const __u8 *data, struct rdsz_handshake *hs)
{
	hs->version = data[0];
	hs->caps = data[0] ? rdsz_ext_value(data + 1, 4) : 0;
}

/**
 * rdsz_ext_get_handshake() - read what a peer announced
 * @hdr: any header, its extension space is hostile input
 * @hs: filled; what is absent becomes 0 or false
 *
 * Data that would pass the end of the extension space ends the list, and so does a type that
 * in-tree parsers stop at, except for ours, which is the last one even so.
 */
void rdsz_ext_get_handshake(const struct rdsz_hdr *hdr, struct rdsz_handshake *hs)
{
	const __u8 *ext = hdr->ext;
	int at = 0;

	memset(hs, 0, sizeof(*hs));
	while (at < RDSZ_EXT_LEN && rdsz_ext_goes_on(ext[at])) {
		const __u8 *data = ext + at + 1;
		__u8 type = ext[at];
		int len = rdsz_ext_data_len(type);

		if (at + 1 + len > RDSZ_EXT_LEN)
			return;
		if (type == RDSZ_EXT_NPATHS)
			hs->npaths = rdsz_ext_value(data, len);
		else if (type == RDSZ_EXT_GEN_NUM)
			hs->gen_num = rdsz_ext_value(data, len);
		else if (type == RDSZ_EXT_SPORT_IDX)
			hs->sport_idx = true;
		if (type == RDSZ_EXT_OURS) {
			rdsz_ext_get_ours(data, hs);
			return;
		}
		at += 1 + len;
	}
}

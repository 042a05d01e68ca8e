// SPDX-License-Identifier: GPL-2.0
/* Header and extension coding, byte by byte, and the two comparisons of sequence numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"
#include "wire_user.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Exactly as large as a header, so that the sanitizer sees a step beside it. */
static struct rdsz_hdr *header_with(const uint8_t *ext, size_t length)
{
	struct rdsz_hdr *hdr = malloc(sizeof(*hdr));

	assert_non_null(hdr);
	memset(hdr, 0, sizeof(*hdr));
	memcpy(hdr->ext, ext, length);
	return hdr;
}

static struct rdsz_handshake read_ext(const uint8_t *ext, size_t length)
{
	struct rdsz_hdr *hdr = header_with(ext, length);
	struct rdsz_handshake hs;

	memset(&hs, 0xff, sizeof(hs));
	rdsz_ext_get_handshake(hdr, &hs);
	free(hdr);
	return hs;
}

#define READ_EXT(...) \
	read_ext((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void assert_handshake(struct rdsz_handshake hs, uint16_t npaths, uint32_t gen_num,
			     bool sport_idx)
{
	assert_int_equal(hs.npaths, npaths);
	assert_int_equal(hs.gen_num, gen_num);
	assert_int_equal(hs.sport_idx, sport_idx);
}

static void rdsz_hdr__places_of_all_fields(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct rdsz_hdr), 48);
	assert_int_equal(offsetof(struct rdsz_hdr, seq), 0);
	assert_int_equal(offsetof(struct rdsz_hdr, ack), 8);
	assert_int_equal(offsetof(struct rdsz_hdr, len), 16);
	assert_int_equal(offsetof(struct rdsz_hdr, sport), 20);
	assert_int_equal(offsetof(struct rdsz_hdr, dport), 22);
	assert_int_equal(offsetof(struct rdsz_hdr, flags), 24);
	assert_int_equal(offsetof(struct rdsz_hdr, credit), 25);
	assert_int_equal(offsetof(struct rdsz_hdr, padding), 26);
	assert_int_equal(offsetof(struct rdsz_hdr, csum), 30);
	assert_int_equal(offsetof(struct rdsz_hdr, ext), 32);
}

static void rdsz_hdr_init__writes_big_endian_and_zeroes(void **state)
{
	static const uint8_t want[48] = {
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,	/* sequence */
		0, 0, 0, 0, 0, 0, 0, 0,				/* ack */
		0x00, 0x10, 0x00, 0x00,				/* length: 1 MiB */
		0x12, 0x34, 0xab, 0xcd,				/* ports */
	};
	struct rdsz_hdr hdr;

	(void)state;
	memset(&hdr, 0xff, sizeof(hdr));
	rdsz_hdr_init(&hdr, 0x0102030405060708, 1 << 20, htons(0x1234), htons(0xabcd));
	assert_memory_equal(&hdr, want, sizeof(want));
}

static void rdsz_hdr_init__extreme_values(void **state)
{
	static const uint8_t ones[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t zero[48];
	struct rdsz_hdr hdr;

	(void)state;
	rdsz_hdr_init(&hdr, UINT64_MAX, UINT32_MAX, 0xffff, 0xffff);
	assert_memory_equal(&hdr.seq, ones, 8);
	assert_memory_equal(&hdr.len, ones, 8);
	assert_memory_equal(&hdr.ack, zero, 8);
	assert_memory_equal(&hdr.flags, zero, 24);
	rdsz_hdr_init(&hdr, 0, 0, 0, 0);
	assert_memory_equal(&hdr, zero, sizeof(zero));
}

/* What a 7.x in-tree peer sends: its three extensions, in its order. */
static void rdsz_ext_put_handshake__all_three(void **state)
{
	static const uint8_t want[16] = { 5, 0, 8, 6, 0xde, 0xad, 0xbe, 0xef, 8, 0 };
	struct rdsz_handshake hs = { .npaths = 8, .gen_num = 0xdeadbeef, .sport_idx = true };
	struct rdsz_hdr hdr;

	(void)state;
	rdsz_hdr_init(&hdr, 0, 0, 0, 0);
	assert_int_equal(rdsz_ext_put_handshake(&hdr, &hs), 10);
	assert_memory_equal(hdr.ext, want, sizeof(want));
}

static void rdsz_ext_put_handshake__what_is_absent_takes_no_room(void **state)
{
	static const struct {
		struct rdsz_handshake hs;
		int used;
		uint8_t ext[16];
	} rows[] = {
		{ { 0, 0, false, 0, 0 }, 0, { 0 } },
		{ { 0, 1, false, 0, 0 }, 3, { 5, 0, 1 } },
		{ { 0, 0xabcd, false, 0, 0 }, 3, { 5, 0xab, 0xcd } },
		{ { 1, 0, false, 0, 0 }, 5, { 6, 0, 0, 0, 1 } },
		{ { 0, 0, true, 0, 0 }, 2, { 8, 0 } },
		{ { 0x01020304, 1, false, 0, 0 }, 8, { 5, 0, 1, 6, 1, 2, 3, 4 } },
		{ { 0x01020304, 0, true, 0, 0 }, 7, { 6, 1, 2, 3, 4, 8, 0 } },
	};
	struct rdsz_hdr hdr;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		rdsz_hdr_init(&hdr, 0, 0, 0, 0);
		assert_int_equal(rdsz_ext_put_handshake(&hdr, &rows[i].hs), rows[i].used);
		assert_memory_equal(hdr.ext, rows[i].ext, 16);
	}
}

static void rdsz_ext_put_handshake__leaves_the_header_alone(void **state)
{
	struct rdsz_handshake hs = { .npaths = 8, .gen_num = 7, .sport_idx = true };
	struct rdsz_hdr hdr, before;

	(void)state;
	rdsz_hdr_init(&hdr, 99, 100, htons(1), htons(2));
	hdr.flags = RDSZ_FLAG_RETRANSMITTED;
	before = hdr;
	rdsz_ext_put_handshake(&hdr, &hs);
	assert_memory_equal(&hdr, &before, offsetof(struct rdsz_hdr, ext));
}

static void rdsz_ext_get_handshake__reads_what_was_written(void **state)
{
	static const uint32_t numbers[] = { 0, 1, 0x80, 0xff00, 0x80000000, UINT32_MAX };
	size_t i, j;
	int idx;

	(void)state;
	for (i = 0; i < COUNT(numbers); i++) {
		for (j = 0; j < COUNT(numbers); j++) {
			for (idx = 0; idx < 2; idx++) {
				struct rdsz_handshake hs = {
					.gen_num = numbers[i],
					.npaths = (uint16_t)numbers[j],
					.sport_idx = idx,
				};
				struct rdsz_hdr hdr;

				rdsz_hdr_init(&hdr, 0, 0, 0, 0);
				assert_true(rdsz_ext_put_handshake(&hdr, &hs) >= 0);
				assert_handshake(read_ext(hdr.ext, 16), (uint16_t)numbers[j],
						 numbers[i], idx);
			}
		}
	}
}

static void rdsz_ext_get_handshake__nothing_there(void **state)
{
	(void)state;
	assert_handshake(READ_EXT(0), 0, 0, false);
	/* A list that has ended is not taken up again. */
	assert_handshake(READ_EXT(0, 5, 0, 8, 6, 1, 2, 3, 4), 0, 0, false);
	assert_handshake(READ_EXT(5, 0, 8, 0, 6, 1, 2, 3, 4), 8, 0, false);
}

/* 5.10, 6.1 and 6.12 send NPATHS alone. */
static void rdsz_ext_get_handshake__old_peers(void **state)
{
	(void)state;
	assert_handshake(READ_EXT(5, 0, 8), 8, 0, false);
	assert_handshake(READ_EXT(5, 0, 1), 1, 0, false);
}

static void rdsz_ext_get_handshake__sixteen_bytes_without_an_end_mark(void **state)
{
	(void)state;
	assert_handshake(READ_EXT(7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 1, 2, 3, 4),
			 0, 0x01020304, false);
	assert_handshake(READ_EXT(7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 5, 0, 2), 2, 0, false);
	assert_handshake(READ_EXT(7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 0), 0, 0, true);
	assert_handshake(READ_EXT(7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7), 0, 0, false);
}

/* The last type's data would pass the end: it does not count, and what came before does. */
static void rdsz_ext_get_handshake__data_past_the_end(void **state)
{
	(void)state;
	assert_handshake(READ_EXT(5, 0, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 1, 2, 3), 3, 0, false);
	assert_handshake(READ_EXT(5, 0, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 5, 9), 3, 0, false);
	assert_handshake(READ_EXT(7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8), 0, 0, false);
	assert_handshake(READ_EXT(7, 7, 7, 7, 7, 7, 7, 7, 3, 5, 0, 8, 5, 0, 8, 5), 0, 0, false);
}

static void rdsz_ext_get_handshake__stops_at_sixteen_and_above(void **state)
{
	unsigned int type;

	(void)state;
	for (type = 16; type < 256; type++)
		assert_handshake(READ_EXT(5, 0, 8, (uint8_t)type, 6, 1, 2, 3, 4, 6, 1, 2, 3, 4),
				 8, 0, false);
}

static void assert_ours(struct rdsz_handshake hs, uint8_t version, uint32_t caps)
{
	assert_int_equal(hs.version, version);
	assert_int_equal(hs.caps, caps);
}

/* The whole of what we send fills the space to its last byte, ours behind what in-tree reads. */
static void rdsz_ext_put_handshake__ours_stands_last(void **state)
{
	static const uint8_t want[16] = { 5, 0, 8, 6, 0xde, 0xad, 0xbe, 0xef, 8, 0,
					  0x40, 1, 0x12, 0x34, 0x56, 0x78 };
	struct rdsz_handshake hs = { .npaths = 8, .gen_num = 0xdeadbeef, .sport_idx = true,
				     .version = RDSZ_OURS_VERSION, .caps = 0x12345678 };
	struct rdsz_hdr hdr;

	(void)state;
	assert_true(RDSZ_EXT_OURS >= 0x40);
	rdsz_hdr_init(&hdr, 0, 0, 0, 0);
	assert_int_equal(rdsz_ext_put_handshake(&hdr, &hs), 16);
	assert_memory_equal(hdr.ext, want, sizeof(want));
	hs = read_ext(hdr.ext, 16);
	assert_handshake(hs, 8, 0xdeadbeef, true);
	assert_ours(hs, 1, 0x12345678);
}

static void rdsz_ext_get_handshake__ours(void **state)
{
	(void)state;
	assert_ours(READ_EXT(0x40, 1, 0, 0, 0, 1), 1, RDSZ_CAP_DELIVERY_ACK);
	assert_ours(READ_EXT(0x40, 255, 255, 255, 255, 255), 255, UINT32_MAX);
	/* Version 0 is nobody's; a list ends behind ours, and data past the end is none. */
	assert_ours(READ_EXT(0x40, 0, 1, 2, 3, 4), 0, 0);
	assert_ours(READ_EXT(0x40, 1, 0, 0, 0, 1, 0x40, 2, 0, 0, 0, 2), 1, 1);
	assert_ours(READ_EXT(7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0x40, 1, 0, 0, 0), 0, 0);
	assert_ours(READ_EXT(0x41, 1, 0, 0, 0, 1), 0, 0);
	assert_ours(READ_EXT(5, 0, 8, 6, 1, 2, 3, 4, 8, 0), 0, 0);
}

/* A type without data takes one byte, and its "data" is read as types. */
static void rdsz_ext_get_handshake__unknown_types_below_sixteen(void **state)
{
	static const uint8_t types[] = { 7, 9, 10, 11, 12, 13, 14, 15 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(types); i++)
		assert_handshake(READ_EXT(types[i], 5, 0, 8), 8, 0, false);
}

/* The data of RDMA types looks like extensions, and is not. */
static void rdsz_ext_get_handshake__skips_data_of_known_types(void **state)
{
	(void)state;
	assert_handshake(READ_EXT(1, 5, 0, 9, 9, 5, 0, 1), 1, 0, false);
	assert_handshake(READ_EXT(2, 5, 0, 9, 9, 5, 0, 2), 2, 0, false);
	assert_handshake(READ_EXT(3, 5, 0, 9, 6, 6, 6, 6, 6, 5, 0, 3), 3, 0, false);
	assert_handshake(READ_EXT(4, 5, 0, 9, 6, 6, 6, 6, 6, 5, 0, 4), 4, 0, false);
}

static void rdsz_ext_get_handshake__last_of_two_counts(void **state)
{
	(void)state;
	assert_handshake(READ_EXT(5, 0, 1, 5, 0, 2), 2, 0, false);
	assert_handshake(READ_EXT(6, 0, 0, 0, 1, 6, 0, 0, 0, 2, 8, 5), 0, 2, true);
}

/* The rules of the protocol once more, in the slowest way that is hard to get wrong. */
static struct rdsz_handshake model(const uint8_t *ext)
{
	static const uint8_t data[16] = { [1] = 4, [2] = 4, [3] = 8, [4] = 8, [5] = 2, [6] = 4,
					  [8] = 1 };
	struct rdsz_handshake hs = { 0 };
	unsigned int at = 0;

	while (at < 16 && ext[at] >= 1 && ext[at] <= 15 && at + 1 + data[ext[at]] <= 16) {
		const uint8_t *d = ext + at + 1;

		switch (ext[at]) {
		case 5:
			hs.npaths = (uint16_t)(d[0] << 8 | d[1]);
			break;
		case 6:
			hs.gen_num = (uint32_t)d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
			break;
		case 8:
			hs.sport_idx = true;
			break;
		}
		at += 1U + data[ext[at]];
	}
	if (at + 6 <= 16 && ext[at] == 0x40 && ext[at + 1]) {
		hs.version = ext[at + 1];
		hs.caps = (uint32_t)ext[at + 2] << 24 | ext[at + 3] << 16 | ext[at + 4] << 8 |
			  ext[at + 5];
	}
	return hs;
}

static void rdsz_ext_get_handshake__hostile_spaces(void **state)
{
	unsigned int seed = 1, round, i;
	struct rdsz_handshake want, got;
	uint8_t ext[16];

	(void)state;
	for (round = 0; round < 200000; round++) {
		for (i = 0; i < 16; i++)
			ext[i] = (uint8_t)(rand_r(&seed) >> 3);
		/* Half of them with types that mean something. */
		for (i = 0; round % 2 && i < 16; i++)
			ext[i] = ext[i] % 18 == 17 ? 0x40 : ext[i] % 18;
		want = model(ext);
		got = read_ext(ext, 16);
		assert_handshake(got, want.npaths, want.gen_num, want.sport_idx);
		assert_ours(got, want.version, want.caps);
	}
}

static void rdsz_tcp_seq_acked__end_is_exclusive(void **state)
{
	static const uint32_t ends[] = {
		0, 1, 2, 1000, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff,
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ends); i++) {
		assert_true(rdsz_tcp_seq_acked(ends[i], ends[i]));
		assert_true(rdsz_tcp_seq_acked(ends[i], ends[i] + 1));
		assert_false(rdsz_tcp_seq_acked(ends[i], ends[i] - 1));
	}
}

static void rdsz_tcp_seq_acked__over_the_wrap(void **state)
{
	(void)state;
	assert_true(rdsz_tcp_seq_acked(0xffffff00, 0x100));
	assert_false(rdsz_tcp_seq_acked(0x100, 0xffffff00));
	assert_true(rdsz_tcp_seq_acked(0xffffffff, 0));
	assert_false(rdsz_tcp_seq_acked(0, 0xffffffff));
	assert_true(rdsz_tcp_seq_acked(0, 0x7fffffff));
	assert_false(rdsz_tcp_seq_acked(0x7fffffff, 0));
	assert_true(rdsz_tcp_seq_acked(0xc0000000, 0x3fffffff));
	assert_false(rdsz_tcp_seq_acked(0x3fffffff, 0xc0000000));
}

static void rdsz_seq_is_duplicate__only_when_retransmitted(void **state)
{
	(void)state;
	assert_true(rdsz_seq_is_duplicate(9, 10, 0x04));
	assert_true(rdsz_seq_is_duplicate(0, 10, 0x04));
	assert_true(rdsz_seq_is_duplicate(9, 10, 0xff));
	assert_false(rdsz_seq_is_duplicate(9, 10, 0x00));
	assert_false(rdsz_seq_is_duplicate(9, 10, 0xfb));
}

static void rdsz_seq_is_duplicate__the_next_one_is_new(void **state)
{
	(void)state;
	assert_false(rdsz_seq_is_duplicate(10, 10, 0x04));
	assert_false(rdsz_seq_is_duplicate(11, 10, 0x04));
	assert_false(rdsz_seq_is_duplicate(1, 0, 0x04));
	assert_false(rdsz_seq_is_duplicate(0, 0, 0x04));
}

/* 64 bits, unsigned: no wrap is taken into account, none can happen. */
static void rdsz_seq_is_duplicate__large_numbers(void **state)
{
	(void)state;
	assert_true(rdsz_seq_is_duplicate(0x7fffffffffffffff, 0x8000000000000000, 0x04));
	assert_false(rdsz_seq_is_duplicate(0x8000000000000000, 0x7fffffffffffffff, 0x04));
	assert_true(rdsz_seq_is_duplicate(1, UINT64_MAX, 0x04));
	assert_true(rdsz_seq_is_duplicate(0x0ffffffff, 0x100000000, 0x04));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rdsz_hdr__places_of_all_fields),
		cmocka_unit_test(rdsz_hdr_init__writes_big_endian_and_zeroes),
		cmocka_unit_test(rdsz_hdr_init__extreme_values),
		cmocka_unit_test(rdsz_ext_put_handshake__all_three),
		cmocka_unit_test(rdsz_ext_put_handshake__what_is_absent_takes_no_room),
		cmocka_unit_test(rdsz_ext_put_handshake__leaves_the_header_alone),
		cmocka_unit_test(rdsz_ext_put_handshake__ours_stands_last),
		cmocka_unit_test(rdsz_ext_get_handshake__reads_what_was_written),
		cmocka_unit_test(rdsz_ext_get_handshake__nothing_there),
		cmocka_unit_test(rdsz_ext_get_handshake__old_peers),
		cmocka_unit_test(rdsz_ext_get_handshake__sixteen_bytes_without_an_end_mark),
		cmocka_unit_test(rdsz_ext_get_handshake__data_past_the_end),
		cmocka_unit_test(rdsz_ext_get_handshake__stops_at_sixteen_and_above),
		cmocka_unit_test(rdsz_ext_get_handshake__unknown_types_below_sixteen),
		cmocka_unit_test(rdsz_ext_get_handshake__skips_data_of_known_types),
		cmocka_unit_test(rdsz_ext_get_handshake__last_of_two_counts),
		cmocka_unit_test(rdsz_ext_get_handshake__ours),
		cmocka_unit_test(rdsz_ext_get_handshake__hostile_spaces),
		cmocka_unit_test(rdsz_tcp_seq_acked__end_is_exclusive),
		cmocka_unit_test(rdsz_tcp_seq_acked__over_the_wrap),
		cmocka_unit_test(rdsz_seq_is_duplicate__only_when_retransmitted),
		cmocka_unit_test(rdsz_seq_is_duplicate__the_next_one_is_new),
		cmocka_unit_test(rdsz_seq_is_duplicate__large_numbers),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}

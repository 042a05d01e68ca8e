// SPDX-License-Identifier: GPL-2.0
/* Rows 65 to 75: recvmsg. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "pattern.h"
#include "zc.h"

#ifndef SO_TIMESTAMP_NEW
#define SO_TIMESTAMP_NEW 63
#endif
#ifndef SO_TIMESTAMP_OLD
#define SO_TIMESTAMP_OLD 29
#endif

static char room[4096];

/* A message has arrived at B, and waits. */
static void arrive(const struct ends *ends, size_t length, uint32_t seed)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	send_pattern(ends->tx, length, seed, &ends->far);
	conf_wait_drained(ends->tx);
	/* Acknowledged by TCP is not yet in the socket's queue. */
	while (recv(ends->rx, NULL, 0, MSG_PEEK | MSG_DONTWAIT) < 0) {
		assert_int_equal(errno, EAGAIN);
		if (deadline_over(&deadline))
			fail_msg("the message does not arrive");
		deadline_step();
	}
}

static void row_065__msg_oob_reads_nothing(void **state)
{
	struct ends ends = conf_ends(state);

	arrive(&ends, 100, 1);
	returns(rds_recv(ends.rx, room, sizeof(room), NULL, MSG_OOB), 0);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	returns(rds_recv(ends.rx, room, sizeof(room), NULL, MSG_OOB), 0);
}

static void row_066__nothing_to_read(void **state)
{
	struct ends ends = conf_ends(state);
	int unbound = conf_socket(ends.topology, &ends.topology->ns[0]);
	uint64_t start;

	answers(rds_recv(ends.rx, room, sizeof(room), NULL, MSG_DONTWAIT), EAGAIN);
	answers(rds_recv(unbound, room, sizeof(room), NULL, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(rds_set_timeouts(ends.rx, 100), 0);
	assert_int_equal(rds_set_timeouts(unbound, 100), 0);
	start = clock_ms();
	answers(rds_recv(ends.rx, room, sizeof(room), NULL, 0), ETIMEDOUT);
	assert_true(clock_ms() - start >= AT_LEAST_MS(100));
	answers(rds_recv(unbound, room, sizeof(room), NULL, 0), ETIMEDOUT);
}

static void row_067__a_short_buffer_cuts_the_message(void **state)
{
	struct ends ends = conf_ends(state);
	struct got got;

	arrive(&ends, 100, 1);
	arrive(&ends, 100, 2);
	got = get(ends.rx, room, 10, 0, 0);
	returns(got.bytes, 10);
	assert_int_equal(got.flags & MSG_TRUNC, MSG_TRUNC);
	assert_int_equal(pattern_check(room, 10, 1), -1);
	got = get(ends.rx, room, 10, 0, MSG_TRUNC);
	returns(got.bytes, 100);
	assert_int_equal(got.flags & MSG_TRUNC, MSG_TRUNC);
	assert_int_equal(pattern_check(room, 10, 2), -1);
	answers(rds_recv(ends.rx, room, sizeof(room), NULL, MSG_DONTWAIT), EAGAIN);
}

static void row_068__peeking_leaves_the_message(void **state)
{
	struct ends ends = conf_ends(state);
	int i;

	arrive(&ends, 100, 1);
	for (i = 0; i < 2; i++) {
		memset(room, 0, sizeof(room));
		returns(rds_recv(ends.rx, room, sizeof(room), NULL, MSG_PEEK), 100);
		assert_int_equal(pattern_check(room, 100, 1), -1);
	}
	returns(get(ends.rx, room, 0, 0, MSG_PEEK | MSG_TRUNC).bytes, 100);
	receive_pattern(ends.rx, 100, 1, &ends.near);
}

static void row_069__an_empty_buffer_consumes_the_message(void **state)
{
	struct ends ends = conf_ends(state);
	struct got got;

	arrive(&ends, 100, 1);
	got = get(ends.rx, NULL, 0, 0, 0);
	returns(got.bytes, 0);
	assert_int_equal(got.flags & MSG_TRUNC, MSG_TRUNC);
	assert_int_equal(got.name_length, 16);
	answers(rds_recv(ends.rx, room, sizeof(room), NULL, MSG_DONTWAIT), EAGAIN);
}

static void row_070__names_of_senders(void **state)
{
	struct ends ends = conf_ends(state);
	union rds_addr near6 = rds_addr("fd77:1::1", 0), far6 = rds_addr("fd77:1::2", 0), from;
	socklen_t length = 8;
	unsigned char zeroes[8] = { 0 };
	int tx6, rx6;
	struct got got;

	conf_add_v6(ends.topology);
	arrive(&ends, 10, 1);
	got = get(ends.rx, room, sizeof(room), 0, MSG_PEEK);
	assert_int_equal(got.name_length, 16);
	assert_true(rds_addr_equal(&got.from, &ends.near));
	assert_memory_equal(got.from.in.sin_zero, zeroes, 8);
	memset(&from, 0x5a, sizeof(from));
	returns(recvfrom(ends.rx, room, sizeof(room), 0, &from.sa, &length), 10);
	assert_int_equal(length, 16);
	assert_memory_equal(&from, &ends.near, 8);
	assert_int_equal(from.in.sin_zero[0], 0x5a);

	tx6 = topology_socket(ends.topology, &ends.topology->ns[0], &near6);
	rx6 = topology_socket(ends.topology, &ends.topology->ns[1], &far6);
	send_pattern(tx6, 10, 2, &far6);
	got = get(rx6, room, sizeof(room), 0, 0);
	returns(got.bytes, 10);
	assert_int_equal(got.name_length, 28);
	assert_true(rds_addr_equal(&got.from, &near6));
	assert_int_equal(got.from.in6.sin6_flowinfo, 0);
	assert_int_equal(got.from.in6.sin6_scope_id, 0);
}

static void row_071__a_notification_alone_has_no_name(void **state)
{
	struct ends ends = conf_ends(state);
	unsigned char *buffer = zc_buffer(4096);
	int mode = conf_mode(*state);
	struct got got;

	conf_zerocopy(ends.tx, mode);
	returns(rds_send_zc(ends.tx, buffer, 4096, &ends.far, 1, 0), 4096);
	rds_wait(ends.tx, conf_cookie_event(mode), deadline_in(DEADLINE_USUAL_MS));
	do {
		got = get(ends.tx, room, sizeof(room), COMPLETION_SPACE, MSG_DONTWAIT);
	} while (got.bytes < 0 && errno == EAGAIN);
	returns(got.bytes, 0);
	assert_int_equal(got.name_length, 0);
	assert_non_null(got_cmsg(&got, SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION));
	zc_buffer_free(buffer, 4096);
}

static void row_072__a_bad_buffer_is_efault_and_the_message_stays(void **state)
{
	struct ends ends = conf_ends(state);
	unsigned char *half = zc_half_buffer();

	arrive(&ends, 8000, 1);
	answers(rds_recv(ends.rx, half, 8000, NULL, 0), EFAULT);
	munmap(half, 4096);
	receive_pattern(ends.rx, 8000, 1, &ends.near);
	answers(rds_recv(ends.rx, room, sizeof(room), NULL, MSG_DONTWAIT), EAGAIN);
}

/* Switched on, one message, and the cmsg that comes with it; its first 16 bytes are the time. */
static void expect_timestamp(const struct ends *ends, int level, int option, int type, bool comes)
{
	struct cmsghdr *cmsg;
	struct got got;
	int64_t when[2];

	answers(rds_set(ends->rx, level, option, 1), 0);
	send_pattern(ends->tx, 10, 1, &ends->far);
	got = get(ends->rx, room, sizeof(room), 256, 0);
	returns(got.bytes, 10);
	cmsg = got_cmsg(&got, SOL_SOCKET, type);
	if (!comes) {
		assert_null(cmsg);
		return;
	}
	if (!cmsg)
		fail_msg("level %d, option %d: no timestamp of type %d", level, option, type);
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(16));
	memcpy(when, CMSG_DATA(cmsg), sizeof(when));
	assert_in_range(time(NULL) - when[0] + 5, 0, 65);
	assert_in_range(when[1], 0, 999999);
}

static void row_073__timestamps(void **state)
{
	struct ends ends = conf_ends(state);
	struct got got;

	arrive(&ends, 10, 1);
	answers(rds_set(ends.rx, SOL_SOCKET, SO_TIMESTAMP_OLD, 1), 0);
	got = get(ends.rx, room, sizeof(room), 256, 0);
	returns(got.bytes, 10);
	assert_int_equal(got_cmsgs(&got), 0);
	expect_timestamp(&ends, SOL_SOCKET, SO_TIMESTAMP_OLD, SO_TIMESTAMP_OLD, true);
	answers(rds_set(ends.rx, SOL_SOCKET, SO_TIMESTAMP_OLD, 0), 0);
	/* Asks for nanoseconds, and gets what the other option gives. */
	expect_timestamp(&ends, SOL_SOCKET, SO_TIMESTAMPNS, SO_TIMESTAMP_OLD, true);
	answers(rds_set(ends.rx, SOL_SOCKET, SO_TIMESTAMPNS, 0), 0);
	expect_timestamp(&ends, SOL_RDS, SO_TIMESTAMP_OLD, SO_TIMESTAMP_OLD, true);
	expect_timestamp(&ends, SOL_SOCKET, SO_TIMESTAMP_NEW, SO_TIMESTAMP_NEW, true);
	expect_timestamp(&ends, SOL_SOCKET, SO_TIMESTAMP_OLD, SO_TIMESTAMP_OLD, true);
	expect_timestamp(&ends, SOL_RDS, SO_TIMESTAMP_NEW, SO_TIMESTAMP_NEW, true);
	/* In-tree, the new format is kept at this level once it was asked for. */
	expect_timestamp(&ends, SOL_RDS, SO_TIMESTAMP_OLD,
			 EITHER(SO_TIMESTAMP_OLD, SO_TIMESTAMP_NEW), true);
	answers(setsockopt(ends.rx, SOL_RDS, SO_TIMESTAMP_OLD, room, 2), EFAULT);
	answers(setsockopt(ends.rx, SOL_RDS, SO_TIMESTAMP_OLD, room, 8), EFAULT);
}

static int set_latency(int fd, const struct rds_rx_trace_so *ask, socklen_t length)
{
	return setsockopt(fd, SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, ask, length);
}

static void row_074__receive_path_latency(void **state)
{
	struct rds_rx_trace_so all = { .rx_traces = 3, .rx_trace_pos = { 0, 1, 2 } }, ask = all;
	struct ends ends = conf_ends(state);
	struct rds_cmsg_rx_trace trace;
	struct cmsghdr *cmsg;
	struct got got;
	size_t i;

	answers(set_latency(ends.rx, &all, 4), 0);
	arrive(&ends, 10, 1);
	got = get(ends.rx, room, sizeof(room), 256, 0);
	cmsg = got_cmsg(&got, SOL_RDS, RDS_CMSG_RXPATH_LATENCY);
	assert_non_null(cmsg);
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(32));
	memcpy(&trace, CMSG_DATA(cmsg), sizeof(trace));
	assert_int_equal(trace.rx_traces, 3);
	for (i = 0; i < 3; i++) {
		assert_int_equal(trace.rx_trace_pos[i], i);
		assert_true(trace.rx_trace[i] < 60000000000);
	}
	assert_true(trace.rx_trace[2] > 0);
	answers(set_latency(ends.rx, &all, 3), EFAULT);
	answers(set_latency(ends.rx, &all, 5), EFAULT);
	answers(set_latency(ends.rx, NULL, 4), EFAULT);
	ask.rx_traces = 4;
	answers(set_latency(ends.rx, &ask, 4), EFAULT);
	ask = all;
	ask.rx_trace_pos[1] = 3;
	answers(set_latency(ends.rx, &ask, 4), EFAULT);
	send_pattern(ends.tx, 10, 2, &ends.far);
	got = get(ends.rx, room, sizeof(room), 256, 0);
	returns(got.bytes, 10);
	assert_int_equal(got_cmsgs(&got), 0);
}

static void row_075__too_little_control_room_is_msg_ctrunc(void **state)
{
	struct ends ends = conf_ends(state);
	struct got got;

	answers(rds_set(ends.rx, SOL_SOCKET, SO_TIMESTAMP_OLD, 1), 0);
	send_pattern(ends.tx, 10, 1, &ends.far);
	got = get(ends.rx, room, sizeof(room), 8, 0);
	returns(got.bytes, 10);
	assert_int_equal(got.flags & MSG_CTRUNC, MSG_CTRUNC);
	assert_int_equal(pattern_check(room, 10, 1), -1);
	send_pattern(ends.tx, 10, 2, &ends.far);
	got = get(ends.rx, room, sizeof(room), 0, 0);
	returns(got.bytes, 10);
	assert_int_equal(got.flags & MSG_CTRUNC, MSG_CTRUNC);
}

const struct row rows_receive[] = {
	ROW(STAGE_WIRE, row_065__msg_oob_reads_nothing),
	ROW(STAGE_WIRE, row_066__nothing_to_read),
	ROW(STAGE_WIRE, row_067__a_short_buffer_cuts_the_message),
	ROW(STAGE_WIRE, row_068__peeking_leaves_the_message),
	ROW(STAGE_WIRE, row_069__an_empty_buffer_consumes_the_message),
	ROW(STAGE_WIRE, row_070__names_of_senders),
	ROW(STAGE_COOKIES, row_071__a_notification_alone_has_no_name),
	ROW(STAGE_WIRE, row_072__a_bad_buffer_is_efault_and_the_message_stays),
	ROW(STAGE_WIRE, row_073__timestamps),
	ROW(STAGE_WIRE, row_074__receive_path_latency),
	ROW(STAGE_WIRE, row_075__too_little_control_room_is_msg_ctrunc),
	{ 0 }
};

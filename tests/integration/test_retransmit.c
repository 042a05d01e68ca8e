// SPDX-License-Identifier: GPL-2.0
/*
 * What a lost connection had not acknowledged: sent again if it was lost, dropped if it was not.
 * The link loses one direction only, so that each case is one and not the other.
 */
#include <errno.h>
#include <string.h>

#include "counters.h"
#include "diag.h"
#include "link.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "zc.h"

/* One segment each, so that TCP sends them all without an answer, even after a pause. */
#define SIZE 1300
#define COUNT 5

static unsigned char in[SIZE];
static uint32_t list[COUNT];

/* What the far end sends, acknowledgements too, goes nowhere. */
static void lose_answers(const struct topology *topology, bool on)
{
	assert_int_equal(link_blackhole(&topology->ns[1], "w0", topology->near_text[0], on), 0);
}

static void lose_messages(const struct topology *topology, bool on)
{
	assert_int_equal(link_blackhole(&topology->ns[0], "w0", topology->far_text[0], on), 0);
}

/*
 * A first message there and back, so that the one connection is up and all of it is acknowledged.
 */
static void warm_up(const struct ends *ends)
{
	topology_sysctl(ends->topology, "max_paths", 1);
	ends_there_and_back(ends, SIZE, 1000);
}

static void kill_both_ends(const struct topology *topology)
{
	assert_int_equal(diag_kill(&topology->ns[0], RDS_TCP_PORT), 1);
	diag_kill(&topology->ns[1], RDS_TCP_PORT);
}

static void assert_nothing_more(const struct ends *ends)
{
	assert_int_equal(rds_recv(ends->rx, in, sizeof(in), NULL, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* The peer has them all, and we have not heard of it. */
static void duplicate__is_dropped(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *far = &ends.topology->ns[1];
	struct counters before;
	uint32_t i;

	warm_up(&ends);
	assert_int_equal(counters_read(far, &before), 0);
	lose_answers(ends.topology, true);
	for (i = 0; i < COUNT; i++)
		send_pattern(ends.tx, SIZE, i, &ends.far);
	for (i = 0; i < COUNT; i++)
		receive_pattern(ends.rx, SIZE, i, &ends.near);
	kill_both_ends(ends.topology);
	lose_answers(ends.topology, false);
	assert_true(counter_wait(far, &before, "recv_drop_old_seq", COUNT,
				 deadline_in(DEADLINE_USUAL_MS)));
	send_pattern(ends.tx, SIZE, COUNT, &ends.far);
	receive_pattern(ends.rx, SIZE, COUNT, &ends.near);
	assert_nothing_more(&ends);
	assert_int_equal(counter_moved(far, &before, "recv_drop_old_seq"), COUNT);
}

/* TCP took them, and the peer has none. */
static void lost__is_sent_again_in_order(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *near = &ends.topology->ns[0];
	const struct netns *far = &ends.topology->ns[1];
	struct counters before_near, before_far;
	uint32_t i;

	warm_up(&ends);
	assert_int_equal(counters_read(near, &before_near), 0);
	assert_int_equal(counters_read(far, &before_far), 0);
	lose_messages(ends.topology, true);
	for (i = 0; i < COUNT; i++)
		send_pattern(ends.tx, SIZE, i, &ends.far);
	assert_true(counter_wait(near, &before_near, "tcp_send_calls", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	kill_both_ends(ends.topology);
	lose_messages(ends.topology, false);
	for (i = 0; i < COUNT; i++)
		receive_pattern(ends.rx, SIZE, i, &ends.near);
	assert_nothing_more(&ends);
	assert_int_equal(counter_moved(near, &before_near, "conn_reset"), 1);
	assert_int_equal(counter_moved(far, &before_far, "recv_drop_old_seq"), 0);
}

/*
 * By the sender's pages: no cookie comes while they may have to be sent again, and one for each
 * comes after that.
 */
static void lost__cookies_wait_for_it(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffers = zc_buffer(COUNT * SIZE);
	uint32_t i;

	assert_non_null(buffers);
	warm_up(&ends);
	lose_messages(ends.topology, true);
	for (i = 0; i < COUNT; i++) {
		pattern_fill(buffers + i * SIZE, SIZE, i);
		zc_send(&ends, buffers + i * SIZE, SIZE, i);
	}
	zc_expect_none(ends.tx, 200);
	kill_both_ends(ends.topology);
	zc_expect_none(ends.tx, 200);
	lose_messages(ends.topology, false);
	zc_reap_exactly(ends.tx, list, COUNT);
	pattern_poison(buffers, COUNT * SIZE);
	for (i = 0; i < COUNT; i++)
		receive_pattern(ends.rx, SIZE, i, &ends.near);
	assert_nothing_more(&ends);
	zc_buffer_free(buffers, COUNT * SIZE);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "retransmit" };

	SUITE_ADD(&suite, duplicate__is_dropped, variants_wire_each);
	SUITE_ADD(&suite, lost__is_sent_again_in_order, variants_wire_each);
	SUITE_ADD(&suite, lost__cookies_wait_for_it, variants_wire_each);
	return suite_run(&suite, argc, argv);
}

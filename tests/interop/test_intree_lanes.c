// SPDX-License-Identifier: GPL-2.0
/*
 * Lanes (net.rds_zc.max_paths=8) against in-tree rds_tcp in the second VM, rows 6, 7 and 9 of the
 * checklist: eight connections with in-tree from 7.x on, which tells the lane by its source port,
 * and one with the older ones, which do not. The messages of each pair of sockets come once and in
 * order while lanes open, and while connections are killed from either side.
 */
#include <unistd.h>

#include "diag.h"
#include "streams.h"

#define PAIRS 8
#define MESSAGES 60
#define BYTES 20000

static const struct role roles[] = {
	{ "v4, we dial", false, false },
	{ "v4, in-tree dials", false, true },
	{ "v6, we dial", true, false },
	{ "v6, in-tree dials", true, true },
};

/* The older ones dial from any port. */
static bool port_tells_lane(const struct role *role)
{
	return peer_is_7_or_newer() || !role->larger;
}

static bool as_many_as_there_can_be(const struct pair *pair, const struct role *role)
{
	int want = peer_is_7_or_newer() ? DIAG_LANES : 1, i;
	unsigned int count[DIAG_LANES];

	if (diag_lanes_of(netns_here(), RDS_TCP_PORT, &pair->near, count) != want)
		return false;
	for (i = 0; port_tells_lane(role) && i < want; i++)
		if (count[i] != 1)
			return false;
	return true;
}

/* Soon, and a while later. */
static void wait_lanes(const struct pair *pair, const struct role *role)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	unsigned int n[DIAG_LANES];
	int total;

	while (!as_many_as_there_can_be(pair, role)) {
		total = diag_lanes_of(netns_here(), RDS_TCP_PORT, &pair->near, n);
		if (deadline_over(&deadline))
			fail_msg("%d connections, by lane: %u %u %u %u %u %u %u %u", total, n[0],
				 n[1], n[2], n[3], n[4], n[5], n[6], n[7]);
		deadline_step();
	}
	usleep(500000);
	assert_true(as_many_as_there_can_be(pair, role));
}

static void open_lanes(struct streams *streams, const struct role *role, int max_paths)
{
	assert_int_equal(netns_sysctl_set(netns_here(), "max_paths", max_paths), 0);
	streams_open(streams, role, PAIRS, MESSAGES, BYTES);
}

/*
 * The first messages go while the lanes open. Each source port says its lane, the first one's too.
 */
static void row6_row9_lanes__open_under_load(void **state)
{
	struct streams streams;

	open_lanes(&streams, *state, DIAG_LANES);
	streams_run(&streams, NULL, 0);
	wait_lanes(&streams.out[0].pair, *state);
	assert_int_equal(streams_finish(&streams, 0), 0);
	assert_true(as_many_as_there_can_be(&streams.out[0].pair, *state));
	assert_int_equal(streams_moved(&streams, "conn_drop_protocol"), 0);
	if (peer_is_7_or_newer())
		assert_true(streams_moved(&streams, "lane_moved") > 0);
	else
		assert_int_equal(streams_moved(&streams, "lane_moved"), 0);
}

/* Row 7: we take one only, and there is one, whatever the peer could do. */
static void row7_one_lane__if_we_take_one(void **state)
{
	unsigned int count[DIAG_LANES];
	struct streams streams;

	open_lanes(&streams, *state, 1);
	streams_run(&streams, NULL, 0);
	usleep(500000);
	assert_int_equal(diag_lanes_of(netns_here(), RDS_TCP_PORT, &streams.out[0].pair.near,
				       count), 1);
	if (port_tells_lane(*state))
		assert_int_equal(count[0], 1);
	assert_int_equal(streams_finish(&streams, 0), 0);
	assert_int_equal(streams_moved(&streams, "lane_moved"), 0);
}

static void kill_one(struct streams *streams)
{
	assert_true(diag_kill_lane(netns_here(), RDS_TCP_PORT,
				   streams->happened % DIAG_LANES) >= 0);
}

static void kill_all(struct streams *streams)
{
	(void)streams;
	assert_true(diag_kill(netns_here(), RDS_TCP_PORT) >= 0);
}

/* Writing the file, be it the same value, makes in-tree drop its connections. */
static void they_reset(struct streams *streams)
{
	assert_int_equal(remote_sysctl(&streams->helper, "net/rds/tcp/rds_tcp_rcvbuf", 1 << 20),
			 0);
}

static void in_mid_stream(const struct role *role, happening *happens, uint32_t times,
			  uint32_t gaps)
{
	struct streams streams;

	open_lanes(&streams, role, DIAG_LANES);
	streams_allow_gaps(&streams, gaps);
	streams_run(&streams, happens, times);
	streams_finish(&streams, times);
	assert_int_equal(streams_moved(&streams, "conn_drop_protocol"), 0);
	assert_true(streams_moved(&streams, "conn_reset") >= times);
	wait_lanes(&streams.out[0].pair, role);
}

static void kill__one_lane_in_mid_stream(void **state)
{
	in_mid_stream(*state, kill_one, peer_is_7_or_newer() ? 8 : 1, suite_argument("gaps", 0));
}

static void kill__all_lanes_in_mid_stream(void **state)
{
	in_mid_stream(*state, kill_all, 3, suite_argument("gaps", 0));
}

/* Up to 6.12 in-tree loses some of what it has not read yet (row 19 in test_intree_rows). */
static void reset__by_in_tree_in_mid_stream(void **state)
{
	in_mid_stream(*state, they_reset, 3, suite_argument("gaps", streams_gaps_of_in_tree()));
}

/* The port rule is said to those who said it, so the older ones have nothing to warn of. */
static void log__in_tree_knows_what_it_was_told(void **state)
{
	struct remote helper;

	(void)state;
	assert_int_equal(remote_connect(&helper), 0);
	assert_int_equal(remote_log_has(&helper, "unknown exthdr type"), 0);
	remote_close(&helper);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "intree_lanes" };

	role_add(&suite, "row6_row9_lanes__open_under_load", row6_row9_lanes__open_under_load,
		 roles, 4);
	role_add(&suite, "row7_one_lane__if_we_take_one", row7_one_lane__if_we_take_one, roles, 2);
	role_add(&suite, "kill__one_lane_in_mid_stream", kill__one_lane_in_mid_stream, roles, 2);
	role_add(&suite, "kill__all_lanes_in_mid_stream", kill__all_lanes_in_mid_stream, roles, 2);
	role_add(&suite, "reset__by_in_tree_in_mid_stream", reset__by_in_tree_in_mid_stream, roles,
		 2);
	SUITE_ADD_PLAIN(&suite, log__in_tree_knows_what_it_was_told);
	return suite_run(&suite, argc, argv);
}

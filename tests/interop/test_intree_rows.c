// SPDX-License-Identifier: GPL-2.0
/*
 * The rows of the interop checklist that need more than two streams, against in-tree rds_tcp in the
 * second VM: each test names its row. Rows 1 to 4 are in test_intree, 5, 7, 8 and 10 to 12 in
 * test_intree_wire, 6 and 9 in test_intree_lanes, 22 and 23 in test_restart.
 *
 *   long=1   the rows that take their time, too (make interop)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "diag.h"
#include "link.h"
#include "module.h"
#include "pattern.h"
#include "remote.h"
#include "streams.h"

#define LIMIT_MS 60000

static const struct role roles[] = {
	{ "v4, we dial", false, false },
	{ "v6, in-tree dials", true, true },
};

static const struct role v4_roles[] = {
	{ "we dial", false, false },
	{ "in-tree dials", false, true },
};

static struct counters before;
static unsigned char in[1 << 20], out[1 << 20];

static void open_pair(struct pair *pair, void **state)
{
	const struct role *role = *state;

	assert_int_equal(counters_read(netns_here(), &before), 0);
	pair_open(pair, role->v6, role->larger);
	assert_int_equal(rds_set_timeouts(pair->fd, DEADLINE_USUAL_MS), 0);
}

static uint64_t moved(const char *counter)
{
	return counter_moved(netns_here(), &before, counter);
}

static void flow_there(struct pair *pair, const struct flow *flow)
{
	struct flow_result result;

	assert_int_equal(remote_receive_start(&pair->remote, &pair->near, flow, LIMIT_MS), 0);
	flow_send(pair->fd, &pair->far, flow, LIMIT_MS, &result);
	flow_assert("our sender", &result, flow);
	assert_int_equal(remote_finish(&pair->remote, &result), 0);
	flow_assert("their receiver", &result, flow);
}

static void assert_settled(struct pair *pair, uint32_t seed)
{
	pair_settle(pair, &(struct flow){ .seed = seed, .count = 8, .max = 10000 });
}

/* ---- rows 13 and 14: pings ---- */

static void row13_pings__both_ways(void **state)
{
	struct flow flow = { .seed = 1, .count = 1 };
	union rds_addr nobody, from;
	struct flow_result result;
	struct pair pair;

	open_pair(&pair, state);
	nobody = rds_addr_port(&pair.far, 0);
	assert_int_equal(rds_send(pair.fd, NULL, 0, &nobody, 0), 0);
	assert_int_equal(rds_recv(pair.fd, in, sizeof(in), &from, 0), 0);
	assert_true(rds_addr_equal(&from, &nobody));

	nobody = rds_addr_port(&pair.near, 0);
	assert_int_equal(remote_send_start(&pair.remote, &nobody, &flow, LIMIT_MS), 0);
	assert_int_equal(remote_finish(&pair.remote, &result), 0);
	flow_assert("their ping", &result, &flow);
	assert_int_equal(remote_receive_start(&pair.remote, &nobody, &flow, LIMIT_MS), 0);
	assert_int_equal(remote_finish(&pair.remote, &result), 0);
	flow_assert("our pong", &result, &flow);
	assert_true(moved("recv_ping") >= 1);
	pair_close(&pair);
}

static void set_ping_enable(int value)
{
	struct remote helper;

	assert_int_equal(remote_connect(&helper), 0);
	assert_int_equal(remote_sysctl(&helper, "net/rds/ping_enable", value), 0);
	remote_close(&helper);
}

/* It answers no ping, the handshake neither, and is talked to all the same. */
static void row14_no_pings__data_all_the_same(void **state)
{
	struct flow flow = { .seed = 9, .count = 20, .min = 0, .max = 100000 };
	union rds_addr nobody;
	struct pair pair;

	set_ping_enable(0);
	open_pair(&pair, state);
	flow_there(&pair, &flow);
	nobody = rds_addr_port(&pair.far, 0);
	assert_int_equal(rds_send(pair.fd, NULL, 0, &nobody, 0), 0);
	usleep(500000);
	assert_fails(rds_recv(pair.fd, in, sizeof(in), NULL, MSG_DONTWAIT), EAGAIN);
	pair_close(&pair);
	set_ping_enable(1);
}

/* ---- rows 15 and 16: congestion ---- */

#define PIECE 32768

/* Instead of the socket with large buffers, one with the default. */
static void far_default_buffers(struct pair *pair)
{
	pair->far = rds_addr_port(&pair->far, 0);
	assert_int_equal(remote_open(&pair->remote, &pair->far, 0), 0);
	pair->far = pair->remote.addr;
}

/* Sends until the destination is congested; how many went. */
static uint32_t fill_up(struct pair *pair, uint32_t seed)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint32_t sent = 0;

	while (!deadline_over(&deadline)) {
		pattern_fill(out, PIECE, seed + sent);
		if (rds_send(pair->fd, out, PIECE, &pair->far, MSG_DONTWAIT) == PIECE)
			sent++;
		else if (errno == ENOBUFS)
			return sent;
		else
			assert_int_equal(errno, EAGAIN);
		deadline_step();
	}
	fail_msg("no congestion after %u messages", sent);
	return 0;
}

static void row15_their_reader_does_not_read(void **state)
{
	struct flow flow = { .seed = 50, .min = PIECE, .max = PIECE };
	struct deadline deadline;
	struct flow_result result;
	struct pair pair;

	open_pair(&pair, state);
	far_default_buffers(&pair);
	flow.count = fill_up(&pair, flow.seed);
	assert_true(moved("cong_update_received") >= 1);
	assert_true(moved("cong_send_error") >= 1);
	/* A blocking send waits for the map that says that there is room again. */
	assert_int_equal(remote_receive_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	assert_int_equal(remote_finish(&pair.remote, &result), 0);
	flow_assert("their receiver", &result, &flow);
	deadline = deadline_in(DEADLINE_USUAL_MS);
	while (rds_send(pair.fd, out, 1, &pair.far, MSG_DONTWAIT) != 1)
		assert_false(deadline_over(&deadline));
	pair_close(&pair);
}

static void row15_a_blocked_sender_goes_on(void **state)
{
	struct flow flow = { .seed = 90, .min = PIECE, .max = PIECE };
	struct flow_result result;
	struct pair pair;

	open_pair(&pair, state);
	far_default_buffers(&pair);
	flow.count = fill_up(&pair, flow.seed) + 1;
	assert_int_equal(remote_receive_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	pattern_fill(out, PIECE, flow.seed + flow.count - 1);
	assert_int_equal(rds_send(pair.fd, out, PIECE, &pair.far, 0), PIECE);
	assert_int_equal(remote_finish(&pair.remote, &result), 0);
	flow_assert("their receiver", &result, &flow);
	pair_close(&pair);
}

/*
 * Their sender gets ENOBUFS when our map has arrived; what came until then is less than all, and
 * all there.
 */
static void row16_our_reader_does_not_read(void **state)
{
	struct flow flow = {
		.seed = 20, .count = 1000 * time_scale(), .min = PIECE, .max = PIECE,
	};
	struct flow_result received, sent;
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t queued = 0, last;
	struct pair pair;

	open_pair(&pair, state);
	close(pair.fd);
	pair.near = rds_addr_port(&pair.near, 0);
	pair.fd = rds_open(netns_here(), &pair.near);
	assert_true(pair.fd >= 0);
	assert_int_equal(remote_send_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	assert_true(counter_wait(netns_here(), &before, "cong_update_queued", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	do {
		last = queued;
		usleep(1000000);
		queued = moved("recv_queued");
		assert_false(deadline_over(&deadline));
	} while (queued != last);
	assert_true(queued < flow.count);
	flow_receive(pair.fd, &pair.far, &flow, LIMIT_MS, &received);
	flow_assert("our receiver", &received, &flow);
	assert_int_equal(remote_finish(&pair.remote, &sent), 0);
	flow_assert("their sender", &sent, &flow);
	pair_close(&pair);
}

/* ---- row 17: sizes ---- */

static void row17_sizes__both_ways(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 4095, 4096, 4097, 65535, 65536, 1 << 20 };
	struct pair pair;
	size_t i;

	open_pair(&pair, state);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct flow flow = {
			.seed = 300 + (uint32_t)i, .count = 2, .min = sizes[i], .max = sizes[i],
		};

		pair_settle(&pair, &flow);
	}
	assert_fails(rds_send(pair.fd, out, (1 << 20) + 1, &pair.far, 0), EMSGSIZE);
	pair_close(&pair);
}

/* ---- streams both ways, and something that happens in their middle ---- */

/* Writing the file, be it the same value, makes in-tree drop its connections. */
static void they_reset(struct streams *streams)
{
	assert_int_equal(remote_sysctl(&streams->helper, "net/rds/tcp/rds_tcp_rcvbuf", 1 << 20),
			 0);
}

/*
 * Row 19. What comes from in-tree is all there, once. The other way in-tree loses what its TCP has
 * acknowledged after it took its callbacks out of the socket (fixed there in 7.x, mostly): such
 * messages may be missing, in a small number; order and contents are as always.
 */
static void row19_in_tree_resets(void **state)
{
	struct streams streams;

	streams_open(&streams, *state, 1, 400, 60000);
	streams_allow_gaps(&streams, 100);
	streams_run(&streams, they_reset, 4);
	streams_finish(&streams, 4);
	assert_true(streams_moved(&streams, "conn_drop_peer") +
		    streams_moved(&streams, "conn_drop_send") +
		    streams_moved(&streams, "tcp_replaced") >= 4);
}

static void we_reset(struct streams *streams)
{
	(void)streams;
	assert_true(diag_kill(netns_here(), RDS_TCP_PORT) >= 0);
}

/* Row 19, the other side: nothing is lost or doubled, in either direction. */
static void row19_we_reset(void **state)
{
	struct streams streams;

	streams_open(&streams, *state, 1, 400, 60000);
	streams_allow_gaps(&streams, suite_argument("gaps", 0));
	streams_run(&streams, we_reset, 4);
	streams_finish(&streams, 4);
	assert_true(streams_moved(&streams, "conn_up") >= 4);
}

/* Row 20: every connection is reset for a while. */
static void reset_for_a_while(struct streams *streams)
{
	struct deadline deadline = deadline_in(3000);

	while (!deadline_over(&deadline)) {
		we_reset(streams);
		deadline_step();
	}
}

static void row20_resets_for_a_while(void **state)
{
	struct streams streams;

	streams_open(&streams, *state, 1, 100, 60000);
	streams_allow_gaps(&streams, suite_argument("gaps", 0));
	streams_run(&streams, reset_for_a_while, 1);
	streams_finish(&streams, 1);
}

static void cut_the_link(struct streams *streams)
{
	(void)streams;
	assert_int_equal(link_set_up(netns_here(), "eth0", false), 0);
	usleep(1500000);
	assert_int_equal(link_set_up(netns_here(), "eth0", true), 0);
}

/* IPv6 addresses go with the link, so v4 only. */
static void row20_link_goes_and_comes(void **state)
{
	struct streams streams;

	streams_open(&streams, *state, 1, 100, 60000);
	streams_run(&streams, cut_the_link, 2);
	streams_finish(&streams, 2);
}

/* ---- row 21: silence ---- */

static void row21_silence_kills_and_comes_back(void **state)
{
	struct pair pair;
	char far[64];

	open_pair(&pair, state);
	assert_settled(&pair, 1);
	inet_ntop(AF_INET, &pair.far.in.sin_addr, far, sizeof(far));
	assert_int_equal(link_blackhole(netns_here(), "eth0", far, true), 0);
	assert_true(counter_wait(netns_here(), &before, "conn_drop_peer", 1, deadline_in(60000)));
	sleep(10);	/* in-tree's keep-alive finds out, too */
	assert_int_equal(link_blackhole(netns_here(), "eth0", far, false), 0);
	assert_settled(&pair, 100);
	assert_true(moved("conn_up") >= 2);
	pair_close(&pair);
}

/* ---- row 24: withdrawn while it is sent ---- */

static void row24_withdrawn__framing_stays(void **state)
{
	union rds_addr near, nobody;
	struct pair pair;
	int i, fd, sent;

	open_pair(&pair, state);
	assert_settled(&pair, 1);
	nobody = rds_addr_port(&pair.far, 9);
	for (i = 0; i < 6; i++) {
		near = rds_addr_port(&pair.near, 0);
		fd = rds_open(netns_here(), &near);
		assert_true(fd >= 0);
		assert_int_equal(rds_set_buffers(fd, PAIR_BUFFERS, 0), 0);
		for (sent = 0; sent < 8; sent++)
			assert_int_equal(rds_send(fd, out, 1 << 20, &nobody, MSG_DONTWAIT),
					 1 << 20);
		if (i % 2)
			assert_int_equal(setsockopt(fd, SOL_RDS, RDS_CANCEL_SENT_TO, &nobody,
						    rds_addr_len(&nobody)), 0);
		close(fd);
		assert_settled(&pair, 10 + 20 * (uint32_t)i);
	}
	/* One connection or eight, and each is the first of its lane. */
	assert_int_equal(moved("conn_reset"), 0);
	assert_int_equal(moved("conn_drop_peer"), 0);
	pair_close(&pair);
}

/* ---- row 18: small buffers on a slow path; in-tree's receive buffer stays small after it ---- */

static void row18_small_buffers_and_segments(void **state)
{
	uint32_t count = (uint32_t)suite_argument("messages", 1500);
	struct streams streams;

	alarm((100 + count * STREAMS_MESSAGE_MS / 1000) * time_scale());
	streams_open(&streams, *state, 1, count, 4096);
	assert_int_equal(remote_sysctl(&streams.helper, "net/rds/tcp/rds_tcp_rcvbuf", 10000), 0);
	if (system("tc qdisc add dev eth0 root netem delay 1ms && ip link set eth0 mtu 576"))
		fail_msg("no netem");
	streams_run(&streams, NULL, 0);
	streams_finish(&streams, 0);
	assert_int_equal(system("tc qdisc del dev eth0 root; ip link set eth0 mtu 1500"), 0);
}

/* ---- row 23: we lose our memory, and the peer does not know ---- */

/*
 * The module goes while nothing of ours gets through, so the peer keeps what it takes for a
 * connection. The new one sends at once: all of it comes, once, when the peer has found out.
 */
static void row23_we_restart__the_peer_is_stale(void **state)
{
	struct flow flow = { .seed = 2300, .count = 40, .max = 5000 };
	struct pair pair;
	char far[64];

	open_pair(&pair, state);
	assert_settled(&pair, 1);
	inet_ntop(AF_INET, &pair.far.in.sin_addr, far, sizeof(far));
	close(pair.fd);
	assert_int_equal(link_blackhole(netns_here(), "eth0", far, true), 0);
	assert_int_equal(module_unload_within(20000), 0);
	assert_int_equal(module_need(), 0);
	assert_int_equal(link_blackhole(netns_here(), "eth0", far, false), 0);
	pair.fd = rds_open(netns_here(), &pair.near);
	assert_true(pair.fd >= 0);
	flow_there(&pair, &flow);
	assert_settled(&pair, 4000);
	pair_close(&pair);
}

/* ---- row 25: IPv6, and the module that goes ---- */

/* A second address of each link, of the kind that needs a scope. */
static void row25_link_local__with_scope(void **state)
{
	bool larger = ((const struct role *)*state)->larger;
	const char *near = larger ? "fe80::77:d" : "fe80::77:a";
	const char *far = larger ? "fe80::77:c" : "fe80::77:b";
	struct pair pair = { .near = rds_addr(near, 0), .far = rds_addr(far, 0) };

	assert_int_equal(remote_connect(&pair.remote), 0);
	assert_int_equal(link_add_address(netns_here(), "eth0", near, 64), 0);
	assert_int_equal(remote_add_address(&pair.remote, far), 0);
	pair.near.in6.sin6_scope_id = (uint32_t)link_index(netns_here(), "eth0");
	assert_int_equal(remote_open(&pair.remote, &pair.far, PAIR_BUFFERS), 0);
	pair.far = pair.remote.addr;
	pair.far.in6.sin6_scope_id = pair.near.in6.sin6_scope_id;
	pair.fd = rds_open(netns_here(), &pair.near);
	assert_true(pair.fd >= 0);
	assert_settled(&pair, 2500);
	pair_close(&pair);
}

static union rds_addr mapped(const union rds_addr *addr)
{
	union rds_addr out = { .in6 = { .sin6_family = AF_INET6, .sin6_port = addr->in.sin_port } };

	out.in6.sin6_addr.s6_addr32[2] = htonl(0xffff);
	out.in6.sin6_addr.s6_addr32[3] = addr->in.sin_addr.s_addr;
	return out;
}

/* In-tree sees a peer of IPv4, and we see one whatever name we use. */
static void row25_mapped__is_ipv4(void **state)
{
	struct flow flow = { .seed = 2600, .count = 8, .max = 10000 };
	union rds_addr near, far;
	struct pair pair;

	open_pair(&pair, state);
	close(pair.fd);
	near = mapped(&pair.near);
	pair.fd = rds_open(netns_here(), &near);
	assert_true(pair.fd >= 0);
	far = pair.far;
	pair.far = mapped(&far);
	flow_there(&pair, &flow);
	pair.far = far;
	assert_settled(&pair, 2700);
	pair_close(&pair);
}

/*
 * They go on sending while the module is unloaded and loaded: it goes in time, and all is well
 * again.
 */
static void row25_unload__under_load(void **state)
{
	struct flow flow = { .seed = 2800, .count = 100000, .min = 1000, .max = 1000 };
	struct pair pair, again;

	open_pair(&pair, state);
	assert_settled(&pair, 1);
	assert_int_equal(remote_send_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	assert_true(counter_wait(netns_here(), &before, "recv_queued", 100,
				 deadline_in(DEADLINE_USUAL_MS)));
	close(pair.fd);
	assert_int_equal(module_unload_within(5000), 0);
	assert_int_equal(module_need(), 0);
	again.near = rds_addr_port(&pair.near, 0);
	again.fd = rds_open(netns_here(), &again.near);
	assert_true(again.fd >= 0);
	remote_close(&pair.remote);
	again.far = rds_addr_port(&pair.far, 0);
	assert_int_equal(remote_connect(&again.remote), 0);
	assert_int_equal(remote_open(&again.remote, &again.far, PAIR_BUFFERS), 0);
	again.far = again.remote.addr;
	assert_settled(&again, 2900);
	pair_close(&again);
}

#define ADD(function, many) role_add(&suite, #function, function, roles, many)

static bool asked_for_long(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], "long=1"))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "intree_rows" };

	ADD(row13_pings__both_ways, 2);
	ADD(row14_no_pings__data_all_the_same, 2);
	ADD(row15_their_reader_does_not_read, 2);
	ADD(row15_a_blocked_sender_goes_on, 2);
	ADD(row16_our_reader_does_not_read, 2);
	ADD(row17_sizes__both_ways, 2);
	ADD(row19_in_tree_resets, 2);
	ADD(row19_we_reset, 2);
	ADD(row20_resets_for_a_while, 2);
	ADD(row20_link_goes_and_comes, 1);
	ADD(row24_withdrawn__framing_stays, 2);
	ADD(row25_link_local__with_scope, 2);
	ADD(row25_mapped__is_ipv4, 1);
	ADD(row25_unload__under_load, 2);
	role_add(&suite, "row23_we_restart__the_peer_is_stale", row23_we_restart__the_peer_is_stale,
		 v4_roles, ARRAY_SIZE(v4_roles));
	if (asked_for_long(argc, argv)) {
		ADD(row21_silence_kills_and_comes_back, 1);
		ADD(row18_small_buffers_and_segments, 1);
	}
	return suite_run(&suite, argc, argv);
}

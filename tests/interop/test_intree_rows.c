// SPDX-License-Identifier: GPL-2.0
/*
 * The rows of the interop checklist that need more than two streams, against in-tree rds_tcp in the
 * second VM: each test names its row. Rows 1 to 4 are in test_intree, 5, 8 and 10 to 12 in
 * test_intree_wire, 6, 7 and 9 in test_intree_lanes, 15 and 16 in test_intree_congestion, 22 in
 * test_restart.
 *
 *   long=1   the rows that take their time, too (make interop)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "diag.h"
#include "ends.h"
#include "filter.h"
#include "link.h"
#include "module.h"
#include "plain_end.h"
#include "remote.h"
#include "rows.h"
#include "streams.h"
#include "watch.h"
#include "zc.h"

static const struct role v4_roles[] = {
	{ "we dial", false, false },
	{ "in-tree dials", false, true },
};

static unsigned char in[1 << 20], out[1 << 20];

/* ---- what a test changes of both machines, and its end gives back, whatever became of it ---- */

static struct {
	bool link, slow_link, filter, ping_enable;
	char blackhole[64];	/* the neighbour */
} changed;

static void give_back_there(void)
{
	struct remote helper;

	if (!changed.filter && !changed.ping_enable)
		return;
	if (remote_connect(&helper)) {
		perror("peer");
		return;
	}
	if ((changed.filter && remote_filter(&helper, FILTER_NONE)) ||
	    (changed.ping_enable && remote_sysctl(&helper, "net/rds/ping_enable", 1)))
		fprintf(stderr, "the peer stays changed\n");
	remote_close(&helper);
}

static void give_back(void)
{
	const struct netns *here = netns_here();

	if (changed.filter && filter_set(here, RDS_TCP_PORT, FILTER_NONE))
		perror("filter");
	if (changed.link && link_set_up(here, "eth0", true))
		perror("link");
	if (changed.slow_link &&
	    (link_set_mtu(here, "eth0", 1500) || link_delay(here, "eth0", 0)))
		perror("slow link");
	if (changed.blackhole[0] && link_blackhole(here, "eth0", changed.blackhole, false))
		perror("neighbour");
	give_back_there();
	memset(&changed, 0, sizeof(changed));
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
	assert_int_equal(remote_send_start(&pair.remote, &nobody, &flow, ROWS_LIMIT_MS), 0);
	assert_int_equal(remote_finish(&pair.remote, &result), 0);
	flow_assert("their ping", &result, &flow);
	assert_int_equal(remote_receive_start(&pair.remote, &nobody, &flow, ROWS_LIMIT_MS), 0);
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

	changed.ping_enable = true;
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

/*
 * Says how long it takes until a connection is up again, in ms: the row says "in ms", and in
 * emulation a time is no verdict.
 */
static void tell_reconnect(const struct streams *streams, uint64_t ups, uint64_t since_ms)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (streams_moved(streams, "conn_up") == ups && !deadline_over(&deadline))
		usleep(500);
	print_message("# reconnects in ms: %u%s\n", (unsigned int)(clock_ms() - since_ms),
		      deadline_over(&deadline) ? ", and it has not yet" : "");
}

/* Writing the file, be it the same value, makes in-tree drop its connections. */
static void they_reset(struct streams *streams)
{
	uint64_t ups = streams_moved(streams, "conn_up"), since = clock_ms();

	assert_int_equal(remote_sysctl(&streams->helper, "net/rds/tcp/rds_tcp_rcvbuf", 1 << 20),
			 0);
	tell_reconnect(streams, ups, since);
}

/*
 * Row 19, a row with two expectations. Ours: what in-tree sends is all there, once. In-tree: up to
 * 6.12 it loses some of what its TCP has acknowledged, so what we send may have gaps, as many as
 * its version is known for, and none from 7.x on; order and contents are as always.
 */
static void row19_in_tree_resets(void **state)
{
	const struct { uint32_t ours, in_tree; } may_be_lost = {
		.ours = 0,
		.in_tree = suite_argument("gaps", streams_gaps_of_in_tree()),
	};
	struct streams streams;
	uint32_t lost;

	streams_open(&streams, *state, 1, 400, 60000);
	streams_settle(&streams);
	streams.in[0].flow.gaps = may_be_lost.ours;
	streams_allow_gaps(&streams, may_be_lost.in_tree);
	streams_run(&streams, they_reset, 4);
	lost = streams_finish(&streams, 4);
	print_message("# lost by ours %u (expected: %u), by in-tree %u (expected: up to %u)\n",
		      streams.in[0].ours.missing, may_be_lost.ours, lost, may_be_lost.in_tree);
	assert_true(streams_moved(&streams, "conn_drop_peer") +
		    streams_moved(&streams, "conn_drop_send") +
		    streams_moved(&streams, "tcp_replaced") >= 4);
}

static void we_reset(struct streams *streams)
{
	uint64_t ups = streams_moved(streams, "conn_up"), since = clock_ms();

	assert_true(diag_kill(netns_here(), RDS_TCP_PORT) >= 0);
	tell_reconnect(streams, ups, since);
}

/* Row 19, the other side: nothing is lost or doubled, in either direction. */
static void row19_we_reset(void **state)
{
	struct streams streams;

	streams_open(&streams, *state, 1, 400, 60000);
	streams_settle(&streams);
	streams_allow_gaps(&streams, suite_argument("gaps", 0));
	streams_run(&streams, we_reset, 4);
	streams_finish(&streams, 4);
	assert_true(streams_moved(&streams, "conn_up") >= 4);
}

static uint64_t their_counter(struct pair *pair, const char *name)
{
	uint64_t value;

	assert_int_equal(remote_counter(&pair->remote, name, &value), 0);
	return value;
}

/*
 * Row 19, what we send again. In-tree has all of it, and its acknowledgements do not reach us until
 * the connection is killed. It drops as old only what is marked as sent again and has a number that
 * it has seen; anything else would come to the socket twice.
 */
static void row19_again__marked_and_numbered_as_before(void **state)
{
	struct deadline deadline = deadline_in(ROWS_LIMIT_MS);
	struct flow flow = { .seed = 1900, .count = 8, .min = 1, .max = 1000 };
	uint64_t dropped;
	struct pair pair;

	open_pair(&pair, state);
	assert_settled(&pair, 1);
	pair_wait_acked(&pair);
	dropped = their_counter(&pair, "recv_drop_old_seq");
	changed.filter = true;
	assert_int_equal(filter_set(netns_here(), RDS_TCP_PORT, FILTER_DEAF), 0);
	flow_there(&pair, &flow);
	assert_true(diag_kill(netns_here(), RDS_TCP_PORT) >= 1);
	assert_int_equal(filter_set(netns_here(), RDS_TCP_PORT, FILTER_NONE), 0);
	assert_settled(&pair, 100);
	while (their_counter(&pair, "recv_drop_old_seq") - dropped < flow.count) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	assert_int_equal(their_counter(&pair, "recv_drop_old_seq") - dropped, flow.count);
	pair_close(&pair);
}

/* Row 20: either side answers each packet to the port by a reset, a SYN as any other. */
static void refuse_for_a_while(struct streams *streams)
{
	uint64_t ups;

	changed.filter = true;
	assert_int_equal(filter_set(netns_here(), RDS_TCP_PORT, FILTER_REFUSE), 0);
	assert_int_equal(remote_filter(&streams->helper, FILTER_REFUSE), 0);
	usleep(500000);
	ups = streams_moved(streams, "conn_up");
	print_message("# %u connections up when it begins\n", (unsigned int)ups);
	sleep(5);
	assert_int_equal(streams_moved(streams, "conn_up"), ups);
	assert_int_equal(remote_filter(&streams->helper, FILTER_NONE), 0);
	assert_int_equal(filter_set(netns_here(), RDS_TCP_PORT, FILTER_NONE), 0);
}

static void row20_resets_for_a_while(void **state)
{
	const struct role *role = *state;
	struct streams streams;

	streams_open(&streams, role, 1, 100, 60000);
	streams_settle(&streams);
	streams_allow_gaps(&streams, suite_argument("gaps", 0));
	streams_run(&streams, refuse_for_a_while, 1);
	streams_finish(&streams, 1);
	print_message("# ended by the peer %u, replaced %u\n",
		      (unsigned int)streams_moved(&streams, "conn_drop_peer"),
		      (unsigned int)streams_moved(&streams, "tcp_replaced"));
	assert_true(streams_moved(&streams, "conn_up") >= 2);
	/* Ours went on trying. */
	if (!role->larger)
		assert_true(streams_moved(&streams, "tcp_connects") >= 4);
}

static void cut_the_link(struct streams *streams)
{
	(void)streams;
	changed.link = true;
	assert_int_equal(link_set_up(netns_here(), "eth0", false), 0);
	usleep(1500000);
	assert_int_equal(link_set_up(netns_here(), "eth0", true), 0);
}

/* IPv6 addresses go with the link, so v4 only. */
static void row20_link_goes_and_comes(void **state)
{
	struct streams streams;

	streams_open(&streams, *state, 1, 100, 60000);
	streams_settle(&streams);
	streams_run(&streams, cut_the_link, 2);
	streams_finish(&streams, 2);
}

/* ---- row 21: silence ---- */

static void filter_both(struct pair *pair, enum filter filter)
{
	changed.filter = true;
	assert_int_equal(filter_set(netns_here(), RDS_TCP_PORT, filter), 0);
	assert_int_equal(remote_filter(&pair->remote, filter), 0);
}

/* Nobody sends after it: the smaller side comes back by itself. */
static void row21_silence_kills_and_comes_back(void **state)
{
	unsigned int count[DIAG_LANES];
	struct deadline deadline;
	uint64_t resets, lanes;
	struct pair pair;

	watch_limit(300);
	open_pair(&pair, state);
	assert_settled(&pair, 1);
	lanes = (uint64_t)diag_lanes_of(netns_here(), RDS_TCP_PORT, &pair.near, count);
	resets = their_counter(&pair, "conn_reset");
	filter_both(&pair, FILTER_DEAF);
	assert_true(counter_wait(netns_here(), &rows_before, "conn_drop_peer", lanes,
				 deadline_in(ROWS_LIMIT_MS)));
	/* In-tree's keep-alive finds out, too: nothing that ours says reaches it. */
	deadline = deadline_in(ROWS_LIMIT_MS);
	while (their_counter(&pair, "conn_reset") - resets < lanes) {
		assert_false(deadline_over(&deadline));
		usleep(100000);
	}
	while (diag_lanes_of(netns_here(), RDS_TCP_PORT, &pair.near, count)) {
		assert_false(deadline_over(&deadline));
		usleep(100000);
	}
	filter_both(&pair, FILTER_NONE);
	deadline = deadline_in(90000);
	while (diag_lanes_of(netns_here(), RDS_TCP_PORT, &pair.near, count) <= 0) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
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

#define WITHDRAWN 8
#define WHEN_ACKNOWLEDGED UINT_MAX

/*
 * As many by zerocopy, withdrawn after a while, each buffer overwritten at its cookie, and one more
 * message behind them. Each comes whole and as it was, or not at all. How many did not come?
 */
static uint32_t withdraw_some(struct pair *pair, uint32_t seed, unsigned int after_us)
{
	struct flow all = {
		.seed = seed, .count = WITHDRAWN + 1, .min = 1 << 20, .max = 1 << 20,
		.gaps = WITHDRAWN,
	};
	struct flow first = {
		.seed = seed, .count = WITHDRAWN, .min = 1 << 20, .max = 1 << 20, .zerocopy = 1,
	};
	struct deadline deadline = deadline_in(ROWS_LIMIT_MS);
	struct flow_result result;
	struct flow_tx tx;

	assert_int_equal(remote_receive_start(&pair->remote, &pair->near, &all, ROWS_LIMIT_MS), 0);
	assert_int_equal(flow_tx_open(&tx, pair->fd, &pair->far, &first), 0);
	while (flow_tx_send(&tx))
		;
	if (after_us == WHEN_ACKNOWLEDGED)
		pair_wait_acked(pair);
	else
		usleep(after_us);
	assert_int_equal(setsockopt(pair->fd, SOL_RDS, RDS_CANCEL_SENT_TO, &pair->far,
				    rds_addr_len(&pair->far)), 0);
	while (!flow_tx_done(&tx)) {
		assert_false(deadline_over(&deadline));
		if (!flow_tx_reap(&tx))
			flow_tx_wait(&tx);
	}
	flow_assert("our sender", &tx.result, &first);
	assert_int_equal(tx.result.cookies, WITHDRAWN);
	flow_tx_close(&tx);
	send_pattern(pair->fd, 1 << 20, seed + WITHDRAWN, &pair->far);
	assert_int_equal(remote_finish(&pair->remote, &result), 0);
	flow_assert("their receiver", &result, &all);
	return result.missing;
}

static void row24_withdrawn__as_it_was_or_not_at_all(void **state)
{
	static const unsigned int after_us[] = { 0, 10000, 40000, WHEN_ACKNOWLEDGED };
	const uint32_t rounds = ARRAY_SIZE(after_us);
	uint32_t i, missing = 0;
	struct pair pair;

	open_pair(&pair, state);
	assert_int_equal(zc_force(pair.fd), 0);
	assert_settled(&pair, 1);
	for (i = 0; i < rounds; i++)
		missing += withdraw_some(&pair, 2400 + 20 * i, after_us[i]);
	print_message("# %u of %u did not come\n", missing, rounds * WITHDRAWN);
	/* Some were withdrawn in time, and some were not. */
	assert_in_range(missing, 1, rounds * WITHDRAWN - 1);
	assert_true(moved("zc_sent") >= rounds * WITHDRAWN);
	assert_int_equal(moved("conn_reset"), 0);
	assert_int_equal(moved("conn_drop_peer"), 0);
	pair_close(&pair);
}

/* ---- row 18: small buffers on a slow path; in-tree's receive buffer stays small after it ---- */

static void row18_small_buffers_and_segments(void **state)
{
	uint32_t count = (uint32_t)suite_argument("messages", 1500);
	struct streams streams;

	watch_limit(100 + count * STREAMS_MESSAGE_MS / 1000);
	streams_open(&streams, *state, 1, count, 4096);
	assert_int_equal(remote_sysctl(&streams.helper, "net/rds/tcp/rds_tcp_rcvbuf", 10000), 0);
	changed.slow_link = true;
	assert_int_equal(link_delay(netns_here(), "eth0", 1), 0);
	assert_int_equal(link_set_mtu(netns_here(), "eth0", 576), 0);
	streams_run(&streams, NULL, 0);
	streams_finish(&streams, 0);
}

/* ---- row 23: we lose our memory, and the peer does not know ---- */

static void other_peer_is_served(struct plain_end *other, uint32_t seed)
{
	struct frame frame = { 0 };

	plain_expect_delivery(other, &frame, seed);
}

/*
 * The module goes while nothing of ours gets through, so the peer keeps what it takes for a
 * connection. The new one sends at once: all of it comes, once, when the peer has found out.
 * Another peer of in-tree, which does without the module, does not notice.
 */
static void row23_we_restart__the_peer_is_stale(void **state)
{
	struct flow flow = { .seed = 2300, .count = 40, .max = 5000 };
	struct plain_end other;
	struct pair pair;
	char *far = changed.blackhole;
	uint32_t i;

	plain_open(&other, &v4_roles[0]);
	plain_dial(&other);
	open_pair(&pair, state);
	assert_settled(&pair, 1);
	inet_ntop(AF_INET, &pair.far.in.sin_addr, far, sizeof(changed.blackhole));
	close(pair.fd);
	assert_int_equal(link_blackhole(netns_here(), "eth0", far, true), 0);
	assert_int_equal(module_unload_within(20000), 0);
	other_peer_is_served(&other, 1);
	assert_int_equal(module_need(), 0);
	assert_int_equal(link_blackhole(netns_here(), "eth0", far, false), 0);
	pair.fd = rds_open(netns_here(), &pair.near);
	assert_true(pair.fd >= 0);
	flow_there_start(&pair, &flow);
	for (i = 2; i < 6; i++)
		other_peer_is_served(&other, i);
	flow_there_end(&pair, &flow);
	other_peer_is_served(&other, i);
	assert_settled(&pair, 4000);
	pair_close(&pair);
	plain_close(&other);
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
	assert_int_equal(remote_send_start(&pair.remote, &pair.near, &flow, ROWS_LIMIT_MS), 0);
	assert_true(counter_wait(netns_here(), &rows_before, "recv_queued", 100,
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

/* A device beside eth0, always with the same hardware address: is it there, and up? */
static bool namespace_device(const struct netns *ns)
{
	static const unsigned char address[6] = { 0x02, 0x77, 0, 0, 0, 0x25 };

	if (link_index(ns, "mv0") <= 0 && link_macvlan(netns_here(), "eth0", ns, "mv0", address))
		return false;
	return !link_set_up(ns, "mv0", true);
}

static void namespace_open(struct netns *ns, const char *address)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	assert_int_equal(netns_create(ns), 0);
	/* Its address cannot be had while an older namespace has it. */
	while (!namespace_device(ns)) {
		assert_false(deadline_over(&deadline));
		usleep(100000);
	}
	assert_int_equal(link_add_address(ns, "mv0", address, 24), 0);
}

static void namespace_pair(struct pair *pair, const struct netns *ns, const char *near,
			   const char *far)
{
	pair->near = rds_addr(near, 0);
	pair->far = rds_addr(far, 0);
	assert_int_equal(remote_connect(&pair->remote), 0);
	assert_int_equal(remote_open(&pair->remote, &pair->far, PAIR_BUFFERS), 0);
	pair->far = pair->remote.addr;
	pair->fd = rds_open(ns, &pair->near);
	assert_true(pair->fd >= 0);
}

/*
 * A namespace ends while they send to it, and another one gets its address: in-tree finds that one,
 * and nothing of the old one is left to keep the module.
 *
 * Two namespaces with equal addresses at one time are not for this link: in-tree has one map for an
 * address of a peer, whoever has it, and could not tell the two apart (test_namespace has them).
 */
static void row25_namespace_deleted__under_load(void **state)
{
	struct flow flow = { .seed = 2800, .count = 100000, .min = 1000, .max = 1000 };
	const struct role *role = *state;
	struct pair pair, again;
	char near[64], far[64];
	struct netns ns;

	assert_int_equal(remote_connect(&again.remote), 0);
	remote_fresh_addresses(&again.remote, false, role->larger, near, far);
	remote_close(&again.remote);
	assert_int_equal(link_del_address(netns_here(), "eth0", near, 24), 0);
	namespace_open(&ns, near);
	assert_int_equal(counters_read(&ns, &rows_before), 0);
	namespace_pair(&pair, &ns, near, far);
	assert_settled(&pair, 1);
	assert_int_equal(remote_send_start(&pair.remote, &pair.near, &flow, ROWS_LIMIT_MS), 0);
	assert_true(counter_wait(&ns, &rows_before, "recv_queued", 100,
				 deadline_in(DEADLINE_USUAL_MS)));
	close(pair.fd);
	netns_destroy(&ns);
	namespace_open(&ns, near);
	namespace_pair(&again, &ns, near, far);
	assert_settled(&again, 2900);
	remote_close(&pair.remote);
	pair_close(&again);
	netns_destroy(&ns);
	assert_int_equal(module_unload_within(5000), 0);
	assert_int_equal(module_need(), 0);
}

#define ADD(function, many) role_add(&suite, #function, function, rows_roles, many)
#define ADD_V4(function) role_add(&suite, #function, function, v4_roles, ARRAY_SIZE(v4_roles))

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

	suite_at_end(give_back);
	ADD(row13_pings__both_ways, 2);
	ADD(row14_no_pings__data_all_the_same, 2);
	ADD(row17_sizes__both_ways, 2);
	/*
	 * Before those after which in-tree resets what is new, until it has found out that what it
	 * had is gone: these want to see no reset.
	 */
	ADD(row24_withdrawn__framing_stays, 2);
	ADD(row24_withdrawn__as_it_was_or_not_at_all, 2);
	ADD(row19_in_tree_resets, 2);
	ADD(row19_we_reset, 2);
	ADD(row19_again__marked_and_numbered_as_before, 2);
	ADD(row20_resets_for_a_while, 2);
	ADD(row20_link_goes_and_comes, 1);
	ADD(row25_link_local__with_scope, 2);
	ADD(row25_mapped__is_ipv4, 1);
	ADD(row25_unload__under_load, 2);
	ADD_V4(row25_namespace_deleted__under_load);
	ADD_V4(row23_we_restart__the_peer_is_stale);
	if (asked_for_long(argc, argv)) {
		ADD_V4(row21_silence_kills_and_comes_back);
		ADD_V4(row18_small_buffers_and_segments);
	}
	return suite_run(&suite, argc, argv);
}

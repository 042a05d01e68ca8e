// SPDX-License-Identifier: GPL-2.0
/*
 * The rows of the interop checklist that need more than two streams, against in-tree rds_tcp in the
 * second VM: each test names its row. Rows 1 to 4 are in test_intree, 5, 7, 8 and 10 to 12 in
 * test_intree_wire. Not here: 6 and 9 (lanes), 22 and 23 (machines that are rebooted).
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
#include "pattern.h"
#include "remote.h"
#include "suite.h"
#include "zc.h"

#define LIMIT_MS 60000
#define TCP_PORT 16385

struct role {
	const char *name;
	bool v6;
	bool larger;	/* in-tree has the smaller address, and dials */
};

static const struct role roles[] = {
	{ "v4, we dial", false, false },
	{ "v6, in-tree dials", true, true },
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

static void assert_flow(const char *who, const struct flow_result *result,
			const struct flow *flow)
{
	if (result->wrong || result->error)
		fail_msg("%s: %u wrong, %s: %s", who, result->wrong, strerror(result->error),
			 result->text);
	assert_int_equal(result->messages, flow->count);
}

/* One flow each way, one after the other: all is well with the connection. */
static void assert_settled(struct pair *pair, uint32_t seed)
{
	struct flow flow = { .seed = seed, .count = 8, .min = 0, .max = 10000 };
	struct flow_result result;

	assert_int_equal(remote_receive_start(&pair->remote, &pair->near, &flow, LIMIT_MS), 0);
	flow_send(pair->fd, &pair->far, &flow, LIMIT_MS, &result);
	assert_flow("our sender", &result, &flow);
	assert_int_equal(remote_finish(&pair->remote, &result), 0);
	assert_flow("their receiver", &result, &flow);
	assert_int_equal(remote_send_start(&pair->remote, &pair->near, &flow, LIMIT_MS), 0);
	flow_receive(pair->fd, &pair->far, &flow, LIMIT_MS, &result);
	assert_flow("our receiver", &result, &flow);
	assert_int_equal(remote_finish(&pair->remote, &result), 0);
	assert_flow("their sender", &result, &flow);
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
	assert_flow("their ping", &result, &flow);
	assert_int_equal(remote_receive_start(&pair.remote, &nobody, &flow, LIMIT_MS), 0);
	assert_int_equal(remote_finish(&pair.remote, &result), 0);
	assert_flow("our pong", &result, &flow);
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
	struct flow_result result;
	union rds_addr nobody;
	struct pair pair;

	set_ping_enable(0);
	open_pair(&pair, state);
	assert_int_equal(remote_receive_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	flow_send(pair.fd, &pair.far, &flow, LIMIT_MS, &result);
	assert_flow("our sender", &result, &flow);
	assert_int_equal(remote_finish(&pair.remote, &result), 0);
	assert_flow("their receiver", &result, &flow);
	nobody = rds_addr_port(&pair.far, 0);
	assert_int_equal(rds_send(pair.fd, NULL, 0, &nobody, 0), 0);
	usleep(500000);
	assert_fails(rds_recv(pair.fd, in, sizeof(in), NULL, MSG_DONTWAIT), EAGAIN);
	pair_close(&pair);
	set_ping_enable(1);
}

/* ---- rows 15 and 16: congestion ---- */

#define PIECE 32768

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
	/* Instead of the socket with large buffers, one with the default. */
	pair.far = rds_addr_port(&pair.far, 0);
	assert_int_equal(remote_open(&pair.remote, &pair.far, 0), 0);
	pair.far = pair.remote.addr;
	flow.count = fill_up(&pair, flow.seed);
	assert_true(moved("cong_update_received") >= 1);
	assert_true(moved("cong_send_error") >= 1);
	/* A blocking send waits for the map that says that there is room again. */
	assert_int_equal(remote_receive_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	assert_int_equal(remote_finish(&pair.remote, &result), 0);
	assert_flow("their receiver", &result, &flow);
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
	pair.far = rds_addr_port(&pair.far, 0);
	assert_int_equal(remote_open(&pair.remote, &pair.far, 0), 0);
	pair.far = pair.remote.addr;
	flow.count = fill_up(&pair, flow.seed) + 1;
	assert_int_equal(remote_receive_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	pattern_fill(out, PIECE, flow.seed + flow.count - 1);
	assert_int_equal(rds_send(pair.fd, out, PIECE, &pair.far, 0), PIECE);
	assert_int_equal(remote_finish(&pair.remote, &result), 0);
	assert_flow("their receiver", &result, &flow);
	pair_close(&pair);
}

/* Their sender gets ENOBUFS when our map has arrived; what came until then is less than all, and all there. */
static void row16_our_reader_does_not_read(void **state)
{
	struct flow flow = { .seed = 20, .count = 1000, .min = PIECE, .max = PIECE };
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
	assert_flow("our receiver", &received, &flow);
	assert_int_equal(remote_finish(&pair.remote, &sent), 0);
	assert_flow("their sender", &sent, &flow);
	pair_close(&pair);
}

/* ---- row 17: sizes ---- */

static void row17_sizes__both_ways(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 4095, 4096, 4097, 65535, 65536, 1 << 20 };
	struct flow_result result;
	struct pair pair;
	size_t i;

	open_pair(&pair, state);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct flow flow = {
			.seed = 300 + (uint32_t)i, .count = 2, .min = sizes[i], .max = sizes[i],
		};

		assert_int_equal(remote_receive_start(&pair.remote, &pair.near, &flow, LIMIT_MS),
				 0);
		flow_send(pair.fd, &pair.far, &flow, LIMIT_MS, &result);
		assert_flow("our sender", &result, &flow);
		assert_int_equal(remote_finish(&pair.remote, &result), 0);
		assert_flow("their receiver", &result, &flow);
		assert_int_equal(remote_send_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
		flow_receive(pair.fd, &pair.far, &flow, LIMIT_MS, &result);
		assert_flow("our receiver", &result, &flow);
		assert_int_equal(remote_finish(&pair.remote, &result), 0);
		assert_flow("their sender", &result, &flow);
	}
	assert_fails(rds_send(pair.fd, out, (1 << 20) + 1, &pair.far, 0), EMSGSIZE);
	pair_close(&pair);
}

/* ---- streams both ways, and something that happens in their middle ---- */

struct streams {
	struct pair out, in;
	struct flow there, back;
	struct flow_result sent, received;	/* by us */
	struct flow_result their_sent, their_received;
	struct remote helper;
	uint32_t happened;
};

typedef void happening(struct streams *streams);

static void step(struct streams *streams, struct flow_tx *tx, struct flow_rx *rx,
		 happening *happens, uint32_t times)
{
	uint32_t part = streams->there.count / (times + 1);
	bool moves;

	moves = flow_tx_send(tx);
	moves |= flow_tx_reap(tx) != 0;
	moves |= flow_rx_take(rx);
	/* Both streams are under way, and neither has ended. */
	if (streams->happened < times && tx->result.messages >= part * (streams->happened + 1) &&
	    rx->result.messages) {
		happens(streams);
		streams->happened++;
	}
	if (!moves)
		flow_tx_wait(tx);
}

static void run_streams(struct streams *streams, happening *happens, uint32_t times)
{
	struct deadline deadline = deadline_in(LIMIT_MS);
	struct flow_tx tx;
	struct flow_rx rx;

	assert_int_equal(remote_receive_start(&streams->out.remote, &streams->out.near,
					      &streams->there, LIMIT_MS), 0);
	assert_int_equal(remote_send_start(&streams->in.remote, &streams->in.near,
					   &streams->back, LIMIT_MS), 0);
	assert_int_equal(flow_tx_open(&tx, streams->out.fd, &streams->out.far, &streams->there),
			 0);
	assert_int_equal(flow_rx_open(&rx, streams->in.fd, &streams->in.far, &streams->back), 0);
	while ((!flow_tx_done(&tx) || !flow_rx_done(&rx)) && !deadline_over(&deadline))
		step(streams, &tx, &rx, happens, times);
	if (flow_rx_done(&rx))
		flow_rx_expect_quiet(&rx);
	streams->sent = tx.result;
	streams->received = rx.result;
	flow_tx_close(&tx);
	flow_rx_close(&rx);
}

static void open_streams(struct streams *streams, void **state, uint32_t count, uint32_t max)
{
	memset(streams, 0, sizeof(*streams));
	open_pair(&streams->out, state);
	pair_open_beside(&streams->in, &streams->out);
	assert_int_equal(zc_force(streams->out.fd), 0);
	assert_int_equal(remote_set(&streams->in.remote, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_int_equal(remote_connect(&streams->helper), 0);
	streams->there = (struct flow){ .seed = 500, .count = count, .max = max, .zerocopy = 1 };
	streams->back = (struct flow){ .seed = 9000, .count = count, .max = max, .zerocopy = 1 };
}

static void finish_streams(struct streams *streams, uint32_t times)
{
	assert_flow("our sender", &streams->sent, &streams->there);
	assert_flow("our receiver", &streams->received, &streams->back);
	assert_int_equal(remote_finish(&streams->out.remote, &streams->their_received), 0);
	assert_int_equal(remote_finish(&streams->in.remote, &streams->their_sent), 0);
	assert_flow("their receiver", &streams->their_received, &streams->there);
	assert_flow("their sender", &streams->their_sent, &streams->back);
	assert_int_equal(streams->happened, times);
	assert_settled(&streams->out, 60000);
	print_message("# %u connections up, %u of %u messages lost by in-tree\n",
		      (unsigned int)moved("conn_up"), streams->their_received.missing,
		      streams->there.count);
	remote_close(&streams->helper);
	pair_close(&streams->in);
	pair_close(&streams->out);
}

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

	open_streams(&streams, state, 400, 60000);
	streams.there.gaps = 100;
	run_streams(&streams, they_reset, 4);
	finish_streams(&streams, 4);
	assert_true(moved("conn_drop_peer") + moved("conn_drop_send") + moved("tcp_replaced") >= 4);
}

static void we_reset(struct streams *streams)
{
	(void)streams;
	assert_true(diag_kill(netns_here(), TCP_PORT) >= 0);
}

/* Row 19, the other side: nothing is lost or doubled, in either direction. */
static void row19_we_reset(void **state)
{
	struct streams streams;

	open_streams(&streams, state, 400, 60000);
	streams.there.gaps = suite_argument("gaps", 0);
	run_streams(&streams, we_reset, 4);
	finish_streams(&streams, 4);
	assert_true(moved("conn_up") >= 4);
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

	open_streams(&streams, state, 100, 60000);
	streams.there.gaps = suite_argument("gaps", 0);
	run_streams(&streams, reset_for_a_while, 1);
	finish_streams(&streams, 1);
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

	open_streams(&streams, state, 100, 60000);
	run_streams(&streams, cut_the_link, 2);
	finish_streams(&streams, 2);
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
	assert_int_equal(moved("conn_up"), 1);
	assert_int_equal(moved("conn_drop_peer"), 0);
	pair_close(&pair);
}

/* ---- row 18: a slow path with small buffers; in-tree's receive buffer stays small after it ---- */

static void row18_small_buffers_and_segments(void **state)
{
	uint32_t count = (uint32_t)suite_argument("messages", 1500);
	struct streams streams;

	open_streams(&streams, state, count, 4096);
	assert_int_equal(remote_sysctl(&streams.helper, "net/rds/tcp/rds_tcp_rcvbuf", 10000), 0);
	if (system("tc qdisc add dev eth0 root netem delay 1ms && ip link set eth0 mtu 576"))
		fail_msg("no netem");
	run_streams(&streams, NULL, 0);
	finish_streams(&streams, 0);
	assert_int_equal(system("tc qdisc del dev eth0 root; ip link set eth0 mtu 1500"), 0);
}

static void add(struct suite *suite, const char *name, CMUnitTestFunction function, size_t many)
{
	size_t i;

	for (i = 0; i < many; i++)
		suite_add_state(suite, name, roles[i].name, function, &roles[i]);
}

#define ADD(function, many) add(&suite, #function, function, many)

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
	if (asked_for_long(argc, argv)) {
		ADD(row21_silence_kills_and_comes_back, 1);
		ADD(row18_small_buffers_and_segments, 1);
	}
	return suite_run(&suite, argc, argv);
}

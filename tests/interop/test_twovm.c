// SPDX-License-Identifier: GPL-2.0
/*
 * Two machines, our module on both (tests/vm/run --peer): a cookie means that the buffer is the
 * sender's again, whatever the other machine has read, and whether its reader lives or not.
 */
#include <string.h>

#include "counters.h"
#include "cred.h"
#include "link.h"
#include "remote.h"
#include "role.h"
#include "zc.h"

#define LIMIT_MS 80000
#define SOCKETS 8
#define PEER_LIMIT (512 << 20)	/* rcv_mem_max of the peer, about what it gives itself */
#define HOLD_MS 10000L		/* pin_hold_ms: as it is by default */
#define LONG_HOLD_MS 120000L	/* the reaper of later tests may sleep for a quarter of it */

static const struct role links[] = {
	{ "v4 small", false, false },
	{ "v4 large", false, true },
	{ "v6 small", true, false },
	{ "v6 large", true, true },
};

static const struct role *role_of(void **state)
{
	return *state;
}

/* Nobody's messages fit the smallest default RLIMIT_MEMLOCK (64 KiB on 5.10) one at a time. */
static uint32_t largest(void)
{
	return cred_is_nobody() ? 32768 : 1 << 20;
}

static uint64_t again;	/* segments that TCP had sent again when the test began */

/* Two slow machines take longer for 64 messages than a page may be held by default. */
static void open_forced(struct pair *pair, const struct role *role)
{
	assert_int_equal(netns_sysctl_set(netns_here(), "pin_hold_ms", HOLD_MS * time_scale()), 0);
	pair_open(pair, role->v6, role->larger);
	assert_int_equal(zc_force(pair->fd), 0);
	again = tcp_sent_again(netns_here());
}

/*
 * Where the device can gather, TCP must not have copied: the verdicts say that the pages travelled.
 * Unless it had to send something again: what the device still has is copied for that.
 */
static void assert_verdicts(const struct flow_result *sent)
{
	uint64_t segments = tcp_sent_again(netns_here()) - again;

	if (link_get_sg(netns_here(), "eth0") != 1)
		assert_int_equal(sent->copied, sent->cookies);
	else if (sent->copied && !segments)
		fail_msg("%u of %u cookies say copied", sent->copied, sent->cookies);
	else if (sent->copied)
		print_message("# %u of %u cookies say copied, TCP sent %u segments again\n",
			      sent->copied, sent->cookies, (unsigned int)segments);
}

/* All cookies are back and all buffers overwritten when the peer begins to read. */
static void overwritten__before_the_peer_reads(void **state)
{
	struct flow flow = { .seed = 1, .count = 64, .min = 1, .max = largest(), .zerocopy = 1 };
	struct flow_result sent, received;
	struct counters before;
	struct pair pair;

	open_forced(&pair, role_of(state));
	assert_int_equal(counters_read(netns_here(), &before), 0);
	flow_send(pair.fd, &pair.far, &flow, LIMIT_MS, &sent);
	flow_assert("sender", &sent, &flow);
	assert_int_equal(sent.cookies, flow.count);
	assert_verdicts(&sent);
	/* All went by the user's pages, through TCP's zerocopy. */
	assert_int_equal(counter_moved(netns_here(), &before, "zc_sent"), flow.count);
	assert_int_equal(counter_moved(netns_here(), &before, "zc_completed"), flow.count);
	assert_true(counter_moved(netns_here(), &before, "zc_passes") >= flow.count / 16);
	assert_int_equal(remote_receive_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	assert_int_equal(remote_finish(&pair.remote, &received), 0);
	flow_assert("receiver", &received, &flow);
	pair_close(&pair);
}

/* Both sides send by zerocopy at the same time, over one connection. */
static void both_ways__at_once(void **state)
{
	const uint32_t max = largest();
	struct flow there = { .seed = 300, .count = 100, .min = 1, .max = max, .zerocopy = 1 };
	struct flow back = { .seed = 700, .count = 100, .min = 1, .max = max, .zerocopy = 1 };
	struct flow_result result;
	struct pair out, in;

	open_forced(&out, role_of(state));
	pair_open_beside(&in, &out);
	assert_int_equal(remote_set(&in.remote, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_int_equal(remote_set(&in.remote, SOL_RDS, RDSZC_ZC_THRESHOLD, 0), 0);
	assert_int_equal(remote_receive_start(&out.remote, &out.near, &there, LIMIT_MS), 0);
	assert_int_equal(remote_send_start(&in.remote, &in.near, &back, LIMIT_MS), 0);
	flow_send(out.fd, &out.far, &there, LIMIT_MS, &result);
	flow_assert("our sender", &result, &there);
	flow_receive(in.fd, &in.far, &back, LIMIT_MS, &result);
	flow_assert("our receiver", &result, &back);
	assert_int_equal(remote_finish(&out.remote, &result), 0);
	flow_assert("their receiver", &result, &there);
	assert_int_equal(remote_finish(&in.remote, &result), 0);
	flow_assert("their sender", &result, &back);
	assert_int_equal(result.cookies, back.count);
	pair_close(&out);
	pair_close(&in);
}

/* ---- eight sockets, 64 messages deep, half of the readers held for a while ---- */

struct lane {
	struct pair pair;
	struct flow_tx tx;
	struct flow_result received;
};

static void lane_open(struct lane *lane, size_t index, const struct lane *first, uint32_t count)
{
	struct flow flow = {
		.seed = (uint32_t)index * 7919,
		.count = count,
		.min = index % 2 ? 1 << 20 : 1,
		.max = 1 << 20,
		.zerocopy = 1,
	};

	if (index)
		pair_open_beside(&lane->pair, &first->pair);
	assert_int_equal(zc_force(lane->pair.fd), 0);
	assert_int_equal(flow_tx_open(&lane->tx, lane->pair.fd, &lane->pair.far, &flow), 0);
}

/* A reader that does not read may hold 1 MiB; then its sender meets congestion. */
static void lane_hold(struct lane *lane)
{
	assert_int_equal(remote_set(&lane->pair.remote, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20), 0);
}

static void lane_read(struct lane *lane)
{
	assert_int_equal(remote_receive_start(&lane->pair.remote, &lane->pair.near, &lane->tx.flow,
					      LIMIT_MS), 0);
}

/*
 * The peer takes no more than it has, so the cookies of what it has not taken cannot come back: all
 * slots of all sockets are out at once.
 */
static void lanes_fill(struct lane *lanes)
{
	struct deadline deadline = deadline_in(LIMIT_MS);
	struct remote *remote = &lanes[0].pair.remote;
	uint32_t out;
	size_t i;

	assert_int_equal(remote_sysctl(remote, "net/rds_zc/rcv_mem_max", 1), 0);
	do {
		assert_false(deadline_over(&deadline));
		for (out = i = 0; i < SOCKETS; i++) {
			while (flow_tx_send(&lanes[i].tx))
				;
			flow_tx_reap(&lanes[i].tx);
			out += lanes[i].tx.out;
		}
	} while (out < SOCKETS * FLOW_DEPTH);
	assert_int_equal(remote_sysctl(remote, "net/rds_zc/rcv_mem_max", PEER_LIMIT), 0);
}

/* Pushes some lanes until they are done; the others stand still, as their readers do. */
static void lanes_run(struct lane *lanes, size_t count, size_t must_end)
{
	struct deadline deadline = deadline_in(LIMIT_MS);
	size_t done, i;
	bool moved;

	do {
		moved = false;
		for (done = i = 0; i < count; i++) {
			while (flow_tx_send(&lanes[i].tx))
				moved = true;
			moved |= flow_tx_reap(&lanes[i].tx) != 0;
			done += i < must_end && flow_tx_done(&lanes[i].tx);
		}
		if (!moved)
			flow_tx_wait(&lanes[0].tx);
		assert_false(deadline_over(&deadline));
	} while (done < must_end);
}

/* Pushes the held ones until the map of their readers is here. */
static void lanes_meet_congestion(struct lane *lanes, size_t count, const struct counters *before)
{
	struct deadline deadline = deadline_in(LIMIT_MS);
	size_t i;

	while (!counter_moved(netns_here(), before, "cong_send_error")) {
		assert_false(deadline_over(&deadline));
		for (i = 0; i < count; i++) {
			while (flow_tx_send(&lanes[i].tx))
				;
			flow_tx_reap(&lanes[i].tx);
		}
		deadline_step();
	}
}

static void lane_finish(struct lane *lane, const char *who)
{
	assert_int_equal(lane->tx.most, FLOW_DEPTH);
	flow_assert(who, &lane->tx.result, &lane->tx.flow);
	assert_int_equal(lane->tx.result.cookies, lane->tx.flow.count);
	assert_verdicts(&lane->tx.result);
	assert_int_equal(remote_finish(&lane->pair.remote, &lane->received), 0);
	flow_assert(who, &lane->received, &lane->tx.flow);
	flow_tx_close(&lane->tx);
	pair_close(&lane->pair);
}

/*
 * All slots are out before the first reader begins; every second socket sends 1 MiB each time.
 * Readers 4..7 begin only when lanes 0..3 are through: their senders fill up and meet congestion,
 * which must not stop the others. No page is held for too long, however slow the two machines are.
 * Argument: messages=N per socket.
 */
static void flood__eight_sockets_half_of_them_held(void **state)
{
	uint32_t count = (uint32_t)suite_argument("messages", 80);
	static struct lane lanes[SOCKETS];
	struct counters before;
	size_t i;

	memset(lanes, 0, sizeof(lanes));
	assert_int_equal(counters_read(netns_here(), &before), 0);
	pair_open(&lanes[0].pair, role_of(state)->v6, role_of(state)->larger);
	for (i = 0; i < SOCKETS; i++)
		lane_open(&lanes[i], i, &lanes[0], count);
	for (i = SOCKETS / 2; i < SOCKETS; i++)
		lane_hold(&lanes[i]);
	assert_int_equal(netns_sysctl_set(netns_here(), "pin_hold_ms",
					  LONG_HOLD_MS * time_scale()), 0);
	lanes_fill(lanes);
	for (i = 0; i < SOCKETS / 2; i++)
		lane_read(&lanes[i]);
	lanes_run(lanes, SOCKETS, SOCKETS / 2);
	lanes_meet_congestion(&lanes[SOCKETS / 2], SOCKETS / 2, &before);
	for (i = SOCKETS / 2; i < SOCKETS; i++)
		lane_read(&lanes[i]);
	lanes_run(lanes, SOCKETS, SOCKETS);
	for (i = 0; i < SOCKETS; i++)
		lane_finish(&lanes[i], i < SOCKETS / 2 ? "free lane" : "held lane");
	assert_int_equal(counter_moved(netns_here(), &before, "zc_sent"), SOCKETS * count);
	assert_int_equal(counter_moved(netns_here(), &before, "zc_completed"), SOCKETS * count);
	assert_int_equal(netns_sysctl_set(netns_here(), "pin_hold_ms", HOLD_MS), 0);
}

/*
 * Root has all of it out, and some on the way. Nobody's may all be sent before there is a
 * connection, and then no reader would hold any.
 */
static void lane_send_half(struct lane *lane)
{
	struct deadline deadline = deadline_in(LIMIT_MS);

	while (lane->tx.result.messages < lane->tx.flow.count / 2) {
		if (flow_tx_send(&lane->tx))
			continue;
		assert_true(cred_is_nobody());
		assert_false(deadline_over(&deadline));
		if (!flow_tx_reap(&lane->tx))
			flow_tx_wait(&lane->tx);
	}
	if (cred_is_nobody())
		pair_wait_acked(&lane->pair);
}

/* kill -9 of a reader that holds messages: nothing stays pinned, every cookie comes back. */
static void killed_reader__gives_every_cookie_back(void **state)
{
	struct flow flow = { .seed = 5, .count = 64, .min = 1, .max = largest(), .zerocopy = 1 };
	long pinned = zc_pinned_pages();
	struct lane lane = { 0 };
	struct remote killer;

	open_forced(&lane.pair, role_of(state));
	assert_int_equal(remote_connect(&killer), 0);
	assert_int_equal(flow_tx_open(&lane.tx, lane.pair.fd, &lane.pair.far, &flow), 0);
	lane_send_half(&lane);
	assert_int_equal(remote_kill(&killer, &lane.pair.remote), 0);
	lanes_run(&lane, 1, 1);
	flow_assert("sender", &lane.tx.result, &flow);
	assert_int_equal(lane.tx.result.cookies, flow.count);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	flow_tx_close(&lane.tx);
	remote_close(&killer);
	pair_close(&lane.pair);
}

#define ADD(function, many) role_add(&suite, #function, function, links, many)
#define ADD_NOBODY(function, many) role_add_nobody(&suite, #function, function, links, many)

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "twovm" };

	ADD(overwritten__before_the_peer_reads, 4);
	ADD(both_ways__at_once, 4);
	ADD(flood__eight_sockets_half_of_them_held, 2);
	ADD(killed_reader__gives_every_cookie_back, 2);
	ADD_NOBODY(overwritten__before_the_peer_reads, 2);
	ADD_NOBODY(both_ways__at_once, 2);
	ADD_NOBODY(killed_reader__gives_every_cookie_back, 2);
	return suite_run(&suite, argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Against in-tree rds_tcp in the second VM (tests/vm/run --peer=6.1 --peer-mode=intree): both
 * directions, both connect roles, who speaks first, IPv4 and IPv6, 0 B to 1 MiB, zerocopy and not.
 * Every message is checked; nothing may be lost, doubled or out of order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "diag.h"
#include "remote.h"
#include "suite.h"
#include "zc.h"

#define MESSAGES 72
#define LIMIT_MS 60000

struct role {
	const char *name;
	bool v6;
	bool larger;	/* in-tree has the smaller address, and dials */
};

static const struct role roles[] = {
	{ "v4, we dial", false, false },
	{ "v4, in-tree dials", false, true },
	{ "v6, we dial", true, false },
	{ "v6, in-tree dials", true, true },
};

/* Added up over the whole program, for the last test. */
static uint32_t checked;

static const struct role *role_of(void **state)
{
	return *state;
}

static struct counters before;

static void open_new_connection(struct pair *pair, const struct role *role)
{
	assert_int_equal(counters_read(netns_here(), &before), 0);
	pair_open(pair, role->v6, role->larger);
}

/* In-tree RDS may drop a connection that it dialled at the same time as we did: told, not judged. */
static void tell_reconnects(void)
{
	static const char * const names[] = {
		"conn_up", "conn_drop_peer", "conn_drop_send", "conn_drop_protocol",
		"conn_drop_stalled", "tcp_replaced", "tcp_wakeups_received",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		print_message("# %s %d\n", names[i],
			      (int)counter_moved(netns_here(), &before, names[i]));
}

/* It was dialled by the smaller address, every time. */
static void assert_role(const struct role *role)
{
	int ups = (int)counter_moved(netns_here(), &before, "conn_up");
	int accepts = (int)counter_moved(netns_here(), &before, "tcp_accepts");

	if (ups != 1)
		tell_reconnects();
	assert_int_equal(counter_moved(netns_here(), &before, "conn_drop_protocol"), 0);
	assert_true(ups >= 1);
	/* Lanes may still come while this is looked at. */
	assert_true(role->larger ? accepts >= ups : !accepts);
}

static struct flow flow_of(bool zerocopy, uint32_t seed)
{
	return (struct flow){
		.seed = seed,
		.count = MESSAGES,
		.min = 0,
		.max = 1 << 20,
		.zerocopy = zerocopy,
	};
}

static void assert_received(const struct flow_result *result, const struct flow *flow)
{
	if (result->wrong || result->error)
		fail_msg("receiver, %u wrong, %s: %s", result->wrong, strerror(result->error),
			 result->text);
	assert_int_equal(result->messages, flow->count);
	checked += result->messages;
}

static void assert_sent(const struct flow_result *result, const struct flow *flow)
{
	uint32_t cookies = 0, i;

	if (result->wrong || result->error)
		fail_msg("sender, %u wrong, %s: %s", result->wrong, strerror(result->error),
			 result->text);
	for (i = 0; flow->zerocopy && i < flow->count; i++)
		cookies += flow_length(flow, i) != 0;
	assert_int_equal(result->messages, flow->count);
	assert_int_equal(result->cookies, cookies);
}

static void to_intree(void **state, bool zerocopy)
{
	struct flow flow = flow_of(zerocopy, 100);
	struct flow_result sent, received;
	struct pair pair;

	open_new_connection(&pair, role_of(state));
	assert_int_equal(zc_force(pair.fd), 0);
	assert_int_equal(remote_receive_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	flow_send(pair.fd, &pair.far, &flow, LIMIT_MS, &sent);
	assert_int_equal(remote_finish(&pair.remote, &received), 0);
	assert_sent(&sent, &flow);
	assert_received(&received, &flow);
	assert_role(role_of(state));
	pair_close(&pair);
}

static void from_intree(void **state, bool zerocopy)
{
	struct flow flow = flow_of(zerocopy, 200);
	struct flow_result sent, received;
	struct pair pair;

	open_new_connection(&pair, role_of(state));
	assert_int_equal(remote_set(&pair.remote, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_int_equal(remote_send_start(&pair.remote, &pair.near, &flow, LIMIT_MS), 0);
	flow_receive(pair.fd, &pair.far, &flow, LIMIT_MS, &received);
	assert_int_equal(remote_finish(&pair.remote, &sent), 0);
	assert_sent(&sent, &flow);
	assert_received(&received, &flow);
	assert_role(role_of(state));
	pair_close(&pair);
}

static void to_intree__copied(void **state)
{
	to_intree(state, false);
}

static void to_intree__zerocopy(void **state)
{
	to_intree(state, true);
}

static void from_intree__copied(void **state)
{
	from_intree(state, false);
}

static void from_intree__zerocopy(void **state)
{
	from_intree(state, true);
}

/* Two pairs of sockets on one connection, one each way, at the same time. */
static void both_ways__at_once(void **state)
{
	struct flow there = flow_of(true, 300), back = flow_of(true, 400);
	struct flow_result sent, received;
	struct pair out, in;

	open_new_connection(&out, role_of(state));
	pair_open_beside(&in, &out);
	assert_int_equal(zc_force(out.fd), 0);
	assert_int_equal(remote_set(&in.remote, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_int_equal(remote_receive_start(&out.remote, &out.near, &there, LIMIT_MS), 0);
	assert_int_equal(remote_send_start(&in.remote, &in.near, &back, LIMIT_MS), 0);
	flow_send(out.fd, &out.far, &there, LIMIT_MS, &sent);
	assert_sent(&sent, &there);
	flow_receive(in.fd, &in.far, &back, LIMIT_MS, &received);
	assert_received(&received, &back);
	assert_int_equal(remote_finish(&out.remote, &received), 0);
	assert_received(&received, &there);
	assert_int_equal(remote_finish(&in.remote, &sent), 0);
	assert_sent(&sent, &back);
	assert_role(role_of(state));
	pair_close(&out);
	pair_close(&in);
}

/*
 * Row 4 of the checklist: both speak first at the same moment, over and over, each time on two
 * addresses that have no connection yet. In-tree resets the connection that it has no use for after
 * its TCP took our first messages: they must come all the same, and come once.
 */
static void duel(const struct role *role, uint32_t seed)
{
	struct flow there = { .seed = seed, .count = 6, .min = 0, .max = 3000 };
	struct flow back = { .seed = seed + 6, .count = 6, .min = 0, .max = 3000 };
	struct flow_result sent, received;
	struct pair out, in;

	pair_open(&out, role->v6, role->larger);
	pair_open_beside(&in, &out);
	assert_int_equal(remote_receive_start(&out.remote, &out.near, &there, LIMIT_MS), 0);
	assert_int_equal(remote_send_start(&in.remote, &in.near, &back, LIMIT_MS), 0);
	usleep(seed % 7 * 300);
	flow_send(out.fd, &out.far, &there, LIMIT_MS, &sent);
	flow_receive(in.fd, &in.far, &back, LIMIT_MS, &received);
	assert_received(&received, &back);
	assert_int_equal(remote_finish(&out.remote, &received), 0);
	assert_received(&received, &there);
	assert_int_equal(remote_finish(&in.remote, &sent), 0);
	assert_sent(&sent, &back);
	pair_close(&out);
	pair_close(&in);
}

/* Until some of them met (the older in-tree kernels reset one of the two then), within reason. */
static void row4_duels__nothing_is_lost(void **state)
{
	long i, most = suite_argument("duels", 30);

	assert_int_equal(counters_read(netns_here(), &before), 0);
	for (i = 0; i < most; i++) {
		duel(role_of(state), (uint32_t)(1000 + 12 * i));
		if (most == 30 && i >= 8 && counter_moved(netns_here(), &before, "conn_drop_peer") > 2)
			break;
	}
	print_message("# %ld duels\n", i);
	tell_reconnects();
	assert_int_equal(counter_moved(netns_here(), &before, "conn_drop_protocol"), 0);
}

/* ---- lanes ---- */

#define TCP_PORT 16385
#define BESIDE 7

/* In-tree RDS from 7.x on tells the lane by its port; the others could not keep lanes apart. */
static bool peer_has_lanes(void)
{
	const char *kernel = getenv("RDSZ_PEER_KERNEL");

	assert_non_null(kernel);
	return !strncmp(kernel, "7.", 2);
}

/* How many connections of each lane there are beyond those of other tests. */
static int more_lanes(const unsigned int base[DIAG_LANES], int total, int more[DIAG_LANES])
{
	unsigned int now[DIAG_LANES];
	int all = diag_lanes(netns_here(), TCP_PORT, now);
	size_t i;

	for (i = 0; i < DIAG_LANES; i++)
		more[i] = (int)now[i] - (int)base[i];
	return all - total;
}

static void expect_lanes(const unsigned int base[DIAG_LANES], int total)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int want = peer_has_lanes() ? DIAG_LANES : 1;
	int more[DIAG_LANES];
	size_t i;

	while (more_lanes(base, total, more) != want) {
		if (deadline_over(&deadline))
			fail_msg("%d connections, expected %d", more_lanes(base, total, more), want);
		deadline_step();
	}
	usleep(500000);
	assert_int_equal(more_lanes(base, total, more), want);
	for (i = 0; want > 1 && i < DIAG_LANES; i++)
		assert_int_equal(more[i], 1);
}

/* One pair of sockets after the other, there and back, with a word on who fails. */
static void exchange(struct pair *pair, uint32_t seed)
{
	struct flow flow = { .seed = seed, .count = 40, .min = 0, .max = 20000 };
	struct flow_result sent, received;

	assert_int_equal(remote_echo_start(&pair->remote, &pair->near, &flow, LIMIT_MS), 0);
	flow_send(pair->fd, &pair->far, &flow, LIMIT_MS, &sent);
	flow_receive(pair->fd, &pair->far, &flow, LIMIT_MS, &received);
	assert_sent(&sent, &flow);
	assert_received(&received, &flow);
	assert_int_equal(remote_finish(&pair->remote, &received), 0);
	assert_received(&received, &flow);
}

/* Rows 6 and 7: eight connections, one for each lane, with a peer that can; else exactly one. */
static void row6_lanes__as_many_as_the_peer_keeps_apart(void **state)
{
	struct pair first, beside[BESIDE];
	unsigned int base[DIAG_LANES];
	int total = diag_lanes(netns_here(), TCP_PORT, base);
	uint32_t i;

	open_new_connection(&first, role_of(state));
	exchange(&first, 5000);
	for (i = 0; i < BESIDE; i++) {
		pair_open_beside(&beside[i], &first);
		exchange(&beside[i], 5100 + 100 * i);
	}
	expect_lanes(base, total);
	for (i = 0; i < BESIDE; i++)
		exchange(&beside[i], 6000 + 100 * i);
	assert_role(role_of(state));
	if (peer_has_lanes())
		assert_true(counter_moved(netns_here(), &before, "lane_moved") > 0);
	else
		assert_int_equal(counter_moved(netns_here(), &before, "conn_up"), 1);
	for (i = 0; i < BESIDE; i++)
		pair_close(&beside[i]);
	pair_close(&first);
}

static void all__a_thousand_messages_were_checked(void **state)
{
	(void)state;
	print_message("%u messages checked\n", checked);
	assert_true(checked >= 1000);
}

static void add_all(struct suite *suite, const char *name, CMUnitTestFunction function)
{
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		suite_add_state(suite, name, roles[i].name, function, &roles[i]);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "intree" };

	add_all(&suite, "to_intree__copied", to_intree__copied);
	add_all(&suite, "to_intree__zerocopy", to_intree__zerocopy);
	add_all(&suite, "from_intree__copied", from_intree__copied);
	add_all(&suite, "from_intree__zerocopy", from_intree__zerocopy);
	add_all(&suite, "both_ways__at_once", both_ways__at_once);
	add_all(&suite, "row6_lanes__as_many_as_the_peer_keeps_apart",
		row6_lanes__as_many_as_the_peer_keeps_apart);
	suite_add_state(&suite, "row4_duels__nothing_is_lost", roles[2].name,
			row4_duels__nothing_is_lost, &roles[2]);
	suite_add_state(&suite, "row4_duels__nothing_is_lost", roles[3].name,
			row4_duels__nothing_is_lost, &roles[3]);
	SUITE_ADD_PLAIN(&suite, all__a_thousand_messages_were_checked);
	return suite_run(&suite, argc, argv);
}

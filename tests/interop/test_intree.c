// SPDX-License-Identifier: GPL-2.0
/*
 * Against in-tree rds_tcp in the second VM (tests/vm/run --peer=6.1 --peer-mode=intree): both
 * directions, both connect roles, who speaks first, IPv4 and IPv6, 0 B to 1 MiB, zerocopy and not.
 * Every message is checked; nothing may be lost, doubled or out of order.
 */
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "diag.h"
#include "remote.h"
#include "role.h"
#include "watch.h"
#include "zc.h"

#define MESSAGES 72
#define LIMIT_MS 60000

static const struct role roles[] = {
	{ "v4, we dial", false, false },
	{ "v4, in-tree dials", false, true },
	{ "v6, we dial", true, false },
	{ "v6, in-tree dials", true, true },
};

/* Of row 4: in a duel both families do the same. */
static const struct role duel_roles[] = {
	{ "v4, we dial", false, false },
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

/*
 * In-tree RDS may drop a connection that it dialled at the same time as we did: told, not judged.
 */
static void tell_reconnects(void)
{
	static const char * const names[] = {
		"conn_up", "conn_drop_peer", "conn_drop_send", "conn_drop_protocol",
		"conn_drop_stalled", "tcp_replaced", "tcp_wakeups_received",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
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

/* Who speaks first and has the larger address wakes the other side. */
static void assert_wakeup(const char *counter)
{
	assert_true(counter_moved(netns_here(), &before, counter) >= 1);
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
	flow_assert("receiver", result, flow);
	checked += result->messages;
}

static void assert_sent(const struct flow_result *result, const struct flow *flow)
{
	uint32_t cookies = 0, i;

	flow_assert("sender", result, flow);
	for (i = 0; flow->zerocopy && i < flow->count; i++)
		cookies += flow_length(flow, i) != 0;
	assert_int_equal(result->cookies, cookies);
}

/*
 * Row 1 of the checklist where we dial. Row 2 where in-tree does: we want it first, and what we
 * dial for that is no connection of ours; the messages go by the one that in-tree makes then.
 */
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
	if (role_of(state)->larger)
		assert_wakeup("tcp_wakeups_sent");
	pair_close(&pair);
}

/*
 * Row 3 where we dial: in-tree wants us first, and its wake-up is ended with nothing on it, or what
 * it said there would be missing.
 */
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
	if (!role_of(state)->larger)
		assert_wakeup("tcp_wakeups_received");
	pair_close(&pair);
}

static void row1_row2_to_intree__copied(void **state)
{
	to_intree(state, false);
}

static void to_intree__zerocopy(void **state)
{
	to_intree(state, true);
}

static void row3_from_intree__copied(void **state)
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

/* What is left between two addresses was dialled by the smaller; a wake-up may take a moment. */
static void assert_dialled_by_the_smaller(const struct pair *pair, const struct role *role)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	unsigned int ours;
	int all;

	for (;;) {
		all = diag_dialled_of(netns_here(), RDS_TCP_PORT, &pair->near, &ours);
		if (all >= 1 && ours == (role->larger ? 0 : (unsigned int)all))
			return;
		if (deadline_over(&deadline))
			fail_msg("%d connections, %u of them dialled by us", all, ours);
		deadline_step();
	}
}

/*
 * Row 4 of the checklist: both speak first at the same moment, over and over, each time on two
 * addresses that have no connection yet. In-tree resets the connection that it has no use for after
 * its TCP took our first messages: they must come all the same, and come once. It ends with
 * connections of the smaller address alone.
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
	assert_dialled_by_the_smaller(&out, role);
	pair_close(&out);
	pair_close(&in);
}

/* Until some of them met (the older in-tree kernels reset one of the two then), within reason. */
static void row4_duels__nothing_is_lost(void **state)
{
	long i, most = suite_argument("duels", 30);

	/* With lanes each makes eight connections. */
	watch_limit((unsigned int)(100 + 5 * most));
	assert_int_equal(counters_read(netns_here(), &before), 0);
	for (i = 0; i < most; i++) {
		duel(role_of(state), (uint32_t)(1000 + 12 * i));
		if (most == 30 && i >= 8 &&
		    counter_moved(netns_here(), &before, "conn_drop_peer") > 2)
			break;
	}
	print_message("# %ld duels\n", i);
	/* Those that ended meanwhile were dialled by the smaller one, too. */
	assert_role(role_of(state));
}

static void all__a_thousand_messages_were_checked(void **state)
{
	(void)state;
	print_message("%u messages checked\n", checked);
	assert_true(checked >= 1000);
}

#define ADD(function) role_add(&suite, #function, function, roles, ARRAY_SIZE(roles))

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "intree" };

	ADD(row1_row2_to_intree__copied);
	ADD(to_intree__zerocopy);
	ADD(row3_from_intree__copied);
	ADD(from_intree__zerocopy);
	ADD(both_ways__at_once);
	role_add(&suite, "row4_duels__nothing_is_lost", row4_duels__nothing_is_lost, duel_roles,
		 ARRAY_SIZE(duel_roles));
	SUITE_ADD_PLAIN(&suite, all__a_thousand_messages_were_checked);
	return suite_run(&suite, argc, argv);
}

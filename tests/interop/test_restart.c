// SPDX-License-Identifier: GPL-2.0
/*
 * The peer's machine loses its power and comes back (tests/vm/run --peer --restarts): with our
 * module, with in-tree RDS, and with ours again. Row 22 of the interop checklist.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "array.h"
#include "counters.h"
#include "diag.h"
#include "filter.h"
#include "info_layout.h"
#include "pattern.h"
#include "remote.h"
#include "role.h"
#include "watch.h"
#include "zc.h"

#define LIMIT_MS 60000
#define UNLIMITED (1 << 30)
#define MESSAGES 48

#define V4_ROLES 2
static const struct role roles[] = {
	{ "we dial", false, false },
	{ "the peer dials", false, true },
	{ "v6, we dial", true, false },
	{ "v6, the peer dials", true, true },
};

static const struct role *role_of(void **state)
{
	return *state;
}

/*
 * Booting takes its time under emulation, four minutes on a busy machine: the limit of a test for
 * that, and again for what follows.
 */
static void restart(struct pair *pair, const char *mode)
{
	watch_limit(600);
	remote_restart(mode);
	pair_reopen_far(pair);
	watch_limit(300);
}

/* So little that the peer's TCP takes it unread. */
static struct flow flow_of(uint32_t seed)
{
	return (struct flow){ .seed = seed, .count = MESSAGES, .min = 0, .max = 1024 };
}

static void to_peer(struct pair *pair, uint32_t seed)
{
	struct flow flow = flow_of(seed);
	struct flow_result sent, received;

	assert_int_equal(remote_receive_start(&pair->remote, &pair->near, &flow, LIMIT_MS), 0);
	flow_send(pair->fd, &pair->far, &flow, LIMIT_MS, &sent);
	flow_assert("sender", &sent, &flow);
	assert_int_equal(remote_finish(&pair->remote, &received), 0);
	flow_assert("receiver", &received, &flow);
}

static void from_peer(struct pair *pair, uint32_t seed)
{
	struct flow flow = flow_of(seed);
	struct flow_result sent, received;

	assert_int_equal(remote_send_start(&pair->remote, &pair->near, &flow, LIMIT_MS), 0);
	flow_receive(pair->fd, &pair->far, &flow, LIMIT_MS, &received);
	flow_assert("receiver", &received, &flow);
	assert_int_equal(remote_finish(&pair->remote, &sent), 0);
	flow_assert("sender", &sent, &flow);
}

static uint64_t retained_now(void)
{
	uint64_t ended = counter_now(netns_here(), "msg_retained_done");

	return counter_now(netns_here(), "msg_retained") - ended;
}

static void wait_until_nothing_is_retained(void)
{
	struct deadline deadline = deadline_in(LIMIT_MS);

	while (retained_now()) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

static void send_all(struct pair *pair, const struct flow *flow)
{
	struct flow_result sent;

	flow_send(pair->fd, &pair->far, flow, LIMIT_MS, &sent);
	flow_assert("sender", &sent, flow);
}

/* The TCP of a peer of ours acknowledges all of them, and its RDS reads none. */
static void send_unread(struct pair *pair, const struct flow *flow)
{
	assert_true(diag_wait_lanes(netns_here(), RDS_TCP_PORT, &pair->near));
	/* A message that nobody reads is over the limit: the peer stops to read from TCP. */
	assert_int_equal(remote_sysctl(&pair->remote, "net/rds_zc/rcv_mem_max", 1), 0);
	send_pattern(pair->fd, 100, 2, &pair->far);
	pair_wait_acked(pair);
	wait_until_nothing_is_retained();
	send_all(pair, flow);
	pair_wait_acked(pair);
	assert_int_equal(retained_now(), flow->count);
}

/* The next life of the peer gets them: all of them, and once. */
static void assert_come_once(struct pair *pair, const struct flow *flow)
{
	struct flow_result received;

	assert_int_equal(remote_receive_start(&pair->remote, &pair->near, flow, LIMIT_MS), 0);
	assert_int_equal(remote_finish(&pair->remote, &received), 0);
	flow_assert("receiver", &received, flow);
}

/* The peer's TCP has acknowledged all, its RDS has read none of it, and it dies. */
static void killed__what_was_in_no_queue_comes_once(void **state)
{
	struct flow flow = flow_of(1000);
	struct pair pair;

	pair_open(&pair, false, role_of(state)->larger);
	to_peer(&pair, 1);
	from_peer(&pair, 500);
	send_unread(&pair, &flow);

	restart(&pair, "rds_zc");
	assert_come_once(&pair, &flow);
	to_peer(&pair, 3000);
	from_peer(&pair, 3500);
	pair_close(&pair);
}

static void hear(bool on)
{
	assert_int_equal(filter_set(netns_here(), RDS_TCP_PORT, on ? FILTER_NONE : FILTER_DEAF),
			 0);
}

/* In-tree takes a message for a port that nobody has yet, and it is gone: so not before it has. */
static void restart_unheard(struct pair *pair, const char *mode)
{
	hear(false);
	restart(pair, mode);
	hear(true);
}

/* What TCP has is done where in-tree reads it: so its acknowledgements are not heard. */
static void send_unacknowledged(struct pair *pair, const struct flow *flow)
{
	int bytes = 0, left = -1;
	uint32_t i;

	for (i = 0; i < flow->count; i++)
		bytes += (int)flow_length(flow, i);
	hear(false);
	send_all(pair, flow);
	assert_int_equal(ioctl(pair->fd, SIOCOUTQ, &left), 0);
	assert_int_equal(left, bytes);
}

/*
 * Each life of the peer is learned anew: what the one before has left unread, or unacknowledged,
 * comes once to a peer of the other kind, and traffic goes on.
 */
static void restarted__into_intree_and_back(void **state)
{
	struct flow unread = flow_of(1000), unacknowledged = flow_of(6000);
	const struct role *role = role_of(state);
	struct pair pair;

	pair_open(&pair, role->v6, role->larger);
	to_peer(&pair, 1);
	from_peer(&pair, 500);
	send_unread(&pair, &unread);

	restart_unheard(&pair, "intree");
	assert_come_once(&pair, &unread);
	to_peer(&pair, 5000);
	from_peer(&pair, 5500);
	pair_wait_acked(&pair);
	send_unacknowledged(&pair, &unacknowledged);

	restart_unheard(&pair, "rds_zc");
	assert_come_once(&pair, &unacknowledged);
	to_peer(&pair, 7000);
	from_peer(&pair, 7500);
	pair_close(&pair);
}

static bool same_ip(const void *wide, const union rds_addr *addr)
{
	return !memcmp((const char *)wide + 12, &addr->in.sin_addr, 4);
}

/* Of the two IPv4 addresses, by the list that tools read. */
static bool connection_is_up(const struct pair *pair)
{
	static struct rds6_info_connection list[256];
	socklen_t length = sizeof(list);
	size_t i;

	assert_int_equal(getsockopt(pair->fd, SOL_RDS, RDS6_INFO_CONNECTIONS, list, &length),
			 sizeof(list[0]));
	for (i = 0; i < length / sizeof(list[0]); i++)
		if (same_ip(&list[i].laddr, &pair->near) && same_ip(&list[i].faddr, &pair->far))
			return list[i].flags & RDS_INFO_CONNECTION_FLAG_CONNECTED;
	return false;
}

/* Once for each lane that goes: one of them at least, and each once. */
static void assert_moved_up_to(const struct counters *before, const char *name, int lanes)
{
	uint64_t moved = counter_moved(netns_here(), before, name);

	if (moved < 1 || moved > (uint64_t)lanes)
		fail_msg("%s: %llu for %d lanes", name, (unsigned long long)moved, lanes);
}

/*
 * Row 22: in-tree dies without a word, comes back as in-tree, and is the first to send. Ours has
 * noticed nothing by then, for a machine boots more slowly than keep-alive bites, so that is put
 * off: the connection is up, and goes for what the new life sends and nothing else. Where the peer
 * dials, its new connection takes the place of the old one. Where we dial, its wake-up has us say
 * something on the old one, and its TCP resets that.
 */
static void row22_in_tree_restarted__sends_at_once(void **state)
{
	const struct role *role = role_of(state);
	unsigned int count[DIAG_LANES];
	struct counters before;
	struct pair pair;
	int lanes;
	long idle;

	assert_int_equal(netns_sysctl_get(netns_here(), "keepalive_idle", &idle), 0);
	assert_int_equal(netns_sysctl_set(netns_here(), "keepalive_idle", 3600), 0);
	pair_open(&pair, false, role->larger);
	restart(&pair, "intree");
	to_peer(&pair, 1);
	pair_wait_acked(&pair);
	/* Those of other addresses, too, that older tests left: none finds out by keep-alive. */
	assert_true(diag_kill_next(netns_here(), RDS_TCP_PORT));
	to_peer(&pair, 200);
	from_peer(&pair, 500);
	pair_wait_acked(&pair);
	lanes = diag_lanes_of(netns_here(), RDS_TCP_PORT, &pair.near, count);
	assert_true(lanes >= 1);

	restart(&pair, "intree");
	assert_true(connection_is_up(&pair));
	assert_int_equal(counters_read(netns_here(), &before), 0);
	from_peer(&pair, 9000);
	assert_moved_up_to(&before, "conn_reset", lanes);
	assert_moved_up_to(&before, role->larger ? "tcp_replaced" : "conn_drop_peer", lanes);
	to_peer(&pair, 9500);
	assert_int_equal(netns_sysctl_set(netns_here(), "keepalive_idle", idle), 0);
	restart(&pair, "rds_zc");
	pair_close(&pair);
}

#define ADD(function, many) role_add(&suite, #function, function, roles, many)

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "restart" };

	ADD(killed__what_was_in_no_queue_comes_once, V4_ROLES);
	ADD(restarted__into_intree_and_back, ARRAY_SIZE(roles));
	ADD(row22_in_tree_restarted__sends_at_once, V4_ROLES);
	return suite_run(&suite, argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/* What the rows of the interop checklist share. */
#include "ends.h"
#include "rows.h"
#include "streams.h"

const struct role rows_roles[ROWS_ROLES] = {
	{ "v4, we dial", false, false },
	{ "v6, in-tree dials", true, true },
};

struct counters rows_before;

void open_pair(struct pair *pair, void **state)
{
	const struct role *role = *state;

	assert_int_equal(counters_read(netns_here(), &rows_before), 0);
	pair_open(pair, role->v6, role->larger);
	assert_int_equal(rds_set_timeouts(pair->fd, DEADLINE_USUAL_MS), 0);
}

uint64_t moved(const char *counter)
{
	return counter_moved(netns_here(), &rows_before, counter);
}

void flow_there_start(struct pair *pair, const struct flow *flow)
{
	struct flow_result result;

	assert_int_equal(remote_receive_start(&pair->remote, &pair->near, flow, ROWS_LIMIT_MS), 0);
	flow_send(pair->fd, &pair->far, flow, ROWS_LIMIT_MS, &result);
	flow_assert("our sender", &result, flow);
}

void flow_there_end(struct pair *pair, const struct flow *flow)
{
	struct flow_result result;

	assert_int_equal(remote_finish(&pair->remote, &result), 0);
	flow_assert("their receiver", &result, flow);
}

void flow_there(struct pair *pair, const struct flow *flow)
{
	flow_there_start(pair, flow);
	flow_there_end(pair, flow);
}

void assert_settled(struct pair *pair, uint32_t seed)
{
	pair_settle(pair, &(struct flow){ .seed = seed, .count = 8, .max = 10000 });
}

// SPDX-License-Identifier: GPL-2.0
/* Streams both ways between two machines. */
#include <stdlib.h>
#include <string.h>

#include "streams.h"
#include "zc.h"

static void open_stream(struct stream *stream, const struct pair *first, struct flow flow)
{
	stream->flow = flow;
	if (first != &stream->pair)
		pair_open_beside(&stream->pair, first);
}

void streams_open(struct streams *streams, const struct role *role, size_t count,
		  uint32_t messages, uint32_t max)
{
	struct flow flow = { .count = messages, .max = max, .zerocopy = 1 };
	struct pair *first = &streams->out[0].pair;
	size_t i;

	assert_in_range(count, 1, STREAMS_MAX);
	memset(streams, 0, sizeof(*streams));
	streams->count = count;
	assert_int_equal(counters_read(netns_here(), &streams->before), 0);
	pair_open(first, role->v6, role->larger);
	for (i = 0; i < count; i++) {
		flow.seed = 500 + 1000 * (uint32_t)i;
		open_stream(&streams->out[i], first, flow);
		assert_int_equal(zc_force(streams->out[i].pair.fd), 0);
		flow.seed += 500 * 1000;
		open_stream(&streams->in[i], first, flow);
		assert_int_equal(remote_set(&streams->in[i].pair.remote, SOL_SOCKET,
					    SO_ZEROCOPY, 1), 0);
	}
	assert_int_equal(remote_connect(&streams->helper), 0);
}

void streams_allow_gaps(struct streams *streams, uint32_t gaps)
{
	size_t i;

	streams->gaps = gaps;
	for (i = 0; i < streams->count; i++)
		streams->out[i].flow.gaps = gaps;
}

bool peer_is_7_or_newer(void)
{
	const char *kernel = getenv("RDSZ_PEER_KERNEL");

	assert_non_null(kernel);
	return atoi(kernel) >= 7;
}

uint32_t streams_gaps_of_in_tree(void)
{
	return peer_is_7_or_newer() ? 0 : 106;
}

/* For each of the streams, some of which may be long. */
static unsigned int limit_ms(const struct streams *streams)
{
	return STREAMS_LIMIT_MS + streams->out[0].flow.count * STREAMS_MESSAGE_MS;
}

static void start(struct streams *streams)
{
	unsigned int limit = limit_ms(streams);
	size_t i;

	for (i = 0; i < streams->count; i++) {
		struct stream *out = &streams->out[i], *in = &streams->in[i];

		assert_int_equal(remote_receive_start(&out->pair.remote, &out->pair.near,
						      &out->flow, limit), 0);
		assert_int_equal(remote_send_start(&in->pair.remote, &in->pair.near, &in->flow,
						   limit), 0);
		assert_int_equal(flow_tx_open(&out->tx, out->pair.fd, &out->pair.far, &out->flow),
				 0);
		assert_int_equal(flow_rx_open(&in->rx, in->pair.fd, &in->pair.far, &in->flow), 0);
	}
}

/* Each stream a step further; false if none could go. */
static bool step(struct streams *streams)
{
	bool moves = false;
	size_t i;

	for (i = 0; i < streams->count; i++) {
		moves |= flow_tx_send(&streams->out[i].tx);
		moves |= flow_tx_reap(&streams->out[i].tx) != 0;
		moves |= flow_rx_take(&streams->in[i].rx);
	}
	return moves;
}

/* What went both ways is as much as has to have gone before it happens once more. */
static bool is_time(const struct streams *streams, uint32_t times)
{
	uint32_t sent = 0, received = 0, part = 0;
	size_t i;

	for (i = 0; i < streams->count; i++) {
		sent += streams->out[i].tx.result.messages;
		received += streams->in[i].rx.result.messages;
		part += streams->out[i].flow.count / (times + 1);
	}
	return streams->happened < times && sent >= part * (streams->happened + 1) && received;
}

static bool done(const struct streams *streams)
{
	size_t i;

	for (i = 0; i < streams->count; i++)
		if (!flow_tx_done(&streams->out[i].tx) || !flow_rx_done(&streams->in[i].rx))
			return false;
	return true;
}

void streams_run(struct streams *streams, happening *happens, uint32_t times)
{
	struct deadline deadline = deadline_in(limit_ms(streams));
	size_t i;

	start(streams);
	while (!done(streams) && !deadline_over(&deadline)) {
		if (!step(streams))
			flow_tx_wait(&streams->out[0].tx);
		if (is_time(streams, times)) {
			happens(streams);
			streams->happened++;
		}
	}
	for (i = 0; i < streams->count; i++) {
		struct stream *out = &streams->out[i], *in = &streams->in[i];

		if (flow_rx_done(&in->rx))
			flow_rx_expect_quiet(&in->rx);
		out->ours = out->tx.result;
		in->ours = in->rx.result;
		flow_tx_close(&out->tx);
		flow_rx_close(&in->rx);
	}
}

uint32_t streams_finish(struct streams *streams, uint32_t times)
{
	struct flow flow = { .seed = 60000, .count = 8, .max = 10000 };
	uint32_t missing = 0;
	size_t i;

	for (i = 0; i < streams->count; i++) {
		struct stream *out = &streams->out[i], *in = &streams->in[i];

		flow_assert("our sender", &out->ours, &out->flow);
		flow_assert("our receiver", &in->ours, &in->flow);
		assert_int_equal(remote_finish(&out->pair.remote, &out->theirs), 0);
		assert_int_equal(remote_finish(&in->pair.remote, &in->theirs), 0);
		flow_assert("their receiver", &out->theirs, &out->flow);
		flow_assert("their sender", &in->theirs, &in->flow);
		missing += out->theirs.missing;
	}
	assert_in_range(missing, 0, streams->gaps);
	assert_int_equal(streams->happened, times);
	for (i = 0; i < streams->count; i++) {
		flow.seed += 100;
		pair_settle(&streams->out[i].pair, &flow);
		pair_close(&streams->out[i].pair);
		pair_close(&streams->in[i].pair);
	}
	remote_close(&streams->helper);
	print_message("# %u connections up, %u messages lost by in-tree\n",
		      (unsigned int)streams_moved(streams, "conn_up"), missing);
	return missing;
}

void streams_settle(struct streams *streams)
{
	pair_settle(&streams->out[0].pair, &(struct flow){ .seed = 1, .count = 8, .max = 10000 });
}

uint64_t streams_moved(const struct streams *streams, const char *counter)
{
	return counter_moved(netns_here(), &streams->before, counter);
}

void pair_settle(struct pair *pair, const struct flow *flow)
{
	struct flow_result result;

	assert_int_equal(remote_receive_start(&pair->remote, &pair->near, flow, STREAMS_LIMIT_MS),
			 0);
	flow_send(pair->fd, &pair->far, flow, STREAMS_LIMIT_MS, &result);
	flow_assert("our sender", &result, flow);
	assert_int_equal(remote_finish(&pair->remote, &result), 0);
	flow_assert("their receiver", &result, flow);
	assert_int_equal(remote_send_start(&pair->remote, &pair->near, flow, STREAMS_LIMIT_MS), 0);
	flow_receive(pair->fd, &pair->far, flow, STREAMS_LIMIT_MS, &result);
	flow_assert("our receiver", &result, flow);
	assert_int_equal(remote_finish(&pair->remote, &result), 0);
	flow_assert("their sender", &result, flow);
}

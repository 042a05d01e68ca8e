// SPDX-License-Identifier: GPL-2.0
/*
 * Rows 15 and 16 of the interop checklist: readers that do not read, ours and those of in-tree
 * rds_tcp in the second VM.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "ends.h"
#include "pattern.h"
#include "remote.h"
#include "rows.h"

#define PIECE 32768

static unsigned char out[PIECE];

/* Instead of the socket with large buffers, one with the default. */
static void far_default_buffers(struct pair *pair)
{
	pair->far = rds_addr_port(&pair->far, 0);
	assert_int_equal(remote_open(&pair->remote, &pair->far, 0), 0);
	pair->far = pair->remote.addr;
}

/* The same on our side. */
static void near_default_buffers(struct pair *pair)
{
	close(pair->fd);
	pair->near = rds_addr_port(&pair->near, 0);
	pair->fd = rds_open(netns_here(), &pair->near);
	assert_true(pair->fd >= 0);
	assert_int_equal(rds_set_timeouts(pair->fd, DEADLINE_USUAL_MS), 0);
}

enum sender { OURS, THEIRS };

static const union rds_addr *reader_of(const struct pair *pair, enum sender sender)
{
	return sender == THEIRS ? &pair->near : &pair->far;
}

/* One message of either side, without waiting; -1 with the errno that its sender got. */
static int try_send(struct pair *pair, enum sender sender, const union rds_addr *to, uint32_t seed,
		    uint32_t length)
{
	if (sender == THEIRS)
		return remote_try(&pair->remote, to, seed, length);
	pattern_fill(out, length, seed);
	return rds_send(pair->fd, out, length, to, MSG_DONTWAIT) == (ssize_t)length ? 0 : -1;
}

/* Sends until the destination is congested; how many went. */
static uint32_t fill_up(struct pair *pair, enum sender sender, uint32_t seed)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint32_t sent = 0;

	while (!deadline_over(&deadline)) {
		if (!try_send(pair, sender, reader_of(pair, sender), seed + sent, PIECE))
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

/* Free is every port whose number differs in one bit, or is in the other byte order. */
static void assert_only_that_port(struct pair *pair, enum sender sender)
{
	const union rds_addr *reader = reader_of(pair, sender);
	uint16_t port = rds_port(reader), other;
	union rds_addr to;
	int i;

	for (i = 0; i <= 16; i++) {
		other = (uint16_t)(i < 16 ? port ^ 1 << i : port << 8 | port >> 8);
		to = rds_addr_port(reader, other);
		if (other && other != port && try_send(pair, sender, &to, 0, 0))
			fail_msg("port %u for %u: %s", other, port, strerror(errno));
	}
	assert_fails(try_send(pair, sender, reader, 0, 1), ENOBUFS);
}

/* The congestion ends, and a message is taken. */
static void send_soon(struct pair *pair, enum sender sender, uint32_t seed)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (try_send(pair, sender, reader_of(pair, sender), seed, PIECE)) {
		assert_int_equal(errno, ENOBUFS);
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

/* Their socket reads so many of those that wait. */
static void they_take(struct pair *pair, struct flow *flow, uint32_t count)
{
	struct flow part = *flow;
	struct flow_result result;

	part.count = count;
	assert_int_equal(remote_take_start(&pair->remote, &pair->near, &part, ROWS_LIMIT_MS), 0);
	assert_int_equal(remote_finish(&pair->remote, &result), 0);
	flow_assert("their receiver", &result, &part);
	flow->seed += count;
	flow->count -= count;
}

/* All of what is left. */
static void they_take_the_rest(struct pair *pair, const struct flow *flow)
{
	assert_int_equal(remote_receive_start(&pair->remote, &pair->near, flow, ROWS_LIMIT_MS), 0);
	flow_there_end(pair, flow);
}

/* Two pieces are more than a quarter of the buffer, one is less. */
static void row15_their_reader_does_not_read(void **state)
{
	struct flow flow = { .seed = 50, .min = PIECE, .max = PIECE };
	struct pair pair;

	open_pair(&pair, state);
	far_default_buffers(&pair);
	flow.count = fill_up(&pair, OURS, flow.seed);
	assert_true(flow.count * PIECE > RDS_DEFAULT_SPACE);
	assert_true(moved("cong_update_received") >= 1);
	assert_true(moved("cong_send_error") >= 1);
	assert_only_that_port(&pair, OURS);
	pair_wait_acked(&pair);
	they_take(&pair, &flow, flow.count - 2);
	usleep(300000);
	assert_only_that_port(&pair, OURS);
	they_take(&pair, &flow, 1);
	send_soon(&pair, OURS, flow.seed + flow.count);
	flow.count++;
	they_take_the_rest(&pair, &flow);
	pair_close(&pair);
}

struct blocked {
	pthread_t thread;
	const struct pair *pair;
	uint32_t seed;
	ssize_t rc;
	atomic_bool done;
};

static void *send_blocking(void *argument)
{
	static unsigned char piece[PIECE];
	struct blocked *blocked = argument;

	pattern_fill(piece, PIECE, blocked->seed);
	blocked->rc = rds_send(blocked->pair->fd, piece, PIECE, &blocked->pair->far, 0);
	blocked->done = true;
	return NULL;
}

static void row15_a_blocked_sender_goes_on(void **state)
{
	struct flow flow = { .seed = 90, .min = PIECE, .max = PIECE };
	struct blocked blocked = { .rc = -1 };
	struct pair pair;

	open_pair(&pair, state);
	far_default_buffers(&pair);
	flow.count = fill_up(&pair, OURS, flow.seed);
	blocked.pair = &pair;
	blocked.seed = flow.seed + flow.count++;
	pair_wait_acked(&pair);
	assert_int_equal(rds_set_timeouts(pair.fd, 0), 0);	/* nothing else wakes it */
	assert_int_equal(pthread_create(&blocked.thread, NULL, send_blocking, &blocked), 0);
	assert_true(counter_wait(netns_here(), &rows_before, "cong_send_blocked", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	they_take(&pair, &flow, flow.count - 3);
	usleep(300000);
	assert_false(blocked.done);
	they_take(&pair, &flow, 1);
	assert_int_equal(pthread_join(blocked.thread, NULL), 0);
	assert_int_equal(blocked.rc, PIECE);
	they_take_the_rest(&pair, &flow);
	pair_close(&pair);
}

/* Fills our socket; how many wait in it, and no other is under way. */
static uint32_t fill_ours(struct pair *pair, uint32_t seed)
{
	uint32_t sent;

	near_default_buffers(pair);
	sent = fill_up(pair, THEIRS, seed);
	assert_true(counter_wait(netns_here(), &rows_before, "recv_queued", sent,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(moved("recv_queued"), sent);
	return sent;
}

static void row16_their_sender_is_told(void **state)
{
	struct pair pair;
	uint32_t sent, i;

	open_pair(&pair, state);
	sent = fill_ours(&pair, 1600);
	assert_only_that_port(&pair, THEIRS);
	for (i = 0; i < sent - 2; i++)
		receive_pattern(pair.fd, PIECE, 1600 + i, &pair.far);
	usleep(300000);
	assert_only_that_port(&pair, THEIRS);
	for (; i < sent; i++)
		receive_pattern(pair.fd, PIECE, 1600 + i, &pair.far);
	send_soon(&pair, THEIRS, 1600 + sent);
	receive_pattern(pair.fd, PIECE, 1600 + sent, &pair.far);
	pair_close(&pair);
}

/* What the closed socket held is gone with it, and its port is free for another. */
static void row16_closing_clears(void **state)
{
	struct pair pair;

	open_pair(&pair, state);
	fill_ours(&pair, 1650);
	close(pair.fd);
	pair.fd = rds_open(netns_here(), &pair.near);
	assert_true(pair.fd >= 0);
	assert_int_equal(rds_set_timeouts(pair.fd, DEADLINE_USUAL_MS), 0);
	send_soon(&pair, THEIRS, 1699);
	receive_pattern(pair.fd, PIECE, 1699, &pair.far);
	pair_close(&pair);
}

/*
 * A stream waits while we do not read; what came until then is less than all, and all there. On
 * stock kernels all of it would be less than rcv_mem_max, so it is our map that stops it, however
 * late a busy peer sees it.
 */
static void row16_our_reader_does_not_read(void **state)
{
	struct flow flow = {
		.seed = 20, .count = 1500 * time_scale(), .min = PIECE, .max = PIECE,
	};
	struct flow_result received, sent;
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t queued = 0, last;
	struct pair pair;

	open_pair(&pair, state);
	near_default_buffers(&pair);
	assert_int_equal(remote_send_start(&pair.remote, &pair.near, &flow, ROWS_LIMIT_MS), 0);
	assert_true(counter_wait(netns_here(), &rows_before, "cong_update_queued", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	do {
		last = queued;
		usleep(1000000);
		queued = moved("recv_queued");
		assert_false(deadline_over(&deadline));
	} while (queued != last);
	assert_true(queued < flow.count);
	flow_receive(pair.fd, &pair.far, &flow, ROWS_LIMIT_MS, &received);
	flow_assert("our receiver", &received, &flow);
	assert_int_equal(remote_finish(&pair.remote, &sent), 0);
	flow_assert("their sender", &sent, &flow);
	pair_close(&pair);
}

#define ADD(function) role_add(&suite, #function, function, rows_roles, ROWS_ROLES)

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "intree_congestion" };

	ADD(row15_their_reader_does_not_read);
	ADD(row15_a_blocked_sender_goes_on);
	ADD(row16_our_reader_does_not_read);
	ADD(row16_their_sender_is_told);
	ADD(row16_closing_clears);
	return suite_run(&suite, argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/* Links that go and come, connections that are reset, peers that are killed or do not read. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cookies.h"
#include "counters.h"
#include "cred.h"
#include "diag.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "watch.h"
#include "zc.h"

#define LARGEST 65536

static unsigned char in[LARGEST];

/* Nobody's messages fit the smallest default RLIMIT_MEMLOCK (64 KiB on 5.10) one at a time. */
static size_t some_length(uint32_t i)
{
	uint32_t largest = cred_is_nobody() ? LARGEST / 2 : LARGEST;
	uint32_t noise = i * 2654435761u;

	return i % 4 ? 1 + (noise >> 8) % 3000 : 1 + noise % (largest - 1);
}

/*
 * ---- a zerocopy stream by a thread: buffers are overwritten as soon as their cookie is back ----
 */

#define SLOTS 16

struct stream {
	pthread_t thread;
	const struct ends *ends;
	uint32_t count;
	unsigned char *buffers;
	bool busy[SLOTS];
	uint32_t sent;
	uint32_t returned;
	int error;
	bool doubled;
	atomic_bool stop;
};

static void stream_reap(struct stream *stream)
{
	uint32_t list[SLOTS];
	struct reap reap = reap_errqueue(stream->ends->tx, list, sizeof(list), 0);
	size_t i;

	for (i = 0; reap.bytes > 0 && i < reap.cookies; i++) {
		if (list[i] >= SLOTS || !stream->busy[list[i]]) {
			stream->doubled = true;
			continue;
		}
		pattern_poison(stream->buffers + list[i] * LARGEST, LARGEST);
		stream->busy[list[i]] = false;
		stream->returned++;
	}
}

static void stream_send(struct stream *stream)
{
	size_t length = some_length(stream->sent);
	uint32_t slot = 0;
	ssize_t rc;

	while (slot < SLOTS && stream->busy[slot])
		slot++;
	if (slot == SLOTS) {
		rds_wait(stream->ends->tx, 0, deadline_in(5));
		return;
	}
	pattern_fill(stream->buffers + slot * LARGEST, length, stream->sent);
	stream->busy[slot] = true;
	rc = rds_send_zc(stream->ends->tx, stream->buffers + slot * LARGEST, length,
			 &stream->ends->far, slot, MSG_DONTWAIT);
	if (rc == (ssize_t)length) {
		stream->sent++;
		return;
	}
	stream->busy[slot] = false;
	if (errno == EAGAIN || errno == ENOBUFS || (errno == ENOMEM && cred_is_nobody()))
		rds_wait(stream->ends->tx, 0, deadline_in(5));
	else
		stream->error = errno;
}

static void *stream_run(void *argument)
{
	struct deadline deadline = deadline_in(90000);
	struct stream *stream = argument;

	while (!stream->error && !stream->stop && !deadline_over(&deadline) &&
	       (stream->sent < stream->count || stream->returned < stream->sent)) {
		stream_reap(stream);
		if (stream->sent < stream->count)
			stream_send(stream);
		else
			rds_wait(stream->ends->tx, 0, deadline_in(5));
	}
	return NULL;
}

static void stream_start(struct stream *stream, const struct ends *ends, uint32_t count)
{
	memset(stream, 0, sizeof(*stream));
	stream->ends = ends;
	stream->count = count;
	stream->buffers = zc_buffer(SLOTS * LARGEST);
	assert_non_null(stream->buffers);
	assert_int_equal(pthread_create(&stream->thread, NULL, stream_run, stream), 0);
}

/* Every message was sent and every cookie came back, once. */
static void stream_finish(struct stream *stream)
{
	pthread_join(stream->thread, NULL);
	zc_buffer_free(stream->buffers, SLOTS * LARGEST);
	if (stream->error)
		fail_msg("sender: %s after %u messages", strerror(stream->error), stream->sent);
	assert_false(stream->doubled);
	assert_int_equal(stream->sent, stream->count);
	assert_int_equal(stream->returned, stream->count);
}

static void receive_one(const struct ends *ends, uint32_t i)
{
	receive_pattern(ends->rx, some_length(i), i, &ends->near);
}

static void assert_nothing_more(const struct ends *ends)
{
	assert_int_equal(rds_recv(ends->rx, in, sizeof(in), NULL, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Row 38, shorter: down for half a second, three times. */
static void link__down_and_up_in_mid_stream(void **state)
{
	struct timespec pause = { .tv_nsec = 500000000 };
	struct ends ends = zc_ends(state, 1 << 20);
	struct stream stream;
	uint32_t i;

	stream_start(&stream, &ends, 400);
	for (i = 0; i < stream.count; i++) {
		receive_one(&ends, i);
		if (i % 120 != 60)
			continue;
		topology_link(ends.topology, 0, false);
		nanosleep(&pause, NULL);
		topology_link(ends.topology, 0, true);
	}
	stream_finish(&stream);
	assert_nothing_more(&ends);
}

static uint64_t stalled(const struct netns *ns)
{
	return counter_now(ns, "conn_drop_stalled");
}

/*
 * Reads what has come until an end has found its connection stalled; the next message to come. What
 * is unread keeps the sender's buffers on one host, and he has no more than 16: if all of them were
 * there when the wire went dead, nothing would be in flight. So either he sends more, or it is an
 * acknowledgement of deliveries that does not come through.
 */
static uint32_t read_until_stalled(const struct ends *ends, uint32_t next)
{
	const struct netns *near = &ends->topology->ns[0];
	const struct netns *far = topology_far_ns(ends->topology, 0);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (!stalled(near) && !stalled(far)) {
		assert_false(deadline_over(&deadline));
		if (rds_wait(ends->rx, POLLIN, deadline_in(5)) & POLLIN)
			receive_one(ends, next++);
	}
	return next;
}

/* The link stays dead for longer than stall_ms: a new connection takes over. */
static void link__dead_until_the_watchdog_bites(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	struct stream stream;
	uint32_t i = 0;

	topology_sysctl(ends.topology, "stall_ms", 700);
	stream_start(&stream, &ends, 500);
	while (i < 100)
		receive_one(&ends, i++);
	topology_blackhole(ends.topology, 0, true);
	i = read_until_stalled(&ends, i);
	topology_blackhole(ends.topology, 0, false);
	while (i < stream.count)
		receive_one(&ends, i++);
	stream_finish(&stream);
	assert_nothing_more(&ends);
}

/* TCP connections are reset under load, from either end. */
static void reset__in_mid_stream(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;
	struct stream stream;
	uint32_t i;
	int killed = 0;

	assert_int_equal(counters_read(ns, &before), 0);
	stream_start(&stream, &ends, 600);
	for (i = 0; i < stream.count; i++) {
		receive_one(&ends, i);
		if (i % 25 == 10)
			killed += diag_kill(i % 2 ? ns : topology_far_ns(ends.topology, 0),
					    RDS_TCP_PORT);
	}
	stream_finish(&stream);
	assert_nothing_more(&ends);
	assert_true(killed > 5);
	assert_true(counter_moved(ns, &before, "conn_reset") > 5);
}

/* Both directions at once, each with its own reader. */
static void reset__with_traffic_both_ways(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	struct ends back = {
		.topology = ends.topology, .near = ends.far, .far = ends.near,
		.tx = ends.rx, .rx = ends.tx,
	};
	struct stream there, here;
	uint32_t i;

	assert_int_equal(zc_force(back.tx), 0);
	stream_start(&there, &ends, 300);
	stream_start(&here, &back, 300);
	for (i = 0; i < 300; i++) {
		receive_one(&ends, i);
		receive_one(&back, i);
		if (i % 30 == 15)
			assert_true(diag_kill_next(&ends.topology->ns[i % 2], RDS_TCP_PORT));
	}
	stream_finish(&there);
	stream_finish(&here);
	assert_nothing_more(&ends);
	assert_nothing_more(&back);
}

/* ---- processes that die ---- */

static void kill_child(pid_t child)
{
	int status;

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));	/* it had not ended before */
}

static pid_t fork_quietly(void)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	return child;
}

/* Sends for ever, until it is killed. */
static void endless_sender(const struct topology *topology, const union rds_addr *to)
{
	union rds_addr addr = topology->near[0];
	struct ends ends = { .far = *to };
	struct stream stream = { .ends = &ends, .count = 1u << 30 };

	ends.tx = rds_open(&topology->ns[0], &addr);
	stream.buffers = zc_buffer(SLOTS * LARGEST);
	if (ends.tx < 0 || !stream.buffers || zc_force(ends.tx))
		_exit(1);
	stream_run(&stream);
	_exit(1);
}

/* What has arrived of a killed sender is a faultless beginning; the next sender is served. */
static void kill__sender(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	long pinned = zc_pinned_pages();
	ssize_t got;
	uint32_t i;
	pid_t child = fork_quietly();

	if (!child)
		endless_sender(ends.topology, &ends.far);
	for (i = 0; i < 50; i++) {
		got = rds_recv(ends.rx, in, sizeof(in), NULL, 0);
		assert_int_equal(got, some_length(i));
		assert_int_equal(pattern_check(in, (size_t)got, i), -1);
	}
	kill_child(child);
	for (; (got = rds_recv(ends.rx, in, sizeof(in), NULL, MSG_DONTWAIT)) >= 0; i++) {
		assert_int_equal(got, some_length(i));
		assert_int_equal(pattern_check(in, (size_t)got, i), -1);
	}
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	/* What TCP had taken may still come first. */
	send_pattern(ends.tx, 100, 30000, &ends.far);
	while ((got = rds_recv(ends.rx, in, sizeof(in), NULL, 0)) != 100 ||
	       pattern_check(in, 100, 30000) >= 0) {
		assert_int_equal(got, some_length(i));
		assert_int_equal(pattern_check(in, (size_t)got, i++), -1);
	}
}

/* The receiver dies with a full queue: its sender goes on, and every cookie comes back. */
static void kill__receiver(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	const struct netns *ns = topology_far_ns(ends.topology, 0);
	union rds_addr to = rds_addr_port(&ends.far, 4444);
	struct counters before;
	struct stream stream;
	struct ends doomed = ends;
	pid_t child = fork_quietly();

	if (!child) {
		doomed.rx = rds_open(ns, &to);
		rds_recv(doomed.rx, in, sizeof(in), NULL, 0);
		for (;;)
			pause();
	}
	doomed.far = to;
	assert_int_equal(counters_read(ns, &before), 0);
	stream_start(&stream, &doomed, 300);
	assert_true(counter_wait(ns, &before, "recv_queued", 3, deadline_in(DEADLINE_USUAL_MS)));
	kill_child(child);
	stream_finish(&stream);
	send_pattern(ends.tx, 100, 5, &ends.far);
	receive_pattern(ends.rx, 100, 5, &ends.near);
}

/* ---- stalls ---- */

#define BOUND_MS 12000

/* The peer does not answer and the socket is closed: the pins go within the bound. */
static void close__on_a_stalled_link(void **state)
{
	struct ends ends = zc_ends(state, 4 << 20);
	unsigned char *buffer = zc_buffer(4096);
	long pinned = zc_pinned_pages();
	uint32_t i;

	assert_non_null(buffer);
	topology_sysctl(ends.topology, "stall_ms", 1000);
	topology_sysctl(ends.topology, "pin_hold_ms", 500);
	send_pattern(ends.tx, 10, 1, &ends.far);
	receive_pattern(ends.rx, 10, 1, &ends.near);
	topology_blackhole(ends.topology, 0, true);
	for (i = 0; i < 5; i++)
		zc_send(&ends, buffer, 4096, i);
	assert_true(zc_pinned_pages() > pinned);
	topology_close(ends.topology, ends.tx);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(BOUND_MS)), 0);
	zc_buffer_free(buffer, 4096);
}

#define STALLED 5
#define PAGE 4096

static void assert_each_once(const uint32_t *list, uint32_t count)
{
	struct cookies cookies;
	uint32_t i;

	assert_true(cookies_init(&cookies, count));
	for (i = 0; i < count; i++)
		cookies_sent(&cookies, i);
	assert_true(cookies_returned_all(&cookies, list, count));
	cookies_free(&cookies);
}

/*
 * The peer does not answer and the connection is reset, long before the watchdog would do it. TCP
 * holds the pages until then, and nobody after that: they go within the bound, and their cookies
 * with them, while the messages wait for the link.
 */
static void reset__on_a_stalled_link(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	unsigned char *buffers = zc_buffer(STALLED * PAGE);
	long pinned = zc_pinned_pages();
	uint32_t list[STALLED], i;
	struct counters before;

	assert_non_null(buffers);
	topology_sysctl(ends.topology, "max_paths", 1);
	topology_sysctl(ends.topology, "pin_hold_ms", 500);
	topology_sysctl(ends.topology, "stall_ms", 90000);
	ends_there_and_back(&ends, PAGE, 100);
	assert_int_equal(counters_read(ns, &before), 0);
	topology_blackhole(ends.topology, 0, true);
	for (i = 0; i < STALLED; i++) {
		pattern_fill(buffers + i * PAGE, PAGE, i);
		zc_send(&ends, buffers + i * PAGE, PAGE, i);
	}
	assert_true(diag_wait_unacked(ns, RDS_TCP_PORT, STALLED * PAGE, UINT64_MAX));
	zc_expect_none(ends.tx, 1000);
	assert_true(zc_pinned_pages() >= pinned + STALLED);
	assert_int_equal(diag_kill(ns, RDS_TCP_PORT), 1);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(BOUND_MS)), 0);
	zc_reap_exactly(ends.tx, list, STALLED);
	assert_each_once(list, STALLED);
	pattern_poison(buffers, STALLED * PAGE);
	assert_int_equal(counter_moved(ns, &before, "conn_reset"), 1);
	assert_int_equal(counter_moved(ns, &before, "conn_drop_stalled"), 0);
	topology_blackhole(ends.topology, 0, false);
	for (i = 0; i < STALLED; i++)
		receive_pattern(ends.rx, PAGE, i, &ends.near);
	assert_nothing_more(&ends);
	zc_reap_exactly(ends.tx, list, 0);
	zc_buffer_free(buffers, STALLED * PAGE);
}

struct side {
	pthread_t thread;
	int fd;			/* sends */
	int rx;			/* reads; may be the same */
	union rds_addr peer;
	uint32_t count;
	uint32_t timeouts;	/* sends that ended at their limit */
	int error;
};

static bool side_receive(struct side *side, unsigned char *buffer, uint32_t i)
{
	ssize_t got = rds_recv(side->rx, buffer, LARGEST, NULL, 0);

	if (got == 60000 && pattern_check(buffer, 60000, i) < 0)
		return true;
	side->error = got < 0 ? errno : EBADMSG;
	return false;
}

/* All is sent before anything is read. */
static void *send_all_then_read(void *argument)
{
	struct side *side = argument;
	unsigned char *buffer = malloc(LARGEST);
	uint32_t i;

	for (i = 0; i < side->count && !side->error; i++) {
		pattern_fill(buffer, 60000, i);
		if (rds_send(side->fd, buffer, 60000, &side->peer, 0) != 60000)
			side->error = errno;
	}
	for (i = 0; i < side->count && !side->error; i++)
		side_receive(side, buffer, i);
	free(buffer);
	return NULL;
}

/* Each end in a thread of its own, until both have done all of it. */
static void run_both(struct side *a, struct side *b, void *(*run)(void *side))
{
	assert_int_equal(pthread_create(&a->thread, NULL, run, a), 0);
	assert_int_equal(pthread_create(&b->thread, NULL, run, b), 0);
	pthread_join(a->thread, NULL);
	pthread_join(b->thread, NULL);
	assert_int_equal(a->error, 0);
	assert_int_equal(b->error, 0);
}

/*
 * Two single-threaded programs that fill each other's queue in blocking sendmsg: send space comes
 * back when TCP has the acknowledgement, so neither direction waits for the other to be read.
 */
static void both_ends__fill_each_other(void **state)
{
	struct ends ends = ends_open(state);
	struct side a = { .fd = ends.tx, .rx = ends.tx, .peer = ends.far, .count = 100 };
	struct side b = { .fd = ends.rx, .rx = ends.rx, .peer = ends.near, .count = 100 };

	/* Room for all of it before congestion, but send space for two messages. */
	assert_int_equal(rds_set_buffers(ends.tx, 0, 8 << 20), 0);
	assert_int_equal(rds_set_buffers(ends.rx, 0, 8 << 20), 0);
	run_both(&a, &b, send_all_then_read);
}

/*
 * Both ends single-threaded, the receive queues of both sockets full, and both in blocking sendmsg
 * without a time limit, to a second socket of the other: what stops in a full queue is in nobody
 * else's way, though all goes by one pair of addresses.
 */
static void both_ends__full_and_in_sendmsg(void **state)
{
	struct ends ends = ends_open(state), other = ends_open(state);
	struct ends back = {
		.topology = ends.topology, .near = ends.far, .far = ends.near,
		.tx = ends.rx, .rx = ends.tx,
	};
	struct side a = { .fd = ends.tx, .rx = other.tx, .peer = other.far, .count = 100 };
	struct side b = { .fd = ends.rx, .rx = other.rx, .peer = other.near, .count = 100 };
	uint32_t at_far, at_near, i;

	assert_int_equal(rds_set_buffers(other.tx, 0, 8 << 20), 0);
	assert_int_equal(rds_set_buffers(other.rx, 0, 8 << 20), 0);
	at_far = ends_fill(&ends, 16384);
	at_near = ends_fill(&back, 16384);
	assert_int_equal(rds_set_timeouts(ends.tx, 0), 0);
	assert_int_equal(rds_set_timeouts(ends.rx, 0), 0);
	run_both(&a, &b, send_all_then_read);
	/* They were full all the time. */
	assert_fails(rds_send(ends.tx, in, 1, &ends.far, MSG_DONTWAIT), ENOBUFS);
	assert_fails(rds_send(ends.rx, in, 1, &ends.near, MSG_DONTWAIT), ENOBUFS);
	for (i = 0; i < at_far; i++)
		receive_pattern(ends.rx, 16384, i, &ends.near);
	for (i = 0; i < at_near; i++)
		receive_pattern(ends.tx, 16384, i, &ends.far);
}

/*
 * Both ends single-threaded, both receive queues full, both in blocking sendmsg: it goes on because
 * the sends have a time limit (SO_SNDTIMEO); what is full at the limit is read by one. Without one
 * neither would ever return: a full port is emptied by its reader alone, who sits in sendmsg, and
 * to wait for it is what RDS promises a blocking sender. In-tree waits beyond the limit, too
 * (bug_16 of tests/conformance).
 */
static void *send_or_read(void *argument)
{
	struct side *side = argument;
	unsigned char *buffer = malloc(LARGEST);
	uint32_t sent = 0, received = 0;

	rds_set_timeouts(side->fd, 50);
	while (sent < side->count && !side->error) {
		pattern_fill(buffer, 60000, sent);
		if (rds_send(side->fd, buffer, 60000, &side->peer, 0) == 60000) {
			sent++;
			continue;
		}
		if (errno != ETIMEDOUT) {
			side->error = errno;
			break;
		}
		side->timeouts++;
		if (received < side->count && side_receive(side, buffer, received))
			received++;
		else if (side->error == ETIMEDOUT)
			side->error = 0;
	}
	rds_set_timeouts(side->fd, DEADLINE_USUAL_MS);
	for (; received < side->count && !side->error; received++)
		side_receive(side, buffer, received);
	free(buffer);
	return NULL;
}

static void both_ends__congested_go_on(void **state)
{
	struct ends ends = ends_open(state);
	struct side a = { .fd = ends.tx, .rx = ends.tx, .peer = ends.far, .count = 60 };
	struct side b = { .fd = ends.rx, .rx = ends.rx, .peer = ends.near, .count = 60 };
	const struct netns *near = &ends.topology->ns[0], *far = &ends.topology->ns[1];
	struct counters at_near, at_far;

	assert_int_equal(counters_read(near, &at_near), 0);
	assert_int_equal(counters_read(far, &at_far), 0);
	run_both(&a, &b, send_or_read);
	/* Each has found the other's queue full, and has slept for that, and to the limit. */
	assert_true(counter_moved(near, &at_near, "cong_send_blocked") > 0);
	assert_true(counter_moved(far, &at_far, "cong_send_blocked") > 0);
	assert_true(a.timeouts > 0);
	assert_true(b.timeouts > 0);
}

/* ---- a reader that has stopped, and its neighbours on the same path ---- */

/* Messages there and back within a time. */
static uint32_t round_trips(const struct ends *ends, unsigned int ms)
{
	struct deadline deadline = deadline_in(ms);
	uint32_t count = 0;

	while (!deadline_over(&deadline)) {
		send_pattern(ends->tx, 8192, count, &ends->far);
		receive_pattern(ends->rx, 8192, count, &ends->near);
		count++;
	}
	return count;
}

/*
 * Fills the stopped reader up to ENOBUFS; returns what it holds. What is sent after its queue is
 * full and before the map that says so arrives comes on top, and that is as much as a busy host
 * gives time for (84 messages were seen): so each has to be in the queue before the next one, and
 * none is sent while the map is on its way.
 */
static uint32_t fill_stopped(const struct ends *ends)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	const struct netns *far_ns = topology_far_ns(ends->topology, 0);
	const struct netns *ns = &ends->topology->ns[0];
	struct counters before, far_before;
	uint32_t sent = 0;

	assert_int_equal(counters_read(ns, &before), 0);
	assert_int_equal(counters_read(far_ns, &far_before), 0);
	while (!counter_moved(far_ns, &far_before, "cong_update_queued")) {
		send_pattern(ends->tx, 16384, sent++, &ends->far);
		assert_true(counter_wait(far_ns, &far_before, "recv_queued", sent, deadline));
	}
	assert_true(counter_wait(ns, &before, "cong_update_received", 1, deadline));
	assert_int_equal(rds_send(ends->tx, in, 16384, &ends->far, MSG_DONTWAIT), -1);
	assert_int_equal(errno, ENOBUFS);
	return sent;
}

/*
 * Round trips of a pair while a reader has stopped, for so long, against as many as it makes alone.
 * The stopped one reads all of it in the end.
 */
static bool keeps_its_rate(const struct ends *other, const struct ends *stopped, unsigned int ms)
{
	unsigned int alone_ms = ms / 2 > 5000 ? 5000 : ms / 2;
	uint64_t alone = round_trips(other, alone_ms), beside;
	uint32_t held = fill_stopped(stopped), i;

	printf("# %u messages wait for the stopped reader\n", (unsigned int)held);
	beside = round_trips(other, ms);
	for (i = 0; i < held; i++)
		receive_pattern(stopped->rx, 16384, i, &stopped->near);
	send_pattern(stopped->tx, 100, 7, &stopped->far);
	receive_pattern(stopped->rx, 100, 7, &stopped->near);
	printf("# %u round trips in %u ms alone, %u in %u ms beside a stopped reader\n",
	       (unsigned int)alone, alone_ms, (unsigned int)beside, ms);
	return beside * alone_ms * 2 >= alone * ms;
}

/* Of the far namespace: what is unread comes to a quarter of it, bookkeeping included. */
#define MEMORY_LIMIT (1 << 20)

/*
 * Argument: seconds=N that the reader is stopped for. Other work of the host can take the CPU in
 * one half of a comparison and not in the other, so there are three of them.
 *
 * A far end that held more than its limit when the next message came would stop reading, and count
 * that (test_options has a namespace that does); the neighbour's messages come all the time.
 */
static void stopped_reader__neighbour_keeps_its_rate(void **state)
{
	unsigned int ms = (unsigned int)suite_argument("seconds", 4) * 1000;
	struct ends stopped = ends_open_one_lane(state);
	struct ends other = ends_open(state);
	const struct netns *ns = &stopped.topology->ns[0], *far_ns;
	struct counters before, far_before;
	bool keeps = false;
	int i;

	watch_limit(3 * ms / 500 + 100);
	far_ns = topology_far_ns(stopped.topology, 0);
	assert_int_equal(netns_sysctl_set(far_ns, "rcv_mem_max", MEMORY_LIMIT), 0);
	round_trips(&other, 200);
	assert_int_equal(counters_read(ns, &before), 0);
	assert_int_equal(counters_read(far_ns, &far_before), 0);
	for (i = 0; i < 3 && !keeps; i++)
		keeps = keeps_its_rate(&other, &stopped, ms);
	assert_true(keeps);
	assert_int_equal(counter_moved(ns, &before, "conn_reset"), 0);
	assert_int_equal(counter_moved(far_ns, &far_before, "conn_reset"), 0);
	assert_int_equal(counter_moved(far_ns, &far_before, "recv_paused"), 0);
}

/* A peer that was away from the start: what waited arrives when it comes. */
static void unreachable__messages_wait_for_the_peer(void **state)
{
	struct ends ends = ends_open(state);
	uint32_t i;

	topology_link(ends.topology, 0, false);
	for (i = 0; i < 20; i++)
		send_pattern(ends.tx, 3000, i, &ends.far);
	topology_link(ends.topology, 0, true);
	for (i = 0; i < 20; i++)
		receive_pattern(ends.rx, 3000, i, &ends.near);
	assert_nothing_more(&ends);
}

/* Both sides send first, at the same moment, again and again with all connections gone. */
static void connect__from_both_sides_at_once(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	uint32_t i;

	for (i = 0; i < 30; i++) {
		assert_true(diag_kill(&ends.topology->ns[0], RDS_TCP_PORT) >= !!i);
		send_pattern(ends.tx, 100, i, &ends.far);
		send_pattern(ends.rx, 100, i + 1000, &ends.near);
		receive_pattern(ends.rx, 100, i, &ends.near);
		receive_pattern(ends.tx, 100, i + 1000, &ends.far);
	}
	/* Small connects to large, and that is all that is left. */
	assert_int_equal(diag_count(&ends.topology->ns[0], RDS_TCP_PORT), 1);
}

/* ---- a peer that refuses connections ---- */

#define WINDOW_MS 2000

/* Tries to connect within a window from now. */
static uint64_t tries_in_window(const struct netns *ns, const struct counters *since)
{
	uint64_t before = counter_moved(ns, since, "tcp_connects");
	struct deadline deadline = deadline_in(WINDOW_MS);

	while (!deadline_over(&deadline))
		deadline_step();
	return counter_moved(ns, since, "tcp_connects") - before;
}

/* Delays of the kernel's clock, stretched like the deadlines. */
static void set_delays(const struct netns *ns, long low, long high)
{
	assert_int_equal(netns_sysctl_set(ns, "reconnect_min_delay_ms", low * time_scale()), 0);
	assert_int_equal(netns_sysctl_set(ns, "reconnect_max_delay_ms", high * time_scale()), 0);
}

/*
 * Nobody listens at the peer, so every try is refused at once. The limit of the random delay
 * doubles from the least to the greatest: a dozen tries in the first window, one or two in a window
 * after 13 of them (five have a probability of 1 in 2000). With a low greatest delay tries go on:
 * 60 take 3 s, and would not fit the time with the default of 1000, or with no limit.
 */
static void refused__back_off_grows_and_is_bounded(void **state)
{
	struct topology *topology = *state;
	const struct netns *ns = &topology->ns[0];
	union rds_addr near, far = rds_addr_port(&topology->far[0], 9);
	struct deadline deadline;
	struct counters before;
	uint64_t first, later;
	int tx;

	topology_sysctl(topology, "max_paths", 1);
	assert_int_equal(netns_sysctl_set(&topology->ns[1], "tcp_listen", 0), 0);
	set_delays(ns, 1, 4000);
	tx = topology_near(topology, &near);
	assert_int_equal(counters_read(ns, &before), 0);
	send_pattern(tx, 100, 1, &far);
	first = tries_in_window(ns, &before);
	assert_true(counter_wait(ns, &before, "tcp_connects", 13, deadline_in(DEADLINE_USUAL_MS)));
	later = tries_in_window(ns, &before);
	if (first < 6 || later * 2 > first)
		fail_msg("%u tries at first, %u later", (unsigned int)first, (unsigned int)later);
	/* The delay that runs, and then the low ones. */
	deadline = deadline_in(DEADLINE_USUAL_MS);
	set_delays(ns, 1, 100);
	assert_int_equal(counters_read(ns, &before), 0);
	assert_true(counter_wait(ns, &before, "tcp_connects", 60, deadline));
	assert_int_equal(counter_now(ns, "conn_up"), 0);
}

static const struct variant both_sides[] = {
	{ "veth small, root", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth large, root", WIRE_VETH, 0, 1, 0, 0 },
	{ 0 }
};

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "reconnect" };

	SUITE_ADD(&suite, unreachable__messages_wait_for_the_peer, variants_wire_each);
	SUITE_ADD(&suite, connect__from_both_sides_at_once, both_sides);
	SUITE_ADD(&suite, refused__back_off_grows_and_is_bounded, both_sides);
	SUITE_ADD(&suite, link__down_and_up_in_mid_stream, both_sides);
	SUITE_ADD(&suite, link__down_and_up_in_mid_stream, variants_wire_nobody);
	SUITE_ADD(&suite, link__dead_until_the_watchdog_bites, both_sides);
	SUITE_ADD(&suite, link__dead_until_the_watchdog_bites, variants_wire_nobody);
	SUITE_ADD(&suite, reset__in_mid_stream, both_sides);
	SUITE_ADD(&suite, reset__in_mid_stream, variants_wire_nobody);
	SUITE_ADD(&suite, reset__with_traffic_both_ways, both_sides);
	SUITE_ADD(&suite, reset__with_traffic_both_ways, variants_wire_nobody);
	SUITE_ADD(&suite, kill__sender, variants_any_each);
	SUITE_ADD(&suite, kill__receiver, variants_any_each);
	SUITE_ADD(&suite, close__on_a_stalled_link, variants_wire_each);
	SUITE_ADD(&suite, reset__on_a_stalled_link, variants_wire_each);
	SUITE_ADD(&suite, both_ends__fill_each_other, variants_basic);
	SUITE_ADD(&suite, both_ends__full_and_in_sendmsg, variants_basic);
	SUITE_ADD(&suite, both_ends__congested_go_on, variants_wire);
	SUITE_ADD(&suite, stopped_reader__neighbour_keeps_its_rate, variants_one);
	return suite_run(&suite, argc, argv);
}

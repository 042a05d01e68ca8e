// SPDX-License-Identifier: GPL-2.0
/*
 * A cookie means that the buffer is the sender's again: here the sender overwrites it at once, and
 * whoever reads later must not see that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "cred.h"
#include "link.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "watch.h"
#include "zc.h"

#define BATCH 64

static uint32_t list[4096];

static void poison_returned(unsigned char *buffers, size_t length, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		pattern_poison(buffers + list[i] * length, length);
}

/*
 * The reader has not read yet when all cookies are back and all buffers overwritten. Under the
 * default RLIMIT_MEMLOCK not all can be outstanding at once, so they are reaped as they go, after
 * each @few.
 */
static void overwrite_before_read(struct ends *ends, size_t length, uint32_t few)
{
	const struct netns *ns = &ends->topology->ns[0];
	unsigned char *buffers = zc_buffer(BATCH * length);
	struct counters before;
	uint32_t i;

	assert_non_null(buffers);
	assert_int_equal(counters_read(ns, &before), 0);
	for (i = 0; i < BATCH; i++) {
		pattern_fill(buffers + i * length, length, i);
		zc_send(ends, buffers + i * length, length, i);
		if (i % few == few - 1) {
			zc_reap_exactly(ends->tx, list, few);
			poison_returned(buffers, length, few);
		}
	}
	/* All went by the user's pages, through TCP's zerocopy. */
	assert_int_equal(counter_moved(ns, &before, "zc_sent"), BATCH);
	assert_true(counter_moved(ns, &before, "zc_passes") >= BATCH / 16);
	for (i = 0; i < BATCH; i++)
		receive_pattern(ends->rx, length, i, &ends->near);
	zc_buffer_free(buffers, BATCH * length);
}

static void veth__overwritten_before_anybody_reads(void **state)
{
	struct ends ends = zc_ends(state, 16 << 20);

	overwrite_before_read(&ends, 65536, 4);
}

/* Fits the default RLIMIT_MEMLOCK of 5.10: four of two pages' charge of four. */
static void veth__overwritten_in_small_pieces(void **state)
{
	struct ends ends = zc_ends(state, 16 << 20);

	overwrite_before_read(&ends, 8192, 4);
}

/*
 * Without scatter-gather TCP copies what it sends; the cookies come all the same. Nobody's messages
 * are small, and few at a time.
 */
static void veth__without_scatter_gather(void **state)
{
	struct ends ends = zc_ends(state, 16 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;

	assert_int_equal(link_set_sg(ns, "w0", false), 0);
	assert_int_equal(counters_read(ns, &before), 0);
	if (cred_is_nobody())
		overwrite_before_read(&ends, 8192, 4);
	else
		overwrite_before_read(&ends, 65536, BATCH);
	assert_int_equal(counter_moved(ns, &before, "zc_completed_copied"), BATCH);
}

/*
 * TCP that probes for a larger MTU puts what is queued into skbs of its own, of which no sender
 * hears; since 6.12 they refer to the sender's pages. So it gets copies.
 */
static void veth__while_tcp_probes_for_a_larger_mtu(void **state)
{
	struct ends ends = zc_ends(state, 16 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;

	assert_int_equal(netns_write(ns, "/proc/sys/net/ipv4/tcp_mtu_probing", "2"), 0);
	assert_int_equal(counters_read(ns, &before), 0);
	if (cred_is_nobody())
		overwrite_before_read(&ends, 8192, 4);
	else
		overwrite_before_read(&ends, 65536, BATCH);
	assert_true(counter_moved(ns, &before, "zc_pass_refused") > 0);
	assert_int_equal(counter_moved(ns, &before, "zc_completed_copied"), BATCH);
}

static void loop__no_cookie_before_the_read_one_after(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(8192);
	struct counters before;

	assert_non_null(buffer);
	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	pattern_fill(buffer, 8192, 1);
	zc_send(&ends, buffer, 8192, 1);
	zc_expect_none(ends.tx, 300);
	receive_pattern(ends.rx, 8192, 1, &ends.near);
	assert_int_equal(zc_reap_exactly(ends.tx, list, 1), 0);	/* nobody copied it on the way */
	assert_int_equal(list[0], 1);
	assert_int_equal(counter_moved(&ends.topology->ns[0], &before, "zc_sent"), 1);
	zc_buffer_free(buffer, 8192);
}

static void loop__peek_keeps_the_cookie(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(8192);
	static unsigned char seen[8192];

	assert_non_null(buffer);
	pattern_fill(buffer, 8192, 2);
	zc_send(&ends, buffer, 8192, 1);
	assert_int_equal(rds_recv(ends.rx, seen, 8192, NULL, MSG_PEEK), 8192);
	assert_int_equal(pattern_check(seen, 8192, 2), -1);
	zc_expect_none(ends.tx, 200);
	receive_pattern(ends.rx, 8192, 2, &ends.near);
	zc_reap_exactly(ends.tx, list, 1);
	zc_buffer_free(buffer, 8192);
}

static void splice_all(int fd, int to, size_t length)
{
	assert_int_equal(splice(fd, NULL, to, NULL, length, 0), length);
}

static void expect_in_pipe(int fd, size_t length, uint32_t seed)
{
	static unsigned char seen[8192];

	assert_int_equal(read(fd, seen, length), length);
	assert_int_equal(pattern_check(seen, length, seed), -1);
}

/* A pipe gets bytes, not the sender's page: splice() has read them when the cookie comes. */
static void loop__spliced_and_overwritten(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(8192);
	int pipes[2];

	assert_non_null(buffer);
	assert_int_equal(pipe(pipes), 0);
	pattern_fill(buffer, 8192, 4);
	zc_send(&ends, buffer, 8192, 1);
	splice_all(ends.rx, pipes[1], 8192);
	zc_reap_exactly(ends.tx, list, 1);
	pattern_poison(buffer, 8192);
	expect_in_pipe(pipes[0], 8192, 4);
	/* Nor a page of the kernel's, which no pipe may have: large and small ones. */
	send_pattern(ends.tx, 8192, 5, &ends.far);
	splice_all(ends.rx, pipes[1], 8192);
	expect_in_pipe(pipes[0], 8192, 5);
	send_pattern(ends.tx, 100, 6, &ends.far);
	splice_all(ends.rx, pipes[1], 100);
	expect_in_pipe(pipes[0], 100, 6);
	close(pipes[0]);
	close(pipes[1]);
	zc_buffer_free(buffer, 8192);
}

/* The sender is gone, its memory too; the message is not. */
static void loop__message_of_a_closed_sender(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	long pinned = zc_pinned_pages();
	unsigned char *buffer = zc_buffer(8192);

	assert_non_null(buffer);
	pattern_fill(buffer, 8192, 3);
	zc_send(&ends, buffer, 8192, 1);
	/* close() withdraws what has not been delivered yet. */
	assert_true(rds_wait(ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	topology_close(ends.topology, ends.tx);
	zc_buffer_free(buffer, 8192);
	receive_pattern(ends.rx, 8192, 3, &ends.near);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
}

/* A reader that goes away without reading gives the cookie back. */
static void loop__closed_reader_gives_the_cookie_back(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(8192);

	assert_non_null(buffer);
	zc_send(&ends, buffer, 8192, 9);
	zc_expect_none(ends.tx, 100);
	topology_close(ends.topology, ends.rx);
	zc_reap_exactly(ends.tx, list, 1);
	assert_int_equal(list[0], 9);
	zc_buffer_free(buffer, 8192);
}

/* ---- eight sockets, 64 messages deep, random sizes, each buffer overwritten at its cookie ---- */

#define SOCKETS 8
#define DEPTH 64

/* net.core.optmem_max, the default of 5.10 and 6.1; TCP's own zerocopy takes some for each pass. */
#define OPTMEM 20480

struct lane {
	struct ends ends;
	unsigned char *buffers;		/* DEPTH slots of `slot` bytes */
	/* Cookie n plays in slot n % DEPTH of those that are free. */
	uint32_t sent;
	uint32_t received;
	uint32_t returned;
	uint32_t most;			/* slots that were out at once */
	uint32_t slot_of[DEPTH];	/* which message is in a slot */
	bool busy[DEPTH];
};

struct flood {
	struct lane lanes[SOCKETS];
	size_t slot;
	uint32_t messages;
	uint32_t congested;		/* times ENOBUFS was seen */
	unsigned int random;
};

/* Every second one is as large as they get. */
static size_t flood_length(const struct flood *flood, uint32_t message)
{
	return message % 2 ? flood->slot : 1 + message * 2654435761u % flood->slot;
}

static uint32_t flood_seed(size_t lane, uint32_t message)
{
	return (uint32_t)(lane * 7919 + message);
}

/* False when none can be sent now. */
static bool flood_send(struct flood *flood, size_t index)
{
	struct lane *lane = &flood->lanes[index];
	size_t length = flood_length(flood, lane->sent);
	unsigned char *buffer;
	uint32_t slot = 0;
	ssize_t rc;

	while (slot < DEPTH && lane->busy[slot])
		slot++;
	if (slot == DEPTH || lane->sent == flood->messages)
		return false;
	buffer = lane->buffers + slot * flood->slot;
	pattern_fill(buffer, length, flood_seed(index, lane->sent));
	/* The cookie is the slot: that is what comes free. */
	rc = rds_send_zc(lane->ends.tx, buffer, length, &lane->ends.far, slot, MSG_DONTWAIT);
	if (rc < 0 && (errno == EAGAIN || errno == ENOBUFS ||
		       (errno == ENOMEM && cred_is_nobody()))) {
		flood->congested += errno == ENOBUFS;
		return false;
	}
	assert_int_equal(rc, length);
	lane->busy[slot] = true;
	lane->slot_of[slot] = lane->sent++;
	if (lane->sent - lane->returned > lane->most)
		lane->most = lane->sent - lane->returned;
	return true;
}

static void flood_reap(struct flood *flood, size_t index)
{
	struct lane *lane = &flood->lanes[index];
	struct reap reap = reap_errqueue(lane->ends.tx, list, DEPTH * sizeof(list[0]), 0);
	size_t i;

	for (i = 0; reap.bytes > 0 && i < reap.cookies; i++) {
		assert_true(list[i] < DEPTH);
		assert_true(lane->busy[list[i]]);
		lane->busy[list[i]] = false;
		pattern_poison(lane->buffers + list[i] * flood->slot, flood->slot);
		lane->returned++;
	}
}

static void flood_receive(struct flood *flood, size_t index)
{
	struct lane *lane = &flood->lanes[index];

	if (rds_wait(lane->ends.rx, POLLIN, deadline_in(0)) != POLLIN ||
	    rds_recv(lane->ends.rx, NULL, 0, NULL, MSG_PEEK | MSG_DONTWAIT) < 0)
		return;
	receive_pattern(lane->ends.rx, flood_length(flood, lane->received),
			flood_seed(index, lane->received), &lane->ends.near);
	lane->received++;
}

static bool flood_done(const struct flood *flood)
{
	size_t i;

	for (i = 0; i < SOCKETS; i++)
		if (flood->lanes[i].received < flood->messages ||
		    flood->lanes[i].returned < flood->messages)
			return false;
	return true;
}

/* That it may take. */
static unsigned int flood_seconds(const struct flood *flood)
{
	return 80 + (unsigned int)(SOCKETS * flood->messages * flood->slot >> 21);
}

static size_t flood_out(const struct flood *flood)
{
	size_t out = 0, i;

	for (i = 0; i < SOCKETS; i++)
		out += flood->lanes[i].sent - flood->lanes[i].returned;
	return out;
}

/*
 * Nobody reads, and the far namespace takes no more than it has: the cookies of what it has not
 * taken cannot come back, so all slots of all sockets fill up. No page is held for too long.
 */
static void flood_fill(struct flood *flood, struct topology *topology)
{
	struct deadline deadline = deadline_in(80000);
	const struct netns *far = topology_far_ns(topology, 0);
	long limit;
	size_t i;

	topology_sysctl(topology, "pin_hold_ms", 3600 * 1000);
	assert_int_equal(netns_sysctl_get(far, "rcv_mem_max", &limit), 0);
	assert_int_equal(netns_sysctl_set(far, "rcv_mem_max", 1), 0);
	while (flood_out(flood) < SOCKETS * DEPTH) {
		assert_false(deadline_over(&deadline));
		for (i = 0; i < SOCKETS; i++) {
			while (flood_send(flood, i))
				;
			flood_reap(flood, i);
		}
	}
	assert_int_equal(netns_sysctl_set(far, "rcv_mem_max", limit), 0);
}

/* Sends run ahead of reads at random, so that queues are full now and empty then. */
static void flood_run(struct flood *flood)
{
	struct deadline deadline = deadline_in(flood_seconds(flood) * 1000);
	size_t i, index, bursts;

	while (!flood_done(flood)) {
		assert_false(deadline_over(&deadline));
		index = (size_t)rand_r(&flood->random) % SOCKETS;
		bursts = (size_t)rand_r(&flood->random) % DEPTH;
		for (i = 0; i < bursts; i++)
			flood_send(flood, index);
		flood_reap(flood, index);
		index = (size_t)rand_r(&flood->random) % SOCKETS;
		bursts = (size_t)rand_r(&flood->random) % DEPTH;
		for (i = 0; i < bursts; i++)
			flood_receive(flood, index);
		flood_reap(flood, index);
	}
}

/*
 * Arguments: size=BYTES of the largest message, messages=N per socket. Root begins with all slots
 * out; the sockets of nobody share what RLIMIT_MEMLOCK allows: less of everything.
 */
static void flood__eight_sockets_depth_64(void **state)
{
	static struct flood flood; /* large, and of one test at a time */
	struct counters before;
	struct lane *lane;
	size_t i;

	topology_optmem(*state, OPTMEM);
	memset(&flood, 0, sizeof(flood));
	flood.slot = cred_is_nobody() ? 16384 : (size_t)suite_argument("size", 65536);
	flood.messages = cred_is_nobody() ? 60 : (uint32_t)suite_argument("messages", 200);
	flood.random = 11;
	for (i = 0; i < SOCKETS; i++) {
		lane = &flood.lanes[i];
		lane->ends = zc_ends(state, (int)(DEPTH * flood.slot));
		lane->buffers = zc_buffer(DEPTH * flood.slot);
		assert_non_null(lane->buffers);
	}
	assert_int_equal(counters_read(&lane->ends.topology->ns[0], &before), 0);
	watch_limit(100 + flood_seconds(&flood));
	if (!cred_is_nobody())
		flood_fill(&flood, *state);
	flood_run(&flood);
	assert_int_equal(counter_moved(&lane->ends.topology->ns[0], &before, "zc_completed"),
			 SOCKETS * flood.messages);
	/* No other cause has that errno. */
	assert_int_equal(counter_moved(&lane->ends.topology->ns[0], &before, "cong_send_error"),
			 flood.congested);
	for (i = 0; i < SOCKETS; i++) {
		if (!cred_is_nobody())
			assert_int_equal(flood.lanes[i].most, DEPTH);
		zc_reap_exactly(flood.lanes[i].ends.tx, list, 0);
		zc_buffer_free(flood.lanes[i].buffers, DEPTH * flood.slot);
	}
}

/* The same where TCP must copy. */
static void flood__without_scatter_gather(void **state)
{
	const struct topology *topology = *state;

	assert_int_equal(link_set_sg(&topology->ns[0], "w0", false), 0);
	flood__eight_sockets_depth_64(state);
}

static const struct variant loopback[] = {
	{ "loopback", WIRE_LOOPBACK, 0, 0, 0, 0 },
	{ 0 }
};

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "overwrite" };

	SUITE_ADD(&suite, veth__overwritten_before_anybody_reads, variants_wire);
	SUITE_ADD(&suite, veth__overwritten_in_small_pieces, variants_wire_each);
	SUITE_ADD(&suite, veth__without_scatter_gather, variants_one_each);
	SUITE_ADD(&suite, veth__while_tcp_probes_for_a_larger_mtu, variants_one_each);
	SUITE_ADD(&suite, loop__no_cookie_before_the_read_one_after, loopback);
	SUITE_ADD(&suite, loop__no_cookie_before_the_read_one_after, variants_loop_each);
	SUITE_ADD(&suite, loop__peek_keeps_the_cookie, variants_loop_each);
	SUITE_ADD(&suite, loop__spliced_and_overwritten, variants_loop_each);
	SUITE_ADD(&suite, loop__message_of_a_closed_sender, variants_loop_each);
	SUITE_ADD(&suite, loop__closed_reader_gives_the_cookie_back, variants_loop_each);
	SUITE_ADD(&suite, flood__eight_sockets_depth_64, variants_wire);
	SUITE_ADD(&suite, flood__eight_sockets_depth_64, variants_loop);
	SUITE_ADD(&suite, flood__eight_sockets_depth_64, variants_any_nobody);
	SUITE_ADD(&suite, flood__without_scatter_gather, variants_one_each);
	return suite_run(&suite, argc, argv);
}

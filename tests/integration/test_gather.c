// SPDX-License-Identifier: GPL-2.0
/*
 * Small messages of a burst go to TCP together, and none of them waits longer than it may. The wire
 * is dead meanwhile: nothing is acknowledged, and nothing else goes out.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "ends.h"
#include "link.h"
#include "suite.h"

#define SIZE 200
#define FIRST 64	/* on their way, so that the next ones may wait */
#define BATCH 16	/* as many go in one call */
#define LONG_US 1000000
#define QUIET_MS 20

struct burst {
	struct ends ends;
	const struct netns *ns;
	struct counters before;	/* when calm, or when FIRST are on their way */
	uint32_t sent;
};

static void send_more(struct burst *b, uint32_t count)
{
	while (count--)
		send_pattern(b->ends.tx, SIZE, b->sent++, &b->ends.far);
}

static void receive_all(struct burst *b)
{
	uint32_t i;

	topology_blackhole(b->ends.topology, 0, false);
	for (i = 0; i < b->sent; i++)
		receive_pattern(b->ends.rx, SIZE, i, &b->ends.near);
}

static uint64_t moved(const struct burst *b, const char *name)
{
	return counter_moved(b->ns, &b->before, name);
}

/* Nothing is sent any more: where a worker of the module does it, it has. */
static void wait_quiet(const struct netns *ns)
{
	struct counters before;

	do {
		assert_int_equal(counters_read(ns, &before), 0);
		usleep(QUIET_MS * 1000 * time_scale());
	} while (counter_moved(ns, &before, "tcp_send_calls"));
}

static void expect_calls(const struct burst *b, uint64_t count)
{
	wait_quiet(b->ns);
	assert_int_equal(moved(b, "tcp_send_calls"), count);
}

static void nothing_to_read(struct burst *b)
{
	char byte;

	assert_fails(rds_recv(b->ends.tx, &byte, 1, NULL, MSG_DONTWAIT), EAGAIN);
}

/*
 * So many messages wait, and nothing has gone out since @before. Where the host kept this machine
 * from running for as long as they may wait, their timer was first. Then the next ones are not
 * delayed for a while, longer each time, and after those it is tried again.
 */
static void send_what_waits(struct burst *b, uint32_t count)
{
	uint32_t try;

	for (try = 0;; try++) {
		wait_quiet(b->ns);
		assert_int_equal(counters_read(b->ns, &b->before), 0);
		send_more(b, count);
		wait_quiet(b->ns);
		if (try == 4 || !moved(b, "send_gather_timer"))
			break;
		send_more(b, BATCH << try);
		nothing_to_read(b);
	}
	assert_int_equal(moved(b, "send_gather_timer"), 0);
	assert_int_equal(moved(b, "tcp_send_calls"), 0);
}

/* The connection is up, and nothing is on its way. */
static struct burst calm(void **state, long gather_us)
{
	struct burst b = { .ends = ends_open_one_lane(state) };

	b.ns = &b.ends.topology->ns[0];
	topology_sysctl(b.ends.topology, "gather_us", gather_us);
	ends_there_and_back(&b.ends, SIZE, 1);
	wait_quiet(b.ns);
	wait_quiet(&b.ends.topology->ns[1]);
	assert_int_equal(counters_read(b.ns, &b.before), 0);
	return b;
}

static struct burst burst(void **state, long gather_us)
{
	struct burst b = calm(state, gather_us);

	topology_blackhole(b.ends.topology, 0, true);
	send_more(&b, FIRST);
	nothing_to_read(&b);
	wait_quiet(b.ns);
	assert_int_equal(counters_read(b.ns, &b.before), 0);
	return b;
}

static void many__go_in_few_calls(void **state)
{
	struct burst b = burst(state, LONG_US);

	send_more(&b, 10 * BATCH);
	wait_quiet(b.ns);
	/* A worker, where it is one that sends, takes what there is. */
	assert_in_range(moved(&b, "tcp_send_calls"), 1, 10 * BATCH / 2);
	assert_true(moved(&b, "send_gathered") >= BATCH - 1);
	assert_int_equal(moved(&b, "send_gather_timer"), 0);
	receive_all(&b);
}

/* Its sender never comes back to the module: the timer sends it. */
static void few__go_in_time(void **state)
{
	struct burst b = burst(state, 50);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	send_more(&b, 3);
	assert_true(counter_wait(b.ns, &b.before, "tcp_send_calls", 1, deadline));
	assert_true(moved(&b, "send_gather_timer") >= 1);
	receive_all(&b);
}

/* A program that sends so slowly gains nothing: its next messages are not delayed. */
static void slow__is_let_alone(void **state)
{
	struct burst b = burst(state, 50);

	send_more(&b, 1);
	assert_true(counter_wait(b.ns, &b.before, "send_gather_timer", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(moved(&b, "send_gathered"), 1);
	send_more(&b, BATCH);
	assert_int_equal(moved(&b, "send_gathered"), 1);
	wait_quiet(b.ns);
	send_more(&b, 1);
	assert_int_equal(moved(&b, "send_gathered"), 2);
	receive_all(&b);
}

/* Whoever has more to read will soon be back with the next answer. */
static void reader__gathers_its_answers(void **state)
{
	struct burst b = calm(state, LONG_US);
	uint32_t i;

	for (i = 0; i < 3; i++)
		send_pattern(b.ends.rx, SIZE, i, &b.ends.near);
	assert_true(counter_wait(b.ns, &b.before, "recv_queued", 3,
				 deadline_in(DEADLINE_USUAL_MS)));
	for (i = 0; i < 3; i++) {
		receive_pattern(b.ends.tx, SIZE, i, &b.ends.far);
		send_more(&b, 1);
	}
	assert_int_equal(moved(&b, "send_gathered"), 2);
	for (i = 0; i < 3; i++)	/* the last one took them along */
		receive_pattern(b.ends.rx, SIZE, i, &b.ends.near);
	assert_int_equal(moved(&b, "send_gather_timer"), 0);
}

static void none__waits_with_0(void **state)
{
	struct burst b = burst(state, 0);

	send_more(&b, BATCH);
	wait_quiet(b.ns);
	assert_in_range(moved(&b, "tcp_send_calls"), 1, BATCH);
	assert_int_equal(moved(&b, "send_gathered"), 0);
	receive_all(&b);
}

/* A question that waits for its answer: what is on its way is acknowledged, so it goes at once. */
static void alone__goes_at_once(void **state)
{
	struct burst b = calm(state, LONG_US);
	uint32_t i;

	for (i = 0; i < 20; i++)
		ends_there_and_back(&b.ends, SIZE, i);
	assert_int_equal(moved(&b, "send_gathered"), 0);
}

static void large__takes_them_along(void **state)
{
	struct burst b = burst(state, LONG_US);

	send_what_waits(&b, 2);
	send_pattern(b.ends.tx, 2049, b.sent, &b.ends.far);
	expect_calls(&b, 1);
	receive_all(&b);
	receive_pattern(b.ends.rx, 2049, b.sent, &b.ends.near);
}

/* ---- the program has nothing more to do ---- */

static void sleeps_for_a_message(struct burst *b)
{
	char byte;

	assert_int_equal(rds_set_timeouts(b->ends.tx, 1), 0);
	assert_fails(rds_recv(b->ends.tx, &byte, 1, NULL, 0), ETIMEDOUT);
}

static void looks_for_cookies(struct burst *b)
{
	struct msghdr message = { 0 };

	assert_fails(recvmsg(b->ends.tx, &message, MSG_ERRQUEUE | MSG_DONTWAIT), EAGAIN);
}

static void polls(struct burst *b)
{
	struct pollfd pollfd = { .fd = b->ends.tx, .events = POLLIN };

	assert_int_equal(poll(&pollfd, 1, 0), 0);
}

static void polls_by_epoll(struct burst *b)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(0);

	assert_true(fd >= 0);
	assert_int_equal(epoll_ctl(fd, EPOLL_CTL_ADD, b->ends.tx, &event), 0);
	assert_int_equal(epoll_wait(fd, &event, 1, 0), 0);
	close(fd);
}

static void cannot_send_more(struct burst *b)
{
	char data[SIZE] = { 0 };

	assert_int_equal(rds_set_buffers(b->ends.tx, SIZE, 0), 0);
	assert_fails(rds_send(b->ends.tx, data, SIZE, &b->ends.far, MSG_DONTWAIT), EAGAIN);
}

static const struct {
	const char *name;
	void (*act)(struct burst *b);
} acts[] = {
	{ "nothing to read", nothing_to_read },
	{ "sleeps for a message", sleeps_for_a_message },
	{ "looks for cookies", looks_for_cookies },
	{ "polls", polls },
	{ "polls by epoll", polls_by_epoll },
	{ "cannot send more", cannot_send_more },
};

static void pause__sends_what_waits(void **state)
{
	struct burst b = burst(state, LONG_US);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		send_what_waits(&b, 3);
		acts[i].act(&b);
		if (!counter_wait(b.ns, &b.before, "tcp_send_calls", 1, deadline_in(500)))
			fail_msg("%s: nothing was sent", acts[i].name);
		assert_int_equal(moved(&b, "send_gather_timer"), 0);
	}
	receive_all(&b);
}

/* Ready for what it asks is no pause: whoever reads one message and sends another goes on. */
static void ready__is_no_pause(void **state)
{
	struct burst b = burst(state, LONG_US);
	struct pollfd pollfd = { .fd = b.ends.tx, .events = POLLOUT };

	send_what_waits(&b, 2);
	assert_int_equal(poll(&pollfd, 1, 0), 1);
	expect_calls(&b, 0);
	nothing_to_read(&b);
	expect_calls(&b, 1);
	receive_all(&b);
}

static void close__sends_what_waits(void **state)
{
	struct burst b = burst(state, LONG_US);

	send_what_waits(&b, 3);
	topology_close(b.ends.topology, b.ends.tx);
	expect_calls(&b, 1);
	assert_int_equal(moved(&b, "send_gather_timer"), 0);
}

/*
 * One socket, two peers: what waits for the one goes when a message for the other begins to, and
 * then nothing is delayed for a while.
 */
static void peer__another_one(void **state)
{
	struct burst b = burst(state, LONG_US);
	struct topology *topology = b.ends.topology;
	union rds_addr other = nobody_home(topology);
	uint32_t i;
	int fd;

	topology_blackhole(topology, 0, false);
	assert_int_equal(link_add_address(&topology->ns[1], "w0", "10.77.1.99", 24), 0);
	fd = topology_socket(topology, &topology->ns[1], &other);
	send_pattern(b.ends.tx, SIZE, 0, &other);
	receive_pattern(fd, SIZE, 0, &b.ends.near);
	wait_quiet(b.ns);
	topology_blackhole(topology, 0, true);	/* no acknowledgement finds its way back */
	send_more(&b, FIRST);
	for (i = 1; i <= FIRST; i++)
		send_pattern(b.ends.tx, SIZE, i, &other);
	nothing_to_read(&b);
	send_what_waits(&b, 2);
	send_pattern(b.ends.tx, SIZE, i, &other);
	assert_true(counter_wait(b.ns, &b.before, "tcp_send_calls", 1, deadline_in(500)));
	assert_int_equal(moved(&b, "send_gathered"), 3);
	nothing_to_read(&b);
	expect_calls(&b, 2);
	send_more(&b, 1);
	expect_calls(&b, 3);
	receive_all(&b);
	for (i = 1; i <= FIRST + 1; i++)
		receive_pattern(fd, SIZE, i, &b.ends.near);
}

/* The connection is lost while messages wait for the next ones: nothing is lost with it. */
static void lost__connection(void **state)
{
	struct burst b = burst(state, LONG_US);

	send_more(&b, 3);
	topology_sysctl(b.ends.topology, "tcp_sndbuf", 1 << 20);	/* ends all connections */
	receive_all(&b);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "gather" };

	SUITE_ADD(&suite, many__go_in_few_calls, variants_wire);
	SUITE_ADD(&suite, few__go_in_time, variants_wire);
	SUITE_ADD(&suite, slow__is_let_alone, variants_wire);
	SUITE_ADD(&suite, reader__gathers_its_answers, variants_wire);
	SUITE_ADD(&suite, none__waits_with_0, variants_wire);
	SUITE_ADD(&suite, alone__goes_at_once, variants_wire);
	SUITE_ADD(&suite, large__takes_them_along, variants_wire);
	SUITE_ADD(&suite, pause__sends_what_waits, variants_wire);
	SUITE_ADD(&suite, ready__is_no_pause, variants_wire);
	SUITE_ADD(&suite, close__sends_what_waits, variants_wire);
	SUITE_ADD(&suite, peer__another_one, variants_one);
	SUITE_ADD(&suite, lost__connection, variants_wire);
	return suite_run(&suite, argc, argv);
}

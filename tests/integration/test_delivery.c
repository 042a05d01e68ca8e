// SPDX-License-Identifier: GPL-2.0
/*
 * Delivery acknowledgements between two of ours: what the peer's TCP has and its RDS has not
 * survives the loss of the connection, once; and the acknowledgements are soon and few.
 *
 * What is "in TCP, not in RDS" is made without any hook: rcv_mem_max is 1, and one message that
 * nobody reads (the plug) is over it, so the far namespace stops to read from TCP.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "cred.h"
#include "diag.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "watch.h"
#include "zc.h"

#define SIZE 65536
#define COUNT 64		/* of SIZE: 4 MiB */
#define ROOM (16 << 20)
#define ACK_SIZE 4096
#define UNLIMITED (1L << 30)

static unsigned char in[SIZE];

struct stage {
	struct ends ends;
	const struct netns *near, *far;
	int plug;
	union rds_addr plug_addr;
	struct counters before;		/* of near */
};

/* TCP takes so much that nobody reads. */
static void widen_tcp(const struct netns *ns, int room)
{
	char text[64];

	snprintf(text, sizeof(text), "4096 %d %d\n", room, room);
	assert_int_equal(netns_write(ns, "/proc/sys/net/ipv4/tcp_rmem", text), 0);
}

static int64_t retained_now(const struct netns *ns)
{
	struct counters now;
	uint64_t began, ended;

	assert_int_equal(counters_read(ns, &now), 0);
	assert_true(counters_find(&now, "msg_retained", &began));
	assert_true(counters_find(&now, "msg_retained_done", &ended));
	return (int64_t)(began - ended);
}

static void wait_until_nothing_is_retained(const struct netns *ns)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (retained_now(ns)) {
		if (deadline_over(&deadline))
			fail_msg("%d messages are retained for ever", (int)retained_now(ns));
		deadline_step();
	}
}

static struct stage stage_open_wide(void **state, int room)
{
	struct topology *topology = *state;
	struct stage stage = { .near = &topology->ns[0], .far = &topology->ns[1] };

	widen_tcp(&topology->ns[0], room);
	widen_tcp(&topology->ns[1], room);
	stage.ends = zc_ends(state, ROOM);
	stage.plug_addr = topology->far[0];
	stage.plug = topology_far(stage.ends.topology, &stage.plug_addr);
	/* So that each knows who the other is, and once more, on the lanes of the sockets. */
	ends_there_and_back(&stage.ends, 100, 9000);
	assert_true(diag_wait_lanes(stage.near, RDS_TCP_PORT, &stage.ends.near));
	ends_there_and_back(&stage.ends, 100, 9000);
	wait_until_nothing_is_retained(stage.near);
	wait_until_nothing_is_retained(stage.far);
	assert_int_equal(counters_read(stage.near, &stage.before), 0);
	return stage;
}

static struct stage stage_open(void **state)
{
	return stage_open_wide(state, ROOM);
}

static void stop_reading(struct stage *stage)
{
	assert_int_equal(netns_sysctl_set(stage->far, "rcv_mem_max", 1), 0);
	send_pattern(stage->ends.tx, 100, 9002, &stage->plug_addr);
	assert_true(rds_wait(stage->plug, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
}

static void go_on_reading(struct stage *stage)
{
	assert_int_equal(netns_sysctl_set(stage->far, "rcv_mem_max", UNLIMITED), 0);
	receive_pattern(stage->plug, 100, 9002, &stage->ends.near);
}

/* All lanes are killed at one end, and the first is up again; the others may wait for a reader. */
static void kill_all(const struct stage *stage, const struct netns *ns)
{
	struct counters before;

	assert_int_equal(counters_read(stage->near, &before), 0);
	assert_true(diag_kill(ns, RDS_TCP_PORT) >= DIAG_LANES);
	assert_true(counter_wait(stage->near, &before, "conn_reset", DIAG_LANES,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_true(counter_wait(stage->near, &before, "conn_up", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
}

static void assert_nothing_more(const struct stage *stage)
{
	assert_int_equal(rds_recv(stage->ends.rx, in, sizeof(in), NULL, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void send_all(const struct stage *stage, uint32_t seed)
{
	uint32_t i;

	for (i = 0; i < COUNT; i++)
		send_pattern(stage->ends.tx, SIZE, seed + i, &stage->ends.far);
}

static void receive_all(const struct stage *stage, uint32_t seed)
{
	uint32_t i;

	for (i = 0; i < COUNT; i++)
		receive_pattern(stage->ends.rx, SIZE, seed + i, &stage->ends.near);
}

/*
 * 4 MiB are in the far end's TCP, acknowledged and unread, and its connections are killed: all
 * comes once, in order. Argument: rounds=N.
 */
static void unread__killed_and_sent_again(void **state)
{
	uint32_t rounds = (uint32_t)suite_argument("rounds", 5), round;
	struct stage stage = stage_open(state);
	uint64_t queued;

	for (round = 0; round < rounds; round++) {
		watch_limit(100);	/* the limit of a test, for each round */
		stop_reading(&stage);
		queued = counter_now(stage.far, "recv_queued");
		send_all(&stage, round * COUNT);
		ends_wait_acknowledged(stage.ends.tx);
		assert_int_equal(counter_now(stage.far, "recv_queued"), queued);
		assert_true(retained_now(stage.near) >= COUNT);
		/* The old connections have gone with what they held, before anybody reads again. */
		kill_all(&stage, stage.far);
		go_on_reading(&stage);
		receive_all(&stage, round * COUNT);
		assert_nothing_more(&stage);
		wait_until_nothing_is_retained(stage.near);
	}
	/* What comes last shows that nothing doubled is on its way behind it. */
	send_pattern(stage.ends.tx, 100, 9003, &stage.ends.far);
	receive_pattern(stage.ends.rx, 100, 9003, &stage.ends.near);
	assert_nothing_more(&stage);
	print_message("# %u kills, %u messages, all came once\n", rounds, rounds * COUNT);
}

/* The same with the near end's connections killed, before the far end has noticed anything. */
static void unread__sender_killed(void **state)
{
	struct stage stage = stage_open(state);

	stop_reading(&stage);
	send_all(&stage, 0);
	ends_wait_acknowledged(stage.ends.tx);
	kill_all(&stage, stage.near);
	go_on_reading(&stage);
	receive_all(&stage, 0);
	assert_nothing_more(&stage);
	wait_until_nothing_is_retained(stage.near);
}

#define RETAIN_MAX 32		/* MiB that a path retains */
#define TOO_MUCH (RETAIN_MAX + 12)

/*
 * The peer's TCP takes more than may be retained: what is too much stays in the send buffer until
 * the peer has delivered, then goes. Of what TCP has at that moment a few MiB may come on top.
 */
static void unread__too_much_stays_with_the_sender(void **state)
{
	struct stage stage = stage_open_wide(state, 128 << 20);
	int left = 0;
	uint32_t i;

	stop_reading(&stage);
	for (i = 0; i < TOO_MUCH; i++)
		send_pattern(stage.ends.tx, 1 << 20, i, &stage.ends.far);
	assert_true(counter_wait(stage.near, &stage.before, "retain_full", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_in_range(retained_now(stage.near), RETAIN_MAX - 1, TOO_MUCH - 1);
	assert_int_equal(ioctl(stage.ends.tx, SIOCOUTQ, &left), 0);
	assert_true(left >= 1 << 20);
	go_on_reading(&stage);
	for (i = 0; i < TOO_MUCH; i++)
		receive_pattern(stage.ends.rx, 1 << 20, i, &stage.ends.near);
	assert_nothing_more(&stage);
	wait_until_nothing_is_retained(stage.near);
}

/* A reader that does not read: its messages are in its queue, and that is enough. */
static void not_read__is_acknowledged(void **state)
{
	struct stage stage = stage_open(state);

	send_all(&stage, 0);
	ends_wait_acknowledged(stage.ends.tx);
	wait_until_nothing_is_retained(stage.near);
	receive_all(&stage, 0);
}

/* Nobody is bound there: refused for good, so not retained either. */
static void refused__is_acknowledged(void **state)
{
	struct stage stage = stage_open(state);
	union rds_addr nobody = rds_addr_port(&stage.ends.far, 9);

	send_pattern(stage.ends.tx, SIZE, 1, &nobody);
	ends_wait_acknowledged(stage.ends.tx);
	wait_until_nothing_is_retained(stage.near);
}

/*
 * The buffer is not the user's again while it may have to be sent again; nor is it kept for ever.
 */
static void unread__cookie_waits_until_conversion(void **state)
{
	struct stage stage = stage_open(state);
	/* Nobody's fits the smallest default RLIMIT_MEMLOCK (64 KiB on 5.10). */
	size_t size = cred_is_nobody() ? SIZE / 2 : SIZE;
	unsigned char *buffer = zc_buffer(size);
	long pinned = zc_pinned_pages();
	uint32_t cookie = 0;

	assert_non_null(buffer);
	stop_reading(&stage);
	pattern_fill(buffer, size, 5);
	zc_send(&stage.ends, buffer, size, 77);
	ends_wait_acknowledged(stage.ends.tx);
	zc_expect_none(stage.ends.tx, 300);
	topology_sysctl(stage.ends.topology, "pin_hold_ms", 200);
	/* The reaper looks again after a quarter of what the time was when it looked last. */
	assert_int_equal(reap_until(stage.ends.tx, &cookie, 1, NULL,
				    deadline_in(DEADLINE_USUAL_MS)),
			 1);
	assert_int_equal(cookie, 77);
	pattern_poison(buffer, size);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	assert_true(retained_now(stage.near) > 0);
	kill_all(&stage, stage.far);
	go_on_reading(&stage);
	receive_pattern(stage.ends.rx, size, 5, &stage.ends.near);
	assert_nothing_more(&stage);
	zc_buffer_free(buffer, size);
}

static uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* One message; when the kernel put it into the socket's queue, by CLOCK_REALTIME. */
static uint64_t take_stamped(int fd, uint32_t seed)
{
	char control[CMSG_SPACE(sizeof(struct timeval))];
	struct iovec iov = { .iov_base = in, .iov_len = sizeof(in) };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	struct timeval at;

	assert_int_equal(recvmsg(fd, &message, 0), ACK_SIZE);
	assert_int_equal(pattern_check(in, ACK_SIZE, seed), -1);
	cmsg = CMSG_FIRSTHDR(&message);
	assert_non_null(cmsg);
	assert_int_equal(cmsg->cmsg_type, SO_TIMESTAMP);
	memcpy(&at, CMSG_DATA(cmsg), sizeof(at));
	return (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_usec;
}

/*
 * One-way traffic: the acknowledgement comes in a frame of its own, at most 2 ms late. What is
 * measured is the cookie: the acknowledgement, and waking a program. An emulated machine runs about
 * ten times slower and shares its host, so ten times that is allowed for the median. The least must
 * keep it; but a reader that returns late hides what is late with it, so twice that is what the
 * least may have from the kernel's own stamp of the delivery on, which is before the reader wakes.
 */
#define SAMPLES 301
#define LIMIT_US 2000ULL
#define EMULATION 10

struct delays {
	uint64_t from_reader[SAMPLES], from_stamp[SAMPLES];
};

static void measure_delay(const struct stage *stage, unsigned char *buffer, uint32_t i,
			  struct delays *delays)
{
	uint64_t stamp, read, now;
	uint32_t cookie;

	pattern_fill(buffer, ACK_SIZE, i);
	zc_send(&stage->ends, buffer, ACK_SIZE, i);
	stamp = take_stamped(stage->ends.rx, i);
	read = clock_us();
	assert_int_equal(reap_until(stage->ends.tx, &cookie, 1, NULL,
				    deadline_in(DEADLINE_USUAL_MS)), 1);
	now = clock_us();
	delays->from_reader[i] = now - read;
	delays->from_stamp[i] = now - stamp;
}

/* Sorts them, and prints what they were. */
static void tell_delays(const char *from, uint64_t us[SAMPLES])
{
	qsort(us, SAMPLES, sizeof(us[0]), by_value);
	print_message("# acknowledged %u us (least), %u (median), %u (most) after %s\n",
		      (unsigned int)us[0], (unsigned int)us[SAMPLES / 2],
		      (unsigned int)us[SAMPLES - 1], from);
}

static void one_way__acknowledged_soon(void **state)
{
	struct stage stage = stage_open(state);
	unsigned char *buffer = zc_buffer(ACK_SIZE);
	static struct delays delays;
	struct counters before;
	uint32_t i;

	assert_non_null(buffer);
	assert_int_equal(counters_read(stage.far, &before), 0);
	assert_int_equal(rds_set(stage.ends.rx, SOL_SOCKET, SO_TIMESTAMP, 1), 0);
	for (i = 0; i < SAMPLES; i++)
		measure_delay(&stage, buffer, i, &delays);
	assert_true(counter_moved(stage.near, &stage.before, "ack_received") >= SAMPLES);
	assert_true(counter_moved(stage.far, &before, "ack_sent") >= SAMPLES);
	tell_delays("the reader's return", delays.from_reader);
	tell_delays("the delivery", delays.from_stamp);
	assert_true(delays.from_reader[0] <= LIMIT_US * time_scale());
	assert_true(delays.from_stamp[0] <= 2 * LIMIT_US * time_scale());
	assert_true(delays.from_reader[SAMPLES / 2] <= LIMIT_US * EMULATION * time_scale());
	zc_buffer_free(buffer, ACK_SIZE);
}

/* A stream in one direction: one acknowledgement for 64 messages, or one in a millisecond. */
static void one_way__acknowledged_seldom(void **state)
{
	struct stage stage = stage_open(state);
	const uint32_t total = 8000;
	uint32_t sent = 0, got = 0;
	uint64_t acks, own, start = clock_ms(), ms;

	while (got < total) {
		while (sent < total && sent - got < 200 &&
		       rds_send(stage.ends.tx, in, 64, &stage.ends.far, MSG_DONTWAIT) == 64)
			sent++;
		if (rds_recv(stage.ends.rx, in, sizeof(in), NULL, 0) == 64)
			got++;
	}
	wait_until_nothing_is_retained(stage.near);
	acks = counter_moved(stage.near, &stage.before, "ack_received");
	own = counter_moved(stage.near, &stage.before, "ack_sent");
	ms = clock_ms() - start;
	print_message("# %u messages in %u ms, %u acknowledgements\n", total, (unsigned int)ms,
		      (unsigned int)acks);
	assert_true(acks >= 1);
	assert_true(acks <= total / 64 + ms + 10);
	/* Acknowledgements are not acknowledged; what the handshake left to acknowledge may be. */
	assert_true(own <= 2);
}

/* Traffic both ways carries them: hardly any frame of its own is needed, and none while idle. */
static void both_ways__carried_by_messages(void **state)
{
	struct timespec pause = { .tv_nsec = 300000000 };
	struct stage stage = stage_open(state);
	uint64_t acks;
	uint32_t i;

	for (i = 0; i < 200; i++) {
		send_pattern(stage.ends.tx, 64, i, &stage.ends.far);
		receive_pattern(stage.ends.rx, 64, i, &stage.ends.near);
		send_pattern(stage.ends.rx, 64, i, &stage.ends.near);
		receive_pattern(stage.ends.tx, 64, i, &stage.ends.far);
	}
	wait_until_nothing_is_retained(stage.near);
	wait_until_nothing_is_retained(stage.far);
	nanosleep(&pause, NULL);
	acks = counter_now(stage.near, "ack_received") + counter_now(stage.near, "ack_sent");
	print_message("# %u frames of their own\n", (unsigned int)acks);
	nanosleep(&pause, NULL);
	assert_int_equal(counter_now(stage.near, "ack_received") +
			 counter_now(stage.near, "ack_sent"), acks);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "delivery" };

	SUITE_ADD(&suite, unread__killed_and_sent_again, variants_wire);
	SUITE_ADD(&suite, unread__sender_killed, variants_wire);
	SUITE_ADD(&suite, unread__cookie_waits_until_conversion, variants_wire);
	SUITE_ADD(&suite, unread__cookie_waits_until_conversion, variants_one_nobody);
	SUITE_ADD(&suite, unread__too_much_stays_with_the_sender, variants_one);
	SUITE_ADD(&suite, not_read__is_acknowledged, variants_one);
	SUITE_ADD(&suite, refused__is_acknowledged, variants_one);
	SUITE_ADD(&suite, one_way__acknowledged_soon, variants_wire);
	SUITE_ADD(&suite, one_way__acknowledged_seldom, variants_one);
	SUITE_ADD(&suite, both_ways__carried_by_messages, variants_one);
	return suite_run(&suite, argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/* Cookies: how they are asked for, refused, limited and read back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>

#include "array.h"
#include "cookies.h"
#include "counters.h"
#include "cred.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "zc.h"

#define MANY 10000

/* Messages of one page that a default RLIMIT_MEMLOCK of 64 KiB allows: three pages' charge each. */
#define AFEW 5

static uint32_t list[MANY + 64];
static unsigned char small[64];

/* A socket whose zerocopy sends are small enough to be copied: the cookie is there at once. */
static struct ends copying_ends(void **state)
{
	struct ends ends = ends_open(state);

	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	/*
	 * Nobody is bound there: the messages are dropped, and no reader is needed. But they get
	 * there.
	 */
	topology_sysctl(ends.topology, "tcp_listen", 1);
	topology_close(ends.topology, ends.rx);
	ends.rx = -1;
	return ends;
}

static void send_small(const struct ends *ends, uint32_t first, uint32_t count)
{
	uint32_t i;

	for (i = first; i < first + count; i++)
		zc_send(ends, small, sizeof(small), i);
}

static void assert_empty(int fd)
{
	uint32_t cookie;

	assert_int_equal(reap_errqueue(fd, &cookie, sizeof(cookie), 0).bytes, -1);
	assert_int_equal(errno, EAGAIN);
}

static void read__ten_thousand_at_once(void **state)
{
	struct ends ends = copying_ends(state);
	struct counters before;
	struct reap reap;
	uint32_t i;

	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	send_small(&ends, 0, MANY);
	assert_true(counter_wait(&ends.topology->ns[0], &before, "zc_completed", MANY,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(counter_moved(&ends.topology->ns[0], &before, "zc_completed_copied"),
			 MANY);
	assert_int_equal(rds_wait(ends.tx, POLLIN, deadline_in(0)), POLLERR);
	reap = reap_errqueue(ends.tx, list, MANY * sizeof(list[0]), 0);
	assert_int_equal(reap.bytes, MANY * sizeof(list[0]));
	assert_true(reap.has_report);
	assert_int_equal(reap.origin, SO_EE_ORIGIN_ZEROCOPY);
	assert_int_equal(reap.code, SO_EE_CODE_ZEROCOPY_COPIED);
	assert_int_equal(reap.ee_data, MANY);
	assert_false(reap.truncated);
	assert_false(reap.control_cut);
	assert_true(reap.flags & MSG_ERRQUEUE);
	for (i = 0; i < MANY; i++)
		assert_int_equal(list[i], i);
	assert_int_equal(rds_wait(ends.tx, POLLIN, deadline_in(0)), 0);
	assert_empty(ends.tx);
}

/* One read that has room for all takes those of one verdict: every second one from the first. */
static void take_one_verdict(int fd, uint8_t code, uint32_t first)
{
	struct reap reap = reap_errqueue(fd, list, MANY * sizeof(list[0]), 0);
	uint32_t i;

	assert_int_equal(reap.bytes, MANY / 2 * sizeof(list[0]));
	assert_true(reap.has_report);
	assert_int_equal(reap.origin, SO_EE_ORIGIN_ZEROCOPY);
	assert_int_equal(reap.code, code);
	assert_int_equal(reap.ee_data, MANY / 2);
	/* That would say that more of this verdict wait. */
	assert_false(reap.truncated);
	for (i = 0; i < MANY / 2; i++)
		assert_int_equal(list[i], first + 2 * i);
}

/*
 * 5,000 of each verdict wait, one by one in turn: a message that is copied, and one that its reader
 * takes from the sender's pages. That needs a loop, for a veth copies what passes it.
 */
static void read__five_thousand_of_each_verdict(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	unsigned char *buffer = zc_buffer(4096);
	struct counters before;
	uint32_t i;

	assert_non_null(buffer);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, 4096), 0);
	assert_int_equal(counters_read(ns, &before), 0);
	for (i = 0; i < MANY; i++) {
		zc_send(&ends, buffer, i % 2 ? 4096 : sizeof(small), i);
		assert_int_equal(rds_recv(ends.rx, small, sizeof(small), NULL, 0), sizeof(small));
	}
	assert_true(counter_wait(ns, &before, "zc_completed", MANY,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(counter_moved(ns, &before, "zc_completed_copied"), MANY / 2);
	take_one_verdict(ends.tx, 0, 1);
	assert_int_equal(rds_wait(ends.tx, POLLIN, deadline_in(0)), POLLERR);
	take_one_verdict(ends.tx, SO_EE_CODE_ZEROCOPY_COPIED, 0);
	assert_int_equal(rds_wait(ends.tx, POLLIN, deadline_in(0)), 0);
	assert_empty(ends.tx);
	zc_buffer_free(buffer, 4096);
}

/* One read or peek of a random size; returns how many cookies were taken. */
static size_t random_read(int fd, struct cookies *cookies, unsigned int *seed)
{
	size_t room = (size_t)rand_r(seed) % 200;
	bool peek = rand_r(seed) % 3 == 0;
	struct reap reap = reap_errqueue(fd, list, room, peek ? MSG_PEEK : 0);

	if (reap.bytes < 0) {
		assert_int_equal(errno, EAGAIN);
		return 0;
	}
	assert_true(reap.has_report);
	assert_int_equal(reap.bytes % 4, 0);
	assert_true((size_t)reap.bytes <= room);
	if (peek) {
		assert_true(reap.ee_data >= reap.cookies);
		assert_int_equal(reap.truncated, reap.ee_data > reap.cookies);
		return 0;
	}
	assert_int_equal(reap.ee_data, reap.cookies);
	assert_true(cookies_returned_all(cookies, list, reap.cookies));
	return reap.cookies;
}

/* With the RLIMIT_MEMLOCK of nobody only some messages fit; cookies that are read make room. */
static void send_or_read(const struct ends *ends, const void *buffer, size_t length,
			 uint32_t cookie,
			 struct cookies *cookies, unsigned int *seed)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (rds_send_zc(ends->tx, buffer, length, &ends->far, cookie, 0) != (ssize_t)length) {
		assert_int_equal(errno, ENOMEM);
		assert_false(deadline_over(&deadline));
		random_read(ends->tx, cookies, seed);
	}
}

/* Both verdicts mixed: every second message goes by the pages. */
static void read__random_rooms_lose_none_and_double_none(void **state)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct ends ends = zc_ends(state, 4 << 20);
	unsigned char *buffer = zc_buffer(16384);
	struct cookies cookies;
	unsigned int seed = 7;
	uint32_t i;

	assert_non_null(buffer);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, 4096), 0);
	assert_true(cookies_init(&cookies, 1500));
	for (i = 0; i < cookies.size; i++) {
		send_or_read(&ends, buffer, i % 2 ? 64 : 4096, i, &cookies, &seed);
		cookies_sent(&cookies, i);
		assert_true(rds_recv(ends.rx, small, sizeof(small), NULL, 0) > 0);
		random_read(ends.tx, &cookies, &seed);
	}
	while (!cookies_settled(&cookies)) {
		assert_false(deadline_over(&deadline));
		random_read(ends.tx, &cookies, &seed);
	}
	assert_empty(ends.tx);
	cookies_free(&cookies);
	zc_buffer_free(buffer, 16384);
}

static void peek__takes_nothing_and_tells_how_many(void **state)
{
	struct ends ends = copying_ends(state);
	struct reap reap;
	int i;

	send_small(&ends, 0, 100);
	for (i = 0; i < 3; i++) {
		reap = reap_errqueue(ends.tx, list, 40, MSG_PEEK);
		assert_int_equal(reap.cookies, 10);
		assert_int_equal(reap.ee_data, 100);
		assert_true(reap.truncated);
		assert_int_equal(list[0], 0);
		assert_int_equal(list[9], 9);
	}
	reap = reap_errqueue(ends.tx, list, reap.ee_data * sizeof(list[0]), 0);
	assert_int_equal(reap.cookies, 100);
	assert_false(reap.truncated);
	assert_empty(ends.tx);
}

static void read__room_for_less_than_one(void **state)
{
	struct ends ends = copying_ends(state);
	struct reap reap;
	size_t room;

	send_small(&ends, 0, 5);
	for (room = 0; room < 4; room++) {
		reap = reap_errqueue(ends.tx, list, room, 0);
		assert_int_equal(reap.bytes, 0);
		assert_true(reap.truncated);
		assert_true(reap.has_report);
		assert_int_equal(reap.ee_data, 0);
		reap = reap_errqueue(ends.tx, list, room, MSG_PEEK);
		assert_int_equal(reap.bytes, 0);
		assert_true(reap.truncated);
		assert_int_equal(reap.ee_data, 5);
	}
	assert_int_equal(zc_reap_exactly(ends.tx, list, 5), 5);
}

static void read__more_wait_is_told(void **state)
{
	struct ends ends = copying_ends(state);
	struct reap reap;

	send_small(&ends, 0, 5);
	reap = reap_errqueue(ends.tx, list, 11, 0);	/* two and three quarters */
	assert_int_equal(reap.bytes, 8);
	assert_int_equal(reap.ee_data, 2);
	assert_true(reap.truncated);
	reap = reap_errqueue(ends.tx, list, 12, 0);
	assert_int_equal(reap.cookies, 3);
	assert_int_equal(list[0], 2);
	assert_false(reap.truncated);
}

static void read__missing_control_takes_nothing(void **state)
{
	static const size_t rooms[] = { 0, 8, 16, CMSG_LEN(sizeof(struct sock_extended_err)) - 1 };
	struct ends ends = copying_ends(state);
	struct reap reap;
	size_t i;

	send_small(&ends, 0, 5);
	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		reap = reap_errqueue_control(ends.tx, list, 20, rooms[i], 0);
		assert_true(reap.control_cut);
		assert_false(reap.has_report);
	}
	assert_int_equal(zc_reap_exactly(ends.tx, list, 5), 5);
}

/* Error queue reads never block (row 64), whatever the socket is. */
static void read__empty_is_eagain_at_once(void **state)
{
	struct ends ends = copying_ends(state);
	uint64_t start = clock_ms();

	assert_empty(ends.tx);
	assert_true(clock_ms() - start < 1000 * time_scale());
}

/* Rows 49 and 50; the batches are as full as they can be. */
static void cmsg__eight_at_a_time(void **state)
{
	struct ends ends = copying_ends(state);
	struct reap_cmsg reap;

	send_small(&ends, 0, 20);
	reap = reap_by_cmsg(ends.tx, NULL, 0, list, 1, MSG_DONTWAIT);
	assert_int_equal(reap.bytes, 0);
	assert_int_equal(reap.cmsgs, 1);
	assert_int_equal(reap.cookies, 8);
	assert_true(reap.well_formed);
	assert_int_equal(list[0], 0);
	assert_int_equal(list[7], 7);
	reap = reap_by_cmsg(ends.tx, NULL, 0, list, 4, MSG_DONTWAIT);
	assert_int_equal(reap.cmsgs, 2);
	assert_int_equal(reap.cookies, 12);
	assert_true(reap.well_formed);
	assert_int_equal(list[0], 8);
	assert_int_equal(list[11], 19);
	assert_int_equal(reap_by_cmsg(ends.tx, NULL, 0, list, 4, MSG_DONTWAIT).bytes, -1);
	assert_int_equal(errno, EAGAIN);
	assert_empty(ends.tx);
}

/* Row 51. */
static void cmsg__needs_its_room(void **state)
{
	struct ends ends = copying_ends(state);
	union {
		char space[64];
		struct cmsghdr align;
	} control;
	struct msghdr message = { .msg_control = &control, .msg_controllen = 55 };

	send_small(&ends, 0, 1);
	assert_fails(recvmsg(ends.tx, &message, MSG_DONTWAIT), EAGAIN);
	message.msg_control = &control;
	message.msg_controllen = 56;
	assert_int_equal(recvmsg(ends.tx, &message, MSG_DONTWAIT), 0);
	assert_int_equal(message.msg_flags & MSG_CTRUNC, 0);
	assert_int_equal(CMSG_FIRSTHDR(&message)->cmsg_type, RDS_CMSG_ZCOPY_COMPLETION);
	assert_empty(ends.tx);
}

static void cmsg__peek_takes_nothing(void **state)
{
	struct ends ends = copying_ends(state);

	send_small(&ends, 0, 3);
	reap_by_cmsg(ends.tx, NULL, 0, list, 1, MSG_DONTWAIT | MSG_PEEK);
	reap_by_cmsg(ends.tx, NULL, 0, list, 1, MSG_DONTWAIT | MSG_PEEK);
	assert_int_equal(zc_reap_exactly(ends.tx, list, 3), 3);
}

/* Row 52. */
static void cmsg__rides_along_with_data(void **state)
{
	struct ends ends = ends_open(state);
	char data[16];
	struct reap_cmsg reap;

	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	zc_send(&ends, small, sizeof(small), 77);
	assert_int_equal(rds_send(ends.rx, "data", 4, &ends.near, 0), 4);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	reap = reap_by_cmsg(ends.tx, data, sizeof(data), list, 1, 0);
	assert_int_equal(reap.bytes, 4);
	assert_memory_equal(data, "data", 4);
	assert_int_equal(reap.cookies, 1);
	assert_int_equal(list[0], 77);
	assert_empty(ends.tx);
}

/* Row 54. */
static void cookie__last_of_two_counts(void **state)
{
	struct ends ends = copying_ends(state);
	union {
		char space[2 * CMSG_SPACE(4)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { small, sizeof(small) };
	struct msghdr message = {
		.msg_name = &ends.far, .msg_namelen = rds_addr_len(&ends.far),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	uint32_t cookie = 5;

	for (; cmsg; cmsg = CMSG_NXTHDR(&message, cmsg)) {
		cmsg->cmsg_level = SOL_RDS;
		cmsg->cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
		cmsg->cmsg_len = CMSG_LEN(4);
		memcpy(CMSG_DATA(cmsg), &cookie, 4);
		cookie++;
	}
	assert_int_equal(sendmsg(ends.tx, &message, MSG_ZEROCOPY), sizeof(small));
	zc_reap_exactly(ends.tx, list, 1);
	assert_int_equal(list[0], 6);
}

static void cookie__zero_and_repeats_come_back(void **state)
{
	static const uint32_t sent[] = { 0, 0, 0xffffffff, 5, 5, 5 };
	struct ends ends = copying_ends(state);
	size_t i;

	for (i = 0; i < 6; i++)
		zc_send(&ends, small, sizeof(small), sent[i]);
	zc_reap_exactly(ends.tx, list, 6);
	assert_memory_equal(list, sent, sizeof(sent));
}

/* A cookie of so many bytes, with or without the flag. */
static ssize_t send_cookie(const struct ends *ends, size_t data, size_t length, int flags)
{
	return rds_send_cookie(ends->tx, small, length, &ends->far, 0, data, flags);
}

/* Row 47. */
static void refused__flag_option_and_cookie_belong_together(void **state)
{
	struct ends ends = ends_open(state);
	struct counters before;

	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	assert_fails(send_cookie(&ends, 4, 10, MSG_ZEROCOPY), EINVAL);
	assert_fails(rds_send(ends.tx, small, 10, &ends.far, MSG_ZEROCOPY), EINVAL);
	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_fails(send_cookie(&ends, 4, 10, 0), EINVAL);
	assert_fails(rds_send(ends.tx, small, 10, &ends.far, MSG_ZEROCOPY), EINVAL);
	assert_fails(send_cookie(&ends, 4, 0, MSG_ZEROCOPY), EINVAL);
	assert_fails(send_cookie(&ends, 3, 10, MSG_ZEROCOPY), EINVAL);
	assert_true(counter_moved(&ends.topology->ns[0], &before, "send_refused_zcopy") >= 5);
	assert_int_equal(counter_moved(&ends.topology->ns[0], &before, "send_refused_zcopy") +
			 counter_moved(&ends.topology->ns[0], &before, "send_refused_cmsg"), 6);
	assert_int_equal(send_cookie(&ends, 8, 10, MSG_ZEROCOPY), 10);
	assert_int_equal(rds_recv(ends.rx, small, sizeof(small), NULL, 0), 10);
	zc_reap_exactly(ends.tx, list, 1);
	assert_int_equal(rds_recv(ends.rx, small, sizeof(small), NULL, MSG_DONTWAIT), -1);
}

/* Row 57. */
static void refused__unmapped_tail(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *pages = zc_half_buffer();
	struct counters before;
	long pinned = zc_pinned_pages();

	assert_non_null(pages);
	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	assert_fails(rds_send_zc(ends.tx, pages, 8192, &ends.far, 1, 0), EFAULT);
	assert_fails(rds_send_zc(ends.tx, NULL, 8192, &ends.far, 1, 0), EFAULT);
	assert_int_equal(counter_moved(&ends.topology->ns[0], &before, "send_refused_fault"), 2);
	assert_empty(ends.tx);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	zc_send(&ends, pages, 4096, 2);
	assert_int_equal(rds_recv(ends.rx, list, sizeof(list), NULL, 0), 4096);
	zc_reap_exactly(ends.tx, list, 1);
	munmap(pages, 4096);
}

/* Row 55: the queue is full, so nothing was sent and nothing comes back. */
static void refused__full_queue_gives_no_cookie(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = nobody_home(ends.topology);
	unsigned char *buffer = zc_buffer(6000);
	long pinned = zc_pinned_pages();
	uint32_t i;

	assert_non_null(buffer);
	assert_int_equal(zc_force(ends.tx), 0);
	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_SNDBUF, 8192), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(rds_send_zc(ends.tx, buffer, 6000, &to, i, MSG_DONTWAIT), 6000);
	assert_fails(rds_send_zc(ends.tx, buffer, 6000, &to, 2, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &to,
				    rds_addr_len(&to)), 0);
	zc_reap_exactly(ends.tx, list, 2);
	assert_true(list[0] + list[1] == 1);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	zc_buffer_free(buffer, 6000);
}

#define LIMIT 100

static void limit__eagain_at_exactly_the_limit(void **state)
{
	struct ends ends = copying_ends(state);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;
	uint32_t i;

	topology_sysctl(ends.topology, "max_completions", LIMIT);
	assert_int_equal(counters_read(ns, &before), 0);
	send_small(&ends, 0, LIMIT);
	/* On a blocking socket too: unread ones wait, so the sender must reap. */
	assert_fails(rds_send_zc(ends.tx, small, 1, &ends.far, LIMIT, 0), EAGAIN);
	assert_fails(rds_send_zc(ends.tx, small, 1, &ends.far, LIMIT, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(counter_moved(ns, &before, "send_refused_completions"), 2);
	assert_int_equal(rds_wait(ends.tx, POLLOUT, deadline_in(0)) & POLLOUT, 0);
	for (i = 0; i < 10; i++) {
		assert_int_equal(reap_errqueue(ends.tx, list, 4, 0).cookies, 1);
		assert_int_equal(list[0], i);
		assert_int_equal(rds_wait(ends.tx, POLLOUT, deadline_in(0)) & POLLOUT, POLLOUT);
		zc_send(&ends, small, 1, LIMIT + i);
		assert_fails(rds_send_zc(ends.tx, small, 1, &ends.far, 0, MSG_DONTWAIT), EAGAIN);
	}
	zc_reap_exactly(ends.tx, list, LIMIT);
	assert_int_equal(counter_moved(ns, &before, "cong_send_error"), 0);
	/* Sends without a cookie are not concerned. */
	assert_int_equal(rds_send(ends.tx, small, 1, &ends.far, 0), 1);
}

/* None is unread: a blocking sender waits for one, a non-blocking one is told EAGAIN. */
static void limit__waits_while_none_can_be_read(void **state)
{
	struct ends ends = zc_ends(state, 4 << 20);
	union rds_addr to = nobody_home(ends.topology);
	unsigned char *buffer = zc_buffer(4096);
	uint64_t start;

	assert_non_null(buffer);
	topology_sysctl(ends.topology, "max_completions", 2);
	assert_int_equal(rds_send_zc(ends.tx, buffer, 4096, &to, 0, 0), 4096);
	assert_int_equal(rds_send_zc(ends.tx, buffer, 4096, &to, 1, 0), 4096);
	assert_fails(rds_send_zc(ends.tx, buffer, 4096, &to, 2, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(rds_set_timeouts(ends.tx, 200), 0);
	start = clock_ms();
	assert_fails(rds_send_zc(ends.tx, buffer, 4096, &to, 2, 0), ETIMEDOUT);
	assert_true(clock_ms() - start >= AT_LEAST_MS(200));
	assert_int_equal(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &to,
				    rds_addr_len(&to)), 0);
	zc_reap_exactly(ends.tx, list, 2);
	zc_buffer_free(buffer, 4096);
}

/* Row 59. */
static void cancel__gives_cookies_back(void **state)
{
	struct ends ends = zc_ends(state, 4 << 20);
	union rds_addr to = nobody_home(ends.topology);
	unsigned char *buffer = zc_buffer(4096);
	struct cookies cookies;
	uint32_t i;

	assert_non_null(buffer);
	assert_true(cookies_init(&cookies, AFEW));
	for (i = 0; i < AFEW; i++) {
		assert_int_equal(rds_send_zc(ends.tx, buffer, 4096, &to, i, 0), 4096);
		cookies_sent(&cookies, i);
	}
	zc_expect_none(ends.tx, 200);
	assert_int_equal(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &to,
				    rds_addr_len(&to)), 0);
	zc_reap_exactly(ends.tx, list, AFEW);
	assert_true(cookies_returned_all(&cookies, list, AFEW));
	cookies_free(&cookies);
	zc_buffer_free(buffer, 4096);
}

static void option__off_leaves_waiting_cookies(void **state)
{
	struct ends ends = copying_ends(state);

	send_small(&ends, 0, 9);
	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 0), 0);
	assert_int_equal(rds_wait(ends.tx, 0, deadline_in(1000)), POLLERR);
	assert_int_equal(reap_by_cmsg(ends.tx, NULL, 0, list, 1, MSG_DONTWAIT).cookies, 8);
	zc_reap_exactly(ends.tx, list, 1);
}

static void mode__option(void **state)
{
	struct ends ends = ends_open(state);
	socklen_t length = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, &value, &length), 0);
	assert_int_equal(value, RDSZC_COMPLETION_BOTH);
	assert_fails(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, 3), EINVAL);
	assert_fails(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, -1), EINVAL);
	assert_fails(setsockopt(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, &value, 3), EINVAL);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, 2), 0);
	assert_int_equal(getsockopt(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, &value, &length), 0);
	assert_int_equal(value, RDSZC_COMPLETION_CMSG);
	assert_fails(rds_set(ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, -2), EINVAL);
	assert_fails(rds_set(ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, (1 << 20) + 1), EINVAL);
}

static void mode__features(void **state)
{
	struct ends ends = ends_open(state);
	socklen_t length = sizeof(uint64_t);
	uint64_t features = 0;

	assert_int_equal(getsockopt(ends.tx, SOL_RDS, RDSZC_FEATURES, &features, &length), 0);
	assert_int_equal(length, 8);
	assert_int_equal(features & RDSZC_FEATURES_ALL, RDSZC_FEATURES_ALL);
	length = 7;
	assert_fails(getsockopt(ends.tx, SOL_RDS, RDSZC_FEATURES, &features, &length), EINVAL);
}

static void mode__error_queue_only(void **state)
{
	struct ends ends = copying_ends(state);

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE,
				 RDSZC_COMPLETION_ERRQUEUE), 0);
	send_small(&ends, 0, 3);
	assert_int_equal(rds_wait(ends.tx, POLLIN, deadline_in(1000)), POLLERR);
	assert_int_equal(reap_by_cmsg(ends.tx, NULL, 0, list, 4, MSG_DONTWAIT).bytes, -1);
	assert_int_equal(errno, EAGAIN);
	zc_reap_exactly(ends.tx, list, 3);
}

static void mode__cmsg_only(void **state)
{
	struct ends ends = copying_ends(state);
	struct reap_cmsg reap;

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, RDSZC_COMPLETION_CMSG),
			 0);
	send_small(&ends, 0, 3);
	assert_int_equal(rds_wait(ends.tx, POLLIN, deadline_in(1000)), POLLIN);
	assert_empty(ends.tx);
	/* Blocking: this socket asked for the mode itself, so cookies alone end the sleep. */
	reap = reap_by_cmsg(ends.tx, small, sizeof(small), list, 1, 0);
	assert_int_equal(reap.bytes, 0);
	assert_int_equal(reap.cookies, 3);
	assert_int_equal(rds_wait(ends.tx, POLLIN, deadline_in(0)), 0);
}

/* What waits is read in the new mode's way. */
static void mode__change_with_cookies_waiting(void **state)
{
	struct ends ends = copying_ends(state);

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, RDSZC_COMPLETION_CMSG),
			 0);
	send_small(&ends, 0, 3);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE,
				 RDSZC_COMPLETION_ERRQUEUE), 0);
	assert_int_equal(rds_wait(ends.tx, POLLIN, deadline_in(1000)), POLLERR);
	zc_reap_exactly(ends.tx, list, 3);
}

/* In mode 0 a blocking reader sleeps on while only cookies wait (section 16). */
static void mode__both_sleeps_until_data(void **state)
{
	struct ends ends = ends_open(state);
	struct timeval limit = { .tv_usec = 200000 };

	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	zc_send(&ends, small, sizeof(small), 1);
	assert_int_equal(setsockopt(ends.tx, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(reap_by_cmsg(ends.tx, small, sizeof(small), list, 1, 0).bytes, -1);
	assert_int_equal(errno, ETIMEDOUT);
	zc_reap_exactly(ends.tx, list, 1);
}

/* Would a message of that size be charged more than the limit allows? Root is not charged. */
static bool over_memlock(size_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	return cred_is_nobody() && size / 4096 + 2 > limit.rlim_cur / 4096;
}

/*
 * Every page-sent message of every size gives its cookie, and arrives whole; on 5.10 nobody is
 * refused those from 64 KiB on.
 */
static void zerocopy__every_size(void **state)
{
	static const size_t sizes[] = { 1, 2, 4095, 4096, 4097, 65535, 131071, 1048576 };
	struct ends ends = zc_ends(state, 2 << 20);
	unsigned char *buffer = zc_buffer(1048576 + 4096);
	struct counters before;
	uint32_t i, refused = 0;

	assert_non_null(buffer);
	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	for (i = 0; i < 8; i++) {
		/* Not aligned, so that first and last pages are in part ours. */
		pattern_fill(buffer + i * 13, sizes[i], i);
		if (over_memlock(sizes[i])) {
			assert_fails(rds_send_zc(ends.tx, buffer + i * 13, sizes[i], &ends.far, i,
						 0), ENOMEM);
			refused++;
			continue;
		}
		zc_send(&ends, buffer + i * 13, sizes[i], i);
		receive_pattern(ends.rx, sizes[i], i, &ends.near);
		zc_reap_exactly(ends.tx, list, 1);
		assert_int_equal(list[0], i);
	}
	assert_int_equal(counter_moved(&ends.topology->ns[0], &before, "zc_sent"), 8 - refused);
	zc_buffer_free(buffer, 1048576 + 4096);
}

static void threshold__smaller_sends_are_copied(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	unsigned char *buffer = zc_buffer(8192);
	struct counters before;

	assert_non_null(buffer);
	assert_int_equal(counters_read(ns, &before), 0);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, 4096), 0);
	zc_send(&ends, buffer, 4095, 1);
	assert_int_equal(counter_moved(ns, &before, "zc_copied_threshold"), 1);
	assert_int_equal(counter_moved(ns, &before, "zc_sent"), 0);
	zc_send(&ends, buffer, 4096, 2);
	assert_int_equal(counter_moved(ns, &before, "zc_sent"), 1);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, -1), 0);
	topology_sysctl(ends.topology, "zc_threshold", 8192);
	zc_send(&ends, buffer, 8191, 3);
	assert_int_equal(counter_moved(ns, &before, "zc_copied_threshold"), 2);
	while (rds_recv(ends.rx, list, sizeof(list), NULL, 0) != 8191)
		;
	zc_reap_exactly(ends.tx, list, 3);
	zc_buffer_free(buffer, 8192);
}

static void close__with_cookies_unread_and_outstanding(void **state)
{
	struct ends ends = zc_ends(state, 4 << 20);
	union rds_addr to = nobody_home(ends.topology);
	unsigned char *buffer = zc_buffer(4096);
	long pinned = zc_pinned_pages();
	uint32_t i;

	assert_non_null(buffer);
	for (i = 0; i < AFEW; i++)
		assert_int_equal(rds_send_zc(ends.tx, buffer, 4096, &to, i, 0), 4096);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, 4096), 0);
	for (i = 0; i < AFEW; i++)
		assert_int_equal(rds_send_zc(ends.tx, buffer, 64, &to, i, 0), 64);
	topology_close(ends.topology, ends.tx);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	zc_buffer_free(buffer, 4096);
}

static void add_reading(struct suite *suite)
{
	SUITE_ADD(suite, read__ten_thousand_at_once, variants_any_each);
	SUITE_ADD(suite, read__five_thousand_of_each_verdict, variants_loop_each);
	SUITE_ADD(suite, read__random_rooms_lose_none_and_double_none, variants_any_each);
	SUITE_ADD(suite, peek__takes_nothing_and_tells_how_many, variants_any_each);
	SUITE_ADD(suite, read__room_for_less_than_one, variants_any_each);
	SUITE_ADD(suite, read__more_wait_is_told, variants_any_each);
	SUITE_ADD(suite, read__missing_control_takes_nothing, variants_any_each);
	SUITE_ADD(suite, read__empty_is_eagain_at_once, variants_any_each);
	SUITE_ADD(suite, cmsg__eight_at_a_time, variants_any_each);
	SUITE_ADD(suite, cmsg__needs_its_room, variants_any_each);
	SUITE_ADD(suite, cmsg__peek_takes_nothing, variants_any_each);
	SUITE_ADD(suite, cmsg__rides_along_with_data, variants_any_each);
}

static void add_modes(struct suite *suite)
{
	SUITE_ADD(suite, option__off_leaves_waiting_cookies, variants_any_each);
	SUITE_ADD(suite, mode__option, variants_one_each);
	SUITE_ADD(suite, mode__features, variants_one_each);
	SUITE_ADD(suite, mode__error_queue_only, variants_any_each);
	SUITE_ADD(suite, mode__cmsg_only, variants_any_each);
	SUITE_ADD(suite, mode__change_with_cookies_waiting, variants_any_each);
	SUITE_ADD(suite, mode__both_sleeps_until_data, variants_any_each);
}

static void add_sending(struct suite *suite)
{
	SUITE_ADD(suite, cookie__last_of_two_counts, variants_any_each);
	SUITE_ADD(suite, cookie__zero_and_repeats_come_back, variants_any_each);
	SUITE_ADD(suite, refused__flag_option_and_cookie_belong_together, variants_any_each);
	SUITE_ADD(suite, refused__unmapped_tail, variants_any_each);
	SUITE_ADD(suite, refused__full_queue_gives_no_cookie, variants_wire_each);
	SUITE_ADD(suite, limit__eagain_at_exactly_the_limit, variants_any_each);
	SUITE_ADD(suite, limit__waits_while_none_can_be_read, variants_wire_each);
	SUITE_ADD(suite, cancel__gives_cookies_back, variants_wire_each);
	SUITE_ADD(suite, zerocopy__every_size, variants_basic);
	SUITE_ADD(suite, zerocopy__every_size, variants_any_nobody);
	SUITE_ADD(suite, threshold__smaller_sends_are_copied, variants_any_each);
	SUITE_ADD(suite, close__with_cookies_unread_and_outstanding, variants_wire_each);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "completion" };

	add_reading(&suite);
	add_modes(&suite);
	add_sending(&suite);
	return suite_run(&suite, argc, argv);
}

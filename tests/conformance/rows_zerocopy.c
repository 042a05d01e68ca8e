// SPDX-License-Identifier: GPL-2.0
/*
 * Rows 46 to 64: zerocopy and its cookies, in completion mode 2 (what in-tree has: control
 * messages, POLLIN) and in mode 0 (the error queue, POLLERR).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/rds_zc.h>

#include "conf.h"
#include "cookies.h"
#include "cred.h"
#include "pattern.h"
#include "reap.h"
#include "zc.h"

/* With what is charged beside them (two pages) no more than the least RLIMIT_MEMLOCK, 64 KiB. */
#define PAGES (14 * 4096)

struct zerocopy {
	struct ends ends;
	int mode;
	unsigned char *buffer;
};

/* A and B, A's socket ready for zerocopy, and a buffer of whole pages with a pattern. */
static struct zerocopy zerocopy_open(void **state)
{
	struct zerocopy z = { .ends = conf_ends(state), .mode = conf_mode(*state) };

	conf_zerocopy(z.ends.tx, z.mode);
	z.buffer = zc_buffer(PAGES);
	assert_non_null(z.buffer);
	pattern_fill(z.buffer, PAGES, 1);
	return z;
}

static void zerocopy_close(struct zerocopy *z)
{
	zc_buffer_free(z->buffer, PAGES);
}

static void zerocopy_send(const struct zerocopy *z, size_t length, uint32_t cookie)
{
	conf_send_zc(&z->ends, z->buffer, length, cookie);
}

/* Until a cookie waits; in-tree, POLLIN with POLLWRBAND is something else. */
static void wait_cookie(const struct zerocopy *z)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	short events;

	do {
		if (deadline_over(&deadline))
			fail_msg("no cookie came");
		deadline_step();
		events = conf_events(z->ends.tx);
	} while (!(events & conf_cookie_event(z->mode)) || events & POLLWRBAND);
}

/* Until this many wait. The form of in-tree does not tell how many, short of taking them. */
static void wait_cookies(const struct zerocopy *z, uint32_t count)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint32_t one;

	conf_wait_drained(z->ends.tx);
	wait_cookie(z);
	if (z->mode == RDSZC_COMPLETION_CMSG) {
		usleep(500000);
		return;
	}
	while (reap_errqueue(z->ends.tx, &one, sizeof(one), MSG_PEEK).ee_data < count) {
		if (deadline_over(&deadline))
			fail_msg("fewer than %u cookies", count);
		deadline_step();
	}
}

static void row_046__so_zerocopy_values(void **state)
{
	struct ends ends = conf_ends(state);
	socklen_t length = sizeof(int);
	int value;

	for (value = 0; value < 2; value++) {
		int back = -1;

		answers(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, value), 0);
		answers(getsockopt(ends.tx, SOL_SOCKET, SO_ZEROCOPY, &back, &length), 0);
		assert_int_equal(back, value);
	}
	answers(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 2), EINVAL);
	answers(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, -1), EINVAL);
}

static void row_047__flag_option_and_cookie_go_together(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	struct control cookie = { 0 }, shorter = { 0 };
	int tx = z.ends.tx;

	control_add_cookie(&cookie, 1);
	control_add(&shorter, SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, "abc", 3);
	answers(control_send(tx, z.buffer, 9, &z.ends.far, &cookie, 0), EINVAL);
	answers(control_send(tx, z.buffer, 9, &z.ends.far, NULL, MSG_ZEROCOPY), EINVAL);
	answers(control_send(tx, z.buffer, 0, &z.ends.far, &cookie, MSG_ZEROCOPY), EINVAL);
	answers(control_send(tx, z.buffer, 9, &z.ends.far, &shorter, MSG_ZEROCOPY), EINVAL);
	answers(rds_set(tx, SOL_SOCKET, SO_ZEROCOPY, 0), 0);
	answers(control_send(tx, z.buffer, 9, &z.ends.far, &cookie, MSG_ZEROCOPY), EINVAL);
	answers(control_send(tx, z.buffer, 9, &z.ends.far, NULL, MSG_ZEROCOPY), EINVAL);
	answers(control_send(tx, z.buffer, 9, &z.ends.far, &cookie, 0), EINVAL);
	conf_no_cookie(tx, z.mode);
	zerocopy_close(&z);
}

/* In-tree has no zerocopy on its loopback transport, which is the socket's if nobody chose TCP. */
static void row_048__zerocopy_on_a_loopback_address(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	struct topology *topology = z.ends.topology;
	union rds_addr local = rds_addr("127.0.0.1", 0), to = rds_addr("127.0.0.1", 9);
	int fd = topology_socket(topology, &topology->ns[0], &local);
	uint32_t cookie;

	conf_zerocopy(fd, z.mode);
	answers(rds_send_zc(fd, z.buffer, PAGES, &to, 1, 0), EITHER(0, EOPNOTSUPP));
	if (!in_tree())
		returns(conf_reap(fd, z.mode, &cookie, 1), 1);
	fd = conf_socket(topology, &topology->ns[0]);
	answers(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), 0);
	local = rds_addr("127.0.0.1", 0);
	answers(rds_bind(fd, &local), 0);
	conf_zerocopy(fd, z.mode);
	returns(rds_send_zc(fd, z.buffer, PAGES, &to, 2, 0), PAGES);
	returns(conf_reap(fd, z.mode, &cookie, 1), 1);
	assert_int_equal(cookie, 2);
	zerocopy_close(&z);
}

/* The bytes of one completion: 52, one cookie, the unused slots zero. */
static void expect_one_cookie(struct got *got, uint32_t cookie)
{
	struct cmsghdr *cmsg = got_cmsg(got, SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION);
	struct rds_zcopy_cookies want = { .num = 1, .cookies = { cookie } };

	assert_non_null(cmsg);
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(36));
	assert_memory_equal(CMSG_DATA(cmsg), &want, 36);
}

static void row_049__one_cookie_after_the_ack(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	short events;
	struct got got;

	zerocopy_send(&z, PAGES, 0xdeadbeef);
	wait_cookie(&z);
	rds_wait(z.ends.tx, POLLOUT, deadline_in(DEADLINE_USUAL_MS));
	events = conf_events(z.ends.tx);
	assert_int_equal(events & (POLLIN | POLLERR | POLLHUP | POLLPRI),
			 conf_cookie_event(z.mode));
	got = get(z.ends.tx, NULL, 0, COMPLETION_SPACE, MSG_DONTWAIT);
	returns(got.bytes, 0);
	assert_int_equal(got_cmsgs(&got), 1);
	expect_one_cookie(&got, 0xdeadbeef);
	conf_no_cookie(z.ends.tx, z.mode);
	receive_pattern(z.ends.rx, PAGES, 1, &z.ends.near);
	zerocopy_close(&z);
}

static void sum_of_nine(const uint32_t *list)
{
	struct cookies cookies;
	uint32_t i;

	assert_true(cookies_init(&cookies, 9));
	for (i = 0; i < 9; i++)
		cookies_sent(&cookies, i);
	assert_true(cookies_returned_all(&cookies, list, 9));
	assert_true(cookies_settled(&cookies));
	cookies_free(&cookies);
}

/* By control messages eight at most come at once; from the error queue all that wait. */
static void row_050__nine_cookies(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	uint32_t list[16], i;
	struct reap_cmsg first, second;

	for (i = 0; i < 9; i++)
		zerocopy_send(&z, 4096, i);
	wait_cookies(&z, 9);
	if (z.mode == RDSZC_COMPLETION_CMSG) {
		first = reap_by_cmsg(z.ends.tx, NULL, 0, list, 1, MSG_DONTWAIT);
		second = reap_by_cmsg(z.ends.tx, NULL, 0, list + 8, 1, MSG_DONTWAIT);
		assert_int_equal(first.cookies, 8);
		assert_int_equal(second.cookies, 1);
	} else {
		returns(conf_reap(z.ends.tx, z.mode, list, 9), 9);
	}
	sum_of_nine(list);
	conf_no_cookie(z.ends.tx, z.mode);
	zerocopy_close(&z);
}

static void row_051__too_little_room_for_a_cookie(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	struct got got;
	short events;

	zerocopy_send(&z, PAGES, 7);
	wait_cookie(&z);
	answers(get(z.ends.tx, NULL, 0, COMPLETION_SPACE - 1, MSG_DONTWAIT).bytes, EAGAIN);
	answers(get(z.ends.tx, NULL, 0, 0, MSG_DONTWAIT).bytes, EAGAIN);
	events = conf_events(z.ends.tx);
	assert_int_equal(events & conf_cookie_event(z.mode), conf_cookie_event(z.mode));
	/* With data it is the same, and nothing tells of a cut. */
	send_pattern(z.ends.rx, 10, 3, &z.ends.near);
	assert_int_equal(rds_wait(z.ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN,
			 POLLIN);
	got = get(z.ends.tx, z.buffer, PAGES, COMPLETION_SPACE - 1, MSG_DONTWAIT);
	while (got.bytes < 0 && errno == EAGAIN)
		got = get(z.ends.tx, z.buffer, PAGES, COMPLETION_SPACE - 1, MSG_DONTWAIT);
	returns(got.bytes, 10);
	assert_int_equal(got.flags & MSG_CTRUNC, 0);
	assert_int_equal(got_cmsgs(&got), 0);
	got = get(z.ends.tx, NULL, 0, COMPLETION_SPACE, MSG_DONTWAIT);
	returns(got.bytes, 0);
	expect_one_cookie(&got, 7);
	zerocopy_close(&z);
}

static void row_052__a_cookie_rides_along_with_data(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	struct got got;
	char room[16];

	answers(rds_set(z.ends.tx, SOL_SOCKET, SO_TIMESTAMP, 1), 0);
	zerocopy_send(&z, PAGES, 8);
	wait_cookie(&z);
	receive_pattern(z.ends.rx, PAGES, 1, &z.ends.near);
	send_pattern(z.ends.rx, 10, 4, &z.ends.near);
	/* Without control room a peek takes no cookie, in-tree either. */
	while (recv(z.ends.tx, NULL, 0, MSG_PEEK | MSG_DONTWAIT) < 0)
		usleep(1000);
	got = get(z.ends.tx, room, sizeof(room), 512, MSG_DONTWAIT);
	returns(got.bytes, 10);
	assert_int_equal(got.name_length, 16);
	assert_int_equal(got_cmsgs(&got), 2);
	expect_one_cookie(&got, 8);
	/* It comes last. */
	assert_true(got_cmsg(&got, SOL_SOCKET, SO_TIMESTAMP) <
		    got_cmsg(&got, SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION));
	conf_no_cookie(z.ends.tx, z.mode);
	zerocopy_close(&z);
}

/*
 * A socket that asked for mode 2 itself is woken; in-tree, and in mode 0, only data ends the sleep.
 */
static void row_053__a_blocking_read_while_a_cookie_waits(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	bool woken = !in_tree() && z.mode == RDSZC_COMPLETION_CMSG;
	struct got got;

	zerocopy_send(&z, PAGES, 9);
	wait_cookie(&z);
	assert_int_equal(rds_set_timeouts(z.ends.tx, 300), 0);
	answers((got = get(z.ends.tx, z.buffer, PAGES, COMPLETION_SPACE, 0)).bytes,
		woken ? 0 : ETIMEDOUT);
	if (!woken)
		got = get(z.ends.tx, NULL, 0, COMPLETION_SPACE, MSG_DONTWAIT);
	returns(got.bytes, 0);
	expect_one_cookie(&got, 9);
	zerocopy_close(&z);
}

static void row_054__any_number_may_be_a_cookie(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	struct control two = { 0 };
	uint32_t list[4];

	control_add_cookie(&two, 1);
	control_add_cookie(&two, 2);
	returns(control_send(z.ends.tx, z.buffer, PAGES, &z.ends.far, &two, MSG_ZEROCOPY),
		     PAGES);
	returns(conf_reap(z.ends.tx, z.mode, list, 1), 1);
	assert_int_equal(list[0], 2);
	zerocopy_send(&z, 4096, 0);
	zerocopy_send(&z, 4096, 0xffffffff);
	zerocopy_send(&z, 4096, 0);
	returns(conf_reap(z.ends.tx, z.mode, list, 3), 3);
	assert_int_equal(list[0] + list[1] + list[2], 0xffffffff);
	conf_no_cookie(z.ends.tx, z.mode);
	zerocopy_close(&z);
}

/*
 * As nobody, with room for the pages of one message: what is charged and not given back shows at
 * the next send.
 */
#define ONE_CHARGE (PAGES + 2 * 4096)

static void expect_refused(const struct zerocopy *z, int error)
{
	int i;

	assert_int_equal(cred_become_nobody(), 0);
	assert_int_equal(cred_memlock_limit(ONE_CHARGE), 0);
	for (i = 0; i < 3; i++)
		answers(rds_send_zc(z->ends.tx, z->buffer, PAGES, &z->ends.far, 5,
				    MSG_DONTWAIT), error);
	usleep(100000);
	conf_no_cookie(z->ends.tx, z->mode);
	assert_int_equal(cred_become_root(), 0);
}

/* Until the send is refused with this; while that is for room in the own queue, once more. */
static void send_until(const struct zerocopy *z, size_t length, int error)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	for (;;) {
		if (rds_send(z->ends.tx, z->buffer, length, &z->ends.far, MSG_DONTWAIT) > 0)
			continue;
		if (errno == error)
			return;
		assert_int_equal(errno, EAGAIN);
		if (deadline_over(&deadline))
			fail_msg("never %s", strerror(error));
		usleep(2000);
	}
}

/* First for a receiver that is congested, then for a full queue. */
static void row_055__a_refused_send_leaves_nothing_behind(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	struct deadline deadline;

	assert_int_equal(rds_set_buffers(z.ends.rx, 0, 40000), 0);
	send_until(&z, 4000, ENOBUFS);
	conf_wait_drained(z.ends.tx);
	expect_refused(&z, ENOBUFS);
	deadline = deadline_in(DEADLINE_USUAL_MS);
	while (rds_recv(z.ends.rx, z.buffer, PAGES, NULL, MSG_DONTWAIT) > 0)
		continue;
	while (rds_send(z.ends.tx, z.buffer, 1, &z.ends.far, MSG_DONTWAIT) < 0) {
		assert_true(errno == ENOBUFS && !deadline_over(&deadline));
		deadline_step();
	}
	topology_link(z.ends.topology, 0, false);
	assert_int_equal(rds_set_buffers(z.ends.tx, RDS_DEFAULT_SPACE, 0), 0);
	send_until(&z, PAGES, EAGAIN);
	expect_refused(&z, EAGAIN);
	zerocopy_close(&z);
}

static void row_056__over_rlimit_memlock_is_enomem(void **state)
{
	struct zerocopy z = zerocopy_open(state);

	assert_int_equal(cred_become_nobody(), 0);
	assert_int_equal(cred_memlock_limit(2 * 4096), 0);
	answers(rds_send_zc(z.ends.tx, z.buffer, PAGES, &z.ends.far, 1, 0), ENOMEM);
	usleep(300000);
	answers(rds_recv(z.ends.rx, z.buffer, PAGES, NULL, MSG_DONTWAIT), EAGAIN);
	conf_no_cookie(z.ends.tx, z.mode);
	zerocopy_close(&z);
}

static void row_057__half_mapped_buffer_is_efault(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	unsigned char *half = zc_half_buffer();

	memset(half, 0x33, 4096);
	answers(rds_send_zc(z.ends.tx, half, 8192, &z.ends.far, 1, 0), EFAULT);
	/* Its first page is still its own: nobody else's data has got there. */
	zerocopy_send(&z, PAGES, 2);
	receive_pattern(z.ends.rx, PAGES, 1, &z.ends.near);
	assert_int_equal(half[0], 0x33);
	assert_int_equal(half[4095], 0x33);
	munmap(half, 4096);
	zerocopy_close(&z);
}

static void row_058__a_local_reader_keeps_the_cookie(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	uint32_t cookie;

	zerocopy_send(&z, PAGES, 3);
	usleep(300000);
	conf_no_cookie(z.ends.tx, z.mode);
	receive_pattern(z.ends.rx, PAGES, 1, &z.ends.near);
	returns(conf_reap(z.ends.tx, z.mode, &cookie, 1), 1);
	assert_int_equal(cookie, 3);
	zerocopy_close(&z);
}

static void row_059__cancelled_messages_give_their_cookie_back(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	union rds_addr nobody = nobody_home(z.ends.topology);
	uint32_t cookie;

	returns(rds_send_zc(z.ends.tx, z.buffer, PAGES, &nobody, 4, MSG_DONTWAIT), PAGES);
	conf_no_cookie(z.ends.tx, z.mode);
	answers(setsockopt(z.ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &nobody, 16), 0);
	returns(conf_reap(z.ends.tx, z.mode, &cookie, 1), 1);
	assert_int_equal(cookie, 4);
	zerocopy_close(&z);
}

/*
 * As nobody, with room for one message: what close() does not give back shows at the next socket.
 */
static void row_060__close_while_unreachable_releases_the_pages(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	union rds_addr nobody = nobody_home(z.ends.topology), near;
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int i, fd;

	assert_int_equal(cred_become_nobody(), 0);
	assert_int_equal(cred_memlock_limit(ONE_CHARGE), 0);
	for (i = 0; i < 3; i++) {
		fd = topology_near(z.ends.topology, &near);
		conf_zerocopy(fd, z.mode);
		while (rds_send_zc(fd, z.buffer, PAGES, &nobody, 5, MSG_DONTWAIT) < 0) {
			if (errno != ENOMEM || deadline_over(&deadline))
				fail_msg("close() kept the pages: %s", strerror(errno));
			deadline_step();
		}
		topology_close(z.ends.topology, fd);
	}
	zerocopy_close(&z);
}

/* ---- row 61 ---- */

#define DEPTH 32
#define SLOT 8192

struct storm {
	struct zerocopy *z;
	struct cookies cookies;
	uint32_t count, sent, received;
	unsigned char *slots;
	int slot_of_cookie[1 << 16];
	bool busy[DEPTH];
	size_t out;
};

static size_t storm_length(uint32_t i)
{
	return 1 + i * 2654435761u % SLOT;
}

static void storm_reap(struct storm *storm)
{
	uint32_t list[RDS_MAX_ZCOOKIES];
	struct reap reap;
	size_t count, i;

	if (storm->z->mode == RDSZC_COMPLETION_CMSG) {
		struct reap_cmsg by_cmsg = reap_by_cmsg(storm->z->ends.tx, NULL, 0, list, 1,
							MSG_DONTWAIT);

		count = by_cmsg.bytes < 0 ? 0 : by_cmsg.cookies;
	} else {
		reap = reap_errqueue(storm->z->ends.tx, list, sizeof(list), 0);
		count = reap.bytes < 0 ? 0 : reap.cookies;
	}
	assert_true(cookies_returned_all(&storm->cookies, list, count));
	for (i = 0; i < count; i++) {
		int slot = storm->slot_of_cookie[list[i]];

		/* The buffer is ours again: what follows must not reach the reader. */
		if (!in_tree())
			pattern_poison(storm->slots + slot * SLOT, SLOT);
		storm->busy[slot] = false;
		storm->out--;
	}
}

/*
 * In-tree gives the cookie when TCP has the acknowledgement. Over veth the receiver then still has
 * the sender's own pages in its queue, and reads what the sender has written since. So there each
 * slot has one pattern for good, and the reader has to find that of the slot; here each message has
 * its own, and what is written between shows if it gets to the reader.
 */
static uint32_t storm_seed(const struct storm *storm, uint32_t i)
{
	return in_tree() ? (uint32_t)storm->slot_of_cookie[i] : i;
}

static void storm_fill(struct storm *storm)
{
	int slot;

	for (slot = 0; in_tree() && slot < DEPTH; slot++)
		pattern_fill(storm->slots + slot * SLOT, SLOT, (uint32_t)slot);
}

static bool storm_send(struct storm *storm)
{
	size_t length = storm_length(storm->sent);
	unsigned char *buffer;
	int slot = 0;

	if (storm->sent == storm->count)
		return false;
	while (slot < DEPTH && storm->busy[slot])
		slot++;
	if (slot == DEPTH)
		return false;
	buffer = storm->slots + slot * SLOT;
	if (!in_tree())
		pattern_fill(buffer, length, storm->sent);
	if (rds_send_zc(storm->z->ends.tx, buffer, length, &storm->z->ends.far, storm->sent,
			MSG_DONTWAIT) < 0) {
		assert_true(errno == EAGAIN || errno == ENOBUFS ||
			    (errno == ENOMEM && cred_is_nobody()));
		return false;
	}
	storm->busy[slot] = true;
	storm->out++;
	storm->slot_of_cookie[storm->sent] = slot;
	cookies_sent(&storm->cookies, storm->sent++);
	return true;
}

static bool storm_receive(struct storm *storm)
{
	static unsigned char room[SLOT];
	ssize_t got = rds_recv(storm->z->ends.rx, room, sizeof(room), NULL, MSG_DONTWAIT);

	if (got < 0)
		return false;
	returns(got, storm_length(storm->received));
	if (pattern_check(room, (size_t)got, storm_seed(storm, storm->received)) >= 0)
		fail_msg("message %u has wrong contents", storm->received);
	storm->received++;
	return true;
}

static void row_061__many_zerocopy_sends(void **state)
{
	static struct storm storm;
	struct zerocopy z = zerocopy_open(state);
	struct deadline deadline = deadline_in(80000);

	storm = (struct storm){ .z = &z, .count = (uint32_t)suite_argument("sends", 10000) };
	assert_true(storm.count <= ARRAY_SIZE(storm.slot_of_cookie));
	assert_true(cookies_init(&storm.cookies, storm.count));
	storm.slots = zc_buffer(DEPTH * SLOT);
	storm_fill(&storm);
	while (storm.received < storm.count || storm.out) {
		bool moved = storm_send(&storm);

		while (storm_receive(&storm))
			moved = true;
		storm_reap(&storm);
		if (!moved)
			rds_wait(z.ends.rx, POLLIN, (struct deadline){ .end_ms = clock_ms() + 2 });
		if (deadline_over(&deadline))
			fail_msg("%u of %u sent, %u received, %zu cookies out", storm.sent,
				 storm.count, storm.received, storm.out);
	}
	assert_true(cookies_settled(&storm.cookies));
	cookies_free(&storm.cookies);
	zc_buffer_free(storm.slots, DEPTH * SLOT);
	zerocopy_close(&z);
}

/* ---- rows 62 to 64: the error queue. In-tree, and in mode 2, nothing is ever in it. ---- */

static bool has_error_queue(const struct zerocopy *z)
{
	return z->mode != RDSZC_COMPLETION_CMSG;
}

static struct zerocopy three_cookies(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	uint32_t i;

	for (i = 1; i < 4; i++)
		zerocopy_send(&z, 4096, i);
	wait_cookies(&z, 3);
	return z;
}

static void row_062__cookies_from_the_error_queue(void **state)
{
	struct zerocopy z = three_cookies(state);
	uint32_t list[8];
	struct reap reap;

	if (!has_error_queue(&z)) {
		answers(reap_errqueue(z.ends.tx, list, sizeof(list), 0).bytes, EAGAIN);
	} else {
		returns((reap = reap_errqueue(z.ends.tx, list, sizeof(list), 0)).bytes, 12);
		assert_true(reap.has_report);
		assert_int_equal(reap.origin, SO_EE_ORIGIN_ZEROCOPY);
		assert_int_equal(reap.ee_data, 3);
		assert_int_equal(reap.flags & MSG_ERRQUEUE, MSG_ERRQUEUE);
		assert_int_equal(conf_events(z.ends.tx) & POLLERR, 0);
		answers(reap_errqueue(z.ends.tx, list, sizeof(list), 0).bytes, EAGAIN);
	}
	zerocopy_close(&z);
}

static void row_063__peeking_at_the_error_queue(void **state)
{
	struct zerocopy z = three_cookies(state);
	uint32_t list[8];
	struct reap reap;

	if (!has_error_queue(&z)) {
		answers(reap_errqueue(z.ends.tx, list, 4, MSG_PEEK).bytes, EAGAIN);
	} else {
		returns((reap = reap_errqueue(z.ends.tx, list, 4, MSG_PEEK)).bytes, 4);
		assert_true(reap.truncated);
		assert_int_equal(reap.ee_data, 3);
		assert_int_equal(conf_events(z.ends.tx) & POLLERR, POLLERR);
		reap = reap_errqueue(z.ends.tx, list, 12, 0);
		returns(reap.bytes, 12);
		assert_false(reap.truncated);
		assert_int_equal(list[0] + list[1] + list[2], 6);
	}
	zerocopy_close(&z);
}

static void row_064__an_empty_error_queue_is_eagain(void **state)
{
	struct zerocopy z = zerocopy_open(state);
	uint64_t start = clock_ms();
	uint32_t list[8];

	answers(reap_errqueue(z.ends.tx, list, sizeof(list), 0).bytes, EAGAIN);
	assert_true(clock_ms() - start < 2000);
	if (!has_error_queue(&z)) {
		zerocopy_send(&z, PAGES, 1);
		wait_cookie(&z);
		answers(reap_errqueue(z.ends.tx, list, sizeof(list), 0).bytes, EAGAIN);
	}
	zerocopy_close(&z);
}

const struct row rows_zerocopy[] = {
	ROW(STAGE_WIRE, row_046__so_zerocopy_values),
	ROW(STAGE_COOKIES, row_047__flag_option_and_cookie_go_together),
	ROW(STAGE_COOKIES, row_048__zerocopy_on_a_loopback_address),
	ROW(STAGE_COOKIES, row_049__one_cookie_after_the_ack),
	ROW(STAGE_COOKIES, row_050__nine_cookies),
	ROW(STAGE_COOKIES, row_051__too_little_room_for_a_cookie),
	ROW(STAGE_COOKIES, row_052__a_cookie_rides_along_with_data),
	ROW(STAGE_COOKIES, row_053__a_blocking_read_while_a_cookie_waits),
	ROW(STAGE_COOKIES, row_054__any_number_may_be_a_cookie),
	ROW(STAGE_COOKIES, row_055__a_refused_send_leaves_nothing_behind),
	ROW(STAGE_COOKIES, row_056__over_rlimit_memlock_is_enomem),
	ROW(STAGE_COOKIES, row_057__half_mapped_buffer_is_efault),
	ROW(STAGE_LOCAL, row_058__a_local_reader_keeps_the_cookie),
	ROW(STAGE_COOKIES, row_059__cancelled_messages_give_their_cookie_back),
	ROW(STAGE_COOKIES, row_060__close_while_unreachable_releases_the_pages),
	ROW(STAGE_COOKIES, row_061__many_zerocopy_sends),
	ROW(STAGE_COOKIES, row_062__cookies_from_the_error_queue),
	ROW(STAGE_COOKIES, row_063__peeking_at_the_error_queue),
	ROW(STAGE_COOKIES, row_064__an_empty_error_queue_is_eagain),
	{ 0 }
};

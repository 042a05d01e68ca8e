// SPDX-License-Identifier: GPL-2.0
/* What zerocopy pins and charges: by number, without drift, and never for longer than the bound. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "cred.h"
#include "diag.h"
#include "interrupt.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "zc.h"

#define LENGTH 65536
#define CHARGE (LENGTH / 4096 + 2)	/* pages that the kernel charges for one message */
#define ROOM 6				/* messages that RLIMIT_MEMLOCK allows in these tests */
#define COOKIES 4096

static uint32_t list[COOKIES];

/* A sender to an address that nobody answers for: what it pins stays pinned. */
struct stuck {
	struct ends ends;
	union rds_addr to;
	unsigned char *buffer;
	long pinned;		/* in the machine before the first send */
};

static struct stuck stuck_open(void **state)
{
	struct stuck stuck = { .pinned = zc_pinned_pages() };

	stuck.ends = zc_ends(state, 4 << 20);
	stuck.to = nobody_home(stuck.ends.topology);
	stuck.buffer = zc_buffer(LENGTH);
	assert_non_null(stuck.buffer);
	assert_int_equal(cred_memlock_limit(ROOM * CHARGE * 4096), 0);
	return stuck;
}

static void stuck_close(struct stuck *stuck)
{
	zc_buffer_free(stuck->buffer, LENGTH);
}

static ssize_t stuck_send(const struct stuck *stuck, uint32_t cookie)
{
	return rds_send_zc(stuck->ends.tx, stuck->buffer, LENGTH, &stuck->to, cookie,
			   MSG_DONTWAIT);
}

static void stuck_cancel(const struct stuck *stuck)
{
	assert_int_equal(setsockopt(stuck->ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &stuck->to,
				    rds_addr_len(&stuck->to)), 0);
}

/* Exactly ROOM messages fit, and one more is ENOMEM; then all are cancelled and reaped. */
static void assert_room(const struct stuck *stuck)
{
	uint32_t i;

	for (i = 0; i < ROOM; i++)
		if (stuck_send(stuck, i) != LENGTH)
			fail_msg("message %u of %u: %s", i, ROOM, strerror(errno));
	errno = 0;
	assert_int_equal(stuck_send(stuck, ROOM), -1);
	assert_int_equal(errno, ENOMEM);
	stuck_cancel(stuck);
	zc_reap_exactly(stuck->ends.tx, list, ROOM);
}

/* Row 56; twice, so that what came back is what was taken. */
static void memlock__room_for_k_messages(void **state)
{
	struct stuck stuck = stuck_open(state);
	const struct netns *ns = &stuck.ends.topology->ns[0];
	struct counters before;

	assert_int_equal(counters_read(ns, &before), 0);
	assert_room(&stuck);
	assert_room(&stuck);
	assert_int_equal(counter_moved(ns, &before, "send_refused_memlock"), 2);
	assert_int_equal(counter_moved(ns, &before, "zc_sent"), 2 * ROOM);
	stuck_close(&stuck);
}

#define PIECES (ROOM * CHARGE / 2)

/* Two bytes at each border of two pages. */
static ssize_t send_pieces(const struct stuck *stuck, unsigned char *pages, size_t count,
			   uint32_t cookie)
{
	char control[CMSG_SPACE(sizeof(cookie))] __attribute__((aligned(8))) = { 0 };
	union rds_addr to = stuck->to;
	struct iovec iov[PIECES];
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = rds_addr_len(&to),
		.msg_iov = iov, .msg_iovlen = count,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	size_t i;

	for (i = 0; i < count; i++)
		iov[i] = (struct iovec){ pages + (i + 1) * 4096 - 1, 2 };
	cmsg->cmsg_level = SOL_RDS;
	cmsg->cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(cookie));
	memcpy(CMSG_DATA(cmsg), &cookie, sizeof(cookie));
	return sendmsg(stuck->ends.tx, &msg, MSG_ZEROCOPY | MSG_DONTWAIT);
}

/* Few bytes in many pages: these are counted. */
static void memlock__counts_the_pages_of_small_pieces(void **state)
{
	struct stuck stuck = stuck_open(state);
	unsigned char *pages = zc_buffer((PIECES + 1) * 4096);

	assert_non_null(pages);
	assert_int_equal(send_pieces(&stuck, pages, PIECES, 1), 2 * PIECES);
	assert_fails(send_pieces(&stuck, pages, 1, 2), ENOMEM);
	stuck_cancel(&stuck);
	zc_reap_exactly(stuck.ends.tx, list, 1);
	assert_room(&stuck);
	zc_buffer_free(pages, (PIECES + 1) * 4096);
	stuck_close(&stuck);
}

/* CAP_IPC_LOCK: no charge, no limit. */
static void memlock__does_not_bind_root(void **state)
{
	struct stuck stuck = stuck_open(state);
	uint32_t i;

	for (i = 0; i < 4 * ROOM; i++)
		assert_int_equal(stuck_send(&stuck, i), LENGTH);
	stuck_cancel(&stuck);
	zc_reap_exactly(stuck.ends.tx, list, 4 * ROOM);
	stuck_close(&stuck);
}

/* The charge is the sender's user's, and goes when TCP has let go: real deliveries, many times. */
static void memlock__comes_back_with_each_cookie(void **state)
{
	struct stuck stuck = stuck_open(state);
	uint32_t i;

	for (i = 0; i < 10 * ROOM; i++) {
		zc_send(&stuck.ends, stuck.buffer, LENGTH, i);
		assert_int_equal(rds_recv(stuck.ends.rx, list, sizeof(list), NULL, 0),
				 sizeof(list));
		zc_reap_exactly(stuck.ends.tx, list, 1);
	}
	assert_room(&stuck);
	stuck_close(&stuck);
}

/* ---- charged once, where TCP has the pages as well ---- */

#define PIECE 4096			/* ROOM of them fit the first window and buffer of TCP */
#define PIECE_CHARGE (PIECE / 4096 + 2)

/*
 * On a link that swallows everything: each message is in TCP before the next one is sent, so what
 * TCP charges is missing there. Then the link is back, and all of it arrives.
 */
static void assert_room_in_tcp(const struct ends *ends, unsigned char *buffers)
{
	const struct netns *ns = &ends->topology->ns[0];
	uint32_t i;

	assert_true(diag_wait_unacked(ns, RDS_TCP_PORT, 0, 0));
	topology_blackhole(ends->topology, 0, true);
	for (i = 0; i < ROOM; i++) {
		pattern_fill(buffers + i * PIECE, PIECE, i);
		zc_send(ends, buffers + i * PIECE, PIECE, i);
		assert_true(diag_wait_unacked(ns, RDS_TCP_PORT, (i + 1) * PIECE, UINT64_MAX));
	}
	assert_fails(rds_send_zc(ends->tx, buffers, PIECE, &ends->far, ROOM, MSG_DONTWAIT),
		     ENOMEM);
	topology_blackhole(ends->topology, 0, false);
	zc_reap_exactly(ends->tx, list, ROOM);
	pattern_poison(buffers, ROOM * PIECE);
	for (i = 0; i < ROOM; i++)
		receive_pattern(ends->rx, PIECE, i, &ends->near);
}

/* Nothing is converted or given up meanwhile: that would give back what was charged. */
static void memlock__tcp_charges_nothing_more(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	unsigned char *buffers = zc_buffer(ROOM * PIECE);
	struct counters before;

	assert_non_null(buffers);
	assert_int_equal(cred_memlock_limit(ROOM * PIECE_CHARGE * 4096), 0);
	topology_sysctl(ends.topology, "max_paths", 1);
	topology_sysctl(ends.topology, "pin_hold_ms", 90000);
	topology_sysctl(ends.topology, "stall_ms", 90000);
	ends_there_and_back(&ends, PIECE, 100);
	assert_int_equal(counters_read(ns, &before), 0);
	assert_room_in_tcp(&ends, buffers);
	assert_room_in_tcp(&ends, buffers);
	assert_int_equal(counter_moved(ns, &before, "zc_sent"), 2 * ROOM);
	assert_true(counter_moved(ns, &before, "zc_passes") >= 2 * ROOM);
	assert_int_equal(counter_moved(ns, &before, "zc_copied_converted"), 0);
	zc_buffer_free(buffers, ROOM * PIECE);
}

/* A copied message is not charged. */
static void memlock__copies_are_free(void **state)
{
	struct stuck stuck = stuck_open(state);
	uint32_t i;

	assert_int_equal(cred_memlock_limit(0), 0);
	assert_int_equal(rds_set(stuck.ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, LENGTH + 1), 0);
	for (i = 0; i < 2 * ROOM; i++)
		assert_int_equal(stuck_send(&stuck, i), LENGTH);
	assert_int_equal(zc_reap_exactly(stuck.ends.tx, list, 2 * ROOM), 2 * ROOM);
	stuck_close(&stuck);
}

/*
 * ---- a refused send pins nothing, charges nothing and gives no cookie ----
 *
 * EFAULT, ENOMEM and EAGAIN of a full queue are among the thousand failures further down.
 */

struct refusal {
	const char *what;
	int error;
	void (*arrange)(struct stuck *stuck);	/* may be NULL, as may be undo */
	ssize_t (*send)(const struct stuck *stuck);
	void (*undo)(struct stuck *stuck);
};

static ssize_t send_without_cookie(const struct stuck *stuck)
{
	return rds_send(stuck->ends.tx, stuck->buffer, LENGTH, &stuck->to,
			MSG_ZEROCOPY | MSG_DONTWAIT);
}

static ssize_t send_without_flag(const struct stuck *stuck)
{
	return rds_send_cookie(stuck->ends.tx, stuck->buffer, LENGTH, &stuck->to, 0, 4,
			       MSG_DONTWAIT);
}

static ssize_t send_cut_cookie(const struct stuck *stuck)
{
	return rds_send_cookie(stuck->ends.tx, stuck->buffer, LENGTH, &stuck->to, 0, 3,
			       MSG_ZEROCOPY | MSG_DONTWAIT);
}

static ssize_t send_unknown_flag(const struct stuck *stuck)
{
	return rds_send_zc(stuck->ends.tx, stuck->buffer, LENGTH, &stuck->to, 0,
			   MSG_OOB | MSG_DONTWAIT);
}

static ssize_t send_to_nobody(const struct stuck *stuck)
{
	return rds_send_zc(stuck->ends.tx, stuck->buffer, LENGTH, NULL, 0, MSG_DONTWAIT);
}

static ssize_t send_to_other_family(const struct stuck *stuck)
{
	bool v6 = stuck->ends.topology->variant->v6;
	union rds_addr to = rds_addr(v6 ? "10.77.1.99" : "fd77:1::99", 9);

	return rds_send_zc(stuck->ends.tx, stuck->buffer, LENGTH, &to, 0, MSG_DONTWAIT);
}

static ssize_t send_to_far(const struct stuck *stuck)
{
	return rds_send_zc(stuck->ends.tx, stuck->buffer, LENGTH, &stuck->ends.far, 0,
			   MSG_DONTWAIT);
}

static ssize_t send_usual(const struct stuck *stuck)
{
	return stuck_send(stuck, 0);
}

static void zerocopy_off(struct stuck *stuck)
{
	assert_int_equal(rds_set(stuck->ends.tx, SOL_SOCKET, SO_ZEROCOPY, 0), 0);
}

static void zerocopy_on(struct stuck *stuck)
{
	assert_int_equal(rds_set(stuck->ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
}

static void small_send_buffer(struct stuck *stuck)
{
	assert_int_equal(rds_set_buffers(stuck->ends.tx, LENGTH / 2, 0), 0);
}

static void large_send_buffer(struct stuck *stuck)
{
	assert_int_equal(rds_set_buffers(stuck->ends.tx, 4 << 20, 0), 0);
}

/* Copies that nobody reads; on a slow kernel they may have filled the send buffer before. */
static void congest(struct stuck *stuck)
{
	assert_int_equal(rds_set_buffers(stuck->ends.rx, 0, LENGTH), 0);
	ends_fill(&stuck->ends, LENGTH / 4);
	ends_wait_acknowledged(stuck->ends.tx);
}

/* The one completion that there may be is out. */
static void use_up_completions(struct stuck *stuck)
{
	topology_sysctl(stuck->ends.topology, "max_completions", 1);
	assert_int_equal(stuck_send(stuck, 0), LENGTH);
}

static void give_back_completions(struct stuck *stuck)
{
	stuck_cancel(stuck);
	zc_reap_exactly(stuck->ends.tx, list, 1);
	topology_sysctl(stuck->ends.topology, "max_completions", 65536);
}

/* Blocking, to what was congested before. */
static ssize_t send_to_far_and_wait(const struct stuck *stuck)
{
	return rds_send_zc(stuck->ends.tx, stuck->buffer, LENGTH, &stuck->ends.far, 0, 0);
}

static ssize_t send_and_wait(const struct stuck *stuck)
{
	return rds_send_zc(stuck->ends.tx, stuck->buffer, LENGTH, &stuck->to, 0, 0);
}

static void short_timeout(struct stuck *stuck)
{
	assert_int_equal(rds_set_timeouts(stuck->ends.tx, 10), 0);
}

static void no_timeout(struct stuck *stuck)
{
	assert_int_equal(rds_set_timeouts(stuck->ends.tx, 0), 0);
}

static void signals(struct stuck *stuck)
{
	no_timeout(stuck);
	interrupt_every(50);
}

static void no_signals(struct stuck *stuck)
{
	(void)stuck;
	interrupt_every(0);
}

/*
 * One message is all that the queue takes, so the next one waits for space, with a completion of
 * its own. It stays where it is, in the sender's pages.
 */
static void fill_send_buffer(struct stuck *stuck)
{
	topology_sysctl(stuck->ends.topology, "pin_hold_ms", 90000);
	assert_int_equal(rds_set_buffers(stuck->ends.tx, LENGTH, 0), 0);
	assert_int_equal(stuck_send(stuck, 0), LENGTH);
}

static void empty_send_buffer(struct stuck *stuck)
{
	stuck_cancel(stuck);
	zc_reap_exactly(stuck->ends.tx, list, 1);
	large_send_buffer(stuck);
}

static void fill_and_short_timeout(struct stuck *stuck)
{
	fill_send_buffer(stuck);
	short_timeout(stuck);
}

static void fill_and_signals(struct stuck *stuck)
{
	fill_send_buffer(stuck);
	signals(stuck);
}

static void empty_and_no_signals(struct stuck *stuck)
{
	no_signals(stuck);
	empty_send_buffer(stuck);
}

static const struct refusal refusals[] = {
	{ "no cookie", EINVAL, NULL, send_without_cookie, NULL },
	{ "no flag", EINVAL, NULL, send_without_flag, NULL },
	{ "three bytes of a cookie", EINVAL, NULL, send_cut_cookie, NULL },
	{ "SO_ZEROCOPY is off", EINVAL, zerocopy_off, send_usual, zerocopy_on },
	{ "unknown flag", EOPNOTSUPP, NULL, send_unknown_flag, NULL },
	{ "no destination", ENOTCONN, NULL, send_to_nobody, NULL },
	{ "other family", EOPNOTSUPP, NULL, send_to_other_family, NULL },
	{ "over the send buffer", EMSGSIZE, small_send_buffer, send_usual, large_send_buffer },
	{ "completions used up", EAGAIN, use_up_completions, send_usual, give_back_completions },
	{ "timeout, full queue", ETIMEDOUT, fill_and_short_timeout, send_and_wait,
	  empty_send_buffer },
	{ "signal, full queue", EINTR, fill_and_signals, send_and_wait, empty_and_no_signals },
	/* The destination stays congested for those after it. */
	{ "congested destination", ENOBUFS, congest, send_to_far, NULL },
	{ "timeout, congested", ETIMEDOUT, short_timeout, send_to_far_and_wait, no_timeout },
	{ "signal, congested", EINTR, signals, send_to_far_and_wait, no_signals },
};

/* Again and again: what stays adds up. */
static void refuse(const struct stuck *stuck, const struct refusal *refusal)
{
	long pinned = zc_pinned_pages();
	ssize_t rc;
	int i;

	for (i = 0; i < 20; i++) {
		errno = 0;
		rc = refusal->send(stuck);
		if (rc != -1 || errno != refusal->error)
			fail_msg("%s: %zd, %s", refusal->what, rc, strerror(errno));
	}
	if (zc_pinned_pages() != pinned)
		fail_msg("%s: %ld pages pinned", refusal->what, zc_pinned_pages() - pinned);
	zc_reap_exactly(stuck->ends.tx, list, 0);
}

static void refused__nothing_pinned_or_charged(void **state)
{
	struct stuck stuck = stuck_open(state);
	const struct refusal *refusal;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		refusal = &refusals[i];
		if (refusal->arrange)
			refusal->arrange(&stuck);
		refuse(&stuck, refusal);
		if (refusal->undo)
			refusal->undo(&stuck);
		if (cred_is_nobody())
			assert_room(&stuck);
		assert_int_equal(zc_wait_unpinned(stuck.pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	}
	stuck_close(&stuck);
}

/* ---- a thousand failures of every kind, and not a page of drift ---- */

static void fail_with_unmapped_tail(struct stuck *stuck)
{
	unsigned char *pages = zc_half_buffer();

	assert_non_null(pages);
	errno = 0;
	assert_int_equal(rds_send_zc(stuck->ends.tx, pages, 8192, &stuck->to, 0, MSG_DONTWAIT),
			 -1);
	assert_int_equal(errno, EFAULT);
	munmap(pages, 4096);
}

/* A second socket with little send space: the first message fills it. */
static void fail_with_full_queue(struct stuck *stuck)
{
	union rds_addr addr = stuck->ends.topology->near[0];
	int fd = rds_open(&stuck->ends.topology->ns[0], &addr);

	assert_true(fd >= 0);
	assert_int_equal(zc_force(fd), 0);
	assert_int_equal(rds_set(fd, SOL_SOCKET, SO_SNDBUF, 8192), 0);
	assert_int_equal(rds_send_zc(fd, stuck->buffer, 8192, &stuck->to, 0, MSG_DONTWAIT), 8192);
	errno = 0;
	assert_int_equal(rds_send_zc(fd, stuck->buffer, 8192, &stuck->to, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
}

static void fail_with_close(struct stuck *stuck)
{
	union rds_addr addr = stuck->ends.topology->near[0];
	int fd = rds_open(&stuck->ends.topology->ns[0], &addr);

	assert_true(fd >= 0);
	assert_int_equal(zc_force(fd), 0);
	assert_int_equal(rds_set_buffers(fd, 1 << 20, 0), 0);
	assert_int_equal(rds_send_zc(fd, stuck->buffer, LENGTH, &stuck->to, 0, MSG_DONTWAIT),
			 LENGTH);
	close(fd);
}

static void fail_with_cancel(struct stuck *stuck)
{
	assert_int_equal(stuck_send(stuck, 0), LENGTH);
	stuck_cancel(stuck);
	zc_reap_exactly(stuck->ends.tx, list, 1);
}

static void fail_with_enomem(struct stuck *stuck)
{
	assert_room(stuck);
}

static void wait_killed(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The child pins two messages and is killed; only it holds the socket. */
static void fail_with_kill(struct stuck *stuck)
{
	union rds_addr addr = stuck->ends.topology->near[0];
	pid_t child;
	int fd;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child) {
		wait_killed(child);
		return;
	}
	fd = rds_open(&stuck->ends.topology->ns[0], &addr);
	if (fd < 0 || zc_force(fd) || rds_set_buffers(fd, 1 << 20, 0) ||
	    rds_send_zc(fd, stuck->buffer, LENGTH, &stuck->to, 0, 0) < 0 ||
	    rds_send_zc(fd, stuck->buffer, LENGTH, &stuck->to, 1, 0) < 0)
		_exit(1);
	kill(getpid(), SIGKILL);
	_exit(1);
}

typedef void (*failure_fn)(struct stuck *stuck);

/* The charge of a closed or killed sender may be given back a moment later. */
static void wait_for_room(struct stuck *stuck)
{
	assert_int_equal(zc_wait_unpinned(stuck->pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
}

/* Arguments: rounds=N. */
static void failures__leave_no_drift(void **state)
{
	static const failure_fn failures[] = {
		fail_with_unmapped_tail, fail_with_full_queue, fail_with_close, fail_with_cancel,
	};
	struct stuck stuck = stuck_open(state);
	long round, rounds = suite_argument("rounds", 1000);
	unsigned int seed = 3;

	for (round = 0; round < rounds; round++) {
		if (round % 50 == 49) {
			wait_for_room(&stuck);
			fail_with_kill(&stuck);
		} else if (round % 50 == 24) {
			wait_for_room(&stuck);
			if (cred_is_nobody())
				fail_with_enomem(&stuck);
		} else {
			failures[rand_r(&seed) % 4](&stuck);
		}
	}
	wait_for_room(&stuck);
	if (cred_is_nobody())
		assert_room(&stuck);
	wait_for_room(&stuck);
	stuck_close(&stuck);
}

/* ---- the bound ---- */

#define HOLD_MS 400

/* Conversion is looked for in steps of a quarter of the hold time; the rest is slack for TCG. */
#define BOUND_MS (HOLD_MS * 2 + 3000)

static void hold__unreachable_peer(void **state)
{
	struct stuck stuck = stuck_open(state);
	const struct netns *ns = &stuck.ends.topology->ns[0];
	struct counters before;
	uint64_t start;
	size_t copied = 0;

	topology_sysctl(stuck.ends.topology, "pin_hold_ms", HOLD_MS);
	assert_int_equal(counters_read(ns, &before), 0);
	start = clock_ms();
	assert_int_equal(stuck_send(&stuck, 7), LENGTH);
	assert_int_equal(reap_until(stuck.ends.tx, list, 1, &copied, deadline_in(BOUND_MS)), 1);
	assert_true(clock_ms() - start >= AT_LEAST_MS(HOLD_MS));
	assert_int_equal(list[0], 7);
	assert_int_equal(copied, 1);
	assert_int_equal(counter_moved(ns, &before, "zc_copied_converted"), 1);
	assert_int_equal(zc_wait_unpinned(stuck.pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	/* It still waits to be sent, in our own pages, and cancel gives no second cookie. */
	stuck_cancel(&stuck);
	zc_reap_exactly(stuck.ends.tx, list, 0);
	stuck_close(&stuck);
}

/* The link mends after the conversion: what arrives is what was sent, not what came after. */
static void hold__converted_message_arrives_whole(void **state)
{
	struct stuck stuck = stuck_open(state);
	struct ends *ends = &stuck.ends;

	topology_sysctl(ends->topology, "pin_hold_ms", HOLD_MS);
	topology_link(ends->topology, 0, false);
	pattern_fill(stuck.buffer, LENGTH, 21);
	zc_send(ends, stuck.buffer, LENGTH, 1);
	assert_int_equal(zc_reap_exactly(ends->tx, list, 1), 1);
	pattern_poison(stuck.buffer, LENGTH);
	topology_link(ends->topology, 0, true);
	receive_pattern(ends->rx, LENGTH, 21, &ends->near);
	stuck_close(&stuck);
}

/* Bytes that TCP has already taken when the link goes: the cookie waits until TCP lets go. */
static void hold__link_lost_in_the_middle(void **state)
{
	struct stuck stuck = stuck_open(state);
	struct ends *ends = &stuck.ends;

	topology_sysctl(ends->topology, "pin_hold_ms", HOLD_MS);
	topology_sysctl(ends->topology, "stall_ms", 1000);
	zc_send(ends, stuck.buffer, LENGTH, 0);
	zc_reap_exactly(ends->tx, list, 1);
	assert_int_equal(rds_recv(ends->rx, list, sizeof(list), NULL, 0), sizeof(list));
	topology_blackhole(ends->topology, 0, true);
	pattern_fill(stuck.buffer, LENGTH, 22);
	zc_send(ends, stuck.buffer, LENGTH, 1);
	zc_reap_exactly(ends->tx, list, 1);
	pattern_poison(stuck.buffer, LENGTH);
	assert_int_equal(zc_wait_unpinned(stuck.pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	topology_blackhole(ends->topology, 0, false);
	receive_pattern(ends->rx, LENGTH, 22, &ends->near);
	stuck_close(&stuck);
}

static void hold__local_reader_that_does_not_read(void **state)
{
	struct stuck stuck = stuck_open(state);
	struct ends *ends = &stuck.ends;
	const struct netns *ns = &ends->topology->ns[0];
	struct counters before;
	size_t copied = 0;

	topology_sysctl(ends->topology, "pin_hold_ms", HOLD_MS);
	assert_int_equal(counters_read(ns, &before), 0);
	pattern_fill(stuck.buffer, LENGTH, 23);
	zc_send(ends, stuck.buffer, LENGTH, 5);
	assert_int_equal(reap_until(ends->tx, list, 1, &copied, deadline_in(BOUND_MS)), 1);
	assert_int_equal(copied, 1);
	assert_int_equal(counter_moved(ns, &before, "zc_copied_converted"), 1);
	pattern_poison(stuck.buffer, LENGTH);
	assert_int_equal(zc_wait_unpinned(stuck.pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	receive_pattern(ends->rx, LENGTH, 23, &ends->near);
	zc_reap_exactly(ends->tx, list, 0);
	stuck_close(&stuck);
}

/*
 * The sender's process is gone: its pages follow within the bound, the message still reads right.
 */
static void hold__local_message_of_a_killed_sender(void **state)
{
	struct stuck stuck = stuck_open(state);
	struct ends *ends = &stuck.ends;
	union rds_addr addr = ends->topology->near[0];
	union rds_addr from;
	static unsigned char seen[LENGTH];
	pid_t child;
	int fd;

	topology_sysctl(ends->topology, "pin_hold_ms", HOLD_MS);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		fd = rds_open(&ends->topology->ns[0], &addr);
		pattern_fill(stuck.buffer, LENGTH, 24);
		if (fd < 0 || zc_force(fd) ||
		    rds_send_zc(fd, stuck.buffer, LENGTH, &ends->far, 0, 0) != LENGTH)
			_exit(1);
		for (;;)
			pause();
	}
	/* close() would withdraw what has not been delivered yet. */
	assert_true(rds_wait(ends->rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_true(zc_pinned_pages() > stuck.pinned);
	assert_int_equal(kill(child, SIGKILL), 0);
	wait_killed(child);
	assert_int_equal(zc_wait_unpinned(stuck.pinned, deadline_in(BOUND_MS + 2000)), 0);
	if (cred_is_nobody())
		assert_room(&stuck);
	assert_int_equal(rds_recv(ends->rx, seen, LENGTH, &from, 0), LENGTH);
	assert_int_equal(pattern_check(seen, LENGTH, 24), -1);
	stuck_close(&stuck);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "pin" };

	SUITE_ADD(&suite, memlock__room_for_k_messages, variants_wire_nobody);
	SUITE_ADD(&suite, memlock__does_not_bind_root, variants_one);
	SUITE_ADD(&suite, memlock__comes_back_with_each_cookie, variants_wire_nobody);
	SUITE_ADD(&suite, memlock__tcp_charges_nothing_more, variants_wire_nobody);
	SUITE_ADD(&suite, memlock__counts_the_pages_of_small_pieces, variants_wire_nobody);
	SUITE_ADD(&suite, memlock__copies_are_free, variants_wire_nobody);
	SUITE_ADD(&suite, refused__nothing_pinned_or_charged, variants_wire_each);
	SUITE_ADD(&suite, failures__leave_no_drift, variants_one_each);
	SUITE_ADD(&suite, hold__unreachable_peer, variants_wire_each);
	SUITE_ADD(&suite, hold__converted_message_arrives_whole, variants_wire_each);
	SUITE_ADD(&suite, hold__link_lost_in_the_middle, variants_wire_each);
	SUITE_ADD(&suite, hold__local_reader_that_does_not_read, variants_loop_each);
	SUITE_ADD(&suite, hold__local_message_of_a_killed_sender, variants_loop_each);
	return suite_run(&suite, argc, argv);
}

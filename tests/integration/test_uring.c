// SPDX-License-Identifier: GPL-2.0
/*
 * RDS through io_uring: plain sends and receives on every kernel; zerocopy sends, of registered
 * buffers too, whose notification takes the place of the cookie, where the kernel has them (6.1 and
 * newer; 5.10 says EINVAL).
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counters.h"
#include "module.h"
#include "pattern.h"
#include "suite.h"
#include "zc.h"

#define LENGTH 20000	/* five pages, so nobody's RLIMIT_MEMLOCK of 5.10 is no matter */
#define ENTRIES 8
#define OFFSET 1234	/* registered buffers are sent from here on */
#define HOLD_MS 400
#define BOUND_MS (HOLD_MS * 2 + 3000)	/* as in test_pin */
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif
#define REPORT_USAGE (1U << 3)	/* IORING_SEND_ZC_REPORT_USAGE; liburing 2.3 lacks it */

struct ring {
	struct io_uring uring;
	struct ends ends;
	struct counters before;
	unsigned char *buffer;
	/* What is submitted is read from here. */
	struct iovec iov;
	struct msghdr msg;
	char control[CMSG_SPACE(sizeof(uint32_t))];
	uint16_t report;	/* REPORT_USAGE where the kernel knows it */
};

static struct ring ring;

static void ring_open(void **state)
{
	memset(&ring, 0, sizeof(ring));
	assert_int_equal(io_uring_queue_init(ENTRIES, &ring.uring, 0), 0);
	ring.ends = ends_open(state);
	assert_int_equal(rds_set_timeouts(ring.ends.rx, DEADLINE_USUAL_MS), 0);
	ring.buffer = zc_buffer(LENGTH);
	assert_non_null(ring.buffer);
	assert_int_equal(counters_read(&ring.ends.topology->ns[0], &ring.before), 0);
}

static void ring_close(void)
{
	zc_buffer_free(ring.buffer, LENGTH);
	io_uring_queue_exit(&ring.uring);
}

static uint64_t moved(const char *counter)
{
	return counter_moved(&ring.ends.topology->ns[0], &ring.before, counter);
}

/* The whole buffer, in one message. */
static struct msghdr *message_to(const union rds_addr *to, uint32_t seed)
{
	pattern_fill(ring.buffer, LENGTH, seed);
	ring.iov = (struct iovec){ .iov_base = ring.buffer, .iov_len = LENGTH };
	ring.msg = (struct msghdr){
		.msg_name = (void *)to, .msg_namelen = rds_addr_len(to),
		.msg_iov = &ring.iov, .msg_iovlen = 1,
	};
	return &ring.msg;
}

static void add_cookie(struct msghdr *msg, uint32_t cookie)
{
	struct cmsghdr *cmsg;

	msg->msg_control = ring.control;
	msg->msg_controllen = sizeof(ring.control);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_RDS;
	cmsg->cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(cookie));
	memcpy(CMSG_DATA(cmsg), &cookie, sizeof(cookie));
}

static void submit(void)
{
	assert_int_equal(io_uring_submit(&ring.uring), 1);
}

/* The next entry of the completion queue; false if none comes in time. */
static bool next(struct io_uring_cqe *cqe, unsigned int ms)
{
	struct deadline deadline = deadline_in(ms);
	struct io_uring_cqe *seen;

	while (io_uring_peek_cqe(&ring.uring, &seen)) {
		if (deadline_over(&deadline))
			return false;
		deadline_step();
	}
	*cqe = *seen;
	io_uring_cqe_seen(&ring.uring, seen);
	return true;
}

static void expect(int res, unsigned int flags)
{
	struct io_uring_cqe cqe;

	assert_true(next(&cqe, DEADLINE_USUAL_MS));
	assert_int_equal(cqe.res, res);
	assert_int_equal(cqe.flags & (IORING_CQE_F_MORE | IORING_CQE_F_NOTIF), flags);
}

static void expect_nothing_more(void)
{
	struct io_uring_cqe cqe;

	assert_false(next(&cqe, 100));
	assert_fails(recv(ring.ends.tx, &cqe, sizeof(cqe), MSG_ERRQUEUE | MSG_DONTWAIT), EAGAIN);
}

/*
 * Tells whether the kernel has copied, where it knows REPORT_USAGE and was asked; else it tells
 * nothing.
 */
static void expect_notification(bool copied)
{
	struct io_uring_cqe cqe;

	assert_true(next(&cqe, BOUND_MS));
	assert_int_equal(cqe.flags & (IORING_CQE_F_MORE | IORING_CQE_F_NOTIF),
			 IORING_CQE_F_NOTIF);
	assert_int_equal((unsigned int)cqe.res,
			 ring.report && copied ? IORING_NOTIF_USAGE_ZC_COPIED : 0);
}

/*
 * The kernel looks at flags before it looks at the descriptor, which is none. In a ring of its own,
 * which takes along whatever else the try leaves behind.
 */
static uint16_t report_flag(void)
{
	struct io_uring_cqe *cqe;
	struct io_uring uring;
	int res;

	assert_int_equal(io_uring_queue_init(ENTRIES, &uring, 0), 0);
	io_uring_prep_send_zc(io_uring_get_sqe(&uring), -1, NULL, 0, 0, REPORT_USAGE);
	assert_int_equal(io_uring_submit(&uring), 1);
	while (io_uring_wait_cqe(&uring, &cqe))	/* interrupted */
		deadline_step();
	res = cqe->res;
	io_uring_queue_exit(&uring);
	return res == -EBADF ? REPORT_USAGE : 0;
}

/* Kernels from 6.1 on have all zerocopy sends, and must. */
static bool kernel_has(enum io_uring_op op)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(&ring.uring);
	bool known = probe && io_uring_opcode_supported(probe, op);

	io_uring_free_probe(probe);
	assert_int_equal(known, !kernel_before(6, 1));
	if (known)
		ring.report = report_flag();
	return known;
}

/*
 * Submits a zerocopy send; false where the kernel has none, of which it tells. Pages may be lent
 * from the first byte on.
 */
static bool submit_zc(const struct msghdr *msg)
{
	bool known = kernel_has(IORING_OP_SENDMSG_ZC);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring.uring);

	assert_int_equal(rds_set(ring.ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, 0), 0);
	io_uring_prep_sendmsg_zc(sqe, ring.ends.tx, msg, 0);
	sqe->ioprio = ring.report;
	submit();
	if (!known)
		expect(-EINVAL, 0);
	return known;
}

/*
 * The end of an earlier ring is told to this process some time later, as a signal is, and would end
 * a read that sleeps; so what does not mind that waits.
 */
static void receive(size_t length, uint32_t seed)
{
	int fd = ring.ends.rx;

	assert_true(rds_wait(fd, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	receive_pattern(fd, length, seed, &ring.ends.near);
}

static void plain__both_ways(void **state)
{
	static unsigned char in[LENGTH];
	struct iovec iov = { .iov_base = in, .iov_len = sizeof(in) };
	union rds_addr from;
	struct msghdr get = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
	};

	ring_open(state);
	/* The reader waits first. */
	io_uring_prep_recvmsg(io_uring_get_sqe(&ring.uring), ring.ends.rx, &get, 0);
	submit();
	io_uring_prep_sendmsg(io_uring_get_sqe(&ring.uring), ring.ends.tx,
			      message_to(&ring.ends.far, 1), 0);
	submit();
	expect(LENGTH, 0);
	expect(LENGTH, 0);
	assert_int_equal(pattern_check(in, LENGTH, 1), -1);
	assert_true(rds_addr_equal(&from, &ring.ends.near));
	expect_nothing_more();
	ring_close();
}

/* One notification, and no cookie; the buffer is overwritten at once, and none of that is read. */
static void zerocopy__notification_then_overwritten(void **state)
{
	ring_open(state);
	if (submit_zc(message_to(&ring.ends.far, 2))) {
		expect(LENGTH, IORING_CQE_F_MORE);
		if (ring.ends.topology->variant->wire != WIRE_VETH) {
			/* The receiver reads our pages: it has to be done with them. */
			expect_nothing_more();
			receive(LENGTH, 2);
			expect_notification(false);
		} else {
			expect_notification(true);
			pattern_poison(ring.buffer, LENGTH);
			receive(LENGTH, 2);
		}
		expect_nothing_more();
		assert_int_equal(moved("zc_sent"), 1);
		assert_int_equal(moved("zc_completed"), 0);
	}
	ring_close();
}

/* The notification takes the place of the cookie: both would be one too many. */
static void zerocopy__cookie_is_refused(void **state)
{
	struct msghdr *msg;

	ring_open(state);
	msg = message_to(&ring.ends.far, 3);
	add_cookie(msg, 77);
	if (submit_zc(msg)) {
		struct io_uring_cqe cqe;

		assert_true(next(&cqe, DEADLINE_USUAL_MS));
		assert_int_equal(cqe.res, -EINVAL);
		if (cqe.flags & IORING_CQE_F_MORE)
			expect_notification(true);	/* nobody has used its pages */
		expect_nothing_more();
		assert_int_equal(moved("send_refused_zcopy"), 1);
		assert_int_equal(moved("send_queued"), 0);
	}
	ring_close();
}

/* The same with a cookie: the plain send of io_uring takes it, and the error queue returns it. */
static void plain__with_cookie(void **state)
{
	struct msghdr *msg;
	uint32_t cookie;

	ring_open(state);
	assert_int_equal(zc_force(ring.ends.tx), 0);
	msg = message_to(&ring.ends.far, 4);
	add_cookie(msg, 78);
	io_uring_prep_sendmsg(io_uring_get_sqe(&ring.uring), ring.ends.tx, msg, MSG_ZEROCOPY);
	submit();
	expect(LENGTH, 0);
	receive(LENGTH, 4);
	zc_reap_exactly(ring.ends.tx, &cookie, 1);
	assert_int_equal(cookie, 78);
	expect_nothing_more();
	ring_close();
}

/* What nobody will ever acknowledge: the pages come back with the socket. */
static void zerocopy__notified_at_close(void **state)
{
	union rds_addr nobody;

	ring_open(state);
	nobody = nobody_home(ring.ends.topology);
	if (submit_zc(message_to(&nobody, 5))) {
		expect(LENGTH, IORING_CQE_F_MORE);
		topology_close(ring.ends.topology, ring.ends.tx);
		expect_notification(false);
		assert_int_equal(zc_wait_unpinned(0, deadline_in(DEADLINE_USUAL_MS)), 0);
	}
	ring_close();
}

/* All of the buffer but its start, which is of a registered one or not. */
static void prep_send_zc(struct io_uring_sqe *sqe, int fd, const union rds_addr *to, bool fixed)
{
	if (fixed)
		io_uring_prep_send_zc_fixed(sqe, fd, ring.buffer + OFFSET, LENGTH - OFFSET, 0,
					    ring.report, 0);
	else
		io_uring_prep_send_zc(sqe, fd, ring.buffer + OFFSET, LENGTH - OFFSET, 0,
				      ring.report);
	io_uring_prep_send_set_addr(sqe, &to->sa, rds_addr_len(to));
}

/* False where the kernel has no such sends, of which it tells. */
static bool submit_send_zc(const union rds_addr *to, uint32_t seed, int threshold, bool fixed)
{
	struct iovec iov = { .iov_base = ring.buffer, .iov_len = LENGTH };
	bool known = kernel_has(IORING_OP_SEND_ZC);

	if (fixed)
		assert_int_equal(io_uring_register_buffers(&ring.uring, &iov, 1), 0);
	assert_int_equal(rds_set(ring.ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, threshold), 0);
	pattern_fill(ring.buffer + OFFSET, LENGTH - OFFSET, seed);
	prep_send_zc(io_uring_get_sqe(&ring.uring), ring.ends.tx, to, fixed);
	submit();
	if (known)
		expect(LENGTH - OFFSET, IORING_CQE_F_MORE);
	else
		expect(-EINVAL, 0);
	return known;
}

/* Over veth the kernel copies, and says so; a reader on this machine reads the buffer itself. */
static void notification_then_overwritten(void **state, bool fixed)
{
	bool veth;

	ring_open(state);
	veth = ring.ends.topology->variant->wire == WIRE_VETH;
	if (submit_send_zc(&ring.ends.far, 6, 0, fixed)) {
		if (!veth) {
			expect_nothing_more();
			receive(LENGTH - OFFSET, 6);
		}
		expect_notification(veth);
		pattern_poison(ring.buffer, LENGTH);
		if (veth)
			receive(LENGTH - OFFSET, 6);
		expect_nothing_more();
		assert_int_equal(moved("zc_sent"), 1);
		assert_int_equal(moved("zc_completed"), 0);
	}
	ring_close();
}

static void plain_buffer__notification_then_overwritten(void **state)
{
	notification_then_overwritten(state, false);
}

static void fixed__notification_then_overwritten(void **state)
{
	notification_then_overwritten(state, true);
}

/* Told as copied, and at once: nobody has read it. */
static void fixed__copied_below_the_threshold(void **state)
{
	ring_open(state);
	if (submit_send_zc(&ring.ends.far, 7, LENGTH, true)) {
		expect_notification(true);
		pattern_poison(ring.buffer, LENGTH);
		receive(LENGTH - OFFSET, 7);
		expect_nothing_more();
		assert_int_equal(moved("zc_copied_threshold"), 1);
		assert_int_equal(moved("zc_sent"), 0);
	}
	ring_close();
}

/* Nobody takes the message, so after pin_hold_ms it has a copy, and the buffer is free. */
static void fixed__converted_when_overdue(void **state)
{
	union rds_addr nobody;

	ring_open(state);
	nobody = nobody_home(ring.ends.topology);
	topology_sysctl(ring.ends.topology, "pin_hold_ms", HOLD_MS);
	if (submit_send_zc(&nobody, 8, 0, true)) {
		expect_notification(true);
		assert_int_equal(moved("zc_copied_converted"), 1);
		expect_nothing_more();
	}
	ring_close();
}

/* In a process of its own: only its ring has the socket and the buffer. Says so, and stays. */
static void child_sends(const union rds_addr *near, const union rds_addr *to, int told)
{
	struct iovec iov = { .iov_base = ring.buffer, .iov_len = LENGTH };
	union rds_addr addr = *near;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring uring;
	int fd = rds_open(&ring.ends.topology->ns[0], &addr);

	if (fd < 0 || zc_force(fd) || io_uring_queue_init(ENTRIES, &uring, 0) ||
	    io_uring_register_files(&uring, &fd, 1) || io_uring_register_buffers(&uring, &iov, 1) ||
	    close(fd))
		_exit(1);
	sqe = io_uring_get_sqe(&uring);
	prep_send_zc(sqe, 0, to, true);
	sqe->flags |= IOSQE_FIXED_FILE;
	if (io_uring_submit(&uring) != 1 || io_uring_wait_cqe(&uring, &cqe) ||
	    cqe->res != LENGTH - OFFSET || write(told, "", 1) != 1)
		_exit(2);
	for (;;)
		pause();
}

static void kill_child(pid_t child)
{
	int status;

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void assert_soon_free(union rds_addr addr)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int fd;

	for (fd = -1; fd < 0; deadline_step()) {
		assert_false(deadline_over(&deadline));
		fd = rds_open(&ring.ends.topology->ns[0], &addr);
	}
	close(fd);
}

/*
 * The ring of a killed process keeps the socket open, and the send, which nobody acknowledges,
 * keeps the ring: the conversion of what is overdue ends both, and the pins of the registered
 * buffer.
 */
static void fixed__killed_with_a_registered_socket(void **state)
{
	union rds_addr near, nobody;
	int told[2];
	pid_t child;
	char byte;

	ring_open(state);
	near = rds_addr(ring.ends.topology->near_text[0], 7321);
	nobody = nobody_home(ring.ends.topology);
	topology_sysctl(ring.ends.topology, "pin_hold_ms", HOLD_MS);
	if (kernel_has(IORING_OP_SEND_ZC)) {
		/* The kernel ends the rings of earlier tests in its own time. */
		assert_int_equal(zc_wait_unpinned(0, deadline_in(DEADLINE_USUAL_MS)), 0);
		assert_int_equal(pipe(told), 0);
		fflush(NULL);
		child = fork();
		assert_true(child >= 0);
		if (!child)
			child_sends(&near, &nobody, told[1]);
		close(told[1]);
		assert_int_equal(read(told[0], &byte, 1), 1);
		close(told[0]);
		assert_true(zc_pinned_pages() > 0);
		kill_child(child);
		assert_int_equal(zc_wait_unpinned(0, deadline_in(BOUND_MS + 2000)), 0);
		assert_soon_free(near);
	}
	ring_close();
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "uring" };

	pattern_prepare();
	SUITE_ADD(&suite, plain__both_ways, variants_any_each);
	SUITE_ADD(&suite, plain__with_cookie, variants_any_each);
	SUITE_ADD(&suite, zerocopy__notification_then_overwritten, variants_any_each);
	SUITE_ADD(&suite, zerocopy__cookie_is_refused, variants_one_each);
	SUITE_ADD(&suite, zerocopy__notified_at_close, variants_one_each);
	SUITE_ADD(&suite, plain_buffer__notification_then_overwritten, variants_any_each);
	SUITE_ADD(&suite, fixed__notification_then_overwritten, variants_any_each);
	SUITE_ADD(&suite, fixed__copied_below_the_threshold, variants_any_each);
	SUITE_ADD(&suite, fixed__converted_when_overdue, variants_one_each);
	SUITE_ADD(&suite, fixed__killed_with_a_registered_socket, variants_one_each);
	return suite_run(&suite, argc, argv);
}

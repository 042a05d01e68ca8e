// SPDX-License-Identifier: GPL-2.0
/*
 * RDS through io_uring: plain sends and receives on every kernel; zerocopy sends, whose notification
 * takes the place of the cookie, where the kernel has them (6.1 and newer; 5.10 says EINVAL).
 */
#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "pattern.h"
#include "suite.h"
#include "zc.h"

#define LENGTH 20000	/* five pages, so nobody's RLIMIT_MEMLOCK of 5.10 is no matter */
#define ENTRIES 8

struct ring {
	struct io_uring uring;
	struct ends ends;
	struct counters before;
	unsigned char *buffer;
	/* What is submitted is read from here. */
	struct iovec iov;
	struct msghdr msg;
	char control[CMSG_SPACE(sizeof(uint32_t))];
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

static void expect_notification(void)
{
	struct io_uring_cqe cqe;

	assert_true(next(&cqe, DEADLINE_USUAL_MS));
	assert_int_equal(cqe.flags & (IORING_CQE_F_MORE | IORING_CQE_F_NOTIF),
			 IORING_CQE_F_NOTIF);
}

/*
 * Submits a zerocopy send; false where the kernel has none, of which it tells. Pages may be lent
 * from the first byte on.
 */
static bool submit_zc(const struct msghdr *msg)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(&ring.uring);
	bool known = probe && io_uring_opcode_supported(probe, IORING_OP_SENDMSG_ZC);

	io_uring_free_probe(probe);
	assert_int_equal(rds_set(ring.ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, 0), 0);
	io_uring_prep_sendmsg_zc(io_uring_get_sqe(&ring.uring), ring.ends.tx, msg, 0);
	submit();
	if (!known)
		expect(-EINVAL, 0);
	return known;
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

/* One notification, and no cookie; the buffer is overwritten at once, and nothing of that is read. */
static void zerocopy__notification_then_overwritten(void **state)
{
	ring_open(state);
	if (submit_zc(message_to(&ring.ends.far, 2))) {
		expect(LENGTH, IORING_CQE_F_MORE);
		if (ring.ends.topology->variant->wire != WIRE_VETH) {
			/* The receiver reads our pages: it has to be done with them. */
			expect_nothing_more();
			receive_pattern(ring.ends.rx, LENGTH, 2, &ring.ends.near);
			expect_notification();
		} else {
			expect_notification();
			pattern_poison(ring.buffer, LENGTH);
			receive_pattern(ring.ends.rx, LENGTH, 2, &ring.ends.near);
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
			expect_notification();
		expect_nothing_more();
		assert_int_equal(moved("send_refused_zcopy"), 1);
		assert_int_equal(moved("send_queued"), 0);
	}
	ring_close();
}

/* The same as with a cookie: the plain send of io_uring takes it, and the error queue returns it. */
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
	receive_pattern(ring.ends.rx, LENGTH, 4, &ring.ends.near);
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
		expect_notification();
		assert_int_equal(zc_wait_unpinned(0, deadline_in(DEADLINE_USUAL_MS)), 0);
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
	return suite_run(&suite, argc, argv);
}

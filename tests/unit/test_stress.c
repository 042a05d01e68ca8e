// SPDX-License-Identifier: GPL-2.0
/*
 * What rdszc stress knows of its cookies: a kernel that gives back one it never had, one twice, or
 * not at all, must not go unnoticed. The file is part of this program, with its calls to the kernel
 * in our hands; no kernel does any of this to order. What its far end knows of streams; and how
 * long a sender waits for one that takes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

static ssize_t play(int fd, struct msghdr *msg, int flags);

#define recvmsg play
#include "../../tools/rdszc/stress.c"
#undef recvmsg

/* What the next read of the error queue, or of a control message, has; nothing where count is 0. */
static struct {
	uint32_t cookies[8];
	uint32_t count;
	bool copied;
} script;

static ssize_t play_errqueue(struct msghdr *msg)
{
	struct sock_extended_err report = {
		.ee_origin = SO_EE_ORIGIN_ZEROCOPY,
		.ee_code = script.copied ? SO_EE_CODE_ZEROCOPY_COPIED : 0,
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	size_t size = script.count * sizeof(script.cookies[0]);

	cmsg->cmsg_len = CMSG_LEN(sizeof(report));
	memcpy(CMSG_DATA(cmsg), &report, sizeof(report));
	msg->msg_controllen = CMSG_SPACE(sizeof(report));
	memcpy(msg->msg_iov->iov_base, script.cookies, size);
	return size;
}

static ssize_t play_cmsg(struct msghdr *msg)
{
	struct rds_zcopy_cookies list = { .num = script.count };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);

	memcpy(list.cookies, script.cookies, script.count * sizeof(script.cookies[0]));
	cmsg->cmsg_level = SOL_RDS;
	cmsg->cmsg_type = RDS_CMSG_ZCOPY_COMPLETION;
	cmsg->cmsg_len = CMSG_LEN(sizeof(list));
	memcpy(CMSG_DATA(cmsg), &list, sizeof(list));
	msg->msg_controllen = CMSG_SPACE(sizeof(list));
	return 0;
}

static ssize_t play(int fd, struct msghdr *msg, int flags)
{
	ssize_t got;

	(void)fd;
	if (!script.count) {
		errno = EAGAIN;
		return -1;
	}
	got = flags & MSG_ERRQUEUE ? play_errqueue(msg) : play_cmsg(msg);
	script.count = 0;
	return got;
}

/* poll() ignores what is below 0. */
static struct sender sender = { .fd = -1 };

/* Cookies 0 to 3 are out. */
static int four_out(void **state)
{
	int i;

	s.zerocopy = true;
	s.depth = 8;
	s.cmsg = *state;
	memset(&total, 0, sizeof(total));
	memset(&script, 0, sizeof(script));
	memset(sender.busy, 0, sizeof(sender.busy));
	for (i = 0; i < 4; i++)
		sender.busy[i] = true;
	sender.out = 4;
	return 0;
}

static void come_back(uint32_t first, uint32_t second)
{
	script.cookies[0] = first;
	script.cookies[1] = second;
	script.count = 2;
	reap(&sender);
}

static void cookies__all_well(void **state)
{
	(void)state;
	come_back(2, 0);
	come_back(1, 3);
	drain_cookies(&sender, now_ns() + 50000000);
	assert_int_equal(GET(cookies), 4);
	assert_int_equal(sender.out, 0);
	assert_int_equal(GET(faults), 0);
}

static void cookies__copied_are_counted(void **state)
{
	(void)state;
	script.copied = true;
	come_back(2, 0);
	script.copied = false;
	come_back(1, 3);
	assert_int_equal(GET(copied), s.cmsg ? 0 : 2);
}

static void cookies__unknown(void **state)
{
	(void)state;
	come_back(0, 5);	/* a buffer that is not out */
	assert_int_equal(GET(faults), 1);
	come_back(1, 4711);	/* no buffer at all */
	assert_int_equal(GET(faults), 2);
	assert_int_equal(GET(cookies), 2);
	assert_int_equal(sender.out, 2);
}

static void cookies__twice(void **state)
{
	(void)state;
	come_back(3, 3);
	assert_int_equal(GET(faults), 1);
	come_back(0, 3);
	assert_int_equal(GET(faults), 2);
	assert_int_equal(GET(cookies), 2);
}

static void cookies__never(void **state)
{
	(void)state;
	come_back(0, 1);
	drain_cookies(&sender, now_ns() + 50000000);
	assert_int_equal(GET(faults), 1);
	assert_int_equal(sender.out, 2);
}

/* Three messages of each, in turn. */
static void take_streams(struct server *server, unsigned int count, uint64_t seed)
{
	uint64_t number, random;
	unsigned int i;

	for (number = 0; number < 3; number++) {
		for (i = 0, random = seed; i < count; i++) {
			struct frame frame = { .magic = MAGIC, .kind = KIND_DATA,
					       .number = number, .length = sizeof(frame),
					       .stream = next_random(&random) | 1 };

			take(server, &frame, sizeof(frame), NULL);
		}
	}
}

/* As many streams as the manual promises, and again, when those before have ended. */
static void streams__all_are_known(void **state)
{
	struct server server = { .fd = -1, .streams = calloc(SLOTS, sizeof(struct stream)) };
	uint64_t run;

	(void)state;
	assert_non_null(server.streams);
	memset(&total, 0, sizeof(total));
	take_streams(&server, STREAMS, 4711);
	for (run = 1; run < 20; run++)
		take_streams(&server, STREAMS / 4, run);
	assert_int_equal(GET(faults), 0);
	free(server.streams);
}

static bool gives_up(int error, uint64_t refused, uint64_t taken)
{
	sender.refused = refused;
	last_taken = taken;
	sender.failed = false;
	errno = error;
	send_refused(&sender);
	return sender.failed;
}

/* Not while it is new, nor while others get on; but that does not help with memory. */
static void refused__not_for_ever(void **state)
{
	static const int reasons[] = { EAGAIN, ENOBUFS, ENOMEM };
	uint64_t now = now_ns(), before = now - (linger_ms + 1000) * 1000000ULL;
	size_t i;

	(void)state;
	memset(&total, 0, sizeof(total));
	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		assert_false(gives_up(reasons[i], 0, before));
		assert_false(gives_up(reasons[i], now, before));
		assert_int_equal(GET(faults), i);
		assert_true(gives_up(reasons[i], before, before));
		assert_int_equal(gives_up(reasons[i], before, now), reasons[i] == ENOMEM);
	}
}

/* The other way of asking for them has its own reader. */
#define BOTH(test)								\
	{ #test "/errqueue", test, four_out, NULL, NULL },			\
	{ #test "/cmsg", test, four_out, NULL, (void *)1 }

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BOTH(cookies__all_well),
		BOTH(cookies__copied_are_counted),
		BOTH(cookies__unknown),
		BOTH(cookies__twice),
		BOTH(cookies__never),
		cmocka_unit_test(streams__all_are_known),
		cmocka_unit_test(refused__not_for_ever),
	};

	return cmocka_run_group_tests_name("stress", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * 32-bit callers on a 64-bit kernel: control messages, timestamps, ioctls. The calls are made the
 * 32-bit way, by int 0x80 with structures of that layout in the low 4 GiB, so no 32-bit libc is
 * needed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/rds_zc.h>
#include <linux/sockios.h>

#include "ends.h"
#include "pattern.h"
#include "suite.h"

/* System calls of i386. */
#define NR32_IOCTL	54
#define NR32_GETSOCKOPT	365
#define NR32_SETSOCKOPT	366
#define NR32_SENDMSG	370
#define NR32_RECVMSG	372

struct iovec32 {
	uint32_t base, length;
};

struct msghdr32 {
	uint32_t name;
	int32_t name_length;
	uint32_t iov, iov_length;
	uint32_t control, control_length;
	uint32_t flags;
};

struct cmsghdr32 {
	uint32_t length;
	int32_t level, type;
};

/* Everything a call points to, where 32 bits reach it. */
struct low {
	struct msghdr32 message;
	struct iovec32 iov;
	union rds_addr name;
	unsigned char control[256];
	unsigned char data[4096];
	unsigned char options[8192];
	int32_t length;
};

static struct low *low;

static long call32(long nr, long a, long b, long c, long d, long e)
{
	long rc;

	asm volatile("int $0x80"
		     : "=a" (rc)
		     : "a" (nr), "b" (a), "c" (b), "d" (c), "S" (d), "D" (e)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	rc = (int)rc;
	if (rc < 0 && rc > -4096) {
		errno = (int)-rc;
		return -1;
	}
	return rc;
}

static uint32_t at(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;

	assert_true(address <= UINT32_MAX);
	return (uint32_t)address;
}

static struct ends ends_low(void **state)
{
	if (!low) {
		low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		assert_ptr_not_equal(low, MAP_FAILED);
	}
	memset(low, 0, sizeof(*low));
	return ends_open(state);
}

static void prepare(size_t length, size_t control)
{
	low->iov = (struct iovec32){ at(low->data), (uint32_t)length };
	low->message = (struct msghdr32){
		.name = at(&low->name), .name_length = sizeof(low->name),
		.iov = at(&low->iov), .iov_length = 1,
		.control = control ? at(low->control) : 0, .control_length = (uint32_t)control,
	};
}

static ssize_t recv32(int fd, size_t length, size_t control, int flags)
{
	memset(low->control, 0xee, sizeof(low->control));
	prepare(length, control);
	return call32(NR32_RECVMSG, fd, at(&low->message), flags, 0, 0);
}

static ssize_t send_cookie32(const struct ends *ends, uint32_t cookie)
{
	struct cmsghdr32 *cmsg = (struct cmsghdr32 *)low->control;

	low->name = ends->far;
	prepare(64, sizeof(*cmsg) + sizeof(cookie));
	low->message.name_length = rds_addr_len(&ends->far);
	*cmsg = (struct cmsghdr32){ sizeof(*cmsg) + sizeof(cookie), SOL_RDS,
				    RDS_CMSG_ZCOPY_COOKIE };
	memcpy(cmsg + 1, &cookie, sizeof(cookie));
	return call32(NR32_SENDMSG, ends->tx, at(&low->message), MSG_ZEROCOPY, 0, 0);
}

/* The one control message that is there, with its data behind it. */
static const void *expect_cmsg(int level, int type, size_t length)
{
	const struct cmsghdr32 *cmsg = (const struct cmsghdr32 *)low->control;

	assert_int_equal(cmsg->level, level);
	assert_int_equal(cmsg->type, type);
	assert_int_equal(cmsg->length, sizeof(*cmsg) + length);
	assert_int_equal(low->message.control_length, (sizeof(*cmsg) + length + 3) & ~3UL);
	assert_int_equal(low->message.flags & MSG_CTRUNC, 0);
	return cmsg + 1;
}

/* Section 14, row 10: 48 bytes are enough, 47 are not. */
static void cookies__by_cmsg(void **state)
{
	struct ends ends = ends_low(state);
	const uint32_t *cookies;

	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, RDSZC_COMPLETION_CMSG),
			 0);
	assert_int_equal(send_cookie32(&ends, 0x12345678), 64);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_fails(recv32(ends.tx, 0, 47, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(recv32(ends.tx, 0, 48, MSG_DONTWAIT), 0);
	cookies = expect_cmsg(SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION, 36);
	assert_int_equal(cookies[0], 1);
	assert_int_equal(cookies[1], 0x12345678);
	assert_int_equal(cookies[2], 0);
	assert_int_equal(low->message.name_length, 0);
}

static void cookies__by_error_queue(void **state)
{
	struct ends ends = ends_low(state);
	const struct sock_extended_err *ee;
	uint32_t cookie;

	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_int_equal(send_cookie32(&ends, 0x12345678), 64);
	assert_true(rds_wait(ends.tx, POLLERR, deadline_in(DEADLINE_USUAL_MS)) & POLLERR);
	assert_int_equal(recv32(ends.tx, 4, 27, MSG_ERRQUEUE), 0);
	assert_true(low->message.flags & MSG_CTRUNC);
	assert_int_equal(recv32(ends.tx, 4, 28, MSG_ERRQUEUE), 4);
	ee = expect_cmsg(SOL_IP, 11, 16);
	assert_int_equal(ee->ee_origin, SO_EE_ORIGIN_ZEROCOPY);
	assert_int_equal(ee->ee_data, 1);
	memcpy(&cookie, low->data, sizeof(cookie));
	assert_int_equal(cookie, 0x12345678);
}

/* The old form has two 32-bit words for them, the new one 16 bytes for all. */
static void timestamps__in_both_forms(void **state)
{
	struct ends ends = ends_low(state);
	const int32_t *old;
	const int64_t *new;
	int64_t now = time(NULL);

	assert_int_equal(rds_set(ends.rx, SOL_SOCKET, SO_TIMESTAMP, 1), 0);
	send_pattern(ends.tx, 100, 1, &ends.far);
	assert_true(rds_wait(ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_int_equal(recv32(ends.rx, 100, sizeof(low->control), 0), 100);
	assert_int_equal(pattern_check(low->data, 100, 1), -1);
	old = expect_cmsg(SOL_SOCKET, 29, 8);
	assert_in_range(old[0], now - 1, now + 60);
	assert_in_range(old[1], 0, 999999);

	assert_int_equal(rds_set(ends.rx, SOL_RDS, 63, 1), 0);
	send_pattern(ends.tx, 100, 1, &ends.far);
	assert_true(rds_wait(ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_int_equal(recv32(ends.rx, 100, sizeof(low->control), 0), 100);
	new = expect_cmsg(SOL_SOCKET, 63, 16);
	assert_in_range(new[0], now - 1, now + 60);
	assert_in_range(new[1], 0, 999999);
}

/* 20 bytes of control are enough for a notification. */
static void congestion__notification(void **state)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct ends ends = ends_low(state);
	static unsigned char data[16384], sink[16384];
	uint64_t mask;

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	while (rds_send(ends.tx, data, sizeof(data), &ends.far, MSG_DONTWAIT) > 0 ||
	       errno != ENOBUFS)
		assert_false(deadline_over(&deadline));
	while (rds_recv(ends.rx, sink, sizeof(sink), NULL, MSG_DONTWAIT) > 0 ||
	       !(rds_wait(ends.tx, POLLIN, deadline_in(0)) & POLLIN))
		assert_false(deadline_over(&deadline));
	assert_fails(recv32(ends.tx, 0, 19, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(recv32(ends.tx, 0, 20, MSG_DONTWAIT), 0);
	memcpy(&mask, expect_cmsg(SOL_RDS, RDS_CMSG_CONG_UPDATE, 8), sizeof(mask));
	assert_true(mask & RDS_CONG_MONITOR_MASK(rds_port(&ends.far)));
}

/* In-tree has no ioctls for them. */
static void ioctls__work(void **state)
{
	struct ends ends = ends_low(state);

	send_pattern(ends.tx, 1234, 1, &ends.far);
	assert_true(rds_wait(ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	low->length = -1;
	assert_int_equal(call32(NR32_IOCTL, ends.rx, SIOCINQ, at(&low->length), 0, 0), 0);
	assert_int_equal(low->length, 1234);
	low->length = -1;
	assert_int_equal(call32(NR32_IOCTL, ends.rx, SIOCOUTQ, at(&low->length), 0, 0), 0);
	assert_int_equal(low->length, 0);
	low->length = 5;
	assert_int_equal(call32(NR32_IOCTL, ends.rx, SIOCRDSSETTOS, at(&low->length), 0, 0), 0);
	assert_int_equal(call32(NR32_IOCTL, ends.rx, SIOCRDSGETTOS, at(&low->length), 0, 0), 0);
	assert_int_equal(low->length, 0);
	assert_fails(call32(NR32_IOCTL, ends.tx, SIOCRDSSETTOS, at(&low->length), 0, 0), EINVAL);
	assert_fails(call32(NR32_IOCTL, ends.tx, SIOCRDSSETTOS, 8, 0, 0), EFAULT);
	assert_fails(call32(NR32_IOCTL, ends.tx, 0x89ee, at(&low->options), 0, 0), ENOTTY);
}

static void options__and_lists(void **state)
{
	struct ends ends = ends_low(state);
	long each;

	low->length = sizeof(low->options);
	each = call32(NR32_GETSOCKOPT, ends.tx, SOL_RDS, RDS6_INFO_SOCKETS, at(low->options),
		      at(&low->length));
	assert_int_equal(each, sizeof(struct rds6_info_socket));
	assert_int_equal(low->length % each, 0);
	assert_true(low->length >= each);
	memcpy(low->options, &ends.far, sizeof(ends.far));
	assert_int_equal(call32(NR32_SETSOCKOPT, ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO,
				at(low->options), rds_addr_len(&ends.far)), 0);
	memset(low->options, 0, 4);
	low->options[0] = 1;
	assert_int_equal(call32(NR32_SETSOCKOPT, ends.tx, SOL_RDS, RDS_RECVERR, at(low->options),
				4),
			 0);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "compat32" };

	SUITE_ADD(&suite, cookies__by_cmsg, variants_one_each);
	SUITE_ADD(&suite, cookies__by_error_queue, variants_one_each);
	SUITE_ADD(&suite, timestamps__in_both_forms, variants_one);
	SUITE_ADD(&suite, congestion__notification, variants_one);
	SUITE_ADD(&suite, ioctls__work, variants_one);
	SUITE_ADD(&suite, options__and_lists, variants_one);
	return suite_run(&suite, argc, argv);
}

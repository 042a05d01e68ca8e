// SPDX-License-Identifier: GPL-2.0
/* Checked messages. The buffers are static: main thread only. */
#include <errno.h>
#include <linux/sockios.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "ends.h"
#include "pattern.h"
#include "watch.h"

static unsigned char out[PATTERN_MAX], in[PATTERN_MAX + 1];

struct ends ends_open(void **state)
{
	struct ends ends = { .topology = *state };

	ends.tx = topology_near(ends.topology, &ends.near);
	ends.rx = topology_far(ends.topology, &ends.far);
	return ends;
}

struct ends ends_open_one_lane(void **state)
{
	topology_sysctl(*state, "max_paths", 1);
	return ends_open(state);
}

void send_pattern(int fd, size_t length, uint32_t seed, const union rds_addr *to)
{
	pattern_fill(out, length, seed);
	if (rds_send(fd, out, length, to, 0) != (ssize_t)length)
		fail_msg("send of %zu bytes: %s", length, strerror(errno));
}

void receive_pattern(int fd, size_t length, uint32_t seed, const union rds_addr *expected)
{
	union rds_addr from;
	ssize_t got;
	long wrong;
	int error;

	got = rds_recv(fd, in, sizeof(in), &from, 0);
	error = got < 0 ? errno : 0;
	if (error == ETIMEDOUT)
		watch_show();
	if (got != (ssize_t)length)
		fail_msg("message %u: %zd bytes, expected %zu: %s", seed, got, length,
			 error ? strerror(error) : "");
	wrong = pattern_check(in, length, seed);
	if (wrong >= 0)
		fail_msg("message %u of %zu bytes is wrong at %ld", seed, length, wrong);
	assert_true(rds_addr_equal(&from, expected));
}

void ends_there_and_back(const struct ends *ends, size_t length, uint32_t seed)
{
	send_pattern(ends->tx, length, seed, &ends->far);
	receive_pattern(ends->rx, length, seed, &ends->near);
	send_pattern(ends->rx, length, seed + 1, &ends->near);
	receive_pattern(ends->tx, length, seed + 1, &ends->far);
}

uint32_t ends_fill(const struct ends *ends, size_t piece)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint32_t sent = 0;

	for (;;) {
		pattern_fill(out, piece, sent);
		if (rds_send(ends->tx, out, piece, &ends->far, MSG_DONTWAIT) == (ssize_t)piece) {
			sent++;
			continue;
		}
		if (errno == ENOBUFS)
			return sent;
		assert_int_equal(errno, EAGAIN);
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

void ends_wait_acknowledged(int fd)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int left = -1;

	for (;;) {
		assert_int_equal(ioctl(fd, SIOCOUTQ, &left), 0);
		if (!left)
			return;
		if (deadline_over(&deadline))
			fail_msg("%d bytes are not acknowledged by TCP", left);
		deadline_step();
	}
}

union rds_addr nobody_home(const struct topology *topology)
{
	return rds_addr(topology->variant->v6 ? "fd77:1::99" : "10.77.1.99", 9);
}

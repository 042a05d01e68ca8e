// SPDX-License-Identifier: GPL-2.0
/* Frames by hand to the second VM. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pattern.h"
#include "plain_end.h"

#define LIMIT_MS 20000

void plain_open(struct plain_end *end, const struct role *role)
{
	char near[64], far[64];

	*end = (struct plain_end){ .listener = -1, .fd = -1, .seq = 1 };
	assert_int_equal(remote_connect(&end->remote), 0);
	remote_fresh_addresses(&end->remote, role->v6, role->larger, near, far);
	end->near = rds_addr(near, PLAIN_PORT);
	end->far = rds_addr(far, 0);
	assert_int_equal(remote_open(&end->remote, &end->far, 4 << 20), 0);
	end->far = end->remote.addr;
}

int plain_must(int fd)
{
	if (fd < 0)
		fail_msg("no TCP connection: %s", strerror(errno));
	return fd;
}

void plain_dial(struct plain_end *end)
{
	union rds_addr local = rds_addr_port(&end->near, 0);

	end->fd = plain_must(wire_connect(netns_here(), &local, &end->far,
					  deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(wire_send_map(end->fd), 0);
}

void plain_close(struct plain_end *end)
{
	wire_reset(end->fd);
	if (end->listener >= 0)
		close(end->listener);
	remote_close(&end->remote);
}

void plain_send(struct plain_end *end, struct frame *frame, const void *payload)
{
	frame->seq = end->seq++;
	assert_int_equal(wire_send(end->fd, frame, payload), 0);
}

void plain_send_data(struct plain_end *end, struct frame *frame, uint32_t seed)
{
	uint8_t data[PLAIN_SIZE];

	frame->len = sizeof(data);
	frame->sport = PLAIN_PORT;
	frame->dport = rds_port(&end->far);
	pattern_fill(data, sizeof(data), seed);
	plain_send(end, frame, data);
}

void plain_expect_delivery(struct plain_end *end, struct frame *frame, uint32_t seed)
{
	struct flow flow = { .seed = seed, .count = 1, .min = PLAIN_SIZE, .max = PLAIN_SIZE };
	struct flow_result result;

	assert_int_equal(remote_receive_start(&end->remote, &end->near, &flow, LIMIT_MS), 0);
	plain_send_data(end, frame, seed);
	assert_int_equal(remote_finish(&end->remote, &result), 0);
	flow_assert("their receiver", &result, &flow);
}

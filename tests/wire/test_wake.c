// SPDX-License-Identifier: GPL-2.0
/*
 * Who is woken, and how often (src/wake.c). The peer is one of ours and says with one frame that it
 * has delivered many messages: their cookies come back at once, and whoever waits on a socket is
 * woken once. An epoll that has the socket is enough of a waiter.
 */
#include <sys/epoll.h>

#include "pattern.h"
#include "suite.h"
#include "wire_peer.h"
#include "zc.h"

#define EACH 12		/* messages of a socket */
#define SENDERS 3

struct sender {
	int fd, watch;
	unsigned char *buffer;	/* EACH messages */
};

static struct sender sender_open(struct peer *peer, bool watched)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct sender sender = { .buffer = zc_buffer(EACH * PEER_MESSAGE) };
	union rds_addr addr;

	sender.fd = topology_near(peer->topology, &addr);
	assert_non_null(sender.buffer);
	assert_int_equal(zc_force(sender.fd), 0);
	sender.watch = peer_owns(peer, epoll_create1(0));
	if (watched)
		assert_int_equal(epoll_ctl(sender.watch, EPOLL_CTL_ADD, sender.fd, &event), 0);
	return sender;
}

/* A message of each, round and round; they arrive in that order. Returns the last number. */
static uint64_t all_send(struct peer *peer, struct sender *senders, size_t count)
{
	struct frame frame = { 0 };
	uint32_t i;
	size_t n;

	for (i = 0; i < EACH; i++)
		for (n = 0; n < count; n++) {
			unsigned char *at = senders[n].buffer + i * PEER_MESSAGE;

			pattern_fill(at, PEER_MESSAGE, i);
			assert_int_equal(rds_send_zc(senders[n].fd, at, PEER_MESSAGE, &peer->far,
						     i, 0), PEER_MESSAGE);
			do
				peer_next_message(peer, &frame);
			while (!frame.len);	/* an acknowledgement of the pong */
			assert_int_equal(pattern_check(peer_in, PEER_MESSAGE, i), -1);
		}
	return frame.seq;
}

static void acknowledge(struct peer *peer, uint64_t seq)
{
	struct frame ack = { .ack = seq };

	peer_send(peer, &ack, NULL);
	peer_expect_moved(peer, "ack_received", 1);
}

static void run(void **state, size_t count, bool watched)
{
	struct peer peer = peer_open(state);
	struct sender senders[SENDERS];
	struct epoll_event event;
	uint32_t cookies[EACH];
	uint64_t seq;
	size_t n;

	peer_connect_as_ours(&peer);
	peer_expect_moved(&peer, "conn_up", 1);
	for (n = 0; n < count; n++)
		senders[n] = sender_open(&peer, watched);
	seq = all_send(&peer, senders, count);
	for (n = 0; n < count; n++) {
		ends_wait_acknowledged(senders[n].fd);	/* and space was told of */
		zc_expect_none(senders[n].fd, 0);
	}
	peer_remember(&peer);
	acknowledge(&peer, seq);
	peer_expect_moved(&peer, "zc_completed", count * EACH);
	peer_expect_moved(&peer, "sock_wakeups", watched ? count : 0);
	for (n = 0; n < count; n++) {
		if (watched) {
			assert_int_equal(epoll_wait(senders[n].watch, &event, 1, 0), 1);
			assert_true(event.events & EPOLLERR);
		}
		zc_reap_exactly(senders[n].fd, cookies, EACH);
		zc_buffer_free(senders[n].buffer, EACH * PEER_MESSAGE);
	}
}

static void cookies__wake_once(void **state)
{
	run(state, 1, true);
}

static void cookies__wake_each_socket_once(void **state)
{
	run(state, SENDERS, true);
}

static void cookies__wake_nobody_where_nobody_waits(void **state)
{
	run(state, 1, false);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "wake" };

	pattern_prepare();
	SUITE_ADD(&suite, cookies__wake_once, peer_dials);
	SUITE_ADD(&suite, cookies__wake_each_socket_once, peer_dials);
	SUITE_ADD(&suite, cookies__wake_nobody_where_nobody_waits, peer_dials);
	return suite_run(&suite, argc, argv);
}

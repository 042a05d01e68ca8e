// SPDX-License-Identifier: GPL-2.0
/*
 * What nobody uses is let go after net.rds_zc.idle_ms, what is needed is not, and nothing that
 * matters is forgotten with it. Some tests are the other end themselves, by plain TCP sockets
 * (tests/wire).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "diag.h"
#include "ends.h"
#include "frame.h"
#include "link.h"
#include "pattern.h"
#include "suite.h"

#define IDLE_MS 200
#define PEER_PORT 4000
#define SIZE 700

static struct deadline soon(void)
{
	return deadline_in(DEADLINE_USUAL_MS);
}

static void wait_connections(const struct topology *topology, int count)
{
	struct deadline deadline = soon();

	while (diag_count(&topology->ns[0], RDS_TCP_PORT) != count) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

static void unused__closes_and_is_let_go(void **state)
{
	struct ends ends = ends_open(state);
	struct counters before[2];
	int i;

	topology_sysctl(ends.topology, "idle_ms", IDLE_MS);
	for (i = 0; i < 2; i++)
		assert_int_equal(counters_read(&ends.topology->ns[i], &before[i]), 0);
	ends_there_and_back(&ends, SIZE, 1);
	for (i = 0; i < 2; i++)
		assert_true(counter_wait(&ends.topology->ns[i], &before[i], "conn_reaped", 1,
					 soon()));
	wait_connections(ends.topology, 0);
	/* Who owns the connections closed them, once each. */
	assert_true(counter_moved(&ends.topology->ns[0], &before[0], "conn_drop_idle") +
		    counter_moved(&ends.topology->ns[1], &before[1], "conn_drop_idle") >= 1);
	ends_there_and_back(&ends, SIZE, 3);
	for (i = 0; i < 2; i++)
		assert_true(counter_moved(&ends.topology->ns[i], &before[i],
					  "conn_remembered") >= 1);
}

/*
 * Any user can have many destinations within the host: they go, too, and leave nothing. The
 * addresses of 127/8 are all local, and nobody has to listen there.
 */
static void local__is_let_go(void **state)
{
	struct ends ends = ends_open(state);
	struct counters before;
	union rds_addr to;
	char text[32];
	int i;

	topology_sysctl(ends.topology, "idle_ms", IDLE_MS);
	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	for (i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "127.7.7.%d", i + 1);
		to = rds_addr(text, 4000);
		assert_int_equal(rds_send(ends.tx, NULL, 0, &to, 0), 0);
	}
	ends_there_and_back(&ends, SIZE, 1);
	assert_true(counter_wait(&ends.topology->ns[0], &before, "conn_reaped", 201, soon()));
	ends_there_and_back(&ends, SIZE, 3);
	assert_int_equal(counter_moved(&ends.topology->ns[0], &before, "conn_remembered"), 0);
}

static void unused__stays_with_0(void **state)
{
	struct ends ends = ends_open(state);
	struct counters before;
	int count;

	topology_sysctl(ends.topology, "idle_ms", 0);
	ends_there_and_back(&ends, SIZE, 1);
	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	count = diag_count(&ends.topology->ns[0], RDS_TCP_PORT);
	assert_true(count >= 1);
	usleep(5 * IDLE_MS * 1000);
	assert_true(diag_count(&ends.topology->ns[0], RDS_TCP_PORT) >= count);
	assert_int_equal(counter_moved(&ends.topology->ns[0], &before, "conn_reaped"), 0);
	/* Written later, it counts from then. */
	topology_sysctl(ends.topology, "idle_ms", IDLE_MS);
	assert_true(counter_wait(&ends.topology->ns[0], &before, "conn_reaped", 1, soon()));
}

static void waiting__is_no_idleness(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr nobody = nobody_home(ends.topology);
	const struct netns *near = &ends.topology->ns[0];
	struct counters before;

	topology_sysctl(ends.topology, "idle_ms", IDLE_MS);
	assert_int_equal(counters_read(near, &before), 0);
	send_pattern(ends.tx, SIZE, 1, &nobody);
	usleep(8 * IDLE_MS * 1000);
	assert_int_equal(counter_moved(near, &before, "conn_reaped"), 0);
	topology_close(ends.topology, ends.tx);
	assert_true(counter_wait(near, &before, "conn_reaped", 1, soon()));
}

/*
 * Pauses around idle_ms: every step of closing and letting go meets a message. A kernel so slow
 * that the first frame comes later than idle_ms after its connection would never get anywhere.
 */
static void *send_one(void *argument)
{
	struct ends *ends = argument;
	static unsigned char one[SIZE];

	return (void *)(uintptr_t)(rds_send(ends->tx, one, SIZE, &ends->far, 0) == SIZE);
}

/* Nothing goes between the two, but a sender waits for the port to clear: he is told. */
static void congested__sender_is_told(void **state)
{
	struct ends ends = ends_open(state);
	const unsigned int idle_ms = IDLE_MS * time_scale();	/* from the last frame to the wait */
	static unsigned char in[SIZE];
	struct counters before, there;
	pthread_t thread;
	void *sent;

	topology_sysctl(ends.topology, "idle_ms", idle_ms);
	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	assert_int_equal(counters_read(&ends.topology->ns[1], &there), 0);
	while (rds_send(ends.tx, in, SIZE, &ends.far, MSG_DONTWAIT) == SIZE || errno == EAGAIN)
		;
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(rds_set_timeouts(ends.tx, DEADLINE_USUAL_MS), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_one, &ends), 0);
	assert_true(counter_wait(&ends.topology->ns[0], &before, "cong_send_blocked", 1, soon()));
	usleep(8 * idle_ms * 1000);
	while (rds_recv(ends.rx, in, SIZE, NULL, MSG_DONTWAIT) == SIZE)
		;
	pthread_join(thread, &sent);
	assert_true((uintptr_t)sent);
	assert_int_equal(counter_moved(&ends.topology->ns[0], &before, "conn_drop_idle") +
			 counter_moved(&ends.topology->ns[1], &there, "conn_drop_idle"), 0);
}

static void pauses__lose_and_double_nothing(void **state)
{
	struct ends ends = ends_open(state);
	struct counters before;
	uint32_t i;

	srandom(1);
	topology_sysctl(ends.topology, "idle_ms", 20L * time_scale());
	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	for (i = 0; i < 200; i++) {
		ends_there_and_back(&ends, SIZE, 2 * i);
		usleep((useconds_t)random() % (80000 * time_scale()));
	}
	assert_true(counter_moved(&ends.topology->ns[0], &before, "conn_reaped") >= 1);
	assert_fails(recv(ends.rx, &i, sizeof(i), MSG_DONTWAIT), EAGAIN);
	assert_fails(recv(ends.tx, &i, sizeof(i), MSG_DONTWAIT), EAGAIN);
}

/* ---- a peer that tells nothing of delivery, as in-tree RDS ---- */

struct peer {
	const struct topology *topology;
	union rds_addr near, far;
	int rds, listener, fd;
};

static struct peer peer_open(void **state)
{
	struct peer peer = { .topology = *state, .fd = -1, .listener = -1 };

	peer.rds = topology_near((struct topology *)peer.topology, &peer.near);
	assert_int_equal(rds_set_timeouts(peer.rds, DEADLINE_USUAL_MS), 0);
	peer.far = rds_addr_port(&peer.topology->far[0], PEER_PORT);
	assert_int_equal(netns_sysctl_set(&peer.topology->ns[0], "idle_ms", IDLE_MS), 0);
	return peer;
}

static void answer_hello(const struct peer *peer, uint64_t seq)
{
	struct frame frame, pong = { .dport = 1, .seq = seq };

	do {
		if (wire_receive(peer->fd, &frame, NULL, soon()))
			fail_msg("no handshake: %s", strerror(errno));
	} while (frame.flags == FRAME_MAP || frame.sport != 1 || frame.dport);
	frame_put_hello(pong.ext, 1, 0, false);
	assert_int_equal(wire_send(peer->fd, &pong, NULL), 0);
}

/* Our module has something to say, and dials. */
static void peer_is_dialled(struct peer *peer)
{
	peer->listener = wire_listen(&peer->topology->ns[1], &peer->far);
	assert_true(peer->listener >= 0);
	send_pattern(peer->rds, SIZE, 1, &peer->far);
	peer->fd = wire_accept(peer->listener, soon());
	assert_true(peer->fd >= 0);
	assert_int_equal(wire_send_map(peer->fd), 0);
}

static void peer_sends(const struct peer *peer, uint64_t seq, uint8_t flags)
{
	struct frame frame = {
		.seq = seq, .flags = flags, .len = SIZE, .sport = PEER_PORT,
		.dport = rds_port(&peer->near),
	};
	unsigned char bytes[SIZE];

	pattern_fill(bytes, SIZE, (uint32_t)seq);
	assert_int_equal(wire_send(peer->fd, &frame, bytes), 0);
}

static void peer_goes(struct peer *peer)
{
	close(peer->listener);
	close(peer->fd);
}

static void tombstone__knows_what_came_before(void **state)
{
	struct peer peer = peer_open(state);
	const struct netns *near = &peer.topology->ns[0];
	struct counters before;

	assert_int_equal(counters_read(near, &before), 0);
	peer_is_dialled(&peer);
	answer_hello(&peer, 99);
	peer_sends(&peer, 100, 0);
	receive_pattern(peer.rds, SIZE, 100, &peer.far);
	peer_goes(&peer);
	assert_true(counter_wait(near, &before, "conn_reaped", 1, soon()));

	peer_is_dialled(&peer);
	assert_int_equal(counter_moved(near, &before, "conn_remembered"), 1);
	peer_sends(&peer, 100, FRAME_AGAIN);
	peer_sends(&peer, 101, FRAME_AGAIN);
	receive_pattern(peer.rds, SIZE, 101, &peer.far);
	assert_int_equal(counter_moved(near, &before, "recv_drop_old_seq"), 1);
	answer_hello(&peer, 102);
	peer_goes(&peer);
}

#define TOMBS_MAX 4096
#define AT_A_TIME 256	/* debug kernels need 40 ms for each connection */
#define TRIES (4 * AT_A_TIME)

/* Sends to some addresses from the given one on; the socket that has sent. */
static int send_to_many(struct topology *topology, const char *from, uint32_t first)
{
	union rds_addr near, away = rds_addr(from, PEER_PORT);
	const uint32_t base = ntohl(away.in.sin_addr.s_addr);
	int fd = topology_near(topology, &near);
	uint32_t i;

	for (i = first; i < first + AT_A_TIME; i++) {
		away.in.sin_addr.s_addr = htonl(base + i);
		assert_int_equal(rds_send(fd, NULL, 0, &away, MSG_DONTWAIT), 0);
	}
	return fd;
}

/*
 * All of those are connected, and by the map that comes the other end is one of in-tree RDS, so
 * that TCP's acknowledgement ends each message. Who was given up before we came to him tries
 * again. Returns how many connections there were.
 */
static uint32_t take_all(const struct netns *near, const struct counters *before, int listener,
			 int fds[TRIES])
{
	struct deadline deadline = soon();
	uint32_t count = 0;

	while (counter_moved(near, before, "cong_update_received") < AT_A_TIME) {
		assert_true(count < TRIES);
		fds[count] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fds[count] >= 0) {
			wire_send_map(fds[count++]);
			continue;
		}
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	return count;
}

/* Nobody sends any more; who tries to connect again is hung up on, until all is let go. */
static void let_go(const struct netns *near, int listener, const struct counters *before,
		   uint32_t count)
{
	struct deadline deadline = deadline_in(4 * DEADLINE_USUAL_MS);
	int fd;

	while (counter_moved(near, before, "conn_reaped") < count) {
		fd = listener >= 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd >= 0) {
			close(fd);
			continue;
		}
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

/* The far end has all addresses of 10.99.0.0/16, and no RDS: others take the connections. */
static int have_many_addresses(struct topology *topology)
{
	union rds_addr any = rds_addr("0.0.0.0", 0);
	int fd = wire_listen(&topology->ns[1], &any);

	assert_true(fd >= 0);
	assert_int_equal(listen(fd, 2 * AT_A_TIME), 0);		/* more than usual at a time */
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(link_add_address(&topology->ns[1], "lo", "10.99.0.1", 16), 0);
	assert_int_equal(link_add_route(&topology->ns[0], "10.99.0.0", 16, "10.77.1.2"), 0);
	return fd;
}

/* Each tries to connect once a second, so that one try is enough. */
static void make_idle_soon(const struct netns *ns)
{
	assert_int_equal(netns_sysctl_set(ns, "idle_ms", IDLE_MS), 0);
	assert_int_equal(netns_sysctl_set(ns, "reconnect_max_delay_ms", 1000), 0);
	assert_int_equal(netns_sysctl_set(ns, "reconnect_min_delay_ms", 1000), 0);
}

/* A namespace remembers so many; the oldest of more are forgotten. */
static void tombstone__the_oldest_goes(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	const uint32_t count = TOMBS_MAX + AT_A_TIME;
	int listener = have_many_addresses(topology);
	int fds[TRIES], fd;
	struct counters before, before_batch;
	uint32_t i, tries;

	make_idle_soon(near);
	assert_int_equal(counters_read(near, &before), 0);
	for (i = 0; i < count; i += AT_A_TIME) {
		assert_int_equal(counters_read(near, &before_batch), 0);
		fd = send_to_many(topology, "10.99.0.2", i);
		tries = take_all(near, &before_batch, listener, fds);
		topology_close(topology, fd);
		while (tries--)
			close(fds[tries]);
		let_go(near, listener, &before, i + AT_A_TIME);
	}
	assert_int_equal(counter_moved(near, &before, "conn_forgotten"), count - TOMBS_MAX);
	close(listener);
}

/* Peers that were never reached leave none: nobody can have the others forgotten by sending. */
static void tombstone__not_of_the_unreachable(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *near = &ends.topology->ns[0];
	struct counters before;
	uint32_t i;

	make_idle_soon(near);
	assert_int_equal(counters_read(near, &before), 0);
	ends_there_and_back(&ends, SIZE, 1);
	assert_true(counter_wait(near, &before, "conn_reaped", 1, soon()));
	assert_int_equal(counters_read(near, &before), 0);
	for (i = 0; i < TOMBS_MAX + AT_A_TIME; i += AT_A_TIME) {
		topology_close(ends.topology, send_to_many(ends.topology, "198.18.0.1", i));
		let_go(near, -1, &before, i + AT_A_TIME);
	}
	assert_int_equal(counter_moved(near, &before, "conn_forgotten"), 0);
	ends_there_and_back(&ends, SIZE, 3);
	assert_int_equal(counter_moved(near, &before, "conn_remembered"), 1);
}

static void in_tree__keeps_its_connection(void **state)
{
	struct peer peer = peer_open(state);
	struct counters before;

	assert_int_equal(counters_read(&peer.topology->ns[0], &before), 0);
	peer_is_dialled(&peer);
	answer_hello(&peer, 1);
	assert_int_equal(wire_wait_end(peer.fd, deadline_in(8 * IDLE_MS)), WIRE_OPEN);
	assert_int_equal(counter_moved(&peer.topology->ns[0], &before, "conn_reaped"), 0);
	peer_sends(&peer, 5, 0);
	receive_pattern(peer.rds, SIZE, 5, &peer.far);
	peer_goes(&peer);
}

static const struct variant loopback[] = {
	{ "loopback", WIRE_LOOPBACK, 0, 0, 0, 0 },
	{ 0 }
};

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "idle" };

	SUITE_ADD(&suite, unused__closes_and_is_let_go, variants_wire);
	SUITE_ADD(&suite, unused__stays_with_0, variants_one);
	SUITE_ADD(&suite, local__is_let_go, loopback);
	SUITE_ADD(&suite, waiting__is_no_idleness, variants_one);
	SUITE_ADD(&suite, congested__sender_is_told, variants_wire);
	SUITE_ADD(&suite, pauses__lose_and_double_nothing, variants_wire);
	SUITE_ADD(&suite, tombstone__knows_what_came_before, variants_one);
	SUITE_ADD(&suite, tombstone__the_oldest_goes, variants_one);
	SUITE_ADD(&suite, tombstone__not_of_the_unreachable, variants_one);
	SUITE_ADD(&suite, in_tree__keeps_its_connection, variants_one);
	return suite_run(&suite, argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A reader that sleeps begins to copy a large message before it is complete (src/ahead.c). The peer
 * sends the first half of one and waits; what comes next is something else in each test. Whatever
 * it is, the reader gets whole messages, and each once.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "array.h"
#include "pattern.h"
#include "suite.h"
#include "wire_peer.h"

#define LARGE (1 << 20)
#define HALF (LARGE / 2)
#define BEGINNING (128 * 1024)	/* at least so much of it is copied early */
#define SEED 5

static uint8_t buffer[LARGE];

struct reader {
	pthread_t thread;
	_Atomic pid_t tid;	/* once it is about to call recvmsg */
	int fd, pipe;
	uint8_t *to;
	size_t room;
	ssize_t ret;
	int error;
};

static void *read_one(void *argument)
{
	struct reader *reader = argument;

	atomic_store(&reader->tid, gettid());
	reader->ret = rds_recv(reader->fd, reader->to, reader->room, NULL, 0);
	reader->error = errno;
	return NULL;
}

static bool thread_sleeps(pid_t tid)
{
	char path[64], line[512] = "";
	const char *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (!file)
		return false;
	state = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	return state && !strncmp(state, ") S", 3);
}

static void reader_start_into(struct reader *reader, int fd, void *to, size_t room)
{
	*reader = (struct reader){ .fd = fd, .to = to, .room = room };
	assert_int_equal(pthread_create(&reader->thread, NULL, read_one, reader), 0);
}

static void reader_start(struct reader *reader, int fd, size_t room)
{
	memset(buffer, 0, sizeof(buffer));
	reader_start_into(reader, fd, buffer, room);
}

static void reader_wait_asleep(struct reader *reader)
{
	struct deadline deadline = soon();

	while (!atomic_load(&reader->tid) || !thread_sleeps(reader->tid)) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

static void reader_expect(struct reader *reader, ssize_t length, uint32_t seed)
{
	pthread_join(reader->thread, NULL);
	if (reader->ret < 0)
		fail_msg("the reader: %s", strerror(reader->error));
	assert_int_equal(reader->ret, length);
	assert_int_equal(pattern_check(buffer, (size_t)length, seed), -1);
}

static struct frame large(const struct peer *peer, uint8_t flags, uint64_t seq)
{
	return (struct frame){
		.len = LARGE, .sport = PEER_PORT, .dport = rds_port(&peer->near),
		.flags = flags, .seq = seq,
	};
}

static void send_half_of(struct peer *peer, struct frame frame)
{
	pattern_fill(peer_out, LARGE, SEED);
	assert_int_equal(wire_send_header(peer->fd, &frame), 0);
	assert_int_equal(wire_send_bytes(peer->fd, peer_out, HALF), 0);
}

static void send_first_half(struct peer *peer)
{
	send_half_of(peer, large(peer, 0, peer->seq++));
}

static void send_second_half(struct peer *peer)
{
	pattern_fill(peer_out, LARGE, SEED);
	assert_int_equal(wire_send_bytes(peer->fd, peer_out + HALF, LARGE - HALF), 0);
}

/* Looks once more when the time is over: the reader may be copying where the machine stood. */
static void expect_beginning(void)
{
	struct deadline deadline = soon();
	bool over;
	long wrong;

	do {
		deadline_step();
		over = deadline_over(&deadline);
		wrong = pattern_check(buffer, BEGINNING, SEED);
	} while (wrong != -1 && !over);
	assert_int_equal(wrong, -1);
}

/* The reader sleeps, and has the beginning of a message that is not complete. */
static void begin(struct peer *peer, struct reader *reader, size_t room)
{
	assert_int_equal(rds_set_buffers(peer->rds, 4 << 20, 4 << 20), 0);
	reader_start(reader, peer->rds, room);
	reader_wait_asleep(reader);
	send_first_half(peer);
	peer_expect_moved(peer, "recv_read_ahead", 1);
	expect_beginning();
	assert_int_equal(peer_moved(peer, "recv_queued"), 0);
}

static void ahead__then_the_rest(void **state)
{
	struct peer peer = peer_up(state);
	struct reader reader;

	begin(&peer, &reader, LARGE);
	send_second_half(&peer);
	reader_expect(&reader, LARGE, SEED);
	peer_expect_delivery(&peer, 6);
	assert_int_equal(peer_moved(&peer, "recv_delivered"), 2);
}

static void ahead__then_another_message(void **state)
{
	struct peer peer = peer_up(state);
	struct reader reader;
	union rds_addr addr;
	int local;

	begin(&peer, &reader, LARGE);
	local = topology_near(peer.topology, &addr);
	pattern_fill(peer_out, PEER_MESSAGE, 7);
	assert_int_equal(rds_send(local, peer_out, PEER_MESSAGE, &peer.near, 0), PEER_MESSAGE);
	reader_expect(&reader, PEER_MESSAGE, 7);

	reader_start(&reader, peer.rds, LARGE);
	send_second_half(&peer);
	reader_expect(&reader, LARGE, SEED);
}

/* What was begun never comes; the same message comes again by the next connection. */
static void ahead__then_a_reset(void **state)
{
	struct peer peer = peer_up(state);
	struct frame again = large(&peer, FRAME_AGAIN, 0);
	struct reader reader;

	begin(&peer, &reader, LARGE);
	peer_reset(&peer);
	peer_expect_moved(&peer, "conn_drop_peer", 1);
	peer_connect(&peer);
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer.seq--;
	pattern_fill(peer_out, LARGE, SEED);
	peer_send(&peer, &again, peer_out);
	reader_expect(&reader, LARGE, SEED);
	peer_expect_delivery(&peer, 6);
	assert_int_equal(peer_moved(&peer, "recv_delivered"), 2);
}

/* A message with an old number is dropped when it is complete, read or not. */
static void ahead__then_it_is_a_duplicate(void **state)
{
	struct peer peer = peer_up(state);
	struct frame old = large(&peer, FRAME_AGAIN, peer.seq);
	struct reader reader;

	peer_expect_delivery(&peer, 6);
	peer_remember(&peer);
	assert_int_equal(rds_set_buffers(peer.rds, 4 << 20, 4 << 20), 0);
	reader_start(&reader, peer.rds, LARGE);
	reader_wait_asleep(&reader);
	send_half_of(&peer, old);
	peer_expect_moved(&peer, "recv_read_ahead", 1);
	send_second_half(&peer);
	peer_expect_moved(&peer, "recv_drop_old_seq", 1);
	pattern_fill(peer_out, PEER_MESSAGE, 8);
	peer_send(&peer, &(struct frame){ .len = PEER_MESSAGE, .sport = PEER_PORT,
					  .dport = rds_port(&peer.near) }, peer_out);
	reader_expect(&reader, PEER_MESSAGE, 8);
}

/* A reader that has the beginning of a message when its time is over. */
static struct peer peer_kept_waiting(void **state)
{
	struct peer peer = peer_up(state);
	struct reader reader;

	assert_int_equal(rds_set_timeouts(peer.rds, 4000), 0);
	begin(&peer, &reader, LARGE);
	pthread_join(reader.thread, NULL);
	assert_int_equal(reader.ret, -1);
	return peer;
}

static void ahead__then_time_is_over(void **state)
{
	struct peer peer = peer_kept_waiting(state);
	struct reader reader;

	assert_int_equal(rds_set_timeouts(peer.rds, DEADLINE_USUAL_MS), 0);
	reader_start(&reader, peer.rds, LARGE);
	send_second_half(&peer);
	reader_expect(&reader, LARGE, SEED);
}

static void ahead__then_it_is_closed(void **state)
{
	struct peer peer = peer_kept_waiting(state);

	topology_close(peer.topology, peer.rds);
	send_second_half(&peer);
	peer_expect_moved(&peer, "recv_drop_no_sock", 1);
}

/* Into less room than it needs: the beginning, and MSG_TRUNC as ever. */
static void ahead__into_a_small_buffer(void **state)
{
	static const size_t rooms[] = { BEGINNING, BEGINNING + 1, HALF + 4096 };
	struct peer peer = peer_up(state);
	struct reader reader;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		begin(&peer, &reader, rooms[i]);
		send_second_half(&peer);
		reader_expect(&reader, (ssize_t)rooms[i], SEED);
		assert_int_equal(buffer[rooms[i]], 0);
		peer_remember(&peer);
	}
}

/* A buffer with a hole: EFAULT as ever, and the message is there for the next call. */
static void ahead__into_a_hole(void **state)
{
	struct peer peer = peer_up(state);
	struct reader reader;
	uint8_t *hole;

	hole = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(hole, MAP_FAILED);
	assert_int_equal(mprotect(hole + 65536, 65536, PROT_NONE), 0);
	assert_int_equal(rds_set_buffers(peer.rds, 4 << 20, 4 << 20), 0);
	reader_start_into(&reader, peer.rds, hole, LARGE);
	reader_wait_asleep(&reader);
	send_first_half(&peer);
	peer_expect_moved(&peer, "recv_read_ahead", 1);
	send_second_half(&peer);
	pthread_join(reader.thread, NULL);
	assert_int_equal(reader.ret, -1);
	assert_int_equal(reader.error, EFAULT);
	reader_start(&reader, peer.rds, LARGE);
	reader_expect(&reader, LARGE, SEED);
	munmap(hole, LARGE);
}

static void *splice_one(void *argument)
{
	struct reader *reader = argument;

	atomic_store(&reader->tid, gettid());
	reader->ret = splice(reader->fd, NULL, reader->pipe, NULL, LARGE, 0);
	reader->error = errno;
	return NULL;
}

/* What is in a pipe cannot be taken back: nothing is read ahead into one. */
static void ahead__not_into_a_pipe(void **state)
{
	struct peer peer = peer_up(state);
	struct reader reader = { .fd = peer.rds };
	ssize_t got, have = 0;
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(fcntl(pipes[1], F_SETPIPE_SZ, 4 * LARGE), 4 * LARGE);
	assert_int_equal(rds_set_buffers(peer.rds, 4 << 20, 4 << 20), 0);
	reader.pipe = pipes[1];
	assert_int_equal(pthread_create(&reader.thread, NULL, splice_one, &reader), 0);
	reader_wait_asleep(&reader);
	send_first_half(&peer);
	assert_true(wire_wait_acked(peer.fd, soon()));
	send_second_half(&peer);
	pthread_join(reader.thread, NULL);
	assert_int_equal(reader.ret, LARGE);
	for (; have < LARGE; have += got) {
		got = read(pipes[0], buffer + have, (size_t)(LARGE - have));
		assert_true(got > 0);
	}
	assert_int_equal(pattern_check(buffer, LARGE, SEED), -1);
	assert_int_equal(peer_moved(&peer, "recv_read_ahead"), 0);
	close(pipes[0]);
	close(pipes[1]);
}

/* Nobody sleeps, or who does has no room: nothing is read ahead. */
static void ahead__not_without_a_reader(void **state)
{
	struct peer peer = peer_up(state);
	struct reader reader;

	assert_int_equal(rds_set_buffers(peer.rds, 4 << 20, 4 << 20), 0);
	send_first_half(&peer);
	assert_true(wire_wait_acked(peer.fd, soon()));
	send_second_half(&peer);
	peer_expect_moved(&peer, "recv_queued", 1);
	reader_start(&reader, peer.rds, LARGE);
	reader_expect(&reader, LARGE, SEED);

	reader_start(&reader, peer.rds, BEGINNING - 1);
	reader_wait_asleep(&reader);
	send_first_half(&peer);
	assert_true(wire_wait_acked(peer.fd, soon()));
	send_second_half(&peer);
	reader_expect(&reader, BEGINNING - 1, SEED);
	assert_int_equal(peer_moved(&peer, "recv_read_ahead"), 0);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "ahead" };

	pattern_prepare();
	SUITE_ADD(&suite, ahead__then_the_rest, peer_dials);
	SUITE_ADD(&suite, ahead__then_another_message, peer_dials);
	SUITE_ADD(&suite, ahead__then_a_reset, peer_dials);
	SUITE_ADD(&suite, ahead__then_it_is_a_duplicate, peer_dials);
	SUITE_ADD(&suite, ahead__then_time_is_over, peer_dials);
	SUITE_ADD(&suite, ahead__then_it_is_closed, peer_dials);
	SUITE_ADD(&suite, ahead__into_a_small_buffer, peer_dials);
	SUITE_ADD(&suite, ahead__into_a_hole, peer_dials);
	SUITE_ADD(&suite, ahead__not_into_a_pipe, peer_dials);
	SUITE_ADD(&suite, ahead__not_without_a_reader, peer_dials);
	return suite_run(&suite, argc, argv);
}

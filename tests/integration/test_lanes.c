// SPDX-License-Identifier: GPL-2.0
/*
 * Eight connections between two of us: how many there are and by which ports, the order of each
 * pair of sockets while they open and while they die, and peers that are not what they were.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "diag.h"
#include "flow.h"
#include "link.h"
#include "pattern.h"
#include "suite.h"
#include "zc.h"

#define LANES 8
#define FLOWS 16
#define LIMIT_MS 90000
#define MIB (1 << 20)

/* ---- connections ---- */

static void wait_lanes(const struct topology *topology)
{
	assert_true(diag_wait_lanes(&topology->ns[0], RDS_TCP_PORT, &topology->near[0]));
}

/* One connection, of lane 0, now and a while later. */
static void wait_one(const struct topology *topology)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	unsigned int count[DIAG_LANES], i;

	while (diag_lanes(&topology->ns[0], RDS_TCP_PORT, count) != 1) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	for (i = 0; i < 30; i++) {
		deadline_step();
		assert_int_equal(diag_lanes(&topology->ns[0], RDS_TCP_PORT, count), 1);
		assert_int_equal(count[0], 1);
	}
}

static void there_and_back(const struct ends *ends, uint32_t seed)
{
	send_pattern(ends->tx, 500, seed, &ends->far);
	receive_pattern(ends->rx, 500, seed, &ends->near);
	send_pattern(ends->rx, 600, seed, &ends->near);
	receive_pattern(ends->tx, 600, seed, &ends->far);
}

static void open__eight_and_the_port_tells_the_lane(void **state)
{
	struct ends ends = ends_open(state);

	there_and_back(&ends, 1);
	wait_lanes(ends.topology);
	there_and_back(&ends, 2);
}

/* Whichever end is content with one, there is one. */
static void max_paths__of_one_at_either_end_gives_one(void **state)
{
	struct topology *topology = *state;
	bool far = topology->variant->nobody;
	struct ends ends;

	assert_int_equal(netns_sysctl_set(&topology->ns[far], "max_paths", 1), 0);
	ends = ends_open(state);
	there_and_back(&ends, 1);
	wait_one(topology);
	there_and_back(&ends, 2);
}

static void max_paths__is_one_or_eight(void **state)
{
	static const long bad[] = { -1, 0, 2, 4, 7, 9, 16 };
	struct topology *topology = *state;
	long value;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_fails(netns_sysctl_set(&topology->ns[0], "max_paths", bad[i]), EINVAL);
	assert_int_equal(netns_sysctl_get(&topology->ns[0], "max_paths", &value), 0);
	assert_int_equal(value, 8);
	assert_int_equal(netns_sysctl_set(&topology->ns[0], "max_paths", 1), 0);
	assert_int_equal(netns_sysctl_get(&topology->ns[0], "max_paths", &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(netns_sysctl_get(&topology->ns[1], "max_paths", &value), 0);
	assert_int_equal(value, 8);
}

/* ---- source ports ---- */

static void write_text(const struct netns *ns, const char *path, const char *text)
{
	assert_int_equal(netns_write(ns, path, text), 0);
}

/*
 * Twelve ports, of which lane 0 and lane 1 have two each; one of lane 1 and that of lane 7 are
 * taken.
 */
static void ports__reserved_ones_are_left_alone(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *small = &ends.topology->ns[ends.topology->variant->swap ? 1 : 0];
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct counters before;
	unsigned int count[DIAG_LANES], i;

	write_text(small, "/proc/sys/net/ipv4/ip_local_port_range", "40000 40011");
	write_text(small, "/proc/sys/net/ipv4/ip_local_reserved_ports", "40001,40007");
	assert_int_equal(counters_read(small, &before), 0);
	there_and_back(&ends, 1);
	assert_true(counter_wait(small, &before, "tcp_no_port", 3, deadline_in(DEADLINE_USUAL_MS)));
	there_and_back(&ends, 2);
	while (diag_lanes(small, RDS_TCP_PORT, count) < 7) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	for (i = 0; i < 7; i++)
		assert_int_equal(count[i], 1);
	assert_int_equal(count[7], 0);
	write_text(small, "/proc/sys/net/ipv4/ip_local_reserved_ports", "40001");
	wait_lanes(ends.topology);
	write_text(small, "/proc/sys/net/ipv4/ip_local_reserved_ports", "\n");
}

/* Two peers, and one port for each lane: connections to different peers share it. */
static void ports__are_shared_by_peers(void **state)
{
	struct ends ends = ends_open(state), other = ends;
	struct topology *topology = ends.topology;

	write_text(&topology->ns[0], "/proc/sys/net/ipv4/ip_local_port_range", "40000 40007");
	assert_int_equal(link_add_address(&topology->ns[1], "w0", "10.77.1.3", 24), 0);
	other.far = rds_addr("10.77.1.3", 0);
	other.rx = topology_socket(topology, &topology->ns[1], &other.far);
	there_and_back(&ends, 1);
	there_and_back(&other, 2);
	assert_true(diag_wait_lanes(&topology->ns[1], RDS_TCP_PORT, &topology->far[0]));
	assert_true(diag_wait_lanes(&topology->ns[1], RDS_TCP_PORT, &other.far));
	there_and_back(&ends, 3);
	there_and_back(&other, 4);
}

static uint32_t seed_of(size_t pair, uint32_t i)
{
	return (uint32_t)pair * 1000 + i;
}

/* Each pair once, so that the sockets are on their lanes at the next. */
static void settle(struct ends *ends, uint32_t seed)
{
	size_t i;

	for (i = 0; i < FLOWS; i++)
		there_and_back(&ends[i], seed_of(i, seed));
}

/* Pairs of sockets between two ends that have all lanes, each pair on its own. */
static void open_on_lanes(void **state, struct ends ends[FLOWS])
{
	size_t i;

	for (i = 0; i < FLOWS; i++)
		ends[i] = ends_open(state);
	there_and_back(&ends[0], 9000);
	wait_lanes(*state);
	settle(ends, 100);
}

/* ---- many pairs of sockets at once ---- */

struct load {
	struct topology *topology;
	struct ends ends[FLOWS];
	struct flow_tx tx[FLOWS];
	struct flow_rx rx[FLOWS];
};

static struct load load;

static void load_open(struct load *load, void **state, uint32_t count, uint32_t min, uint32_t max,
		      bool zerocopy)
{
	struct flow flow = { .count = count, .min = min, .max = max, .zerocopy = zerocopy };
	size_t i;

	memset(load, 0, sizeof(*load));
	load->topology = *state;
	topology_sysctl(load->topology, "max_paths", LANES);
	for (i = 0; i < FLOWS; i++) {
		load->ends[i] = ends_open(state);
		flow.seed = (uint32_t)i * 1000;
		assert_int_equal(rds_set_buffers(load->ends[i].tx, 1 << 20, 0), 0);
		assert_int_equal(rds_set_buffers(load->ends[i].rx, 0, 4 << 20), 0);
		if (zerocopy)
			assert_int_equal(zc_force(load->ends[i].tx), 0);
		assert_int_equal(flow_tx_open(&load->tx[i], load->ends[i].tx, &load->ends[i].far,
					      &flow), 0);
		assert_int_equal(flow_rx_open(&load->rx[i], load->ends[i].rx, &load->ends[i].near,
					      &flow), 0);
	}
}

static void load_send(struct load *load)
{
	size_t i, j;

	for (i = 0; i < FLOWS; i++) {
		for (j = 0; j < 8 && flow_tx_send(&load->tx[i]); j++)
			;
		flow_tx_reap(&load->tx[i]);
	}
}

static void load_fail_if_wrong(const char *who, size_t i, const struct flow_result *result)
{
	if (result->wrong || result->error)
		fail_msg("%s %zu after %u messages, %u wrong, %s: %s", who, i, result->messages,
			 result->wrong, strerror(result->error), result->text);
}

/* Returns how many messages were taken. */
static uint32_t load_receive(struct load *load)
{
	uint32_t taken = 0;
	size_t i;

	for (i = 0; i < FLOWS; i++) {
		while (flow_rx_take(&load->rx[i]))
			taken++;
		load_fail_if_wrong("receiver", i, &load->rx[i].result);
	}
	return taken;
}

static bool load_done(const struct load *load)
{
	size_t i;

	for (i = 0; i < FLOWS; i++)
		if (!flow_tx_done(&load->tx[i]) || !flow_rx_done(&load->rx[i]))
			return false;
	return true;
}

/* To the end, with something done after every so many messages. */
static void load_run(struct load *load, uint32_t every, void (*act)(struct load *, uint32_t))
{
	struct deadline deadline = deadline_in(LIMIT_MS);
	uint32_t taken = 0, times = 0, now;

	while (!load_done(load)) {
		load_send(load);
		now = load_receive(load);
		taken += now;
		if (act && taken >= every * (times + 1))
			act(load, times++);
		if (!now)
			deadline_step();
		if (deadline_over(&deadline))
			fail_msg("%u messages came in time", taken);
	}
}

static void load_finish(struct load *load)
{
	size_t i;

	for (i = 0; i < FLOWS; i++) {
		flow_rx_expect_quiet(&load->rx[i]);
		load_fail_if_wrong("sender", i, &load->tx[i].result);
		load_fail_if_wrong("receiver", i, &load->rx[i].result);
		assert_int_equal(load->rx[i].result.messages, load->rx[i].flow.count);
		flow_tx_close(&load->tx[i]);
		flow_rx_close(&load->rx[i]);
	}
}

static void load_send_each(uint32_t count)
{
	size_t i;
	uint32_t j;

	for (i = 0; i < FLOWS; i++)
		for (j = 0; j < count; j++)
			assert_true(flow_tx_send(&load.tx[i]));
}

/*
 * The far end reads no more, so much waits on the first lane; then the others open, and each socket
 * goes on sending: none of its messages overtakes another.
 */
static void order__while_lanes_open_under_load(void **state)
{
	struct topology *topology = *state;
	const struct netns *small = &topology->ns[topology->variant->swap ? 1 : 0];
	struct counters near, far, ports;

	assert_int_equal(netns_sysctl_set(&topology->ns[1], "rcv_mem_max", 1 << 20), 0);
	/* A port for lane 0, and none for any other. */
	write_text(small, "/proc/sys/net/ipv4/ip_local_port_range", "40000 40000");
	assert_int_equal(counters_read(small, &ports), 0);
	load_open(&load, state, 150, 8000, 16000, false);
	there_and_back(&load.ends[0], 9000);
	assert_true(counter_wait(small, &ports, "tcp_no_port", 1, deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(counters_read(&topology->ns[0], &near), 0);
	assert_int_equal(counters_read(&topology->ns[1], &far), 0);
	load_send_each(30);
	assert_true(counter_wait(&topology->ns[1], &far, "recv_paused", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	write_text(small, "/proc/sys/net/ipv4/ip_local_port_range", "40000 60000");
	wait_lanes(topology);
	load_send_each(10);
	assert_true(counter_moved(&topology->ns[0], &near, "lane_held") > 0);
	load_run(&load, 0, NULL);
	load_finish(&load);
	assert_true(counter_moved(&topology->ns[0], &near, "lane_moved") > 0);
}

/* An idle socket moves at its next message, and nothing is held for it. */
static void order__idle_sockets_move_at_once(void **state)
{
	struct topology *topology = *state;
	struct counters before;
	struct ends ends[FLOWS];
	size_t i;

	for (i = 0; i < FLOWS; i++)
		ends[i] = ends_open(state);
	there_and_back(&ends[0], 0);
	wait_lanes(topology);
	there_and_back(&ends[0], 1);
	ends_wait_acknowledged(ends[0].tx);
	ends_wait_acknowledged(ends[0].rx);
	assert_int_equal(counters_read(&topology->ns[0], &before), 0);
	for (i = 0; i < FLOWS; i++)
		there_and_back(&ends[i], 2 + (uint32_t)i);
	assert_true(counter_moved(&topology->ns[0], &before, "lane_moved") > 0);
	assert_int_equal(counter_moved(&topology->ns[0], &before, "lane_held"), 0);
}

/* ---- what is on which lane ---- */

static uint64_t unacked(const struct netns *ns, uint64_t bytes[DIAG_LANES])
{
	uint64_t sum = 0;
	size_t i;

	assert_true(diag_lanes_unacked(ns, RDS_TCP_PORT, bytes) >= 0);
	for (i = 0; i < DIAG_LANES; i++)
		sum += bytes[i];
	return sum;
}

static void wait_unacked(const struct netns *ns, uint64_t least)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t bytes[DIAG_LANES], is;

	while ((is = unacked(ns, bytes)) < least) {
		if (deadline_over(&deadline))
			fail_msg("%llu of %llu bytes are with TCP", (unsigned long long)is,
				 (unsigned long long)least);
		deadline_step();
	}
}

/* What TCP has not acknowledged when the wire dies would be taken for what is sent after that. */
static void wait_acked(const struct netns *ns)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t bytes[DIAG_LANES];

	while (unacked(ns, bytes)) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

#define TOLD 10000	/* more than all frames of the module's own together */

/* An answer goes by the lane of its question, and acknowledges it: both ends find the same lane. */
/*
 * Each flow sends a question and its answer into a hole: how much of them does each lane hold? It
 * must be the same at both ends. All is read in the end.
 */
static void lanes_of_flows(struct ends *ends, uint64_t *there)
{
	struct topology *topology = ends[0].topology;
	uint64_t back[DIAG_LANES];
	unsigned int used = 0;
	size_t i;

	wait_acked(&topology->ns[0]);
	wait_acked(&topology->ns[1]);
	topology_blackhole(topology, 0, true);
	for (i = 0; i < FLOWS; i++) {
		send_pattern(ends[i].tx, TOLD, 0, &ends[i].far);
		send_pattern(ends[i].rx, TOLD, 0, &ends[i].near);
	}
	wait_unacked(&topology->ns[0], FLOWS * TOLD);
	wait_unacked(&topology->ns[1], FLOWS * TOLD);
	unacked(&topology->ns[0], there);
	unacked(&topology->ns[1], back);
	for (i = 0; i < DIAG_LANES; i++) {
		there[i] /= TOLD;
		assert_int_equal(there[i], back[i] / TOLD);
		used += there[i] > 0;
	}
	assert_true(used > 1);
	topology_blackhole(topology, 0, false);
	for (i = 0; i < FLOWS; i++) {
		receive_pattern(ends[i].rx, TOLD, 0, &ends[i].near);
		receive_pattern(ends[i].tx, TOLD, 0, &ends[i].far);
	}
}

static void answer__goes_by_the_lane_of_its_question(void **state)
{
	uint64_t there[DIAG_LANES];
	struct ends ends[FLOWS];

	/* All of it must fit, should one lane have most of it. */
	topology_sysctl(*state, "tcp_sndbuf", MIB);
	open_on_lanes(state, ends);
	settle(ends, 200);
	lanes_of_flows(ends, there);
}

static void kill_one(struct load *l, uint32_t times)
{
	diag_kill_lane(&l->topology->ns[times % 2], RDS_TCP_PORT, times % LANES);
}

static void kill_all(struct load *l, uint32_t times)
{
	diag_kill(&l->topology->ns[times % 2], RDS_TCP_PORT);
}

static void kill_in_mid_stream(void **state, uint32_t every, void (*act)(struct load *, uint32_t))
{
	struct topology *topology = *state;
	struct counters before;

	load_open(&load, state, 100, 0, 6000, true);
	there_and_back(&load.ends[0], 9000);
	wait_lanes(topology);
	assert_int_equal(counters_read(&topology->ns[0], &before), 0);
	load_run(&load, every, act);
	load_finish(&load);
	assert_true(counter_moved(&topology->ns[0], &before, "conn_reset") > 5);
	wait_lanes(topology);
}

static void kill__one_lane_in_mid_stream(void **state)
{
	kill_in_mid_stream(state, 80, kill_one);
}

static void kill__all_lanes_in_mid_stream(void **state)
{
	kill_in_mid_stream(state, 200, kill_all);
}

/* ---- both ends connect at once ---- */

#define DUELS 16
#define DUEL_MESSAGES 4
#define DUEL_SIZE 3000

static void duel_send(const struct ends *ends, bool back, uint32_t seed)
{
	uint32_t i;

	for (i = 0; i < DUEL_MESSAGES; i++)
		send_pattern(back ? ends->rx : ends->tx, DUEL_SIZE, seed + i,
			     back ? &ends->near : &ends->far);
}

static void duel_receive(const struct ends *ends, bool back, uint32_t seed)
{
	uint32_t i;

	for (i = 0; i < DUEL_MESSAGES; i++)
		receive_pattern(back ? ends->tx : ends->rx, DUEL_SIZE, seed + i,
				back ? &ends->far : &ends->near);
}

/* All connections are gone, and both ends have messages for all lanes; they begin in turns. */
static void duel(const struct ends *ends, uint32_t round)
{
	const uint32_t seed = 1000 * round;
	bool back = round % 2;
	uint32_t i;

	assert_true(diag_kill(&ends[0].topology->ns[back], RDS_TCP_PORT) > 0);
	for (i = 0; i < 2 * FLOWS; i++)
		duel_send(&ends[i / 2], back ^ (i % 2), seed + 10 * i);
	for (i = 0; i < 2 * FLOWS; i++)
		duel_receive(&ends[i / 2], back ^ (i % 2), seed + 10 * i);
}

static void duel__with_much_waiting(void **state)
{
	struct topology *topology = *state;
	const struct netns *large = &topology->ns[!topology->variant->swap];
	struct ends ends[FLOWS];
	struct counters before;
	uint32_t round;

	open_on_lanes(state, ends);
	assert_int_equal(counters_read(large, &before), 0);
	for (round = 0; round < DUELS; round++)
		duel(ends, round);
	wait_lanes(topology);
	settle(ends, 20000);
	print_message("# %u wake-ups, %u met a connection\n",
		      (unsigned int)counter_moved(large, &before, "tcp_wakeups_sent"),
		      (unsigned int)counter_moved(large, &before, "tcp_connect_raced"));
	assert_true(counter_moved(large, &before, "tcp_wakeups_sent") >= 1);
	assert_int_equal(counter_moved(large, &before, "conn_drop_protocol"), 0);
}

/* ---- more to send again than may be retained ---- */

#define CHUNK 4096
/* 32 MiB, counting the payload and 512 bytes for each. */
#define RETAINED_MAX (32 * MIB / (CHUNK + 512) + 1)
#define FIRST (RETAINED_MAX - 10)
/* TCP takes half a MiB while the wire is dead, 126 or more; the others wait behind them. */
#define TAKEN (MIB / 2)
#define MORE 200
/*
 * More than the messages that may be without TCP's acknowledgement when the last are sent again: a
 * pass, and what the small buffer of the next connection takes.
 */
#define BEYOND 100

/* While the wire is dead TCP shows on which lane a message is. */
static bool is_on_first_lane(const struct ends *ends)
{
	struct topology *topology = ends->topology;
	uint64_t bytes[DIAG_LANES];

	wait_acked(&topology->ns[0]);
	topology_blackhole(topology, 0, true);
	send_pattern(ends->tx, TOLD, 0, &ends->far);
	wait_unacked(&topology->ns[0], TOLD);
	unacked(&topology->ns[0], bytes);
	topology_blackhole(topology, 0, false);
	receive_pattern(ends->rx, TOLD, 0, &ends->near);
	return bytes[0] >= TOLD;
}

static struct ends *on_another_lane(struct ends ends[FLOWS])
{
	size_t i;

	for (i = 0; i < FLOWS; i++)
		if (!is_on_first_lane(&ends[i]))
			return &ends[i];
	fail_msg("all sockets are on the first lane");
	return NULL;
}

/* So many messages, at least, has TCP acknowledged, and the far RDS has not. */
static int64_t retained_now(const struct netns *ns)
{
	int64_t retained = (int64_t)counter_now(ns, "msg_retained");

	return retained - (int64_t)counter_now(ns, "msg_retained_done");
}

static void wait_retained(const struct netns *ns, int64_t least)
{
	struct deadline deadline = deadline_in(4 * DEADLINE_USUAL_MS);

	while (retained_now(ns) < least) {
		if (deadline_over(&deadline))
			fail_msg("%lld are retained", (long long)retained_now(ns));
		deadline_step();
	}
}

/* One message is more than the far end may have unread: its RDS reads no more, its TCP does. */
static void stop_reading(const struct ends *ends)
{
	const struct netns *far = &ends->topology->ns[1];
	struct counters before;

	assert_int_equal(netns_sysctl_set(far, "rcv_mem_max", MIB / 2), 0);
	assert_int_equal(counters_read(far, &before), 0);
	send_pattern(ends->tx, MIB, 9001, &ends->far);
	assert_true(counter_wait(far, &before, "recv_queued", 1, deadline_in(DEADLINE_USUAL_MS)));
}

/*
 * Almost all that may be retained is, when the wire dies. What TCP takes then comes on top: nothing
 * more is acknowledged that would make the bound known.
 */
static void retain_too_much(const struct ends *ends)
{
	struct topology *topology = ends->topology;
	uint32_t i;

	for (i = 0; i < FIRST; i++)
		send_pattern(ends->tx, CHUNK, i, &ends->far);
	wait_retained(&topology->ns[0], FIRST);
	topology_blackhole(topology, 0, true);
	for (; i < FIRST + MORE; i++)
		send_pattern(ends->tx, CHUNK, i, &ends->far);
	wait_unacked(&topology->ns[0], TAKEN);
	topology_blackhole(topology, 0, false);
	wait_retained(&topology->ns[0], RETAINED_MAX + BEYOND);
}

/*
 * More than may be retained is lost. On the next connection our handshake stands behind all of it,
 * and the peer acknowledges nothing before it has read that: it must not have to wait for room. Not
 * on lane 0, where our map goes first and tells the peer who we are.
 */
static void again__more_than_may_be_retained(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0], *far = &topology->ns[1];
	struct ends all[FLOWS], *ends;
	struct counters before;
	uint32_t i;

	assert_int_equal(netns_sysctl_set(near, "tcp_sndbuf", 64 * MIB), 0);
	assert_int_equal(netns_sysctl_set(far, "tcp_rcvbuf", 128 * MIB), 0);
	open_on_lanes(state, all);
	ends = on_another_lane(all);
	assert_int_equal(rds_set_buffers(ends->tx, 64 * MIB, 0), 0);
	assert_int_equal(rds_set_buffers(ends->rx, 0, 64 * MIB), 0);
	stop_reading(ends);
	retain_too_much(ends);

	/*
	 * The connections are made anew, with buffers of a few messages: all but these have been
	 * acknowledged by TCP when the handshake's turn comes.
	 */
	assert_int_equal(counters_read(near, &before), 0);
	assert_int_equal(netns_sysctl_set(near, "tcp_sndbuf", 4 * CHUNK), 0);
	assert_true(counter_wait(near, &before, "msg_retained_done", RETAINED_MAX + BEYOND,
				 deadline_in(DEADLINE_USUAL_MS)));
	/* Room to agree on lanes again, and for no more than the first of what comes again. */
	receive_pattern(ends->rx, MIB, 9001, &ends->near);
	assert_true(counter_wait(near, &before, "retain_full", 1,
				 deadline_in(4 * DEADLINE_USUAL_MS)));
	assert_int_equal(netns_sysctl_set(far, "rcv_mem_max", 128 * MIB), 0);
	for (i = 0; i < FIRST + MORE; i++)
		receive_pattern(ends->rx, CHUNK, i, &ends->near);
	there_and_back(ends, 9002);
}

/* ---- a peer that is not what it was ---- */

#define WAITING 10

/*
 * The far end goes, messages are queued on all lanes, and it comes back with so many lanes. It lets
 * nobody in before all its sockets are there: messages for one that is not are refused for good.
 */
static void restart(struct ends *ends, long max_paths)
{
	struct topology *topology = ends[0].topology;
	uint32_t j;
	size_t i;

	for (i = 0; i < FLOWS; i++)
		topology_close(topology, ends[i].rx);
	topology_end_far(topology);
	for (i = 0; i < FLOWS; i++)
		for (j = 0; j < WAITING; j++)
			send_pattern(ends[i].tx, 700, seed_of(i, j), &ends[i].far);
	topology_renew_far(topology);
	write_text(&topology->ns[1], "/proc/sys/net/rds_zc/accept_from", "203.0.113.0/24\n");
	assert_int_equal(netns_sysctl_set(&topology->ns[1], "max_paths", max_paths), 0);
	for (i = 0; i < FLOWS; i++)
		ends[i].rx = topology_socket(topology, &topology->ns[1], &ends[i].far);
	write_text(&topology->ns[1], "/proc/sys/net/rds_zc/accept_from", "\n");
	for (i = 0; i < FLOWS; i++)
		for (j = 0; j < WAITING; j++)
			receive_pattern(ends[i].rx, 700, seed_of(i, j), &ends[i].near);
}

/* What waited on eight lanes goes by one, and the other way round, each socket's in order. */
static void restart__with_fewer_lanes_and_with_more(void **state)
{
	struct topology *topology = *state;
	struct counters before;
	struct ends ends[FLOWS];

	open_on_lanes(state, ends);
	assert_int_equal(counters_read(&topology->ns[0], &before), 0);
	restart(ends, 1);
	wait_one(topology);
	settle(ends, 200);
	restart(ends, LANES);
	wait_lanes(topology);
	settle(ends, 300);
	assert_int_equal(counter_moved(&topology->ns[0], &before, "peer_restarts"), 2);
}

/*
 * With the incarnation of the far end the lanes of all flows change, and both ends still agree. It
 * can happen that a lane has as many as before; not of all lanes three times in a row.
 */
static void restart__deals_the_lanes_anew(void **state)
{
	uint64_t old[DIAG_LANES], now[DIAG_LANES];
	struct ends ends[FLOWS];
	int times;

	topology_sysctl(*state, "tcp_sndbuf", MIB);
	open_on_lanes(state, ends);
	settle(ends, 200);
	lanes_of_flows(ends, old);
	for (times = 0; times < 3; times++) {
		restart(ends, LANES);
		topology_sysctl(*state, "tcp_sndbuf", MIB);
		wait_lanes(*state);
		settle(ends, 200 + times);
		lanes_of_flows(ends, now);
		if (memcmp(old, now, sizeof(old)))
			return;
	}
	fail_msg("the lanes of %d flows are as before", FLOWS);
}

/* max_paths is for peers that come: with one that is there it stays as agreed. */
static void max_paths__leaves_what_is_agreed(void **state)
{
	struct ends ends = ends_open(state);

	there_and_back(&ends, 1);
	wait_lanes(ends.topology);
	topology_sysctl(ends.topology, "max_paths", 1);
	assert_true(diag_kill(&ends.topology->ns[0], RDS_TCP_PORT) >= LANES);
	there_and_back(&ends, 2);
	wait_lanes(ends.topology);
}

/* ---- a peer written by hand: its incarnation, its sequence numbers ---- */

#define FLAG_RETRANSMITTED 4

static int dial_by_hand(const struct topology *topology)
{
	union rds_addr near = rds_addr_port(&topology->near[0], RDS_TCP_PORT);
	int fd = netns_in(&topology->ns[1],
			  socket(near.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &topology->far[0].sa, rds_addr_len(&topology->far[0])), 0);
	assert_int_equal(connect(fd, &near.sa, rds_addr_len(&near)), 0);
	return fd;
}

static void put_header(unsigned char *frame, uint64_t seq, uint16_t sport, uint16_t dport,
		       uint8_t flags, uint8_t length)
{
	unsigned int i;

	memset(frame, 0, 48);
	for (i = 0; i < 8; i++)
		frame[i] = (unsigned char)(seq >> (56 - 8 * i));
	frame[19] = length;
	frame[20] = (unsigned char)(sport >> 8);
	frame[21] = (unsigned char)sport;
	frame[22] = (unsigned char)(dport >> 8);
	frame[23] = (unsigned char)dport;
	frame[24] = flags;
}

/* One lane, and an incarnation. */
static void send_handshake(int fd, uint64_t seq, uint8_t flags, uint8_t generation)
{
	unsigned char frame[48];

	put_header(frame, seq, 1, 0, flags, 0);
	memcpy(frame + 32, (unsigned char[]){ 5, 0, 1, 6, 0, 0, 0, generation }, 8);
	assert_int_equal(send(fd, frame, sizeof(frame), 0), sizeof(frame));
}

static void send_by_hand(int fd, uint64_t seq, uint8_t flags, uint16_t port, unsigned char byte)
{
	unsigned char frame[49];

	put_header(frame, seq, 77, port, flags, 1);
	frame[48] = byte;
	assert_int_equal(send(fd, frame, sizeof(frame), 0), sizeof(frame));
}

static void expect_byte(int fd, unsigned char byte)
{
	unsigned char got = 0;

	assert_int_equal(rds_recv(fd, &got, 1, NULL, 0), 1);
	assert_int_equal(got, byte);
}

/*
 * What a restarted peer sends again has low numbers, but it is no duplicate of anything. What the
 * same one sends again is.
 */
static void generation__of_a_restarted_peer_is_obeyed(void **state)
{
	struct topology *topology = *state;
	struct counters before;
	union rds_addr near;
	int fd = topology_near(topology, &near), peer;
	uint16_t port = rds_port(&near);

	assert_int_equal(counters_read(&topology->ns[0], &before), 0);
	peer = dial_by_hand(topology);
	send_handshake(peer, 1000, 0, 1);
	send_by_hand(peer, 1001, 0, port, 'a');
	expect_byte(fd, 'a');
	close(peer);

	peer = dial_by_hand(topology);
	send_by_hand(peer, 1001, FLAG_RETRANSMITTED, port, 'a');
	send_by_hand(peer, 1002, FLAG_RETRANSMITTED, port, 'b');
	expect_byte(fd, 'b');
	close(peer);
	assert_int_equal(counter_moved(&topology->ns[0], &before, "recv_drop_old_seq"), 1);
	assert_int_equal(counter_moved(&topology->ns[0], &before, "peer_restarts"), 0);

	peer = dial_by_hand(topology);
	send_handshake(peer, 5, FLAG_RETRANSMITTED, 2);
	send_by_hand(peer, 6, FLAG_RETRANSMITTED, port, 'c');
	expect_byte(fd, 'c');
	send_by_hand(peer, 6, FLAG_RETRANSMITTED, port, 'c');
	send_by_hand(peer, 7, FLAG_RETRANSMITTED, port, 'd');
	expect_byte(fd, 'd');
	close(peer);
	assert_int_equal(counter_moved(&topology->ns[0], &before, "recv_drop_old_seq"), 2);
	assert_int_equal(counter_moved(&topology->ns[0], &before, "peer_restarts"), 1);
}

static const struct variant both_sides[] = {
	{ "veth small", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth v6 large", WIRE_VETH, 1, 1, 0, 0 },
	{ 0 }
};

static const struct variant large_side[] = {
	{ "veth large", WIRE_VETH, 0, 1, 0, 0 },
	{ 0 }
};

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "lanes" };

	SUITE_ADD(&suite, open__eight_and_the_port_tells_the_lane, both_sides);
	SUITE_ADD(&suite, max_paths__of_one_at_either_end_gives_one, variants_wire_each);
	SUITE_ADD(&suite, max_paths__leaves_what_is_agreed, both_sides);
	SUITE_ADD(&suite, max_paths__is_one_or_eight, variants_one);
	SUITE_ADD(&suite, ports__reserved_ones_are_left_alone, both_sides);
	SUITE_ADD(&suite, ports__are_shared_by_peers, variants_one);
	SUITE_ADD(&suite, order__idle_sockets_move_at_once, both_sides);
	SUITE_ADD(&suite, order__while_lanes_open_under_load, both_sides);
	SUITE_ADD(&suite, answer__goes_by_the_lane_of_its_question, both_sides);
	SUITE_ADD(&suite, kill__one_lane_in_mid_stream, both_sides);
	SUITE_ADD(&suite, kill__one_lane_in_mid_stream, variants_one_nobody);
	SUITE_ADD(&suite, kill__all_lanes_in_mid_stream, both_sides);
	SUITE_ADD(&suite, kill__all_lanes_in_mid_stream, variants_one_nobody);
	SUITE_ADD(&suite, duel__with_much_waiting, both_sides);
	SUITE_ADD(&suite, again__more_than_may_be_retained, both_sides);
	SUITE_ADD(&suite, restart__with_fewer_lanes_and_with_more, both_sides);
	SUITE_ADD(&suite, restart__deals_the_lanes_anew, both_sides);
	SUITE_ADD(&suite, generation__of_a_restarted_peer_is_obeyed, large_side);
	return suite_run(&suite, argc, argv);
}

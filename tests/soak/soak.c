// SPDX-License-Identifier: GPL-2.0
/*
 * soak SECONDS PATHS: eight sockets send to eight on the second VM over so many paths, each 64
 * deep, 1 B to 1 MiB, by zerocopy, and overwrite a buffer at its cookie. Meanwhile the link is cut
 * every 5 s, TCP connections are killed every second as by ss -K, and once a minute a receiver gets
 * kill -9.
 *
 * At the end sent = received = cookies, and no byte differs. What a killed receiver had not read is
 * gone with it: its epoch is counted apart, with what it had read and checked shortly before.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "counters.h"
#include "diag.h"
#include "link.h"
#include "module.h"
#include "remote.h"
#include "zc.h"

#define LANES 8
#define ENDLESS (1u << 25)	/* more than any run sends, and its cookies are still 32 bits */
#define RECEIVE_ROOM (1 << 20)	/* of each receiver: it is congested now and then */

#define KILL_TCP_MS 1000
#define CUT_MS 5000
#define KILL_RECEIVER_MS 60000
#define REPORT_MS 10000
#define STUCK_MS 60000
#define SETTLE_MS 180000

struct lane {
	struct pair pair;
	struct flow_tx tx;
	bool killed;		/* its receiver is dead; it waits for its last cookies */
	struct flow_result read;	/* what that had read */
};

struct totals {
	uint64_t sent, received, cookies, copied, bytes, wrong;
	uint32_t epochs;
};

static struct soak {
	struct lane lanes[LANES];
	struct remote killer;
	struct totals whole, killed;	/* epochs that ended well, and those whose receiver died */
	uint32_t tcp_kills, cuts, receiver_kills;
	uint32_t tcp_rounds;		/* times that connections were killed */
	uint32_t most;			/* cookies of a socket that were out at once */
	uint32_t epochs;		/* begun */
	unsigned int limit_ms;
	uint64_t started;
	uint64_t moved;			/* when something last went on */
	uint64_t link_up;		/* when to mend the link, 0: it is up */
	unsigned int random;
} soak;

/* What either end knows of its sockets and paths: the peer's is in its log. */
static void show_both_ends(void)
{
	static const char * const commands[] = { "paths", "messages", "stats" };
	char line[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(line, sizeof(line), "rdszc %s", commands[i]);
		if (system(line) || remote_show(&soak.killer, line))
			printf("no answer to %s\n", line);
	}
}

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("soak: ");
	vprintf(format, arguments);
	printf("\n");
	show_both_ends();
	exit(1);
}

/* ---- lanes ---- */

static void lane_start(struct lane *lane)
{
	struct pair *pair = &lane->pair;
	struct flow flow = {
		.seed = soak.epochs++ * 7919,
		.count = ENDLESS,
		.min = 1,
		.max = 1 << 20,
		.zerocopy = 1,
	};

	if (zc_force(pair->fd) ||
	    remote_set(&pair->remote, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_ROOM) ||
	    remote_receive_start(&pair->remote, &pair->near, &flow, soak.limit_ms + SETTLE_MS) ||
	    flow_tx_open(&lane->tx, pair->fd, &pair->far, &flow))
		die("cannot start a lane: %s", strerror(errno));
	lane->killed = false;
}

static void add(struct totals *totals, const struct lane *lane)
{
	const struct flow_result *sent = &lane->tx.result;

	totals->epochs++;
	totals->sent += sent->messages;
	totals->bytes += sent->bytes;
	totals->cookies += sent->cookies;
	totals->copied += sent->copied;
	totals->wrong += sent->wrong;
	totals->received += lane->read.messages;
	if (lane->tx.most > soak.most)
		soak.most = lane->tx.most;
	totals->wrong += lane->read.wrong;
}

static void lane_end(struct lane *lane)
{
	flow_tx_close(&lane->tx);
	pair_close(&lane->pair);
}

/* New sockets on both sides: what the dead one's port may still get cannot be mistaken. */
static void lane_restart(struct lane *lane)
{
	struct pair old = lane->pair;

	add(&soak.killed, lane);
	lane_end(lane);
	pair_open_beside(&lane->pair, &old);
	lane_start(lane);
}

static bool lane_step(struct lane *lane)
{
	bool moved = flow_tx_reap(&lane->tx) != 0;
	int i;

	for (i = 0; i < 8 && flow_tx_send(&lane->tx); i++)
		moved = true;
	if (lane->tx.result.error || lane->tx.result.wrong)
		die("sender: %s", lane->tx.result.text);
	if (lane->killed && flow_tx_done(&lane->tx))
		lane_restart(lane);
	return moved;
}

static bool lanes_step(void)
{
	bool moved = false;
	size_t i;

	for (i = 0; i < LANES; i++)
		moved |= lane_step(&soak.lanes[i]);
	if (moved)
		soak.moved = clock_ms();
	else if (clock_ms() - soak.moved > STUCK_MS * time_scale())
		die("nothing went on for %u s", STUCK_MS * time_scale() / 1000);
	return moved;
}

/* ---- disturbances ---- */

static bool due(uint64_t *next, unsigned int every)
{
	uint64_t now = clock_ms();

	if (!*next)
		*next = now + every;
	if (now < *next)
		return false;
	*next = now + every;
	return true;
}

static void kill_tcp(void)
{
	int killed = diag_kill(netns_here(), RDS_TCP_PORT);

	if (killed < 0)
		die("cannot kill TCP connections: %s", strerror(errno));
	soak.tcp_kills += (uint32_t)killed;
	soak.tcp_rounds += killed > 0;
}

static void cut_link(void)
{
	if (link_set_up(netns_here(), "eth0", false))
		die("cannot cut the link: %s", strerror(errno));
	soak.link_up = clock_ms() + 100 + (unsigned int)rand_r(&soak.random) % 900;
	soak.cuts++;
}

static void mend_link(void)
{
	if (link_set_up(netns_here(), "eth0", true))
		die("cannot mend the link: %s", strerror(errno));
	soak.link_up = 0;
}

static void kill_receiver(void)
{
	struct lane *lane = &soak.lanes[soak.receiver_kills % LANES];

	if (lane->killed)
		return;
	if (remote_progress(&lane->pair.remote, &lane->read) ||
	    remote_kill(&soak.killer, &lane->pair.remote))
		die("cannot kill a receiver: %s", strerror(errno));
	lane->killed = true;
	lane->tx.flow.count = lane->tx.result.messages;
	soak.receiver_kills++;
}

static void disturb(void)
{
	static uint64_t next_tcp, next_cut, next_receiver;

	if (due(&next_tcp, KILL_TCP_MS))
		kill_tcp();
	if (due(&next_cut, CUT_MS) && !soak.link_up)
		cut_link();
	if (soak.link_up && clock_ms() >= soak.link_up)
		mend_link();
	/* It is told by the link, and nobody mends that while we wait. */
	if (!soak.link_up && due(&next_receiver, KILL_RECEIVER_MS))
		kill_receiver();
}

static void report_progress(void)
{
	uint64_t sent = soak.killed.sent, bytes = soak.killed.bytes;
	static uint64_t next;
	size_t i;

	if (!due(&next, REPORT_MS))
		return;
	for (i = 0; i < LANES; i++) {
		sent += soak.lanes[i].tx.result.messages;
		bytes += soak.lanes[i].tx.result.bytes;
	}
	printf("%5" PRIu64 " s: %" PRIu64 " messages, %" PRIu64 " MiB, %u TCP kills, %u cuts, "
	       "%u receivers killed\n", (clock_ms() - soak.started) / 1000, sent, bytes >> 20,
	       soak.tcp_kills, soak.cuts, soak.receiver_kills);
}

/* ---- from start to end ---- */

static void begin(int paths)
{
	size_t i;

	if (remote_connect(&soak.killer))
		die("no peer: %s", strerror(errno));
	if (netns_sysctl_set(netns_here(), "max_paths", paths) ||
	    remote_sysctl(&soak.killer, "net/rds_zc/max_paths", paths))
		die("cannot set max_paths");
	pair_open(&soak.lanes[0].pair, false, false);
	for (i = 1; i < LANES; i++)
		pair_open_beside(&soak.lanes[i].pair, &soak.lanes[0].pair);
	for (i = 0; i < LANES; i++)
		lane_start(&soak.lanes[i]);
	soak.started = soak.moved = clock_ms();
}

static void run(void)
{
	struct deadline end = { .end_ms = soak.started + soak.limit_ms };

	while (!deadline_over(&end)) {
		disturb();
		report_progress();
		if (!lanes_step())
			deadline_step();
	}
	if (soak.link_up)
		mend_link();
}

/* Nothing is disturbed any more: what is out must come to its end. */
static void settle(void)
{
	struct deadline deadline = deadline_in(SETTLE_MS);
	size_t done = 0, i;

	for (i = 0; i < LANES; i++)
		soak.lanes[i].tx.flow.count = soak.lanes[i].tx.result.messages;
	while (done < LANES) {
		if (deadline_over(&deadline))
			die("%zu lanes miss cookies after %u s", LANES - done, SETTLE_MS / 1000);
		if (!lanes_step())
			deadline_step();
		for (done = i = 0; i < LANES; i++)
			done += flow_tx_done(&soak.lanes[i].tx) && !soak.lanes[i].killed;
	}
}

static void finish_lane(struct lane *lane)
{
	struct flow_result *read = &lane->read;
	static bool shown;

	if (remote_stop(&lane->pair.remote, lane->tx.result.messages, SETTLE_MS) ||
	    remote_finish(&lane->pair.remote, read))
		die("a receiver does not answer: %s", strerror(errno));
	if (read->messages != lane->tx.result.messages && !shown) {
		show_both_ends();
		shown = true;
	}
	if (read->wrong || read->error)
		printf("receiver: %u wrong, %s: %s\n", read->wrong, strerror(read->error),
		       read->text);
	add(&soak.whole, lane);
	lane_end(lane);
}

/* ---- figures ---- */

static bool expect_equal(const char *what, uint64_t a, uint64_t b)
{
	if (a == b)
		return true;
	printf("MISMATCH: %s: %" PRIu64 " is not %" PRIu64 "\n", what, a, b);
	return false;
}

static void print_counter(const char *name)
{
	uint64_t there = 0;

	if (remote_counter(&soak.killer, name, &there))
		printf("  %-24s %12" PRIu64 "\n", name, counter_now(netns_here(), name));
	else
		printf("  %-24s %12" PRIu64 " %12" PRIu64 "\n", name,
		       counter_now(netns_here(), name), there);
}

static void print_totals(const char *name, const struct totals *totals)
{
	printf("%4u %-20s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %8" PRIu64 " %10" PRIu64 "\n",
	       totals->epochs, name, totals->sent, totals->received, totals->cookies,
	       totals->wrong, totals->bytes >> 20);
}

static void print_figures(void)
{
	static const char * const names[] = {
		"zc_sent", "zc_passes", "zc_completed", "zc_completed_copied",
		"zc_copied_converted", "tcp_send_calls", "conn_up", "conn_reset",
		"conn_drop_peer", "conn_drop_stalled", "recv_queued", "recv_drop_old_seq",
		"recv_drop_no_sock", "recv_drop_dead_sock", "cong_send_error",
		"cong_update_received",
	};
	size_t i;

	printf("\n%25s %10s %10s %10s %8s %10s\n", "", "sent", "received", "cookies", "wrong",
	       "MiB sent");
	print_totals("whole epochs", &soak.whole);
	print_totals("cut by kill -9", &soak.killed);
	printf("cookies told as copied: %" PRIu64 "\n", soak.whole.copied + soak.killed.copied);
	printf("cookies of one socket out at once: %u at most\n", soak.most);
	printf("TCP connections killed: %u, %u times; link cut: %u times, receivers killed: %u\n\n",
	       soak.tcp_kills, soak.tcp_rounds, soak.cuts, soak.receiver_kills);
	printf("  %-24s %12s %12s\n", "counter", "sender", "receiver");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		print_counter(names[i]);
}

static bool expect_least(const char *what, uint32_t is, uint32_t least)
{
	printf("%s: %u, at least %u wanted\n", what, is, least);
	return is >= least;
}

/*
 * A run in which little happened proves little. A step may be late, and a killed connection, or one
 * over a link that is cut, cannot be killed, so half of what was planned has to do.
 */
static bool enough_happened(void)
{
	uint32_t seconds = soak.limit_ms / 1000, minutes = seconds / 60;
	bool ok = true;

	ok &= expect_least("link cut", soak.cuts, seconds / 10);
	ok &= expect_least("connections killed, times", soak.tcp_rounds, seconds / 2);
	ok &= expect_least("receivers killed", soak.receiver_kills,
			   minutes ? minutes - 1 - minutes / 10 : 0);
	ok &= expect_least("cookies out at once", soak.most, FLOW_DEPTH);
	return ok;
}

static bool all_right(long pinned)
{
	const struct totals *w = &soak.whole, *k = &soak.killed;
	bool ok = true;

	ok &= expect_equal("received and sent", w->received, w->sent);
	ok &= expect_equal("cookies and sent", w->cookies, w->sent);
	ok &= expect_equal("cookies and sent, killed", k->cookies, k->sent);
	ok &= expect_equal("wrong messages", w->wrong + k->wrong, 0);
	ok &= expect_equal("zc_sent and sent", counter_now(netns_here(), "zc_sent"),
			   w->sent + k->sent);
	ok &= expect_equal("zc_completed and sent", counter_now(netns_here(), "zc_completed"),
			   w->sent + k->sent);
	ok &= expect_equal("receivers killed and their epochs", k->epochs, soak.receiver_kills);
	if (zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)))
		ok = expect_equal("pages pinned after all", (uint64_t)zc_pinned_pages(),
				  (uint64_t)pinned);
	ok &= enough_happened();
	return ok && w->sent;
}

int main(int argc, char **argv)
{
	long pinned = zc_pinned_pages();
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	soak.limit_ms = (argc > 1 ? (unsigned int)atoi(argv[1]) : 60) * 1000;
	soak.random = 7;
	if (module_need())
		die("cannot load the module: %s", strerror(errno));
	begin(argc > 2 ? atoi(argv[2]) : 1);
	run();
	settle();
	for (i = 0; i < LANES; i++)
		finish_lane(&soak.lanes[i]);
	print_figures();
	if (!all_right(pinned)) {
		printf("soak: FAILED\n");
		return 1;
	}
	printf("soak: sent = received = cookies, 0 differing bytes\n");
	return 0;
}

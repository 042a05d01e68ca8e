// SPDX-License-Identifier: GPL-2.0
/*
 * One socket shared by four sending and four reaping threads, three peers.
 *
 * Message n goes to peer n % 3 and carries n at its front, then the pattern of n. Each cookie must
 * reach exactly one reaping thread, each message its own peer, once, and whole.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "cred.h"
#include "module.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "watch.h"
#include "zc.h"

#define SENDERS 4
#define REAPERS 4
#define PEERS 3
#define PEER_BESIDE 2		/* in the namespace of the shared socket */
#define SLOTS 32		/* buffers of one sender */
#define LARGEST 16384

enum fate { NOT_SENT, SENT, BACK };

struct crowd;

struct sender {
	pthread_t thread;
	struct crowd *crowd;
	uint32_t index;		/* sends messages index, index + SENDERS, ... */
	unsigned char *buffers;
	atomic_bool busy[SLOTS];
};

struct peer {
	pthread_t thread;
	struct crowd *crowd;
	union rds_addr addr;
	uint32_t index;
	int fd;
	uint32_t received;
	atomic_uint replied;	/* what it sent to the shared socket */
	atomic_uint replies;	/* what of that reached it */
};

/* reap() looks once and tells how many cookies it has taken back. */
struct reap_form {
	const char *name;
	size_t (*reap)(struct crowd *crowd, uint32_t *list);
};

struct reaper {
	pthread_t thread;
	struct crowd *crowd;
	const struct reap_form *form;
	uint32_t count;		/* cookies that it got */
};

struct crowd {
	struct topology *topology;
	union rds_addr addr;
	int fd;
	uint32_t count;			/* messages in all */
	atomic_bool may_fail;		/* the socket is closed or switched off in the middle */
	atomic_uchar *fate;		/* of each cookie */
	atomic_uchar *arrived;		/* of each message */
	atomic_uint sent, returned, received;
	atomic_uint congested;		/* times that ENOBUFS was seen in the shared namespace */
	atomic_bool stop_sending, stop;
	char fault[256];		/* the first thing that went wrong */
	atomic_flag faulty;
	struct sender senders[SENDERS];
	struct peer peers[PEERS];
	struct reaper reapers[REAPERS];
};

#define FAULT(crowd, ...)							\
do {										\
	if (!atomic_flag_test_and_set(&(crowd)->faulty))			\
		snprintf((crowd)->fault, sizeof((crowd)->fault), __VA_ARGS__);	\
	atomic_store(&(crowd)->stop_sending, true);				\
	atomic_store(&(crowd)->stop, true);					\
} while (0)

static size_t some_length(uint32_t n)
{
	uint32_t noise = n * 2654435761u;

	return sizeof(n) + (n % 8 ? (noise >> 8) % 500 : noise % (LARGEST - sizeof(n)));
}

static void nap(void)
{
	struct timespec pause = { .tv_nsec = 200000 };

	nanosleep(&pause, NULL);
}

/* ---- cookies ---- */

/* Poisons the buffer first: from here on it is the sender's. */
static void take_back(struct crowd *crowd, uint32_t n)
{
	struct sender *sender = &crowd->senders[n % SENDERS];
	uint32_t slot = n / SENDERS % SLOTS;
	unsigned char expected = SENT;

	if (n >= crowd->count ||
	    !atomic_compare_exchange_strong(&crowd->fate[n], &expected, BACK)) {
		FAULT(crowd, "cookie %u came back, its state was %u", n, expected);
		return;
	}
	pattern_poison(sender->buffers + slot * LARGEST, LARGEST);
	atomic_store(&sender->busy[slot], false);
	atomic_fetch_add(&crowd->returned, 1);
}

static size_t take_back_all(struct crowd *crowd, const uint32_t *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		take_back(crowd, list[i]);
	return count;
}

/* No cookie: that is none for now, or a fault. */
static size_t took_none(struct crowd *crowd, const char *who)
{
	if (errno == EAGAIN || (atomic_load(&crowd->may_fail) && errno == EBADF))
		nap();
	else
		FAULT(crowd, "%s: %s", who, strerror(errno));
	return 0;
}

static size_t reap_by_error_queue(struct crowd *crowd, uint32_t *list)
{
	struct reap reap = reap_errqueue(crowd->fd, list, 7 * sizeof(*list), 0);

	if (reap.bytes < 0)
		return took_none(crowd, "error queue");
	return take_back_all(crowd, list, reap.cookies);
}

/* What was peeked may be gone when it is read: only the read counts. */
static size_t reap_by_peek_then_read(struct crowd *crowd, uint32_t *list)
{
	struct reap reap = reap_errqueue(crowd->fd, list, sizeof(*list), MSG_PEEK);

	if (reap.bytes < 0)
		return took_none(crowd, "peek");
	reap = reap_errqueue(crowd->fd, list, (reap.ee_data < 512 ? reap.ee_data : 512) *
			     sizeof(*list), 0);
	if (reap.bytes < 0)
		return took_none(crowd, "read after peek");
	return take_back_all(crowd, list, reap.cookies);
}

/* Cookies, and a reply if one came along. */
static size_t take_back_by_cmsg(struct crowd *crowd, uint32_t *list, unsigned int slots,
				const char *who)
{
	struct reap_cmsg reap = reap_by_cmsg(crowd->fd, list + 512, 64, list, slots, MSG_DONTWAIT);

	if (reap.bytes < 0)
		return took_none(crowd, who);
	if (!reap.well_formed)
		FAULT(crowd, "a malformed completion cmsg");
	if (reap.bytes > 0)
		atomic_fetch_add(&crowd->peers[list[512] % PEERS].replies, 1);
	return take_back_all(crowd, list, reap.cookies);
}

/* Leaves replies to the one that is for them, but one may come meanwhile. */
static size_t reap_by_cmsg_alone(struct crowd *crowd, uint32_t *list)
{
	if (rds_wait(crowd->fd, POLLIN, deadline_in(0)) & POLLIN) {
		nap();
		return 0;
	}
	return take_back_by_cmsg(crowd, list, 2, "cmsg");
}

static size_t reap_with_data(struct crowd *crowd, uint32_t *list)
{
	return take_back_by_cmsg(crowd, list, 4, "data");
}

static const struct reap_form reap_forms[REAPERS] = {
	{ "error queue", reap_by_error_queue },
	{ "peek, then read", reap_by_peek_then_read },
	{ "cmsg", reap_by_cmsg_alone },
	{ "data with cmsg room", reap_with_data },
};

static void *reaper_run(void *argument)
{
	struct reaper *reaper = argument;
	struct crowd *crowd = reaper->crowd;
	uint32_t list[600];

	while (!atomic_load(&crowd->stop))
		reaper->count += (uint32_t)reaper->form->reap(crowd, list);
	return NULL;
}

/* ---- senders ---- */

/* Nobody's RLIMIT_MEMLOCK may hold less than what all of them send: cookies make room. */
static bool try_later(int error)
{
	return error == EAGAIN || error == ENOBUFS || (error == ENOMEM && cred_is_nobody());
}

/* Returns false when this sender is to end. */
static bool send_one(struct sender *sender, uint32_t n)
{
	struct crowd *crowd = sender->crowd;
	uint32_t slot = n / SENDERS % SLOTS;
	unsigned char *buffer = sender->buffers + slot * LARGEST;
	size_t length = some_length(n);
	ssize_t rc;

	while (atomic_load(&sender->busy[slot])) {
		if (atomic_load(&crowd->stop_sending))
			return false;
		nap();
	}
	memcpy(buffer, &n, sizeof(n));
	pattern_fill(buffer + sizeof(n), length - sizeof(n), n);
	atomic_store(&sender->busy[slot], true);
	atomic_store(&crowd->fate[n], SENT);	/* the cookie may overtake our return */
	while (!atomic_load(&crowd->stop_sending)) {
		rc = rds_send_zc(crowd->fd, buffer, length, &crowd->peers[n % PEERS].addr, n,
				 MSG_DONTWAIT);
		if (rc == (ssize_t)length) {
			atomic_fetch_add(&crowd->sent, 1);
			return true;
		}
		if (!try_later(errno))
			break;
		atomic_fetch_add(&crowd->congested, errno == ENOBUFS);
		nap();
	}
	atomic_store(&crowd->fate[n], NOT_SENT);
	if (!atomic_load(&crowd->stop_sending) &&
	    !(atomic_load(&crowd->may_fail) && (errno == EBADF || errno == EINVAL)))
		FAULT(crowd, "message %u: %s", n, strerror(errno));
	return false;
}

static void *sender_run(void *argument)
{
	struct sender *sender = argument;
	uint32_t n;

	for (n = sender->index; n < sender->crowd->count; n += SENDERS)
		if (!send_one(sender, n))
			break;
	return NULL;
}

/* ---- peers ---- */

static void peer_check(struct peer *peer, const unsigned char *message, size_t length)
{
	struct crowd *crowd = peer->crowd;
	uint32_t n;

	memcpy(&n, message, sizeof(n));
	if (n >= crowd->count || n % PEERS != peer->index)
		FAULT(crowd, "peer %u got message %u", peer->index, n);
	else if (length != some_length(n) ||
		 pattern_check(message + sizeof(n), length - sizeof(n), n) >= 0)
		FAULT(crowd, "message %u arrived damaged", n);
	else if (atomic_exchange(&crowd->arrived[n], 1))
		FAULT(crowd, "message %u arrived twice", n);
	else
		atomic_fetch_add(&crowd->received, 1);
}

/* Something for those who reap along with data. */
static void peer_reply(struct peer *peer)
{
	uint32_t reply[16] = { peer->index };

	if (rds_send(peer->fd, reply, sizeof(reply), &peer->crowd->addr, MSG_DONTWAIT) > 0)
		atomic_fetch_add(&peer->replied, 1);
	else if (errno == ENOBUFS && peer->index == PEER_BESIDE)
		atomic_fetch_add(&peer->crowd->congested, 1);
}

static void *peer_run(void *argument)
{
	struct peer *peer = argument;
	struct crowd *crowd = peer->crowd;
	unsigned char *buffer = malloc(LARGEST);
	ssize_t got;

	while (!atomic_load(&crowd->stop)) {
		got = rds_recv(peer->fd, buffer, LARGEST, NULL, MSG_DONTWAIT);
		if (got < 0) {
			rds_wait(peer->fd, POLLIN, (struct deadline){ clock_ms() + 20 });
			continue;
		}
		if (got < (ssize_t)sizeof(uint32_t)) {
			FAULT(crowd, "peer %u got %zd bytes", peer->index, got);
			break;
		}
		/* Before its message counts: then all replies are known when all messages came. */
		if (++peer->received % 16 == 0)
			peer_reply(peer);
		peer_check(peer, buffer, (size_t)got);
	}
	free(buffer);
	return NULL;
}

/* ---- putting it together ---- */

static void crowd_open(struct crowd *crowd, void **state, uint32_t count)
{
	struct topology *topology = *state;
	const struct netns *homes[PEERS] = { &topology->ns[1], &topology->ns[2],
					     &topology->ns[0] };
	union rds_addr addrs[PEERS] = { topology->far[0], topology->far[1], topology->near[0] };
	uint32_t i;

	assert_true(sysconf(_SC_NPROCESSORS_ONLN) >= 2);
	memset(crowd, 0, sizeof(*crowd));
	crowd->topology = topology;
	crowd->count = count;
	crowd->fate = calloc(count, 1);
	crowd->arrived = calloc(count, 1);
	crowd->addr = topology->near[0];
	crowd->fd = topology_socket(topology, &topology->ns[0], &crowd->addr);
	assert_int_equal(zc_force(crowd->fd), 0);
	assert_int_equal(rds_set_buffers(crowd->fd, 1 << 20, 1 << 20), 0);
	for (i = 0; i < PEERS; i++) {
		crowd->peers[i] = (struct peer){ .crowd = crowd, .addr = addrs[i], .index = i };
		crowd->peers[i].fd = topology_socket(topology, homes[i], &crowd->peers[i].addr);
	}
	for (i = 0; i < SENDERS; i++) {
		crowd->senders[i].crowd = crowd;
		crowd->senders[i].index = i;
		crowd->senders[i].buffers = zc_buffer(SLOTS * LARGEST);
		assert_non_null(crowd->senders[i].buffers);
	}
	for (i = 0; i < REAPERS; i++)
		crowd->reapers[i] = (struct reaper){ .crowd = crowd, .form = &reap_forms[i] };
}

static void crowd_start(struct crowd *crowd)
{
	uint32_t i;

	for (i = 0; i < PEERS; i++)
		pthread_create(&crowd->peers[i].thread, NULL, peer_run, &crowd->peers[i]);
	for (i = 0; i < REAPERS; i++)
		pthread_create(&crowd->reapers[i].thread, NULL, reaper_run, &crowd->reapers[i]);
	for (i = 0; i < SENDERS; i++)
		pthread_create(&crowd->senders[i].thread, NULL, sender_run, &crowd->senders[i]);
}

static void join_senders(struct crowd *crowd)
{
	uint32_t i;

	for (i = 0; i < SENDERS; i++)
		pthread_join(crowd->senders[i].thread, NULL);
}

static void join_others(struct crowd *crowd)
{
	uint32_t i;

	atomic_store(&crowd->stop, true);
	for (i = 0; i < REAPERS; i++)
		pthread_join(crowd->reapers[i].thread, NULL);
	for (i = 0; i < PEERS; i++)
		pthread_join(crowd->peers[i].thread, NULL);
}

static void crowd_free(struct crowd *crowd)
{
	uint32_t i;

	for (i = 0; i < SENDERS; i++)
		zc_buffer_free(crowd->senders[i].buffers, SLOTS * LARGEST);
	free(crowd->fate);
	free(crowd->arrived);
	if (crowd->fault[0])
		fail_msg("%s", crowd->fault);
}

static bool settled(const struct crowd *crowd)
{
	uint32_t sent = atomic_load(&crowd->sent), i;

	if (atomic_load(&crowd->received) < sent || atomic_load(&crowd->returned) < sent)
		return false;
	for (i = 0; i < PEERS; i++)
		if (atomic_load(&crowd->peers[i].replies) < atomic_load(&crowd->peers[i].replied))
			return false;
	return true;
}

/* Waits for what was sent to arrive, its cookies, and the replies. */
static void wait_settled(struct crowd *crowd, unsigned int ms)
{
	struct deadline deadline = deadline_in(ms);

	while (!atomic_load(&crowd->stop) && !deadline_over(&deadline) && !settled(crowd))
		deadline_step();
}

/* Everybody had a part in it. */
static void check_shares(struct crowd *crowd)
{
	uint32_t i, replied, replies;

	for (i = 0; i < REAPERS; i++) {
		print_message("# %u cookies by %s\n", crowd->reapers[i].count,
			      crowd->reapers[i].form->name);
		if (!crowd->fault[0] && !crowd->reapers[i].count)
			FAULT(crowd, "no cookie by %s", crowd->reapers[i].form->name);
	}
	for (i = 0; i < PEERS; i++) {
		replied = atomic_load(&crowd->peers[i].replied);
		replies = atomic_load(&crowd->peers[i].replies);
		if (!crowd->fault[0] && (!replies || replies != replied))
			FAULT(crowd, "%u of %u replies of peer %u came", replies, replied, i);
	}
}

/* From then on sends may fail. */
static void wait_sent(struct crowd *crowd, uint32_t count)
{
	struct deadline deadline = deadline_in(60000);

	while (atomic_load(&crowd->sent) < count && !atomic_load(&crowd->stop) &&
	       !deadline_over(&deadline))
		deadline_step();
	if (!crowd->fault[0] && atomic_load(&crowd->sent) < count)
		FAULT(crowd, "%u sent, not %u", atomic_load(&crowd->sent), count);
	atomic_store(&crowd->may_fail, true);
}

/* Argument: messages=N. */
static void crowd__each_cookie_once_each_message_home(void **state)
{
	static struct crowd crowd;
	const struct topology *topology = *state;
	uint32_t sent, received, returned;
	struct counters before;

	crowd_open(&crowd, state, (uint32_t)suite_argument("messages", 6000));
	watch_limit(100 + crowd.count / 500);
	assert_int_equal(counters_read(&topology->ns[0], &before), 0);
	crowd_start(&crowd);
	join_senders(&crowd);
	wait_settled(&crowd, DEADLINE_USUAL_MS);
	join_others(&crowd);
	sent = atomic_load(&crowd.sent);
	received = atomic_load(&crowd.received);
	returned = atomic_load(&crowd.returned);
	if (!crowd.fault[0] && (sent != crowd.count || received != sent || returned != sent))
		FAULT(&crowd, "%u sent, %u received, %u cookies", sent, received, returned);
	/* No other cause has that errno. */
	if (counter_moved(&topology->ns[0], &before, "cong_send_error") !=
	    atomic_load(&crowd.congested))
		FAULT(&crowd, "ENOBUFS %u times", atomic_load(&crowd.congested));
	check_shares(&crowd);
	crowd_free(&crowd);
}

static void crowd__zerocopy_off_in_the_middle(void **state)
{
	static struct crowd crowd;
	uint32_t sent, received, returned;

	crowd_open(&crowd, state, 6000);
	crowd_start(&crowd);
	wait_sent(&crowd, 1500);
	assert_int_equal(rds_set(crowd.fd, SOL_SOCKET, SO_ZEROCOPY, 0), 0);
	join_senders(&crowd);
	wait_settled(&crowd, DEADLINE_USUAL_MS);
	join_others(&crowd);
	sent = atomic_load(&crowd.sent);
	received = atomic_load(&crowd.received);
	returned = atomic_load(&crowd.returned);
	if (!crowd.fault[0] && (sent >= crowd.count || received != sent || returned != sent))
		FAULT(&crowd, "%u sent, %u received, %u cookies", sent, received, returned);
	crowd_free(&crowd);
}

/* What was sent before the close may or may not arrive; what arrives is right, nothing stays. */
static void crowd__close_in_the_middle(void **state)
{
	static struct crowd crowd;
	long pinned = zc_pinned_pages();
	int i;

	crowd_open(&crowd, state, 6000);
	crowd_start(&crowd);
	wait_sent(&crowd, 1500);
	topology_close(crowd.topology, crowd.fd);
	for (i = 0; i < 50; i++)	/* all of them go on with what is no socket any more */
		deadline_step();
	/* No cookie comes now: those who wait for a buffer would wait for ever. */
	atomic_store(&crowd.stop_sending, true);
	join_senders(&crowd);
	wait_settled(&crowd, 1000);
	join_others(&crowd);
	if (!crowd.fault[0] && atomic_load(&crowd.sent) >= crowd.count)
		FAULT(&crowd, "all was sent before the close");
	topology_close(crowd.topology, crowd.peers[PEER_BESIDE].fd);
	if (zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)))
		FAULT(&crowd, "%ld pages are still pinned", zc_pinned_pages() - pinned);
	crowd_free(&crowd);
}

/* bind, send, close from four threads at once (row 100): no errno but the honest ones. */
static void *churn(void *argument)
{
	struct crowd *crowd = argument;
	union rds_addr addr;
	int round, fd;

	for (round = 0; round < 100; round++) {
		addr = crowd->topology->near[0];
		fd = socket(crowd->fd, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (fd < 0 || rds_bind(fd, &addr))
			FAULT(crowd, "bind: %s", strerror(errno));
		if (rds_send(fd, &addr, sizeof(addr), &crowd->addr, MSG_DONTWAIT) < 0 &&
		    errno != EAGAIN && errno != ENOBUFS)
			FAULT(crowd, "send: %s", strerror(errno));
		close(fd);
	}
	return NULL;
}

static void crowd__sockets_come_and_go(void **state)
{
	static struct crowd crowd;
	pthread_t threads[4];
	struct ends ends = ends_open(state);
	int i;

	memset(&crowd, 0, sizeof(crowd));
	crowd.topology = *state;
	crowd.addr = ends.far;
	crowd.fd = module_family();
	netns_enter(&crowd.topology->ns[0]);	/* threads start in the namespace of their maker */
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, &crowd), 0);
	netns_home();
	for (i = 0; i < 4; i++) {
		while (rds_recv(ends.rx, &ends.near, sizeof(ends.near), NULL, MSG_DONTWAIT) >= 0)
			;
		pthread_join(threads[i], NULL);
	}
	if (crowd.fault[0])
		fail_msg("%s", crowd.fault);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "threads" };

	SUITE_ADD(&suite, crowd__each_cookie_once_each_message_home, variants_three_each);
	SUITE_ADD(&suite, crowd__zerocopy_off_in_the_middle, variants_three_each);
	SUITE_ADD(&suite, crowd__close_in_the_middle, variants_three_each);
	SUITE_ADD(&suite, crowd__sockets_come_and_go, variants_basic);
	SUITE_ADD(&suite, crowd__sockets_come_and_go, variants_any_nobody);
	return suite_run(&suite, argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/* Rows 1 to 7 and 97 to 101: sockets themselves, ioctls, and programs as a whole. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "conf.h"
#include "cred.h"
#include "diag.h"
#include "module.h"

static void row_001__anybody_opens_a_socket(void **state)
{
	int fd, error;

	(void)state;
	assert_int_equal(cred_become_nobody(), 0);
	fd = rds_socket();
	error = errno;
	assert_int_equal(cred_become_root(), 0);
	if (fd < 0)
		fail_msg("socket: %s", strerror(error));
	close(fd);
}

static void row_002__other_types_and_protocols_are_esocktnosupport(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM, SOCK_RAW };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(types); i++)
		answers(socket(module_family(), types[i], 0), ESOCKTNOSUPPORT);
	answers(socket(module_family(), SOCK_SEQPACKET, 6), ESOCKTNOSUPPORT);
}

static int option_of(int fd, int level, int option)
{
	socklen_t length = sizeof(int);
	int value = -1;

	answers(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

static void row_003__domain_type_and_protocol(void **state)
{
	int fd = rds_socket();

	(void)state;
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_DOMAIN), 21);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_TYPE), SOCK_SEQPACKET);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_PROTOCOL), 0);
	close(fd);
}

static void set_core_sysctl(const char *name, long value)
{
	char path[64];

	snprintf(path, sizeof(path), "net/core/%s", name);
	assert_int_equal(conf_sysctl(netns_here(), path, value), 0);
}

/* 7.x has another default than the older ones, so it is set here. */
static void row_004__default_buffers(void **state)
{
	struct topology *topology = *state;
	struct rds6_info_socket record;
	struct info info;
	struct stat stat;
	size_t i;
	int fd;

	set_core_sysctl("wmem_default", 212992);
	set_core_sysctl("rmem_default", 212992);
	fd = conf_socket(topology, &topology->ns[0]);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_SNDBUF), 212992);
	assert_int_equal(fstat(fd, &stat), 0);
	info = info_read(fd, RDS6_INFO_SOCKETS);
	assert_int_equal(info.each, 52);
	for (i = 0; i < info.count; i++) {
		memcpy(&record, info_record(&info, i), sizeof(record));
		if (record.inum == stat.st_ino)
			break;
	}
	if (i == info.count)
		fail_msg("the socket is not listed");
	assert_int_equal(record.sndbuf, RDS_DEFAULT_SPACE);
	assert_int_equal(record.rcvbuf, RDS_DEFAULT_SPACE);
	info_free(&info);
}

static void row_005__no_listen_accept_shutdown_socketpair_mmap(void **state)
{
	struct ends ends = conf_ends(state);
	int pair[2];

	answers(listen(ends.tx, 1), EOPNOTSUPP);
	answers(accept(ends.tx, NULL, NULL), EOPNOTSUPP);
	answers(shutdown(ends.tx, SHUT_RDWR), EOPNOTSUPP);
	answers(socketpair(module_family(), SOCK_SEQPACKET, 0, pair), EOPNOTSUPP);
	errno = 0;
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ, MAP_SHARED, ends.tx, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
}

/* write() adds MSG_EOR: in-tree refuses that flag, ours takes it. */
static void row_006__write_on_a_connected_socket(void **state)
{
	struct ends ends = conf_ends(state);
	struct iovec iov = { .iov_base = "data", .iov_len = 4 };

	answers(rds_connect(ends.tx, &ends.far), 0);
	if (in_tree()) {
		answers(write(ends.tx, "data", 4), EOPNOTSUPP);
		answers(writev(ends.tx, &iov, 1), EOPNOTSUPP);
	} else {
		returns(write(ends.tx, "data", 4), 4);
		returns(writev(ends.tx, &iov, 1), 4);
	}
	returns(send(ends.tx, "data", 4, 0), 4);
}

/* sendmmsg() adds MSG_BATCH to all but the last. */
static void row_007__sendmmsg(void **state)
{
	struct ends ends = conf_ends(state);
	struct iovec iov = { .iov_base = "data", .iov_len = 4 };
	struct mmsghdr two[2];
	size_t i;

	for (i = 0; i < 2; i++)
		two[i] = (struct mmsghdr){ .msg_hdr = {
			.msg_name = &ends.far,
			.msg_namelen = rds_addr_len(&ends.far),
			.msg_iov = &iov,
			.msg_iovlen = 1,
		} };
	if (in_tree())
		answers(sendmmsg(ends.tx, two, 2, 0), EOPNOTSUPP);
	else
		returns(sendmmsg(ends.tx, two, 2, 0), 2);
	returns(sendmmsg(ends.tx, two, 1, 0), 1);
}

static void expect_queue_ioctls(const struct ends *ends)
{
	int bytes = -1;

	if (in_tree()) {
		answers(ioctl(ends->rx, FIONREAD, &bytes), ENOTTY);
		answers(ioctl(ends->tx, SIOCOUTQ, &bytes), ENOTTY);
		return;
	}
	send_pattern(ends->tx, 77, 1, &ends->far);
	assert_int_equal(rds_wait(ends->rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN,
			 POLLIN);
	answers(ioctl(ends->rx, FIONREAD, &bytes), 0);
	assert_int_equal(bytes, 77);
	conf_wait_drained(ends->tx);
}

static void row_097__tos_and_queue_ioctls(void **state)
{
	struct topology *topology = *state;
	union rds_addr local = rds_addr("127.0.0.1", 0);
	struct ends ends = conf_ends(state);
	unsigned char room[64] = { 7 }; /* the core reads an ifreq where the command is unknown */
	int fresh = conf_socket(topology, &topology->ns[0]);
	int loop = topology_socket(topology, &topology->ns[0], &local);
	union rds_addr near;
	int unused = topology_near(topology, &near);

	answers(ioctl(fresh, SIOCRDSGETTOS, room), 0);
	assert_int_equal(room[0], 0);
	room[0] = 4;
	answers(ioctl(fresh, SIOCRDSSETTOS, room), ENOTTY);
	answers(ioctl(loop, SIOCRDSSETTOS, room), EITHER(0, ENOTTY));
	answers(ioctl(unused, SIOCRDSSETTOS, room), 0);
	answers(ioctl(unused, SIOCRDSGETTOS, room), 0);
	assert_int_equal(room[0], 0);
	answers(ioctl(unused, SIOCRDSSETTOS, NULL), EFAULT);
	answers(ioctl(unused, SIOCRDSGETTOS, NULL), EFAULT);
	send_pattern(unused, 5, 1, &ends.far);
	receive_pattern(ends.rx, 5, 1, &near);
	answers(ioctl(unused, SIOCRDSSETTOS, room), EINVAL);
	expect_queue_ioctls(&ends);
}

static void row_098__a_socket_lives_until_its_last_close(void **state)
{
	struct ends ends = conf_ends(state);
	int copy = dup(ends.rx), status;
	pid_t child;

	topology_close(ends.topology, ends.rx);
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(copy, 100, 1, &ends.near);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(0);
	assert_int_equal(waitpid(child, &status, 0), child);
	send_pattern(ends.tx, 100, 2, &ends.far);
	receive_pattern(copy, 100, 2, &ends.near);
	assert_int_equal(close(copy), 0);
	topology_socket(ends.topology, topology_far_ns(ends.topology, 0), &ends.far);
}

/* In-tree RDS may lose one (5.10, once in a slow run), and rds-ping does not wait for it either. */
#define PINGS EITHER(1, 3)

static bool pong_came(int fd, int wait_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	struct deadline deadline = deadline_in(wait_ms);
	socklen_t length = sizeof(union rds_addr);
	union rds_addr from;

	while (!deadline_over(&deadline)) {
		poll(&pollfd, 1, 1000);
		if (recvfrom(fd, NULL, 0, MSG_DONTWAIT, &from.sa, &length) == 0)
			return true;
		assert_true(errno == EAGAIN || errno == EINTR);
	}
	return false;
}

static void ping(int fd, const union rds_addr *to)
{
	int pings;

	for (pings = 0; pings < PINGS; pings++) {
		returns(sendto(fd, NULL, 0, 0, &to->sa, sizeof(to->in)), 0);
		if (pong_came(fd, DEADLINE_USUAL_MS / PINGS))
			return;
	}
	fail_msg("no pong");
}

/* ---- row 99 ---- */

#define EACH 200
#define SAME_PORT 4711

struct sender {
	int fd;
	union rds_addr to;
	uint32_t first;
	uint32_t sent;
};

static void *send_many(void *argument)
{
	struct sender *sender = argument;
	uint32_t number;

	for (; sender->sent < EACH; sender->sent++) {
		number = sender->first + sender->sent;
		if (rds_send(sender->fd, &number, sizeof(number), &sender->to, 0) != sizeof(number))
			break;
	}
	return NULL;
}

/* Takes what is there, counts what of it was for the other one; none may come twice. */
static size_t receive_some(int fd, uint32_t own, bool came[2][EACH], size_t *astray)
{
	uint32_t number, sender;
	size_t count = 0;

	while (rds_recv(fd, &number, sizeof(number), NULL, MSG_DONTWAIT) == sizeof(number)) {
		sender = number / EACH;
		assert_in_range(sender, 0, 1);
		if (came[sender][number % EACH])
			fail_msg("message %u of sender %u came twice", number % EACH, sender);
		came[sender][number % EACH] = true;
		*astray += sender != own;
		count++;
	}
	assert_int_equal(errno, EAGAIN);
	rds_wait(fd, POLLIN, (struct deadline){ .end_ms = clock_ms() + 50 });
	return count;
}

/* In-tree, what is sent while the lanes open may be lost: until there are no more of them. */
static void first_contacts(struct topology *topology, int fd)
{
	int count = 0, quiet = 0, now;
	union rds_addr to;
	size_t i;

	for (i = 0; i < 2; i++) {
		to = rds_addr_port(&topology->far[i], 0);
		ping(fd, &to);
	}
	while (quiet < 25) {
		now = diag_count(&topology->ns[0], RDS_TCP_PORT);
		quiet = now == count ? quiet + 1 : 0;
		count = now;
		usleep(20000);
	}
	while (rds_recv(fd, NULL, 0, NULL, MSG_DONTWAIT) == 0)
		continue;
}

/*
 * In-tree, a message of one thread may take the connection that another has just looked up. So
 * there both peers have the port, each message comes to one of the two, and how many went astray is
 * told.
 */
static void row_099__two_threads_and_two_peers(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr = topology->near[0];
	int tx = topology_socket(topology, &topology->ns[0], &addr), rx[2];
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	bool came[2][EACH] = { 0 };
	struct sender senders[2];
	size_t i, count = 0, astray = 0;
	pthread_t threads[2];

	for (i = 0; i < 2; i++) {
		addr = rds_addr_port(&topology->far[i], SAME_PORT);
		rx[i] = topology_socket(topology, &topology->ns[i + 1], &addr);
		senders[i] = (struct sender){ .fd = tx, .to = addr, .first = (uint32_t)i * EACH };
	}
	if (in_tree())
		first_contacts(topology, tx);
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_many, &senders[i]), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(senders[0].sent + senders[1].sent, 2 * EACH);
	while (count < 2 * EACH && !deadline_over(&deadline))
		for (i = 0; i < 2; i++)
			count += receive_some(rx[i], (uint32_t)i, came, &astray);
	print_message("# %zu astray, %zu lost\n", astray, 2 * EACH - count);
	assert_int_equal(count, 2 * EACH);
	if (!in_tree())
		assert_int_equal(astray, 0);
}

/* ---- row 100 ---- */

struct stress {
	struct topology *topology;
	volatile bool stop;
	volatile int fd;
	atomic_size_t sent, unbound, closed, wrong;
	atomic_int error;
};

static void *stress_sends(void *argument)
{
	struct stress *stress = argument;
	union rds_addr to = rds_addr_port(&stress->topology->far[0], 4712);
	char data[64] = { 0 };

	while (!stress->stop) {
		if (rds_send(stress->fd, data, sizeof(data), &to, MSG_DONTWAIT) >= 0) {
			stress->sent++;
		} else if (errno == ENOTCONN) {
			stress->unbound++;
		} else if (errno == EBADF) {
			stress->closed++;
		} else {
			stress->error = errno;
			stress->wrong++;
		}
	}
	return NULL;
}

/*
 * No other errno. So that there is no reason for one, the socket has room for all that can be sent
 * in its life, and nothing else that is opened meanwhile gets its number.
 */
static void row_100__bind_send_and_close_at_once(void **state)
{
	struct topology *topology = *state;
	struct stress stress = { .topology = topology, .fd = -1 };
	int family = module_family();
	struct deadline deadline = deadline_in(1500);
	union rds_addr addr;
	pthread_t threads[2];
	size_t i;
	int fd;

	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, stress_sends, &stress), 0);
	while (!deadline_over(&deadline)) {
		fd = netns_in(&topology->ns[0], socket(family, SOCK_SEQPACKET, 0));
		assert_true(fd >= 0);
		stress.fd = fd;
		assert_int_equal(rds_set_buffers(fd, 64 << 20, 0), 0);
		addr = topology->near[0];
		answers(rds_bind(fd, &addr), 0);
		answers(close(fd), 0);
	}
	stress.stop = true;
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	print_message("# %zu sent, %zu before the bind, %zu after the close\n", stress.sent,
		      stress.unbound, stress.closed);
	if (stress.wrong)
		fail_msg("%zu sends failed otherwise, last: %s", stress.wrong,
			 strerror(stress.error));
	assert_true(stress.sent > 0 && stress.unbound > 0 && stress.closed > 0);
}

/* ---- row 101: what stock tools do, by their own way of finding the numbers ---- */

static int stock_number(const char *path, int fallback)
{
	FILE *file = fopen(path, "r");
	int value = fallback;

	if (!file)
		return fallback;
	if (fscanf(file, "%i", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

#define PINGERS 8

static void stock_ping(int family, struct topology *topology)
{
	union rds_addr to = rds_addr_port(&topology->far[0], 0);
	union rds_addr addr = topology->near[0];
	int fds[PINGERS];
	size_t i;

	for (i = 0; i < PINGERS; i++) {
		fds[i] = netns_in(&topology->ns[0], socket(family, SOCK_SEQPACKET, 0));
		answers(fds[i], 0);
		answers(bind(fds[i], &addr.sa, sizeof(addr.in)), 0);
	}
	for (i = 0; i < PINGERS; i++) {
		ping(fds[i], &to);
		close(fds[i]);
	}
}

static void stock_info(int family, int level, struct topology *topology)
{
	static const struct { int option; int each; } lists[] = {
		{ RDS_INFO_TCP_SOCKETS, 41 }, { RDS_INFO_COUNTERS, 40 }, { RDS_INFO_SOCKETS, 28 },
		{ RDS_INFO_CONNECTIONS, 42 }, { RDS_INFO_RECV_MESSAGES, 26 },
		{ RDS_INFO_SEND_MESSAGES, 26 }, { RDS_INFO_RETRANS_MESSAGES, 26 },
	};
	int fd = netns_in(&topology->ns[0], socket(family, SOCK_SEQPACKET, 0));
	unsigned char *data = NULL;
	socklen_t room = 0, length;
	size_t i;
	int each;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		do {
			length = room;
			each = getsockopt(fd, level, lists[i].option, data, &length);
			if (each < 0 && errno == ENOSPC) {
				room = length;
				data = realloc(data, room);
			}
		} while (each < 0 && errno == ENOSPC);
		returns(each, lists[i].each);
	}
	free(data);
	close(fd);
}

static void row_101__programs_written_for_af_rds(void **state)
{
	struct topology *topology = *state;
	int family = stock_number("/proc/sys/net/rds/pf_rds", 21);
	int level = stock_number("/proc/sys/net/rds/sol_rds", SOL_RDS);
	union rds_addr far;

	/* Ours listens from the first bound socket on: a host without one does not answer pings. */
	topology_far(topology, &far);
	assert_int_equal(family, module_family());
	assert_int_equal(level, SOL_RDS);
	stock_ping(family, topology);
	stock_info(family, level, topology);
}

const struct row rows_socket[] = {
	ROW(STAGE_NONE, row_001__anybody_opens_a_socket),
	ROW(STAGE_NONE, row_002__other_types_and_protocols_are_esocktnosupport),
	ROW(STAGE_NONE, row_003__domain_type_and_protocol),
	ROW(STAGE_WIRE, row_004__default_buffers),
	ROW(STAGE_WIRE, row_005__no_listen_accept_shutdown_socketpair_mmap),
	ROW(STAGE_WIRE, row_006__write_on_a_connected_socket),
	ROW(STAGE_WIRE, row_007__sendmmsg),
	ROW(STAGE_WIRE, row_097__tos_and_queue_ioctls),
	ROW(STAGE_WIRE, row_098__a_socket_lives_until_its_last_close),
	ROW(STAGE_THREE, row_099__two_threads_and_two_peers),
	ROW(STAGE_WIRE, row_100__bind_send_and_close_at_once),
	ROW(STAGE_WIRE, row_101__programs_written_for_af_rds),
	{ 0 }
};

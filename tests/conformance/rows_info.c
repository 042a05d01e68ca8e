// SPDX-License-Identifier: GPL-2.0
/* Rows 89 to 96: the information lists of getsockopt. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "counters.h"
#include "diag.h"
#include "info_layout.h"
#include "pattern.h"

/* Members of packed records are copied before they are looked at. */
static bool is_mapped(struct in6_addr addr)
{
	return IN6_IS_ADDR_V4MAPPED(&addr);
}

static int probe(int fd, int option, void *buffer, socklen_t room, int *length)
{
	int rc = getsockopt(fd, SOL_RDS, option, buffer, &room);

	*length = (int)room;
	return rc;
}

/* In-tree from that version on. */
#define LAST_OF_7 "mprds_catchup_tx0_retries"

static void expect_counter_names(const unsigned char *data, size_t count)
{
	const struct rds_info_counter *counter = (const void *)data;
	size_t i, at = 0;

	for (i = 0; i < COUNTERS_IN_TREE; i++) {
		if (in_tree_before(7, 0) && !strcmp(counters_in_tree[i], LAST_OF_7))
			continue;
		assert_true(at < count);
		assert_string_equal((const char *)counter[at].name, counters_in_tree[i]);
		at++;
	}
	if (in_tree())
		assert_int_equal(at, count);
}

static void row_089__counters(void **state)
{
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]), need, length;
	unsigned char *data;

	answers(probe(fd, RDS_INFO_COUNTERS, NULL, 0, &need), ENOSPC);
	assert_true(need > 0 && need % 40 == 0);
	data = calloc(2, (size_t)need);
	answers(probe(fd, RDS_INFO_COUNTERS, data, (socklen_t)need - 1, &length), ENOSPC);
	assert_int_equal(length, need);
	returns(probe(fd, RDS_INFO_COUNTERS, data, (socklen_t)need, &length), 40);
	assert_int_equal(length, need);
	memset(data, 0x5a, (size_t)need * 2);
	returns(probe(fd, RDS_INFO_COUNTERS, data, (socklen_t)need * 2, &length), 40);
	assert_int_equal(length, need);
	assert_int_equal(data[need], 0x5a);
	expect_counter_names(data, (size_t)need / 40);
	free(data);
}

/* In-tree of 5.10 lists all namespaces, so only what never stays is empty there. */
static void row_090__an_empty_list(void **state)
{
	static const struct { int option, each; } lists[] = {
		{ RDS_INFO_RECV_MESSAGES, 26 }, { RDS6_INFO_RECV_MESSAGES, 50 },
		{ RDS_INFO_SEND_MESSAGES, 26 }, { RDS_INFO_RETRANS_MESSAGES, 26 },
		{ RDS6_INFO_SEND_MESSAGES, 50 }, { RDS6_INFO_RETRANS_MESSAGES, 50 },
		{ RDS_INFO_CONNECTIONS, 42 }, { RDS6_INFO_CONNECTIONS, 65 },
	};
	size_t i, count = in_tree_before(6, 1) ? 2 : ARRAY_SIZE(lists);
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]), length;

	for (i = 0; i < count; i++) {
		returns(probe(fd, lists[i].option, NULL, 0, &length), lists[i].each);
		assert_int_equal(length, 0);
	}
}

static ino_t inode_of(int fd)
{
	struct stat stat;

	assert_int_equal(fstat(fd, &stat), 0);
	return stat.st_ino;
}

static const struct rds_info_socket *find_socket(const struct info *info, int fd)
{
	const struct rds_info_socket *record;
	size_t i;

	for (i = 0; i < info->count; i++) {
		record = info_record(info, i);
		if (record->inum == inode_of(fd))
			return record;
	}
	return NULL;
}

static const struct rds6_info_socket *find_socket6(const struct info *info, int fd)
{
	const struct rds6_info_socket *record;
	size_t i;

	for (i = 0; i < info->count; i++) {
		record = info_record(info, i);
		if (record->inum == inode_of(fd))
			return record;
	}
	return NULL;
}

static void row_091__sockets(void **state)
{
	struct ends ends = ends_open(state);
	int unbound = conf_socket(ends.topology, &ends.topology->ns[0]);
	union rds_addr near6 = rds_addr("fd77:1::1", 0);
	const struct rds6_info_socket *six;
	const struct rds_info_socket *four;
	struct info list, list6;
	int v6;

	conf_add_v6(ends.topology);
	v6 = topology_socket(ends.topology, &ends.topology->ns[0], &near6);
	answers(rds_connect(ends.tx, &ends.far), 0);
	assert_int_equal(rds_set_buffers(ends.tx, 50000, 60000), 0);
	list = info_read(unbound, RDS_INFO_SOCKETS);
	list6 = info_read(unbound, RDS6_INFO_SOCKETS);
	assert_int_equal(list.each, 28);
	assert_int_equal(list6.each, 52);
	if (!in_tree_before(6, 1)) {
		assert_int_equal(list.count, 1);
		assert_int_equal(list6.count, 3);
	}
	assert_null(find_socket(&list, unbound));
	assert_null(find_socket(&list, v6));
	four = find_socket(&list, ends.tx);
	assert_non_null(four);
	assert_int_equal(four->sndbuf, 50000);
	assert_int_equal(four->rcvbuf, 60000);
	assert_int_equal(four->bound_addr, ends.near.in.sin_addr.s_addr);
	assert_int_equal(four->bound_port, ends.near.in.sin_port);
	assert_int_equal(four->connected_addr, ends.far.in.sin_addr.s_addr);
	assert_int_equal(four->connected_port, ends.far.in.sin_port);
	six = find_socket6(&list6, unbound);
	assert_non_null(six);
	assert_true(IN6_IS_ADDR_UNSPECIFIED(&six->bound_addr));
	six = find_socket6(&list6, ends.tx);
	assert_non_null(six);
	assert_true(is_mapped(six->bound_addr));
	assert_int_equal(six->bound_port, ends.near.in.sin_port);
	assert_int_equal(six->sndbuf, 50000);
	six = find_socket6(&list6, v6);
	assert_non_null(six);
	assert_true(IN6_ARE_ADDR_EQUAL(&six->bound_addr, &near6.in6.sin6_addr));
	info_free(&list);
	info_free(&list6);
}

static struct rds_info_connection connection_to(int fd, const union rds_addr *from,
						const union rds_addr *to)
{
	struct info info = info_read(fd, RDS_INFO_CONNECTIONS);
	struct rds_info_connection record;
	size_t i;

	assert_int_equal(info.each, 42);
	for (i = 0; i < info.count; i++) {
		memcpy(&record, info_record(&info, i), sizeof(record));
		if (record.laddr == from->in.sin_addr.s_addr &&
		    record.faddr == to->in.sin_addr.s_addr) {
			info_free(&info);
			return record;
		}
	}
	fail_msg("the connection is not listed");
	return record;
}

static void expect_transport(const struct rds_info_connection *record, const char *name)
{
	char want[TRANSNAMSIZ] = { 0 };

	memcpy(want, name, strlen(name));
	assert_memory_equal(record->transport, want, TRANSNAMSIZ);
}

/* Only the first lane is shown, and one port in eight is of it. */
#define PORTS 100

/*
 * One message each from as many ports as it takes until the numbers of both ends have gone on.
 * (Up to 6.12 the two ends of in-tree need not agree which lane is the first.)
 */
static void expect_numbers_go_on(struct ends *ends)
{
	struct rds_info_connection near = connection_to(ends->tx, &ends->near, &ends->far);
	struct rds_info_connection far = connection_to(ends->rx, &ends->far, &ends->near);
	bool sent = false, received = false;
	struct rds_info_connection now;
	union rds_addr from;
	uint32_t i;
	int fd;

	for (i = 0; i < PORTS && !(sent && received); i++) {
		fd = topology_near(ends->topology, &from);
		send_pattern(fd, 10, i, &ends->far);
		receive_pattern(ends->rx, 10, i, &from);
		now = connection_to(ends->tx, &ends->near, &ends->far);
		assert_true(now.next_tx_seq >= near.next_tx_seq);
		sent |= now.next_tx_seq > near.next_tx_seq;
		now = connection_to(ends->rx, &ends->far, &ends->near);
		assert_true(now.next_rx_seq >= far.next_rx_seq);
		received |= now.next_rx_seq > far.next_rx_seq;
	}
	assert_true(sent);
	assert_true(received);
}

static void row_092__connections(void **state)
{
	struct ends ends = conf_ends_talked(state);
	union rds_addr local = rds_addr("127.0.0.1", 0), nobody = nobody_home(ends.topology);
	struct rds_info_connection before, after;
	struct rds6_info_connection six;
	struct info info;
	int loop;

	before = connection_to(ends.tx, &ends.near, &ends.far);
	expect_transport(&before, "tcp");
	assert_int_equal(before.flags & ~RDS_INFO_CONNECTION_FLAG_SENDING,
			 RDS_INFO_CONNECTION_FLAG_CONNECTED);
	assert_int_equal(before.tos, 0);
	expect_numbers_go_on(&ends);

	answers(rds_send(ends.tx, "x", 1, &nobody, MSG_DONTWAIT), 0);
	after = connection_to(ends.tx, &ends.near, &nobody);
	assert_int_equal(after.flags & RDS_INFO_CONNECTION_FLAG_CONNECTED, 0);

	loop = topology_socket(ends.topology, &ends.topology->ns[0], &local);
	send_pattern(loop, 10, 6, &local);
	receive_pattern(loop, 10, 6, &local);
	before = connection_to(loop, &local, &local);
	expect_transport(&before, "loopback");
	send_pattern(loop, 10, 7, &local);
	receive_pattern(loop, 10, 7, &local);
	after = connection_to(loop, &local, &local);
	assert_true(after.next_tx_seq > before.next_tx_seq);
	assert_true(after.next_rx_seq > before.next_rx_seq);

	info = info_read(loop, RDS6_INFO_CONNECTIONS);
	assert_int_equal(info.each, 65);
	assert_true(info.count >= 3);
	memcpy(&six, info_record(&info, 0), sizeof(six));
	assert_true(is_mapped(six.laddr));
	info_free(&info);
}

/*
 * What the lists say of the messages of one socket, and their bytes. In-tree, the two lists of the
 * sending side have no addresses in their IPv4 form, only zeroes.
 */
static size_t own_messages(int fd, int option, const union rds_addr *from, const union rds_addr *to)
{
	struct info info = info_read(fd, option);
	bool zeroes = in_tree() && option != RDS_INFO_RECV_MESSAGES;
	struct rds_info_message record;
	size_t i, bytes = 0;

	assert_int_equal(info.each, 26);
	for (i = 0; i < info.count; i++) {
		memcpy(&record, info_record(&info, i), sizeof(record));
		if (record.lport != from->in.sin_port)
			continue;
		if (zeroes)
			assert_int_equal(record.laddr | record.faddr, 0);
		else if (record.laddr != from->in.sin_addr.s_addr ||
			 record.faddr != to->in.sin_addr.s_addr || record.fport != to->in.sin_port)
			fail_msg("list %d: from %08x to %08x, port %u", option,
				 ntohl(record.laddr), ntohl(record.faddr), ntohs(record.fport));
		assert_int_equal(record.flags, 0);
		assert_int_equal(record.tos, 0);
		bytes += record.len;
	}
	info_free(&info);
	return bytes;
}

static void row_093__messages(void **state)
{
	struct ends ends = conf_ends_talked(state);
	union rds_addr nobody = nobody_home(ends.topology);
	static char data[1000];
	struct rds6_info_message six;
	struct info info;
	int i;

	for (i = 1; i <= 3; i++)
		returns(rds_send(ends.tx, data, (size_t)i * 100, &nobody, MSG_DONTWAIT), i * 100);
	assert_int_equal(own_messages(ends.tx, RDS_INFO_SEND_MESSAGES, &ends.near, &nobody) +
			 own_messages(ends.tx, RDS_INFO_RETRANS_MESSAGES, &ends.near, &nobody),
			 600);
	send_pattern(ends.rx, 70, 1, &ends.near);
	send_pattern(ends.rx, 80, 2, &ends.near);
	while (own_messages(ends.tx, RDS_INFO_RECV_MESSAGES, &ends.near, &ends.far) < 150)
		deadline_step();
	assert_int_equal(own_messages(ends.tx, RDS_INFO_RECV_MESSAGES, &ends.near, &ends.far), 150);
	info = info_read(ends.tx, RDS6_INFO_RECV_MESSAGES);
	assert_int_equal(info.each, 50);
	assert_int_equal(info.count, 2);
	memcpy(&six, info_record(&info, 0), sizeof(six));
	assert_int_equal(six.len, 70);
	assert_int_equal(six.lport, ends.near.in.sin_port);
	assert_true(is_mapped(six.faddr));
	info_free(&info);
}

static void row_094__tcp_sockets(void **state)
{
	struct ends ends = conf_ends_talked(state);
	struct rds6_info_tcp_socket six;
	struct rds_info_tcp_socket record;
	struct info info;
	size_t i, ours = 0;

	info = info_read(ends.tx, RDS_INFO_TCP_SOCKETS);
	assert_int_equal(info.each, 41);
	for (i = 0; i < info.count; i++) {
		memcpy(&record, info_record(&info, i), sizeof(record));
		assert_true(record.local_port == htons(RDS_TCP_PORT) ||
			    record.peer_port == htons(RDS_TCP_PORT));
		ours += record.local_addr == ends.near.in.sin_addr.s_addr &&
			record.peer_addr == ends.far.in.sin_addr.s_addr;
	}
	assert_true(ours >= 1);
	if (!in_tree_before(6, 1))
		assert_int_equal(ours, info.count);
	info_free(&info);
	info = info_read(ends.tx, RDS6_INFO_TCP_SOCKETS);
	assert_int_equal(info.each, 64);
	assert_true(info.count >= ours);
	memcpy(&six, info_record(&info, 0), sizeof(six));
	assert_true(is_mapped(six.local_addr));
	info_free(&info);
}

/* 16 KiB, of which the list needs less. */
#define ROOM 16384

static void row_095__bad_and_unaligned_buffers(void **state)
{
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]), length, each;
	int bad = in_tree_before(7, 0) ? EAGAIN : EFAULT;
	unsigned char *pages = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(pages, MAP_FAILED);
	each = probe(fd, RDS_INFO_COUNTERS, pages + 4096 - 13, ROOM, &length);
	returns(each, 40);
	expect_counter_names(pages + 4096 - 13, (size_t)length / 40);
	assert_int_equal(mprotect(pages, 2 * ROOM, PROT_READ), 0);
	answers(probe(fd, RDS_INFO_COUNTERS, pages, ROOM, &length), bad);
	munmap(pages, 2 * ROOM);
	answers(probe(fd, RDS_INFO_COUNTERS, pages, ROOM, &length), bad);
}

/* A list that the kernel writes into the pages of a file is in the file, across two of them. */
static void bug_03__into_a_file_that_is_shared(void **state)
{
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]), length, file;
	char name[] = "/tmp/rows-info-XXXXXX";
	unsigned char *pages, *back = malloc(ROOM);
	const size_t at = 4096 - 13;

	file = mkstemp(name);
	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, ROOM), 0);
	pages = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	/* In the page tables to be read only, so that the kernel has to see that it writes. */
	assert_int_equal(pages[at] + pages[4096], 0);
	returns(probe(fd, RDS_INFO_COUNTERS, pages + at, ROOM - at, &length), 40);
	assert_true(length > 40);
	assert_int_equal(msync(pages, ROOM, MS_SYNC), 0);
	munmap(pages, ROOM);
	close(file);
	file = open(name, O_RDONLY | O_CLOEXEC);
	unlink(name);
	returns(pread(file, back, ROOM, 0), ROOM);
	expect_counter_names(back + at, (size_t)length / 40);
	close(file);
	free(back);
}

static void row_096__lists_that_do_not_exist_and_other_namespaces(void **state)
{
	static const int none[] = { 10002, 10008, 10009, 10010, 10017 };
	struct ends ends = conf_ends_talked(state);
	struct info info, six;
	int length;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(none); i++)
		answers(probe(ends.tx, none[i], NULL, 0, &length), ENOPROTOOPT);
	info = info_read(ends.tx, RDS_INFO_SOCKETS);
	six = info_read(ends.tx, RDS6_INFO_SOCKETS);
	assert_non_null(find_socket(&info, ends.tx));
	assert_non_null(find_socket6(&six, ends.tx));
	if (in_tree_before(6, 1)) {
		assert_non_null(find_socket(&info, ends.rx));
		assert_non_null(find_socket6(&six, ends.rx));
	} else {
		assert_null(find_socket(&info, ends.rx));
		assert_null(find_socket6(&six, ends.rx));
	}
	info_free(&info);
	info_free(&six);
}

const struct row rows_info[] = {
	ROW(STAGE_WIRE, row_089__counters),
	ROW(STAGE_WIRE, row_090__an_empty_list),
	ROW(STAGE_WIRE, row_091__sockets),
	ROW(STAGE_WIRE, row_092__connections),
	ROW(STAGE_WIRE, row_093__messages),
	ROW(STAGE_WIRE, row_094__tcp_sockets),
	ROW(STAGE_WIRE, row_095__bad_and_unaligned_buffers),
	ROW(STAGE_WIRE, bug_03__into_a_file_that_is_shared),
	ROW(STAGE_WIRE, row_096__lists_that_do_not_exist_and_other_namespaces),
	{ 0 }
};

// SPDX-License-Identifier: GPL-2.0
/* Rows 84 to 88: socket options of level SOL_RDS. */
#include <string.h>

#include "conf.h"

static char bytes[256];

static int set_bytes(int fd, int option, size_t length)
{
	return setsockopt(fd, SOL_RDS, option, bytes, (socklen_t)length);
}

static int get_length(int fd, int level, int option, int *value, int ask, int *length)
{
	socklen_t room = (socklen_t)ask;
	int rc = getsockopt(fd, level, option, value, &room);

	*length = (int)room;
	return rc;
}

/* In-tree up to 6.12 takes a negative length for a large one. */
static void row_084__recverr(void **state)
{
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]);
	int values[2] = { 0 }, length;

	answers(rds_set(fd, SOL_RDS, RDS_RECVERR, 5), 0);
	answers(get_length(fd, SOL_RDS, RDS_RECVERR, values, 8, &length), 0);
	assert_int_equal(values[0], 1);
	assert_int_equal(length, 4);
	answers(get_length(fd, SOL_RDS, RDS_RECVERR, values, 3, &length), EINVAL);
	answers(get_length(fd, SOL_RDS, RDS_RECVERR, values, -1, &length),
	       in_tree_before(7, 0) ? 0 : EINVAL);
	answers(set_bytes(fd, RDS_RECVERR, 2), EINVAL);
	answers(setsockopt(fd, SOL_RDS, RDS_RECVERR, NULL, 4), EFAULT);
	answers(get_length(fd, SOL_RDS, RDS_RECVERR, NULL, 4, &length), EFAULT);
	answers(getsockopt(fd, SOL_RDS, RDS_RECVERR, values, NULL), EFAULT);
	answers(rds_set(fd, SOL_RDS, RDS_RECVERR, 0), 0);
	answers(get_length(fd, SOL_RDS, RDS_RECVERR, values, 4, &length), 0);
	assert_int_equal(values[0], 0);
}

static int transport_of(int fd)
{
	int value = 99, length;

	answers(get_length(fd, SOL_RDS, SO_RDS_TRANSPORT, &value, 4, &length), 0);
	assert_int_equal(length, 4);
	return value;
}

static void row_085__transport_is_chosen_once(void **state)
{
	struct ends ends = ends_open(state);
	int fd = conf_socket(ends.topology, &ends.topology->ns[0]);
	int home = conf_socket(ends.topology, netns_here());
	int value, length;

	assert_int_equal(transport_of(fd), -1);
	answers(get_length(fd, SOL_RDS, SO_RDS_TRANSPORT, &value, 3, &length), EINVAL);
	answers(get_length(fd, SOL_RDS, SO_RDS_TRANSPORT, NULL, 4, &length), EFAULT);
	answers(getsockopt(fd, SOL_RDS, SO_RDS_TRANSPORT, &value, NULL), EFAULT);
	answers(setsockopt(fd, SOL_RDS, SO_RDS_TRANSPORT, NULL, 4), EFAULT);
	assert_int_equal(transport_of(fd), -1);
	answers(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, 3), EINVAL);
	answers(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, -1), EINVAL);
	answers(set_bytes(fd, SO_RDS_TRANSPORT, 8), EINVAL);
	answers(set_bytes(fd, SO_RDS_TRANSPORT, 3), EINVAL);
	answers(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_IB), EPROTOTYPE);
	answers(rds_set(home, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_GAP), ENOPROTOOPT);
	answers(rds_set(home, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_IB), ENOPROTOOPT);
	answers(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), 0);
	assert_int_equal(transport_of(fd), RDS_TRANS_TCP);
	answers(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), EOPNOTSUPP);
	assert_int_equal(transport_of(ends.tx), RDS_TRANS_TCP);
	answers(rds_set(ends.tx, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), EOPNOTSUPP);
	answers(set_bytes(ends.tx, SO_RDS_TRANSPORT, 12), EOPNOTSUPP);
}

static void row_086__a_loopback_socket_says_transport_3(void **state)
{
	struct topology *topology = *state;
	union rds_addr local = rds_addr("127.0.0.1", 0);
	int fd = topology_socket(topology, &topology->ns[0], &local);

	assert_int_equal(transport_of(fd), 3);
}

static void row_087__memory_regions_are_not_for_tcp(void **state)
{
	struct ends ends = ends_open(state);
	int unbound = conf_socket(ends.topology, &ends.topology->ns[0]);

	memset(bytes, 0, sizeof(bytes));
	answers(set_bytes(ends.tx, RDS_GET_MR, 31), EINVAL);
	answers(set_bytes(ends.tx, RDS_GET_MR, 33), EINVAL);
	answers(set_bytes(ends.tx, RDS_GET_MR, 32), EOPNOTSUPP);
	answers(set_bytes(unbound, RDS_GET_MR, 32), ENOTCONN);
	answers(set_bytes(ends.tx, RDS_GET_MR_FOR_DEST, 159), EINVAL);
	answers(set_bytes(ends.tx, RDS_GET_MR_FOR_DEST, 160), EOPNOTSUPP);
	answers(set_bytes(unbound, RDS_GET_MR_FOR_DEST, 160), ENOTCONN);
	answers(set_bytes(ends.tx, RDS_FREE_MR, 15), EINVAL);
	answers(set_bytes(ends.tx, RDS_FREE_MR, 16), EINVAL);
	answers(set_bytes(unbound, RDS_FREE_MR, 16), EINVAL);
}

static void row_088__unknown_options_are_enoprotoopt(void **state)
{
	static const int unknown[] = { 0, 4, 9, 11, 10018, 10020, 30000 };
	static const int set_only[] = {
		RDS_CANCEL_SENT_TO, RDS_GET_MR, RDS_FREE_MR, RDS_CONG_MONITOR, RDS_GET_MR_FOR_DEST,
		SO_RDS_MSG_RXPATH_LATENCY, 29, 63,
	};
	struct ends ends = ends_open(state);
	int value = 0, length, option;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		answers(set_bytes(ends.tx, unknown[i], 4), ENOPROTOOPT);
		answers(get_length(ends.tx, SOL_RDS, unknown[i], &value, 4, &length), ENOPROTOOPT);
		assert_int_equal(length, 4);
	}
	for (i = 0; i < ARRAY_SIZE(set_only); i++)
		answers(get_length(ends.tx, SOL_RDS, set_only[i], &value, 4, &length), ENOPROTOOPT);
	for (option = RDS_INFO_FIRST; option <= RDS_INFO_LAST; option++)
		answers(set_bytes(ends.tx, option, 4), ENOPROTOOPT);
	answers(rds_set(ends.tx, 275, RDS_RECVERR, 1), ENOPROTOOPT);
	answers(get_length(ends.tx, 275, RDS_RECVERR, &value, 4, &length), ENOPROTOOPT);
}

const struct row rows_option[] = {
	ROW(STAGE_WIRE, row_084__recverr),
	ROW(STAGE_WIRE, row_085__transport_is_chosen_once),
	ROW(STAGE_WIRE, row_086__a_loopback_socket_says_transport_3),
	ROW(STAGE_WIRE, row_087__memory_regions_are_not_for_tcp),
	ROW(STAGE_WIRE, row_088__unknown_options_are_enoprotoopt),
	{ 0 }
};

// SPDX-License-Identifier: GPL-2.0
/* Rows 41 to 45: control messages of sendmsg. */
#include <string.h>

#include "conf.h"

/* One message of eight bytes with the control data. */
static ssize_t send_with(const struct ends *ends, const struct control *control, int flags)
{
	return control_send(ends->tx, "8 bytes", 8, &ends->far, control, flags);
}

/* One control message of a type with that many bytes of data. */
static ssize_t send_type(const struct ends *ends, int level, int type, const void *data,
			 size_t length)
{
	struct control control = { 0 };

	control_add(&control, level, type, data, length);
	return send_with(ends, &control, 0);
}

static ssize_t send_malformed(const struct ends *ends, int level, size_t claimed)
{
	struct control control = { 0 };
	struct cmsghdr *cmsg = (struct cmsghdr *)control.space;

	control_add(&control, level, 99, "data", 4);
	cmsg->cmsg_len = claimed;
	return send_with(ends, &control, 0);
}

static void row_041__malformed_control_messages_are_einval(void **state)
{
	static const int levels[] = { SOL_SOCKET, SOL_RDS, 0 };
	struct ends ends = conf_ends(state);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		answers(send_malformed(&ends, levels[i], 15), EINVAL);
		answers(send_malformed(&ends, levels[i], 4096), EINVAL);
	}
	returns(send_type(&ends, SOL_SOCKET, 99, "data", 4), 8);
}

static void row_042__types_that_are_not_for_sending_are_einval(void **state)
{
	static const int types[] = { 0, 4, 5, 10, 11, 13, 14, 99 };
	static const char zeroes[64];
	struct ends ends = conf_ends(state);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		answers(send_type(&ends, SOL_RDS, types[i], zeroes, sizeof(zeroes)), EINVAL);
}

static ssize_t send_rdma(const struct ends *ends, uint64_t remote, uint64_t count)
{
	static char memory[64];
	struct rds_iovec iov = { .addr = (uint64_t)(unsigned long)memory, .bytes = sizeof(memory) };
	struct rds_rdma_args args = {
		.remote_vec = { .addr = 0, .bytes = remote },
		.local_vec_addr = (uint64_t)(unsigned long)&iov,
		.nr_local = count,
	};

	return send_type(ends, SOL_RDS, RDS_CMSG_RDMA_ARGS, &args, sizeof(args));
}

/* Ours checks the size of the thing, and reads nothing in it. */
static void row_043__rdma_args(void **state)
{
	static const char zeroes[sizeof(struct rds_rdma_args)];
	struct ends ends = conf_ends(state);

	answers(send_type(&ends, SOL_RDS, RDS_CMSG_RDMA_ARGS, zeroes, sizeof(zeroes) - 1), EINVAL);
	answers(send_rdma(&ends, 64, 0), EITHER(EOPNOTSUPP, EINVAL));
	answers(send_rdma(&ends, 64, 1025), EITHER(EOPNOTSUPP, EMSGSIZE));
	answers(send_rdma(&ends, 2 << 20, 1), EITHER(EOPNOTSUPP, EMSGSIZE));
	answers(send_rdma(&ends, 64, 1), EOPNOTSUPP);
}

static ssize_t send_atomic(const struct ends *ends, int type, const void *local, size_t length)
{
	struct rds_atomic_args args = { .local_addr = (uint64_t)(unsigned long)local };

	return send_type(ends, SOL_RDS, type, &args, length);
}

static void row_044__rdma_dest_map_and_atomics(void **state)
{
	static const int atomics[] = {
		RDS_CMSG_ATOMIC_FADD, RDS_CMSG_ATOMIC_CSWP, RDS_CMSG_MASKED_ATOMIC_FADD,
		RDS_CMSG_MASKED_ATOMIC_CSWP,
	};
	static const char zeroes[sizeof(struct rds_get_mr_args)];
	struct ends ends = conf_ends(state);
	uint64_t local[2] = { 0 };
	rds_rdma_cookie_t cookie = 77;
	size_t i;

	answers(send_type(&ends, SOL_RDS, RDS_CMSG_RDMA_DEST, &cookie, 7), EINVAL);
	answers(send_type(&ends, SOL_RDS, RDS_CMSG_RDMA_DEST, &cookie, 8),
	       EITHER(EOPNOTSUPP, EINVAL));
	answers(send_type(&ends, SOL_RDS, RDS_CMSG_RDMA_MAP, zeroes, sizeof(zeroes) - 1), EINVAL);
	answers(send_type(&ends, SOL_RDS, RDS_CMSG_RDMA_MAP, zeroes, sizeof(zeroes)), EOPNOTSUPP);
	for (i = 0; i < ARRAY_SIZE(atomics); i++) {
		answers(send_atomic(&ends, atomics[i], local, 71), EINVAL);
		answers(send_atomic(&ends, atomics[i], local, 72), EOPNOTSUPP);
		answers(send_atomic(&ends, atomics[i], (char *)local + 1, 72),
		       EITHER(EOPNOTSUPP, EFAULT));
	}
}

/* An operation beside something that goes with data, whatever is in them. */
static void row_045__groups_do_not_mix(void **state)
{
	struct ends ends = conf_ends(state);
	struct rds_iovec iov = { .addr = (uint64_t)(unsigned long)&ends, .bytes = 8 };
	struct rds_rdma_args args = {
		.remote_vec.bytes = 8,
		.local_vec_addr = (uint64_t)(unsigned long)&iov,
		.nr_local = 1,
	};
	struct control rdma = { 0 }, atomic = { 0 };
	struct rds_atomic_args atomic_args = { 0 };
	rds_rdma_cookie_t cookie = 77;

	control_add(&rdma, SOL_RDS, RDS_CMSG_RDMA_ARGS, &args, sizeof(args));
	control_add(&rdma, SOL_RDS, RDS_CMSG_RDMA_DEST, &cookie, sizeof(cookie));
	answers(send_with(&ends, &rdma, 0), EINVAL);
	conf_zerocopy(ends.tx, 2);
	control_add(&atomic, SOL_RDS, RDS_CMSG_ATOMIC_FADD, &atomic_args, sizeof(atomic_args));
	control_add_cookie(&atomic, 1);
	answers(send_with(&ends, &atomic, MSG_ZEROCOPY), EINVAL);
}

const struct row rows_control[] = {
	ROW(STAGE_WIRE, row_041__malformed_control_messages_are_einval),
	ROW(STAGE_WIRE, row_042__types_that_are_not_for_sending_are_einval),
	ROW(STAGE_WIRE, row_043__rdma_args),
	ROW(STAGE_WIRE, row_044__rdma_dest_map_and_atomics),
	ROW(STAGE_WIRE, row_045__groups_do_not_mix),
	{ 0 }
};

// SPDX-License-Identifier: GPL-2.0
/*
 * What the core of sockets does for both: options that it keeps, ioctls that it answers itself, and
 * calls that it makes of others. None of it is on the checklist; programs may try all of it.
 */
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>

#include "conf.h"
#include "cred.h"
#include "pattern.h"

static char data[8192];

/* A message goes through, whatever was set, and comes with no control message. */
static void goes_through(const struct ends *ends, uint32_t stream)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct got got;

	send_pattern(ends->tx, 100, stream, &ends->far);
	do {	/* in-tree is readable once for a congestion map, too: row 77 */
		assert_int_equal(rds_wait(ends->rx, POLLIN, deadline) & POLLIN, POLLIN);
		got = get(ends->rx, data, sizeof(data), 512, MSG_DONTWAIT);
	} while (in_tree() && got.bytes < 0 && errno == EAGAIN);
	assert_int_equal(got.bytes, 100);
	assert_int_equal(pattern_check(data, 100, stream), -1);
	assert_int_equal(got_cmsgs(&got), 0);
}

/* lo exists in each namespace, and the messages do not go by it. */
static void core_options__bound_to_a_device(void **state)
{
	struct ends ends = conf_ends(state);
	char name[IFNAMSIZ] = "";
	socklen_t length = sizeof(name);

	answers(setsockopt(ends.tx, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	answers(setsockopt(ends.rx, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	answers(getsockopt(ends.tx, SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
	assert_string_equal(name, "lo");
	answers(setsockopt(ends.tx, SOL_SOCKET, SO_BINDTODEVICE, "none", 5), ENODEV);
	goes_through(&ends, 1);
}

/* A program that lets nothing through: r0 = 0; exit. */
static int nothing_passes(void)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uint64_t)(unsigned long)code,
		.insn_cnt = ARRAY_SIZE(code),
		.license = (uint64_t)(unsigned long)"GPL",
	};

	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static void core_options__filters(void **state)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &nothing };
	struct ends ends = conf_ends(state);
	bool raised = cred_raise();	/* not everybody may load one; to use it is another thing */
	int program = nothing_passes();

	cred_lower(raised);
	assert_true(program >= 0);
	answers(setsockopt(ends.rx, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), 0);
	goes_through(&ends, 1);
	answers(rds_set(ends.rx, SOL_SOCKET, SO_DETACH_FILTER, 0), 0);
	answers(rds_set(ends.rx, SOL_SOCKET, SO_DETACH_FILTER, 0), ENOENT);
	answers(rds_set(ends.rx, SOL_SOCKET, SO_ATTACH_BPF, program), 0);
	goes_through(&ends, 2);
	close(program);
}

/* A time at which a message shall go, an hour from now: it goes at once. */
static void core_options__time_and_polling(void **state)
{
	struct sock_txtime txtime = { .clockid = CLOCK_MONOTONIC };
	struct control control = { 0 };
	struct ends ends = conf_ends(state);
	struct timespec now;
	uint64_t later;

	answers(setsockopt(ends.tx, SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime)), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	later = (now.tv_sec + 3600) * 1000000000ULL;
	control_add(&control, SOL_SOCKET, SCM_TXTIME, &later, sizeof(later));
	pattern_fill(data, 100, 1);
	returns(control_send(ends.tx, data, 100, &ends.far, &control, 0), 100);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	/* Everybody may on 7.x, before that the privileged only. */
	if (rds_set(ends.rx, SOL_SOCKET, SO_BUSY_POLL, 50))
		assert_true(cred_is_nobody() && errno == EPERM);
	goes_through(&ends, 2);
}

static void core_options__timestamping(void **state)
{
	const int flags = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
			  SOF_TIMESTAMPING_SOFTWARE;
	struct ends ends = conf_ends(state);

	answers(rds_set(ends.tx, SOL_SOCKET, SO_TIMESTAMPING, flags), 0);
	answers(rds_set(ends.rx, SOL_SOCKET, SO_TIMESTAMPING, flags), 0);
	goes_through(&ends, 1);
	usleep(200000);
	answers(rds_recv(ends.tx, data, sizeof(data), NULL, MSG_ERRQUEUE | MSG_DONTWAIT), EAGAIN);
}

/* RDS_CONN_RESET of another vendor's kernels has the number of SO_RDS_TRANSPORT. */
static void core_options__vendors_reset(void **state)
{
	struct ends ends = conf_ends_talked(state);
	struct {
		uint8_t tos;
		struct in_addr from, to;
	} reset = { .from = ends.near.in.sin_addr, .to = ends.far.in.sin_addr };
	uint64_t before = conf_counter(ends.tx, "conn_reset");

	assert_int_equal(sizeof(reset), 12);
	answers(setsockopt(ends.tx, SOL_RDS, 8, &reset, sizeof(reset)), EOPNOTSUPP);
	answers(setsockopt(conf_socket(ends.topology, &ends.topology->ns[0]), SOL_RDS, 8, &reset,
			   sizeof(reset)), EINVAL);
	goes_through(&ends, 1);
	assert_int_equal(conf_counter(ends.tx, "conn_reset"), before);
}

static void core_ioctls__answered_by_the_core(void **state)
{
	struct ends ends = conf_ends(state);
	struct ifreq ifreq = { .ifr_name = "lo" };
	struct ifconf ifconf = { .ifc_len = sizeof(data), .ifc_buf = data };
	struct ifreq room = { 0 };
	int on = 1;

	answers(ioctl(ends.rx, FIONBIO, &on), 0);
	assert_int_equal(fcntl(ends.rx, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	answers(rds_recv(ends.rx, data, sizeof(data), NULL, 0), EAGAIN);
	answers(ioctl(ends.rx, SIOCATMARK, &room), ENOTTY);
	answers(ioctl(ends.rx, SIOCGSTAMP_OLD, &room), ENOTTY);
	answers(ioctl(ends.rx, SIOCGSTAMPNS_OLD, &room), ENOTTY);
	answers(ioctl(ends.rx, SIOCGSTAMP_NEW, &room), ENOTTY);
	answers(ioctl(ends.rx, SIOCGIFINDEX, &ifreq), 0);
	assert_true(ifreq.ifr_ifindex > 0);
	answers(ioctl(ends.rx, SIOCGIFCONF, &ifconf), 0);
	assert_true(ifconf.ifc_len > 0);
	answers(ioctl(ends.rx, SIOCGIFFLAGS, &ifreq), 0);
	answers(ioctl(ends.rx, SIOCGIFADDR, &ifreq), ENOTTY);
}

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
	signals += signal == SIGIO;
}

/* Whoever asks for SIGIO may; neither RDS ever sends one. */
static void core_ioctls__owner_and_close_on_exec(void **state)
{
	struct ends ends = conf_ends(state);
	struct sigaction action = { .sa_handler = count_signal }, old;
	int owner = getpid(), on = 1;

	answers(ioctl(ends.rx, FIOCLEX), 0);
	assert_int_equal(fcntl(ends.rx, F_GETFD), FD_CLOEXEC);
	answers(ioctl(ends.rx, FIONCLEX), 0);
	assert_int_equal(fcntl(ends.rx, F_GETFD), 0);
	answers(ioctl(ends.rx, FIOSETOWN, &owner), 0);
	owner = 0;
	answers(ioctl(ends.rx, SIOCGPGRP, &owner), 0);
	assert_int_equal(owner, getpid());
	assert_int_equal(sigaction(SIGIO, &action, &old), 0);
	answers(ioctl(ends.rx, FIOASYNC, &on), 0);
	goes_through(&ends, 1);
	usleep(200000);
	assert_int_equal(signals, 0);
	assert_int_equal(sigaction(SIGIO, &old, NULL), 0);
}

/* A file of so many bytes of a stream. */
static int file_of(size_t length, uint32_t stream)
{
	char name[] = "/tmp/rows-core-XXXXXX";
	bool raised = cred_raise();
	int fd = mkstemp(name);

	if (fd >= 0)
		unlink(name);
	cred_lower(raised);
	assert_true(fd >= 0);
	pattern_fill(data, length, stream);
	returns(write(fd, data, length), length);
	returns(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* From 6.5 on pages of files come with a flag that neither takes. */
static bool takes_pages(void)
{
	return kernel_before(6, 5);
}

static void core_calls__sendfile(void **state)
{
	struct ends ends = conf_ends(state);
	int file = file_of(3000, 1);

	assert_int_equal(rds_connect(ends.tx, &ends.far), 0);
	if (takes_pages()) {
		returns(sendfile(ends.tx, file, NULL, 3000), 3000);
		receive_pattern(ends.rx, 3000, 1, &ends.near);
	} else {
		answers(sendfile(ends.tx, file, NULL, 3000), EOPNOTSUPP);
	}
	close(file);
}

/* From a socket into a pipe, and from a pipe into a socket. */
static void core_calls__splice(void **state)
{
	struct ends ends = conf_ends(state);
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(rds_connect(ends.tx, &ends.far), 0);
	send_pattern(ends.tx, 2000, 1, &ends.far);
	returns(splice(ends.rx, NULL, pipes[1], NULL, 4000, 0), 2000);
	returns(read(pipes[0], data, sizeof(data)), 2000);
	assert_int_equal(pattern_check(data, 2000, 1), -1);
	pattern_fill(data, 1000, 2);
	returns(write(pipes[1], data, 1000), 1000);
	if (takes_pages()) {
		returns(splice(pipes[0], NULL, ends.tx, NULL, 1000, 0), 1000);
		receive_pattern(ends.rx, 1000, 2, &ends.near);
	} else {
		answers(splice(pipes[0], NULL, ends.tx, NULL, 1000, 0), EOPNOTSUPP);
	}
	close(pipes[0]);
	close(pipes[1]);
}

static void core_calls__recvmmsg(void **state)
{
	struct ends ends = conf_ends(state);
	struct iovec iov[3];
	struct mmsghdr list[3] = { 0 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		iov[i] = (struct iovec){ data + i * 1000, 1000 };
		list[i].msg_hdr.msg_iov = &iov[i];
		list[i].msg_hdr.msg_iovlen = 1;
	}
	send_pattern(ends.tx, 500, 1, &ends.far);
	send_pattern(ends.tx, 600, 2, &ends.far);
	returns(recvmmsg(ends.rx, list, 2, 0, NULL), 2);
	assert_int_equal(list[0].msg_len, 500);
	assert_int_equal(list[1].msg_len, 600);
	assert_int_equal(pattern_check(data, 500, 1), -1);
	assert_int_equal(pattern_check(data + 1000, 600, 2), -1);
	send_pattern(ends.tx, 700, 3, &ends.far);
	returns(recvmmsg(ends.rx, list, 3, MSG_WAITFORONE, NULL), 1);
	assert_int_equal(list[0].msg_len, 700);
}

const struct row rows_core[] = {
	ROW(STAGE_WIRE, core_options__bound_to_a_device),
	ROW(STAGE_WIRE, core_options__filters),
	ROW(STAGE_WIRE, core_options__time_and_polling),
	ROW(STAGE_WIRE, core_options__timestamping),
	ROW(STAGE_WIRE, core_options__vendors_reset),
	ROW(STAGE_WIRE, core_ioctls__answered_by_the_core),
	ROW(STAGE_WIRE, core_ioctls__owner_and_close_on_exec),
	ROW(STAGE_WIRE, core_calls__sendfile),
	ROW(STAGE_WIRE, core_calls__splice),
	ROW(STAGE_WIRE, core_calls__recvmmsg),
	{ 0 }
};

// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile programs: three threads make any call on the same sockets, with lengths at their limits
 * and pointers to where nothing is, while others close what they work on and signals come. No call
 * may fail with a number that rds_zc(7) does not have for it; in the end no page is pinned or
 * charged, and two ordinary sockets still understand each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "ends.h"
#include "fuzz.h"
#include "module.h"
#include "suite.h"
#include "zc.h"

#define CALLERS 3
#define SOCKETS 12
#define PAGE 4096
#define MEMORY (4 << 20)	/* of each caller */
#define NOTHING (MEMORY + PAGE)	/* behind a page that is there: one that cannot be touched, */
#define CONSTANT (NOTHING + PAGE)	/* and one that cannot be written */
#define USUAL 70000		/* bytes, of a buffer */
#define PORTS 4000		/* the first of a few that are tried most */
#define KICK_MS 10

struct calls;

struct caller {
	pthread_t thread;
	struct calls *calls;
	struct random random;
	unsigned char *memory;		/* MEMORY, and the pages behind it */
	union rds_addr home, away;	/* in its namespace, and mostly not */
	uint64_t made, good;
};

struct calls {
	struct topology *topology;
	struct deadline end;
	struct caller callers[CALLERS];
	atomic_int fds[SOCKETS];
	union rds_addr addrs[4];	/* odd ones */
	int family;
	atomic_int running;
	pthread_mutex_t lock;		/* of what follows */
	char fault[128];		/* the first one */
};

static int some_fd(struct caller *caller)
{
	return atomic_load(&random_of(&caller->random, caller->calls->fds));
}

/* ---- where there may be nothing ---- */

/* Mostly memory of the caller, for so many bytes. */
static void *some_place(struct caller *caller, size_t length)
{
	struct random *random = &caller->random;

	switch (random_below(random, 24)) {
	case 0:
		return NULL;
	case 1:
		return (void *)0xffff888000001000;	/* of the kernel */
	case 2:
		return caller->memory + CONSTANT;
	case 3:		/* ends in the midst of it */
		return caller->memory + NOTHING -
			random_below(random, length < PAGE ? (uint32_t)length + 1 : PAGE);
	default:
		if (length > MEMORY)
			return caller->memory;
		return caller->memory + random_below(random, (uint32_t)(MEMORY - length) + 1);
	}
}

static size_t some_length(struct caller *caller, size_t usual)
{
	if (random_once_in(&caller->random, 16))
		return random_edge(&caller->random, random_once_in(&caller->random, 8) ? 64 : 21);
	return random_below(&caller->random, (uint32_t)usual + 1);
}

static socklen_t some_addr(struct caller *caller, union rds_addr *addr)
{
	static const uint16_t ports[] = { 0, 1, PORTS, PORTS + 1, PORTS + 2, PORTS + 3 };
	struct random *random = &caller->random;

	*addr = random_once_in(random, 3) ? caller->home : caller->away;
	if (random_once_in(random, 8))
		*addr = random_of(random, caller->calls->addrs);
	*addr = rds_addr_port(addr, random_of(random, ports));
	if (random_once_in(random, 16))
		addr->sa.sa_family = (sa_family_t)random_edge(random, 16);
	if (random_once_in(random, 32))
		random_fill(random, addr, sizeof(addr->in6));
	if (random_once_in(random, 16))
		return (socklen_t)random_edge(random, random_once_in(random, 4) ? 32 : 8);
	return rds_addr_len(addr);
}

/* ---- what may be answered ---- */

/* Any of the numbers in the list, which ends with 0, or that another thread has closed it. */
static void judge(struct caller *caller, const char *name, long result, const int *allowed)
{
	struct calls *calls = caller->calls;
	int error = errno;

	caller->made++;
	if (result >= 0)
		caller->good++;
	if (result >= 0 || error == EBADF)
		return;
	while (*allowed && *allowed != error)
		allowed++;
	if (*allowed)
		return;
	pthread_mutex_lock(&calls->lock);
	if (!*calls->fault)
		snprintf(calls->fault, sizeof(calls->fault), "%s: %s", name, strerror(error));
	pthread_mutex_unlock(&calls->lock);
}

#define JUDGE(caller, name, call, ...) \
	judge(caller, name, call, (const int[]){ __VA_ARGS__, 0 })

/* ---- calls ---- */

static void call_socket(struct caller *caller)
{
	struct random *random = &caller->random;
	atomic_int *slot = &random_of(random, caller->calls->fds);
	union rds_addr home = rds_addr_port(&caller->home, (uint16_t)(PORTS +
							    random_below(random, 4)));
	int type = SOCK_SEQPACKET, protocol = 0;
	int fd, old;

	if (random_once_in(random, 16))
		type = (int)random_below(random, 16);
	if (random_once_in(random, 16))
		protocol = (int)random_edge(random, 32);
	fd = socket(caller->calls->family, type | SOCK_CLOEXEC, protocol);
	JUDGE(caller, "socket", fd, ESOCKTNOSUPPORT, EINVAL, ENOMEM);
	if (fd < 0)
		return;
	rds_set_timeouts(fd, 1 + random_below(random, 50));
	if (random_once_in(random, 2))
		zc_force(fd);
	if (!random_once_in(random, 4))
		rds_bind(fd, &home);
	old = atomic_exchange(slot, fd);
	if (old >= 0)
		close(old);
}

static void call_dup(struct caller *caller)
{
	int fd = fcntl(some_fd(caller), F_DUPFD_CLOEXEC, 0);
	int old;

	if (fd < 0)
		return;
	old = atomic_exchange(&random_of(&caller->random, caller->calls->fds), fd);
	if (old >= 0)
		close(old);
}

static void call_close(struct caller *caller)
{
	int fd = atomic_exchange(&random_of(&caller->random, caller->calls->fds), -1);

	if (fd >= 0)
		close(fd);
}

static void call_bind(struct caller *caller)
{
	union rds_addr addr;
	socklen_t length = some_addr(caller, &addr);

	JUDGE(caller, "bind", bind(some_fd(caller), &addr.sa, length),
	      EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENOPROTOOPT, ENOMEM, EFAULT);
}

static void call_connect(struct caller *caller)
{
	union rds_addr addr;
	socklen_t length = some_addr(caller, &addr);

	JUDGE(caller, "connect", connect(some_fd(caller), &addr.sa, length),
	      EAFNOSUPPORT, EDESTADDRREQ, EPROTOTYPE, EINVAL, EFAULT);
}

static size_t put_cmsgs(struct caller *caller, unsigned char *control, size_t room, int flags)
{
	struct random *random = &caller->random;
	struct cmsghdr *cmsg = (struct cmsghdr *)control;
	size_t used = 0;

	if ((flags & MSG_ZEROCOPY) && !random_once_in(random, 8)) {
		*cmsg = (struct cmsghdr){ CMSG_LEN(4), SOL_RDS, RDS_CMSG_ZCOPY_COOKIE };
		used = CMSG_SPACE(4);
	}
	while (random_once_in(random, 8) && used + CMSG_SPACE(16) <= room) {
		cmsg = (struct cmsghdr *)(control + used);
		*cmsg = (struct cmsghdr){
			random_once_in(random, 4) ? random_edge(random, 64) : CMSG_LEN(4),
			random_once_in(random, 4) ? SOL_SOCKET : SOL_RDS,
			(int)random_below(random, 20),
		};
		used += CMSG_SPACE(random_below(random, 17));
	}
	return random_once_in(random, 32) ? random_edge(random, 9) : used;
}

static int some_flags(struct caller *caller, const int *usual, size_t count)
{
	int flags = random_once_in(&caller->random, 4) ? 0 : MSG_DONTWAIT;

	if (random_once_in(&caller->random, 32))
		return (int)random_edge(&caller->random, 31);
	return flags | usual[random_below(&caller->random, (uint32_t)count)];
}

static size_t some_pieces(struct caller *caller, struct iovec *iov, size_t most)
{
	size_t count = random_below(&caller->random, (uint32_t)most + 1);
	size_t i;

	for (i = 0; i < count; i++) {
		iov[i].iov_len = some_length(caller, USUAL / most);
		iov[i].iov_base = some_place(caller, iov[i].iov_len);
	}
	return count;
}

static void call_sendmsg(struct caller *caller)
{
	static const int usual[] = { 0, 0, MSG_ZEROCOPY, MSG_ZEROCOPY, MSG_NOSIGNAL, MSG_EOR };
	unsigned char control[256] __attribute__((aligned(8))) = { 0 };
	struct random *random = &caller->random;
	int flags = some_flags(caller, usual, ARRAY_SIZE(usual));
	union rds_addr addr;
	struct iovec iov[4];
	struct msghdr msg = { .msg_iov = iov, .msg_control = control };

	msg.msg_iovlen = random_once_in(random, 64) ? random_edge(random, 64) :
		some_pieces(caller, iov, ARRAY_SIZE(iov));
	msg.msg_controllen = put_cmsgs(caller, control, sizeof(control), flags);
	if (!random_once_in(random, 4)) {
		msg.msg_namelen = some_addr(caller, &addr);
		msg.msg_name = random_once_in(random, 32) ? some_place(caller, 28) : &addr;
	}
	JUDGE(caller, "sendmsg", sendmsg(some_fd(caller), &msg, flags | MSG_NOSIGNAL),
	      EAGAIN, EFAULT, EINTR, EINVAL, EMSGSIZE, ENOBUFS, ENOMEM, ENOTCONN, EOPNOTSUPP,
	      ETIMEDOUT);
}

static void call_write(struct caller *caller)
{
	size_t length = some_length(caller, 4000);

	JUDGE(caller, "write", write(some_fd(caller), some_place(caller, length), length),
	      EAGAIN, EFAULT, EINTR, EINVAL, EMSGSIZE, ENOBUFS, ENOMEM, ENOTCONN, ETIMEDOUT,
	      EOPNOTSUPP);
}

static void call_recvmsg(struct caller *caller)
{
	static const int usual[] = { 0, 0, MSG_ERRQUEUE, MSG_PEEK, MSG_ERRQUEUE | MSG_PEEK,
				     MSG_TRUNC, MSG_WAITALL };
	struct random *random = &caller->random;
	int flags = some_flags(caller, usual, ARRAY_SIZE(usual));
	struct iovec iov[4];
	struct msghdr msg = { .msg_iov = iov };

	msg.msg_iovlen = random_once_in(random, 64) ? random_edge(random, 64) :
		some_pieces(caller, iov, ARRAY_SIZE(iov));
	msg.msg_controllen = some_length(caller, 300);
	msg.msg_control = some_place(caller, msg.msg_controllen);
	msg.msg_namelen = (socklen_t)some_length(caller, 40);
	msg.msg_name = some_place(caller, msg.msg_namelen);
	JUDGE(caller, "recvmsg", recvmsg(some_fd(caller), &msg, flags),
	      EAGAIN, EFAULT, EINTR, EINVAL, EMSGSIZE, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH,
	      ENETUNREACH, ECONNRESET);
}

static int some_option(struct caller *caller)
{
	static const int known[] = {
		RDS_CANCEL_SENT_TO, RDS_GET_MR, RDS_FREE_MR, RDS_RECVERR, RDS_CONG_MONITOR,
		RDS_GET_MR_FOR_DEST, SO_RDS_TRANSPORT, SO_RDS_MSG_RXPATH_LATENCY,
		RDSZC_COMPLETION_MODE, RDSZC_PEER_ERROR, RDSZC_ZC_THRESHOLD, RDSZC_FEATURES,
		SO_TIMESTAMP,
	};
	struct random *random = &caller->random;

	if (random_once_in(random, 4))
		return RDS_INFO_FIRST + (int)random_below(random, 20);
	if (random_once_in(random, 8))
		return (int)random_edge(random, 32);
	return random_of(random, known);
}

static void call_setsockopt(struct caller *caller)
{
	struct random *random = &caller->random;
	socklen_t length = (socklen_t)some_length(caller, 40);
	unsigned char *value = some_place(caller, 64);
	union rds_addr addr;

	if (random_once_in(random, 4)) {
		length = some_addr(caller, &addr);
		value = (unsigned char *)&addr;
	} else if (value >= caller->memory && value < caller->memory + MEMORY) {
		*value = (unsigned char)random_edge(random, 8);
		memset(value + 1, 0, 63);
	}
	if (random_once_in(random, 3))
		length = sizeof(int);
	JUDGE(caller, "setsockopt", setsockopt(some_fd(caller), SOL_RDS, some_option(caller), value,
					       length),
	      EAGAIN, EFAULT, EINVAL, ENOMEM, ENOPROTOOPT, ENOSPC, ENOTCONN, EOPNOTSUPP,
	      EPROTOTYPE);
}

static void call_getsockopt(struct caller *caller)
{
	socklen_t length = (socklen_t)some_length(caller, 5000);
	void *value = some_place(caller, length);
	socklen_t *told = random_once_in(&caller->random, 32) ? some_place(caller, 4) : &length;

	JUDGE(caller, "getsockopt", getsockopt(some_fd(caller), SOL_RDS, some_option(caller), value,
					       told),
	      EAGAIN, EFAULT, EINVAL, ENOMEM, ENOPROTOOPT, ENOSPC, ENOTCONN, EOPNOTSUPP);
}

/* Of the kernel's own options, whose numbers are its own: only that nothing breaks. */
static void call_kernel_option(struct caller *caller)
{
	int option = (int)random_below(&caller->random, 96);
	int value[16] = { (int)random_edge(&caller->random, 32) };
	socklen_t length = random_once_in(&caller->random, 4) ? sizeof(value) : sizeof(int);

	if (random_once_in(&caller->random, 2))
		setsockopt(some_fd(caller), SOL_SOCKET, option, value, length);
	else
		getsockopt(some_fd(caller), SOL_SOCKET, option, value, &length);
}

static void call_ioctl(struct caller *caller)
{
	static const unsigned long commands[] = { SIOCINQ, SIOCOUTQ, SIOCRDSSETTOS, SIOCRDSGETTOS };
	struct random *random = &caller->random;
	unsigned long command = random_of(random, commands);

	if (random_once_in(random, 4))
		command = SIOCPROTOPRIVATE + random_below(random, 16);
	JUDGE(caller, "ioctl", ioctl(some_fd(caller), command, some_place(caller, 4)),
	      EFAULT, EINVAL, ENOTTY);
}

static void call_name(struct caller *caller)
{
	socklen_t length = (socklen_t)some_length(caller, 40);
	void *name = some_place(caller, length);

	if (random_once_in(&caller->random, 2))
		JUDGE(caller, "getsockname", getsockname(some_fd(caller), name, &length),
		      EFAULT, EINVAL);
	else
		JUDGE(caller, "getpeername", getpeername(some_fd(caller), name, &length),
		      ENOTCONN, EFAULT, EINVAL);
}

static void call_poll(struct caller *caller)
{
	struct pollfd ready[2] = {
		{ some_fd(caller), (short)random_bits(&caller->random), 0 },
		{ some_fd(caller), POLLIN | POLLOUT, 0 },
	};

	JUDGE(caller, "poll", poll(ready, 2, (int)random_below(&caller->random, 5)), EINTR);
}

static void call_of_streams(struct caller *caller)
{
	int fd = some_fd(caller);

	JUDGE(caller, "listen", listen(fd, 1), EOPNOTSUPP);
	JUDGE(caller, "accept", accept(fd, NULL, NULL), EOPNOTSUPP);
	JUDGE(caller, "shutdown", shutdown(fd, (int)random_below(&caller->random, 4)),
	      EOPNOTSUPP);
	JUDGE(caller, "mmap", (long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
}

static void make_call(struct caller *caller)
{
	static const struct {
		void (*make)(struct caller *caller);
		uint32_t weight;
	} calls[] = {
		{ call_sendmsg, 30 }, { call_recvmsg, 30 }, { call_bind, 4 }, { call_socket, 3 },
		{ call_setsockopt, 8 }, { call_getsockopt, 6 }, { call_connect, 3 },
		{ call_write, 4 }, { call_kernel_option, 2 }, { call_ioctl, 4 }, { call_name, 2 },
		{ call_poll, 3 }, { call_of_streams, 1 }, { call_dup, 1 }, { call_close, 1 },
	};
	uint32_t total = 0, choice;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		total += calls[i].weight;
	choice = random_below(&caller->random, total);
	for (i = 0; choice >= calls[i].weight; i++)
		choice -= calls[i].weight;
	calls[i].make(caller);
}

/* ---- the callers ---- */

static void *caller_run(void *arg)
{
	struct caller *caller = arg;

	while (!deadline_over(&caller->calls->end) && !*caller->calls->fault)
		make_call(caller);
	atomic_fetch_sub(&caller->calls->running, 1);
	return NULL;
}

/* Has its own memory, and lives in one of the namespaces. */
static void caller_start(struct calls *calls, size_t i, const struct fuzz *fuzz)
{
	struct topology *topology = calls->topology;
	struct caller *caller = &calls->callers[i];
	bool far = i % topology->count;

	*caller = (struct caller){
		.calls = calls, .random = random_from(fuzz->seed, i),
		.memory = zc_buffer(CONSTANT + PAGE),
		.home = far ? topology->far[0] : topology->near[0],
		.away = far ? topology->near[0] : topology->far[0],
	};
	assert_non_null(caller->memory);
	assert_int_equal(mprotect(caller->memory + NOTHING, PAGE, PROT_NONE), 0);
	assert_int_equal(mprotect(caller->memory + CONSTANT, PAGE, PROT_READ), 0);
	assert_int_equal(netns_enter(&topology->ns[far]), 0);
	assert_int_equal(pthread_create(&caller->thread, NULL, caller_run, caller), 0);
	assert_int_equal(netns_home(), 0);
}

static void caller_end(struct caller *caller)
{
	assert_int_equal(pthread_join(caller->thread, NULL), 0);
	print_message("# %lu calls, %lu of them did something\n", caller->made, caller->good);
	zc_buffer_free(caller->memory, CONSTANT + PAGE);
}

static void ignore(int signal)
{
	(void)signal;
}

/* Signals until they are done: some calls have no time limit of their own any more. */
static void kick_callers(struct calls *calls)
{
	struct sigaction action = { .sa_handler = ignore };
	struct timespec pause = { .tv_nsec = KICK_MS * 1000000L };
	size_t i = 0;

	sigaction(SIGUSR1, &action, NULL);
	while (atomic_load(&calls->running)) {
		nanosleep(&pause, NULL);
		pthread_kill(calls->callers[i++ % CALLERS].thread, SIGUSR1);
	}
}

static void nothing_is_charged(void)
{
	char line[128];
	FILE *status = fopen("/proc/self/status", "r");
	long kib;

	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "VmLck: %ld", &kib) == 1 || sscanf(line, "VmPin: %ld", &kib) == 1)
			assert_int_equal(kib, 0);
	fclose(status);
}

static void calls__of_hostile_programs(void **state)
{
	static struct calls calls;
	struct fuzz fuzz = fuzz_begin();
	struct topology *topology = *state;
	struct ends ends;
	size_t i;

	calls = (struct calls){
		.topology = topology, .end = fuzz.end, .running = CALLERS,
		.family = module_family(),
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.addrs = {
			rds_addr("127.0.0.1", 0), rds_addr("::1", 0), rds_addr("::", 0),
			rds_addr("10.77.1.77", 0),
		},
	};
	for (i = 0; i < SOCKETS; i++)
		atomic_init(&calls.fds[i], netns_in(&topology->ns[0], rds_socket()));
	for (i = 0; i < CALLERS; i++)
		caller_start(&calls, i, &fuzz);
	kick_callers(&calls);
	for (i = 0; i < CALLERS; i++)
		caller_end(&calls.callers[i]);
	for (i = 0; i < SOCKETS; i++)
		if (calls.fds[i] >= 0)
			close(calls.fds[i]);
	if (*calls.fault)
		fail_msg("%s, which the manual does not have", calls.fault);
	assert_int_equal(zc_wait_unpinned(0, deadline_in(DEADLINE_USUAL_MS)), 0);
	nothing_is_charged();
	ends = ends_open(state);
	ends_there_and_back(&ends, 3000, 1);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "fuzz_calls" };

	SUITE_ADD(&suite, calls__of_hostile_programs, variants_any_each);
	return suite_run(&suite, argc, argv);
}

// SPDX-License-Identifier: GPL-2.0
/* Requests to the peer program and its answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cred.h"
#include "deadline.h"
#include "link.h"
#include "remote.h"

/* The peer answers within the limit of a request; this is what the way may take. */
#define MARGIN_MS 20000

static int try_connect(const struct sockaddr_in *addr)
{
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		return fd;
	close(fd);
	return -1;
}

int remote_connect(struct remote *remote)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	const char *text = getenv("RDSZ_PEER_CTL");
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(REMOTE_PORT) };

	*remote = (struct remote){ .fd = -1 };
	if (!text || inet_pton(AF_INET, text, &addr.sin_addr) != 1) {
		fprintf(stderr, "no second VM: start this by tests/vm/run --peer\n");
		errno = ENXIO;
		return -1;
	}
	while ((remote->fd = try_connect(&addr)) < 0 && !deadline_over(&deadline))
		usleep(50000);
	return remote->fd < 0 ? -1 : 0;
}

void remote_close(struct remote *remote)
{
	if (remote->fd >= 0)
		close(remote->fd);
	remote->fd = -1;
}

static int start(struct remote *remote, const struct remote_request *request)
{
	unsigned int ms = request->limit_ms + MARGIN_MS * time_scale();
	struct timeval limit = { .tv_sec = ms / 1000 };
	ssize_t sent;

	if (setsockopt(remote->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return -1;
	sent = send(remote->fd, request, sizeof(*request), MSG_NOSIGNAL);
	return sent == sizeof(*request) ? 0 : -1;
}

static int finish(struct remote *remote, struct remote_reply *reply)
{
	ssize_t got = recv(remote->fd, reply, sizeof(*reply), MSG_WAITALL);

	if (got == sizeof(*reply) && !reply->error)
		return 0;
	if (got >= 0)
		errno = got == sizeof(*reply) ? reply->error : ECONNRESET;
	return -1;
}

static int call(struct remote *remote, const struct remote_request *request,
		struct remote_reply *reply)
{
	return start(remote, request) || finish(remote, reply) ? -1 : 0;
}

int remote_open(struct remote *remote, const union rds_addr *addr, int buffers)
{
	struct remote_request request = { .command = REMOTE_OPEN, .addr = *addr, .value = buffers };
	struct remote_reply reply;

	if (call(remote, &request, &reply))
		return -1;
	remote->addr = reply.addr;
	remote->pid = (int32_t)reply.value;
	return 0;
}

int remote_set(struct remote *remote, int level, int option, int value)
{
	struct remote_request request = {
		.command = REMOTE_OPTION,
		.level = level,
		.option = option,
		.value = value,
	};
	struct remote_reply reply;

	return call(remote, &request, &reply);
}

static int call_text(struct remote *remote, uint32_t command, const char *text,
		     struct remote_reply *reply)
{
	struct remote_request request = { .command = command };

	snprintf(request.text, sizeof(request.text), "%s", text);
	return call(remote, &request, reply);
}

int remote_add_address(struct remote *remote, const char *address)
{
	struct remote_reply reply;

	return call_text(remote, REMOTE_ADDRESS, address, &reply);
}

int remote_counter(struct remote *remote, const char *name, uint64_t *value)
{
	struct remote_reply reply;

	if (call_text(remote, REMOTE_COUNTER, name, &reply))
		return -1;
	*value = reply.value;
	return 0;
}

int remote_sysctl(struct remote *remote, const char *name, int value)
{
	struct remote_request request = { .command = REMOTE_SYSCTL, .value = value };
	struct remote_reply reply;

	snprintf(request.text, sizeof(request.text), "%s", name);
	return call(remote, &request, &reply);
}

int remote_filter(struct remote *remote, enum filter filter)
{
	struct remote_request request = { .command = REMOTE_FILTER, .value = (int32_t)filter };
	struct remote_reply reply;

	return call(remote, &request, &reply);
}

int remote_log_has(struct remote *remote, const char *text)
{
	struct remote_reply reply;

	return call_text(remote, REMOTE_LOG, text, &reply) ? -1 : (int)reply.value;
}

int remote_show(struct remote *remote, const char *command)
{
	struct remote_reply reply;

	return call_text(remote, REMOTE_SHOW, command, &reply);
}

void remote_restart(const char *mode)
{
	printf("RDSZ-ASK restart %s\n", mode);
	fflush(stdout);
}

int remote_kill(struct remote *remote, struct remote *other)
{
	struct remote_request request = { .command = REMOTE_KILL, .value = other->pid };
	struct remote_reply reply;

	return call(remote, &request, &reply);
}

static int start_flow(struct remote *remote, uint32_t command, const union rds_addr *addr,
		      const struct flow *flow, unsigned int limit_ms)
{
	struct remote_request request = {
		.command = command,
		.limit_ms = limit_ms * time_scale(),
		.addr = *addr,
		.flow = *flow,
	};

	return start(remote, &request);
}

int remote_try(struct remote *remote, const union rds_addr *to, uint32_t seed, uint32_t length)
{
	struct remote_request request = {
		.command = REMOTE_TRY,
		.addr = *to,
		.flow = { .seed = seed, .count = 1, .min = length, .max = length },
	};
	struct remote_reply reply;

	return call(remote, &request, &reply);
}

int remote_send_start(struct remote *remote, const union rds_addr *to, const struct flow *flow,
		      unsigned int limit_ms)
{
	return start_flow(remote, REMOTE_SEND, to, flow, limit_ms);
}

int remote_receive_start(struct remote *remote, const union rds_addr *from,
			 const struct flow *flow, unsigned int limit_ms)
{
	return start_flow(remote, REMOTE_RECEIVE, from, flow, limit_ms);
}

int remote_take_start(struct remote *remote, const union rds_addr *from, const struct flow *flow,
		      unsigned int limit_ms)
{
	return start_flow(remote, REMOTE_TAKE, from, flow, limit_ms);
}

int remote_echo_start(struct remote *remote, const union rds_addr *from, const struct flow *flow,
		      unsigned int limit_ms)
{
	return start_flow(remote, REMOTE_ECHO, from, flow, limit_ms);
}

int remote_finish(struct remote *remote, struct flow_result *result)
{
	struct remote_reply reply;

	if (finish(remote, &reply))
		return -1;
	*result = reply.result;
	return 0;
}

int remote_progress(struct remote *remote, struct flow_result *result)
{
	struct remote_request request = { .command = REMOTE_PROGRESS };
	struct remote_reply reply;

	if (call(remote, &request, &reply))
		return -1;
	*result = reply.result;
	return 0;
}

int remote_stop(struct remote *remote, uint32_t count, unsigned int limit_ms)
{
	struct remote_request request = {
		.command = REMOTE_STOP,
		.limit_ms = limit_ms * time_scale(),
		.flow.count = count,
	};

	return start(remote, &request);
}

/* ---- pairs ---- */

/*
 * How many pairs of addresses the programs of this VM have had; a link that was down has lost its
 * own.
 */
static unsigned int next_pair(bool v6)
{
	const char *path = v6 ? "/tmp/rdsz-pairs-v6" : "/tmp/rdsz-pairs-v4";
	bool raised = cred_raise();
	unsigned int used = 0;
	FILE *file;

	file = fopen(path, "r");
	if (file) {
		assert_int_equal(fscanf(file, "%u", &used), 1);
		fclose(file);
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%u\n", used + 1);
	assert_int_equal(fclose(file), 0);
	cred_lower(raised);
	return used;
}

/* So many of 10.77.0.0/24, then as many of the next one, and so on. */
#define V4_PAIRS 120

void remote_fresh_addresses(struct remote *remote, bool v6, bool larger, char near[64],
			    char far[64])
{
	unsigned int pair = next_pair(v6), i;

	assert_true(v6 || pair / V4_PAIRS < 256);
	for (i = 0; i < 2; i++) {
		char *text = larger == (i == 0) ? far : near;

		if (v6)
			snprintf(text, 64, "fd77::1:%x", 10 + 2 * pair + i);
		else
			snprintf(text, 64, "10.77.%u.%u", pair / V4_PAIRS,
				 10 + 2 * (pair % V4_PAIRS) + i);
	}
	assert_int_equal(link_add_address(netns_here(), "eth0", near, v6 ? 64 : 24), 0);
	assert_int_equal(remote_add_address(remote, far), 0);
}

static void open_sockets(struct pair *pair)
{
	if (remote_connect(&pair->remote) || remote_open(&pair->remote, &pair->far, PAIR_BUFFERS))
		fail_msg("no socket on the peer: %s", strerror(errno));
	pair->far = pair->remote.addr;
	pair->fd = rds_open(netns_here(), &pair->near);
	if (pair->fd < 0 || rds_set_buffers(pair->fd, PAIR_BUFFERS, PAIR_BUFFERS))
		fail_msg("no bound socket: %s", strerror(errno));
}

void pair_open(struct pair *pair, bool v6, bool larger)
{
	char near[64], far[64];
	struct remote helper;

	assert_int_equal(remote_connect(&helper), 0);
	remote_fresh_addresses(&helper, v6, larger, near, far);
	remote_close(&helper);
	pair->near = rds_addr(near, 0);
	pair->far = rds_addr(far, 0);
	open_sockets(pair);
}

void pair_open_beside(struct pair *pair, const struct pair *first)
{
	pair->near = rds_addr_port(&first->near, 0);
	pair->far = rds_addr_port(&first->far, 0);
	open_sockets(pair);
}

void pair_close(struct pair *pair)
{
	remote_close(&pair->remote);
	close(pair->fd);
}

void pair_wait_acked(const struct pair *pair)
{
	struct deadline deadline = deadline_in(3 * DEADLINE_USUAL_MS);
	int left = -1;

	while (!ioctl(pair->fd, SIOCOUTQ, &left) && left) {
		if (deadline_over(&deadline))
			fail_msg("%d bytes are not acknowledged by TCP", left);
		deadline_step();
	}
	assert_int_equal(left, 0);
}

void pair_reopen_far(struct pair *pair)
{
	char text[INET6_ADDRSTRLEN];
	const void *ip = pair->far.sa.sa_family == AF_INET ? (const void *)&pair->far.in.sin_addr :
							     (const void *)&pair->far.in6.sin6_addr;
	struct remote old = pair->remote;
	unsigned int tries = 0;

	/*
	 * The old life may still answer for a moment (it has the address), and its socket must not
	 * be closed by us: it would hand on what it holds back. The new one takes a while to boot.
	 */
	while (remote_connect(&pair->remote) || remote_add_address(&pair->remote,
			inet_ntop(pair->far.sa.sa_family, ip, text, sizeof(text)))) {
		remote_close(&pair->remote);
		if (++tries == 20)
			fail_msg("the peer does not come back: %s", strerror(errno));
		sleep(1);
	}
	remote_close(&old);
	if (remote_open(&pair->remote, &pair->far, PAIR_BUFFERS))
		fail_msg("no socket on the restarted peer: %s", strerror(errno));
}

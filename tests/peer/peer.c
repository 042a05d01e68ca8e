// SPDX-License-Identifier: GPL-2.0
/*
 * peer MODE: what the second VM runs. Each control connection is served by a process of its own,
 * one request after the other (tests/lib/remote.h); when the connection ends, so does the process,
 * and with it its socket. MODE is what the kernel has: rds_zc, intree, none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "counters.h"
#include "deadline.h"
#include "filter.h"
#include "link.h"
#include "module.h"
#include "pattern.h"
#include "reap.h"
#include "remote.h"

#define INTREE_FAMILY "21"

struct worker {
	int control;
	int fd;		/* the RDS socket, or -1 */
};

static void answer(struct worker *worker, const struct remote_reply *reply)
{
	if (send(worker->control, reply, sizeof(*reply), MSG_NOSIGNAL) != sizeof(*reply))
		exit(0);
}

static void answer_errno(struct worker *worker, int rc)
{
	answer(worker, &(struct remote_reply){ .error = rc ? errno : 0 });
}

static void read_request(struct worker *worker, struct remote_request *request)
{
	if (recv(worker->control, request, sizeof(*request), MSG_WAITALL) != sizeof(*request))
		exit(0);
}

static void serve_open(struct worker *worker, const struct remote_request *request)
{
	struct remote_reply reply = { .value = (uint64_t)getpid(), .addr = request->addr };

	if (worker->fd >= 0)
		close(worker->fd);
	worker->fd = rds_open(netns_here(), &reply.addr);
	if (worker->fd < 0 ||
	    (request->value && rds_set_buffers(worker->fd, request->value, request->value)))
		reply.error = errno;
	answer(worker, &reply);
}

static void serve_address(struct worker *worker, const struct remote_request *request)
{
	unsigned int prefix = strchr(request->text, ':') ? 64 : 24;

	answer_errno(worker, link_add_address(netns_here(), "eth0", request->text, prefix));
}

static void serve_counter(struct worker *worker, const struct remote_request *request)
{
	struct remote_reply reply = { .error = 0 };
	struct counters counters;

	int rc = module_family() == PF_RDS ? counters_of_socket(worker->fd, &counters) :
					     counters_read(netns_here(), &counters);

	if (rc || !counters_find(&counters, request->text, &reply.value))
		reply.error = ENOENT;
	answer(worker, &reply);
}

static void serve_kill(struct worker *worker, const struct remote_request *request)
{
	struct deadline deadline = deadline_in(5000);
	int rc = kill(request->value, SIGKILL);

	while (!rc && !kill(request->value, 0) && !deadline_over(&deadline))
		deadline_step();
	answer_errno(worker, rc);
}

static void serve_sysctl(struct worker *worker, const struct remote_request *request)
{
	char path[128];
	FILE *file;
	int rc = -1;

	snprintf(path, sizeof(path), "/proc/sys/%s", request->text);
	file = fopen(path, "w");
	if (file) {
		rc = fprintf(file, "%d\n", request->value) < 0 ? -1 : 0;
		if (fclose(file))
			rc = -1;
	}
	answer_errno(worker, rc);
}

static void serve_filter(struct worker *worker, const struct remote_request *request)
{
	answer_errno(worker, filter_set(netns_here(), RDS_TCP_PORT,
					(enum filter)request->value));
}

static void serve_log(struct worker *worker, const struct remote_request *request)
{
	static char log[1 << 18];
	int length = klogctl(3 /* read all */, log, sizeof(log) - 1);
	struct remote_reply reply = { .error = length < 0 ? errno : 0 };

	if (length >= 0) {
		log[length] = '\0';
		reply.value = strstr(log, request->text) != NULL;
	}
	answer(worker, &reply);
}

static void serve_send(struct worker *worker, const struct remote_request *request)
{
	struct remote_reply reply = { .error = 0 };

	flow_send(worker->fd, &request->addr, &request->flow, request->limit_ms, &reply.result);
	answer(worker, &reply);
}

static void serve_try(struct worker *worker, const struct remote_request *request)
{
	static unsigned char buffer[PATTERN_MAX];
	size_t length = flow_length(&request->flow, 0);
	ssize_t rc;

	pattern_fill(buffer, length, request->flow.seed);
	rc = rds_send(worker->fd, buffer, length, &request->addr, MSG_DONTWAIT);
	if (rc >= 0 && rc != (ssize_t)length)
		errno = EIO;
	answer_errno(worker, rc == (ssize_t)length ? 0 : -1);
}

/*
 * Sends back what is in the buffer of the receiver; it is not touched again before its cookie came.
 */
static void echo(struct worker *worker, struct flow_rx *rx)
{
	bool zerocopy = rx->flow.zerocopy && rx->length;
	uint32_t cookie = rx->result.messages;
	ssize_t rc;

	rc = zerocopy ? rds_send_zc(worker->fd, rx->buffer, rx->length, &rx->from, cookie, 0) :
			rds_send(worker->fd, rx->buffer, rx->length, &rx->from, 0);
	if (rc != (ssize_t)rx->length)
		rx->result.error = rc < 0 ? errno : EIO;
	else if (zerocopy && reap_until(worker->fd, &cookie, 1, NULL, deadline_in(20000)) != 1)
		rx->result.error = ETIMEDOUT;
}

/* A request that came while receiving: how far is it, or where shall it end? */
static void interrupt(struct worker *worker, struct flow_rx *rx, struct deadline *deadline)
{
	struct remote_request request;

	read_request(worker, &request);
	if (request.command == REMOTE_STOP) {
		rx->flow.count = request.flow.count;
		*deadline = deadline_in(request.limit_ms);
	} else if (request.command == REMOTE_PROGRESS) {
		answer(worker, &(struct remote_reply){ .result = rx->result });
	} else {
		answer(worker, &(struct remote_reply){ .error = EBUSY });
	}
}

static void receive_some(struct worker *worker, struct flow_rx *rx, bool back)
{
	int i;

	for (i = 0; i < 16 && !flow_rx_done(rx) && flow_rx_take(rx); i++)
		if (back)
			echo(worker, rx);
}

static void receive_all(struct worker *worker, struct flow_rx *rx,
			const struct remote_request *request)
{
	struct deadline deadline = deadline_in(request->limit_ms);
	bool back = request->command == REMOTE_ECHO;
	struct pollfd ready[] = {
		{ .fd = worker->control, .events = POLLIN },
		{ .fd = worker->fd, .events = POLLIN },
	};

	while (!flow_rx_done(rx)) {
		if (deadline_over(&deadline)) {
			rx->result.error = ETIMEDOUT;
			snprintf(rx->result.text, sizeof(rx->result.text),
				 "only %u of %u messages came", rx->result.messages,
				 rx->flow.count);
		}
		poll(ready, 2, 100);
		if (ready[0].revents)
			interrupt(worker, rx, &deadline);
		receive_some(worker, rx, back);
	}
	if (request->command != REMOTE_TAKE)
		flow_rx_expect_quiet(rx);
}

static void serve_receive(struct worker *worker, const struct remote_request *request)
{
	struct remote_reply reply = { .error = 0 };
	struct flow_rx rx;

	if (flow_rx_open(&rx, worker->fd, &request->addr, &request->flow)) {
		answer_errno(worker, -1);
		return;
	}
	receive_all(worker, &rx, request);
	reply.result = rx.result;
	flow_rx_close(&rx);
	answer(worker, &reply);
}

static void serve_one(struct worker *worker, const struct remote_request *request)
{
	switch (request->command) {
	case REMOTE_ADDRESS:
		serve_address(worker, request);
		break;
	case REMOTE_OPEN:
		serve_open(worker, request);
		break;
	case REMOTE_OPTION:
		answer_errno(worker, rds_set(worker->fd, request->level, request->option,
					     request->value));
		break;
	case REMOTE_SEND:
		serve_send(worker, request);
		break;
	case REMOTE_TRY:
		serve_try(worker, request);
		break;
	case REMOTE_RECEIVE:
	case REMOTE_TAKE:
	case REMOTE_ECHO:
		serve_receive(worker, request);
		break;
	case REMOTE_COUNTER:
		serve_counter(worker, request);
		break;
	case REMOTE_KILL:
		serve_kill(worker, request);
		break;
	case REMOTE_SYSCTL:
		serve_sysctl(worker, request);
		break;
	case REMOTE_FILTER:
		serve_filter(worker, request);
		break;
	case REMOTE_LOG:
		serve_log(worker, request);
		break;
	case REMOTE_SHOW:
		answer_errno(worker, system(request->text) ? -1 : 0);
		break;
	case REMOTE_CLOSE:
		answer_errno(worker, close(worker->fd));
		worker->fd = -1;
		break;
	default:
		answer(worker, &(struct remote_reply){ .error = EINVAL });
	}
}

/* A link-local address of the test has the number of eth0 there; it may be another one here. */
static void localize(union rds_addr *addr)
{
	if (addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr->in6.sin6_addr))
		addr->in6.sin6_scope_id = (uint32_t)link_index(netns_here(), "eth0");
}

static void __attribute__((noreturn)) serve(int control)
{
	struct worker worker = { .control = control, .fd = -1 };
	struct remote_request request;

	for (;;) {
		read_request(&worker, &request);
		localize(&request.addr);
		serve_one(&worker, &request);
	}
}

static int listen_for_tests(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(REMOTE_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 64))
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	int listener, control;

	if (argc > 1 && !strcmp(argv[1], "intree"))
		setenv("RDSZ_FAMILY", INTREE_FAMILY, 1);
	signal(SIGCHLD, SIG_IGN);	/* nobody waits for the workers */
	listener = listen_for_tests();
	if (listener < 0) {
		perror("peer: control port");
		return 1;
	}
	for (;;) {
		control = accept(listener, NULL, NULL);
		if (control >= 0 && fork() == 0) {
			close(listener);
			serve(control);
		}
		if (control >= 0)
			close(control);
	}
}

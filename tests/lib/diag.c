// SPDX-License-Identifier: GPL-2.0
/* sock_diag requests. */
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "cred.h"
#include "deadline.h"
#include "diag.h"
#include "netns.h"

#define STATE_ESTABLISHED 1
#define STATE_TIME_WAIT 6
#define STATE_LISTEN 10
#define FOUND_MAX 256

struct found {
	uint16_t port;
	int lane;	/* only this one, -1: all */
	const union rds_addr *local;	/* only established ones with this address, NULL: all */
	uint8_t ext;	/* what to ask for besides; TCP_INFO takes the lock of each socket */
	size_t count;
	struct inet_diag_sockid id[FOUND_MAX];
	uint8_t families[FOUND_MAX];
	uint32_t unacked[FOUND_MAX];
	uint32_t unread[FOUND_MAX];
	uint32_t window[FOUND_MAX];
};

/* By us. */
static bool is_dialled(const struct found *found, const struct inet_diag_sockid *id)
{
	return id->idiag_dport == htons(found->port);
}

static unsigned int lane_of(const struct found *found, const struct inet_diag_sockid *id)
{
	return ntohs(is_dialled(found, id) ? id->idiag_sport : id->idiag_dport) % DIAG_LANES;
}

/* An accepted IPv4 connection is one of a listener for both, and has mapped addresses. */
static bool is_local(const struct inet_diag_msg *message, const union rds_addr *local)
{
	const uint32_t *src = message->id.idiag_src;

	if (local->sa.sa_family == AF_INET6)
		return !memcmp(src, &local->in6.sin6_addr, sizeof(local->in6.sin6_addr));
	return src[message->idiag_family == AF_INET6 ? 3 : 0] == local->in.sin_addr.s_addr;
}

/* What the peer offers to take, by the last word that came of it. */
static int take_window(const struct nlattr *attr, void *data)
{
	struct tcp_info info = { 0 };
	size_t length = mnl_attr_get_payload_len(attr);

	if (mnl_attr_get_type(attr) != INET_DIAG_INFO)
		return MNL_CB_OK;
	memcpy(&info, mnl_attr_get_payload(attr), length < sizeof(info) ? length : sizeof(info));
	*(uint32_t *)data = info.tcpi_snd_wnd;
	return MNL_CB_OK;
}

static int on_socket(const struct nlmsghdr *header, void *data)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	struct found *found = data;

	if (message->id.idiag_sport != htons(found->port) &&
	    message->id.idiag_dport != htons(found->port))
		return MNL_CB_OK;
	if (found->lane >= 0 && lane_of(found, &message->id) != (unsigned int)found->lane)
		return MNL_CB_OK;
	if (found->local && (message->idiag_state != STATE_ESTABLISHED ||
			     !is_local(message, found->local)))
		return MNL_CB_OK;
	if (found->count < FOUND_MAX) {
		found->id[found->count] = message->id;
		found->unacked[found->count] = message->idiag_wqueue;
		found->unread[found->count] = message->idiag_rqueue;
		mnl_attr_parse(header, sizeof(*message), take_window, &found->window[found->count]);
		found->families[found->count++] = message->idiag_family;
	}
	return MNL_CB_OK;
}

static struct inet_diag_req_v2 *put_request(char *buffer, uint16_t type, uint16_t flags,
					    uint8_t family)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = 1;
	request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
	request->sdiag_family = family;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = ~(1u << STATE_TIME_WAIT | 1u << STATE_LISTEN);
	return request;
}

static int exchange(struct mnl_socket *socket, char *buffer, struct found *found)
{
	char answer[16384];
	unsigned int port = mnl_socket_get_portid(socket);
	ssize_t length;
	int rc;

	if (mnl_socket_sendto(socket, buffer, ((struct nlmsghdr *)buffer)->nlmsg_len) < 0)
		return -1;
	do {
		length = mnl_socket_recvfrom(socket, answer, sizeof(answer));
		if (length < 0)
			return -1;
		rc = mnl_cb_run(answer, (size_t)length, 1, port, on_socket, found);
	} while (rc == MNL_CB_OK);
	return rc;
}

static int dump(struct mnl_socket *socket, struct found *found)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	char buffer[512];
	size_t i;

	for (i = 0; i < 2; i++) {
		memset(buffer, 0, sizeof(buffer));
		put_request(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, families[i])->idiag_ext =
			found->ext;
		if (exchange(socket, buffer, found) < 0)
			return -1;
	}
	return 0;
}

/* One that has gone meanwhile (ENOENT) is as good as killed. */
static void destroy(struct mnl_socket *socket, struct found *found, size_t i)
{
	struct inet_diag_req_v2 *request;
	char buffer[512] = { 0 };

	request = put_request(buffer, SOCK_DESTROY, NLM_F_ACK, found->families[i]);
	request->id = found->id[i];
	exchange(socket, buffer, found);
}

static int run(const struct netns *ns, struct found *found, bool kill)
{
	bool raised = cred_raise();
	struct mnl_socket *socket = NULL;
	size_t i;
	int rc = -1;

	if (!netns_enter(ns)) {
		socket = mnl_socket_open(NETLINK_SOCK_DIAG);
		if (socket && !mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID))
			rc = dump(socket, found);
		for (i = 0; !rc && kill && i < found->count; i++)
			destroy(socket, found, i);
		if (socket)
			mnl_socket_close(socket);
		netns_home();
	}
	cred_lower(raised);
	return rc ? -1 : (int)found->count;
}

int diag_kill(const struct netns *ns, uint16_t port)
{
	struct found found = { .port = port, .lane = -1 };

	return run(ns, &found, true);
}

bool diag_kill_next(const struct netns *ns, uint16_t port)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int killed;

	for (;;) {
		killed = diag_kill(ns, port);
		if (killed || deadline_over(&deadline))
			return killed > 0;
		deadline_step();
	}
}

int diag_count(const struct netns *ns, uint16_t port)
{
	struct found found = { .port = port, .lane = -1 };

	return run(ns, &found, false);
}

int diag_kill_lane(const struct netns *ns, uint16_t port, unsigned int lane)
{
	struct found found = { .port = port, .lane = (int)lane };

	return run(ns, &found, true);
}

static int count_lanes(const struct netns *ns, struct found *found, unsigned int count[DIAG_LANES])
{
	int rc = run(ns, found, false);
	size_t i;

	memset(count, 0, DIAG_LANES * sizeof(*count));
	for (i = 0; i < found->count; i++)
		count[lane_of(found, &found->id[i])]++;
	return rc;
}

int diag_lanes(const struct netns *ns, uint16_t port, unsigned int count[DIAG_LANES])
{
	struct found found = { .port = port, .lane = -1 };

	return count_lanes(ns, &found, count);
}

int diag_lanes_of(const struct netns *ns, uint16_t port, const union rds_addr *local,
		  unsigned int count[DIAG_LANES])
{
	struct found found = { .port = port, .lane = -1, .local = local };

	return count_lanes(ns, &found, count);
}

int diag_dialled_of(const struct netns *ns, uint16_t port, const union rds_addr *local,
		    unsigned int *dialled)
{
	struct found found = { .port = port, .lane = -1, .local = local };
	int rc = run(ns, &found, false);
	size_t i;

	for (i = 0, *dialled = 0; i < found.count; i++)
		*dialled += is_dialled(&found, &found.id[i]);
	return rc;
}

int diag_lanes_unacked(const struct netns *ns, uint16_t port, uint64_t bytes[DIAG_LANES])
{
	struct found found = { .port = port, .lane = -1 };
	int rc = run(ns, &found, false);
	size_t i;

	memset(bytes, 0, DIAG_LANES * sizeof(*bytes));
	for (i = 0; i < found.count; i++)
		bytes[lane_of(&found, &found.id[i])] += found.unacked[i];
	return rc;
}

bool diag_wait_unacked(const struct netns *ns, uint16_t port, uint64_t min, uint64_t max)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t bytes[DIAG_LANES], sum;
	unsigned int i;

	for (;;) {
		if (diag_lanes_unacked(ns, port, bytes) < 0)
			return false;
		for (i = 0, sum = 0; i < DIAG_LANES; i++)
			sum += bytes[i];
		if (sum >= min && sum <= max)
			return true;
		if (deadline_over(&deadline))
			break;
		deadline_step();
	}
	printf("# %llu bytes in TCP\n", (unsigned long long)sum);
	return false;
}

long diag_unread(const struct netns *ns, uint16_t port)
{
	struct found found = { .port = port, .lane = -1 };
	long sum = 0;
	size_t i;

	if (run(ns, &found, false) < 0)
		return -1;
	for (i = 0; i < found.count; i++)
		sum += found.unread[i];
	return sum;
}

long diag_window(const struct netns *ns, uint16_t port)
{
	struct found found = {
		.port = port, .lane = -1, .ext = 1u << (INET_DIAG_INFO - 1),
	};

	return run(ns, &found, false) == 1 ? (long)found.window[0] : -1;
}

static bool one_each(const unsigned int count[DIAG_LANES])
{
	unsigned int i;

	for (i = 0; i < DIAG_LANES; i++)
		if (count[i] != 1)
			return false;
	return true;
}

bool diag_wait_lanes(const struct netns *ns, uint16_t port, const union rds_addr *local)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	unsigned int count[DIAG_LANES], i;

	for (;;) {
		if (diag_lanes_of(ns, port, local, count) == DIAG_LANES && one_each(count))
			return true;
		if (deadline_over(&deadline))
			break;
		deadline_step();
	}
	printf("# connections by lane:");
	for (i = 0; i < DIAG_LANES; i++)
		printf(" %u", count[i]);
	printf("\n");
	return false;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The lanes of rds_zc: which a run used, and ports that give each socket one of its own.
 *
 * A lane is a hash of both ports, and its seed another each time the modules of both ends are
 * loaded: which ports share a lane can only be tried. Netlink tells how many messages each lane has
 * sent, if root asks.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/rds_zc_netlink.h>

#include "bench.h"

#define PROBES		16	/* messages that show the lane of two ports */
#define PROBE_MS	300	/* until they are on their way */
#define UP_MS		3000	/* until there are all lanes */
#define TRIES		32	/* ports for a socket; each is on a free lane one time in eight */

struct lane {
	uint32_t peer, number;
	uint64_t sent;
	bool up;
};

struct lanes {
	struct lane *list;
	int n, room, up;
	uint32_t local;
};

static void add(struct lanes *l, const struct lane *lane)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->list = realloc(l->list, l->room * sizeof(*l->list));
		if (!l->list)
			abort();
	}
	l->list[l->n++] = *lane;
	l->up += lane->up;
}

static int of_lane(const struct nlattr *attr, void *arg)
{
	const struct nlattr **attrs = arg;

	if (mnl_attr_get_type(attr) <= RDSZC_A_PATH_MAX)
		attrs[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static bool ipv4(const struct nlattr *attr, uint32_t *address)
{
	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(*address))
		return false;
	memcpy(address, mnl_attr_get_payload(attr), sizeof(*address));
	return true;
}

static int row(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attrs[RDSZC_A_PATH_MAX + 1] = {};
	struct lanes *l = arg;
	struct lane lane = {};
	uint32_t local;

	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), of_lane, attrs);
	if (!ipv4(attrs[RDSZC_A_PATH_LOCAL_ADDR], &local) || local != l->local ||
	    !ipv4(attrs[RDSZC_A_PATH_PEER_ADDR], &lane.peer) || !attrs[RDSZC_A_PATH_LANE] ||
	    !attrs[RDSZC_A_PATH_STATE] || !attrs[RDSZC_A_PATH_NEXT_TX_SEQ])
		return MNL_CB_OK;
	lane.number = mnl_attr_get_u32(attrs[RDSZC_A_PATH_LANE]);
	lane.up = mnl_attr_get_u32(attrs[RDSZC_A_PATH_STATE]) == RDSZC_STATE_UP;
	lane.sent = mnl_attr_get_u64(attrs[RDSZC_A_PATH_NEXT_TX_SEQ]);
	add(l, &lane);
	return MNL_CB_OK;
}

static int of_family(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		*(uint16_t *)arg = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int family(const struct nlmsghdr *nlh, void *arg)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), of_family, arg);
}

/* One question, and all of its answer. */
static bool ask(struct mnl_socket *nl, uint16_t type, uint8_t command, const char *name,
		mnl_cb_t told, void *arg)
{
	char buffer[32768];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	ssize_t got;
	int ret;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | (name ? NLM_F_ACK : NLM_F_DUMP);
	nlh->nlmsg_seq = 1;
	genl->cmd = command;
	genl->version = 1;
	if (name)
		mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return false;
	do {
		got = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
		ret = got < 0 ? -1 : mnl_cb_run(buffer, got, 1, 0, told, arg);
	} while (ret > 0);
	return !ret;
}

/* Those from the address @local; false where nobody tells. */
static bool read_lanes(const char *local, struct lanes *l)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_GENERIC);
	uint16_t type = 0;
	bool good = nl && inet_pton(AF_INET, local, &l->local) == 1 &&
		!mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID);

	l->n = l->up = 0;
	good = good && ask(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, RDSZC_GENL_NAME, family, &type) &&
		ask(nl, type, RDSZC_CMD_PATH_GET, NULL, row, l);
	if (nl)
		mnl_socket_close(nl);
	return good && l->n;
}

static uint64_t sent_before(const struct lanes *l, const struct lane *lane)
{
	int i;

	for (i = 0; i < l->n; i++)
		if (l->list[i].peer == lane->peer && l->list[i].number == lane->number)
			return l->list[i].sent;
	return lane->sent;
}

/* Lanes that have sent @least since; the last of them goes to *@which. */
static int grown(const struct lanes *before, const struct lanes *after, uint64_t least,
		 struct lane *which)
{
	int i, n = 0;

	for (i = 0; i < after->n; i++) {
		const struct lane *lane = &after->list[i];

		if (lane->sent - sent_before(before, lane) < least)
			continue;
		n++;
		if (which)
			*which = *lane;
	}
	return n;
}

/* ---- which a run used ---- */

struct lanes *lanes_before(const struct spec *spec, const char *local)
{
	struct lanes *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	if (spec->proto == PROTO_RDS_ZC)
		read_lanes(local, l);
	return l;
}

/*
 * Lanes that are up, and those that carried a quarter of a socket's share or more: what else goes
 * by a lane is little. -1: nobody tells. Frees what lanes_before() had.
 */
void lanes_since(const struct spec *spec, const char *local, struct lanes *before,
		 struct outcome *o)
{
	uint64_t least = o->client.messages / spec->sockets / 4;
	struct lanes after = {};

	o->lanes_up = o->lanes_used = -1;
	if (before->n && read_lanes(local, &after)) {
		o->lanes_up = after.up;
		o->lanes_used = grown(before, &after, least ?: 1, NULL);
	}
	free(before->list);
	free(before);
	free(after.list);
}

/* ---- one for each socket ---- */

/*
 * A socket that has sent @messages from one port to the other, whose socket is there, or the peer
 * would not listen; it drops what comes. What is not on its way at a close is dropped, too.
 */
static int probe(const struct spec *spec, const char *local, const char *peer, uint16_t port,
		 uint16_t to, int messages)
{
	struct sockaddr_storage ss;
	socklen_t len = socket_address(spec, peer, to, &ss);
	int i, fd = socket_bound(spec, local, port);
	char text[MIN_SIZE] = {};

	for (i = 0; fd >= 0 && i < messages; i++)
		if (sendto(fd, text, sizeof(text), 0, (struct sockaddr *)&ss, len) < 0)
			perror("a message to find a lane");
	return fd;
}

static bool wait_for_lanes(const struct spec *spec, const char *local, const char *peer)
{
	int fd = probe(spec, local, peer, spec->port + 1 + MAX_SOCKETS, spec->port + 1, 1), ms;
	struct lanes l = {};

	if (fd < 0)
		return false;
	for (ms = 0; ms < UP_MS && l.up < LANES; ms += 50) {
		sleep_ms(50);
		read_lanes(local, &l);
	}
	if (l.up < LANES)
		fprintf(stderr, "%d lanes are up\n", l.up);
	free(l.list);
	sleep_ms(PROBE_MS);	/* until the peer knows, too */
	close(fd);
	return true;
}

/* The lane that the messages from one port to the other take, or -1. */
static int lane_of(const struct spec *spec, const char *local, const char *peer, uint16_t port,
		   uint16_t to)
{
	struct lanes before = {}, after = {};
	struct lane lane = {};
	int ms, fd, found = -1;

	read_lanes(local, &before);
	fd = probe(spec, local, peer, port, to, PROBES);
	for (ms = 0; fd >= 0 && ms < PROBE_MS && found < 0; ms += 10) {
		sleep_ms(10);
		if (read_lanes(local, &after) && grown(&before, &after, PROBES, &lane))
			found = (int)lane.number;
	}
	if (fd >= 0)
		close(fd);
	free(before.list);
	free(after.list);
	return found;
}

/*
 * Ports for the client's sockets; the server's are open, and nobody reads them yet. They are good
 * for as long as the modules stay, so once is enough.
 */
bool lanes_choose(const struct spec *spec, const char *local, const char *peer)
{
	unsigned int taken = 0;
	uint32_t i, try;
	int lane;

	if (!spec->own_lanes || spec->proto != PROTO_RDS_ZC || lane_ports[0])
		return true;
	if (!wait_for_lanes(spec, local, peer))
		return false;
	for (i = 0; i < spec->sockets; i++) {
		for (try = 0; try < TRIES && !lane_ports[i]; try++) {
			const uint16_t port = spec->port + 1 + MAX_SOCKETS + i + LANES * try;

			lane = lane_of(spec, local, peer, port, spec->port + 1 + i);
			if (lane < 0 || taken & 1u << lane)
				continue;
			taken |= 1u << lane;
			lane_ports[i] = port;
		}
		if (!lane_ports[i]) {
			fprintf(stderr, "no port of %u gives socket %u a lane of its own\n", TRIES,
				i);
			return false;
		}
	}
	sleep_ms(PROBE_MS);	/* until all of it has come */
	return true;
}

/* What came to find lanes, before the first request. */
void lanes_drain(const struct spec *spec, struct conn *const *conns)
{
	char text[MIN_SIZE];
	uint32_t i;

	for (i = 0; spec->own_lanes && spec->proto == PROTO_RDS_ZC && i < spec->sockets; i++)
		while (recv(conns[i]->fd, text, sizeof(text), MSG_DONTWAIT) >= 0)
			;
}

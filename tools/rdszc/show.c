// SPDX-License-Identifier: GPL-2.0
/*
 * show.c - the lists: sockets, conns, paths, messages; and info.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "rdszc.h"

static const char * const queues[] = { "send", "unacked", "receive" };
static const char * const payloads[] = { "none", "copied", "pinned", "lent", "network" };
static const char * const modes[] = { "both", "errqueue", "cmsg" };
static const char * const peers[] = { "unknown", "in-tree", "rds_zc" };

#define NAME(names, number) name_in(names, ARRAY_SIZE(names), number)

/* What the user wants to see; unset fields do not filter. */
struct filter {
	union address local, peer;
	bool has_local, has_peer, has_port, has_uid;
	bool has_transport, has_state, has_socket, has_queue;
	uint16_t port;
	uint32_t uid, transport, state, queue;
	uint64_t socket;
	bool congested;
};

static uint32_t choose(const char * const *names, size_t count, const char *word,
		       struct argp_state *state)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(names[i], word))
			return i;
	argp_error(state, "what is '%s'?", word);
	return 0;
}

static uint32_t parse_user(const char *word)
{
	const struct passwd *user = getpwnam(word);

	return user ? user->pw_uid : number_parse(word, "user", 0, UINT32_MAX);
}

enum { OPTION_CONGESTED = 0x600 };

static error_t parse_filter(int key, char *word, struct argp_state *state)
{
	struct filter *f = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = NULL;
		return 0;
	case 'l':
		f->local = address_parse(word, 0);
		f->has_local = true;
		return 0;
	case 'r':
		f->peer = address_parse(word, 0);
		f->has_peer = true;
		return 0;
	case 'p':
		f->port = number_parse(word, "port", 0, 65535);
		f->has_port = true;
		return 0;
	case 'u':
		f->uid = parse_user(word);
		f->has_uid = true;
		return 0;
	case 't':
		/* None is what only a socket has. */
		f->transport = choose(transports + 1, ARRAY_SIZE(transports) - 1, word, state) + 1;
		f->has_transport = true;
		return 0;
	case 's':
		f->state = choose(path_states, PATH_STATES, word, state);
		f->has_state = true;
		return 0;
	case 'i':
		f->socket = number_parse(word, "socket", 1, UINT64_MAX);
		f->has_socket = true;
		return 0;
	case 'q':
		f->queue = choose(queues, ARRAY_SIZE(queues), word, state);
		f->has_queue = true;
		return 0;
	case OPTION_CONGESTED:
		f->congested = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void put_address(struct nlmsghdr *request, int type, const union address *address)
{
	uint8_t bytes[16];

	mnl_attr_put(request, type, address_bytes(address, bytes), bytes);
}

static void record_endpoint(const struct attrs *a, const char *key, const char *port_key,
			    const char *title, int addr, int port)
{
	char text[64];

	if (settings.json) {
		if (!attr_has(a, addr))
			return;
		json_text(key, attr_address(a, addr));
		json_number(port_key, attr_number(a, port));
		return;
	}
	*text = '\0';
	if (attr_has(a, addr))
		snprintf(text, sizeof(text),
			 strchr(attr_address(a, addr), ':') ? "[%s]:%u" : "%s:%u",
			 attr_address(a, addr), (unsigned int)attr_number(a, port));
	record_text(key, title, text);
}

/* ---- sockets ---- */

static const struct {
	uint32_t flag;
	const char *name;
} socket_flags[] = {
	{ RDSZC_SOCKFLAG_BOUND, "bound" },
	{ RDSZC_SOCKFLAG_CONNECTED, "connected" },
	{ RDSZC_SOCKFLAG_CONGESTED, "congested" },
	{ RDSZC_SOCKFLAG_RECVERR, "recverr" },
	{ RDSZC_SOCKFLAG_CONG_MONITOR, "cong-monitor" },
	{ RDSZC_SOCKFLAG_ZEROCOPY, "zerocopy" },
	{ RDSZC_SOCKFLAG_PEER_ERROR, "peer-error" },
	{ RDSZC_SOCKFLAG_AF_RDS, "af-rds" },
};

static void socket_flag_text(uint32_t flags, char *text, size_t size)
{
	size_t i, n = 0;

	*text = '\0';
	for (i = 0; i < ARRAY_SIZE(socket_flags); i++)
		if (flags & socket_flags[i].flag)
			n += snprintf(text + n, n < size ? size - n : 0, "%s%s", n ? "," : "",
				      socket_flags[i].name);
}

static void show_socket(const struct attrs *a, void *arg)
{
	uint32_t flags = attr_number(a, RDSZC_A_SOCKET_FLAGS);
	const struct filter *f = arg;
	char words[128];

	if (f->congested && !(flags & RDSZC_SOCKFLAG_CONGESTED))
		return;
	if (!address_in_scope(&f->local, attr_number(a, RDSZC_A_SOCKET_SCOPE)))
		return;
	/* In the table the address says that it is bound. */
	if (!settings.json)
		flags &= ~(uint32_t)RDSZC_SOCKFLAG_BOUND;
	socket_flag_text(flags, words, sizeof(words));
	record_begin();
	record_number("id", "ID", attr_number(a, RDSZC_A_SOCKET_ID));
	record_number("inode", NULL, attr_number(a, RDSZC_A_SOCKET_INODE));
	record_number("uid", "UID", attr_number(a, RDSZC_A_SOCKET_UID));
	record_endpoint(a, "local", "local_port", "LOCAL", RDSZC_A_SOCKET_LOCAL_ADDR,
			RDSZC_A_SOCKET_LOCAL_PORT);
	record_endpoint(a, "peer", "peer_port", "PEER", RDSZC_A_SOCKET_PEER_ADDR,
			RDSZC_A_SOCKET_PEER_PORT);
	record_number("scope", NULL, attr_number(a, RDSZC_A_SOCKET_SCOPE));
	record_text("transport", "VIA", NAME(transports, attr_number(a, RDSZC_A_SOCKET_TRANSPORT)));
	record_number("snd_msgs", "SND-MSGS", attr_number(a, RDSZC_A_SOCKET_SND_MSGS));
	record_number("snd_bytes", "SND-BYTES", attr_number(a, RDSZC_A_SOCKET_SND_BYTES));
	record_number("snd_buf", NULL, attr_number(a, RDSZC_A_SOCKET_SND_BUF));
	record_number("rcv_msgs", "RCV-MSGS", attr_number(a, RDSZC_A_SOCKET_RCV_MSGS));
	record_number("rcv_bytes", "RCV-BYTES", attr_number(a, RDSZC_A_SOCKET_RCV_BYTES));
	record_number("rcv_mem", NULL, attr_number(a, RDSZC_A_SOCKET_RCV_MEM));
	record_number("rcv_buf", NULL, attr_number(a, RDSZC_A_SOCKET_RCV_BUF));
	record_number("cookies_pending", "PENDING", attr_number(a, RDSZC_A_SOCKET_COOKIES_PENDING));
	record_number("cookies_ready", "READY", attr_number(a, RDSZC_A_SOCKET_COOKIES_READY));
	record_number("cookies_copied", NULL, attr_number(a, RDSZC_A_SOCKET_COOKIES_COPIED));
	record_text("completion_mode", NULL,
		    NAME(modes, attr_number(a, RDSZC_A_SOCKET_COMPLETION_MODE)));
	record_signed("zc_threshold", NULL, (int32_t)attr_number(a, RDSZC_A_SOCKET_ZC_THRESHOLD));
	record_text("flags", "FLAGS", words);
	record_end();
}

static const struct argp_option socket_options[] = {
	{ "local", 'l', "ADDR", 0, "bound to this address", 0 },
	{ "port", 'p', "PORT", 0, "bound to this port", 0 },
	{ "uid", 'u', "USER", 0, "of this user, by name or number", 0 },
	{ "congested", OPTION_CONGESTED, NULL, 0, "only those that take no more messages", 0 },
	{ 0 }
};

int command_sockets(int argc, char **argv)
{
	static const struct argp argp = { socket_options, parse_filter, NULL,
		"Sockets of this network namespace: one's own, with CAP_NET_ADMIN all.",
		common_options, NULL, NULL };
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;
	struct filter f = { 0 };
	struct nl nl;

	argp_parse(&argp, argc, argv, 0, NULL, &f);
	nl_open(&nl);
	request = nl_request(&nl, buffer, RDSZC_CMD_SOCKET_GET, NLM_F_DUMP);
	if (f.has_local)
		put_address(request, RDSZC_A_SOCKET_LOCAL_ADDR, &f.local);
	if (f.has_port)
		mnl_attr_put_u16(request, RDSZC_A_SOCKET_LOCAL_PORT, f.port);
	if (f.has_uid)
		mnl_attr_put_u32(request, RDSZC_A_SOCKET_UID, f.uid);
	nl_dump(&nl, request, show_socket, &f);
	records_end();
	nl_close(&nl);
	return EXIT_OK;
}

/* ---- conns, paths ---- */

static const char *why(const struct attrs *a, char *text, size_t size)
{
	uint32_t reason = attr_number(a, RDSZC_A_PATH_REASON);
	uint32_t error = attr_number(a, RDSZC_A_PATH_ERROR);

	*text = '\0';
	if (reason && error)
		snprintf(text, size, "%s: %s", name_in(path_reasons, PATH_REASONS, reason),
			 strerror(error));
	else if (reason)
		snprintf(text, size, "%s", name_in(path_reasons, PATH_REASONS, reason));
	return text;
}

static void record_load(const char *key, const char *title, uint64_t msgs, uint64_t bytes)
{
	char names[2][32], text[64];

	if (settings.json) {
		snprintf(names[0], sizeof(names[0]), "%s_msgs", key);
		snprintf(names[1], sizeof(names[1]), "%s_bytes", key);
		json_number(names[0], msgs);
		json_number(names[1], bytes);
		return;
	}
	snprintf(text, sizeof(text), msgs ? "%llu/%s" : "0", (unsigned long long)msgs,
		 bytes_text(bytes));
	record_text(key, title, text);
}

static void record_since(const struct attrs *a)
{
	uint64_t ms = attr_number(a, RDSZC_A_PATH_SINCE_MS);
	char text[32];

	if (settings.json) {
		json_number("since_ms", ms);
		return;
	}
	if (ms < 3600000)
		snprintf(text, sizeof(text), "%.1fs", ms / 1e3);
	else
		snprintf(text, sizeof(text), "%lluh%02llum", (unsigned long long)ms / 3600000,
			 (unsigned long long)ms / 60000 % 60);
	record_text("since", "SINCE", text);
}

static void record_path(const struct attrs *a)
{
	uint32_t reason = attr_number(a, RDSZC_A_PATH_REASON);
	uint32_t error = attr_number(a, RDSZC_A_PATH_ERROR);
	char text[128];

	record_text("state", "STATE",
		    name_in(path_states, PATH_STATES, attr_number(a, RDSZC_A_PATH_STATE)));
	record_since(a);
	record_load("queued", "QUEUED", attr_number(a, RDSZC_A_PATH_QUEUED_MSGS),
		    attr_number(a, RDSZC_A_PATH_QUEUED_BYTES));
	record_load("unacked", "UNACKED", attr_number(a, RDSZC_A_PATH_UNACKED_MSGS),
		    attr_number(a, RDSZC_A_PATH_UNACKED_BYTES));
	if (settings.json)
		json_number("pinned_bytes", attr_number(a, RDSZC_A_PATH_PINNED_BYTES));
	else
		record_text("pinned", "PINNED",
			    bytes_text(attr_number(a, RDSZC_A_PATH_PINNED_BYTES)));
	record_number("reconnects", "RECONNECTS", attr_number(a, RDSZC_A_PATH_RECONNECTS));
	record_text("peer_kind", "PEER-IS", NAME(peers, attr_number(a, RDSZC_A_PATH_PEER_KIND)));
	if (settings.json) {
		json_text("reason", name_in(path_reasons, PATH_REASONS, reason));
		json_number("error", error);
	} else {
		record_text("why", "WHY", why(a, text, sizeof(text)));
	}
}

static void record_ends(const struct attrs *a)
{
	record_text("local", "LOCAL", attr_address(a, RDSZC_A_PATH_LOCAL_ADDR));
	record_text("peer", "PEER", attr_address(a, RDSZC_A_PATH_PEER_ADDR));
	record_number("scope", NULL, attr_number(a, RDSZC_A_PATH_SCOPE));
	record_text("transport", "VIA", NAME(transports, attr_number(a, RDSZC_A_PATH_TRANSPORT)));
}

static bool path_in_scope(const struct filter *f, const struct attrs *a)
{
	uint64_t scope = attr_number(a, RDSZC_A_PATH_SCOPE);

	return address_in_scope(&f->local, scope) && address_in_scope(&f->peer, scope);
}

static void show_conn(const struct attrs *a, void *arg)
{
	const struct filter *f = arg;
	uint64_t local = attr_number(a, RDSZC_A_PATH_LOCAL_CONGESTED);
	uint64_t peer = attr_number(a, RDSZC_A_PATH_PEER_CONGESTED);
	char lanes[32];

	if (!path_in_scope(f, a) || (f->congested && !local && !peer))
		return;
	record_begin();
	record_ends(a);
	if (settings.json) {
		json_number("lanes", attr_number(a, RDSZC_A_PATH_LANES));
		json_number("lanes_up", attr_number(a, RDSZC_A_PATH_LANES_UP));
	} else {
		snprintf(lanes, sizeof(lanes), "%u/%u",
			 (unsigned int)attr_number(a, RDSZC_A_PATH_LANES_UP),
			 (unsigned int)attr_number(a, RDSZC_A_PATH_LANES));
		record_text("lanes", "LANES", lanes);
	}
	record_path(a);
	if (attr_has(a, RDSZC_A_PATH_PEER_INCARNATION))
		record_number("peer_incarnation", NULL,
			      attr_number(a, RDSZC_A_PATH_PEER_INCARNATION));
	record_number("local_congested", NULL, local);
	record_number("peer_congested", NULL, peer);
	record_end();
}

/* Whose lanes to show: path-get does not tell of congestion, conn-get does. */
struct congested {
	struct congested *next;
	char local[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];
	uint64_t scope;
};

static struct congested *congested;

static void keep_congested(const struct attrs *a, void *arg)
{
	struct congested *c;

	(void)arg;
	if (!attr_number(a, RDSZC_A_PATH_LOCAL_CONGESTED) &&
	    !attr_number(a, RDSZC_A_PATH_PEER_CONGESTED))
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		die(EXIT_SYSTEM, "out of memory");
	snprintf(c->local, sizeof(c->local), "%s", attr_address(a, RDSZC_A_PATH_LOCAL_ADDR));
	snprintf(c->peer, sizeof(c->peer), "%s", attr_address(a, RDSZC_A_PATH_PEER_ADDR));
	c->scope = attr_number(a, RDSZC_A_PATH_SCOPE);
	c->next = congested;
	congested = c;
}

static bool is_congested(const struct attrs *a)
{
	const char *local = attr_address(a, RDSZC_A_PATH_LOCAL_ADDR);
	const char *peer = attr_address(a, RDSZC_A_PATH_PEER_ADDR);
	const struct congested *c = congested;

	while (c && (strcmp(c->local, local) || strcmp(c->peer, peer) ||
		     c->scope != attr_number(a, RDSZC_A_PATH_SCOPE)))
		c = c->next;
	return c;
}

static void show_path(const struct attrs *a, void *arg)
{
	const struct filter *f = arg;

	if (!path_in_scope(f, a) || (f->congested && !is_congested(a)))
		return;
	record_begin();
	record_ends(a);
	record_number("lane", "LANE", attr_number(a, RDSZC_A_PATH_LANE));
	record_path(a);
	record_number("backoff_ms", NULL, attr_number(a, RDSZC_A_PATH_BACKOFF_MS));
	if (attr_has(a, RDSZC_A_PATH_NEXT_TX_SEQ)) {
		record_number("next_tx_seq", NULL, attr_number(a, RDSZC_A_PATH_NEXT_TX_SEQ));
		record_number("next_rx_seq", NULL, attr_number(a, RDSZC_A_PATH_NEXT_RX_SEQ));
	}
	record_end();
}

static const struct argp_option conn_options[] = {
	{ "local", 'l', "ADDR", 0, "from this address of ours", 0 },
	{ "peer", 'r', "ADDR", 0, "to this address", 0 },
	{ "transport", 't', "NAME", 0, "tcp or loop", 0 },
	{ "state", 's', "NAME", 0, "down, connecting, up or disconnecting", 0 },
	{ "congested", OPTION_CONGESTED, NULL, 0, "only those of connections with congested ports",
	  0 },
	{ 0 }
};

static int show_paths(int argc, char **argv, const struct argp *argp, uint8_t command,
		      void (*show)(const struct attrs *a, void *arg))
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;
	struct filter f = { 0 };
	struct nl nl;

	argp_parse(argp, argc, argv, 0, NULL, &f);
	nl_open(&nl);
	if (f.congested && command == RDSZC_CMD_PATH_GET)
		nl_dump(&nl, nl_request(&nl, buffer, RDSZC_CMD_CONN_GET, NLM_F_DUMP),
			keep_congested, NULL);
	request = nl_request(&nl, buffer, command, NLM_F_DUMP);
	if (f.has_local)
		put_address(request, RDSZC_A_PATH_LOCAL_ADDR, &f.local);
	if (f.has_peer)
		put_address(request, RDSZC_A_PATH_PEER_ADDR, &f.peer);
	if (f.has_transport)
		mnl_attr_put_u32(request, RDSZC_A_PATH_TRANSPORT, f.transport);
	if (f.has_state)
		mnl_attr_put_u32(request, RDSZC_A_PATH_STATE, f.state);
	nl_dump(&nl, request, show, &f);
	records_end();
	nl_close(&nl);
	while (congested) {
		struct congested *c = congested;

		congested = c->next;
		free(c);
	}
	return EXIT_OK;
}

int command_conns(int argc, char **argv)
{
	static const struct argp argp = { conn_options, parse_filter, NULL,
		"Connections of this network namespace, all lanes of one together.",
		common_options, NULL, NULL };

	return show_paths(argc, argv, &argp, RDSZC_CMD_CONN_GET, show_conn);
}

int command_paths(int argc, char **argv)
{
	static const struct argp argp = { conn_options, parse_filter, NULL,
		"The lanes of each connection. Sequence numbers (JSON) need CAP_NET_ADMIN.",
		common_options, NULL, NULL };

	return show_paths(argc, argv, &argp, RDSZC_CMD_PATH_GET, show_path);
}

/* ---- messages ---- */

static void show_message(const struct attrs *a, void *arg)
{
	uint64_t queue = attr_number(a, RDSZC_A_MESSAGE_QUEUE);
	const struct filter *f = arg;

	if (f->has_queue && queue != f->queue)
		return;
	if (f->has_port && attr_number(a, RDSZC_A_MESSAGE_LOCAL_PORT) != f->port)
		return;
	record_begin();
	record_number("socket", "SOCKET", attr_number(a, RDSZC_A_MESSAGE_SOCKET_ID));
	record_text("queue", "QUEUE", NAME(queues, queue));
	record_endpoint(a, "local", "local_port", "LOCAL", RDSZC_A_MESSAGE_LOCAL_ADDR,
			RDSZC_A_MESSAGE_LOCAL_PORT);
	record_endpoint(a, "peer", "peer_port", "PEER", RDSZC_A_MESSAGE_PEER_ADDR,
			RDSZC_A_MESSAGE_PEER_PORT);
	record_number("len", "LENGTH", attr_number(a, RDSZC_A_MESSAGE_LEN));
	record_text("payload", "PAYLOAD", NAME(payloads, attr_number(a, RDSZC_A_MESSAGE_PAYLOAD)));
	record_bool("retransmitted", "AGAIN", attr_number(a, RDSZC_A_MESSAGE_RETRANSMITTED));
	if (attr_has(a, RDSZC_A_MESSAGE_SEQ))
		record_number("seq", "SEQUENCE", attr_number(a, RDSZC_A_MESSAGE_SEQ));
	record_end();
}

static const struct argp_option message_options[] = {
	{ "socket", 'i', "ID", 0, "of this socket, as 'rdszc sockets' calls it", 0 },
	{ "port", 'p', "PORT", 0, "of the socket on this port", 0 },
	{ "queue", 'q', "NAME", 0, "send, unacked or receive", 0 },
	{ 0 }
};

int command_messages(int argc, char **argv)
{
	static const struct argp argp = { message_options, parse_filter, NULL,
		"Messages that wait in the queues of sockets, the oldest 1024 of each.",
		common_options, NULL, NULL };
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request;
	struct filter f = { 0 };
	struct nl nl;

	argp_parse(&argp, argc, argv, 0, NULL, &f);
	nl_open(&nl);
	request = nl_request(&nl, buffer, RDSZC_CMD_MESSAGE_GET, NLM_F_DUMP);
	if (f.has_socket)
		mnl_attr_put_u64(request, RDSZC_A_MESSAGE_SOCKET_ID, f.socket);
	nl_dump(&nl, request, show_message, &f);
	records_end();
	nl_close(&nl);
	return EXIT_OK;
}

/* ---- info ---- */

static void show_info(const struct attrs *a, void *arg)
{
	(void)arg;
	if (settings.json) {
		json_begin();
		json_text("version", attr_text(a, RDSZC_A_INFO_VERSION));
		json_number("features", attr_number(a, RDSZC_A_INFO_FEATURES));
		json_number("family", attr_number(a, RDSZC_A_INFO_FAMILY));
		if (attr_has(a, RDSZC_A_INFO_INCARNATION))
			json_number("incarnation", attr_number(a, RDSZC_A_INFO_INCARNATION));
		json_number("tcp_port", attr_number(a, RDSZC_A_INFO_TCP_PORT));
		json_bool("listening", attr_number(a, RDSZC_A_INFO_LISTENING));
		json_number("sockets", attr_number(a, RDSZC_A_INFO_SOCKETS));
		json_number("conns", attr_number(a, RDSZC_A_INFO_CONNS));
		json_number("pinned", attr_number(a, RDSZC_A_INFO_PINNED));
		json_number("rcv_mem", attr_number(a, RDSZC_A_INFO_RCV_MEM));
		json_number("rcv_mem_max", attr_number(a, RDSZC_A_INFO_RCV_MEM_MAX));
		json_bool("rcv_paused", attr_number(a, RDSZC_A_INFO_RCV_PAUSED));
		json_bool("histograms", attr_number(a, RDSZC_A_INFO_HISTOGRAMS));
		json_end();
		return;
	}
	printf("rds_zc %s, family %u, TCP port %u, %s\n", attr_text(a, RDSZC_A_INFO_VERSION),
	       (unsigned int)attr_number(a, RDSZC_A_INFO_FAMILY),
	       (unsigned int)attr_number(a, RDSZC_A_INFO_TCP_PORT),
	       attr_number(a, RDSZC_A_INFO_LISTENING) ? "listening" : "not listening");
	printf("sockets %u, connections %u, payloads in user pages %u\n",
	       (unsigned int)attr_number(a, RDSZC_A_INFO_SOCKETS),
	       (unsigned int)attr_number(a, RDSZC_A_INFO_CONNS),
	       (unsigned int)attr_number(a, RDSZC_A_INFO_PINNED));
	printf("unread messages hold %s of %s%s\n",
	       bytes_text(attr_number(a, RDSZC_A_INFO_RCV_MEM)),
	       bytes_text(attr_number(a, RDSZC_A_INFO_RCV_MEM_MAX)),
	       attr_number(a, RDSZC_A_INFO_RCV_PAUSED) ? paint(RED, ": reading has stopped") : "");
	printf("histograms %s\n", attr_number(a, RDSZC_A_INFO_HISTOGRAMS) ? "on" : "off");
}

int command_info(int argc, char **argv)
{
	static const struct argp argp = { NULL, parse_filter, NULL,
		"The module and this network namespace in short.", common_options, NULL, NULL };
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct filter f = { 0 };
	struct nl nl;

	argp_parse(&argp, argc, argv, 0, NULL, &f);
	nl_open(&nl);
	nl_dump(&nl, nl_request(&nl, buffer, RDSZC_CMD_INFO_GET, 0), show_info, NULL);
	nl_close(&nl);
	return EXIT_OK;
}

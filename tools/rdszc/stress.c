// SPDX-License-Identifier: GPL-2.0
/*
 * stress.c - load between two ends, with everything checked that can be.
 *
 * The far end (--serve) receives on a range of ports. Each sending socket is a stream: its messages
 * carry a number, their length and a checksum, and the far end says at the end what it got. Both
 * ends may be one process, which is what happens without a destination. Checked are: contents,
 * order, number and size of messages; each cookie comes back exactly once; a buffer is filled anew,
 * with other bytes, as soon as its cookie is there, so one that was given back too early shows as a
 * wrong checksum.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/errqueue.h>

#include "rdszc.h"

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif

#define MAGIC		0x52445a43	/* "RDZC" */
#define MAX_MESSAGE	(1U << 20)
#define MAX_PORTS	256
#define MAX_SOCKETS	1024
#define MAX_DEPTH	4096
#define STREAMS		4096		/* remembered by a receiving port */
#define SLOTS		(4 * STREAMS)	/* so many that no WINDOW is full of them */
#define WINDOW		16		/* slots where a stream can be */
#define MOMENT_US	10000

enum kind { KIND_DATA = 1, KIND_END, KIND_REPORT };

struct frame {
	uint32_t magic;
	uint32_t kind;
	uint64_t stream;	/* random, so that an earlier run is not taken for this one */
	uint64_t number;	/* of the message; of KIND_END: how many there were */
	uint32_t length;	/* whole message */
	uint32_t checksum;	/* of all behind the frame */
	uint64_t bytes;		/* KIND_REPORT: payload received */
	uint64_t faults;	/* KIND_REPORT */
};

struct stress {
	union address local, peer;
	bool has_local, has_peer, serve;
	uint16_t port;
	unsigned int ports, sockets, threads, depth;
	uint32_t least, most;
	uint64_t count;		/* messages of each socket, 0: by time */
	double seconds;
	bool zerocopy, verify, cmsg;
	int sndbuf;
};

static struct stress s = {
	.port = 4000, .ports = 1, .sockets = 1, .threads = 1, .depth = 8, .least = 4096,
	.most = 4096, .seconds = 10, .verify = true, .sndbuf = 4 << 20,
};

/* What happened, of all threads together; atomic. */
static struct {
	uint64_t sent, sent_bytes, received, received_bytes, cookies, copied, congested, full;
	uint64_t nomem;		/* refused with ENOMEM, mostly by RLIMIT_MEMLOCK */
	uint64_t faults;
} total;

static volatile bool stop, serving = true;

/* When a send was taken, of all threads together; atomic. */
static uint64_t last_taken;

/* How long the end of a stream is waited for, and a send that is refused is tried again. */
static const unsigned int linger_ms = 30000;

#define ADD(field, n) __atomic_add_fetch(&total.field, n, __ATOMIC_RELAXED)
#define GET(field) __atomic_load_n(&total.field, __ATOMIC_RELAXED)

/* The first few faults are told one by one, all are counted. */
static void fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void fault(const char *format, ...)
{
	char text[256];
	va_list list;

	if (ADD(faults, 1) > 10)
		return;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	warn("fault: %s", text);
}

/* ---- contents ---- */

static uint32_t checksum(const void *data, size_t length)
{
	const unsigned char *bytes = data;
	uint64_t hash = 0xcbf29ce484222325ULL, word;

	for (; length >= sizeof(word); length -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * 0x100000001b3ULL;
		hash ^= hash >> 29;
	}
	while (length--)
		hash = (hash ^ *bytes++) * 0x100000001b3ULL;
	return hash ^ hash >> 32;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void fill(void *data, size_t length, uint64_t *state)
{
	unsigned char *bytes = data;
	uint64_t word;

	for (; length >= sizeof(word); length -= sizeof(word), bytes += sizeof(word)) {
		word = next_random(state);
		memcpy(bytes, &word, sizeof(word));
	}
	while (length--)
		*bytes++ = next_random(state);
}

/* ---- the receiving end ---- */

struct stream {
	uint64_t id, next, bytes, faults;
	uint64_t used;		/* when, by the clock of its server */
};

struct server {
	pthread_t thread;
	int fd;
	struct stream *streams;
	uint64_t clock;		/* counts what came */
};

/* A table by number, open addressing; what was quiet for longest is forgotten for a new one. */
static struct stream *stream_of(struct server *server, uint64_t id)
{
	struct stream *oldest = &server->streams[id % SLOTS], *stream = oldest;
	unsigned int i;

	for (i = 0; i < WINDOW; i++) {
		stream = &server->streams[(id + i) % SLOTS];
		if (!stream->id || stream->id == id)
			break;
		if (stream->used < oldest->used)
			oldest = stream;
	}
	if (i == WINDOW) {
		stream = oldest;
		memset(stream, 0, sizeof(*stream));
	}
	stream->id = id;
	stream->used = ++server->clock;
	return stream;
}

static void check_data(struct stream *stream, const struct frame *frame, size_t got)
{
	uint64_t before = stream->faults;

	if (frame->length != got) {
		stream->faults++;
		fault("message %llu: %zu bytes came, %u were sent",
		      (unsigned long long)frame->number, got, frame->length);
	} else if (frame->checksum && frame->checksum !=
		   (checksum(frame + 1, got - sizeof(*frame)) | 1)) {
		stream->faults++;
		fault("message %llu: wrong contents", (unsigned long long)frame->number);
	}
	if (frame->number != stream->next) {
		stream->faults++;
		fault("message %llu came, %llu was expected: %s", (unsigned long long)frame->number,
		      (unsigned long long)stream->next,
		      frame->number < stream->next ? "twice, or out of order" : "lost");
	}
	if (stream->faults == before)
		stream->bytes += got;
	if (frame->number >= stream->next)
		stream->next = frame->number + 1;
	ADD(received, 1);
	ADD(received_bytes, got);
}

static void report(const struct server *server, const struct stream *stream,
		   const union address *to)
{
	struct frame frame = {
		.magic = MAGIC, .kind = KIND_REPORT, .stream = stream->id,
		.number = stream->next, .length = sizeof(frame), .bytes = stream->bytes,
		.faults = stream->faults,
	};

	if (sendto(server->fd, &frame, sizeof(frame), 0, &to->sa, address_length(to)) < 0)
		warn("cannot report to %s: %s", address_text(to, true), strerror(errno));
}

static void take(struct server *server, const struct frame *frame, size_t got,
		 const union address *from)
{
	struct stream *stream;

	if (got < sizeof(*frame) || frame->magic != MAGIC) {
		fault("a message that is none of ours, from %s", address_text(from, true));
		return;
	}
	stream = stream_of(server, frame->stream);
	if (frame->kind == KIND_DATA)
		check_data(stream, frame, got);
	else if (frame->kind == KIND_END)
		report(server, stream, from);
}

static void *serve(void *arg)
{
	struct server *server = arg;
	struct pollfd poll_fd = { .fd = server->fd, .events = POLLIN };
	struct frame *frame = malloc(MAX_MESSAGE);

	while (frame && serving) {
		union address from;
		socklen_t length = sizeof(from);
		ssize_t got;

		if (poll(&poll_fd, 1, 100) <= 0)
			continue;
		got = recvfrom(server->fd, frame, MAX_MESSAGE, MSG_DONTWAIT, &from.sa, &length);
		if (got >= 0)
			take(server, frame, got, &from);
		else if (errno != EAGAIN && errno != EINTR)
			fault("receive: %s", strerror(errno));
	}
	free(frame);
	return NULL;
}

static struct server servers[MAX_PORTS];

static void set_buffers(int fd)
{
	/* By force where we may, as far as the limit goes where not. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &s.sndbuf, sizeof(s.sndbuf)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &s.sndbuf, sizeof(s.sndbuf));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &s.sndbuf, sizeof(s.sndbuf)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &s.sndbuf, sizeof(s.sndbuf));
}

/* A call may take until then, or a moment if that is over: 0 would say for ever. */
static void set_patience(int fd, int option, uint64_t end)
{
	uint64_t now = now_ns(), us = end > now ? (end - now) / 1000 : 0;
	struct timeval patience;

	if (us < MOMENT_US)
		us = MOMENT_US;
	patience = (struct timeval){ .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
	setsockopt(fd, SOL_SOCKET, option, &patience, sizeof(patience));
}

static void start_servers(const union address *at)
{
	union address local = *at;
	unsigned int i;

	for (i = 0; i < s.ports; i++) {
		address_set_port(&local, s.port + i);
		servers[i].fd = rds_socket(&local);
		set_buffers(servers[i].fd);
		/* A client that takes no report must not hold up the others. */
		set_patience(servers[i].fd, SO_SNDTIMEO, now_ns() + 5000000000ULL);
		servers[i].streams = calloc(SLOTS, sizeof(struct stream));
		if (!servers[i].streams ||
		    pthread_create(&servers[i].thread, NULL, serve, &servers[i]))
			die(EXIT_SYSTEM, "cannot start a receiver");
	}
}

static void stop_servers(void)
{
	unsigned int i;

	serving = false;
	for (i = 0; i < s.ports; i++) {
		pthread_join(servers[i].thread, NULL);
		close(servers[i].fd);
		free(servers[i].streams);
	}
}

/* ---- the sending end ---- */

struct sender {
	int fd;
	union address to;
	uint64_t stream, number, bytes, random;
	unsigned char *buffers;		/* depth times the size of the largest message */
	bool busy[MAX_DEPTH];		/* a cookie is out for this buffer */
	unsigned int out, next;
	bool pending;			/* the next buffer is filled, and waits to be sent */
	uint32_t length;
	uint64_t refused;		/* since when, 0: the last send was taken */
	bool no_memory;			/* why */
	bool failed;
};

struct worker {
	pthread_t thread;
	struct sender *senders;
	unsigned int count;
};

static size_t buffer_size(void)
{
	return ((size_t)s.most + 4095) & ~4095UL;
}

static void prepare(struct sender *sender)
{
	struct frame *frame = (struct frame *)(sender->buffers + sender->next * buffer_size());
	uint32_t body;

	if (sender->pending)
		return;
	sender->length = s.least + (s.most > s.least ?
				    next_random(&sender->random) % (s.most - s.least + 1) : 0);
	body = sender->length - sizeof(*frame);
	*frame = (struct frame){
		.magic = MAGIC, .kind = KIND_DATA, .stream = sender->stream,
		.number = sender->number, .length = sender->length,
	};
	if (s.verify) {
		fill(frame + 1, body, &sender->random);
		frame->checksum = checksum(frame + 1, body) | 1;	/* 0 says: not computed */
	}
	sender->pending = true;
}

static ssize_t send_one(struct sender *sender)
{
	unsigned char *data = sender->buffers + sender->next * buffer_size();
	struct iovec part = { .iov_base = data, .iov_len = sender->length };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(uint32_t))];
	} control = { .space = { 0 } };
	struct msghdr msg = {
		.msg_name = &sender->to, .msg_namelen = address_length(&sender->to),
		.msg_iov = &part, .msg_iovlen = 1,
	};
	uint32_t cookie = sender->next;

	if (!s.zerocopy)
		return sendmsg(sender->fd, &msg, MSG_DONTWAIT);
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	control.header.cmsg_level = SOL_RDS;
	control.header.cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
	control.header.cmsg_len = CMSG_LEN(sizeof(cookie));
	memcpy(CMSG_DATA(&control.header), &cookie, sizeof(cookie));
	return sendmsg(sender->fd, &msg, MSG_DONTWAIT | MSG_ZEROCOPY);
}

static void not_for_ever(struct sender *sender, int error, uint64_t since)
{
	if (now_ns() - since < linger_ms * 1000000ULL)
		return;
	fault("send: %s, for %u seconds", strerror(error), linger_ms / 1000);
	sender->failed = true;
}

static void send_refused(struct sender *sender)
{
	uint64_t taken = __atomic_load_n(&last_taken, __ATOMIC_RELAXED);
	int error = errno;

	if (!sender->refused)
		sender->refused = now_ns();
	sender->no_memory = error == ENOMEM;
	/* Where another sender gets on, this one has its turn to come. */
	if (taken < sender->refused)
		taken = sender->refused;
	switch (error) {
	case ENOBUFS:
		ADD(congested, 1);
		not_for_ever(sender, error, taken);
		break;
	case EAGAIN:
		ADD(full, 1);
		not_for_ever(sender, error, taken);
		break;
	case ENOMEM:
		/* Others, or messages on their way, may give some back. */
		ADD(nomem, 1);
		not_for_ever(sender, error, sender->refused);
		break;
	case EINTR:
		break;
	default:
		fault("send: %s", strerror(error));
		sender->failed = true;
	}
}

/* Sends while there is a free buffer and the socket takes it. True if something went out. */
static bool send_some(struct sender *sender)
{
	bool any = false;
	int burst;

	for (burst = 0; burst < 16 && !stop && !sender->failed; burst++) {
		if (s.count && sender->number == s.count)
			break;
		if (sender->busy[sender->next])
			break;
		prepare(sender);
		if (send_one(sender) < 0) {
			send_refused(sender);
			break;
		}
		sender->pending = false;
		sender->refused = 0;
		sender->no_memory = false;
		__atomic_store_n(&last_taken, now_ns(), __ATOMIC_RELAXED);
		if (s.zerocopy) {
			sender->busy[sender->next] = true;
			sender->out++;
		}
		sender->next = (sender->next + 1) % s.depth;
		sender->number++;
		sender->bytes += sender->length;
		ADD(sent, 1);
		ADD(sent_bytes, sender->length);
		any = true;
	}
	return any;
}

static void take_cookie(struct sender *sender, uint32_t cookie)
{
	if (cookie >= s.depth || !sender->busy[cookie]) {
		fault("cookie %u came back, but was not out", cookie);
		return;
	}
	sender->busy[cookie] = false;
	sender->out--;
	ADD(cookies, 1);
}

static bool reap_errqueue(struct sender *sender)
{
	uint32_t cookies[256];
	struct iovec part = { .iov_base = cookies, .iov_len = sizeof(cookies) };
	char control[CMSG_SPACE(64)];
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(sender->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT), i;
	struct cmsghdr *cmsg;

	if (got <= 0)
		return false;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		struct sock_extended_err report;

		memcpy(&report, CMSG_DATA(cmsg), sizeof(report));
		if (report.ee_origin == SO_EE_ORIGIN_ZEROCOPY &&
		    (report.ee_code & SO_EE_CODE_ZEROCOPY_COPIED))
			ADD(copied, got / 4);
	}
	for (i = 0; i < got / 4; i++)
		take_cookie(sender, cookies[i]);
	return true;
}

/* By control messages. No data comes before the end of the stream was told: none is lost here. */
static bool reap_cmsg(struct sender *sender)
{
	char control[CMSG_SPACE(sizeof(struct rds_zcopy_cookies)) * 4];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;
	bool any = false;
	uint32_t i;

	if (recvmsg(sender->fd, &msg, MSG_DONTWAIT) < 0)
		return false;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		struct rds_zcopy_cookies list;

		if (cmsg->cmsg_level != SOL_RDS || cmsg->cmsg_type != RDS_CMSG_ZCOPY_COMPLETION)
			continue;
		memcpy(&list, CMSG_DATA(cmsg), sizeof(list));
		for (i = 0; i < list.num && i < RDS_MAX_ZCOOKIES; i++)
			take_cookie(sender, list.cookies[i]);
		any = true;
	}
	return any;
}

static bool reap(struct sender *sender)
{
	bool any = false;

	while (s.zerocopy && sender->out && (s.cmsg ? reap_cmsg(sender) : reap_errqueue(sender)))
		any = true;
	return any;
}

static void wait_some(struct worker *worker, short events)
{
	struct pollfd list[64];
	unsigned int i, n = worker->count < 64 ? worker->count : 64;

	for (i = 0; i < n; i++) {
		struct sender *sender = &worker->senders[i];

		bool ready = !sender->busy[sender->next] && !sender->no_memory &&
			     !sender->failed;

		/* One that lacks memory is writable all the time. */
		list[i] = (struct pollfd){ .fd = sender->fd,
			.events = ready ? events : s.cmsg ? POLLIN : 0 };
	}
	poll(list, n, 10);
}

/* Takes what still comes, until every cookie is back. */
static void drain_cookies(struct sender *sender, uint64_t end)
{
	while (sender->out && now_ns() < end) {
		struct pollfd poll_fd = { .fd = sender->fd, .events = s.cmsg ? POLLIN : 0 };

		if (!reap(sender))
			poll(&poll_fd, 1, 10);
	}
	if (sender->out)
		fault("%u cookies never came back", sender->out);
}

static bool ask_report(struct sender *sender, struct frame *answer, uint64_t end)
{
	struct frame frame = { .magic = MAGIC, .kind = KIND_END, .stream = sender->stream,
			       .number = sender->number, .length = sizeof(frame) };
	ssize_t got;

	set_patience(sender->fd, SO_SNDTIMEO, end);
	if (sendto(sender->fd, &frame, sizeof(frame), 0, &sender->to.sa,
		   address_length(&sender->to)) < 0) {
		fault("the end could not be told to %s: %s", address_text(&sender->to, true),
		      strerror(errno));
		return false;
	}
	set_patience(sender->fd, SO_RCVTIMEO, end);
	do {
		got = recv(sender->fd, answer, sizeof(*answer), 0);
	} while (got >= 0 && (got != sizeof(*answer) || answer->magic != MAGIC ||
			      answer->kind != KIND_REPORT || answer->stream != sender->stream));
	if (got < 0)
		fault("%s does not say what it got: %s", address_text(&sender->to, true),
		      strerror(errno));
	return got >= 0;
}

static void compare_report(const struct sender *sender, const struct frame *answer)
{
	if (answer->number != sender->number)
		fault("%llu messages were sent, the far end counts %llu",
		      (unsigned long long)sender->number, (unsigned long long)answer->number);
	if (answer->bytes != sender->bytes)
		fault("%llu bytes were sent, %llu came whole", (unsigned long long)sender->bytes,
		      (unsigned long long)answer->bytes);
	/* In one process the receiver has counted them already. */
	if (s.has_peer && answer->faults)
		fault("the far end saw %llu faults", (unsigned long long)answer->faults);
}

static void finish(struct sender *sender, uint64_t end)
{
	struct frame answer;

	drain_cookies(sender, end);
	if (!sender->failed && ask_report(sender, &answer, end))
		compare_report(sender, &answer);
	close(sender->fd);
	munmap(sender->buffers, buffer_size() * s.depth);
}

static bool all_sent(const struct worker *worker)
{
	unsigned int i;

	for (i = 0; i < worker->count; i++)
		if (!worker->senders[i].failed &&
		    (!s.count || worker->senders[i].number < s.count))
			return false;
	return true;
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	unsigned int i;
	uint64_t end;

	while (!stop && !all_sent(worker)) {
		bool any = false;

		for (i = 0; i < worker->count; i++) {
			any |= reap(&worker->senders[i]);
			any |= send_some(&worker->senders[i]);
		}
		if (!any)
			wait_some(worker, POLLOUT);
	}
	/* One for all: waits for a peer that is gone must not add up. */
	end = now_ns() + linger_ms * 1000000ULL;
	for (i = 0; i < worker->count; i++)
		finish(&worker->senders[i], end);
	return NULL;
}

static void open_sender(struct sender *sender, unsigned int index, const union address *from,
			const union address *to)
{
	int one = 1, mode = s.cmsg ? RDSZC_COMPLETION_CMSG : RDSZC_COMPLETION_ERRQUEUE;

	sender->to = *to;
	address_set_port(&sender->to, s.port + index % s.ports);
	sender->fd = rds_socket(from);
	set_buffers(sender->fd);
	if (s.zerocopy &&
	    (setsockopt(sender->fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) ||
	     setsockopt(sender->fd, SOL_RDS, RDSZC_COMPLETION_MODE, &mode, sizeof(mode))))
		die(exit_status(errno), "no zerocopy: %s", strerror(errno));
	sender->random = now_ns() * 2654435761U ^ (uint64_t)getpid() << 32 ^ (index + 1);
	sender->stream = next_random(&sender->random) | 1;
	sender->buffers = mmap(NULL, buffer_size() * s.depth, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (sender->buffers == MAP_FAILED)
		die(EXIT_SYSTEM, "no memory for %u buffers of %zu bytes", s.depth, buffer_size());
}

/* ---- what people see ---- */

static void show_progress(uint64_t start, uint64_t *last_time, uint64_t *last_bytes)
{
	uint64_t now = now_ns(), bytes = s.serve ? GET(received_bytes) : GET(sent_bytes);
	double rate = (bytes - *last_bytes) / ((now - *last_time) / 1e9);

	progress("%5.1fs  %llu messages, %s, %s/s, %llu faults", (now - start) / 1e9,
		 (unsigned long long)(s.serve ? GET(received) : GET(sent)), bytes_text(bytes),
		 bytes_text(rate), (unsigned long long)GET(faults));
	*last_time = now;
	*last_bytes = bytes;
}

static void summary(double seconds)
{
	uint64_t bytes = s.serve ? GET(received_bytes) : GET(sent_bytes);

	progress_clear();
	if (settings.json) {
		json_begin();
		json_real("seconds", seconds);
		json_number("sent", GET(sent));
		json_number("sent_bytes", GET(sent_bytes));
		json_number("received", GET(received));
		json_number("received_bytes", GET(received_bytes));
		json_number("cookies", GET(cookies));
		json_number("cookies_copied", GET(copied));
		json_number("congested", GET(congested));
		json_number("full", GET(full));
		json_number("nomem", GET(nomem));
		json_real("bytes_per_second", bytes / seconds);
		json_number("faults", GET(faults));
		json_end();
		return;
	}
	printf("%llu messages, %s in %.1f s: %s/s\n",
	       (unsigned long long)(s.serve ? GET(received) : GET(sent)), bytes_text(bytes),
	       seconds, bytes_text(bytes / seconds));
	if (s.zerocopy && !s.serve && s.cmsg)
		printf("%llu cookies came back\n", (unsigned long long)GET(cookies));
	else if (s.zerocopy && !s.serve)
		printf("%llu cookies came back, %llu of them copied\n",
		       (unsigned long long)GET(cookies), (unsigned long long)GET(copied));
	if (!s.serve)
		printf("met a congested receiver %llu times, a full send buffer %llu times\n",
		       (unsigned long long)GET(congested), (unsigned long long)GET(full));
	if (GET(nomem))
		printf("%llu sends were refused: %s%s\n", (unsigned long long)GET(nomem),
		       strerror(ENOMEM), s.zerocopy ? " (memlock: rdszc doctor)" : "");
	if (GET(faults))
		printf("%s: %llu\n", paint(RED, "FAULTS"), (unsigned long long)GET(faults));
	else
		printf("%s\n", paint(GREEN, "no fault"));
}

/* Looks at the time until it is over, or @done says so. */
static void watch(uint64_t start, bool (*done)(void))
{
	uint64_t last_time = start, last_bytes = 0, shown = start;

	while (!interrupted && !(done && done())) {
		uint64_t now = now_ns();

		if (!s.count && s.seconds > 0 && now - start >= s.seconds * 1e9)
			break;
		if (now - shown >= 500000000) {
			show_progress(start, &last_time, &last_bytes);
			shown = now;
		}
		usleep(20000);
	}
}

static unsigned int workers_left;

static bool workers_done(void)
{
	return !__atomic_load_n(&workers_left, __ATOMIC_ACQUIRE);
}

static void *work_and_tell(void *arg)
{
	work(arg);
	__atomic_sub_fetch(&workers_left, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void run_senders(const union address *from, const union address *to)
{
	struct sender *senders = calloc(s.sockets, sizeof(*senders));
	struct worker *workers = calloc(s.threads, sizeof(*workers));
	unsigned int i, at = 0;
	uint64_t start;
	double seconds;

	if (!senders || !workers)
		die(EXIT_SYSTEM, "out of memory");
	for (i = 0; i < s.sockets; i++)
		open_sender(&senders[i], i, from, to);
	start = now_ns();
	workers_left = s.threads;
	for (i = 0; i < s.threads; i++) {
		workers[i].senders = &senders[at];
		workers[i].count = s.sockets / s.threads + (i < s.sockets % s.threads);
		at += workers[i].count;
		if (pthread_create(&workers[i].thread, NULL, work_and_tell, &workers[i]))
			die(EXIT_SYSTEM, "cannot start a thread");
	}
	watch(start, workers_done);
	seconds = (now_ns() - start) / 1e9;
	stop = true;
	for (i = 0; i < s.threads; i++)
		pthread_join(workers[i].thread, NULL);
	if (!s.has_peer)
		stop_servers();
	/* One that is interrupted at once is no fault, if it had nothing to complain of. */
	if (!GET(sent) && (!interrupted || GET(nomem)))
		fault("nothing was sent");
	summary(seconds);
	free(senders);
	free(workers);
}

/* ---- options ---- */

enum { OPTION_PORTS = 0x600, OPTION_NO_VERIFY, OPTION_REAP, OPTION_BUFFER };

static const struct argp_option options[] = {
	{ "serve", 'S', NULL, 0, "be the far end, on LOCAL, until Ctrl-C or --time", 0 },
	{ "port", 'p', "PORT", 0, "first port of the far end, default 4000", 0 },
	{ "ports", OPTION_PORTS, "N", 0, "ports of the far end, the same on both sides", 0 },
	{ "size", 's', "BYTES[-BYTES]", 0, "of a message, default 4K", 0 },
	{ "depth", 'd', "N", 0, "buffers of a socket, default 8", 0 },
	{ "sockets", 'n', "N", 0, "sockets that send, default 1", 0 },
	{ "threads", 't', "N", 0, "threads that send, default 1", 0 },
	{ "zerocopy", 'z', NULL, 0, "send from user pages", 0 },
	{ "reap", OPTION_REAP, "HOW", 0, "errqueue (default) or cmsg", 0 },
	{ "time", 'T', "SECONDS", 0, "how long, default 10; --serve: no end", 0 },
	{ "count", 'c', "N", 0, "messages of each socket, instead of a time", 0 },
	{ "buffer", OPTION_BUFFER, "BYTES", 0, "send and receive buffers, default 4M", 0 },
	{ "no-verify", OPTION_NO_VERIFY, NULL, 0, "no checksums: number, size and order only", 0 },
	{ 0 }
};

static bool has_time;

static void parse_sizes(const char *word)
{
	char copy[64], *dash;

	snprintf(copy, sizeof(copy), "%s", word);
	dash = strchr(copy, '-');
	if (dash)
		*dash++ = '\0';
	s.least = number_parse(copy, "size", sizeof(struct frame), MAX_MESSAGE);
	s.most = dash ? number_parse(dash, "size", s.least, MAX_MESSAGE) : s.least;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
	switch (key) {
	case 'S':
		s.serve = true;
		return 0;
	case 'p':
		s.port = number_parse(word, "port", 2, 65535);
		return 0;
	case OPTION_PORTS:
		s.ports = number_parse(word, "ports", 1, MAX_PORTS);
		return 0;
	case 's':
		parse_sizes(word);
		return 0;
	case 'd':
		s.depth = number_parse(word, "depth", 1, MAX_DEPTH);
		return 0;
	case 'n':
		s.sockets = number_parse(word, "sockets", 1, MAX_SOCKETS);
		return 0;
	case 't':
		s.threads = number_parse(word, "threads", 1, 256);
		return 0;
	case 'z':
		s.zerocopy = true;
		return 0;
	case OPTION_REAP:
		s.cmsg = !strcmp(word, "cmsg");
		if (!s.cmsg && strcmp(word, "errqueue"))
			argp_error(state, "--reap takes errqueue or cmsg");
		return 0;
	case 'T':
		s.seconds = seconds_parse(word, "time");
		has_time = true;
		return 0;
	case 'c':
		s.count = number_parse(word, "count", 1, UINT64_MAX);
		return 0;
	case OPTION_BUFFER:
		s.sndbuf = number_parse(word, "buffer", 4096, INT_MAX / 2);
		return 0;
	case OPTION_NO_VERIFY:
		s.verify = false;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_usage(state);
		if (state->arg_num == 0)
			s.local = address_parse(word, 0), s.has_local = true;
		else
			s.peer = address_parse(word, 0), s.has_peer = true;
		return 0;
	case ARGP_KEY_END:
		if (s.serve && (!s.has_local || s.has_peer))
			argp_error(state, "--serve takes one address, ours");
		if (s.port + s.ports - 1 > 65535)
			argp_error(state, "the last port is %u", s.port + s.ports - 1);
		if (s.threads > s.sockets)
			s.threads = s.sockets;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int command_stress(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "[LOCAL [PEER]]",
		"Checked load from LOCAL to 'rdszc stress --serve' on PEER; without PEER both ends "
		"are here, on LOCAL or 127.0.0.1. Ends with 1 if anything was wrong.",
		common_options, NULL, NULL };
	uint64_t start;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!s.has_local)
		s.local = address_parse("127.0.0.1", 0);
	catch_interrupts();
	if (s.serve) {
		s.count = 0;
		if (!has_time)
			s.seconds = 0;
		start = now_ns();
		start_servers(&s.local);
		watch(start, NULL);
		stop_servers();
		summary((now_ns() - start) / 1e9);
	} else {
		if (!s.has_peer)
			start_servers(&s.local);
		run_senders(&s.local, s.has_peer ? &s.peer : &s.local);
	}
	return GET(faults) ? EXIT_FAULT : EXIT_OK;
}

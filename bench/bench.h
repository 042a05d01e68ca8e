/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of rdsz-bench share.
 *
 * A run has two sides. The client holds the clock: it sends requests (or a stream), and reports.
 * The server answers. Both hold `sockets` conns, shared out among `threads` workers; a worker
 * drives its conns by one loop. A control connection (control.c) carries the description of the run
 * to the server, marks the end of the warm-up, and carries the server's figures back.
 */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define MAX_SOCKETS	1000
#define MAX_THREADS	64
#define MAX_POOL	4096
#define LANES		8	/* of rds_zc, to a peer */
#define MIN_SIZE	64
#define MAX_SIZE	(1024 * 1024)
#define TIPC_MAX_MESSAGE	66000u

enum proto { PROTO_RDS_ZC, PROTO_INTREE, PROTO_TCP, PROTO_UNIX, PROTO_SCTP, PROTO_TIPC, PROTOS };
enum zerocopy { ZC_OFF, ZC_ON, ZC_AUTO };
/* URING: sent and reaped by io_uring. FIXED: the same, from registered buffers. */
enum reaping { REAP_ERRQUEUE, REAP_CMSG, REAP_URING, REAP_FIXED, REAP_NONE };
enum mode { MODE_RR, MODE_STREAM };
enum waiting { WAIT_POLL, WAIT_BLOCK };

/* One run; the same bytes on both sides. */
struct spec {
	uint32_t proto, zerocopy, reaping;
	uint32_t mode, waiting, check;
	uint32_t size, reply, depth, sockets, threads, pool;
	uint32_t reap_every, ms, warmup_ms;
	uint32_t family, sockbuf, port, peers;
	uint32_t own_lanes;
};

/* Counters of the kernel module, see stats_read(). */
enum { KSTAT_CALLS, KSTAT_COPY_IN, KSTAT_COPY_OUT, KSTAT_ZC_SENT, KSTAT_WAITS, KSTATS };

/* What one side counted; sums over its workers. */
struct figures {
	uint64_t messages, bytes;	/* taken by send calls */
	uint64_t received;
	uint64_t send_calls, send_ns, refused;
	uint64_t recv_calls, poll_calls;	/* those of epoll, all of them */
	uint64_t reap_calls, reap_empty, cookies;
	uint64_t reap_turns, turn_reads;	/* times it read some, and in how many calls */
	uint64_t copied, told;		/* cookies that said "copied", or anything about it */
	uint64_t early, late;		/* cookie there with the reply, or not */
	uint64_t corrupt;
	uint64_t process_us, machine_us;	/* CPU time: this process; all of the machine */
	uint64_t kstat[KSTATS];
	uint64_t sndbuf, rcvbuf;	/* of the first socket, at the end */
};

struct samples {
	uint64_t *v;
	size_t n, room;
};

/* What a cookie says about how the message went. */
enum verdict { SAYS_NOTHING, SAYS_LENT, SAYS_COPIED };

struct header {
	uint32_t seq;
	uint32_t flags;
};

#define FLAG_LAST	1

struct buffer {
	unsigned char *data;
	uint64_t sent_at;
	uint32_t calls;		/* TCP: send calls of it that wait for a completion */
	uint32_t seq;
	bool busy;
	bool whole;		/* TCP: the last byte was taken */
	bool copied;		/* TCP: some call of it said so */
};

struct conn {
	struct worker *w;
	int fd, index;
	struct sockaddr_storage peer;
	socklen_t peer_len;

	struct buffer *pool;
	size_t pool_bytes;
	uint32_t next;			/* where to look for a free buffer */
	uint32_t unreturned;		/* buffers out by zerocopy */
	uint32_t since_reap;
	int sending;			/* buffer on its way, -1 none */
	int filled;			/* has the contents of the next message, -1 none */
	uint32_t tx_len, tx_done;
	uint64_t tx_ns;			/* in send calls for it */
	uint32_t tx_seq;		/* messages started */
	bool blocked;			/* the last send left something: wait for EPOLLOUT */
	bool watched_for_room;		/* which is so already */
	bool congested;			/* or by a full receiver: try again soon */
	bool is_due;			/* see worker.c */
	bool last_sent;

	unsigned char *rx;
	uint32_t rx_len, rx_got;
	uint32_t rx_seq;		/* messages received */
	bool unchecked;			/* the last of them */
	bool last_seen;
	uint64_t *sent_at;		/* by sequence number, modulo ring */
	int32_t *sent_by;		/* buffer of it */
	uint32_t ring;

	uint32_t zc_next;	/* TCP: number of the next zerocopy call */
	int32_t *zc_buffer;		/* buffer by number, modulo ring */
	uint32_t zc_ring;
};

struct worker {
	pthread_t thread;
	const struct spec *spec;
	bool server;
	struct conn *conns[MAX_SOCKETS];
	int nr_conns;
	struct conn *due[MAX_SOCKETS];
	int nr_due, nr_done;
	int epoll;
	struct uring *uring;
	struct figures f;
	struct samples rtt, reuse, send;
	const char *error;
	uint64_t last_at;		/* when the last message came */
	uint32_t era;			/* of counting_era, as this worker has seen it */
};

/* What the main thread tells the workers. A rate is that from the mark to the last reply. */
extern volatile bool stop_sending, stop_now;
extern volatile uint32_t counting_era;

/* clock.c */
void clock_start(void);
uint64_t now_ns(void);

/* socket.c */
extern const char *const proto_names[PROTOS];
extern uint16_t lane_ports[LANES];
struct conn *conn_new(struct worker *w, int index);
void conn_free(struct conn *c);
bool socket_connected(const struct spec *spec);
socklen_t socket_address(const struct spec *spec, const char *text, uint16_t port,
			 struct sockaddr_storage *ss);
int socket_new(const struct spec *spec);
int socket_bound(const struct spec *spec, const char *local, uint16_t port);
void socket_buffers(int fd, struct figures *f);
int socket_prepare(const struct spec *spec, int fd);
int server_open(const struct spec *spec, const char *local, struct conn **conns);
int server_accept(const struct spec *spec, int control, int listener, struct conn **conns);
int client_bound(const struct spec *spec, const char *local, uint32_t i);
int client_open(const struct spec *spec, const char *local, const char *peer, struct conn **conns);

/* tipc.c */
socklen_t tipc_address(uint32_t type, struct sockaddr_storage *ss);
int tipc_wait(const struct sockaddr_storage *service);

/* transfer.c: one send, receive or reap; 1 done, 0 not now, -1 error */
int conn_send(struct conn *c);
bool conn_has_room(const struct conn *c);
void conn_check(struct conn *c);
int conn_receive(struct conn *c, bool block);
int conn_reap(struct conn *c);
int conn_reap_all(struct conn *c);
void conn_returned(struct conn *c, uint32_t buffer, enum verdict verdict);

/* zc.c */
#define ZC_COOKIES	1024
#define ZC_COOKIE_ROOM	64
#define ZC_CMSGS_ROOM	1024

struct returned {
	bool numbered;
	enum verdict verdict;
	uint32_t lo, hi;		/* if numbered: calls of a TCP socket */
	int n;
	uint32_t cookies[ZC_COOKIES];
};

void zc_cookie(struct msghdr *msg, void *control, uint32_t cookie);
int zc_reap(int fd, bool tcp, struct returned *r);
bool zc_from_cmsgs(struct msghdr *msg, struct returned *r);

/* uring.c */
struct uring *uring_new(unsigned int entries, uint32_t pool);
void uring_free(struct uring *u);
bool by_uring(const struct spec *spec);
bool uring_can(const struct spec *spec);
int uring_register(struct uring *u, struct conn *const *conns, int nr_conns);
int uring_send(struct conn *c, struct buffer *b, int index, uint32_t len);
int uring_reap(struct worker *w);
int uring_fd(const struct uring *u);

/* worker.c */
void *worker_run(void *arg);
void conn_due(struct conn *c);

/* stats.c */
void samples_add(struct samples *s, uint64_t v);
void samples_append(struct samples *to, const struct samples *from);
void samples_merge(struct samples *to, struct samples *from);
void samples_sort(struct samples *s);
double samples_mean(const struct samples *s);
void samples_json(const char *name, const struct samples *s);
void samples_text(const struct samples *s, double share);
void figures_cookie(struct figures *f, enum verdict verdict);
void figures_add(struct figures *to, const struct figures *from);
void usage_read(const struct spec *spec, struct figures *f);
void usage_since(const struct spec *spec, const struct figures *start, struct figures *f);

/* link.c */
struct link_info {
	char device[16], kernel[65];
	int mtu;
	bool sg, checksum, tso, emulated;
};

/* Below, a link is two of them: the client's end and the server's. */
void link_tell(int control, const char *address);
bool link_learn(int control, const char *address, struct link_info *links);
bool link_allows_verdict(const struct link_info *link);
void link_json(const struct link_info *link);

static inline const char *json_bool(bool value)
{
	return value ? "true" : "false";
}

/* control.c */
bool control_put(int fd, const void *data, size_t len);
bool control_get(int fd, void *data, size_t len);
bool control_put_byte(int fd, char byte);
bool control_get_byte(int fd, char want);
bool control_patience(int fd, uint64_t ms);
int control_accept(int listener);
int control_accept_one(int fd, int listener);
void sleep_ms(uint32_t ms);
int control_connect(const char *address, uint16_t port);
int control_serve(const char *address, uint16_t port, bool once,
		  void (*runs)(int fd, const char *local));
void bench_serve(int fd, const char *local);

struct outcome {
	struct figures client, server;
	struct samples rtt, reuse, send;
	uint64_t elapsed_ns;
	int lanes_up, lanes_used;	/* -1: nobody knows */
};

int control_run(int control, const struct spec *spec, const char *local, const char *peer,
		struct outcome *o);

/* lanes.c */
struct lanes *lanes_before(const struct spec *spec, const char *local);
void lanes_since(const struct spec *spec, const char *local, struct lanes *before,
		 struct outcome *o);
bool lanes_choose(const struct spec *spec, const char *local, const char *peer);
void lanes_drain(const struct spec *spec, struct conn *const *conns);

/* report.c */
struct run {
	const struct spec *spec;
	const struct link_info *link;
	const char *label;
	int round;
	const struct samples *rtt;	/* of all its rounds so far */
};

void report_json(const struct run *run, const struct outcome *o);
void report_head(const struct link_info *link);
void report_text(const struct run *run, const struct outcome *o);

#endif

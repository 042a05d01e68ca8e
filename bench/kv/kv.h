/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of rdsz-kv share: a store of blocks, and clients that read and write them.
 *
 * Each client owns its keys, so it knows what a read must return: every block is compared with what
 * was last written. Blocks live in pools of fixed size. A block that was lent to a zerocopy send is
 * not written to again before its completion has come; where none is free, the side waits, and
 * says so. How many a side needs to keep its rate is one of the results.
 */
#ifndef KV_H
#define KV_H

#include "bench.h"

#define KV_SLOTS	512		/* messages of a worker on their way */
#define KV_WORKERS	MAX_THREADS
#define KV_KEYS		64		/* of a client, at most */

enum { OP_READ, OP_WRITE, OP_BLOCK, OP_WRITTEN };

/* First in each message; a block follows in OP_WRITE and OP_BLOCK. */
struct kv_header {
	uint32_t op, client, key, version;
	uint32_t length;		/* of the block */
	uint32_t unused[3];
};

/* One run; the same bytes on both sides. */
struct kv_spec {
	struct spec io;			/* protocol, zerocopy, reaping, buffers, port, time */
	uint32_t clients, workers;	/* threads of the two sides */
	uint32_t keys, low, high;	/* bytes of a message with a block: RDS has 1 MiB at most */
	uint32_t reads, spare;
};

struct block {
	unsigned char *data;
	uint32_t refs;			/* the store's, and one for each send that has it */
	uint32_t version, length;
};

struct pool {
	struct block *blocks, **free;
	uint32_t size, nr_free, most_used;
	uint64_t dry;			/* times somebody found none */
};

/* A message on its way out, or back with a completion. */
struct slot {
	struct kv_header header;
	struct block *block;		/* NULL: header only */
	struct slot *next;
	struct sockaddr_storage to;
	socklen_t to_len;
	uint32_t done;			/* bytes taken */
	uint32_t calls;			/* TCP: calls that wait for a completion */
	bool whole, lent, copied;
	uint64_t sent_at;
};

struct link {
	struct kv_worker *w;
	int fd;
	struct slot *first, **last;	/* to be sent, in order */
	bool blocked, congested;
	struct kv_header header;	/* being received, and its block */
	struct block *rx;
	uint32_t got;
	struct sockaddr_storage from;
	socklen_t from_len;
	uint32_t zc_next;		/* TCP: number of the next zerocopy call */
	uint16_t *zc_slot;		/* by number, modulo ring */
};

struct kv_figures {
	struct figures f;
	uint64_t reads, writes, waits_slot, waits_block, most_used;
};

struct key {
	uint32_t version, length;
	bool busy;
	uint64_t asked_at;
};

struct kv_worker {
	pthread_t thread;
	const struct kv_spec *spec;
	uint32_t index;
	bool server;
	struct link links[KV_WORKERS];
	uint32_t nr_links;
	struct pool pool;
	struct slot slots[KV_SLOTS], *free_slots;
	struct key keys[KV_KEYS];		/* client */
	uint32_t outstanding, random;
	struct sockaddr_storage peer;
	socklen_t peer_len;
	struct block *(*store)[KV_KEYS];	/* server: by client and key */
	struct kv_figures f;
	struct samples latency;
	uint64_t last_at;			/* client: when the last answer came */
	uint32_t era;
	const char *error;
};

/* pool.c */
void pool_make(struct pool *pool, uint32_t blocks, uint32_t bytes);
void pool_free(struct pool *pool, uint32_t bytes);
struct block *block_get(struct pool *pool);
void block_put(struct pool *pool, struct block *b);

/* slot.c */
void slots_make(struct kv_worker *w);
struct slot *slot_get(struct kv_worker *w);
void slot_put(struct kv_worker *w, struct slot *s);

/* link.c: 1 done, 0 not now, -1 error */
int link_open(struct link *link, struct kv_worker *w, int fd);
void link_close(struct link *link);
void link_queue(struct link *link, struct slot *s);
int link_flush(struct link *link);
int link_receive(struct link *link);
int link_peek(struct link *link);
int link_reap(struct link *link);

/* worker.c */
void *kv_worker_run(void *arg);
bool worker_new_era(struct kv_worker *w);

/* load.c, the client; store.c, the server: a message has come */
int load_issue(struct kv_worker *w);
int load_take(struct link *link);
bool load_done(const struct kv_worker *w);
int store_take(struct link *link);
bool store_make(struct kv_worker *w);
void store_free(struct kv_worker *w);

struct kv_outcome {
	struct kv_figures client, server;
	struct samples latency;
	uint64_t elapsed_ns;
};

/* run.c */
void kv_serve(int fd, const char *local);
int kv_run(int control, const struct kv_spec *spec, const char *local, const char *peer,
	   struct kv_outcome *o);

/* print.c */
struct kv_print {
	const struct kv_spec *spec;
	const struct link_info *link;
	const char *label;
	bool json;
};

void kv_head(const struct kv_print *p);
void kv_line(const struct kv_print *p, const struct kv_outcome *o);
void kv_full_rate(const struct kv_print *p, const uint32_t *spare, const double *rate, int n);
double kv_rate(const struct kv_outcome *o);

#endif

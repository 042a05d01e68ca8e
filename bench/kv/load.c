// SPDX-License-Identifier: GPL-2.0
/* The client: reads and writes its keys, `depth` at a time, and knows what a read must return. */
#include "kv.h"
#include "pattern.h"

/* Xorshift: the same sequence for each client in each run. */
static uint32_t rnd(struct kv_worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 17;
	w->random ^= w->random << 5;
	return w->random;
}

/* Of a message each power of two is as likely as the next; its header is part of it. */
static uint32_t length(struct kv_worker *w)
{
	uint32_t steps = 1, low = w->spec->low;

	while (low << steps <= w->spec->high)
		steps++;
	return (low << rnd(w) % steps) - sizeof(struct kv_header);
}

static uint32_t seed(uint32_t client, uint32_t key, uint32_t version)
{
	return (client * 8111 + key * 613 + version) % 65521;
}

static struct key *idle_key(struct kv_worker *w, uint32_t *number)
{
	uint32_t i, at = rnd(w);

	for (i = 0; i < w->spec->keys; i++) {
		*number = (at + i) % w->spec->keys;
		if (!w->keys[*number].busy)
			return &w->keys[*number];
	}
	return NULL;
}

/* The contents of the next version, in a block of ours. */
static bool make_block(struct kv_worker *w, struct slot *s, struct key *key)
{
	struct block *b = block_get(&w->pool);

	if (!b) {
		w->f.waits_block++;
		return false;
	}
	key->version++;
	key->length = length(w);
	s->header.op = OP_WRITE;
	s->header.version = key->version;
	s->header.length = key->length;
	if (w->spec->io.check)
		pattern_fill(b->data, key->length, seed(w->index, s->header.key, key->version));
	s->block = b;
	return true;
}

/* 1: one more request is queued. */
static int issue_one(struct kv_worker *w)
{
	struct slot *s = slot_get(w);
	struct key *key;

	if (!s)
		return 0;
	key = idle_key(w, &s->header.key);
	s->header.client = w->index;
	s->header.op = OP_READ;
	s->to = w->peer;
	s->to_len = w->peer_len;
	if (!key || ((!key->version || rnd(w) % 100 >= w->spec->reads) && !make_block(w, s, key))) {
		slot_put(w, s);
		return 0;
	}
	key->busy = true;
	key->asked_at = now_ns();
	w->outstanding++;
	link_queue(&w->links[0], s);
	return 1;
}

int load_issue(struct kv_worker *w)
{
	while (!stop_sending && w->outstanding < w->spec->io.depth)
		if (!issue_one(w))
			break;
	return 0;
}

static bool right(const struct kv_worker *w, const struct link *link, const struct key *key)
{
	const struct kv_header *h = &link->header;

	if (h->version != key->version || h->length != key->length)
		return false;
	if (h->op == OP_WRITTEN || !w->spec->io.check)
		return true;
	return pattern_check(link->rx->data, h->length, seed(w->index, h->key, h->version)) < 0;
}

int load_take(struct link *link)
{
	const struct kv_header *h = &link->header;
	struct kv_worker *w = link->w;
	struct key *key = &w->keys[h->key % KV_KEYS];

	if (h->key >= w->spec->keys || !key->busy || (h->op != OP_BLOCK && h->op != OP_WRITTEN)) {
		w->error = "an answer that nobody waits for";
		return -1;
	}
	w->last_at = now_ns();
	samples_add(&w->latency, w->last_at - key->asked_at);
	if (!right(w, link, key))
		w->f.f.corrupt++;
	*(h->op == OP_BLOCK ? &w->f.reads : &w->f.writes) += 1;
	key->busy = false;
	w->outstanding--;
	return 1;
}

/* All answered, and all blocks home but the one that waits for a message. */
bool load_done(const struct kv_worker *w)
{
	return !w->outstanding && w->pool.nr_free + 1 >= w->pool.size;
}

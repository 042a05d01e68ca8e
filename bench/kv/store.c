// SPDX-License-Identifier: GPL-2.0
/*
 * The server: blocks by client and key. A read is answered from the block itself, and a write puts
 * another block in its place; the old one is free when no send holds it any more.
 */
#include <stdlib.h>

#include "kv.h"

bool store_make(struct kv_worker *w)
{
	w->store = calloc(w->spec->clients, sizeof(*w->store));
	return w->store;
}

void store_free(struct kv_worker *w)
{
	free(w->store);
}

static int nonsense(struct kv_worker *w)
{
	w->error = "a request that makes no sense";
	return -1;
}

/* The block that was received stays, its buffer is that of the store from now on. */
static void write_block(struct link *link, struct block **place)
{
	struct kv_worker *w = link->w;

	block_put(&w->pool, *place);
	*place = link->rx;
	(*place)->version = link->header.version;
	(*place)->length = link->header.length;
	link->rx = block_get(&w->pool);
	w->f.writes++;
}

int store_take(struct link *link)
{
	const struct kv_header *h = &link->header;
	struct kv_worker *w = link->w;
	struct block **place;
	struct slot *s;

	if (h->client >= w->spec->clients || h->key >= w->spec->keys)
		return nonsense(w);
	s = slot_get(w);
	place = &w->store[h->client][h->key];
	if (!s || (h->op == OP_READ ? !*place : h->op != OP_WRITE))
		return nonsense(w);
	s->header = *h;
	s->to = link->from;
	s->to_len = link->from_len;
	if (h->op == OP_WRITE) {
		s->header.op = OP_WRITTEN;
		write_block(link, place);
	} else {
		s->header.op = OP_BLOCK;
		s->header.version = (*place)->version;
		s->header.length = (*place)->length;
		s->block = *place;
		s->block->refs++;
		w->f.reads++;
	}
	link_queue(link, s);
	return link->rx ? 1 : 0;
}

// SPDX-License-Identifier: GPL-2.0
/* Messages on their way: a header that must keep still as long as its block. */
#include <string.h>

#include "kv.h"

void slots_make(struct kv_worker *w)
{
	int i;

	w->free_slots = NULL;
	for (i = KV_SLOTS - 1; i >= 0; i--) {
		w->slots[i].next = w->free_slots;
		w->free_slots = &w->slots[i];
	}
}

struct slot *slot_get(struct kv_worker *w)
{
	struct slot *s = w->free_slots;

	if (!s) {
		w->f.waits_slot++;
		return NULL;
	}
	w->free_slots = s->next;
	memset(s, 0, sizeof(*s));
	return s;
}

void slot_put(struct kv_worker *w, struct slot *s)
{
	block_put(&w->pool, s->block);
	s->block = NULL;
	s->lent = false;
	s->next = w->free_slots;
	w->free_slots = s;
}

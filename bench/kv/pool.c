// SPDX-License-Identifier: GPL-2.0
/* A fixed number of blocks. One that somebody still holds is never handed out. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "kv.h"

/* Pages come when they are touched: most blocks are never full. */
void pool_make(struct pool *pool, uint32_t blocks, uint32_t bytes)
{
	unsigned char *data = mmap(NULL, (size_t)blocks * bytes, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint32_t i;

	if (data == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	*pool = (struct pool){ .size = blocks };
	pool->blocks = calloc(blocks, sizeof(*pool->blocks));
	pool->free = calloc(blocks, sizeof(*pool->free));
	for (i = 0; i < blocks; i++) {
		pool->blocks[i].data = data + (size_t)i * bytes;
		pool->free[pool->nr_free++] = &pool->blocks[i];
	}
}

void pool_free(struct pool *pool, uint32_t bytes)
{
	if (!pool->blocks)
		return;
	munmap(pool->blocks[0].data, (size_t)pool->size * bytes);
	free(pool->blocks);
	free(pool->free);
}

struct block *block_get(struct pool *pool)
{
	struct block *b;

	if (!pool->nr_free) {
		pool->dry++;
		return NULL;
	}
	b = pool->free[--pool->nr_free];
	b->refs = 1;
	if (pool->size - pool->nr_free > pool->most_used)
		pool->most_used = pool->size - pool->nr_free;
	return b;
}

void block_put(struct pool *pool, struct block *b)
{
	if (b && !--b->refs)
		pool->free[pool->nr_free++] = b;
}

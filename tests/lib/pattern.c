// SPDX-License-Identifier: GPL-2.0
/* A pattern is a window into one table of noise; the seed says where it starts. */
#include <stdbool.h>
#include <string.h>

#include "array.h"
#include "pattern.h"

#define WINDOWS 65521u		/* prime, so that neighbouring seeds land far apart */
#define STRIDE 40503u

static uint64_t noise[(PATTERN_MAX + 65536) / sizeof(uint64_t)];
static bool ready;

void pattern_prepare(void)
{
	uint64_t x = 0x9e3779b97f4a7c15ull;
	size_t i;

	if (ready)
		return;
	for (i = 0; i < ARRAY_SIZE(noise); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		noise[i] = x;
	}
	ready = true;
}

static const unsigned char *window(uint32_t seed)
{
	pattern_prepare();
	return (const unsigned char *)noise + (uint64_t)seed * STRIDE % WINDOWS;
}

void pattern_fill(void *buffer, size_t length, uint32_t seed)
{
	if (length)
		memcpy(buffer, window(seed), length);
}

long pattern_check(const void *buffer, size_t length, uint32_t seed)
{
	const unsigned char *expected = window(seed);
	const unsigned char *seen = buffer;
	size_t i;

	if (!length || !memcmp(seen, expected, length))
		return -1;
	for (i = 0; seen[i] == expected[i]; i++)
		;
	return (long)i;
}

void pattern_poison(void *buffer, size_t length)
{
	memset(buffer, 0xdb, length);
}

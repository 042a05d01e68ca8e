/* SPDX-License-Identifier: GPL-2.0 */
/* Payloads that can be told apart: cheap to make and to check, also under emulation. */
#ifndef TESTS_PATTERN_H
#define TESTS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_MAX (1024 * 1024)

/* Makes the table all patterns are windows of; call it before starting threads. */
void pattern_prepare(void);

/* Fills a buffer with the pattern of a seed; seeds below 65521 all differ from each other. */
void pattern_fill(void *buffer, size_t length, uint32_t seed);

/* -1 when every byte is right, else the offset of the first wrong one. */
long pattern_check(const void *buffer, size_t length, uint32_t seed);

/* What a buffer is overwritten with once its cookie came back. */
void pattern_poison(void *buffer, size_t length);

#endif

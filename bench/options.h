/* SPDX-License-Identifier: GPL-2.0 */
/* Words and numbers of a command line. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <argp.h>
#include <stdint.h>

#define MAX_LIST	32

struct variant {
	char label[64];
	uint32_t proto, zerocopy, reaping;
};

uint32_t word_of(struct argp_state *state, const char *text, const char *const *words, uint32_t n);
uint32_t number(struct argp_state *state, const char *text, uint32_t low, uint32_t high);
int parse_numbers(struct argp_state *state, char *text, uint32_t low, uint32_t high,
		  uint32_t *list);
const char *variant_nonsense(uint32_t proto, uint32_t zerocopy, uint32_t reaping);
int parse_variants(struct argp_state *state, char *text, struct variant *list);

#endif

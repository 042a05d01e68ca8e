// SPDX-License-Identifier: GPL-2.0
/* Words, numbers, lists of them, and variants: PROTOCOL[:copy|zc|auto[:REAPING]]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "options.h"

/* The place of a word in a list, or an error that names the list. */
uint32_t word_of(struct argp_state *state, const char *text, const char *const *words, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(text, words[i]))
			return i;
	argp_error(state, "%s: unknown word", text);
	return 0;
}

uint32_t number(struct argp_state *state, const char *text, uint32_t low, uint32_t high)
{
	char *end;
	unsigned long v = strtoul(text, &end, 0);

	if (*text == '\0' || *end || v < low || v > high)
		argp_error(state, "%s: not a number from %u to %u", text, low, high);
	return (uint32_t)v;
}

int parse_numbers(struct argp_state *state, char *text, uint32_t low, uint32_t high,
		  uint32_t *list)
{
	char *rest, *word;
	int n = 0;

	for (word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		if (n == MAX_LIST)
			argp_error(state, "too many numbers");
		list[n++] = number(state, word, low, high);
	}
	return n;
}

static void parse_variant(struct argp_state *state, char *text, struct variant *v)
{
	static const char *const zerocopies[] = { "copy", "zc", "auto" };
	static const char *const reapings[] = { "errqueue", "cmsg", "uring", "fixed", "none" };
	char *rest;

	memset(v, 0, sizeof(*v));
	snprintf(v->label, sizeof(v->label), "%s%s", text, strchr(text, ':') ? "" : ":copy");
	v->proto = word_of(state, strtok_r(text, ":", &rest), proto_names, PROTOS);
	v->reaping = v->proto == PROTO_INTREE ? REAP_CMSG : REAP_ERRQUEUE;
	text = strtok_r(NULL, ":", &rest);
	if (text)
		v->zerocopy = word_of(state, text, zerocopies, 3);
	text = strtok_r(NULL, ":", &rest);
	if (text)
		v->reaping = word_of(state, text, reapings, 5);
}

int parse_variants(struct argp_state *state, char *text, struct variant *list)
{
	char *rest, *word;
	int n = 0;

	for (word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		if (n == MAX_LIST)
			argp_error(state, "too many variants");
		parse_variant(state, word, &list[n++]);
	}
	return n;
}

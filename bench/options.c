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

static uint32_t usual_reaping(uint32_t proto)
{
	return proto == PROTO_INTREE ? REAP_CMSG : REAP_ERRQUEUE;
}

/* Why there can be no such variant, whatever the kernel; or NULL. */
const char *variant_nonsense(uint32_t proto, uint32_t zerocopy, uint32_t reaping)
{
	const bool rds = proto == PROTO_RDS_ZC || proto == PROTO_INTREE;

	if (zerocopy == ZC_OFF)
		return reaping == usual_reaping(proto) ? NULL : "a copy has nothing to reap";
	if (!rds && proto != PROTO_TCP)
		return "has no zerocopy";
	if (proto != PROTO_RDS_ZC && zerocopy == ZC_AUTO)
		return "does not decide by itself";
	if (proto == PROTO_INTREE && reaping != REAP_CMSG && reaping != REAP_NONE)
		return "tells by control messages only";
	if (proto == PROTO_TCP && reaping == REAP_CMSG)
		return "has no such control messages";
	return NULL;
}

static void parse_variant(struct argp_state *state, char *text, struct variant *v)
{
	static const char *const zerocopies[] = { "copy", "zc", "auto" };
	static const char *const reapings[] = { "errqueue", "cmsg", "uring", "fixed", "none" };
	char *rest;

	memset(v, 0, sizeof(*v));
	snprintf(v->label, sizeof(v->label), "%s%s", text, strchr(text, ':') ? "" : ":copy");
	v->proto = word_of(state, strtok_r(text, ":", &rest), proto_names, PROTOS);
	v->reaping = usual_reaping(v->proto);
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

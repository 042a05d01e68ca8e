/* SPDX-License-Identifier: GPL-2.0 */
/* Ledger of cookies: each one that was sent must come back exactly once. */
#ifndef TESTS_COOKIES_H
#define TESTS_COOKIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Cookies are 0 .. size - 1. */
struct cookies {
	size_t size;
	size_t sent;
	size_t returned;
	uint8_t *state;
};

bool cookies_init(struct cookies *cookies, size_t size);
void cookies_free(struct cookies *cookies);

void cookies_sent(struct cookies *cookies, uint32_t cookie);

/* False when it was never sent, or has come back before. */
bool cookies_returned(struct cookies *cookies, uint32_t cookie);
bool cookies_returned_all(struct cookies *cookies, const uint32_t *list, size_t count);

bool cookies_settled(const struct cookies *cookies);

#endif

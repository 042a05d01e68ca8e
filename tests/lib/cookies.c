// SPDX-License-Identifier: GPL-2.0
/* One byte a cookie. */
#include <stdlib.h>

#include "cookies.h"

enum { UNKNOWN, SENT, RETURNED };

bool cookies_init(struct cookies *cookies, size_t size)
{
	*cookies = (struct cookies){ .size = size, .state = calloc(size, 1) };
	return cookies->state;
}

void cookies_free(struct cookies *cookies)
{
	free(cookies->state);
	cookies->state = NULL;
}

void cookies_sent(struct cookies *cookies, uint32_t cookie)
{
	cookies->state[cookie] = SENT;
	cookies->sent++;
}

bool cookies_returned(struct cookies *cookies, uint32_t cookie)
{
	if (cookie >= cookies->size || cookies->state[cookie] != SENT)
		return false;
	cookies->state[cookie] = RETURNED;
	cookies->returned++;
	return true;
}

bool cookies_returned_all(struct cookies *cookies, const uint32_t *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!cookies_returned(cookies, list[i]))
			return false;
	return true;
}

bool cookies_settled(const struct cookies *cookies)
{
	return cookies->sent == cookies->returned;
}

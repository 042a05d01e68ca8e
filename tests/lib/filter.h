/* SPDX-License-Identifier: GPL-2.0 */
/* What becomes of the packets of a TCP port that come into a namespace, by nftables. */
#ifndef TESTS_FILTER_H
#define TESTS_FILTER_H

#include <stdint.h>

struct netns;

enum filter {
	FILTER_NONE,
	FILTER_REFUSE,	/* those to the port are answered by a reset */
	FILTER_DEAF,	/* those to and from the port are dropped */
};

/* In the place of what was there before; -1 with errno. */
int filter_set(const struct netns *ns, uint16_t port, enum filter filter);

#endif

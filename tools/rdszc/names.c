// SPDX-License-Identifier: GPL-2.0
/*
 * names.c - words for the numbers that more than one command shows.
 */
#include "rdszc.h"

const char * const path_states[PATH_STATES] = { "down", "connecting", "up", "disconnecting" };

const char * const path_reasons[PATH_REASONS] = {
	"none", "peer", "send", "protocol", "stalled", "replaced", "wakeup", "connect",
	"sysctl", "address", "other", "lane", "idle"
};

const char * const transports[TRANSPORTS] = { "none", "tcp", "loop" };

const char *name_in(const char * const *names, size_t count, uint64_t number)
{
	return number < count ? names[number] : "?";
}

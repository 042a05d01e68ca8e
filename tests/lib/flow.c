// SPDX-License-Identifier: GPL-2.0
/* Both ends of a stream of messages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cred.h"
#include "flow.h"
#include "module.h"
#include "pattern.h"
#include "reap.h"
#include "zc.h"

#define QUIET_MS 300

/* A mixture of i that looks random and is the same everywhere. */
static uint32_t mix(uint32_t i)
{
	i = (i ^ i >> 16) * 0x7feb352du;
	i = (i ^ i >> 15) * 0x846ca68bu;
	return i ^ i >> 16;
}

size_t flow_length(const struct flow *flow, uint32_t i)
{
	uint32_t noise = mix(flow->seed + i);
	uint32_t room = flow->max - flow->min;
	uint32_t orders = room ? 32 - (uint32_t)__builtin_clz(room) : 0;
	uint32_t mask = (uint32_t)((1ull << noise % (orders + 1)) - 1);
	uint32_t more = noise >> 8 & mask;

	if (i % 16 == 0)
		return flow->min;
	if (i % 16 == 1)
		return flow->max;
	return flow->min + (more < room ? more : room);
}

static void __attribute__((format(printf, 2, 3)))
wrong(struct flow_result *result, const char *format, ...)
{
	va_list arguments;

	if (result->wrong++)
		return;
	va_start(arguments, format);
	vsnprintf(result->text, sizeof(result->text), format, arguments);
	va_end(arguments);
}

static void failed(struct flow_result *result, const char *what, int error)
{
	if (result->error)
		return;
	result->error = error;
	wrong(result, "%s %u: %s", what, result->messages, strerror(error));
}

void flow_assert(const char *who, const struct flow_result *result, const struct flow *flow)
{
	if (result->wrong || result->error)
		fail_msg("%s: %u wrong, %s: %s", who, result->wrong, strerror(result->error),
			 result->text);
	assert_int_equal(result->messages, flow->count);
}

/* ---- sending ---- */

int flow_tx_open(struct flow_tx *tx, int fd, const union rds_addr *to, const struct flow *flow)
{
	size_t slots = flow->zerocopy ? FLOW_DEPTH : 1;

	memset(tx, 0, sizeof(*tx));
	tx->fd = fd;
	tx->to = *to;
	tx->flow = *flow;
	pattern_prepare();
	tx->buffers = zc_buffer(slots * flow->max + 1);
	return tx->buffers ? 0 : -1;
}

void flow_tx_close(struct flow_tx *tx)
{
	size_t slots = tx->flow.zerocopy ? FLOW_DEPTH : 1;

	if (tx->buffers)
		zc_buffer_free(tx->buffers, slots * tx->flow.max + 1);
	tx->buffers = NULL;
}

static void sent(struct flow_tx *tx, uint32_t slot, size_t length, bool zerocopy)
{
	tx->result.messages++;
	tx->result.bytes += length;
	if (zerocopy) {
		tx->busy[slot] = true;
		tx->out++;
		tx->most = tx->out > tx->most ? tx->out : tx->most;
	} else {
		pattern_poison(tx->buffers + (size_t)slot * tx->flow.max, length);
	}
}

static bool would_block(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == EINTR;
}

/* What nobody may have pinned is little, and cookies make room. */
static bool try_later(int error)
{
	return would_block(error) || (error == ENOMEM && cred_is_nobody());
}

bool flow_tx_send(struct flow_tx *tx)
{
	uint32_t i = tx->result.messages, slot = 0;
	size_t length = flow_length(&tx->flow, i);
	bool zerocopy = tx->flow.zerocopy && length;
	unsigned char *buffer;
	ssize_t rc;

	if (i == tx->flow.count || tx->result.error || tx->out == FLOW_DEPTH)
		return false;
	while (tx->busy[slot])
		slot++;
	buffer = tx->buffers + (size_t)slot * tx->flow.max;
	pattern_fill(buffer, length, tx->flow.seed + i);
	tx->cookie[slot] = i * FLOW_DEPTH + slot;
	rc = zerocopy ? rds_send_zc(tx->fd, buffer, length, &tx->to, tx->cookie[slot],
				    MSG_DONTWAIT) :
			rds_send(tx->fd, buffer, length, &tx->to, MSG_DONTWAIT);
	if (rc == (ssize_t)length)
		sent(tx, slot, length, zerocopy);
	else if (rc >= 0)
		failed(&tx->result, "cut send", EIO);
	else if (!try_later(errno))
		failed(&tx->result, "send", errno);
	return rc == (ssize_t)length;
}

static void came_back(struct flow_tx *tx, uint32_t cookie)
{
	uint32_t slot = cookie % FLOW_DEPTH;

	if (!tx->busy[slot] || tx->cookie[slot] != cookie) {
		wrong(&tx->result, "cookie %u is not out", cookie);
		return;
	}
	tx->busy[slot] = false;
	tx->out--;
	tx->result.cookies++;
	pattern_poison(tx->buffers + (size_t)slot * tx->flow.max,
		       flow_length(&tx->flow, cookie / FLOW_DEPTH));
}

/*
 * In-tree RDS has no error queue: there they come as control messages. With MSG_PEEK it still hands
 * them out, and leaves a message that waits where it is.
 */
static size_t take_cookies(int fd, uint32_t *list, bool *copied)
{
	struct reap_cmsg by_cmsg;
	struct reap reap;

	if (module_family() == PF_RDS) {
		by_cmsg = reap_by_cmsg(fd, NULL, 0, list, 1, MSG_DONTWAIT | MSG_PEEK);
		return by_cmsg.bytes < 0 ? 0 : by_cmsg.cookies;
	}
	reap = reap_errqueue(fd, list, FLOW_DEPTH * sizeof(*list), 0);
	*copied = reap.copied;
	return reap.bytes < 0 ? 0 : reap.cookies;
}

uint32_t flow_tx_reap(struct flow_tx *tx)
{
	uint32_t list[FLOW_DEPTH], total = 0;
	bool copied = false;
	size_t count, i;

	while (tx->out && (count = take_cookies(tx->fd, list, &copied))) {
		for (i = 0; i < count; i++)
			came_back(tx, list[i]);
		tx->result.copied += copied ? (uint32_t)count : 0;
		total += (uint32_t)count;
	}
	return total;
}

bool flow_tx_done(const struct flow_tx *tx)
{
	return tx->result.error || (tx->result.messages == tx->flow.count && !tx->out);
}

/*
 * Neither a congested peer nor a lack of slots clears POLLOUT, so that a poll for it may not wait.
 */
void flow_tx_wait(struct flow_tx *tx)
{
	struct deadline soon = { .end_ms = clock_ms() + 10 };

	if (tx->out && module_family() != PF_RDS)
		rds_wait(tx->fd, 0, soon);
	else
		deadline_step();
}

void flow_send(int fd, const union rds_addr *to, const struct flow *flow, unsigned int limit_ms,
	       struct flow_result *result)
{
	struct deadline deadline = deadline_in(limit_ms);
	struct flow_tx tx;
	bool moved;

	if (flow_tx_open(&tx, fd, to, flow))
		failed(&tx.result, "buffers", errno);
	while (!flow_tx_done(&tx)) {
		moved = flow_tx_send(&tx);
		moved |= flow_tx_reap(&tx) != 0;
		if (moved)
			continue;
		if (deadline_over(&deadline))
			failed(&tx.result, "send", ETIMEDOUT);
		flow_tx_wait(&tx);
	}
	*result = tx.result;
	flow_tx_close(&tx);
}

/* ---- receiving ---- */

int flow_rx_open(struct flow_rx *rx, int fd, const union rds_addr *from, const struct flow *flow)
{
	memset(rx, 0, sizeof(*rx));
	rx->fd = fd;
	rx->from = *from;
	rx->flow = *flow;
	pattern_prepare();
	rx->buffer = malloc(PATTERN_MAX + 1);
	return rx->buffer ? 0 : -1;
}

void flow_rx_close(struct flow_rx *rx)
{
	free(rx->buffer);
	rx->buffer = NULL;
}

/* Is what came message i? */
static bool is_message(const struct flow_rx *rx, uint32_t i)
{
	return rx->length == flow_length(&rx->flow, i) &&
	       pattern_check(rx->buffer, rx->length, rx->flow.seed + i) < 0;
}

/* Steps over messages that may be missing, if a later one came. */
static void skip_missing(struct flow_rx *rx)
{
	struct flow_result *result = &rx->result;
	uint32_t room = rx->flow.gaps - result->missing;
	uint32_t i = result->messages, skip;

	for (skip = 0; skip <= room && i + skip < rx->flow.count; skip++) {
		if (is_message(rx, i + skip)) {
			result->messages += skip;
			result->missing += skip;
			return;
		}
	}
}

static void check(struct flow_rx *rx, const union rds_addr *from)
{
	uint32_t i = rx->result.messages;
	size_t expected = flow_length(&rx->flow, i);
	long at;

	if (i >= rx->flow.count) {
		wrong(&rx->result, "one too many, of %zu bytes", rx->length);
		return;
	}
	if (rx->length != expected) {
		wrong(&rx->result, "message %u has %zu bytes, not %zu", i, rx->length, expected);
		return;
	}
	at = pattern_check(rx->buffer, rx->length, rx->flow.seed + i);
	if (at >= 0)
		wrong(&rx->result, "message %u of %zu bytes differs at %ld (%02x)", i, rx->length,
		      at, rx->buffer[at]);
	else if (!rds_addr_equal(from, &rx->from))
		wrong(&rx->result, "message %u is from another sender", i);
}

bool flow_rx_take(struct flow_rx *rx)
{
	union rds_addr from;
	ssize_t got;

	got = rds_recv(rx->fd, rx->buffer, PATTERN_MAX + 1, &from, MSG_DONTWAIT);
	if (got < 0) {
		if (!would_block(errno))
			failed(&rx->result, "receive", errno);
		return false;
	}
	rx->length = (size_t)got;
	if (rx->flow.gaps)
		skip_missing(rx);
	check(rx, &from);
	rx->result.messages++;
	rx->result.bytes += rx->length;
	return true;
}

bool flow_rx_done(const struct flow_rx *rx)
{
	return rx->result.error || rx->result.messages >= rx->flow.count;
}

void flow_rx_expect_quiet(struct flow_rx *rx)
{
	if (!rx->result.error && rds_wait(rx->fd, POLLIN, deadline_in(QUIET_MS)) & POLLIN)
		flow_rx_take(rx);
}

void flow_receive(int fd, const union rds_addr *from, const struct flow *flow,
		  unsigned int limit_ms, struct flow_result *result)
{
	struct deadline deadline = deadline_in(limit_ms);
	struct flow_rx rx;

	if (flow_rx_open(&rx, fd, from, flow))
		failed(&rx.result, "buffer", errno);
	while (!flow_rx_done(&rx)) {
		if (flow_rx_take(&rx))
			continue;
		if (deadline_over(&deadline))
			failed(&rx.result, "receive", ETIMEDOUT);
		rds_wait(fd, POLLIN, (struct deadline){ .end_ms = clock_ms() + 50 });
	}
	flow_rx_expect_quiet(&rx);
	*result = rx.result;
	flow_rx_close(&rx);
}

// SPDX-License-Identifier: GPL-2.0
/* Reader of "name value" lines. Called from the main thread of a test only. */
#include <setjmp.h>
#include <stdarg.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <linux/rds.h>

#include "counters.h"

const char *const counters_in_tree[COUNTERS_IN_TREE] = {
	"conn_reset", "recv_drop_bad_checksum", "recv_drop_old_seq", "recv_drop_no_sock",
	"recv_drop_dead_sock", "recv_deliver_raced", "recv_delivered", "recv_queued",
	"recv_immediate_retry", "recv_delayed_retry", "recv_ack_required", "recv_rdma_bytes",
	"recv_ping", "send_queue_empty", "send_queue_full", "send_lock_contention",
	"send_lock_queue_raced", "send_immediate_retry", "send_delayed_retry", "send_drop_acked",
	"send_ack_required", "send_queued", "send_rdma", "send_rdma_bytes", "send_pong",
	"page_remainder_hit", "page_remainder_miss", "copy_to_user", "copy_from_user",
	"cong_update_queued", "cong_update_received", "cong_send_error", "cong_send_blocked",
	"recv_bytes_added_to_sock", "recv_bytes_freed_fromsock", "send_stuck_rm",
	"mprds_catchup_tx0_retries", "tcp_data_ready_calls", "tcp_write_space_calls",
	"tcp_sndbuf_full", "tcp_connect_raced", "tcp_listen_closed_stale",
};

int counters_read(const struct netns *ns, struct counters *counters)
{
	struct counter *counter;
	FILE *file;

	counters->count = 0;
	if (netns_enter(ns))
		return -1;
	file = fopen("/proc/thread-self/net/rds_zc/stats", "r");
	netns_home();
	if (!file)
		return -1;
	while (counters->count < COUNTERS_MAX) {
		counter = &counters->list[counters->count];
		if (fscanf(file, "%63s %" SCNu64, counter->name, &counter->value) != 2)
			break;
		counters->count++;
	}
	fclose(file);
	return counters->count ? 0 : -1;
}

int counters_of_socket(int fd, struct counters *counters)
{
	struct rds_info_counter list[COUNTERS_MAX];
	socklen_t length = sizeof(list);
	struct counter *counter;
	size_t i;

	if (getsockopt(fd, SOL_RDS, RDS_INFO_COUNTERS, list, &length) < 0)
		return -1;
	counters->count = length / sizeof(list[0]);
	for (i = 0; i < counters->count; i++) {
		counter = &counters->list[i];
		snprintf(counter->name, sizeof(counter->name), "%.*s", (int)sizeof(list[i].name),
			 (const char *)list[i].name);
		counter->value = list[i].value;
	}
	return counters->count ? 0 : -1;
}

bool counters_find(const struct counters *counters, const char *name, uint64_t *value)
{
	size_t i;

	for (i = 0; i < counters->count; i++) {
		if (strcmp(counters->list[i].name, name))
			continue;
		*value = counters->list[i].value;
		return true;
	}
	return false;
}

/* /proc/net/snmp: a line of names, "Tcp: ...", and a line of their values. */
uint64_t tcp_sent_again(const struct netns *ns)
{
	char names[2048] = "", values[2048] = "", *name, *value, *at_name, *at_value;
	FILE *file;

	if (netns_enter(ns))
		fail_msg("cannot enter the namespace");
	file = fopen("/proc/thread-self/net/snmp", "r");
	netns_home();
	assert_non_null(file);
	while (fgets(names, sizeof(names), file) && strncmp(names, "Tcp:", 4))
		;
	assert_non_null(fgets(values, sizeof(values), file));
	fclose(file);
	name = strtok_r(names, " \n", &at_name);
	value = strtok_r(values, " \n", &at_value);
	while (name && value && strcmp(name, "RetransSegs")) {
		name = strtok_r(NULL, " \n", &at_name);
		value = strtok_r(NULL, " \n", &at_value);
	}
	if (!name || !value)
		fail_msg("no RetransSegs in /proc/net/snmp");
	return strtoull(value, NULL, 10);
}

static uint64_t find_or_fail(const struct counters *counters, const char *name)
{
	uint64_t value = 0;

	if (!counters_find(counters, name, &value))
		fail_msg("no counter named %s among %zu", name, counters->count);
	return value;
}

uint64_t counter_now(const struct netns *ns, const char *name)
{
	struct counters now;

	if (counters_read(ns, &now))
		fail_msg("cannot read the counters");
	return find_or_fail(&now, name);
}

uint64_t counter_moved(const struct netns *ns, const struct counters *since, const char *name)
{
	return counter_now(ns, name) - find_or_fail(since, name);
}

bool counter_wait(const struct netns *ns, const struct counters *since, const char *name,
		  uint64_t by, struct deadline deadline)
{
	bool over;

	/* Looks once more after it: this machine may have stood still just after a look. */
	for (;;) {
		over = deadline_over(&deadline);
		if (counter_moved(ns, since, name) >= by)
			return true;
		if (over)
			return false;
		deadline_step();
	}
}

// SPDX-License-Identifier: GPL-2.0
/*
 * log.c - what the kernel log hears of connections: one line when a path goes up or down.
 *
 * A peer can make its connections go up and down as often as it likes, and anybody can have a
 * namespace, so each namespace has a limit of its own.
 */
#define pr_fmt(fmt) "rds_zc: " fmt

#include "rdsz.h"

#define RDSZ_LOG_INTERVAL	(5 * HZ)
#define RDSZ_LOG_BURST		32	/* four connections of eight lanes */

static const char * const rdsz_drop_texts[] = {
	[RDSZ_DROP_NONE]	= "no reason",
	[RDSZ_DROP_PEER]	= "closed by the peer, reset, or timed out",
	[RDSZ_DROP_SEND]	= "TCP refused to send",
	[RDSZ_DROP_PROTOCOL]	= "malformed header from the peer",
	[RDSZ_DROP_STALLED]	= "nothing acknowledged for stall_ms",
	[RDSZ_DROP_REPLACED]	= "replaced by a newer connection of the peer",
	[RDSZ_DROP_WAKEUP]	= "wake-up done",
	[RDSZ_DROP_LANE]	= "the peer takes one connection only",
	[RDSZ_DROP_IDLE]	= "idle for idle_ms",
	[RDSZ_DROP_SYSCTL]	= "buffer sizes changed by sysctl",
	[RDSZ_DROP_ADDRESS]	= "local address removed",
};

void rdsz_log_init(struct rdsz_net *rn)
{
	ratelimit_state_init(&rn->log_limit, RDSZ_LOG_INTERVAL, RDSZ_LOG_BURST);
}

static void rdsz_log_path(struct rdsz_path *path, const char *what, const char *why)
{
	const struct rdsz_conn *conn = path->conn;
	struct rdsz_endpoint local = { .ip = conn->key.local }, peer = { .ip = conn->key.peer };
	struct sockaddr_storage from, to;

	if (conn->ops->type == RDSZ_TRANS_LOOP || !__ratelimit(&conn->rn->log_limit))
		return;
	rdsz_addr_format(&from, &local);
	rdsz_addr_format(&to, &peer);
	pr_info("netns %u: %pISc to %pISc, lane %u, %s%s\n", conn->rn->net->ns.inum, &from, &to,
		path->index, what, why);
}

void rdsz_log_up(struct rdsz_path *path)
{
	rdsz_log_path(path, "up", "");
}

void rdsz_log_down(struct rdsz_path *path, enum rdsz_drop_reason reason)
{
	rdsz_log_path(path, "down: ", rdsz_drop_texts[reason]);
}

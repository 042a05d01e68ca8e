/* SPDX-License-Identifier: GPL-2.0 */
/*
 * proto_mem.h - lets the core account memory of our sockets, and charge it to their memory cgroup.
 *
 *	RDSZ_PROTO_MEM_DEFINE();
 *	struct proto p = { ..., RDSZ_PROTO_MEM_OPS };
 *
 * The protocol as a whole has no limit of its own; the namespace has (rcv_mem_max).
 */
#ifndef RDSZ_COMPAT_PROTO_MEM_H
#define RDSZ_COMPAT_PROTO_MEM_H

#include <linux/memcontrol.h>
#include <linux/percpu.h>
#include <net/sock.h>

#include "gen/config.h"

#if RDSZ_PROTO_HAS_FW_ALLOC
#define RDSZ_PROTO_FW_DEFINE()	static DEFINE_PER_CPU(int, rdsz_proto_fw_alloc)
#define RDSZ_PROTO_FW_OPS	.per_cpu_fw_alloc = &rdsz_proto_fw_alloc,
#else	/* 5.10 */
#define RDSZ_PROTO_FW_DEFINE()	struct rdsz_proto_fw_none
#define RDSZ_PROTO_FW_OPS
#endif

#define RDSZ_PROTO_MEM_DEFINE()						\
	RDSZ_PROTO_FW_DEFINE();						\
	static atomic_long_t rdsz_proto_allocated;			\
	static long rdsz_proto_limits[3] = { LONG_MAX / 2, LONG_MAX / 2, LONG_MAX / 2 }; \
	static int rdsz_proto_sizes[3] = { PAGE_SIZE, PAGE_SIZE, PAGE_SIZE }

#define RDSZ_PROTO_MEM_OPS						\
	RDSZ_PROTO_FW_OPS						\
	.memory_allocated	= &rdsz_proto_allocated,		\
	.sysctl_mem		= rdsz_proto_limits,			\
	.sysctl_wmem		= rdsz_proto_sizes,			\
	.sysctl_rmem		= rdsz_proto_sizes

/* Is the memory cgroup that the socket is charged to, or one above it, over its limit? */
static inline bool rdsz_sk_cgroup_full(const struct sock *sk)
{
#if IS_ENABLED(CONFIG_MEMCG)
	struct mem_cgroup *memcg = mem_cgroup_sockets_enabled ? sk->sk_memcg : NULL;

	for (; memcg; memcg = parent_mem_cgroup(memcg))
		if (page_counter_read(&memcg->memory) > READ_ONCE(memcg->memory.max))
			return true;
#endif
	return false;
}

#endif /* RDSZ_COMPAT_PROTO_MEM_H */

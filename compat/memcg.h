/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memcg.h - allocations of a worker that are charged to the memory cgroup of a socket.
 *
 * set_active_memcg() needs a variable of the kernel that 5.10 does not export, for what it does
 * in interrupts. A worker needs only what it does for a task.
 */
#ifndef RDSZ_COMPAT_MEMCG_H
#define RDSZ_COMPAT_MEMCG_H

#include <linux/sched.h>
#include <net/sock.h>

/*
 * From here to rdsz_memcg_leave() what the task allocates with __GFP_ACCOUNT is charged to the
 * cgroup in which @sk was made; to nobody if the kernel knows none. The caller holds @sk.
 */
static inline struct mem_cgroup *rdsz_memcg_enter(const struct sock *sk)
{
	struct mem_cgroup *before = NULL;

#ifdef CONFIG_MEMCG
	WARN_ON_ONCE(!in_task());
	before = current->active_memcg;
	current->active_memcg = sk->sk_memcg;
#endif
	return before;
}

static inline void rdsz_memcg_leave(struct mem_cgroup *before)
{
#ifdef CONFIG_MEMCG
	current->active_memcg = before;
#endif
}

#endif /* RDSZ_COMPAT_MEMCG_H */

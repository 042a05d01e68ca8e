/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pin_account.h - counts pinned user pages against RLIMIT_MEMLOCK.
 *
 * Where the kernel exports mm_account_pinned_pages(), that does it: pages are counted per user. All
 * kernels known export it. Where one does not, or with COMPAT_FORCE=pin_account,
 * account_locked_vm() does it: same page count, same exemption (CAP_IPC_LOCK), same errno, but
 * counted per address space (VmLck in /proc/PID/status), not per user.
 */
#ifndef RDSZ_COMPAT_PIN_ACCOUNT_H
#define RDSZ_COMPAT_PIN_ACCOUNT_H

#include <linux/skbuff.h>
#include <linux/types.h>

#include "gen/config.h"

#if RDSZ_MM_ACCOUNT_PINNED && !RDSZ_FORCE_PIN_ACCOUNT
#define RDSZ_PIN_ACCOUNT_BY_USER	1
#elif RDSZ_MM_ACCOUNT_LOCKED_VM
#define RDSZ_PIN_ACCOUNT_BY_USER	0
#else
#error "no way known to account pinned pages on this kernel (known: 5.10 .. 7.3)"
#endif

struct rdsz_pin_debt;

/**
 * struct rdsz_pin_charge - what one payload is charged for; all zeroes: nothing
 * @mmp: the core's note of user and pages
 * @debt: address space and pages; a charge that was free has none
 */
struct rdsz_pin_charge {
#if RDSZ_PIN_ACCOUNT_BY_USER
	struct mmpin		mmp;
#else
	struct rdsz_pin_debt	*debt;
#endif
};

int rdsz_pin_charge(struct rdsz_pin_charge *c, size_t bytes);
void rdsz_pin_uncharge(struct rdsz_pin_charge *c);
void rdsz_pin_account_flush(void);

#endif /* RDSZ_COMPAT_PIN_ACCOUNT_H */

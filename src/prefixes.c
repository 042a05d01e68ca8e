// SPDX-License-Identifier: GPL-2.0
/*
 * prefixes.c - net.rds_zc.accept_from: from which addresses connections are taken.
 *
 * A list is immutable once published. It is read under RCU where TCP takes connection requests, and
 * replaced as a whole. No list means everybody.
 */
#include <linux/ctype.h>
#include <linux/inet.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "rdsz.h"

/*
 * @bits counts in the 128 bits of @ip, of IPv4 addresses too; @v4: matches IPv4 only, else IPv6
 * only.
 */
struct rdsz_prefix {
	struct in6_addr	ip;
	u8		bits;
	bool		v4;
};

struct rdsz_prefixes {
	struct rcu_head		rcu;
	unsigned int		nr;
	struct rdsz_prefix	list[];
};

static bool rdsz_prefix_matches(const struct rdsz_prefix *p, const struct in6_addr *ip)
{
	return rdsz_addr_is_v4(ip) == p->v4 && ipv6_prefix_equal(&p->ip, ip, p->bits);
}

/**
 * rdsz_prefixes_allow() - may a connection come from this address?
 * @rn: namespace
 * @ip: its source
 *
 * Context: any.
 */
bool rdsz_prefixes_allow(struct rdsz_net *rn, const struct in6_addr *ip)
{
	const struct rdsz_prefixes *all;
	bool allowed = true;
	unsigned int i;

	rcu_read_lock();
	all = rcu_dereference(rn->accept_from);
	if (all) {
		for (i = 0; i < all->nr; i++)
			if (rdsz_prefix_matches(&all->list[i], ip))
				break;
		allowed = i < all->nr;
	}
	rcu_read_unlock();
	return allowed;
}

/* One word: ADDRESS or ADDRESS/BITS. The bits behind the prefix must be 0. */
static int rdsz_prefix_parse(char *word, struct rdsz_prefix *p)
{
	char *slash = strchr(word, '/');
	u8 width = strchr(word, ':') ? 128 : 32;
	struct in6_addr masked;
	u8 bits = width;
	__be32 ip4;

	if (slash) {
		*slash = 0;
		if (!isdigit(slash[1]) || kstrtou8(slash + 1, 10, &bits) || bits > width)
			return -EINVAL;
	}
	if (width == 128) {
		if (!in6_pton(word, -1, p->ip.s6_addr, -1, NULL))
			return -EINVAL;
	} else {
		if (!in4_pton(word, -1, (u8 *)&ip4, -1, NULL))
			return -EINVAL;
		ipv6_addr_set_v4mapped(ip4, &p->ip);
	}
	p->bits = 128 - width + bits;
	p->v4 = rdsz_addr_is_v4(&p->ip) && p->bits >= 96;
	ipv6_addr_prefix(&masked, &p->ip, p->bits);
	return ipv6_addr_equal(&masked, &p->ip) ? 0 : -EINVAL;
}

/* NULL for a text without words. */
static struct rdsz_prefixes *rdsz_prefixes_parse(char *text)
{
	struct rdsz_prefixes *all = kzalloc(struct_size(all, list, RDSZ_PREFIXES_MAX), GFP_KERNEL);
	char *word;
	int err = 0;

	if (!all)
		return ERR_PTR(-ENOMEM);
	while (!err && (word = strsep(&text, ", \t\n"))) {
		if (!*word)
			continue;
		err = all->nr == RDSZ_PREFIXES_MAX ? -EINVAL :
			rdsz_prefix_parse(word, &all->list[all->nr++]);
	}
	if (!err && all->nr)
		return all;
	kfree(all);
	return ERR_PTR(err);
}

static int rdsz_prefix_format(const struct rdsz_prefix *p, char *to, size_t room)
{
	if (p->v4)
		return scnprintf(to, room, "%pI4/%u", &p->ip.s6_addr32[3], p->bits - 96);
	return scnprintf(to, room, "%pI6c/%u", &p->ip, p->bits);
}

/* As it is read; @text is zeroed. */
void rdsz_prefixes_format(struct rdsz_net *rn, char *text, size_t room)
{
	const struct rdsz_prefixes *all;
	unsigned int i;
	size_t at = 0;

	rcu_read_lock();
	all = rcu_dereference(rn->accept_from);
	for (i = 0; all && i < all->nr; i++) {
		at += scnprintf(text + at, room - at, i ? "," : "");
		at += rdsz_prefix_format(&all->list[i], text + at, room - at);
	}
	rcu_read_unlock();
}

/**
 * rdsz_prefixes_set() - take another list
 * @rn: namespace
 * @text: prefixes with blanks or commas between them; it is taken apart
 *
 * Return: 0, -EINVAL (the old list stays), -ENOMEM.
 */
int rdsz_prefixes_set(struct rdsz_net *rn, char *text)
{
	struct rdsz_prefixes *all = rdsz_prefixes_parse(text);

	if (IS_ERR(all))
		return PTR_ERR(all);
	all = unrcu_pointer(xchg(&rn->accept_from, RCU_INITIALIZER(all)));
	if (all)
		kfree_rcu(all, rcu);
	return 0;
}

/* The namespace ends: nobody reads any more. */
void rdsz_prefixes_exit(struct rdsz_net *rn)
{
	kfree(rcu_dereference_protected(rn->accept_from, true));
}

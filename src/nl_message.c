// SPDX-License-Identifier: GPL-2.0
/*
 * nl_message.c - message-get: what waits in the queues of sockets.
 */
#include "nl.h"
#include "payload.h"
#include "socket.h"

const struct nla_policy rdsz_nl_message_policy[RDSZC_A_MESSAGE_MAX + 1] = {
	[RDSZC_A_MESSAGE_SOCKET_ID]	= { .type = NLA_U64 },
};

/* Messages looked at under the lock of a queue in one go. */
#define RDSZ_DUMP_BATCH		16

/* One message of a queue, copied out so that it can be told without a lock. */
struct rdsz_message_view {
	u32			queue;
	struct rdsz_endpoint	peer;
	u32			len;
	u32			payload;
	bool			retransmitted;
	bool			has_seq;
	u64			seq;
};

static u32 rdsz_nl_payload(const struct rdsz_payload *p)
{
	if (!p)
		return RDSZC_PAYLOAD_NONE;
	switch (p->kind) {
	case RDSZ_PAYLOAD_PINNED:
		return RDSZC_PAYLOAD_PINNED;
	case RDSZ_PAYLOAD_FOREIGN:
		return RDSZC_PAYLOAD_LENT;
	default:
		return RDSZC_PAYLOAD_COPIED;
	}
}

static void rdsz_look_at_outgoing(struct rdsz_message *m, struct rdsz_message_view *v)
{
	struct rdsz_path *path = rdsz_message_lock_path(m);

	v->peer = (struct rdsz_endpoint){ .ip = path->conn->key.peer, .port = m->dport,
					  .scope = path->conn->key.scope };
	v->len = m->len;
	v->queue = test_bit(RDSZ_MSG_SENT, &m->flags) ? RDSZC_QUEUE_UNACKED : RDSZC_QUEUE_SEND;
	v->payload = rdsz_nl_payload(m->payload);
	v->retransmitted = m->hdr.flags & RDSZ_FLAG_RETRANSMITTED;
	v->seq = be64_to_cpu(m->hdr.seq);
	v->has_seq = v->seq;	/* what only waits has none yet */
	spin_unlock_bh(&path->lock);
}

static void rdsz_look_at_incoming(const struct rdsz_incoming *inc, struct rdsz_message_view *v)
{
	memset(v, 0, sizeof(*v));
	v->queue = RDSZC_QUEUE_RECEIVE;
	v->peer = inc->from;
	v->len = inc->len;
	if (inc->payload)
		v->payload = rdsz_nl_payload(inc->payload);
	else if (inc->len)
		v->payload = inc->is_inline ? RDSZC_PAYLOAD_COPIED : RDSZC_PAYLOAD_NETWORK;
}

/* Up to RDSZ_DUMP_BATCH messages of the send list, from the @skip'th on. */
static u32 rdsz_nl_outgoing(struct rdsz_sock *rs, u32 skip, struct rdsz_message_view *views)
{
	struct rdsz_message *held[RDSZ_DUMP_BATCH], *m;
	u32 i, n = 0;

	spin_lock_bh(&rs->queue_lock);
	list_for_each_entry(m, &rs->send_list, sock_node) {
		if (n == RDSZ_DUMP_BATCH)
			break;
		if (skip) {
			skip--;
			continue;
		}
		refcount_inc(&m->refs);
		held[n++] = m;
	}
	spin_unlock_bh(&rs->queue_lock);
	for (i = 0; i < n; i++) {
		rdsz_look_at_outgoing(held[i], &views[i]);
		rdsz_message_put(held[i]);
	}
	return n;
}

static u32 rdsz_nl_incoming(struct rdsz_sock *rs, u32 skip, struct rdsz_message_view *views)
{
	const struct rdsz_incoming *inc;
	u32 n = 0;

	spin_lock_bh(&rs->queue_lock);
	list_for_each_entry(inc, &rs->recv_queue, node) {
		if (n == RDSZ_DUMP_BATCH)
			break;
		if (skip)
			skip--;
		else
			rdsz_look_at_incoming(inc, &views[n++]);
	}
	spin_unlock_bh(&rs->queue_lock);
	return n;
}

static int rdsz_nl_put_message(struct sk_buff *skb, struct netlink_callback *cb,
			       struct rdsz_sock *rs, const struct rdsz_message_view *v)
{
	void *hdr = rdsz_nl_begin(skb, cb, RDSZC_CMD_MESSAGE_GET, READ_ONCE(rs->rn->sock_gen));
	int err;

	if (!hdr)
		return -EMSGSIZE;
	err = nla_put_u64_64bit(skb, RDSZC_A_MESSAGE_SOCKET_ID, rs->id, RDSZC_A_MESSAGE_PAD) ||
		nla_put_u32(skb, RDSZC_A_MESSAGE_QUEUE, v->queue) ||
		rdsz_nl_put_addr(skb, RDSZC_A_MESSAGE_LOCAL_ADDR, &rs->local.ip) ||
		nla_put_u16(skb, RDSZC_A_MESSAGE_LOCAL_PORT, ntohs(rs->local.port)) ||
		rdsz_nl_put_addr(skb, RDSZC_A_MESSAGE_PEER_ADDR, &v->peer.ip) ||
		nla_put_u16(skb, RDSZC_A_MESSAGE_PEER_PORT, ntohs(v->peer.port)) ||
		nla_put_u32(skb, RDSZC_A_MESSAGE_SCOPE, v->peer.scope) ||
		nla_put_u32(skb, RDSZC_A_MESSAGE_LEN, v->len) ||
		nla_put_u32(skb, RDSZC_A_MESSAGE_PAYLOAD, v->payload) ||
		nla_put_u8(skb, RDSZC_A_MESSAGE_RETRANSMITTED, v->retransmitted);
	if (!err && v->has_seq && rdsz_nl_is_admin(cb->skb))
		err = nla_put_u64_64bit(skb, RDSZC_A_MESSAGE_SEQ, v->seq, RDSZC_A_MESSAGE_PAD);
	return rdsz_nl_end(skb, hdr, err);
}

/* One queue of a socket from where the dump was, at most RDSZC_MESSAGES_MAX entries of it. */
static int rdsz_nl_put_queue(struct sk_buff *skb, struct netlink_callback *cb, struct rdsz_sock *rs,
			     u32 (*look)(struct rdsz_sock *rs, u32 skip,
					 struct rdsz_message_view *views))
{
	struct rdsz_message_view *views;
	long *index = &cb->args[RDSZ_DUMP_INDEX];
	u32 i, n = RDSZ_DUMP_BATCH;
	int err = 0;

	views = kcalloc(RDSZ_DUMP_BATCH, sizeof(*views), GFP_KERNEL);
	if (!views)
		return -ENOMEM;
	while (!err && n == RDSZ_DUMP_BATCH && *index < RDSZC_MESSAGES_MAX) {
		n = look(rs, *index, views);
		for (i = 0; i < n && !err; i++) {
			err = rdsz_nl_put_message(skb, cb, rs, &views[i]);
			if (!err)
				++*index;
		}
	}
	kfree(views);
	if (!err)
		*index = 0;
	return err;
}

static int rdsz_nl_put_queues(struct sk_buff *skb, struct netlink_callback *cb,
			      struct rdsz_sock *rs)
{
	int err = 0;

	if (!cb->args[RDSZ_DUMP_PART])
		err = rdsz_nl_put_queue(skb, cb, rs, rdsz_nl_outgoing);
	if (err)
		return err;
	cb->args[RDSZ_DUMP_PART] = 1;
	err = rdsz_nl_put_queue(skb, cb, rs, rdsz_nl_incoming);
	if (!err)
		cb->args[RDSZ_DUMP_PART] = 0;
	return err;
}

static bool rdsz_nl_queues_wanted(struct netlink_callback *cb, struct rdsz_sock *rs)
{
	const struct nlattr *id = rdsz_genl_dump_attrs(cb)[RDSZC_A_MESSAGE_SOCKET_ID];

	if (id && nla_get_u64(id) != rs->id)
		return false;
	/* bound: pairs with rdsz_bind_locked(); only a bound socket has messages */
	return !READ_ONCE(rs->dead) && smp_load_acquire(&rs->bound) &&
		rdsz_nl_may_see(cb->skb, rs);
}

int rdsz_nl_messages(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct rdsz_net *rn = rdsz_nl_net(cb->skb);
	struct rdsz_sock *rs = rdsz_sock_after(rn, cb->args[RDSZ_DUMP_AFTER]);
	u64 partly = cb->args[RDSZ_DUMP_ENTRY];
	int err = 0;

	for (; rs; rs = rdsz_sock_next(rn, rs)) {
		if (rs->id != partly) {
			cb->args[RDSZ_DUMP_PART] = 0;
			cb->args[RDSZ_DUMP_INDEX] = 0;
		}
		partly = rs->id;
		cb->args[RDSZ_DUMP_ENTRY] = partly;
		if (rdsz_nl_queues_wanted(cb, rs))
			err = rdsz_nl_put_queues(skb, cb, rs);
		if (err) {
			sock_put(&rs->sk);
			break;
		}
		cb->args[RDSZ_DUMP_AFTER] = rs->id;
	}
	return rdsz_nl_dumped(skb, cb, err, READ_ONCE(rn->sock_gen));
}

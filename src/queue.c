// SPDX-License-Identifier: GPL-2.0
/*
 * queue.c - which message of a lane goes next.
 *
 * What waits on a lane has no sequence number yet. The messages of one pair of sockets are a flow,
 * and go in the order in which they were sent; flows take turns, a message each. A flow whose next
 * message is small goes before those with a large one, so that a request of 256 bytes does not wait
 * for the megabytes of other sockets. A large one has its turn when those that went before it have
 * cost as much as it does: so small and large messages have the same share, if both want it.
 *
 *   waiting (flows) --commit--> send_queue (numbered) --> TCP, or a reader on this machine
 *
 * A message gets its number when it is committed, no more than one transmit pass ahead: what is
 * numbered cannot be overtaken. Messages of a connection that was lost have theirs, and go first.
 *
 * All of it is covered by the path lock; softirq.
 */
#include "rdsz.h"

/* Smaller payloads are small; the others go by reference where the kernel can, see tcp_send.c. */
#define RDSZ_QUICK_LEN	16384

/* What a small message costs beside its payload, in bytes of a large one: about its time. */
#define RDSZ_QUICK_COST	1024

static bool rdsz_message_is_quick(const struct rdsz_message *m)
{
	return m->len < RDSZ_QUICK_LEN;
}

static u32 rdsz_message_pair(const struct rdsz_message *m)
{
	return (u32)be16_to_cpu(m->hdr.sport) << 16 | be16_to_cpu(m->hdr.dport);
}

static struct list_head *rdsz_queue_turns_of(struct rdsz_queue *q, const struct rdsz_message *m)
{
	return rdsz_message_is_quick(m) ? &q->quick : &q->turns;
}

/*
 * The first message of the flow of @m, or NULL where @m begins one; then it is in the tree. The
 * tree, for a socket may send to tens of thousands of ports, and choose them.
 */
static struct rdsz_message *rdsz_flow_find(struct rdsz_queue *q, struct rdsz_message *m)
{
	struct rb_node **link = &q->flows.rb_node, *parent = NULL;
	u32 pair = rdsz_message_pair(m);

	while (*link) {
		struct rdsz_message *first = rb_entry(*link, struct rdsz_message, pair_node);
		u32 other = rdsz_message_pair(first);

		if (pair == other)
			return first;
		parent = *link;
		link = pair < other ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&m->pair_node, parent, link);
	rb_insert_color(&m->pair_node, &q->flows);
	return NULL;
}

/**
 * rdsz_queue_add() - a message waits on a path from now on
 * @path: path, its lock is held
 * @m: message, in no other queue; the reference is the queue's
 */
void rdsz_queue_add(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	struct rdsz_queue *q = &path->queue;
	struct rdsz_message *first;

	lockdep_assert_held(&path->lock);
	list_add_tail(&m->path_node, &q->waiting);
	set_bit(RDSZ_MSG_WAITING, &m->flags);
	first = rdsz_flow_find(q, m);
	if (first) {
		list_add_tail(&m->flow_node, &first->flow_node);
		return;
	}
	INIT_LIST_HEAD(&m->flow_node);
	list_add_tail(&m->turn_node, rdsz_queue_turns_of(q, m));
	m->is_first = true;
}

/**
 * rdsz_queue_left() - a message waits no more, whether it goes out or was withdrawn
 * @path: its path, the lock is held
 * @m: message, in any queue of the path; the caller unlinks path_node
 */
void rdsz_queue_left(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	struct rdsz_queue *q = &path->queue;
	struct rdsz_message *next;

	lockdep_assert_held(&path->lock);
	if (!test_and_clear_bit(RDSZ_MSG_WAITING, &m->flags))
		return;
	next = list_next_entry(m, flow_node);	/* itself if it is alone */
	list_del_init(&m->flow_node);
	if (!m->is_first)
		return;
	m->is_first = false;
	list_del(&m->turn_node);
	if (next == m) {
		rb_erase(&m->pair_node, &q->flows);
		return;
	}
	rb_replace_node(&m->pair_node, &next->pair_node, &q->flows);
	list_add_tail(&next->turn_node, rdsz_queue_turns_of(q, next));
	next->is_first = true;
}

static struct rdsz_message *rdsz_queue_next(struct rdsz_queue *q)
{
	struct rdsz_message *quick, *large;

	quick = list_first_entry_or_null(&q->quick, struct rdsz_message, turn_node);
	large = list_first_entry_or_null(&q->turns, struct rdsz_message, turn_node);
	return quick && (!large || q->quick_run < large->len) ? quick : large;
}

static void rdsz_queue_commit_one(struct rdsz_path *path, struct rdsz_message *m)
	__must_hold(&path->lock)
{
	struct rdsz_queue *q = &path->queue;

	if (rdsz_message_is_quick(m) && !list_empty(&q->turns))
		q->quick_run += m->len + RDSZ_QUICK_COST;
	else
		q->quick_run = 0;
	rdsz_queue_left(path, m);
	m->hdr.seq = cpu_to_be64(path->next_tx_seq++);
	list_move_tail(&m->path_node, &path->send_queue);
}

/**
 * rdsz_queue_commit() - decide what goes next
 * @path: path, its lock is held; the caller owns the right to transmit
 * @max_msgs: have no more than so many messages numbered
 * @max_bytes: nor so many bytes, unless it is one message
 */
void rdsz_queue_commit(struct rdsz_path *path, u32 max_msgs, u32 max_bytes)
	__must_hold(&path->lock)
{
	u32 msgs = 0, bytes = 0;
	struct rdsz_message *m;

	lockdep_assert_held(&path->lock);
	list_for_each_entry(m, &path->send_queue, path_node) {
		bytes += m->len;
		if (++msgs >= max_msgs || bytes >= max_bytes)
			return;
	}
	while (msgs < max_msgs && (m = rdsz_queue_next(&path->queue))) {
		if (msgs && bytes + m->len > max_bytes)
			return;
		rdsz_queue_commit_one(path, m);
		bytes += m->len;
		msgs++;
	}
}

/* Nothing waits or is about to go. May be asked without the lock. */
bool rdsz_queue_is_empty(const struct rdsz_path *path)
{
	return list_empty_careful(&path->queue.waiting) && list_empty_careful(&path->send_queue);
}

void rdsz_queue_init(struct rdsz_queue *q)
{
	INIT_LIST_HEAD(&q->waiting);
	INIT_LIST_HEAD(&q->quick);
	INIT_LIST_HEAD(&q->turns);
	q->flows = RB_ROOT;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* The calls of the kernel's list that the code under test makes. */
#ifndef TESTS_SHIM_LINUX_LIST_H
#define TESTS_SHIM_LINUX_LIST_H

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)
#define list_for_each(pos, head) \
	for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

static inline int list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_link(struct list_head *a, struct list_head *b)
{
	a->next = b;
	b->prev = a;
}

static inline void list_add_tail(struct list_head *item, struct list_head *head)
{
	list_link(head->prev, item);
	list_link(item, head);
}

static inline void list_move_tail(struct list_head *item, struct list_head *head)
{
	list_link(item->prev, item->next);
	list_add_tail(item, head);
}

/* All of @list to the beginning of @head; @list is empty then. */
static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (list_empty(list))
		return;
	list_link(list->prev, head->next);
	list_link(head, list->next);
	list_link(list, list);
}

#endif

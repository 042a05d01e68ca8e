// SPDX-License-Identifier: GPL-2.0
/*
 * tombstone.c - what is remembered of a conn that was let go.
 *
 * A peer that has missed our last acknowledgement sends again, marked as sent again, what we have
 * delivered long ago. Only the sequence number expected next tells; so it stays, with the
 * incarnation of the peer that it belongs to, and the conn that is made anew takes it over. Numbers
 * of our own need no memory: those of a new conn are higher than any the namespace has used.
 *
 * A namespace keeps the latest RDSZ_TOMBS_MAX of them, in order of burial. They are looked up under
 * its conn_lock alone, so they need no RCU period before they are freed.
 */
#include <linux/slab.h>

#include "rdsz.h"

#define RDSZ_TOMBS_MAX	4096

static const struct rhashtable_params rdsz_tomb_params = {
	.head_offset		= offsetof(struct rdsz_tomb, node),
	.key_offset		= offsetof(struct rdsz_tomb, key),
	.key_len		= sizeof(struct rdsz_conn_key),
	.automatic_shrinking	= true,
};

static void rdsz_tomb_unlist(struct rdsz_net *rn, struct rdsz_tomb *tomb)
	__must_hold(&rn->conn_lock)
{
	rhashtable_remove_fast(&rn->tombs, &tomb->node, rdsz_tomb_params);
	list_del(&tomb->list);
	rn->nr_tombs--;
}

/* Takes @tomb over. */
void rdsz_tomb_bury(struct rdsz_net *rn, struct rdsz_tomb *tomb, struct rdsz_conn *conn)
	__must_hold(&rn->conn_lock)
{
	struct rdsz_path *path;
	int i;

	lockdep_assert_held(&rn->conn_lock);
	tomb->key = conn->key;
	tomb->peer_gen = conn->peer_gen;
	rdsz_conn_for_each_lane(conn, path, i) {
		tomb->lane[i].next_rx_seq = path->next_rx_seq;
		tomb->lane[i].rx_gen = path->rx_gen;
	}
	if (rn->nr_tombs >= RDSZ_TOMBS_MAX) {
		struct rdsz_tomb *oldest = list_first_entry(&rn->tomb_list, struct rdsz_tomb, list);

		rdsz_tomb_unlist(rn, oldest);
		kfree(oldest);
		rdsz_stat_inc(rn, conn_forgotten);
	}
	if (rhashtable_insert_fast(&rn->tombs, &tomb->node, rdsz_tomb_params)) {
		kfree(tomb);	/* no memory */
		rdsz_stat_inc(rn, conn_forgotten);
		return;
	}
	list_add_tail(&tomb->list, &rn->tomb_list);
	rn->nr_tombs++;
}

/* The memory of an address pair, to be given to a conn that has just been made, or NULL. */
struct rdsz_tomb *rdsz_tomb_raise(struct rdsz_net *rn, const struct rdsz_conn_key *key)
	__must_hold(&rn->conn_lock)
{
	struct rdsz_tomb *tomb;

	lockdep_assert_held(&rn->conn_lock);
	if (list_empty(&rn->tomb_list))
		return NULL;
	tomb = rhashtable_lookup_fast(&rn->tombs, key, rdsz_tomb_params);
	if (tomb)
		rdsz_tomb_unlist(rn, tomb);
	return tomb;
}

/* A lane of a conn that was known before, not used yet. */
void rdsz_tomb_apply(const struct rdsz_tomb *tomb, struct rdsz_path *path)
{
	path->next_rx_seq = tomb->lane[path->index].next_rx_seq;
	path->rx_gen = tomb->lane[path->index].rx_gen;
}

int rdsz_tombs_init(struct rdsz_net *rn)
{
	INIT_LIST_HEAD(&rn->tomb_list);
	return rhashtable_init(&rn->tombs, &rdsz_tomb_params);
}

static void rdsz_tomb_free(void *tomb, void *unused)
{
	kfree(tomb);
}

void rdsz_tombs_exit(struct rdsz_net *rn)
{
	rhashtable_free_and_destroy(&rn->tombs, rdsz_tomb_free, NULL);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rdsz.h - the types that the rooms of the module share, who owns them, and the lock order.
 *
 * Ownership
 *
 *   object           lives from .. to                     reached under        protected by
 *   rdsz_net         namespace init .. last reference      net_generic          -
 *   rdsz_sock        socket() .. last reference            bind table (RCU)     its queue_lock
 *   rdsz_conn, path  first use .. namespace exit           conn table (RCU)     path: its lock
 *   rdsz_lanes       8 lanes agreed .. end of its conn     conn->lanes          lock of lane 0, and
 *                                                                               of the lane
 *   rdsz_message     sendmsg .. delivered, off the wire    path queues          path lock; a bit
 *   rdsz_incoming    first byte .. read, or socket closed  receive queue        queue_lock
 *   rdsz_payload     built .. last reference               message, incoming,   refcount; pointers
 *                                                          transmit pass        by holder's lock
 *   rdsz_pass        call into TCP .. last skb gone        path->pass, TCP      path owner bit
 *   rdsz_completion  sendmsg .. read, or socket gone       payload, then queue  rdsz_cq lock
 *
 * Lock order, outermost first: path->lock of lane 0, path->lock of another lane of the same conn,
 * rdsz_sock->queue_lock, rdsz_cq->lock. All are taken with bottom halves off, in process and
 * softirq context, and nothing else nests among them. The lock of a TCP socket is never taken with
 * any of them held; they are taken under it (receive path). cong_lock and sock_lock of rdsz_net are
 * leaves.
 */
#ifndef RDSZ_RDSZ_H
#define RDSZ_RDSZ_H

#include <linux/bvec.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/sched/clock.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include <linux/rds.h>
#include <linux/rds_zc.h>

#include "addr.h"
#include "bucket.h"
#include "hist.h"
#include "stats.h"
#include "wire.h"

struct rdsz_conn;
struct rdsz_path;
struct rdsz_pass;
struct rdsz_prefixes;
struct rdsz_tcp;

/* ---- namespace ---- */

/* The sysctls of net.rds_zc; written by one handler each, read with READ_ONCE. */
struct rdsz_sysctl {
	int	tcp_port;		/* TCP port, both listened on and dialled */
	int	tcp_listen;		/* 0 never, 1 at once, 2 on first use */
	int	max_completions;	/* outstanding plus unread cookies of a socket */
	int	pin_hold_ms;		/* pins without progress are converted after this */
	int	stall_ms;		/* a path whose peer acknowledges nothing goes down */
	int	zc_threshold;		/* bytes; smaller zerocopy sends are copied */
	int	ping_enable;		/* answer pings */
	int	ping_rate;		/* pings of one connection answered in a second */
	int	keepalive_idle;		/* seconds; TCP_KEEPIDLE of data connections */
	int	keepalive_interval;	/* seconds; TCP_KEEPINTVL */
	int	keepalive_count;	/* TCP_KEEPCNT */
	int	tcp_sndbuf;		/* bytes, sk_sndbuf of data connections; 0: TCP decides */
	int	tcp_rcvbuf;		/* bytes, sk_rcvbuf */
	int	gather_us;		/* small messages of a burst may wait so long; 0: none */
	int	idle_ms;		/* conns without traffic close, then go; 0 never */
	int	pending_max;		/* inbound connections without a frame yet */
	int	pending_per_peer;	/* of them, from one address */
	int	pending_ms;		/* how long they may take */
	int	max_paths;		/* lanes we offer, 1 or RDSZ_MAX_LANES */
	int	reconnect_min_delay_ms;
	int	reconnect_max_delay_ms;
	int	max_unacked_packets;	/* kept for those who set it, without effect */
	int	max_unacked_bytes;	/* the same */
	int	histograms;		/* measure how long things take, see hist.h */
	unsigned long rcv_mem_max;	/* bytes of unread messages of the whole namespace */
};

/**
 * struct rdsz_net - all state of one network namespace
 * @refs: one for the namespace, one per conn and per completion queue; late completions count here
 *	after the namespace has gone
 * @net: the namespace; NULL'ed never, but only valid until rdsz_net_exit() is over
 * @binds: bound sockets, key rdsz_bind_key, RCU; holds no reference (close removes)
 * @socks: all sockets in creation order, under @sock_lock
 * @conns: connections, key rdsz_conn_key, RCU; holds one reference each
 * @conn_list: the same conns for walkers, under @conn_lock (taken in process context)
 * @maps: congestion maps by address, under @cong_lock (softirq)
 * @cong_gen: counts received and local map changes
 * @seq_base: start of sequence numbers for the next path, see rdsz_net_next_seq()
 * @sock_ids: number of the newest socket, under @sock_lock; @sock_gen: counts changes of @socks
 * @conn_ids: the same for @conn_list, under @conn_lock; @conn_gen: counts new lanes as well
 * @gen_num: incarnation of this namespace, never 0
 * @inum: inode number of the namespace, for trace events of late completions too
 * @hists: histograms; NULL until they are first switched on, then there for good
 * @hist_on: measure
 * @rx_tracers: sockets that asked for receive path latencies
 * @rcv_mem: bytes of memory held by unread messages
 * @rcv_paused: some path stopped reading at rcv_mem_max
 * @pinned: payloads that hold user pages; the reaper runs while there are any
 * @reap_work: converts pins that make no progress, and watches for stalled paths
 * @log_limit: lines in the kernel log
 * @accept_from: whose connections are taken, NULL: everybody's; RCU, xchg'ed by its sysctl
 * @listen_lock: opening and closing of @listener, process context
 * @pending, @pending_ready, @nr_pending: see tcp_pending.c; @pending_lock is a leaf, softirq
 */
struct rdsz_net {
	refcount_t		refs;
	struct net		*net;
	struct rdsz_stats __percpu *stats;

	struct rhashtable	binds;
	spinlock_t		sock_lock;
	struct list_head	socks;
	u64			sock_ids;
	u32			sock_gen;

	struct rhashtable	conns;
	spinlock_t		conn_lock;
	struct list_head	conn_list;
	u64			conn_ids;
	u32			conn_gen;
	struct rhashtable	tombs;
	struct list_head	tomb_list;
	unsigned int		nr_tombs;
	struct delayed_work	idle_work;

	spinlock_t		cong_lock;
	struct rb_root		maps;
	atomic_t		cong_gen;

	atomic64_t		seq_base;
	u32			gen_num;
	u32			inum;
	struct rdsz_hists __percpu *hists;
	bool			hist_on;
	atomic_t		rx_tracers;
	atomic_long_t		rcv_mem;
	bool			rcv_paused;
	atomic_t		pinned;
	struct delayed_work	reap_work;

	struct ratelimit_state	log_limit;

	struct mutex		listen_lock;
	struct socket		*listener;
	void			(*listen_data_ready)(struct sock *sk);
	int			listen_error;
	struct work_struct	listen_work;
	struct delayed_work	accept_work;
	struct rdsz_prefixes __rcu *accept_from;

	spinlock_t		pending_lock;
	struct list_head	pending;
	struct list_head	pending_ready;
	int			nr_pending;
	struct delayed_work	pending_work;

	struct rdsz_sysctl	sysctl;
	struct ctl_table_header	*sysctl_header;
	struct ctl_table_header	*names_header;
	struct ctl_table	*sysctl_table;
	bool			dying;
};

/* Time stamp of a receive stage, or 0 if nobody wants it. */
static inline u64 rdsz_rx_stamp(const struct rdsz_net *rn)
{
	return unlikely(atomic_read(&rn->rx_tracers)) ? local_clock() : 0;
}

struct rdsz_net *rdsz_net_of(const struct net *net);
void rdsz_net_put(struct rdsz_net *rn);

#define rdsz_stat_inc(rn, name)		this_cpu_inc((rn)->stats->v[RDSZ_STAT_##name])
#define rdsz_stat_add(rn, name, n)	this_cpu_add((rn)->stats->v[RDSZ_STAT_##name], n)

/* ---- completions: see completion.c for the rules of a cookie ---- */

/* Index of a ready list: was the payload copied on its way, or did its pages travel? */
enum rdsz_verdict {
	RDSZ_ZEROCOPIED,
	RDSZ_COPIED,
	RDSZ_VERDICTS,
};

struct rdsz_completion {
	struct list_head	node;	/* in a ready list of @cq, under its lock */
	struct rdsz_cq		*cq;	/* holds a reference */
	u64			stamp;	/* when reserved, then when ready; see hist.h */
	u32			cookie;
};

/**
 * struct rdsz_cq - completion queue of a socket; may outlive the socket and its namespace
 * @refs: one for the socket, one per completion
 * @lock: covers all below; softirq
 * @sk: whom to wake; NULL once the socket is closed
 * @ready: completions that wait to be read, oldest first, one list per verdict
 * @nr_ready: their number
 * @nr_pending: completions reserved or sent, not yet ready
 */
struct rdsz_cq {
	refcount_t		refs;
	spinlock_t		lock;
	struct sock		*sk;
	struct rdsz_net		*rn;
	struct list_head	ready[RDSZ_VERDICTS];
	u32			nr_ready[RDSZ_VERDICTS];
	u32			nr_pending;
};

/* ---- payload: one object owns the bytes of a message ---- */

enum rdsz_payload_kind {
	RDSZ_PAYLOAD_INLINE,	/* behind the struct itself; slab memory, TCP must copy it */
	RDSZ_PAYLOAD_PAGES,	/* our own pages, immutable once built */
	RDSZ_PAYLOAD_PINNED,	/* the sender's pages; may change under us at any time */
	RDSZ_PAYLOAD_FOREIGN,	/* pages lent by io_uring under its ubuf */
};

struct rdsz_payload;
struct rdsz_incoming;
struct rdsz_ahead;

/* ---- sockets ---- */

#define RDSZ_WAKES	8	/* more than that share no wake-up */

/**
 * struct rdsz_wakes - sockets to be woken, once each, when their owner is done with many messages
 * @nr: entries of @list; its owner begins with 0
 * @list: sockets, a reference each, and what has become of them
 */
struct rdsz_wakes {
	u32 nr;
	struct {
		struct rdsz_sock	*rs;
		__poll_t		events;
	} list[RDSZ_WAKES];
};

struct rdsz_bind_key {
	struct in6_addr	ip;
	u32		scope;
	__be16		port;
	u16		pad;
};

/* SOL_RDS transport numbers, as SO_RDS_TRANSPORT reports them */
enum {
	RDSZ_TRANS_NONE = -1,
	RDSZ_TRANS_TCP = 2,
	RDSZ_TRANS_LOOP = 3,
};

/**
 * struct rdsz_sock - a PF_RDS socket
 * @sk: must be first
 * @id: number of the socket in its namespace; the list of sockets is in this order
 * @bind_node: in rdsz_net.binds while @bound
 * @bind_lock: serialises bind, connect and option setting, process context
 * @local: bound address; stable once @bound is set
 * @peer: default destination, under @bind_lock, read under it
 * @map: congestion map of @local, set with @bound
 * @queue_lock: covers the two queues and their counts; softirq
 * @send_list: messages that occupy send buffer space, by sock_node
 * @snd_bytes: payload bytes of @send_list plus reservations
 * @snd_msgs: messages of @send_list plus reservations
 * @recv_queue: unread messages, oldest first
 * @rcv_bytes: their payload bytes
 * @rcv_msgs: their number
 * @rcv_mem: memory they hold, bookkeeping included
 * @rcv_foreign: of it, what is ours to charge to the memory cgroup of the socket
 * @rcv_cgroup_full: the cgroup was full; the port is congested meanwhile
 * @ahead: incomplete message that @ahead_reader may begin to copy, with a reference
 * @ahead_reader: a reader that sleeps; both under @queue_lock, see ahead.c
 * @congested: our port's bit is set in the map of our address
 * @gather: made by the first burst of small messages, see gather.c; stays until close
 * @cq: made by the first message with a cookie; never changed after
 * @af_rds: in-tree to the letter, the default of AF_RDS programs, until it chooses a mode
 * @peer_error: wants to know about peers that cannot be reached, written under @queue_lock
 * @told: last failed attempt this socket was told about, see peer_error.c; under the path lock
 * @sent: has met a conn, so its ToS is fixed
 * @rx_traces: receive path latencies to report, of the stages in @rx_trace_pos
 * @cong_mask: groups (port % 64) this monitoring socket waits for
 * @cong_notify: groups to be reported
 * @cong_seen: value of rdsz_net.cong_gen at the last poll
 * @cong_hit: a send met congestion; the next map change wakes this socket and clears it
 */
struct rdsz_sock {
	struct sock		sk;
	struct rdsz_net		*rn;
	u64			id;
	struct list_head	net_node;
	struct rhash_head	bind_node;
	struct rdsz_bind_key	bind_key;
	struct mutex		bind_lock;
	struct rdsz_endpoint	local;
	struct rdsz_endpoint	peer;
	struct rdsz_map		*map;
	bool			bound;
	bool			connected;
	int			transport;

	spinlock_t		queue_lock;
	u32			snd_msgs;
	struct list_head	send_list;
	u64			snd_bytes;
	struct list_head	recv_queue;
	u64			rcv_bytes;
	u64			rcv_mem;
	u64			rcv_foreign;
	u32			rcv_msgs;
	bool			rcv_cgroup_full;
	bool			congested;
	bool			dead;
	u8			completion_mode;
	struct rdsz_incoming	*ahead;
	struct rdsz_ahead	*ahead_reader;

	struct rdsz_gather	*gather;
	struct rdsz_cq		*cq;
	int			zc_threshold;
	bool			af_rds;
	bool			peer_error;
	bool			sent;
	bool			recverr;
	u64			told;

	u8			rx_traces;
	u8			rx_trace_pos[RDS_MSG_RX_DGRAM_TRACE_MAX];
	u32			cong_seen;
	u64			cong_mask;
	u64			cong_notify;
	bool			cong_monitor;
	bool			cong_hit;
};

static inline struct rdsz_sock *rdsz_sk(const struct sock *sk)
{
	return (struct rdsz_sock *)sk;
}

/* The API halves what the core doubled: S and R of docs/man/rds_zc.7, in bytes. */
static inline u32 rdsz_sndbuf(const struct rdsz_sock *rs)
{
	return READ_ONCE(rs->sk.sk_sndbuf) / 2;
}

static inline u32 rdsz_rcvbuf(const struct rdsz_sock *rs)
{
	return READ_ONCE(rs->sk.sk_rcvbuf) / 2;
}

/* ---- messages ---- */

enum {
	RDSZ_MSG_ON_SOCK,	/* occupies send buffer; who clears it unlinks, see message.c */
	RDSZ_MSG_ON_PATH,	/* in a path queue; under the path lock */
	RDSZ_MSG_RETAINED,	/* counted in retained_mem of its path; under the path lock */
	RDSZ_MSG_PONG,		/* counted in nr_pongs of its path */
	RDSZ_MSG_HANDSHAKE,	/* speaks of its connection: not sent again on another */
	RDSZ_MSG_TOLD,		/* its sender knows of the unreachable peer; under path lock */
	RDSZ_MSG_SENT,		/* counted in path->unacked, not in ->queued; under path lock */
	RDSZ_MSG_PINNED,	/* counted in path->pinned; under the path lock */
	RDSZ_MSG_OFFER,		/* a handshake that offers lanes */
	RDSZ_MSG_ON_ZERO,	/* counted in on_zero of its conn; under the lock of lane 0 */
	RDSZ_MSG_WAITING,	/* in the queue of its path, no number yet; under the path lock */
};

/**
 * struct rdsz_message - an outgoing message
 * @refs: one for the socket list, one for the path queue, one per pass that carries it
 * @path_node: in a queue, send_queue, retrans, retained or held of @path, under its lock
 * @sock_node: in send_list of @rs, under its queue_lock
 * @path: where it goes; holds a reference on the conn; changes only under the locks of both lanes
 * @rs: sender; a reference goes with RDSZ_MSG_ON_SOCK; NULL for pongs and maps
 * @payload: under the path lock once queued; NULL when empty
 * @tcp_end: TCP sequence just past the last byte, valid in the retrans queue
 * @dport: destination port, for cancel
 * @stamp: when it was made, see hist.h
 * @bucket: the group of socket pairs it belongs to, see lanes.c
 * @is_first: it waits as the first of its flow; this and the next three are of queue.c
 * @flow_node: ring of what waits of one pair of sockets, oldest first
 * @turn_node: in quick or turns of the queue, @pair_node in its flows, if @is_first
 */
struct rdsz_message {
	refcount_t		refs;
	u8			bucket;
	bool			is_first;
	__be16			dport;
	unsigned long		flags;
	struct list_head	path_node;
	struct list_head	sock_node;
	struct rdsz_path	*path;
	struct rdsz_sock	*rs;
	struct rdsz_payload	*payload;
	u32			len;
	u32			tcp_end;
	u64			stamp;
	struct list_head	flow_node;
	struct list_head	turn_node;
	struct rb_node		pair_node;
	struct rdsz_hdr		hdr;
};

/*
 * Moments in the life of an incoming message, in ns of local_clock(); taken only while somebody
 * asks.
 */
enum {
	RDSZ_RX_HEADER,		/* first byte of the header */
	RDSZ_RX_START,		/* header complete */
	RDSZ_RX_QUEUED,
	RDSZ_RX_STAGES,
};

/**
 * struct rdsz_incoming - a message on its way to a reader
 * @refs: one for the queue or whoever took it from there, one per peeking reader and for the reaper
 * @node: in the receive queue of the socket, under its queue_lock
 * @skbs: clones that hold the payload (rdsz_skb_span in cb), if it came by TCP and is not small
 * @payload: the sender's payload, if it came by loop; under queue_lock while queued
 * @stages: see RDSZ_RX_*; 0 where not taken
 * @seq: sequence number of its header
 * @len: payload bytes
 * @mem: bytes of memory charged, bookkeeping included
 * @ready: bytes of it that a reader may copy before it is complete, see ahead.c
 * @is_taken: one has begun to
 * @is_charged: it belongs to a memory cgroup already, that of the local sender
 * @inline_data: room for small payloads, @len bytes were allocated if @is_inline
 */
struct rdsz_incoming {
	refcount_t		refs;
	struct list_head	node;
	struct rdsz_endpoint	from;
	ktime_t			tstamp;
	u64			stages[RDSZ_RX_STAGES];
	u64			seq;
	struct sk_buff_head	skbs;
	struct rdsz_payload	*payload;
	u32			len;
	u32			mem;
	u32			ready;
	bool			is_inline;
	bool			is_charged;
	bool			is_taken;
	u8			inline_data[];
};

/* A place in the payload of an incoming message: @offset bytes behind the start of @skb's part. */
struct rdsz_cursor {
	struct sk_buff	*skb;	/* NULL: the first */
	u32		offset;
	u32		done;	/* bytes of the payload before it */
};

/* ---- connections and paths ---- */

struct rdsz_conn_key {
	struct in6_addr	local;
	struct in6_addr	peer;
	u32		scope;
	u32		transport;
};

/* Congestion map of one address in one namespace; shared by all conns from or to it. */
struct rdsz_map {
	struct rb_node		node;
	refcount_t		refs;		/* one per conn end that uses it */
	struct rdsz_net		*rn;
	struct in6_addr		ip;
	atomic_t		bound;		/* sockets bound to the address */
	wait_queue_head_t	wait;		/* blocked senders */
	unsigned long		*bits;		/* RDSZ_MAP_BYTES, changes once: see cong.c */
};

enum rdsz_path_state {
	RDSZ_PATH_DOWN,
	RDSZ_PATH_CONNECTING,
	RDSZ_PATH_UP,
	RDSZ_PATH_DISCONNECTING,
};

/* Why a path went down; each has its counter. */
enum rdsz_drop_reason {
	RDSZ_DROP_NONE,
	RDSZ_DROP_PEER,		/* FIN, RST or TCP's own time-out */
	RDSZ_DROP_SEND,		/* a send into TCP failed */
	RDSZ_DROP_PROTOCOL,	/* malformed header */
	RDSZ_DROP_STALLED,	/* nothing acknowledged for stall_ms */
	RDSZ_DROP_REPLACED,	/* the peer made a new connection */
	RDSZ_DROP_WAKEUP,	/* our wake-up connection has done its work */
	RDSZ_DROP_SYSCTL,	/* buffer sizes were written */
	RDSZ_DROP_ADDRESS,	/* our address is gone */
	RDSZ_DROP_LANE,		/* the peer wants one connection only */
	RDSZ_DROP_IDLE,		/* nothing came or went for idle_ms */
};

enum {
	RDSZ_PATH_OWNED,	/* bit lock: the right to transmit */
	RDSZ_PATH_KICKED,	/* somebody wants a transmit run; checked again by the owner */
	RDSZ_PATH_MAP_DUE,	/* our congestion map must be sent */
	RDSZ_PATH_WANTED,	/* somebody has something to send: connect if down */
	RDSZ_PATH_ESTABLISHED,	/* TCP told that our connect is through */
	RDSZ_PATH_DROP,		/* drop_reason is set: go down */
	RDSZ_PATH_RX_PAUSED,	/* reading stopped at rcv_mem_max */
	RDSZ_PATH_SEND_AGAIN,	/* no memory to transmit: the state worker starts it again */
	RDSZ_PATH_RECV_AGAIN,	/* nor to receive: likewise */
	RDSZ_PATH_TX_FULL,	/* TCP is full: transmission waits for write space */
	RDSZ_PATH_TX_AHEAD,	/* no pass is begun before TCP has sent more of what it has */
	RDSZ_PATH_WATCHED,	/* the stall watchdog will look */
	RDSZ_PATH_UNTOLD,	/* a sender wants to know of failed connects (lane 0) */
	RDSZ_PATH_HELLO_DUE,	/* our handshake ping must be queued */
	RDSZ_PATH_UNREACHABLE,	/* while closing: nothing more will come from the peer */
	RDSZ_PATH_RETAIN_FULL,	/* transmission waits until less is retained */
	RDSZ_PATH_ACK_DUE,	/* the peer waits for an acknowledgement of deliveries */
	RDSZ_PATH_ACK_TIMER,	/* ack_timer runs */
	RDSZ_PATH_PART_TIMER,	/* the timer of tcp_part.c runs */
	RDSZ_PATH_OFFERED,	/* lanes were offered on this connection (lane 0) */
	RDSZ_PATH_INTRODUCED,	/* a handshake of ours went out on this connection */
	RDSZ_PATH_OFFER_ACKED,	/* the peer has that offer */
	RDSZ_PATH_IS_FIRST,	/* the peer's only connection came here, by its port */
	RDSZ_PATH_NEW_PEER,	/* what goes out again is new to the next connection (lane 0) */
};

/*
 * What the frames of a path's present TCP connection told about the peer: forgotten when the
 * connection goes, for the next one may lead to another kernel. See handshake.c.
 */
enum rdsz_peer_kind {
	RDSZ_PEER_UNKNOWN,
	RDSZ_PEER_INTREE,
	RDSZ_PEER_OURS,
};

/* As many messages go to TCP in one pass, see tcp_send.c. */
#define RDSZ_PASS_MSGS		16

/**
 * struct rdsz_queue - what waits on a path and has no number yet, see queue.c; under the path lock
 * @waiting: all of it, in order of arrival, by path_node
 * @quick: flows whose first message is small, by turn_node of it, whose turn it is first
 * @turns: the other flows, likewise
 * @flows: first message of each flow, by pair_node
 * @quick_run: what small messages cost that went while others waited, since the last of those
 */
struct rdsz_queue {
	struct list_head	waiting;
	struct list_head	quick;
	struct list_head	turns;
	struct rb_root		flows;
	u32			quick_run;
};

/* What a queue of a path holds; under the path lock. */
struct rdsz_load {
	u32	msgs;
	u64	bytes;
};

/*
 * What became of a path, for people. Written by its worker, but for @tcp_error; read with
 * READ_ONCE.
 */
struct rdsz_path_log {
	int	reason;		/* of the last loss: enum rdszc_path_reason */
	int	error;		/* errno that went with it, or 0 */
	int	tcp_error;	/* what TCP said of the present connection */
	u32	ups;		/* times it came up */
	u64	changed;	/* jiffies64 of the last change of state */
};

/**
 * struct rdsz_path - one lane of a conn: state machine, queues, one TCP connection at a time
 * @state: written only by rdsz_path_set_state() in @state_work; read with READ_ONCE anywhere
 * @flags: RDSZ_PATH_* bits, atomic
 * @lock: covers the queues, sequence numbers and tcp_end of messages; softirq
 * @queue: not yet handed to a connection, without a number
 * @send_queue: the same with a number: what goes next, or was sent on a connection that was lost
 * @retrans: handed to the current connection, not acknowledged by TCP; in order
 * @retained: acknowledged by TCP, not known to be delivered; in order, all before @retrans
 * @retained_mem: about what @retained holds
 * @queued: what @queue, @send_queue and @held hold; @unacked: what @retained and @retrans hold
 * @pinned: bytes of all of them that lie in user pages
 * @log: what became of the path
 * @held: will be queued when their group has nothing on lane 0 any more, see lanes.c
 * @nr_pongs: pongs not yet acknowledged, bounded
 * @pings: limits pings; belongs to the reader of the TCP connection, like @next_rx_seq
 * @pass: the unfinished transmit pass; belongs to the owner of RDSZ_PATH_OWNED
 * @next_rx_seq: next expected; written by the reader of the TCP connection, under its socket lock
 * @peer_ack: highest sequence number that the peer has delivered, 0: none; it, @settle, @rx_ack and
 *	@rx_bytes are written under the lock of the TCP socket, and forgotten with the connection
 * @settle: @peer or @peer_ack has changed: some of the retained may go
 * @rx_ack: highest sequence number that we have delivered or refused for good, 0: none
 * @rx_bytes: bytes delivered or refused
 * @tx_ack: the last rx_ack that was sent; it and @tx_ack_bytes are written by who transmits
 * @tx_ack_bytes: the rx_bytes that belong to it
 * @timed_ack: the rx_ack that @ack_timer was started for; written by whoever set
 *	RDSZ_PATH_ACK_TIMER, and forgotten with the connection
 * @ack_timer: bounds how late an acknowledgement may be
 * @rx_gen: incarnation of the peer that @next_rx_seq is about, 0 = not known; written likewise
 * @rx_lane: of lane 0 on the large side: the lane that the port of its latest connection tells;
 *	written by @state_work
 * @rx_by_port: the peer has said that its ports tell lanes, so @next_rx_seq is of that lane;
 *	written like @next_rx_seq
 * @accepted: connection handed over by the listener, xchg'ed
 * @wakeup: peer's wake-up connection, kept until our own SYN is out, xchg'ed
 * @tcp: current TCP connection, owned by @state_work; set and cleared under @lock, for info lists
 * @connect_error: what TCP said of a connect that failed, positive errno, or 0
 * @deadline: end of the orderly shutdown, jiffies
 * @backoff: next reconnect delay in ms, 0 = at once
 * @next_try: no connect before this, jiffies
 * @last_una, @una_moved: for the stall watchdog
 * @zc_copied_run: "copied" verdicts in a row
 * @peer: enum rdsz_peer_kind of the present connection; written under the lock of its TCP socket,
 *	or by @state_work while there is none
 * @peer_caps: RDSZ_CAP_* bits of a peer that is RDSZ_PEER_OURS
 * @hello_until: a peer that has not shown itself by then is in-tree, jiffies
 */
struct rdsz_path {
	struct rdsz_conn	*conn;
	u8			index;
	bool			settle;
	int			state;
	unsigned long		flags;

	spinlock_t		lock;
	atomic_t		nr_pongs;
	struct rdsz_queue	queue;
	struct list_head	send_queue;
	struct list_head	retrans;
	struct rdsz_load	queued;
	struct rdsz_load	unacked;
	u64			pinned;
	struct rdsz_path_log	log;
	struct list_head	retained;
	u64			retained_mem;
	struct list_head	held;
	struct rdsz_bucket	pings;
	u64			next_tx_seq;
	struct rdsz_pass	*pass;
	u64			next_rx_seq;
	u32			rx_gen;
	u8			rx_lane;
	bool			rx_by_port;

	u64			peer_ack;
	u64			rx_ack;
	u64			rx_bytes;
	u64			tx_ack;
	u64			tx_ack_bytes;
	u64			timed_ack;
	struct hrtimer		ack_timer;

	struct socket		*accepted;
	struct socket		*wakeup;
	struct rdsz_tcp		*tcp;
	int			drop_reason;
	int			connect_error;
	unsigned int		backoff;
	u32			last_una;
	unsigned long		deadline;
	unsigned long		next_try;
	unsigned long		una_moved;
	u32			zc_copied_run;
	u32			zc_probe;

	int			peer;
	u32			peer_caps;
	unsigned long		hello_until;

	struct delayed_work	state_work;
	struct work_struct	send_work;
	struct work_struct	recv_work;
};

/*
 * How many TCP connections a conn has. Decided by the peer's latest handshake; it stays across a
 * loss of connections, until the handshake of the next one.
 */
enum rdsz_spread {
	RDSZ_SPREAD_ONE,	/* one lane; others are given up */
	RDSZ_SPREAD_OFFERED,	/* the peer tells the lane by its port and may dial 8 */
	RDSZ_SPREAD_AGREED,	/* both ends offer 8 */
};

#define RDSZ_BUCKETS	64	/* groups of socket pairs that change lanes together, per conn */

/**
 * struct rdsz_lanes - what a conn has beyond its first lane
 * @path: lanes 1 to 7
 * @moved: bit per bucket: its messages go by its own lane; changed under the locks of both lanes
 * @moving: bit per bucket: new messages are held until on_zero is 0; under the lock of lane 0
 * @seed: of the hash that deals socket pairs to buckets; changed under the lock of lane 0, while
 *	nothing is moved or moving
 * @on_zero: messages of the bucket in the queues of lane 0, under its lock
 * @rx_seen: the number expected next from each lane of the peer, 0: unknown, where its connection
 *	came to lane 0 and has gone; written by the state worker of lane 0
 * @rx_seen_gen: the incarnation of the peer that they belong to
 */
struct rdsz_lanes {
	struct rdsz_path	path[RDSZ_MAX_LANES - 1];
	u64			moved;
	u64			moving;
	u32			seed;
	u32			on_zero[RDSZ_BUCKETS];
	u64			rx_seen[RDSZ_MAX_LANES];
	u32			rx_seen_gen;
};

/**
 * struct rdsz_conn - an address pair of a namespace over one transport
 * @refs: one for the table, one per message, pass and TCP connection
 * @id: number of the conn in its namespace; the list of conns is in this order
 * @local_map: congestion of our address; @peer_map: of the peer's
 * @idle: was silent for idle_ms: its connections are not brought back before there is something to
 *	send; @idle_count, @idle_since: frames seen, and since when no more; all three are of idle.c
 * @tomb: what was known when it was made anew, or NULL
 * @proven: somebody here uses it, or the peer has sent a frame; never cleared
 * @unawaited: not proven, and nobody waits for that any more; written under listen_lock
 * @refuse_until: the peer sent nonsense: no connection with it before this, jiffies
 * @peer_gen: latest incarnation of the peer, 0 = not known
 * @spread: enum rdsz_spread; written by whoever reads a handshake
 * @path: lane 0
 * @lanes: the others; set once, under the lock of lane 0, when they are needed
 */
struct rdsz_conn {
	refcount_t		refs;
	struct rcu_head		rcu;
	struct rdsz_net		*rn;
	struct rhash_head	node;
	struct list_head	list;
	u64			id;
	struct rdsz_conn_key	key;
	const struct rdsz_transport *ops;
	struct rdsz_map		*local_map;
	struct rdsz_map		*peer_map;
	u32			peer_gen;
	bool			proven;
	bool			unawaited;
	bool			idle;
	u64			idle_count;
	unsigned long		idle_since;
	struct rdsz_tomb	*tomb;
	unsigned long		refuse_until;
	int			spread;
	struct rdsz_path	path;
	struct rdsz_lanes	*lanes;
};

/* A port of one of the two addresses of a conn. */
static inline struct rdsz_endpoint rdsz_conn_endpoint(const struct rdsz_conn *conn,
						      const struct in6_addr *ip, __be16 port)
{
	return (struct rdsz_endpoint){
		.ip = *ip, .scope = rdsz_addr_scope(ip, conn->key.scope), .port = port,
	};
}

/* Lane @i of a conn; NULL if there is no such lane yet. */
static inline struct rdsz_path *rdsz_conn_lane(struct rdsz_conn *conn, unsigned int i)
{
	struct rdsz_lanes *lanes;

	if (!i)
		return &conn->path;
	lanes = smp_load_acquire(&conn->lanes);	/* pairs with rdsz_lanes_need() */
	return lanes && i < RDSZ_MAX_LANES ? &lanes->path[i - 1] : NULL;
}

/**
 * struct rdsz_tomb - what stays of a conn that was let go
 * @node, @list: in the table and the list of the namespace, under its conn_lock
 * @lane: of each lane, the number expected next and the incarnation of the peer that it belongs to
 */
struct rdsz_tomb {
	struct rhash_head	node;
	struct list_head	list;
	struct rdsz_conn_key	key;
	u32			peer_gen;
	struct {
		u64		next_rx_seq;
		u32		rx_gen;
	} lane[RDSZ_MAX_LANES];
};

#define rdsz_conn_for_each_lane(conn, path, i) \
	for ((i) = 0; ((path) = rdsz_conn_lane(conn, i)); (i)++)

/* What becomes of what a connection was given, see rdsz_path_watch(). */
enum rdsz_flight {
	RDSZ_FLIGHT_NONE,	/* all is acknowledged */
	RDSZ_FLIGHT_SHUT,	/* the peer has no room, which is its good right */
	RDSZ_FLIGHT_OPEN,	/* the peer owes an acknowledgement */
};

/**
 * struct rdsz_transport - what a path needs from below
 * @connect: start a connection; 0 or -errno; ends in RDSZ_PATH_ESTABLISHED or a drop; may sleep
 * @adopt: take an accepted socket; 0 or -errno; may sleep
 * @start: the path is UP: data may flow
 * @shutdown: stop sending, the peer may finish; may sleep
 * @drained: true if nothing more can arrive
 * @close: end the connection at once, nothing of it runs any more on return; may sleep
 * @xmit: transmit what is queued; the caller owns RDSZ_PATH_OWNED; 0, -EAGAIN (wait for write
 *	space), -ENOMEM; may sleep
 * @receive: read what is there; in the receive worker; may sleep
 * @flight: whose turn it is, and how far the peer's acknowledgements got
 * @needs_worker: transmit from the worker only
 */
struct rdsz_transport {
	const char	*name;
	int		type;
	int		(*connect)(struct rdsz_path *path);
	int		(*adopt)(struct rdsz_path *path, struct socket *sock);
	void		(*start)(struct rdsz_path *path);
	void		(*shutdown)(struct rdsz_path *path);
	bool		(*drained)(struct rdsz_path *path);
	void		(*close)(struct rdsz_path *path);
	int		(*xmit)(struct rdsz_path *path);
	void		(*receive)(struct rdsz_path *path);
	enum rdsz_flight (*flight)(struct rdsz_path *path, u32 *una);
	bool		(*needs_worker)(void);
};

extern const struct rdsz_transport rdsz_loop_transport;
extern const struct rdsz_transport rdsz_tcp_transport;
extern struct workqueue_struct *rdsz_wq;

/* netns.c */
int rdsz_netns_init(void);
void rdsz_netns_exit(void);
void rdsz_net_queue_work(struct rdsz_net *rn, struct work_struct *work);
void rdsz_net_queue_delayed_work(struct rdsz_net *rn, struct delayed_work *work,
				 unsigned long delay);
void rdsz_net_hurry_work(struct rdsz_net *rn, struct delayed_work *work, unsigned long delay);
u64 rdsz_net_next_seq(struct rdsz_net *rn);
void rdsz_net_used_seq(struct rdsz_net *rn, u64 next_unused);

/* stats.c */
u64 rdsz_stat_read(const struct rdsz_net *rn, enum rdsz_stat stat);
int rdsz_proc_init(struct rdsz_net *rn);
void rdsz_proc_exit(struct rdsz_net *rn);

/* sysctl.c */
int rdsz_sysctl_init(struct rdsz_net *rn);
void rdsz_sysctl_exit(struct rdsz_net *rn);
void rdsz_sysctl_publish(int family);

/* address.c */
int rdsz_address_init(void);
void rdsz_address_exit(void);

/* log.c */
void rdsz_log_init(struct rdsz_net *rn);
void rdsz_log_up(struct rdsz_path *path);
void rdsz_log_down(struct rdsz_path *path, enum rdsz_drop_reason reason);

/* af_rds.c */
int rdsz_af_init(int family, bool af_rds);
bool rdsz_af_rds_taken(void);
int rdsz_af_family(void);
void rdsz_af_exit(void);
extern struct proto rdsz_proto;
struct rdsz_sock *rdsz_sock_next(struct rdsz_net *rn, struct rdsz_sock *prev);
struct rdsz_sock **rdsz_socks_snapshot(struct rdsz_net *rn, u32 *nr);
struct rdsz_sock *rdsz_sock_after(struct rdsz_net *rn, u64 id);

/* wake.c */
void rdsz_sock_wake(struct rdsz_sock *rs, __poll_t events);
void rdsz_wake_later(struct rdsz_wakes *wakes, struct rdsz_sock *rs, __poll_t events);
void rdsz_wake_all(struct rdsz_wakes *wakes);

/* bind.c */
int rdsz_bind_table_init(struct rdsz_net *rn);
void rdsz_bind_table_exit(struct rdsz_net *rn);
int rdsz_bind(struct rdsz_sock *rs, const struct rdsz_endpoint *want);
void rdsz_unbind(struct rdsz_sock *rs);
struct rdsz_sock *rdsz_find_bound(struct rdsz_net *rn, const struct rdsz_endpoint *ep);
int rdsz_transport_for(struct rdsz_net *rn, const struct in6_addr *ip, u32 scope);

/* sendmsg.c */
int rdsz_sendmsg(struct socket *sock, struct msghdr *msg, size_t len);
bool rdsz_sock_writable(struct rdsz_sock *rs);

/* recvmsg.c */
bool rdsz_cmsg_fits(const struct msghdr *msg, size_t len);
int rdsz_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags);

/* sockopt.c */
int rdsz_setsockopt(struct socket *sock, int level, int optname, sockptr_t optval,
		    unsigned int optlen);
struct rdsz_optval;
int rdsz_getsockopt(struct socket *sock, int level, int optname, struct rdsz_optval *ov);

/* features.c */
int rdsz_features_init(void);
void rdsz_features_exit(void);

/* peer_error.c */
void rdsz_peer_unreachable(struct rdsz_conn *conn, int err);
int rdsz_peer_error_set(struct rdsz_sock *rs, int value);
int rdsz_peer_error_recv(struct rdsz_sock *rs, struct msghdr *msg, int flags);

/* info.c */
int rdsz_info_get(struct rdsz_sock *rs, int name, struct rdsz_optval *ov);

/* message.c */
struct rdsz_message *rdsz_message_alloc(struct rdsz_path *path, struct rdsz_payload *payload,
					u32 len, __be16 sport, __be16 dport, gfp_t gfp);
void rdsz_message_put(struct rdsz_message *m);
void rdsz_message_put_batched(struct rdsz_message *m, struct rdsz_wakes *wakes);
void rdsz_message_release_space(struct rdsz_message *m);
void rdsz_message_take_space(struct rdsz_message *m, struct list_head *space);
void rdsz_messages_give_space(struct list_head *space, struct rdsz_wakes *wakes);
bool rdsz_message_dequeue(struct rdsz_message *m);
struct rdsz_sock *rdsz_message_sender(const struct rdsz_message *m);
u32 rdsz_messages_withdraw(struct rdsz_sock *rs, const struct rdsz_endpoint *to);

/*
 * Lock the path that a message is on; it may change until then. Inline, for sparse: some kernels
 * with PREEMPT_RT do not tell it what their locks do, so no function can be said to take one.
 */
static inline struct rdsz_path *rdsz_message_lock_path(struct rdsz_message *m)
{
	struct rdsz_path *path;

	for (;;) {
		path = READ_ONCE(m->path);
		spin_lock_bh(&path->lock);
		if (likely(path == m->path))
			return path;
		spin_unlock_bh(&path->lock);
	}
}

/* incoming.c */
struct rdsz_incoming *rdsz_incoming_alloc(u32 len, bool is_inline, gfp_t gfp);
int rdsz_incoming_add(struct rdsz_net *rn, struct rdsz_incoming *inc, struct sk_buff *skb,
		      unsigned int offset, unsigned int len, u32 at);
int rdsz_incoming_copy(struct rdsz_incoming *inc, struct rdsz_cursor *cursor, struct iov_iter *to,
		       u32 end);
void rdsz_incoming_read(struct rdsz_incoming *inc, u8 *to, u32 len);
void rdsz_incoming_put(struct rdsz_incoming *inc);
void rdsz_deliver(struct rdsz_path *path, const struct rdsz_hdr *hdr, struct rdsz_incoming *inc);
void rdsz_deliver_to(struct rdsz_net *rn, const struct rdsz_endpoint *from,
		     const struct rdsz_endpoint *to, struct rdsz_incoming *inc);
void rdsz_recv_resume(struct rdsz_net *rn);
void rdsz_recv_uncharge(struct rdsz_sock *rs, struct rdsz_incoming *inc);
void rdsz_recv_purge(struct rdsz_sock *rs);
bool rdsz_recv_paused(struct rdsz_path *path);

/* ahead.c */
void rdsz_ahead_offer(struct rdsz_path *path, const struct rdsz_hdr *hdr,
		      struct rdsz_incoming *inc, u32 got);
void rdsz_ahead_end(struct rdsz_path *path, const struct rdsz_hdr *hdr, struct rdsz_incoming *inc);
void rdsz_ahead_withdraw(struct rdsz_sock *rs, const struct rdsz_incoming *inc);

/* rcvmem.c */
void rdsz_rcvmem_add(struct rdsz_sock *rs, const struct rdsz_incoming *inc);
void rdsz_rcvmem_sub(struct rdsz_sock *rs, const struct rdsz_incoming *inc);
void rdsz_rcvmem_end(struct rdsz_sock *rs);

/* completion.c */
struct rdsz_cq *rdsz_cq_need(struct rdsz_sock *rs);
void rdsz_cq_close(struct rdsz_sock *rs);
void rdsz_cq_put(struct rdsz_cq *cq);
struct rdsz_completion *rdsz_completion_reserve(struct rdsz_cq *cq, u32 cookie, int max);
void rdsz_completion_cancel(struct rdsz_completion *c);
void rdsz_completion_done(struct rdsz_completion *c, bool copied, struct rdsz_wakes *wakes);
bool rdsz_cq_full(const struct rdsz_sock *rs, int max);
bool rdsz_cq_readable(const struct rdsz_sock *rs);
int rdsz_cq_recv_errqueue(struct rdsz_sock *rs, struct msghdr *msg, size_t len, int flags);
int rdsz_cq_put_cmsgs(struct rdsz_sock *rs, struct msghdr *msg, int flags);

/* payload.c */
struct rdsz_payload *rdsz_payload_copy(struct iov_iter *from, u32 len);
struct rdsz_payload *rdsz_payload_duplicate(const struct rdsz_payload *p, gfp_t gfp);
struct rdsz_payload *rdsz_payload_from_bytes(const void *bytes, u32 len, gfp_t gfp);
struct rdsz_payload *rdsz_payload_get(struct rdsz_payload *p);
void rdsz_payload_put(struct rdsz_payload *p);
void rdsz_payload_put_batched(struct rdsz_payload *p, struct rdsz_wakes *wakes);
int rdsz_payload_to_iter(const struct rdsz_payload *p, struct iov_iter *to, size_t len);

/* pin.c */
struct rdsz_payload *rdsz_payload_pin(struct rdsz_net *rn, struct iov_iter *from, u32 len);
struct rdsz_payload *rdsz_payload_borrow(struct rdsz_net *rn, struct iov_iter *from, u32 len,
					 struct ubuf_info *ubuf);
void rdsz_payload_unpin(struct rdsz_payload *p);
void rdsz_reap_init(struct rdsz_net *rn);
void rdsz_reap_kick(struct rdsz_net *rn);

/* conn.c */
int rdsz_conn_init(void);
void rdsz_conn_exit(void);
int rdsz_conn_table_init(struct rdsz_net *rn);
void rdsz_conn_table_exit(struct rdsz_net *rn);
struct rdsz_conn *rdsz_conn_get_or_create(struct rdsz_net *rn, const struct rdsz_conn_key *key);
void rdsz_conn_hold(struct rdsz_conn *conn);
void rdsz_conn_put(struct rdsz_conn *conn);
struct rdsz_conn *rdsz_conn_lookup(struct rdsz_net *rn, const struct rdsz_conn_key *key);
bool rdsz_conn_is_busy(struct rdsz_conn *conn);
void rdsz_conn_drop(struct rdsz_conn *conn, enum rdsz_drop_reason reason);
void rdsz_conn_proved(struct rdsz_conn *conn);
bool rdsz_conn_is_small(const struct rdsz_conn *conn);
struct rdsz_conn *rdsz_conn_next(struct rdsz_net *rn, struct rdsz_conn *prev);
void rdsz_conns_changed(struct rdsz_net *rn);
void rdsz_conns_drop(struct rdsz_net *rn, enum rdsz_drop_reason reason);
struct rdsz_conn *rdsz_conn_after(struct rdsz_net *rn, u64 id);
bool rdsz_conn_is_quiet(struct rdsz_conn *conn);
bool rdsz_conn_bury(struct rdsz_conn *conn);

/* gather.c */
bool rdsz_gather(struct rdsz_sock *rs, struct rdsz_path *path, u32 len);
void rdsz_gather_flush(struct rdsz_sock *rs, bool may_sleep);
void rdsz_gather_close(struct rdsz_sock *rs);

/* idle.c */
void rdsz_idle_init(struct rdsz_net *rn);
void rdsz_idle_exit(struct rdsz_net *rn);
void rdsz_idle_start(struct rdsz_net *rn);
void rdsz_idle_stranger(struct rdsz_conn *conn);
void rdsz_idle_changed(struct rdsz_net *rn);

/* tombstone.c */
int rdsz_tombs_init(struct rdsz_net *rn);
void rdsz_tombs_exit(struct rdsz_net *rn);
void rdsz_tomb_bury(struct rdsz_net *rn, struct rdsz_tomb *tomb, struct rdsz_conn *conn);
struct rdsz_tomb *rdsz_tomb_raise(struct rdsz_net *rn, const struct rdsz_conn_key *key);
void rdsz_tomb_apply(const struct rdsz_tomb *tomb, struct rdsz_path *path);

/* Number of the lane in its conn. */
static inline u32 rdsz_path_lane(const struct rdsz_path *path)
{
	return path->index;
}

/* path.c */
void rdsz_path_init(struct rdsz_conn *conn, struct rdsz_path *path, unsigned int index);
void rdsz_path_destroy(struct rdsz_path *path);
bool rdsz_path_is_quiet(struct rdsz_path *path);
void rdsz_path_want(struct rdsz_path *path);
void rdsz_path_drop(struct rdsz_path *path, enum rdsz_drop_reason reason);
void rdsz_path_established(struct rdsz_path *path);
void rdsz_path_hand_over(struct rdsz_path *path, struct socket *sock);
void rdsz_path_heard(struct rdsz_path *path);
void rdsz_path_enqueue(struct rdsz_message *m);
void rdsz_path_add(struct rdsz_path *path, struct rdsz_message *m);
void rdsz_path_hold(struct rdsz_path *path, struct rdsz_message *m);
bool rdsz_path_has_work(struct rdsz_path *path);
void rdsz_path_kick(struct rdsz_path *path, bool may_sleep);
void rdsz_path_start_watch(struct rdsz_path *path);
void rdsz_path_poke(struct rdsz_path *path, unsigned int ms);
void rdsz_path_again(struct rdsz_path *path, unsigned int bit);
const char *rdsz_path_reason_name(const struct rdsz_path *path);
void rdsz_path_load_queued(struct rdsz_path *path, struct rdsz_message *m);
void rdsz_path_load_sent(struct rdsz_path *path, struct rdsz_message *m);
void rdsz_path_load_left(struct rdsz_path *path, struct rdsz_message *m);
void rdsz_path_load_unpinned(struct rdsz_path *path, struct rdsz_message *m);
static inline bool rdsz_path_is_up(const struct rdsz_path *path)
{
	/* pairs with rdsz_path_set_state() */
	return smp_load_acquire(&path->state) == RDSZ_PATH_UP;
}

/* queue.c */
void rdsz_queue_init(struct rdsz_queue *q);
void rdsz_queue_add(struct rdsz_path *path, struct rdsz_message *m);
void rdsz_queue_left(struct rdsz_path *path, struct rdsz_message *m);
void rdsz_queue_commit(struct rdsz_path *path, u32 max_msgs, u32 max_bytes);
bool rdsz_queue_is_empty(const struct rdsz_path *path);

/* ack.c */
void rdsz_ack_init(struct rdsz_path *path);
void rdsz_ack_exit(struct rdsz_path *path);
void rdsz_ack_forget(struct rdsz_path *path);
void rdsz_path_acked(struct rdsz_path *path, u32 snd_una);
void rdsz_ack_settle(struct rdsz_path *path);
bool rdsz_path_hold_queue(struct rdsz_path *path);
void rdsz_unretain(struct rdsz_message *m);
bool rdsz_ack_learn(struct rdsz_path *path, const struct rdsz_hdr *hdr);
bool rdsz_ack_is_pure(const struct rdsz_path *path, const struct rdsz_hdr *hdr);
void rdsz_ack_owe(struct rdsz_path *path, const struct rdsz_hdr *hdr);
void rdsz_ack_after_read(struct rdsz_path *path, u32 snd_una);
bool rdsz_ack_take_due(struct rdsz_path *path);
void rdsz_ack_put_due(struct rdsz_path *path);
u64 rdsz_ack_peek(const struct rdsz_path *path);
void rdsz_ack_stamped(struct rdsz_path *path, u64 ack);
struct rdsz_message *rdsz_ack_message(struct rdsz_path *path);

/* cong.c */
struct rdsz_map *rdsz_map_get(struct rdsz_net *rn, const struct in6_addr *ip, gfp_t gfp);
int rdsz_map_need_bits(struct rdsz_map *map);
void rdsz_map_put(struct rdsz_map *map);
bool rdsz_map_is_bound(struct rdsz_net *rn, const struct in6_addr *ip);
bool rdsz_map_any(const struct rdsz_map *map);
bool rdsz_map_test(const struct rdsz_map *map, __be16 port);
void rdsz_cong_set_local(struct rdsz_sock *rs, bool congested);
int rdsz_cong_received(struct rdsz_conn *conn, struct rdsz_incoming *inc);
int rdsz_cong_wait(struct rdsz_sock *rs, struct rdsz_conn *conn, __be16 port, bool nonblock,
		   long *timeo);
struct rdsz_message *rdsz_cong_update_message(struct rdsz_path *path);
bool rdsz_cong_poll(struct rdsz_sock *rs);
void rdsz_cong_take_notify(struct rdsz_sock *rs, u64 taken);

/* ping.c */
void rdsz_ping_received(struct rdsz_path *path, const struct rdsz_hdr *hdr);

/* lanes.c */
int rdsz_lanes_init(void);
void rdsz_lanes_exit(void);
void rdsz_lanes_free(struct rdsz_lanes *lanes);
int rdsz_lanes_need(struct rdsz_conn *conn);
bool rdsz_lanes_agreed(const struct rdsz_conn *conn);
struct rdsz_path *rdsz_lanes_enqueue(struct rdsz_message *m);
struct rdsz_path *rdsz_lanes_of_ports(struct rdsz_conn *conn, __be16 sport, __be16 dport);
void rdsz_lanes_left(struct rdsz_path *path, struct rdsz_message *m);
void rdsz_lanes_fold(struct rdsz_path *path);
void rdsz_lanes_poke(struct rdsz_conn *conn);

/* handshake.c */
void rdsz_handshake_connected(struct rdsz_path *path, const struct sock *sk);
bool rdsz_handshake_lanes_open(struct rdsz_conn *conn);
void rdsz_handshake_offer_acked(struct rdsz_path *path);
void rdsz_handshake_begin(struct rdsz_path *path);
void rdsz_handshake_go_on(struct rdsz_path *path);
void rdsz_handshake_forget(struct rdsz_path *path);
void rdsz_handshake_answer(struct rdsz_path *path, struct rdsz_message *m);
void rdsz_handshake_generation(struct rdsz_path *path, const struct rdsz_hdr *hdr);
void rdsz_handshake_map(struct rdsz_path *path, struct rdsz_hdr *hdr);
void rdsz_handshake_received(struct rdsz_path *path, const struct rdsz_hdr *hdr);

/* Who is at the other end of the present connection, as far as it has told. Any context. */
static inline enum rdsz_peer_kind rdsz_path_peer(const struct rdsz_path *path)
{
	/* pairs with rdsz_handshake_set_peer(): who sees OURS sees peer_caps */
	return smp_load_acquire(&path->peer);
}

static inline bool rdsz_path_peer_can(const struct rdsz_path *path, u32 cap)
{
	return rdsz_path_peer(path) == RDSZ_PEER_OURS && (READ_ONCE(path->peer_caps) & cap);
}

/* tcp_pending.c */
void rdsz_pending_init(struct rdsz_net *rn);
void rdsz_pending_exit(struct rdsz_net *rn);

/* prefixes.c */
#define RDSZ_PREFIXES_MAX	256
#define RDSZ_PREFIXES_TEXT	(RDSZ_PREFIXES_MAX * 44)	/* IPv6 prefix and comma at most */
bool rdsz_prefixes_allow(struct rdsz_net *rn, const struct in6_addr *ip);
int rdsz_prefixes_set(struct rdsz_net *rn, char *text);
void rdsz_prefixes_format(struct rdsz_net *rn, char *text, size_t room);
void rdsz_prefixes_exit(struct rdsz_net *rn);
/* netlink.c */
int rdsz_nl_init(void);
void rdsz_nl_exit(void);
void rdsz_nl_path_event(const struct rdsz_path *path, int old, int state);
void rdsz_nl_congestion_event(const struct rdsz_map *map, bool peer, u16 port, bool congested);
bool rdsz_nl_congestion_heard(const struct rdsz_net *rn);

/* tcp.c */
int rdsz_tcp_init(void);
void rdsz_tcp_exit(void);

/* tcp_listen.c */
int rdsz_tcp_listen_start(struct rdsz_net *rn);
void rdsz_tcp_listen_end(struct rdsz_net *rn);
void rdsz_tcp_listen_stop(struct rdsz_net *rn);
int rdsz_tcp_listen_apply(struct rdsz_net *rn);
void rdsz_tcp_listen_init(struct rdsz_net *rn);

#endif /* RDSZ_RDSZ_H */

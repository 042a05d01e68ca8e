// SPDX-License-Identifier: GPL-2.0
/* nftables requests, built through libmnl: one table with one chain, all in one transaction. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stddef.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "cred.h"
#include "filter.h"
#include "netns.h"

#define TABLE "rdsz_test"
#define CHAIN "input"

/* Of the port in the header of TCP. */
#define OFFSET_FROM 0
#define OFFSET_TO 2

struct batch {
	union {
		char buffer[4096];
		struct nlmsghdr align;
	};
	size_t used;
};

/* All have one number, and only the last asks for an answer: the first to come is the verdict. */
static struct nlmsghdr *put(struct batch *batch, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(batch->buffer + batch->used);
	struct nfgenmsg *message;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = 1;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->nfgen_family = NFPROTO_INET;
	message->version = NFNETLINK_V0;
	return header;
}

static void done(struct batch *batch, const struct nlmsghdr *header)
{
	batch->used += MNL_ALIGN(header->nlmsg_len);
}

static struct nlmsghdr *put_nft(struct batch *batch, uint16_t type, uint16_t flags)
{
	return put(batch, NFNL_SUBSYS_NFTABLES << 8 | type, flags);
}

static void put_mark(struct batch *batch, uint16_t type)
{
	struct nlmsghdr *header = put(batch, type, 0);
	struct nfgenmsg *message = mnl_nlmsg_get_payload(header);

	message->nfgen_family = AF_UNSPEC;
	message->res_id = htons(NFNL_SUBSYS_NFTABLES);
	done(batch, header);
}

static void put_table(struct batch *batch, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = put_nft(batch, type, flags);

	mnl_attr_put_strz(header, NFTA_TABLE_NAME, TABLE);
	done(batch, header);
}

static void put_chain(struct batch *batch)
{
	struct nlmsghdr *header = put_nft(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *hook;

	mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, TABLE);
	mnl_attr_put_strz(header, NFTA_CHAIN_NAME, CHAIN);
	hook = mnl_attr_nest_start(header, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(header, NFTA_HOOK_HOOKNUM, htonl(NF_INET_LOCAL_IN));
	mnl_attr_put_u32(header, NFTA_HOOK_PRIORITY, htonl(0));
	mnl_attr_nest_end(header, hook);
	mnl_attr_put_strz(header, NFTA_CHAIN_TYPE, "filter");
	done(batch, header);
}

struct expression {
	struct nlattr *element, *data;
};

static struct expression start_expression(struct nlmsghdr *header, const char *name)
{
	struct expression expression;

	expression.element = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
	mnl_attr_put_strz(header, NFTA_EXPR_NAME, name);
	expression.data = mnl_attr_nest_start(header, NFTA_EXPR_DATA);
	return expression;
}

static void end_expression(struct nlmsghdr *header, const struct expression *expression)
{
	mnl_attr_nest_end(header, expression->data);
	mnl_attr_nest_end(header, expression->element);
}

static void match_port(struct nlmsghdr *header, uint32_t offset, uint16_t port)
{
	struct expression expression = start_expression(header, "payload");
	uint16_t value = htons(port);
	struct nlattr *data;

	mnl_attr_put_u32(header, NFTA_PAYLOAD_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(header, NFTA_PAYLOAD_BASE, htonl(NFT_PAYLOAD_TRANSPORT_HEADER));
	mnl_attr_put_u32(header, NFTA_PAYLOAD_OFFSET, htonl(offset));
	mnl_attr_put_u32(header, NFTA_PAYLOAD_LEN, htonl(sizeof(value)));
	end_expression(header, &expression);
	expression = start_expression(header, "cmp");
	mnl_attr_put_u32(header, NFTA_CMP_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(header, NFTA_CMP_OP, htonl(NFT_CMP_EQ));
	data = mnl_attr_nest_start(header, NFTA_CMP_DATA);
	mnl_attr_put(header, NFTA_DATA_VALUE, sizeof(value), &value);
	mnl_attr_nest_end(header, data);
	end_expression(header, &expression);
}

static void put_reset(struct nlmsghdr *header)
{
	struct expression expression = start_expression(header, "reject");

	mnl_attr_put_u32(header, NFTA_REJECT_TYPE, htonl(NFT_REJECT_TCP_RST));
	end_expression(header, &expression);
}

static void put_drop(struct nlmsghdr *header)
{
	struct expression expression = start_expression(header, "immediate");
	struct nlattr *data, *verdict;

	mnl_attr_put_u32(header, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	data = mnl_attr_nest_start(header, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(header, NFTA_DATA_VERDICT);
	mnl_attr_put_u32(header, NFTA_VERDICT_CODE, htonl(NF_DROP));
	mnl_attr_nest_end(header, verdict);
	mnl_attr_nest_end(header, data);
	end_expression(header, &expression);
}

static void put_rule(struct batch *batch, uint32_t offset, uint16_t port, enum filter filter,
		     uint16_t flags)
{
	struct nlmsghdr *header = put_nft(batch, NFT_MSG_NEWRULE,
					  NLM_F_CREATE | NLM_F_APPEND | flags);
	struct nlattr *list;

	mnl_attr_put_strz(header, NFTA_RULE_TABLE, TABLE);
	mnl_attr_put_strz(header, NFTA_RULE_CHAIN, CHAIN);
	list = mnl_attr_nest_start(header, NFTA_RULE_EXPRESSIONS);
	match_port(header, offset, port);
	if (filter == FILTER_REFUSE)
		put_reset(header);
	else
		put_drop(header);
	mnl_attr_nest_end(header, list);
	done(batch, header);
}

/* A table is made, so that there is one to delete. */
static void put_all(struct batch *batch, uint16_t port, enum filter filter)
{
	put_mark(batch, NFNL_MSG_BATCH_BEGIN);
	put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_table(batch, NFT_MSG_DELTABLE, filter == FILTER_NONE ? NLM_F_ACK : 0);
	if (filter != FILTER_NONE) {
		put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
		put_chain(batch);
		if (filter == FILTER_DEAF)
			put_rule(batch, OFFSET_FROM, port, filter, 0);
		put_rule(batch, OFFSET_TO, port, filter, NLM_F_ACK);
	}
	put_mark(batch, NFNL_MSG_BATCH_END);
}

static int talk(struct mnl_socket *socket, const struct batch *batch)
{
	char answer[8192];
	ssize_t length;

	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_sendto(socket, batch->buffer, batch->used) < 0)
		return -1;
	length = mnl_socket_recvfrom(socket, answer, sizeof(answer));
	if (length < 0)
		return -1;
	return mnl_cb_run(answer, (size_t)length, 1, mnl_socket_get_portid(socket), NULL, NULL) < 0
		? -1 : 0;
}

int filter_set(const struct netns *ns, uint16_t port, enum filter filter)
{
	bool raised = cred_raise();
	struct mnl_socket *socket = netns_in(ns, mnl_socket_open(NETLINK_NETFILTER));
	struct batch batch = { .used = 0 };
	int rc = -1, error;

	put_all(&batch, port, filter);
	if (socket)
		rc = talk(socket, &batch);
	error = errno;
	if (socket)
		mnl_socket_close(socket);
	cred_lower(raised);
	errno = error;
	return rc;
}

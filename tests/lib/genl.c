// SPDX-License-Identifier: GPL-2.0
#include "genl.h"

#include <string.h>

#include <linux/genetlink.h>

#include <linux/rds_zc_netlink.h>

#include "suite.h"

struct found {
	uint16_t family;
	uint32_t *groups;
};

struct mnl_socket *genl_open(const struct netns *ns)
{
	struct mnl_socket *socket = netns_in(ns, mnl_socket_open(NETLINK_GENERIC));

	assert_non_null(socket);
	assert_int_equal(mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID), 0);
	return socket;
}

struct nlmsghdr *genl_request(void *buffer, uint16_t family, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	genl->cmd = command;
	genl->version = RDSZC_GENL_VERSION;
	return nlh;
}

/* ---- the family ---- */

static void take_group(const struct nlattr *group, uint32_t *groups)
{
	const struct nlattr *attr;
	const char *name = "";
	uint32_t id = 0;

	mnl_attr_for_each_nested(attr, group) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME)
			name = mnl_attr_get_str(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID)
			id = mnl_attr_get_u32(attr);
	}
	groups[!strcmp(name, RDSZC_GENL_MCGRP_CONGESTION)] = id;
}

static int take_attr(const struct nlattr *attr, void *arg)
{
	const struct nlattr *group;
	struct found *found = arg;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		found->family = mnl_attr_get_u16(attr);
	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS && found->groups)
		mnl_attr_for_each_nested(group, attr)
			take_group(group, found->groups);
	return MNL_CB_OK;
}

static int take_answer(const struct nlmsghdr *nlh, void *arg)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_attr, arg);
}

uint16_t genl_family(struct mnl_socket *socket, uint32_t groups[2])
{
	char buffer[8192];
	struct found found = { .groups = groups };
	struct nlmsghdr *nlh = genl_request(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	ssize_t got;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, RDSZC_GENL_NAME);
	assert_true(mnl_socket_sendto(socket, nlh, nlh->nlmsg_len) > 0);
	got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	assert_true(got > 0);
	assert_true(mnl_cb_run(buffer, (size_t)got, 0, 0, take_answer, &found) >= 0);
	assert_true(found.family);
	return found.family;
}

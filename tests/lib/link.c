// SPDX-License-Identifier: GPL-2.0
/* rtnetlink requests, built and answered through libmnl. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "cred.h"
#include "link.h"
#include "netns.h"

struct request {
	union {
		char buffer[2048];
		struct nlmsghdr align;
	};
	struct nlmsghdr *header;
};

static void request_start(struct request *request, uint16_t type, uint16_t flags)
{
	memset(request, 0, sizeof(*request));
	request->header = mnl_nlmsg_put_header(request->buffer);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	request->header->nlmsg_seq = (uint32_t)time(NULL);
}

static int talk(struct mnl_socket *socket, struct request *request, mnl_cb_t hear, void *told)
{
	char answer[8192];
	unsigned int port = mnl_socket_get_portid(socket);
	ssize_t length;

	if (mnl_socket_sendto(socket, request->header, request->header->nlmsg_len) < 0)
		return -1;
	length = mnl_socket_recvfrom(socket, answer, sizeof(answer));
	if (length < 0)
		return -1;
	return mnl_cb_run(answer, (size_t)length, request->header->nlmsg_seq, port, hear, told) < 0
		? -1 : 0;
}

/* Sends a request inside a namespace, and has the answer heard, or the kernel's verdict. */
static int request_ask(const struct netns *ns, struct request *request, mnl_cb_t hear, void *told)
{
	bool raised = cred_raise();
	struct mnl_socket *socket;
	int rc = -1;
	int error;

	if (!netns_enter(ns)) {
		socket = mnl_socket_open(NETLINK_ROUTE);
		if (socket && !mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID))
			rc = talk(socket, request, hear, told);
		error = errno;
		if (socket)
			mnl_socket_close(socket);
		netns_home();
		errno = error;
	}
	cred_lower(raised);
	return rc;
}

static int request_run(const struct netns *ns, struct request *request)
{
	return request_ask(ns, request, NULL, NULL);
}

int link_index(const struct netns *ns, const char *name)
{
	return (int)netns_in(ns, if_nametoindex(name));
}

int link_veth(const struct netns *a, const char *name_a, const struct netns *b, const char *name_b)
{
	struct nlattr *info, *data, *peer;
	struct request request;

	request_start(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	mnl_nlmsg_put_extra_header(request.header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name_a);
	info = mnl_attr_nest_start(request.header, IFLA_LINKINFO);
	mnl_attr_put_strz(request.header, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(request.header, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(request.header, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(request.header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name_b);
	mnl_attr_put_u32(request.header, IFLA_NET_NS_FD, (uint32_t)b->fd);
	mnl_attr_nest_end(request.header, peer);
	mnl_attr_nest_end(request.header, data);
	mnl_attr_nest_end(request.header, info);
	return request_run(a, &request);
}

int link_macvlan(const struct netns *over, const char *device, const struct netns *in,
		 const char *name, const unsigned char address[6])
{
	struct nlattr *info, *data;
	struct request request;

	request_start(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	mnl_nlmsg_put_extra_header(request.header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	mnl_attr_put_u32(request.header, IFLA_LINK, (uint32_t)link_index(over, device));
	mnl_attr_put(request.header, IFLA_ADDRESS, 6, address);
	mnl_attr_put_u32(request.header, IFLA_NET_NS_FD, (uint32_t)in->fd);
	info = mnl_attr_nest_start(request.header, IFLA_LINKINFO);
	mnl_attr_put_strz(request.header, IFLA_INFO_KIND, "macvlan");
	data = mnl_attr_nest_start(request.header, IFLA_INFO_DATA);
	mnl_attr_put_u32(request.header, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	mnl_attr_nest_end(request.header, data);
	mnl_attr_nest_end(request.header, info);
	return request_run(over, &request);
}

static struct ifinfomsg *start_link_change(struct request *request, const struct netns *ns,
					   const char *name, uint16_t type)
{
	struct ifinfomsg *message;

	request_start(request, type, 0);
	message = mnl_nlmsg_put_extra_header(request->header, sizeof(*message));
	message->ifi_index = link_index(ns, name);
	return message;
}

int link_set_up(const struct netns *ns, const char *name, bool up)
{
	struct ifinfomsg *message;
	struct request request;

	message = start_link_change(&request, ns, name, RTM_NEWLINK);
	message->ifi_change = IFF_UP;
	message->ifi_flags = up ? IFF_UP : 0;
	return request_run(ns, &request);
}

int link_set_mtu(const struct netns *ns, const char *name, unsigned int mtu)
{
	struct request request;

	start_link_change(&request, ns, name, RTM_NEWLINK);
	mnl_attr_put_u32(request.header, IFLA_MTU, mtu);
	return request_run(ns, &request);
}

int link_delete(const struct netns *ns, const char *name)
{
	struct request request;

	start_link_change(&request, ns, name, RTM_DELLINK);
	return request_run(ns, &request);
}

/* Parses either family; returns the length in bytes, 0 when it is neither. */
static size_t parse_address(const char *text, struct in6_addr *bytes, int *family)
{
	*family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(*family, text, bytes) != 1)
		return 0;
	return *family == AF_INET ? 4 : 16;
}

static int change_address(const struct netns *ns, const char *name, const char *address,
			  unsigned int prefix, bool add)
{
	struct ifaddrmsg *message;
	struct request request;
	struct in6_addr bytes;
	size_t length;
	int family;

	length = parse_address(address, &bytes, &family);
	if (!length) {
		errno = EINVAL;
		return -1;
	}
	request_start(&request, add ? RTM_NEWADDR : RTM_DELADDR,
		      add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	message = mnl_nlmsg_put_extra_header(request.header, sizeof(*message));
	message->ifa_family = (uint8_t)family;
	message->ifa_prefixlen = (uint8_t)prefix;
	message->ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0;
	message->ifa_index = (uint32_t)link_index(ns, name);
	mnl_attr_put(request.header, IFA_LOCAL, length, &bytes);
	mnl_attr_put(request.header, IFA_ADDRESS, length, &bytes);
	return request_run(ns, &request);
}

int link_add_address(const struct netns *ns, const char *name, const char *address,
		     unsigned int prefix)
{
	return change_address(ns, name, address, prefix, true);
}

int link_del_address(const struct netns *ns, const char *name, const char *address,
		     unsigned int prefix)
{
	return change_address(ns, name, address, prefix, false);
}

static int hear_route(const struct nlmsghdr *header, void *told)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	bool *local = told;

	*local = message->rtm_type == RTN_LOCAL;
	return MNL_CB_STOP;
}

bool link_owns(const struct netns *ns, const char *address)
{
	struct request request;
	struct rtmsg *message;
	struct in6_addr bytes;
	bool local = false;
	size_t length;
	int family;

	length = parse_address(address, &bytes, &family);
	request_start(&request, RTM_GETROUTE, 0);
	message = mnl_nlmsg_put_extra_header(request.header, sizeof(*message));
	message->rtm_family = (uint8_t)family;
	message->rtm_dst_len = (uint8_t)(8 * length);
	mnl_attr_put(request.header, RTA_DST, length, &bytes);
	return length && !request_ask(ns, &request, hear_route, &local) && local;
}

int link_add_route(const struct netns *ns, const char *network, unsigned int prefix,
		   const char *gateway)
{
	struct in6_addr to, by;
	struct rtmsg *message;
	struct request request;
	int family, same;
	size_t length;

	length = parse_address(network, &to, &family);
	if (!length || parse_address(gateway, &by, &same) != length) {
		errno = EINVAL;
		return -1;
	}
	request_start(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	message = mnl_nlmsg_put_extra_header(request.header, sizeof(*message));
	message->rtm_family = (uint8_t)family;
	message->rtm_dst_len = (uint8_t)prefix;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = RTPROT_STATIC;
	message->rtm_scope = RT_SCOPE_UNIVERSE;
	message->rtm_type = RTN_UNICAST;
	mnl_attr_put(request.header, RTA_DST, length, &to);
	mnl_attr_put(request.header, RTA_GATEWAY, length, &by);
	return request_run(ns, &request);
}

int link_blackhole(const struct netns *ns, const char *name, const char *neighbour, bool on)
{
	static const unsigned char nobody[6] = { 0x02, 0xde, 0xad, 0, 0, 1 };
	struct request request;
	struct in6_addr bytes;
	struct ndmsg *message;
	size_t length;
	int family;

	length = parse_address(neighbour, &bytes, &family);
	if (!length) {
		errno = EINVAL;
		return -1;
	}
	request_start(&request, on ? RTM_NEWNEIGH : RTM_DELNEIGH,
		      on ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	message = mnl_nlmsg_put_extra_header(request.header, sizeof(*message));
	message->ndm_family = (uint8_t)family;
	message->ndm_ifindex = link_index(ns, name);
	message->ndm_state = NUD_PERMANENT;
	mnl_attr_put(request.header, NDA_DST, length, &bytes);
	if (on)
		mnl_attr_put(request.header, NDA_LLADDR, sizeof(nobody), nobody);
	return request_run(ns, &request);
}

int link_delay(const struct netns *ns, const char *name, unsigned int ms)
{
	struct tc_netem_qopt limit = { .limit = 1000 };
	uint64_t ns_late = (uint64_t)ms * 1000000;
	struct request request;
	struct nlattr *options;
	struct tcmsg *message;

	request_start(&request, ms ? RTM_NEWQDISC : RTM_DELQDISC,
		      ms ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	message = mnl_nlmsg_put_extra_header(request.header, sizeof(*message));
	message->tcm_ifindex = link_index(ns, name);
	message->tcm_parent = TC_H_ROOT;
	if (ms) {
		mnl_attr_put_strz(request.header, TCA_KIND, "netem");
		/* A struct, and attributes behind it. */
		options = mnl_attr_nest_start(request.header, TCA_OPTIONS);
		memcpy(mnl_nlmsg_get_payload_tail(request.header), &limit, sizeof(limit));
		request.header->nlmsg_len += MNL_ALIGN(sizeof(limit));
		mnl_attr_put(request.header, TCA_NETEM_LATENCY64, sizeof(ns_late), &ns_late);
		mnl_attr_nest_end(request.header, options);
	}
	return request_run(ns, &request);
}

static int ethtool_run(const struct netns *ns, const char *name, struct ethtool_value *value)
{
	struct ifreq request = { .ifr_data = (char *)value };
	bool raised = cred_raise();
	int fd, rc;

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	fd = netns_in(ns, socket(AF_INET, SOCK_DGRAM, 0));
	rc = fd < 0 ? -1 : ioctl(fd, SIOCETHTOOL, &request);
	if (fd >= 0)
		close(fd);
	cred_lower(raised);
	return rc;
}

int link_set_sg(const struct netns *ns, const char *name, bool on)
{
	struct ethtool_value value = { .cmd = ETHTOOL_SSG, .data = on };

	return ethtool_run(ns, name, &value);
}

int link_get_sg(const struct netns *ns, const char *name)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GSG };

	return ethtool_run(ns, name, &value) ? -1 : (int)value.data;
}

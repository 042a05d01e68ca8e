// SPDX-License-Identifier: GPL-2.0
/* What a figure has to be read with: the device of an address, its features, the kernel. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "bench.h"

#ifdef __x86_64__

#include <cpuid.h>

/* QEMU without hardware help signs as a hypervisor of this name. */
static bool emulated(void)
{
	unsigned int eax, ebx, ecx, edx;
	char name[13] = "";

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & 1u << 31))
		return false;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(name, &ebx, 4);
	memcpy(name + 4, &ecx, 4);
	memcpy(name + 8, &edx, 4);
	return !strcmp(name, "TCGTCGTCGTCG");
}

#else

static bool emulated(void)
{
	return false;
}

#endif

static bool find_device(const char *address, char *name)
{
	struct ifaddrs *all, *i;
	struct in_addr want;
	bool found = false;

	if (inet_pton(AF_INET, address, &want) != 1 || getifaddrs(&all))
		return false;
	for (i = all; i && !found; i = i->ifa_next) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)i->ifa_addr;

		if (!sin || sin->sin_family != AF_INET || sin->sin_addr.s_addr != want.s_addr)
			continue;
		snprintf(name, IFNAMSIZ, "%s", i->ifa_name);
		found = true;
	}
	freeifaddrs(all);
	return found;
}

static bool feature(int fd, const char *device, uint32_t command)
{
	struct ethtool_value value = { .cmd = command };
	struct ifreq ifr = { .ifr_data = (char *)&value };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
	return !ioctl(fd, SIOCETHTOOL, &ifr) && value.data;
}

static void link_read(const char *address, struct link_info *link)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct utsname uts = {};
	struct ifreq ifr = {};

	memset(link, 0, sizeof(*link));
	link->emulated = emulated();
	uname(&uts);
	snprintf(link->kernel, sizeof(link->kernel), "%s", uts.release);
	if (fd >= 0 && find_device(address, link->device)) {
		memcpy(ifr.ifr_name, link->device, IFNAMSIZ);
		link->mtu = ioctl(fd, SIOCGIFMTU, &ifr) ? 0 : ifr.ifr_mtu;
		link->sg = feature(fd, link->device, ETHTOOL_GSG);
		link->checksum = feature(fd, link->device, ETHTOOL_GTXCSUM);
		link->tso = feature(fd, link->device, ETHTOOL_GTSO);
	}
	if (fd >= 0)
		close(fd);
}

/* Times of an emulated CPU say nothing, and without these features TCP copies what it was lent. */
static bool allows_verdict(const struct link_info *link)
{
	return !link->emulated && link->sg && link->checksum && link->tso;
}

bool link_allows_verdict(const struct link_info *link)
{
	return allows_verdict(link) && allows_verdict(link + 1);
}

/* The server's end is told to each client before the first run. */
void link_tell(int control, const char *address)
{
	struct link_info link;

	link_read(address, &link);
	control_put(control, &link, sizeof(link));
}

/* Both ends: ours, then the server's. */
bool link_learn(int control, const char *address, struct link_info *links)
{
	link_read(address, &links[0]);
	return control_get(control, &links[1], sizeof(links[1]));
}

static void device_json(const char *name, const struct link_info *link)
{
	printf(",\"%s\":{\"device\":\"%s\",\"mtu\":%d,\"sg\":%s,\"checksum\":%s,\"tso\":%s}", name,
	       link->device, link->mtu, json_bool(link->sg), json_bool(link->checksum),
	       json_bool(link->tso));
}

/* What bench/figures.py needs to say what the figures are worth. */
void link_json(const struct link_info *link)
{
	const struct link_info *server = link + 1;

	printf(",\"kernel\":\"%s\",\"server_kernel\":\"%s\",\"emulated\":%s,\"verdict\":%s",
	       link->kernel, server->kernel, json_bool(link->emulated || server->emulated),
	       json_bool(link_allows_verdict(link)));
	device_json("link", link);
	device_json("server_link", server);
}

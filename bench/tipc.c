// SPDX-License-Identifier: GPL-2.0
/* TIPC has services where the others have addresses: a port number is the type, instance 0. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/tipc.h>

#include "bench.h"

#define WAIT_MS	10000

_Static_assert(TIPC_MAX_MESSAGE == TIPC_MAX_USER_MSG_SIZE, "the limit that main.c knows");

socklen_t tipc_address(uint32_t type, struct sockaddr_storage *ss)
{
	struct sockaddr_tipc *addr = (struct sockaddr_tipc *)ss;

	addr->family = AF_TIPC;
	addr->addrtype = TIPC_SERVICE_ADDR;
	addr->scope = TIPC_CLUSTER_SCOPE;
	addr->addr.name.name.type = type;
	return sizeof(*addr);
}

/* Names travel between nodes in their own time, and to send to an unknown one is an error. */
int tipc_wait(const struct sockaddr_storage *ss)
{
	const struct sockaddr_tipc *service = (const struct sockaddr_tipc *)ss;
	struct sockaddr_tipc topology = {
		.family = AF_TIPC, .addrtype = TIPC_SERVICE_ADDR,
		.addr.name.name = { TIPC_TOP_SRV, TIPC_TOP_SRV },
	};
	struct tipc_subscr question = {
		.seq = { .type = service->addr.name.name.type }, .timeout = WAIT_MS,
		.filter = TIPC_SUB_SERVICE,
	};
	int fd = socket(AF_TIPC, SOCK_SEQPACKET, 0);
	struct tipc_event answer = {};
	bool there;

	if (fd < 0 || connect(fd, (struct sockaddr *)&topology, sizeof(topology)) ||
	    send(fd, &question, sizeof(question), 0) != sizeof(question))
		perror("TIPC's topology server");
	there = fd >= 0 && recv(fd, &answer, sizeof(answer), 0) == sizeof(answer) &&
		answer.event == TIPC_PUBLISHED;
	if (fd >= 0)
		close(fd);
	if (!there)
		fprintf(stderr, "TIPC: the service did not show up\n");
	return there ? 0 : -1;
}

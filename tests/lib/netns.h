/* SPDX-License-Identifier: GPL-2.0 */
/* Network namespaces held by file descriptor. */
#ifndef TESTS_NETNS_H
#define TESTS_NETNS_H

struct netns {
	int fd;
};

/* Makes a new namespace with lo up; the calling thread stays where it is. */
int netns_create(struct netns *ns);

/* Lets go of it: it ends when nothing else (a socket, a process) holds it. */
void netns_destroy(struct netns *ns);

/* Moves the calling thread; works for an unprivileged test too. */
int netns_enter(const struct netns *ns);

/* Back to the namespace the program was started in. */
int netns_home(void);

/* The namespace the program was started in, as an argument for others. */
const struct netns *netns_here(void);

/* Runs a call in a namespace and comes home: netns_in(&ns, rds_socket()). */
#define netns_in(ns, call)			\
({						\
	netns_enter(ns);			\
	__typeof__(call) netns_in_rc = (call);	\
	netns_home();				\
	netns_in_rc;				\
})

/* Writes a text to a file of /proc, as root sees it in a namespace. */
int netns_write(const struct netns *ns, const char *path, const char *text);

/* net.rds_zc.NAME of a namespace. */
int netns_sysctl_set(const struct netns *ns, const char *name, long value);
int netns_sysctl_get(const struct netns *ns, const char *name, long *value);

#endif

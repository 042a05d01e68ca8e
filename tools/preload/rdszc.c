// SPDX-License-Identifier: GPL-2.0
/*
 * librdszc.so - lets programs that were written for AF_RDS run on rds_zc unchanged:
 *
 *     LD_PRELOAD=librdszc.so program
 *
 * socket(21, ...) is answered by a socket of rds_zc, under the family number that the loaded module
 * tells, and in the mode that AF_RDS programs know (RDSZC_COMPLETION_AF_RDS). Nothing else is
 * touched: all other calls go to the kernel as they are. Where rds_zc is not loaded, so does this
 * one.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rds.h>
#include <linux/rds_zc.h>

#define FAMILY_FILE "/sys/module/rds_zc/parameters/family"

typedef int socket_function(int, int, int);

/* With close-on-exec, and without stdio: this runs inside of any program, in any thread. */
static int read_family(void)
{
	int fd = open(FAMILY_FILE, O_RDONLY | O_CLOEXEC);
	char text[16];
	ssize_t length;

	if (fd < 0)
		return -1;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return -1;
	text[length] = '\0';
	return (int)strtol(text, NULL, 10);
}

static int kernel_socket(int domain, int type, int protocol)
{
	socket_function *next;

	*(void **)&next = dlsym(RTLD_NEXT, "socket");
	if (next)
		return next(domain, type, protocol);
	errno = ENOSYS;
	return -1;
}

static int set_mode(int fd)
{
	int mode = RDSZC_COMPLETION_AF_RDS;
	int error;

	if (!setsockopt(fd, SOL_RDS, RDSZC_COMPLETION_MODE, &mode, sizeof(mode)))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

__attribute__((visibility("default"))) int socket(int domain, int type, int protocol)
{
	int saved = errno;
	int family = domain == PF_RDS ? read_family() : -1;
	int fd;

	errno = saved;	/* a socket() that works leaves it alone */
	if (family < 0)
		return kernel_socket(domain, type, protocol);
	fd = kernel_socket(family, type, protocol);
	return fd < 0 ? -1 : set_mode(fd);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * doctor.c - what would stand in the way of building, loading and using the module.
 *
 * Each check looks only, and says the exact command that comes next. Nothing is changed, no module
 * is loaded. All files are looked for below --root: a mounted image, or what a test has made up.
 */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"

#define MESSAGE		(1U << 20)	/* the largest message: limits are to allow one of them */
#define MESSAGE_PAGES	(MESSAGE / 4096 + 2)
#define MEMLOCK_ADVICE	16		/* of them, sent by zerocopy and on their way */

static const char *root = "";
static unsigned int bad, notes;

/* One arrow for each line of it. */
static void tell_command(const char *command)
{
	while (command && *command) {
		int length = strcspn(command, "\n");

		printf("%18s%s %.*s\n", "", paint(BOLD, "->"), length, command);
		command += length + (command[length] == '\n');
	}
}

void tell(enum verdict verdict, const char *check, const char *command, const char *format, ...)
{
	static const char * const words[] = { "ok", "note", "bad" };
	static const char * const colors[] = { GREEN, YELLOW, RED };
	char detail[512];
	va_list list;

	va_start(list, format);
	vsnprintf(detail, sizeof(detail), format, list);
	va_end(list);
	bad += verdict == BAD;
	notes += verdict == NOTE;
	if (settings.json) {
		json_begin();
		json_text("check", check);
		json_text("status", words[verdict]);
		json_text("detail", detail);
		if (command)
			json_text("command", command);
		json_end();
		return;
	}
	/* The padding is outside of the colours. */
	printf("%s%*s %-12s %s\n", paint(colors[verdict], words[verdict]),
	       (int)(4 - strlen(words[verdict])), "", check, detail);
	if (verdict != GOOD)
		tell_command(command);
}

const char *at(const char *format, ...)
{
	static char ring[4][512];
	static unsigned int next;
	char *path = ring[next++ % ARRAY_SIZE(ring)];
	int length = snprintf(path, sizeof(ring[0]), "%s", root);
	va_list list;

	if (length >= (int)sizeof(ring[0]))
		die(EXIT_USAGE, "the name of the root is too long");
	va_start(list, format);
	vsnprintf(path + length, sizeof(ring[0]) - length, format, list);
	va_end(list);
	return path;
}

const char *read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");

	*line = '\0';
	if (!file)
		return line;
	if (!fgets(line, size, file))
		*line = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(file);
	return line;
}

bool on_path(const char *program)
{
	const char *path = *root ? NULL : getenv("PATH");
	char copy[4096], *folder, *save;

	snprintf(copy, sizeof(copy), "%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
	for (folder = strtok_r(copy, ":", &save); folder; folder = strtok_r(NULL, ":", &save))
		if (!access(at("%s/%s", folder, program), X_OK))
			return true;
	return false;
}

bool is_loaded(const char *module)
{
	return !access(at("/sys/module/%s", module), F_OK);
}

bool module_file(const char *release, char *path, size_t size)
{
	static const char * const folders[] = {
		"updates/dkms", "updates", "extra", "kernel/net/rds_zc"
	};
	static const char * const ends[] = { "", ".xz", ".zst", ".gz" };
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(folders); i++) {
		for (j = 0; j < ARRAY_SIZE(ends); j++) {
			snprintf(path, size, "%s", at("/lib/modules/%s/%s/rds_zc.ko%s", release,
						      folders[i], ends[j]));
			if (!access(path, F_OK))
				return true;
		}
	}
	*path = '\0';
	return false;
}

/* Without these the module cannot be built, which matters where it has not been. */
static enum verdict without_build(const char *release)
{
	char path[512];

	return is_loaded("rds_zc") || module_file(release, path, sizeof(path)) ? NOTE : BAD;
}

static void check_headers(const char *release)
{
	char command[256];

	if (!access(at("/lib/modules/%s/build/Makefile", release), F_OK)) {
		tell(GOOD, "headers", NULL, "of kernel %s are there", release);
		return;
	}
	headers_command(command, sizeof(command), release);
	tell(without_build(release), "headers", command,
	     "of kernel %s are missing: the module cannot be built for it", release);
}

/* CONFIG_CC_VERSION_TEXT="gcc-12 (Debian ...) ...": with what the kernel was built. */
static void kernel_compiler(const char *release, char *name, size_t size)
{
	FILE *file = fopen(at("/boot/config-%s", release), "re");
	char line[512];

	*name = '\0';
	if (!file)
		file = fopen(at("/lib/modules/%s/build/.config", release), "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CONFIG_CC_VERSION_TEXT=\"%63[^ \"]", name) == 1)
			break;
	/* "Debian clang version 14.0.6": the first word is who built it. */
	if (*name && strstr(line, "clang version "))
		snprintf(name, size, "clang");
	if (file)
		fclose(file);
	name[size - 1] = '\0';
}

static void check_compiler(const char *release)
{
	enum verdict verdict = without_build(release);
	char full[64], command[128];
	const char *name = "gcc";

	kernel_compiler(release, full, sizeof(full));
	/* Kernels from 6.12 on name x86_64-linux-gnu-gcc-14; each of the two names will do. */
	if (*full)
		name = strstr(full, "-gcc") ? strstr(full, "-gcc") + 1 : full;
	if (!on_path("make")) {
		install_command(command, sizeof(command), "make");
		tell(verdict, "compiler", command, "there is no make");
		return;
	}
	if (on_path(name) || (*full && on_path(full))) {
		tell(GOOD, "compiler", NULL, "%s, as the kernel wants, is there", name);
		return;
	}
	compiler_command(command, sizeof(command), name);
	if (on_path("gcc"))
		tell(NOTE, "compiler", command, "the kernel was built with %s, there is only gcc",
		     name);
	else
		tell(verdict, "compiler", command, "the kernel was built with %s, there is none",
		     name);
}

/* The version of what modprobe would load, by modinfo, which can read all kinds of files. */
void installed_version(const char *release, char *version, size_t size)
{
	char command[640];
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin:/sbin modinfo %s%s%s -k '%s' -F version rds_zc 2>/dev/null",
		 *root ? "-b '" : "", root, *root ? "'" : "", release);
	*version = '\0';
	pipe = popen(command, "re");
	if (!pipe)
		return;
	if (!fgets(version, size, pipe))
		*version = '\0';
	version[strcspn(version, "\n")] = '\0';
	pclose(pipe);
}

static void check_loaded_module(const char *release)
{
	char loaded[64], installed[64];

	read_line(at("/sys/module/rds_zc/version"), loaded, sizeof(loaded));
	installed_version(release, installed, sizeof(installed));
	if (*installed && strcmp(loaded, installed))
		tell(NOTE, "module", "modprobe -r rds_zc && modprobe rds_zc",
		     "rds_zc %s is loaded, %s is installed", loaded, installed);
	else
		tell(GOOD, "module", NULL, "rds_zc %s is loaded, family %d", loaded, rds_family());
}

static void check_module(const char *release)
{
	char path[512], command[128];

	if (is_loaded("rds_zc")) {
		check_loaded_module(release);
		return;
	}
	if (module_file(release, path, sizeof(path))) {
		tell(NOTE, "module", "modprobe rds_zc", "rds_zc is installed, but not loaded");
		return;
	}
	/* Where dkms does not know it, there is no package of ours yet. */
	if (on_path("dkms") && !access(at("/var/lib/dkms/rds_zc"), F_OK))
		snprintf(command, sizeof(command), "dkms autoinstall -k %s", release);
	else
		snprintf(command, sizeof(command), "%s", module_command());
	tell(BAD, "module", command, "there is no rds_zc for kernel %s", release);
}

static int tcp_port(void)
{
	char line[32];

	read_line(at("/proc/sys/net/rds_zc/tcp_port"), line, sizeof(line));
	return *line ? atoi(line) : 16385;
}

/* Does somebody listen on the port? (State 0A of /proc/net/tcp and tcp6.) */
static bool port_is_open(const char *path, unsigned int port)
{
	unsigned int got, state;
	char line[512];
	bool open = false;
	FILE *file = fopen(path, "re");

	while (file && !open && fgets(line, sizeof(line), file))
		open = sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &got,
			      &state) == 2 && got == port && state == 0x0a;
	if (file)
		fclose(file);
	return open;
}

static void ours_row(const struct attrs *a, void *arg)
{
	*(bool *)arg = attr_number(a, RDSZC_A_INFO_LISTENING);
}

static bool we_listen(void)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	bool listening = false;
	struct nl nl;

	if (!is_loaded("rds_zc") || *root)
		return false;
	nl_open(&nl);
	nl_dump(&nl, nl_request(&nl, buffer, RDSZC_CMD_INFO_GET, 0), ours_row, &listening);
	nl_close(&nl);
	return listening;
}

static void check_port(void)
{
	int port = tcp_port();
	char command[128];

	if (is_loaded("rds_tcp")) {
		tell(BAD, "tcp-port", "modprobe -r rds_tcp",
		     "in-tree rds_tcp is loaded and uses port 16385");
		return;
	}
	if (!port_is_open(at("/proc/net/tcp"), port) && !port_is_open(at("/proc/net/tcp6"), port)) {
		tell(GOOD, "tcp-port", NULL, "%d is free", port);
		return;
	}
	if (we_listen()) {
		tell(GOOD, "tcp-port", NULL, "%d is ours", port);
		return;
	}
	/* The sysctl comes with the module, which loads all the same. */
	snprintf(command, sizeof(command),
		 "ss -ltnp 'sport = :%d'"
		 "  # or, on all hosts: %ssysctl -w net.rds_zc.tcp_port=%d", port,
		 is_loaded("rds_zc") ? "" : "modprobe rds_zc && ",
		 port < 65535 ? port + 1 : 16385);
	tell(BAD, "tcp-port", command, "somebody else listens on %d", port);
}

/*
 * Asks for a socket only of the number that would be used; others might load modules. It asks the
 * kernel that runs, not the files below the root.
 */
static void check_family(void)
{
	int fd;

	if (is_loaded("rds_zc")) {
		tell(GOOD, "family", NULL, "%d is ours", rds_family());
		return;
	}
	fd = socket(RDSZC_FAMILY_DEFAULT, SOCK_SEQPACKET, 0);
	if (fd < 0 && errno == EAFNOSUPPORT) {
		tell(GOOD, "family", NULL, "%d is free", RDSZC_FAMILY_DEFAULT);
		return;
	}
	if (fd >= 0)
		close(fd);
	tell(BAD, "family", "modprobe rds_zc family=22", "somebody else uses number %d",
	     RDSZC_FAMILY_DEFAULT);
}

static void check_sysctl(const char *name, unsigned long need, unsigned long advice,
			 const char *what)
{
	char line[64], command[128];
	unsigned long value;

	if (!*read_line(at("/proc/sys/net/core/%s", name), line, sizeof(line)))
		return;	/* only the first network namespace has it */
	value = strtoul(line, NULL, 10);
	snprintf(command, sizeof(command), "sysctl -w net.core.%s=%lu", name, advice);
	if (value >= need)
		tell(GOOD, name, NULL, "%lu will do for messages of 1 MiB", value);
	else
		tell(NOTE, name, command, "%lu: %s", value, what);
}

/* TCP's probes for a larger MTU hold pages whose sender is told that they are free. */
static void check_mtu_probing(void)
{
	char line[64];

	if (!*read_line(at("/proc/sys/net/ipv4/tcp_mtu_probing"), line, sizeof(line)))
		return;
	if (!strtoul(line, NULL, 10))
		tell(GOOD, "mtu-probing", NULL, "is off");
	else
		tell(NOTE, "mtu-probing", "sysctl -w net.ipv4.tcp_mtu_probing=0",
		     "TCP probes for a larger MTU: zerocopy sends over TCP are copied");
}

/*
 * A user may not raise the own limit beyond the hard one: somebody else has to, for the shell that
 * the command is typed into, and for the next login.
 */
static void memlock_command(char *text, size_t size, unsigned long bytes)
{
	const struct passwd *user = getpwuid(geteuid());
	const char *as_root = on_path("sudo") ? "sudo sh -c" : "su -c";

	snprintf(text, size,
		 "%s \"prlimit --pid $$ --memlock=%lu\"  # this shell; service: LimitMEMLOCK=%lu\n"
		 "%s \"echo '%s - memlock %lu' >/etc/security/limits.d/rds_zc.conf\"  # next login",
		 as_root, bytes, bytes, as_root, user ? user->pw_name : "*", bytes / 1024);
}

static void check_memlock(void)
{
	unsigned long need = MESSAGE_PAGES * 4096UL;
	struct rlimit limit;
	char command[512];

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	memlock_command(command, sizeof(command), MEMLOCK_ADVICE * need);
	if (limit.rlim_cur == RLIM_INFINITY || !geteuid())
		tell(GOOD, "memlock", NULL, "no limit for this user");
	else if (limit.rlim_cur >= need)
		tell(GOOD, "memlock", NULL, "%s: %llu zerocopy messages of 1 MiB at a time",
		     bytes_text(limit.rlim_cur), (unsigned long long)(limit.rlim_cur / need));
	else
		tell(NOTE, "memlock", command,
		     "%s: a zerocopy send of 1 MiB is refused (ENOMEM), it needs %s",
		     bytes_text(limit.rlim_cur), bytes_text(need));
}

static void check_limits(void)
{
	check_sysctl("wmem_max", MESSAGE, 4 * MESSAGE,
		     "SO_SNDBUF is cut to it, and messages of 1 MiB are refused (EMSGSIZE)");
	check_sysctl("rmem_max", MESSAGE, 4 * MESSAGE,
		     "a receiver counts as congested after fewer bytes than one message");
	if (!*root)
		check_memlock();
	/* 5.10 alone sends through TCP's own error queue, which counts against it. */
	check_sysctl("optmem_max", 20480, 131072,
		     "sends by zerocopy wait for each other where TCP's own is used");
	check_mtu_probing();
}

static const struct argp_option doctor_options[] = {
	{ "kernel", 'k', "RELEASE", 0, "look for what this kernel needs, not the running one", 0 },
	{ "root", 'r', "DIR", 0, "look at the files of a system below DIR: an image, a chroot", 0 },
	{ 0 }
};

static error_t parse_doctor(int key, char *word, struct argp_state *state)
{
	const char **release = state->input;

	switch (key) {
	case 'k':
		*release = word;
		break;
	case 'r':
		root = word;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (strpbrk(word, "'\n"))
		argp_error(state, "no quotes in it, please");
	return 0;
}

int command_doctor(int argc, char **argv)
{
	static const struct argp argp = { doctor_options, parse_doctor, NULL,
		"What would stand in the way of building, loading and using rds_zc, each with the "
		"command that comes next. Changes nothing. Ends with 1 if something is bad.",
		common_options, NULL, NULL };
	const char *release;
	struct utsname name;

	uname(&name);
	release = name.release;
	argp_parse(&argp, argc, argv, 0, NULL, &release);
	check_module(release);
	check_headers(release);
	check_compiler(release);
	check_signing(release);
	check_port();
	if (!*root)
		check_family();
	check_limits();
	if (!settings.json)
		printf("%u bad, %u to note\n", bad, notes);
	return bad ? EXIT_FAULT : EXIT_OK;
}

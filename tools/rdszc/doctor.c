// SPDX-License-Identifier: GPL-2.0
/*
 * doctor.c - what would stand in the way of building, loading and using the module.
 *
 * Each check looks only, and says the exact command that comes next. Nothing is changed, no module is
 * loaded.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "rdszc.h"

#define MESSAGE		(1U << 20)	/* the largest message: limits are looked at for one of them */
#define MESSAGE_PAGES	(MESSAGE / 4096 + 2)

enum verdict { GOOD, NOTE, BAD };

static unsigned int bad, notes;

static void tell(enum verdict verdict, const char *check, const char *command, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void tell(enum verdict verdict, const char *check, const char *command, const char *format, ...)
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
	if (command && verdict != GOOD)
		printf("%18s%s %s\n", "", paint(BOLD, "->"), command);
}

/* First line of a file without its end, or "". */
static const char *read_line(const char *path, char *line, size_t size)
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

static bool on_path(const char *program)
{
	const char *path = getenv("PATH");
	char copy[4096], name[4352], *folder, *save;

	snprintf(copy, sizeof(copy), "%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
	for (folder = strtok_r(copy, ":", &save); folder; folder = strtok_r(NULL, ":", &save)) {
		snprintf(name, sizeof(name), "%s/%s", folder, program);
		if (!access(name, X_OK))
			return true;
	}
	return false;
}

static bool is_loaded(const char *module)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return !access(path, F_OK);
}

/* The words of the distribution for "install the headers of this kernel". */
static void headers_command(const char *release, char *text, size_t size)
{
	if (on_path("apt-get"))
		snprintf(text, size, "apt install linux-headers-%s", release);
	else if (on_path("dnf"))
		snprintf(text, size, "dnf install kernel-devel-%s", release);
	else if (on_path("pacman"))
		snprintf(text, size, "pacman -S linux-headers");
	else
		snprintf(text, size, "install the headers of kernel %s", release);
}

static bool check_headers(const char *release)
{
	char path[256], command[256];

	snprintf(path, sizeof(path), "/lib/modules/%s/build/Makefile", release);
	if (!access(path, F_OK)) {
		tell(GOOD, "headers", NULL, "of kernel %s are there", release);
		return true;
	}
	headers_command(release, command, sizeof(command));
	tell(is_loaded("rds_zc") ? NOTE : BAD, "headers", command,
	     "of kernel %s are missing: the module cannot be built for it", release);
	return false;
}

/* CONFIG_CC_VERSION_TEXT="gcc-12 (Debian ...) ...": with what the kernel was built. */
static void kernel_compiler(const char *release, char *name, size_t size)
{
	char path[256], line[512];
	FILE *file;

	*name = '\0';
	snprintf(path, sizeof(path), "/boot/config-%s", release);
	file = fopen(path, "re");
	if (!file) {
		snprintf(path, sizeof(path), "/lib/modules/%s/build/.config", release);
		file = fopen(path, "re");
	}
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CONFIG_CC_VERSION_TEXT=\"%63[^ \"]", name) == 1)
			break;
	if (file)
		fclose(file);
	name[size - 1] = '\0';
	/* Cross compilers are called x86_64-linux-gnu-gcc-12; the short name will do. */
	if (strstr(name, "-gcc"))
		memmove(name, strstr(name, "-gcc") + 1, strlen(strstr(name, "-gcc") + 1) + 1);
}

static void check_compiler(const char *release)
{
	enum verdict verdict = is_loaded("rds_zc") ? NOTE : BAD;
	char name[64], command[128];

	kernel_compiler(release, name, sizeof(name));
	if (!on_path("make")) {
		tell(verdict, "compiler", on_path("apt-get") ? "apt install make" : "install make",
		     "there is no make");
		return;
	}
	if (!*name)
		snprintf(name, sizeof(name), "gcc");
	if (on_path(name)) {
		tell(GOOD, "compiler", NULL, "%s, as the kernel wants, is there", name);
		return;
	}
	snprintf(command, sizeof(command), on_path("apt-get") ? "apt install %s" : "install %s", name);
	if (on_path("gcc"))
		tell(NOTE, "compiler", command, "the kernel was built with %s, there is only gcc", name);
	else
		tell(verdict, "compiler", command, "the kernel was built with %s, there is none", name);
}

static bool module_exists(const char *release)
{
	static const char * const folders[] = { "updates/dkms", "updates", "extra", "kernel/net/rds_zc" };
	static const char * const ends[] = { "", ".xz", ".zst", ".gz" };
	char path[256];
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(folders); i++) {
		for (j = 0; j < ARRAY_SIZE(ends); j++) {
			snprintf(path, sizeof(path), "/lib/modules/%s/%s/rds_zc.ko%s", release,
				 folders[i], ends[j]);
			if (!access(path, F_OK))
				return true;
		}
	}
	return false;
}

static void check_module(const char *release)
{
	char version[64];

	if (is_loaded("rds_zc"))
		tell(GOOD, "module", NULL, "rds_zc %s is loaded, family %d",
		     read_line("/sys/module/rds_zc/version", version, sizeof(version)), rds_family());
	else if (module_exists(release))
		tell(NOTE, "module", "modprobe rds_zc", "rds_zc is installed, but not loaded");
	else
		tell(BAD, "module", on_path("dkms") ? "dkms autoinstall" : "apt install rds-zc-dkms",
		     "there is no rds_zc for kernel %s", release);
}

/* 1, 0, or -1: no EFI here. */
static int secure_boot(void)
{
	static const char path[] =
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	unsigned char data[5] = { 0 };
	FILE *file = fopen(path, "re");
	size_t got;

	if (!file)
		return -1;
	got = fread(data, 1, sizeof(data), file);
	fclose(file);
	return got == sizeof(data) ? data[4] : -1;
}

static void check_secure_boot(void)
{
	static const char key[] = "/var/lib/dkms/mok.pub";
	int status;

	if (secure_boot() != 1) {
		tell(GOOD, "secure-boot", NULL, secure_boot() < 0 ? "no EFI, so none" : "is off");
		return;
	}
	if (access(key, F_OK)) {
		tell(is_loaded("rds_zc") ? NOTE : BAD, "secure-boot", "dkms generate_mok",
		     "is on, and there is no key to sign modules with (%s)", key);
		return;
	}
	if (!on_path("mokutil")) {
		tell(NOTE, "secure-boot", "apt install mokutil",
		     "is on; whether the firmware knows the key of dkms cannot be seen without mokutil");
		return;
	}
	/* 0: not enrolled; 1: it is. The words differ between versions. */
	status = system("mokutil --test-key /var/lib/dkms/mok.pub 2>/dev/null | grep -q 'already enrolled'");
	if (!status)
		tell(GOOD, "secure-boot", NULL, "is on, and the firmware knows the key of dkms");
	else
		tell(BAD, "secure-boot", "mokutil --import /var/lib/dkms/mok.pub && reboot",
		     "is on, and the key of dkms is not enrolled");
}

static void check_lockdown(void)
{
	char line[128];

	read_line("/sys/kernel/security/lockdown", line, sizeof(line));
	if (!*line || strstr(line, "[none]"))
		tell(GOOD, "lockdown", NULL, "is off");
	else if (is_loaded("rds_zc"))
		tell(GOOD, "lockdown", NULL, "is on (%s), and the module is loaded all the same", line);
	else
		tell(NOTE, "lockdown", "rdszc doctor  # see secure-boot: the module must be signed",
		     "is on (%s): unsigned modules are refused", line);
}

static void check_enforced(void)
{
	char line[16];

	read_line("/sys/module/module/parameters/sig_enforce", line, sizeof(line));
	if (*line == 'Y' && !is_loaded("rds_zc"))
		tell(NOTE, "signatures", "dkms status rds_zc  # then sign, see secure-boot",
		     "are enforced: unsigned modules are refused");
}

static int tcp_port(void)
{
	char line[32];

	read_line("/proc/sys/net/rds_zc/tcp_port", line, sizeof(line));
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
		open = sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &got, &state) == 2 &&
			got == port && state == 0x0a;
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

	if (!is_loaded("rds_zc"))
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
		tell(BAD, "tcp-port", "modprobe -r rds_tcp", "in-tree rds_tcp is loaded and uses port 16385");
		return;
	}
	if (!port_is_open("/proc/net/tcp", port) && !port_is_open("/proc/net/tcp6", port)) {
		tell(GOOD, "tcp-port", NULL, "%d is free", port);
		return;
	}
	if (we_listen()) {
		tell(GOOD, "tcp-port", NULL, "%d is ours", port);
		return;
	}
	snprintf(command, sizeof(command), "ss -ltnp 'sport = :%d'  # or: sysctl -w net.rds_zc.tcp_port=%d",
		 port, port + 1);
	tell(BAD, "tcp-port", command, "somebody else listens on %d", port);
}

/* Asks for a socket only of the number that would be used; others might load modules. */
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

static void check_sysctl(const char *name, const char *path, unsigned long need, unsigned long advice,
			 const char *what)
{
	char line[64], command[128];
	unsigned long value;

	if (!*read_line(path, line, sizeof(line)))
		return;	/* only the first network namespace has it */
	value = strtoul(line, NULL, 10);
	snprintf(command, sizeof(command), "sysctl -w net.core.%s=%lu", name, advice);
	if (value >= need)
		tell(GOOD, name, NULL, "%lu will do for messages of 1 MiB", value);
	else
		tell(NOTE, name, command, "%lu: %s", value, what);
}

static void check_memlock(void)
{
	struct rlimit limit;
	rlim_t need = MESSAGE_PAGES * 4096UL;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (limit.rlim_cur == RLIM_INFINITY || !geteuid())
		tell(GOOD, "memlock", NULL, "no limit for this user");
	else if (limit.rlim_cur >= need)
		tell(GOOD, "memlock", NULL, "%s: %llu zerocopy messages of 1 MiB at a time",
		     bytes_text(limit.rlim_cur), (unsigned long long)(limit.rlim_cur / need));
	else
		tell(NOTE, "memlock", "ulimit -l unlimited  # service: LimitMEMLOCK=infinity",
		     "%s: a zerocopy send of 1 MiB is refused (ENOMEM), it needs %s",
		     bytes_text(limit.rlim_cur), bytes_text(need));
}

static void check_limits(void)
{
	check_sysctl("wmem_max", "/proc/sys/net/core/wmem_max", MESSAGE, 4 * MESSAGE,
		     "a larger SO_SNDBUF is cut to it, and messages of 1 MiB are refused (EMSGSIZE)");
	check_sysctl("rmem_max", "/proc/sys/net/core/rmem_max", MESSAGE, 4 * MESSAGE,
		     "a receiver counts as congested after fewer bytes than one message");
	check_memlock();
	/* 5.10 alone sends through TCP's own error queue, which counts against it. */
	check_sysctl("optmem_max", "/proc/sys/net/core/optmem_max", 20480, 131072,
		     "sends by zerocopy wait for each other where TCP's own is used");
}

int command_doctor(int argc, char **argv)
{
	static const struct argp argp = { NULL, NULL, NULL,
		"What would stand in the way of building, loading and using rds_zc, each with the "
		"command that comes next. Changes nothing. Ends with 1 if something is bad.",
		common_options, NULL, NULL };
	struct utsname name;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	uname(&name);
	check_module(name.release);
	check_headers(name.release);
	check_compiler(name.release);
	check_secure_boot();
	check_lockdown();
	check_enforced();
	check_port();
	check_family();
	check_limits();
	if (!settings.json)
		printf("%u bad, %u to note\n", bad, notes);
	return bad ? EXIT_FAULT : EXIT_OK;
}

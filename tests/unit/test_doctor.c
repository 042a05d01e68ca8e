// SPDX-License-Identifier: GPL-2.0
/*
 * rdszc doctor against machines that are made up: trees of files below --root. Each finding must be
 * told with its command. The tool is linked into this program with its main() renamed, as in
 * test_cli.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int rdszc_main(int argc, char **argv);

#define RELEASE "6.1.0-1-amd64"
#define EFI "/sys/firmware/efi/"
#define GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SHIM "-605dab50-e046-4300-abb6-3dd810dd8b23"
#define MODULE "/lib/modules/" RELEASE "/updates/dkms/rds_zc.ko"
#define SIGNED "code~Module signature appended~\n"
#define KEY "a certificate of dkms"
#define DKMS_3 "#!/bin/bash\nmok_signing_key=/var/lib/dkms/mok.key\n"	/* of Debian 12 */
#define BUILD_AGAIN "dkms build rds_zc/test --force -k " RELEASE \
	" && dkms install rds_zc/test --force -k " RELEASE

static char root[64];

static void put_bytes(const char *name, const void *data, size_t size, mode_t mode)
{
	char path[512], *slash;
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text), 0644);
}

static void put_program(const char *name)
{
	put_bytes(name, "", 0, 0755);
}

static void take(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s%s", root, name);
	assert_int_equal(unlink(path), 0);
}

static void remove_folder(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s%s", root, name);
	assert_int_equal(rmdir(path), 0);
}

/* A variable of one byte, behind its attributes. */
static void put_variable(const char *name, unsigned char value)
{
	unsigned char data[5] = { 6, 0, 0, 0, value };

	put_bytes(name, data, sizeof(data), 0644);
}

/* A machine without EFI that has all it needs, the module installed. */
static int machine(void **state)
{
	(void)state;
	strcpy(root, "/tmp/rdsz-doctor-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	put("/lib/modules/" RELEASE "/build/Makefile", "");
	put("/boot/config-" RELEASE,
	    "CONFIG_X=y\nCONFIG_CC_VERSION_TEXT=\"gcc-12 (Debian 12.2.0-14) 12.2.0\"\n");
	put(MODULE, "code");
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	put("/sys/module/module/parameters/sig_enforce", "N\n");
	put("/proc/cmdline", "root=/dev/vda1 ro\n");
	put("/proc/sys/net/core/wmem_max", "4194304\n");
	put("/proc/sys/net/core/rmem_max", "4194304\n");
	put("/proc/sys/net/core/optmem_max", "131072\n");
	put("/proc/sys/net/ipv4/tcp_mtu_probing", "0\n");
	put_program("/usr/bin/make");
	put_program("/usr/bin/gcc-12");
	put_program("/usr/bin/openssl");
	put_program("/usr/bin/apt-get");
	put_bytes("/usr/sbin/dkms", DKMS_3, strlen(DKMS_3), 0755);
	return 0;
}

/* With Secure Boot, a key that is enrolled, and a module that is signed. */
static int secure_machine(void **state)
{
	if (machine(state))
		return -1;
	put_variable(EFI "efivars/SecureBoot" GLOBAL, 1);
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	put("/var/lib/dkms/mok.pub", KEY);
	put(EFI "mok-variables/MokListRT", "signature list: " KEY ", and more");
	put(MODULE, SIGNED);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int no_machine(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Runs it in a process of its own, which prepares itself. Returns how it ended. */
static int run_doctor(char **argv, void (*prepare)(void), char *text, size_t room)
{
	int out[2], ended, argc = 0, got;
	size_t size = 0;
	pid_t pid;

	while (argv[argc])
		argc++;
	assert_int_equal(pipe(out), 0);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		if (prepare)
			prepare();
		exit(rdszc_main(argc, argv));
	}
	close(out[1]);
	while ((got = read(out[0], text + size, room - 1 - size)) > 0)
		size += got;
	text[size] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &ended, 0), pid);
	assert_true(WIFEXITED(ended));
	return WEXITSTATUS(ended);
}

/* What doctor writes of a kernel, as JSON. */
static const char *doctor_of(const char *release, int status)
{
	static char text[16384];
	char *argv[] = { "rdszc", "doctor", "-j", "-r", root, "-k", (char *)release,
			 NULL };
	int ended = run_doctor(argv, NULL, text, sizeof(text));

	if (ended != status)
		print_error("%s", text);
	assert_int_equal(ended, status);
	return text;
}

/* The same for people. */
static void plain_doctor(char *text, size_t room)
{
	char *argv[] = { "rdszc", "doctor", "-r", root, "-k", RELEASE, NULL };

	assert_in_range(run_doctor(argv, NULL, text, room), 0, 1);
}

static const char *doctor(int status)
{
	return doctor_of(RELEASE, status);
}

/* The line of a check has this status and, unless NULL, this command. */
static void assert_told(const char *text, const char *check, const char *verdict,
			const char *command)
{
	char line[2048], wanted[1024];
	const char *found;

	snprintf(wanted, sizeof(wanted), "{\"check\":\"%s\",\"status\":", check);
	found = strstr(text, wanted);
	if (!found)
		fail_msg("nothing is said of %s: %s", check, text);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(found, "\n"), found);
	snprintf(wanted, sizeof(wanted), "\"status\":\"%s\"", verdict);
	if (!strstr(line, wanted))
		fail_msg("not %s: %s", verdict, line);
	snprintf(wanted, sizeof(wanted), "\"command\":\"%s\"", command ? command : "");
	if (command && !strstr(line, wanted))
		fail_msg("not told to %s: %s", command, line);
	if (!command && strstr(line, "\"command\""))
		fail_msg("told to do something: %s", line);
}

static void doctor__content(void **state)
{
	const char *text = doctor(0);

	(void)state;
	assert_told(text, "module", "note", "modprobe rds_zc");
	assert_told(text, "headers", "ok", NULL);
	assert_told(text, "compiler", "ok", NULL);
	assert_told(text, "secure-boot", "ok", NULL);
	assert_told(text, "lockdown", "ok", NULL);
	assert_told(text, "tcp-port", "ok", NULL);
	assert_null(strstr(text, "\"bad\""));
	assert_null(strstr(text, "mok"));
}

static void doctor__nothing_to_build_with(void **state)
{
	const char *text;

	(void)state;
	take("/lib/modules/" RELEASE "/build/Makefile");
	assert_told(doctor(0), "headers", "note", "apt install linux-headers-" RELEASE);
	take(MODULE);
	take("/usr/bin/gcc-12");
	put("/var/lib/dkms/rds_zc/kernel", "");
	text = doctor(1);
	assert_told(text, "module", "bad", "dkms autoinstall -k " RELEASE);
	assert_told(text, "headers", "bad", "apt install linux-headers-" RELEASE);
	assert_told(text, "compiler", "bad", "apt install gcc-12");
	take("/usr/bin/make");
	take("/usr/sbin/dkms");
	text = doctor(1);
	assert_told(text, "module", "bad", "apt install ./build/deb/rds-zc-dkms_*.deb");
	assert_told(text, "compiler", "bad", "apt install make");
	put_program("/usr/sbin/dkms");
	take("/var/lib/dkms/rds_zc/kernel");
	remove_folder("/var/lib/dkms/rds_zc");
	assert_told(doctor(1), "module", "bad", "apt install ./build/deb/rds-zc-dkms_*.deb");
}

/* What a machine of another distribution, that has nothing of what it takes, is told. */
static void bare_machine(const char *packager)
{
	take("/usr/bin/apt-get");
	put_program(packager);
	take("/lib/modules/" RELEASE "/build/Makefile");
	take(MODULE);
	take("/usr/bin/gcc-12");
	take("/usr/bin/make");
}

static void doctor__on_fedora(void **state)
{
	const char *text;

	(void)state;
	bare_machine("/usr/bin/dnf");
	text = doctor(1);
	assert_told(text, "module", "bad", "dnf install ./build/rpm/rds_zc-dkms-*.rpm");
	assert_told(text, "headers", "bad", "dnf install kernel-devel-" RELEASE);
	assert_told(text, "compiler", "bad", "dnf install make");
	put_program("/usr/bin/make");
	assert_told(doctor(1), "compiler", "bad", "dnf install gcc");
	put("/boot/config-" RELEASE, "CONFIG_CC_VERSION_TEXT=\"gcc (GCC) 14.2.1\"\n");
	assert_told(doctor(1), "compiler", "bad", "dnf install gcc");
}

static void doctor__on_arch(void **state)
{
	const char *text;

	(void)state;
	bare_machine("/usr/bin/pacman");
	text = doctor(1);
	assert_told(text, "module", "bad", "pacman -U build/arch/rds_zc-dkms-*.pkg.tar.xz");
	assert_told(text, "headers", "bad", "pacman -S linux-headers");
	assert_told(text, "compiler", "bad", "pacman -S make");
	put_program("/usr/bin/make");
	put("/boot/config-" RELEASE, "CONFIG_CC_VERSION_TEXT=\"clang version 19.1.7\"\n");
	assert_told(doctor(1), "compiler", "bad", "pacman -S clang");
	put("/boot/config-" RELEASE, "CONFIG_CC_VERSION_TEXT=\"Debian clang version 14.0.6\"\n");
	assert_told(doctor(1), "compiler", "bad", "pacman -S clang");
	assert_told(doctor_of("6.12.9-1-lts", 1), "headers", "bad",
		    "pacman -S linux-lts-headers");
}

#define NOBODY_KNOWS "# no apt, dnf or pacman here: install "

/* A comment, for nobody knows the command. */
static void doctor__on_another_system(void **state)
{
	const char *text;

	(void)state;
	bare_machine("/usr/bin/emerge");
	text = doctor(1);
	assert_told(text, "module", "bad", "make dkms-install && dkms install rds_zc/test");
	assert_told(text, "headers", "bad", NOBODY_KNOWS "the headers of kernel " RELEASE);
	assert_told(text, "compiler", "bad", NOBODY_KNOWS "make");
	put("/sys/module/module/parameters/sig_enforce", "Y\n");
	assert_told(doctor(1), "sig-enforce", "bad", NOBODY_KNOWS "another kernel, then: reboot");
}

static void doctor__another_compiler(void **state)
{
	(void)state;
	take("/usr/bin/gcc-12");
	put_program("/usr/bin/gcc");
	assert_told(doctor(0), "compiler", "note", "apt install gcc-12");
}

/* What Debian's headers of 6.12 and later bring is called by its long name only. */
static void doctor__a_compiler_of_a_long_name(void **state)
{
	(void)state;
	put("/boot/config-" RELEASE,
	    "CONFIG_CC_VERSION_TEXT=\"x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0\"\n");
	take(MODULE);
	assert_told(doctor(1), "compiler", "bad", "apt install gcc-14");
	put_program("/usr/bin/x86_64-linux-gnu-gcc-14");
	assert_told(doctor(1), "compiler", "ok", NULL);
	take("/usr/bin/x86_64-linux-gnu-gcc-14");
	put_program("/usr/bin/gcc-14");
	assert_told(doctor(1), "compiler", "ok", NULL);
}

static void doctor__a_taken_port(void **state)
{
	static const char head[] = "  sl  local_address rem_address   st\n";
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "%s   0: 00000000:4001 00000000:0000 0A 0\n", head);
	put("/proc/net/tcp", text);
	/* Without the module there is no sysctl of it. */
	assert_told(doctor(1), "tcp-port", "bad",
		    "ss -ltnp 'sport = :16385'"
		    "  # or, on all hosts: modprobe rds_zc && sysctl -w net.rds_zc.tcp_port=16386");
	put("/sys/module/rds_zc/version", "1\n");
	put("/proc/sys/net/rds_zc/tcp_port", "16385\n");
	assert_told(doctor(1), "tcp-port", "bad",
		    "ss -ltnp 'sport = :16385'"
		    "  # or, on all hosts: sysctl -w net.rds_zc.tcp_port=16386");
	put("/sys/module/rds_tcp/initstate", "live\n");
	assert_told(doctor(1), "tcp-port", "bad", "modprobe -r rds_tcp");
}

static void doctor__small_limits(void **state)
{
	const char *text;

	(void)state;
	put("/proc/sys/net/core/wmem_max", "212992\n");
	put("/proc/sys/net/core/optmem_max", "10240\n");
	text = doctor(0);
	assert_told(text, "wmem_max", "note", "sysctl -w net.core.wmem_max=4194304");
	assert_told(text, "rmem_max", "ok", NULL);
	assert_told(text, "optmem_max", "note", "sysctl -w net.core.optmem_max=131072");
	assert_told(text, "mtu-probing", "ok", NULL);
}

static void doctor__tcp_that_probes(void **state)
{
	(void)state;
	put("/proc/sys/net/ipv4/tcp_mtu_probing", "1\n");
	assert_told(doctor(0), "mtu-probing", "note", "sysctl -w net.ipv4.tcp_mtu_probing=0");
}

/* ---- what is asked of the machine itself ---- */

#define ADVICE 16908288UL	/* 16 messages of 1 MiB, each with two pages more */

/* A user, and a limit on locked memory. */
static void with_memlock(rlim_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || (!geteuid() && setuid(65534)))
		_exit(99);
}

static void with_little_memlock(void)
{
	with_memlock(65536);
}

static void with_advised_memlock(void)
{
	with_memlock(ADVICE);
}

/* What stands between the first two quotes of a line that begins so, as root would have it run. */
static void quoted(const char *text, const char *begin, char *command, size_t size)
{
	const char *line = strstr(text, begin), *quote;

	if (!line)
		fail_msg("no line %s in: %s", begin, text);
	quote = strchr(line, '"');
	assert_non_null(quote);
	snprintf(command, size, "%.*s", (int)strcspn(quote + 1, "\""), quote + 1);
}

/* Makes the limit of the shell that it is typed into what it should be. */
static void memlock_command_works(const char *command)
{
	unsigned long kib = 0;
	char line[512];
	FILE *shell;

	snprintf(line, sizeof(line), "/bin/sh -c 'ulimit -l 64; %s && ulimit -l'", command);
	shell = popen(line, "re");
	assert_non_null(shell);
	assert_int_equal(fscanf(shell, "%lu", &kib), 1);
	assert_int_equal(pclose(shell), 0);
	assert_int_equal(kib, ADVICE / 1024);
}

static void doctor__little_memlock(void **state)
{
	char *argv[] = { "rdszc", "doctor", NULL };
	char text[16384], command[256], line[512];
	const char *line_at;

	(void)state;
	run_doctor(argv, with_little_memlock, text, sizeof(text));
	line_at = strstr(text, "note memlock");
	if (!line_at)
		fail_msg("no note of memlock: %s", text);
	assert_null(strstr(text, "ulimit"));
	quoted(line_at, "\n", command, sizeof(command));
	snprintf(line, sizeof(line), "prlimit --pid $$ --memlock=%lu", ADVICE);
	assert_string_equal(command, line);
	snprintf(line, sizeof(line), " - memlock %lu' >/etc/security/limits.d/rds_zc.conf\"",
		 ADVICE / 1024);
	assert_non_null(strstr(line_at, line));
	/* Users may not raise limits, nor may root in some containers. */
	if (system("/bin/sh -c '{ ulimit -l 64 && ulimit -l 65; } 2>/dev/null'")) {
		print_message("# not tried: %s\n", command);
		return;
	}
	memlock_command_works(command);
	run_doctor(argv, with_advised_memlock, text, sizeof(text));
	assert_non_null(strstr(text, "ok   memlock      16.1MiB: 16 zerocopy messages of 1 MiB"));
}

static bool family_taken;

int __real_socket(int domain, int type, int protocol);

/* The linker has socket() come here. */
int __wrap_socket(int domain, int type, int protocol)
{
	if (family_taken && domain == 18 && type == SOCK_SEQPACKET)
		return open("/dev/null", O_RDONLY);
	return __real_socket(domain, type, protocol);
}

static void take_family(void)
{
	family_taken = true;
}

static void doctor__a_taken_family(void **state)
{
	char *argv[] = { "rdszc", "doctor", "-j", NULL };
	char text[16384];

	(void)state;
	if (!access("/sys/module/rds_zc", F_OK)) {
		print_message("# not tried: the module is loaded, the number is ours\n");
		return;
	}
	run_doctor(argv, NULL, text, sizeof(text));
	assert_told(text, "family", "ok", NULL);
	assert_int_equal(run_doctor(argv, take_family, text, sizeof(text)), 1);
	assert_told(text, "family", "bad", "modprobe rds_zc family=22");
}

static void secure_boot__is_off(void **state)
{
	(void)state;
	put_variable(EFI "efivars/SecureBoot" GLOBAL, 0);
	assert_told(doctor(0), "secure-boot", "ok", NULL);
}

static void secure_boot__without_a_key(void **state)
{
	(void)state;
	take("/var/lib/dkms/mok.pub");
	assert_told(doctor(1), "mok", "bad", BUILD_AGAIN);
	take("/usr/bin/openssl");
	assert_told(doctor(1), "mok", "bad", "apt install openssl && " BUILD_AGAIN);
	put_program("/usr/bin/openssl");
	put_bytes("/usr/sbin/dkms", "mok_signing_key, generate_mok", 29, 0755);
	assert_told(doctor(1), "mok", "bad", "dkms generate_mok");
	put_program("/usr/bin/kmodsign");
	assert_told(doctor(1), "mok", "bad", "update-secureboot-policy --new-key");
}

#define MAKE_KEY "openssl req -new -x509 -newkey rsa:2048 -nodes -days 36500 -subj /CN=rds_zc/" \
	" -outform DER -keyout /var/lib/dkms/mok.key -out /var/lib/dkms/mok.pub"
#define SIGN "/lib/modules/" RELEASE "/build/scripts/sign-file sha256 /var/lib/dkms/mok.key" \
	" /var/lib/dkms/mok.pub " MODULE "  # after each build"
#define NEXT "\\u000a"	/* the next line, in JSON */

/* Debian 11: dkms 2.8 knows of no keys. */
static void secure_boot__of_an_old_dkms(void **state)
{
	char text[8192];

	(void)state;
	put_bytes("/usr/sbin/dkms", "# add build install", 19, 0755);
	put_program("/usr/bin/mokutil");
	put(MODULE, "code, longer than the words that a signature would end with");
	assert_told(doctor(1), "signature", "bad", SIGN);
	take("/var/lib/dkms/mok.pub");
	assert_told(doctor(1), "mok", "bad", MAKE_KEY NEXT SIGN NEXT
		    "mokutil --import /var/lib/dkms/mok.pub && reboot  # then: Enroll MOK");
	plain_doctor(text, sizeof(text));
	assert_non_null(strstr(text, "\n                  -> " MAKE_KEY "\n"));
	assert_non_null(strstr(text, "\n                  -> " SIGN "\n"));
	assert_non_null(strstr(text, "\n                  -> mokutil --import "));
	take("/usr/sbin/dkms");
	take("/usr/bin/mokutil");
	take("/usr/bin/apt-get");
	take(MODULE);
	assert_told(doctor(1), "mok", "bad", MAKE_KEY NEXT SIGN NEXT NOBODY_KNOWS
		    "mokutil, then: mokutil --import /var/lib/dkms/mok.pub && reboot"
		    "  # then: Enroll MOK");
}

/* Its key signs what the next build makes. */
static void secure_boot__dkms_signs(void **state)
{
	(void)state;
	put(MODULE, "code, longer than the words that a signature would end with");
	assert_told(doctor(1), "signature", "bad", BUILD_AGAIN);
	take("/usr/sbin/dkms");
	assert_told(doctor(1), "signature", "bad", SIGN);
	put_bytes("/usr/bin/dkms", DKMS_3, strlen(DKMS_3), 0755);	/* of Arch */
	assert_told(doctor(1), "signature", "bad", BUILD_AGAIN);
	take("/usr/bin/dkms");
	put_program("/usr/bin/kmodsign");	/* of Ubuntu */
	assert_told(doctor(1), "signature", "bad", BUILD_AGAIN);
}

static void secure_boot__key_is_enrolled(void **state)
{
	const char *text = doctor(0);

	(void)state;
	assert_told(text, "secure-boot", "ok", NULL);
	assert_told(text, "mok", "ok", NULL);
	assert_told(text, "lockdown", "ok", NULL);
	assert_null(strstr(text, "\"signature\""));
}

/* Kernels before 5.9 and small lists: only the variable. Ubuntu keeps its key elsewhere. */
static void secure_boot__key_is_in_a_variable(void **state)
{
	(void)state;
	take(EFI "mok-variables/MokListRT");
	put(EFI "efivars/MokListRT" SHIM, "attr" KEY);
	take("/var/lib/dkms/mok.pub");
	put("/var/lib/shim-signed/mok/MOK.der", KEY);
	assert_told(doctor(0), "mok", "ok", NULL);
}

static void secure_boot__key_is_not_enrolled(void **state)
{
	(void)state;
	put(EFI "mok-variables/MokListRT", "somebody else's");
	assert_told(doctor(1), "mok", "bad",
		    "apt install mokutil && mokutil --import /var/lib/dkms/mok.pub && reboot"
		    "  # then: Enroll MOK");
	put_program("/usr/bin/mokutil");
	assert_told(doctor(1), "mok", "bad",
		    "mokutil --import /var/lib/dkms/mok.pub && reboot  # then: Enroll MOK");
	take("/usr/bin/mokutil");
	take("/usr/bin/apt-get");
	put_program("/usr/bin/dnf");
	assert_told(doctor(1), "mok", "bad",
		    "dnf install mokutil && mokutil --import /var/lib/dkms/mok.pub && reboot"
		    "  # then: Enroll MOK");
	put(EFI "efivars/MokNew" SHIM, "attr" KEY);
	assert_told(doctor(1), "mok", "bad",
		    "reboot  # then: Enroll MOK, with the password of mokutil");
}

static void secure_boot__list_cannot_be_read(void **state)
{
	(void)state;
	take(EFI "mok-variables/MokListRT");
	put_program("/usr/bin/mokutil");
	assert_told(doctor(0), "mok", "note", "mokutil --test-key /var/lib/dkms/mok.pub");
	/* Nor the certificate. */
	put(EFI "mok-variables/MokListRT", "somebody else's");
	put("/var/lib/dkms/mok.pub", "");
	assert_told(doctor(0), "mok", "note", "mokutil --test-key /var/lib/dkms/mok.pub");
}

static void secure_boot__shim_does_not_validate(void **state)
{
	const char *text;

	(void)state;
	take("/var/lib/dkms/mok.pub");
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	put_variable(EFI "efivars/MokSBStateRT" SHIM, 1);
	text = doctor(0);
	assert_told(text, "secure-boot", "ok", NULL);
	assert_null(strstr(text, "\"mok\""));
}

static void lockdown__by_the_command_line(void **state)
{
	(void)state;
	put("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
	assert_told(doctor(1), "lockdown", "bad", "reboot  # nothing else ends it");
	put("/proc/cmdline", "root=/dev/vda1 lockdown=confidentiality ro\n");
	assert_told(doctor(1), "lockdown", "bad",
		    "sed -i 's/ *lockdown=[a-z]*//' /etc/default/grub && update-grub && reboot");
	take("/usr/bin/apt-get");
	put_program("/usr/bin/pacman");
	assert_told(doctor(1), "lockdown", "bad",
		    "sed -i 's/ *lockdown=[a-z]*//' /etc/default/grub"
		    " && grub-mkconfig -o /boot/grub/grub.cfg && reboot");
	put_program("/usr/sbin/grubby");
	assert_told(doctor(1), "lockdown", "bad",
		    "grubby --update-kernel=ALL --remove-args=lockdown && reboot");
	put("/sys/module/rds_zc/version", "1\n");
	assert_told(doctor(0), "lockdown", "ok", NULL);
}

static void sig_enforce__content(void **state)
{
	(void)state;
	put("/sys/module/module/parameters/sig_enforce", "Y\n");
	assert_told(doctor(1), "sig-enforce", "bad",
		    "apt install linux-image-amd64 && reboot");
	put("/proc/cmdline", "module.sig_enforce=1\n");
	assert_told(doctor(1), "sig-enforce", "bad",
		    "sed -i 's/ *module.sig_enforce[=1]*//' /etc/default/grub && update-grub"
		    " && reboot");
}

/* Nothing is bad about keys where the module runs. */
static void secure_boot__loaded_all_the_same(void **state)
{
	(void)state;
	put("/sys/module/rds_zc/version", "1\n");
	take("/var/lib/dkms/mok.pub");
	assert_told(doctor(0), "mok", "note", BUILD_AGAIN);
}

#define ON(machine, test) cmocka_unit_test_setup_teardown(test, machine, no_machine)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON(machine, doctor__content),
		ON(machine, doctor__nothing_to_build_with),
		ON(machine, doctor__on_fedora),
		ON(machine, doctor__on_arch),
		ON(machine, doctor__on_another_system),
		ON(machine, doctor__another_compiler),
		ON(machine, doctor__a_compiler_of_a_long_name),
		ON(machine, doctor__a_taken_port),
		ON(machine, doctor__small_limits),
		ON(machine, doctor__tcp_that_probes),
		cmocka_unit_test(doctor__little_memlock),
		cmocka_unit_test(doctor__a_taken_family),
		ON(machine, secure_boot__is_off),
		ON(secure_machine, secure_boot__without_a_key),
		ON(secure_machine, secure_boot__key_is_enrolled),
		ON(secure_machine, secure_boot__key_is_in_a_variable),
		ON(secure_machine, secure_boot__key_is_not_enrolled),
		ON(secure_machine, secure_boot__list_cannot_be_read),
		ON(secure_machine, secure_boot__of_an_old_dkms),
		ON(secure_machine, secure_boot__dkms_signs),
		ON(secure_machine, secure_boot__shim_does_not_validate),
		ON(machine, lockdown__by_the_command_line),
		ON(machine, sig_enforce__content),
		ON(secure_machine, secure_boot__loaded_all_the_same),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}

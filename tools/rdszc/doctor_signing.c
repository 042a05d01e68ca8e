// SPDX-License-Identifier: GPL-2.0
/*
 * doctor_signing.c - may an unsigned module be loaded, and if not, is ours signed with a key that
 * the machine knows?
 *
 * The firmware's variables say it all: a file of efivarfs is four bytes of attributes, then the
 * value. The shim hands its list of the machine owner's keys (MOK) to the kernel, which shows it in
 * full as mok-variables/MokListRT, without attributes. A certificate is on it if its bytes are.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#define EFI "/sys/firmware/efi"
#define GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SHIM "605dab50-e046-4300-abb6-3dd810dd8b23"
#define BIGGEST (1 << 20) /* of the files we read as a whole */

/* Where dkms keeps its key, but for Ubuntu's. */
#define PRIVATE_KEY "/var/lib/dkms/mok.key"
#define PUBLIC_KEY "/var/lib/dkms/mok.pub"

struct blob {
	unsigned char *data;
	size_t size;
};

static struct blob read_blob(const char *path)
{
	struct blob blob = { NULL, 0 };
	FILE *file = fopen(path, "re");

	if (!file)
		return blob;
	blob.data = malloc(BIGGEST);
	if (blob.data)
		blob.size = fread(blob.data, 1, BIGGEST, file);
	fclose(file);
	return blob;
}

/* The one byte that a variable of the firmware has, or -1. */
static int variable(const char *name, const char *owner)
{
	struct blob blob = read_blob(at(EFI "/efivars/%s-%s", name, owner));
	int value = blob.size == 5 ? blob.data[4] : -1;

	free(blob.data);
	return value;
}

enum secure { NO_EFI, OFF, NOT_VALIDATING, ON };

static enum secure secure_boot(void)
{
	int value = variable("SecureBoot", GLOBAL);

	if (value < 0)
		return NO_EFI;
	if (value != 1)
		return OFF;
	return variable("MokSBStateRT", SHIM) == 1 ? NOT_VALIDATING : ON;
}

/* Where dkms keeps the certificate it signs with: Debian's place, Ubuntu's. */
static const char *certificate(void)
{
	static const char * const places[] = {
		PUBLIC_KEY, "/var/lib/shim-signed/mok/MOK.der"
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		if (!access(at("%s", places[i]), F_OK))
			return places[i];
	return NULL;
}

/* 1: on the list; 0: not; -1: there is no list to be read. */
static int is_on(const char *list, const struct blob *key)
{
	struct blob blob = read_blob(list);
	int found = -1;

	if (blob.size)
		found = memmem(blob.data, blob.size, key->data, key->size) != NULL;
	free(blob.data);
	return found;
}

/* -1, too, where the certificate cannot be read. */
static int is_enrolled(const char *path)
{
	struct blob key = read_blob(at("%s", path));
	int found = -1;

	if (key.size) {
		found = is_on(at(EFI "/mok-variables/MokListRT"), &key);
		if (found < 0)
			found = is_on(at(EFI "/efivars/MokListRT-" SHIM), &key);
	}
	free(key.data);
	return found;
}

/* A signed module ends with these words. 1, 0, or -1: not there, or packed. */
static int is_signed(const char *release)
{
	static const char words[] = "~Module signature appended~\n";
	char path[512], end[sizeof(words) - 1];
	int found = -1;
	FILE *file;

	if (!module_file(release, path, sizeof(path)) || strcmp(path + strlen(path) - 3, ".ko"))
		return -1;
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (!fseek(file, -(long)sizeof(end), SEEK_END) && fread(end, sizeof(end), 1, file) == 1)
		found = !memcmp(end, words, sizeof(end));
	fclose(file);
	return found;
}

/* Something is wrong with the key or the signature: does it stop us, or is the module loaded? */
static enum verdict trouble(void)
{
	return is_loaded("rds_zc") ? NOTE : BAD;
}

/* The key of dkms has been waiting for somebody at the console since mokutil --import. */
static bool is_waiting(void)
{
	return !access(at(EFI "/efivars/MokNew-" SHIM), F_OK);
}

/* Begins a command that needs a program of a package of that name, with what brings it. */
static void with_program(char *text, size_t size, const char *name)
{
	*text = '\0';
	if (on_path(name))
		return;
	install_command(text, size - strlen(and_then()), name);
	strcat(text, and_then());
}

static void check_key(const char *key)
{
	char command[224], first[64];

	with_program(first, sizeof(first), "mokutil");

	switch (is_enrolled(key)) {
	case 1:
		tell(GOOD, "mok", NULL, "the machine knows the key of dkms (%s)", key);
		return;
	case 0:
		if (is_waiting()) {
			tell(trouble(), "mok",
			     "reboot  # then: Enroll MOK, with the password of mokutil",
			     "a key waits to be confirmed at the console");
			return;
		}
		snprintf(command, sizeof(command),
			 "%smokutil --import %s && reboot  # then: Enroll MOK", first, key);
		tell(trouble(), "mok", command, "the machine does not know the key of dkms (%s)",
		     key);
		return;
	default:
		snprintf(command, sizeof(command), "%smokutil --test-key %s", first, key);
		tell(NOTE, "mok", command,
		     "the key of dkms or the machine's list of keys cannot be read here");
	}
}

/* dkms is a script: does it know the word? */
static bool dkms_knows(const char *word)
{
	static const char * const places[] = { "/usr/sbin/dkms", "/usr/bin/dkms", "/sbin/dkms" };
	bool found = false;
	size_t i;

	for (i = 0; !found && i < ARRAY_SIZE(places); i++) {
		struct blob script = read_blob(at("%s", places[i]));

		found = script.size &&
			memmem(script.data, script.size, word, strlen(word)) != NULL;
		free(script.data);
	}
	return found;
}

/*
 * dkms signs what it builds from 3.0 on, or where kmodsign is: Ubuntu's. Without dkms, too, it is
 * to be done by hand.
 */
static bool dkms_signs(void)
{
	return on_path("kmodsign") || dkms_knows("mok_signing_key");
}

/* The path that it has in the system it is of. */
static const char *installed_module(const char *release, char *path, size_t size)
{
	size_t root = strlen(at("%s", ""));

	if (module_file(release, path, size))
		return path + root;
	snprintf(path, size, "/lib/modules/%s/updates/dkms/rds_zc.ko", release);
	return path;
}

/* The private key is where dkms 3 would have it. */
static void sign_command(char *text, size_t size, const char *release)
{
	char path[512];

	/* Each build makes another file, which nobody signs. */
	snprintf(text, size,
		 "/lib/modules/%s/build/scripts/sign-file sha256 %s %s %s"
		 "  # after each build",
		 release, PRIVATE_KEY, PUBLIC_KEY,
		 installed_module(release, path, sizeof(path)));
}

/* A build signs, and makes the key if there is none. */
static void build_command(char *text, size_t size, const char *release)
{
	char version[64];

	installed_version(release, version, sizeof(version));
	if (!*version)
		snprintf(version, sizeof(version), "%s", RDSZC_VERSION);
	snprintf(text, size,
		 "dkms build rds_zc/%s --force -k %s && dkms install rds_zc/%s --force -k %s",
		 version, release, version, release);
}

static void check_signature(const char *release)
{
	char command[1024];

	if (is_signed(release) != 0)
		return;
	if (dkms_signs())
		build_command(command, sizeof(command), release);
	else
		sign_command(command, sizeof(command), release);
	tell(trouble(), "signature", command, "the installed module is not signed");
}

/* A key of one's own, the module signed with it, and the machine told. */
static void by_hand_command(char *text, size_t size, const char *release)
{
	char sign[1024], key[64], first[64];

	sign_command(sign, sizeof(sign), release);
	with_program(key, sizeof(key), "openssl");
	with_program(first, sizeof(first), "mokutil");
	snprintf(text, size,
		 "%sopenssl req -new -x509 -newkey rsa:2048 -nodes -days 36500 -subj /CN=rds_zc/"
		 " -outform DER -keyout %s -out %s\n%s\n"
		 "%smokutil --import %s && reboot  # then: Enroll MOK",
		 key, PRIVATE_KEY, PUBLIC_KEY, sign, first, PUBLIC_KEY);
}

/* The word for a key alone is younger than signing; a build makes one, by openssl. */
static void key_command(char *text, size_t size, const char *release)
{
	with_program(text, size, "openssl");
	size -= strlen(text);
	text += strlen(text);
	if (dkms_knows("generate_mok"))
		snprintf(text, size, "dkms generate_mok");
	else
		build_command(text, size, release);
}

static void no_key(const char *release)
{
	char command[2048];

	if (on_path("kmodsign"))
		snprintf(command, sizeof(command), "update-secureboot-policy --new-key");
	else if (dkms_signs())
		key_command(command, sizeof(command), release);
	else
		by_hand_command(command, sizeof(command), release);
	tell(trouble(), "mok", command, "dkms has no key to sign modules with");
}

/* Modules must be signed: with what, does the machine know it, and are they? */
static void check_keys(const char *release)
{
	const char *key = certificate();

	if (!key) {
		no_key(release);
		return;
	}
	check_key(key);
	check_signature(release);
}

static void check_secure_boot(const char *release)
{
	switch (secure_boot()) {
	case NO_EFI:
		tell(GOOD, "secure-boot", NULL, "no EFI, so none");
		return;
	case OFF:
		tell(GOOD, "secure-boot", NULL, "is off");
		return;
	case NOT_VALIDATING:
		tell(GOOD, "secure-boot", NULL, "is on, but the shim was told not to validate");
		return;
	case ON:
		tell(GOOD, "secure-boot", NULL,
		     "is on: modules must be signed with a key that the machine knows");
		check_keys(release);
	}
}

/* "none [integrity] confidentiality": the one in brackets. With Secure Boot it is about keys. */
static void check_lockdown(void)
{
	char line[128], cmdline[4096], mode[32], command[192];

	read_line(at("/sys/kernel/security/lockdown"), line, sizeof(line));
	if (sscanf(line, "%*[^[][%31[a-z]", mode) != 1 && sscanf(line, "[%31[a-z]", mode) != 1)
		strcpy(mode, "none");
	read_line(at("/proc/cmdline"), cmdline, sizeof(cmdline));
	if (!strcmp(mode, "none")) {
		tell(GOOD, "lockdown", NULL, "is off");
	} else if (is_loaded("rds_zc")) {
		tell(GOOD, "lockdown", NULL, "is on (%s), and the module is loaded all the same",
		     mode);
	} else if (secure_boot() == ON) {
		tell(GOOD, "lockdown", NULL, "is on (%s), with Secure Boot: it takes the same keys",
		     mode);
	} else if (strstr(cmdline, "lockdown=")) {
		without_argument(command, sizeof(command), "lockdown", "=[a-z]*");
		tell(BAD, "lockdown", command,
		     "is on (%s) by the command line: only the distribution's modules load", mode);
	} else {
		tell(BAD, "lockdown", "reboot  # nothing else ends it",
		     "is on (%s), set while running: only the distribution's modules load", mode);
	}
}

/* module.sig_enforce= or CONFIG_MODULE_SIG_FORCE; keys of the owner come with Secure Boot only. */
static void check_enforced(void)
{
	char line[16], cmdline[4096], command[192];

	read_line(at("/sys/module/module/parameters/sig_enforce"), line, sizeof(line));
	if (*line != 'Y' || is_loaded("rds_zc"))
		return;
	read_line(at("/proc/cmdline"), cmdline, sizeof(cmdline));
	if (secure_boot() == ON) {
		tell(GOOD, "sig-enforce", NULL, "is on, with Secure Boot: it takes the same keys");
	} else if (strstr(cmdline, "module.sig_enforce")) {
		without_argument(command, sizeof(command), "module.sig_enforce", "[=1]*");
		tell(BAD, "sig-enforce", command,
		     "is on by the command line: only the distribution's modules load");
	} else {
		kernel_command(command, sizeof(command));
		tell(BAD, "sig-enforce", command,
		     "is built into this kernel (CONFIG_MODULE_SIG_FORCE): only the distribution's"
		     " modules load");
	}
}

void check_signing(const char *release)
{
	check_secure_boot(release);
	check_lockdown();
	check_enforced();
}

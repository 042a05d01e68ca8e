// SPDX-License-Identifier: GPL-2.0
/*
 * doctor_words.c - the commands of this distribution, which is known by its package manager: apt,
 * dnf or pacman. Elsewhere nobody knows them, and a comment says so.
 */
#include <string.h>

#include "doctor.h"

/* What a package manager calls things. */
struct words {
	const char *program;
	const char *install;
	const char *headers;	/* of a kernel release, after install; %s */
	const char *module;	/* our package, where make puts it */
	const char *kernel;	/* of the distribution */
	const char *grub;	/* writes what the command line is made of */
};

static const struct words known[] = {
	{
		.program = "apt-get",
		.install = "apt install",
		.headers = "linux-headers-%s",
		.module = "apt install ./build/deb/rds-zc-dkms_*.deb",
		.kernel = "linux-image-amd64",
		.grub = "update-grub",
	}, {
		.program = "dnf",
		.install = "dnf install",
		.headers = "kernel-devel-%s",
		.module = "dnf install ./build/rpm/rds_zc-dkms-*.rpm",
		.kernel = "kernel",
		.grub = "grub2-mkconfig -o /boot/grub2/grub.cfg",
	}, {
		.program = "pacman",
		.install = "pacman -S",
		.module = "pacman -U build/arch/rds_zc-dkms-*.pkg.tar.xz",
		.kernel = "linux",
		.grub = "grub-mkconfig -o /boot/grub/grub.cfg",
	}, {
		.install = "# no apt, dnf or pacman here: install",
		.headers = "the headers of kernel %s",
		.module = "make dkms-install && dkms install rds_zc/" RDSZC_VERSION,
		.kernel = "another kernel",
		.grub = "update-grub",
	}
};

static const struct words *words(void)
{
	const struct words *w = known;

	while (w->program && !on_path(w->program))
		w++;
	return w;
}

/* Between two commands; nothing can follow a comment but words. */
const char *and_then(void)
{
	return words()->program ? " && " : ", then: ";
}

void install_command(char *text, size_t size, const char *package)
{
	snprintf(text, size, "%s %s", words()->install, package);
}

/* Arch has one package for each of its kernels, whose kind is the last word of the release. */
static void arch_headers(const char *release, char *text, size_t size)
{
	static const char * const kinds[] = { "lts", "zen", "hardened", "rt" };
	const char *last = strrchr(release, '-');
	size_t i;

	snprintf(text, size, "linux-headers");
	for (i = 0; last && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(last + 1, kinds[i]))
			snprintf(text, size, "linux-%s-headers", kinds[i]);
}

void headers_command(char *text, size_t size, const char *release)
{
	const struct words *w = words();
	char package[192];

	if (w->headers)
		snprintf(package, sizeof(package), w->headers, release);
	else
		arch_headers(release, package, sizeof(package));
	install_command(text, size, package);
}

/* Only Debian and those after it have packages for each version of gcc. */
void compiler_command(char *text, size_t size, const char *name)
{
	char package[80];

	snprintf(package, sizeof(package), "%s", name);
	if (strcmp(words()->install, "apt install"))
		package[strcspn(package, "-")] = '\0';
	install_command(text, size, package);
}

const char *module_command(void)
{
	return words()->module;
}

void kernel_command(char *text, size_t size)
{
	snprintf(text, size, "%s %s%sreboot", words()->install, words()->kernel, and_then());
}

void without_argument(char *text, size_t size, const char *name, const char *value)
{
	if (on_path("grubby"))
		snprintf(text, size, "grubby --update-kernel=ALL --remove-args=%s && reboot", name);
	else
		snprintf(text, size, "sed -i 's/ *%s%s//' /etc/default/grub && %s && reboot", name,
			 value, words()->grub);
}

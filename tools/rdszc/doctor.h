/* SPDX-License-Identifier: GPL-2.0 */
/*
 * doctor.h - what the files of rdszc doctor share.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "rdszc.h"

enum verdict { GOOD, NOTE, BAD };

/* One finding; the command is what comes next, NULL where nothing has to. */
void tell(enum verdict verdict, const char *check, const char *command, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The path of a file below the root; good until the fourth call after this. */
const char *at(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* First line of a file without its end, or "". */
const char *read_line(const char *path, char *line, size_t size);
bool on_path(const char *program);
bool is_loaded(const char *module);

/* Where modprobe finds ours. */
bool module_file(const char *release, char *path, size_t size);

/* The version of that, or "" where it cannot be told. */
void installed_version(const char *release, char *version, size_t size);

/*
 * doctor_words.c: how this distribution installs a package, the headers of a kernel, a compiler by
 * the name that the kernel's configuration has, our module, a kernel of its own; and how an
 * argument, with what may follow its name, goes from the kernel's command line. and_then() goes
 * between an installation and what comes after it.
 */
const char *and_then(void);
void install_command(char *text, size_t size, const char *package);
void headers_command(char *text, size_t size, const char *release);
void compiler_command(char *text, size_t size, const char *name);
const char *module_command(void);
void kernel_command(char *text, size_t size);
void without_argument(char *text, size_t size, const char *name, const char *value);

/* doctor_signing.c: Secure Boot, the machine owner's key, lockdown, enforced signatures. */
void check_signing(const char *release);

#endif

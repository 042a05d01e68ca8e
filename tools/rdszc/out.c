// SPDX-License-Identifier: GPL-2.0
/*
 * out.c - what people see and what programs read.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rdszc.h"

#define COLUMNS		32
#define CELL		80	/* all flags of a socket take 67 */

struct settings settings;

/* ---- options that every command has ---- */

enum { OPTION_COLOR = 0x500 };

static const struct argp_option common_list[] = {
	{ "json", 'j', NULL, 0, "JSON, one object a line", -1 },
	{ "color", OPTION_COLOR, "WHEN", 0, "always, never, or auto: only on a terminal", -1 },
	{ 0 }
};

static error_t common_parse(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		settings.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
		return 0;
	case 'j':
		settings.json = true;
		return 0;
	case OPTION_COLOR:
		if (!strcmp(argument, "always"))
			settings.color = true;
		else if (!strcmp(argument, "never"))
			settings.color = false;
		else if (strcmp(argument, "auto"))
			argp_error(state, "--color takes always, never or auto");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp common = { common_list, common_parse, NULL, NULL, NULL, NULL, NULL };

struct argp_child common_options[] = { { &common, 0, NULL, 0 }, { 0 } };

/* ---- faults ---- */

void warn(const char *format, ...)
{
	va_list list;

	progress_clear();
	fputs("rdszc: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

void die(int status, const char *format, ...)
{
	va_list list;

	progress_clear();
	fflush(stdout);
	fputs("rdszc: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(status);
}

int exit_status(int error)
{
	return error == EPERM || error == EACCES ? EXIT_DENIED : EXIT_SYSTEM;
}

/* ---- colours ---- */

const char *paint(const char *color, const char *text)
{
	static char ring[8][CELL * 4];
	static unsigned int next;
	char *out = ring[next++ % ARRAY_SIZE(ring)];

	if (!settings.color || settings.json)
		return text;
	snprintf(out, sizeof(ring[0]), "\033[%sm%s\033[0m", color, text);
	return out;
}

/* ---- JSON ---- */

static bool json_first;

/* Bytes of the character at text, which is no ASCII; 0 if it is not well-formed UTF-8. */
static int utf8_length(const unsigned char *text)
{
	int length = *text < 0xc2 ? 0 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : *text < 0xf5 ? 4 : 0;
	int i;

	/* No longer than need be, no surrogates, nothing over U+10FFFF. */
	if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) ||
	    (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
		return 0;
	for (i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static void json_string(const char *text)
{
	putchar('"');
	while (*text) {
		unsigned char c = *text;
		int length = c < 0x80 ? 1 : utf8_length((const unsigned char *)text);

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else if (!length)
			fputs("\\ufffd", stdout);
		else
			fwrite(text, 1, length, stdout);
		text += length ? length : 1;
	}
	putchar('"');
}

static void json_key(const char *key)
{
	if (!json_first)
		putchar(',');
	json_first = false;
	json_string(key);
	putchar(':');
}

void json_begin(void)
{
	putchar('{');
	json_first = true;
}

void json_text(const char *key, const char *value)
{
	json_key(key);
	json_string(value);
}

void json_number(const char *key, uint64_t value)
{
	json_key(key);
	printf("%llu", (unsigned long long)value);
}

void json_signed(const char *key, int64_t value)
{
	json_key(key);
	printf("%lld", (long long)value);
}

void json_real(const char *key, double value)
{
	json_key(key);
	printf("%.3f", value);
}

void json_time(const char *key, uint64_t seconds, uint32_t ns)
{
	json_key(key);
	printf("%llu.%09u", (unsigned long long)seconds, ns);
}

void json_bool(const char *key, bool value)
{
	json_key(key);
	fputs(value ? "true" : "false", stdout);
}

void json_end(void)
{
	puts("}");
	fflush(stdout);
}

/* ---- records ---- */

struct row {
	struct row *next;
	char cells[COLUMNS][CELL];
};

static struct row *rows, **rows_tail = &rows, *row;
static const char *titles[COLUMNS];
static size_t columns, at;

void record_begin(void)
{
	if (settings.json) {
		json_begin();
		return;
	}
	row = calloc(1, sizeof(*row));
	if (!row)
		die(EXIT_SYSTEM, "out of memory");
	at = 0;
}

static void cell(const char *title, const char *text)
{
	if (!title || at == COLUMNS)
		return;
	titles[at] = title;
	snprintf(row->cells[at], CELL, "%s", *text ? text : "-");
	at++;
	if (at > columns)
		columns = at;
}

void record_text(const char *key, const char *title, const char *value)
{
	if (settings.json)
		json_text(key, value);
	else
		cell(title, value);
}

void record_number(const char *key, const char *title, uint64_t value)
{
	char text[32];

	if (settings.json) {
		json_number(key, value);
		return;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	cell(title, text);
}

void record_signed(const char *key, const char *title, int64_t value)
{
	char text[32];

	if (settings.json) {
		json_signed(key, value);
		return;
	}
	snprintf(text, sizeof(text), "%lld", (long long)value);
	cell(title, text);
}

void record_bool(const char *key, const char *title, bool value)
{
	if (settings.json)
		json_bool(key, value);
	else
		cell(title, value ? "yes" : "no");
}

void record_end(void)
{
	if (settings.json) {
		json_end();
		return;
	}
	*rows_tail = row;
	rows_tail = &row->next;
}

static const char *state_color(const char *text)
{
	if (!strcmp(text, "up"))
		return GREEN;
	if (!strcmp(text, "down"))
		return RED;
	return !strcmp(text, "connecting") || !strcmp(text, "disconnecting") ? YELLOW : NULL;
}

static void print_cells(char (*cells)[CELL], const size_t *widths, const char *color)
{
	size_t i;

	for (i = 0; i < columns; i++) {
		const char *own = color ? color : state_color(cells[i]);
		int pad = i + 1 < columns ? (int)(widths[i] - strlen(cells[i]) + 2) : 0;

		printf("%s%*s", own ? paint(own, cells[i]) : cells[i], pad, "");
	}
	putchar('\n');
}

void records_end(void)
{
	char head[COLUMNS][CELL] = { 0 };
	size_t widths[COLUMNS] = { 0 };
	struct row *r;
	size_t i;

	if (settings.json || !rows)
		return;
	for (i = 0; i < columns; i++) {
		snprintf(head[i], CELL, "%s", titles[i]);
		widths[i] = strlen(head[i]);
	}
	for (r = rows; r; r = r->next)
		for (i = 0; i < columns; i++)
			if (strlen(r->cells[i]) > widths[i])
				widths[i] = strlen(r->cells[i]);
	print_cells(head, widths, BOLD);
	while ((r = rows)) {
		print_cells(r->cells, widths, NULL);
		rows = r->next;
		free(r);
	}
	rows_tail = &rows;
	columns = 0;
}

/* ---- progress ---- */

static bool progress_shown;

void progress(const char *format, ...)
{
	va_list list;

	if (settings.json || !isatty(STDERR_FILENO))
		return;
	fputs("\r\033[K", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fflush(stderr);
	progress_shown = true;
}

void progress_clear(void)
{
	if (!progress_shown)
		return;
	fputs("\r\033[K", stderr);
	progress_shown = false;
}

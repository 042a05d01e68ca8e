/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rdszc.h - what the files of the tool share.
 *
 * nl.c talks to the kernel, out.c to people and programs; each command is a file or a function that
 * gets its own argument vector and returns the exit status.
 */
#ifndef RDSZC_H
#define RDSZC_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include <linux/rds.h>
#include <linux/rds_zc.h>
#include <linux/rds_zc_netlink.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Exit status; the manual page lists them. */
enum {
	EXIT_OK,
	EXIT_FAULT,		/* what was looked for is wrong: lost pings, a fault under stress */
	EXIT_USAGE,
	EXIT_NO_MODULE,		/* rds_zc is not loaded, or too old */
	EXIT_DENIED,
	EXIT_SYSTEM,		/* any other error of the system */
};

/* ---- out.c ---- */

struct settings {
	bool json;
	bool color;
};

extern struct settings settings;
extern struct argp_child common_options[];

void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
int exit_status(int error);

/*
 * A record is one line: a JSON object, or a row of a table. A field with a title is a column; one
 * without (NULL) is shown in JSON only. Rows are kept until records_end() to find the widths.
 */
void record_begin(void);
void record_text(const char *key, const char *title, const char *value);
void record_number(const char *key, const char *title, uint64_t value);
void record_signed(const char *key, const char *title, int64_t value);
void record_bool(const char *key, const char *title, bool value);
void record_end(void);
void records_end(void);

/* One object written by hand, for streams: prints at once. */
void json_begin(void);
void json_text(const char *key, const char *value);
void json_number(const char *key, uint64_t value);
void json_signed(const char *key, int64_t value);
void json_real(const char *key, double value);	/* to a thousandth */
void json_time(const char *key, uint64_t seconds, uint32_t ns);
void json_bool(const char *key, bool value);
void json_end(void);

const char *paint(const char *color, const char *text);
#define RED	"31"
#define GREEN	"32"
#define YELLOW	"33"
#define BOLD	"1"

/* Rewrites one line on a terminal; nothing elsewhere, nor with -j. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_clear(void);

/* ---- nl.c ---- */

struct nl {
	struct mnl_socket *socket;
	uint32_t portid;
	uint32_t sequence;
	uint16_t family;
	uint32_t group_paths, group_congestion;
};

struct attrs {
	const struct nlattr *list[64];
};

void nl_open(struct nl *nl);
void nl_close(struct nl *nl);

struct nlmsghdr *nl_request(struct nl *nl, char *buffer, uint8_t command, uint16_t flags);

/*
 * Sends a request and calls row() for each entry of the answer. A dump that the kernel calls
 * inconsistent is asked for again, a few times. Ends the program on an error.
 */
void nl_dump(struct nl *nl, struct nlmsghdr *request,
	     void (*row)(const struct attrs *attrs, void *arg), void *arg);

void nl_join(struct nl *nl, uint32_t group);
/* Waits for one event; false when the time (ms, -1: none) is over. */
bool nl_event(struct nl *nl, int timeout, uint8_t *command, struct attrs *attrs);

bool attr_has(const struct attrs *attrs, int type);
uint64_t attr_number(const struct attrs *attrs, int type);
const char *attr_text(const struct attrs *attrs, int type);
const char *attr_address(const struct attrs *attrs, int type);
bool attr_is_address(const struct attrs *attrs, int type, const uint8_t *bytes, size_t length);

/* ---- rds.c ---- */

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

/* From ADDR, ADDR:PORT or [ADDR]:PORT, with %interface; ends the program if it is none. */
union address address_parse(const char *text, uint16_t port);
const char *address_text(const union address *address, bool with_port);
socklen_t address_length(const union address *address);
uint16_t address_port(const union address *address);
void address_set_port(union address *address, uint16_t port);
/* As the netlink attribute wants it; returns the length. */
size_t address_bytes(const union address *address, uint8_t bytes[16]);
/* Could it be the one of that scope? One without an interface is of each. */
bool address_in_scope(const union address *wanted, uint64_t scope);
/* Our address towards a destination. */
union address address_towards(const union address *to);

/* The number for socket(); the parameter of the loaded module, or the default. */
int rds_family(void);
int rds_socket(const union address *local);

uint64_t now_ns(void);
void sleep_seconds(double seconds);
uint64_t number_parse(const char *text, const char *what, uint64_t low, uint64_t high);
double seconds_parse(const char *text, const char *what);
const char *bytes_text(uint64_t bytes);
const char *time_text(uint64_t ns);
extern volatile bool interrupted;
void catch_interrupts(void);
void catch_all_endings(void);

/* ---- names.c: words for the numbers of <linux/rds_zc_netlink.h> ---- */

#define PATH_STATES 4
#define PATH_REASONS 13
#define TRANSPORTS 3

extern const char * const path_states[PATH_STATES];
extern const char * const path_reasons[PATH_REASONS];
extern const char * const transports[TRANSPORTS];

/* The word for a number, "?" for one that a newer module has. */
const char *name_in(const char * const *names, size_t count, uint64_t number);

/* ---- commands ---- */

int command_sockets(int argc, char **argv);
int command_conns(int argc, char **argv);
int command_paths(int argc, char **argv);
int command_messages(int argc, char **argv);
int command_info(int argc, char **argv);
int command_stats(int argc, char **argv);
int command_hist(int argc, char **argv);
int command_monitor(int argc, char **argv);
int command_ping(int argc, char **argv);
int command_stress(int argc, char **argv);
int command_trace(int argc, char **argv);
int command_doctor(int argc, char **argv);

#endif

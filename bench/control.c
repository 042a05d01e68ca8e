// SPDX-License-Identifier: GPL-2.0
/*
 * The two sides of a run, and what they tell each other over the control connection:
 *
 *   client                 server
 *   struct spec     ->
 *                   <-     1 once its sockets are there (0: failed)
 *   (finds lanes, connects)
 *   'r'             ->     starts its workers ('x': no connection, the run is over)
 *                   <-     1
 *   'm'             ->     the warm-up is over, count from here
 *                   <-     1
 *   'e'             ->     ends
 *                   <-     struct figures
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

struct side {
	struct spec spec;
	struct worker workers[MAX_THREADS];
	struct conn *conns[MAX_SOCKETS];
	struct figures start;
	uint64_t marked_at;
};

/* ---- both sides ---- */

static struct side *side_new(const struct spec *spec, bool server)
{
	struct side *s = calloc(1, sizeof(*s));
	uint32_t i;

	s->spec = *spec;
	stop_sending = stop_now = false;
	for (i = 0; i < spec->threads; i++) {
		s->workers[i].spec = &s->spec;
		s->workers[i].server = server;
		if (by_uring(spec))
			s->workers[i].uring = uring_new(1024, spec->pool);
	}
	for (i = 0; i < spec->sockets; i++) {
		struct worker *w = &s->workers[i % spec->threads];

		s->conns[i] = conn_new(w, i);
		w->conns[w->nr_conns++] = s->conns[i];
	}
	for (i = 0; spec->reaping == REAP_FIXED && i < spec->threads; i++)
		if (s->workers[i].uring &&
		    uring_register(s->workers[i].uring, s->workers[i].conns,
				   s->workers[i].nr_conns))
			exit(1);
	return s;
}

static void side_free(struct side *s)
{
	uint32_t i;

	for (i = 0; i < s->spec.sockets; i++)
		conn_free(s->conns[i]);
	for (i = 0; i < s->spec.threads; i++) {
		uring_free(s->workers[i].uring);
		free(s->workers[i].rtt.v);
		free(s->workers[i].reuse.v);
		free(s->workers[i].send.v);
	}
	free(s);
}

static bool side_start(struct side *s)
{
	uint32_t i;

	for (i = 0; i < s->spec.threads; i++)
		if (pthread_create(&s->workers[i].thread, NULL, worker_run, &s->workers[i]))
			return false;
	return true;
}

static void side_mark(struct side *s)
{
	s->marked_at = now_ns();
	counting_era++;
	usage_read(&s->spec, &s->start);
}

/*
 * Waits for the workers; returns their error, or NULL. Those of the server have nothing more to do,
 * but wake up to see that only after a while, which is not theirs to be counted.
 */
static const char *side_end(struct side *s, struct figures *f)
{
	const bool server = s->workers[0].server;
	const char *error = NULL;
	uint32_t i;

	if (server)
		usage_since(&s->spec, &s->start, f);
	for (i = 0; i < s->spec.threads; i++)
		pthread_join(s->workers[i].thread, NULL);
	if (!server)
		usage_since(&s->spec, &s->start, f);
	for (i = 0; i < s->spec.threads; i++) {
		figures_add(f, &s->workers[i].f);
		if (s->workers[i].error)
			error = s->workers[i].error;
	}
	socket_buffers(s->conns[0]->fd, f);
	return error;
}

/* ---- server ---- */

/* Its sockets, and those of the client connected to them; the client knows whether it worked. */
static bool server_ready(int fd, struct side *s, const char *local)
{
	int listener = server_open(&s->spec, local, s->conns);
	bool good;

	control_put_byte(fd, listener >= 0);
	if (listener < 0)
		return false;
	good = !server_accept(&s->spec, fd, listener, s->conns);
	if (!control_get_byte(fd, 'r'))
		return false;
	if (!good)
		control_put_byte(fd, 0);
	else
		lanes_drain(&s->spec, s->conns);
	return good;
}

static void serve_run(int fd, struct side *s, const char *local)
{
	struct figures f = {};
	const char *error;

	if (!server_ready(fd, s, local))
		return;
	if (!side_start(s))
		exit(1);
	side_mark(s);
	control_put_byte(fd, 1);
	control_patience(fd, s->spec.ms + s->spec.warmup_ms);
	if (control_get_byte(fd, 'm')) {
		side_mark(s);
		control_put_byte(fd, 1);
		control_get_byte(fd, 'e');
	}
	stop_now = true;
	error = side_end(s, &f);
	if (error)
		fprintf(stderr, "server: %s\n", error);
	control_put(fd, &f, sizeof(f));
}

/* The runs of one client program, one after the other. */
void bench_serve(int fd, const char *local)
{
	struct spec spec;

	while (control_get(fd, &spec, sizeof(spec))) {
		struct side *s = side_new(&spec, true);

		serve_run(fd, s, local);
		side_free(s);
	}
}

/* ---- client ---- */

static const char *client_run(int fd, struct side *s, const char *local, struct outcome *o)
{
	struct lanes *lanes;
	const char *error;
	uint64_t last = 0;
	uint32_t i;

	control_put_byte(fd, 'r');
	if (!control_get_byte(fd, 1) || !side_start(s))
		return "the server is gone";
	sleep_ms(s->spec.warmup_ms);
	lanes = lanes_before(&s->spec, local);
	control_put_byte(fd, 'm');
	control_get_byte(fd, 1);
	side_mark(s);
	sleep_ms(s->spec.ms);
	stop_sending = true;
	error = side_end(s, &o->client);
	control_put_byte(fd, 'e');
	if (!control_get(fd, &o->server, sizeof(o->server)))
		error = "the server is gone";
	lanes_since(&s->spec, local, lanes, o);
	for (i = 0; i < s->spec.threads; i++) {
		if (s->workers[i].last_at > last)
			last = s->workers[i].last_at;
		samples_merge(&o->rtt, &s->workers[i].rtt);
		samples_merge(&o->reuse, &s->workers[i].reuse);
		samples_merge(&o->send, &s->workers[i].send);
	}
	/* Not to when the last buffer was back, nor to when this thread was told. */
	o->elapsed_ns = last > s->marked_at ? last - s->marked_at : 0;
	samples_sort(&o->rtt);
	samples_sort(&o->reuse);
	samples_sort(&o->send);
	return error;
}

int control_run(int fd, const struct spec *spec, const char *local, const char *peer,
		struct outcome *o)
{
	const char *error = "the server could not open its sockets";
	struct side *s = side_new(spec, false);

	memset(o, 0, sizeof(*o));
	if (control_put(fd, spec, sizeof(*spec)) && control_get_byte(fd, 1)) {
		error = "no connection";
		if (lanes_choose(spec, local, peer) && !client_open(spec, local, peer, s->conns))
			error = client_run(fd, s, local, o);
		else
			control_put_byte(fd, 'x');
	}
	if (!error && o->client.corrupt + o->server.corrupt)
		error = "contents, order or cookies were wrong";
	if (error)
		fprintf(stderr, "%s: %s\n", proto_names[spec->proto], error);
	side_free(s);
	return error ? -1 : 0;
}

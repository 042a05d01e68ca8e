// SPDX-License-Identifier: GPL-2.0
/* The two sides of a run, over a control connection: the same steps as those of rdsz-bench. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kv.h"

struct kv_side {
	struct kv_spec spec;
	struct kv_worker workers[KV_WORKERS];
	uint32_t nr_workers;
	struct figures start;
	uint64_t marked_at;
};

/* Besides its spare blocks a worker has those that it stores, and one a socket to receive into. */
static uint32_t blocks(const struct kv_spec *spec, bool server)
{
	uint32_t clients = (spec->clients + spec->workers - 1) / spec->workers;

	return spec->spare + (server ? clients * spec->keys + clients : 1);
}

static struct kv_side *side_new(const struct kv_spec *spec, bool server)
{
	struct kv_side *s = calloc(1, sizeof(*s));
	uint32_t i;

	s->spec = *spec;
	s->nr_workers = server ? spec->workers : spec->clients;
	stop_sending = stop_now = false;
	for (i = 0; i < s->nr_workers; i++) {
		struct kv_worker *w = &s->workers[i];

		w->spec = &s->spec;
		w->index = i;
		w->server = server;
		w->random = 2463534242u + i * 7919;
		w->era = counting_era;
		pool_make(&w->pool, blocks(spec, server), spec->high);
		slots_make(w);
		if (server && !store_make(w))
			abort();
	}
	return s;
}

static void side_free(struct kv_side *s)
{
	uint32_t i, j;

	for (i = 0; i < s->nr_workers; i++) {
		struct kv_worker *w = &s->workers[i];

		for (j = 0; j < w->nr_links; j++)
			link_close(&w->links[j]);
		pool_free(&w->pool, s->spec.high);
		store_free(w);
		free(w->latency.v);
	}
	free(s);
}

static int add_link(struct kv_worker *w, int fd)
{
	if (fd < 0 || socket_prepare(&w->spec->io, fd))
		return -1;
	return link_open(&w->links[w->nr_links++], w, fd);
}

static void side_start(struct kv_side *s)
{
	uint32_t i;

	for (i = 0; i < s->nr_workers; i++)
		if (pthread_create(&s->workers[i].thread, NULL, kv_worker_run, &s->workers[i]))
			abort();
}

static void side_mark(struct kv_side *s)
{
	s->marked_at = now_ns();
	counting_era++;
	usage_read(&s->spec.io, &s->start);
}

static void add(struct kv_figures *to, const struct kv_figures *from)
{
	uint64_t most = to->most_used > from->most_used ? to->most_used : from->most_used;

	figures_add(&to->f, &from->f);
	to->reads += from->reads;
	to->writes += from->writes;
	to->waits_slot += from->waits_slot;
	to->waits_block += from->waits_block;
	to->most_used = most;
}

static const char *side_end(struct kv_side *s, struct kv_figures *f)
{
	const bool server = s->workers[0].server;
	const char *error = NULL;
	uint32_t i;

	if (server)
		usage_since(&s->spec.io, &s->start, &f->f);
	for (i = 0; i < s->nr_workers; i++)
		pthread_join(s->workers[i].thread, NULL);
	if (!server)
		usage_since(&s->spec.io, &s->start, &f->f);
	for (i = 0; i < s->nr_workers; i++) {
		add(f, &s->workers[i].f);
		if (s->workers[i].error)
			error = s->workers[i].error;
	}
	socket_buffers(s->workers[0].links[0].fd, &f->f);
	return error;
}

/* ---- server ---- */

static int open_sockets(struct kv_side *s, const char *local)
{
	const struct spec *io = &s->spec.io;
	uint32_t i;

	for (i = 0; i < s->nr_workers; i++)
		if (add_link(&s->workers[i], socket_bound(io, local, io->port + 1 + i)))
			return -1;
	return 0;
}

static int accept_all(struct kv_side *s, int control, int listener)
{
	uint32_t i;

	for (i = 0; i < s->spec.clients; i++)
		if (add_link(&s->workers[i % s->nr_workers], control_accept_one(control, listener)))
			return -1;
	return 0;
}

/* Its sockets, and those of the client connected to them; the client knows whether it worked. */
static bool server_ready(int fd, struct kv_side *s, const char *local)
{
	const bool tcp = socket_connected(&s->spec.io);
	int listener = tcp ? socket_bound(&s->spec.io, local, s->spec.io.port + 1) : -1;
	bool there = tcp ? listener >= 0 && !listen(listener, KV_WORKERS) : !open_sockets(s, local);
	bool good = there;

	control_put_byte(fd, there);
	if (there && tcp)
		good = !accept_all(s, fd, listener);
	if (listener >= 0)
		close(listener);
	if (!there || !control_get_byte(fd, 'r'))
		return false;
	if (!good)
		control_put_byte(fd, 0);
	return good;
}

static void serve_run(int fd, struct kv_side *s, const char *local)
{
	struct kv_figures f = {};
	const char *error;

	if (!server_ready(fd, s, local))
		return;
	side_start(s);
	control_put_byte(fd, 1);
	control_patience(fd, s->spec.io.ms + s->spec.io.warmup_ms);
	control_get_byte(fd, 'm');
	side_mark(s);
	control_put_byte(fd, 1);
	control_get_byte(fd, 'e');
	stop_now = true;
	error = side_end(s, &f);
	if (error)
		fprintf(stderr, "server: %s\n", error);
	control_put(fd, &f, sizeof(f));
}

/* The runs of one client program, one after the other. */
void kv_serve(int fd, const char *local)
{
	struct kv_spec spec;

	while (control_get(fd, &spec, sizeof(spec))) {
		struct kv_side *s = side_new(&spec, true);

		serve_run(fd, s, local);
		side_free(s);
	}
}

/* ---- client ---- */

static int connect_all(struct kv_side *s, const char *local, const char *peer)
{
	const struct spec *io = &s->spec.io;
	const bool tcp = socket_connected(io);
	uint32_t i;

	for (i = 0; i < s->nr_workers; i++) {
		struct kv_worker *w = &s->workers[i];
		uint16_t port = io->port + 1 + (tcp ? 0 : i % s->spec.workers);

		w->peer_len = socket_address(io, peer, port, &w->peer);
		if (add_link(w, tcp ? socket_new(io) : client_bound(io, local, i)))
			return -1;
		if (tcp && connect(w->links[0].fd, (struct sockaddr *)&w->peer, w->peer_len)) {
			perror("connect");
			return -1;
		}
	}
	return 0;
}

static const char *client_run(int fd, struct kv_side *s, struct kv_outcome *o)
{
	const char *error;
	uint64_t last = 0;
	uint32_t i;

	control_put_byte(fd, 'r');
	if (!control_get_byte(fd, 1))
		return "the server is gone";
	side_start(s);
	sleep_ms(s->spec.io.warmup_ms);
	control_put_byte(fd, 'm');
	control_get_byte(fd, 1);
	side_mark(s);
	sleep_ms(s->spec.io.ms);
	stop_sending = true;
	error = side_end(s, &o->client);
	control_put_byte(fd, 'e');
	if (!control_get(fd, &o->server, sizeof(o->server)))
		error = "the server is gone";
	for (i = 0; i < s->nr_workers; i++) {
		if (s->workers[i].last_at > last)
			last = s->workers[i].last_at;
		samples_merge(&o->latency, &s->workers[i].latency);
	}
	o->elapsed_ns = last > s->marked_at ? last - s->marked_at : 0;
	samples_sort(&o->latency);
	return error;
}

int kv_run(int fd, const struct kv_spec *spec, const char *local, const char *peer,
	   struct kv_outcome *o)
{
	const char *error = "the server could not open its sockets";
	struct kv_side *s = side_new(spec, false);

	memset(o, 0, sizeof(*o));
	if (control_put(fd, spec, sizeof(*spec)) && control_get_byte(fd, 1)) {
		error = "no connection";
		if (!connect_all(s, local, peer))
			error = client_run(fd, s, o);
		else
			control_put_byte(fd, 'x');
	}
	if (!error && o->client.f.corrupt + o->server.f.corrupt)
		error = "contents, versions or cookies were wrong";
	if (error)
		fprintf(stderr, "%s: %s\n", proto_names[spec->io.proto], error);
	side_free(s);
	return error ? -1 : 0;
}

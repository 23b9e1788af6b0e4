// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "guest.h"
#include "kernel_events.h"
#include "link.h"
#include "listen.h"
#include "log.h"

/* Everything is looked at so often even if no event tells to, seconds. */
#define REFRESH_S	30
/* The same while an address cannot be listened on. */
#define RETRY_S		1

static void take_addresses(struct daemon *daemon, const struct kernel_resource *resource,
			   const struct config *config)
{
	const struct config_node *own = config_node_by_id(config, resource->node_id);
	struct link *link;

	for (unsigned int i = 0; i < resource->n_peers; i++) {
		const struct config_node *peer =
			config_node_by_id(config, resource->peers[i].id);

		link = link_find(daemon, resource->name, resource->peers[i].id);
		if (!link)
			continue;
		if (!own || !peer)
			log_change(link->label, "no section for it, or for this node, in the file");
		link_addresses(link, own ? &own->address : NULL, peer ? &peer->address : NULL);
	}
}

/* The addresses of a resource; where the file is bad, those known stay. */
static void read_config(struct daemon *daemon, const struct kernel_resource *resource)
{
	struct config *config = calloc(1, sizeof(*config));
	struct why why;

	if (!config)
		return;
	if (config_load(daemon->config_dir, resource->name, config, &why)) {
		log_change(resource->name, why.text);
	} else if (memcmp(config->uuid, resource->uuid, sizeof(config->uuid))) {
		log_change(resource->name, "its uuid in the file is not the one that is up");
	} else {
		log_change(resource->name, NULL);
		take_addresses(daemon, resource, config);
	}
	free(config);
}

static void refresh_resource(struct daemon *daemon, const struct kernel_resource *resource)
{
	struct link *link;

	for (unsigned int i = 0; i < resource->n_peers; i++) {
		const struct kernel_peer *peer = &resource->peers[i];

		link = link_find(daemon, resource->name, peer->id);
		if (!link)
			link = link_new(daemon, resource->name, peer);
		if (!link)
			continue;
		link->seen = true;
		link->own_id = resource->node_id;
		memcpy(link->uuid, resource->uuid, sizeof(link->uuid));
	}
	read_config(daemon, resource);
	for (unsigned int i = 0; i < resource->n_peers; i++) {
		link = link_find(daemon, resource->name, resource->peers[i].id);
		if (link)
			link_update(link, resource->peers[i].connection);
	}
}

static void sweep_links(struct daemon *daemon)
{
	struct link *link = TAILQ_FIRST(&daemon->links), *next;

	for (; link; link = next) {
		next = TAILQ_NEXT(link, list);
		if (link->seen)
			continue;
		guest_drop(daemon, link);
		link_free(link);
	}
}

static void add_hosts(struct daemon *daemon, const struct config *config,
		      const struct config_node *own)
{
	for (unsigned int i = 0; i < config->n_nodes; i++)
		if (&config->nodes[i] != own)
			hosts_add(&daemon->hosts, &config->nodes[i].address);
}

/* On every address that a file gives this node; false where one failed. */
static bool refresh_listeners(struct daemon *daemon)
{
	bool listening = true;
	struct config *config = calloc(1, sizeof(*config));
	const struct config_node *own;
	struct config_names names;
	struct why why;

	if (!config)
		return false;
	if (config_names(daemon->config_dir, &names, &why)) {
		log_change("configuration", why.text);
		free(config);
		return true;
	}
	log_change("configuration", NULL);
	listen_mark(daemon);
	hosts_clear(&daemon->hosts);
	for (unsigned int i = 0; i < names.n; i++) {
		bool good = !config_load(daemon->config_dir, names.names[i], config, &why) &&
			    !config_own(config, daemon->node, &own, &why);

		if (!good) {
			log_change(names.names[i], why.text);
			continue;
		}
		add_hosts(daemon, config, own);
		if (!listen_want(daemon, &own->address, own->address_text))
			listening = false;
	}
	listen_sweep(daemon);
	config_names_free(&names);
	free(config);
	return listening;
}

static void refresh(struct daemon *daemon)
{
	struct timeval next = { .tv_sec = REFRESH_S };
	struct kernel_resource *list;
	struct link *link;
	struct why why;

	if (!refresh_listeners(daemon))
		next.tv_sec = RETRY_S;
	event_add(daemon->refresh_event, &next);
	if (kernel_dump(daemon->kernel, &list, &why)) {
		log_change("kernel", why.text);
		return;
	}
	log_change("kernel", NULL);
	TAILQ_FOREACH(link, &daemon->links, list)
		link->seen = false;
	for (struct kernel_resource *r = list; r; r = r->next)
		refresh_resource(daemon, r);
	sweep_links(daemon);
	kernel_free(list);
}

void kernel_events_refresh(struct daemon *daemon)
{
	event_active(daemon->refresh_event, EV_TIMEOUT, 0);
}

static void on_refresh(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	refresh(data);
}

static void on_event(const struct kernel_event *event, void *data)
{
	struct daemon *daemon = data;
	struct link *link = NULL;

	switch (event->event) {
	case DITTO_EVENT_RESOURCE_NEW:
	case DITTO_EVENT_RESOURCE_DEL:
	case DITTO_EVENT_PEER_NEW:
	case DITTO_EVENT_PEER_DEL:
		kernel_events_refresh(daemon);
		return;
	case DITTO_EVENT_CONNECTION:
		if (event->has_peer && event->has_states)
			link = link_find(daemon, event->name, event->peer_id);
		if (!link) {
			kernel_events_refresh(daemon);
			return;
		}
		/* A connection that was up was news when it came up: so is its end. */
		if (event->text[0] && event->old_state == DITTO_CONNECTION_CONNECTED)
			log_line("%s: %s", link->label, event->text);
		else if (event->text[0])
			log_change(link->label, event->text);
		link_update(link, event->new_state);
		return;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;
	struct why why;
	int ret;

	(void)fd;
	(void)what;
	ret = kernel_events_read(daemon->kernel_events, on_event, daemon, &why);
	if (!ret)
		return;
	log_line("kernel: %s; looking at everything anew", why.text);
	kernel_events_refresh(daemon);
}

int kernel_events_start(struct daemon *daemon)
{
	struct why why;
	int ret;

	ret = kernel_open(&daemon->kernel, &why);
	if (!ret)
		ret = kernel_events_open(&daemon->kernel_events, &why);
	if (ret) {
		log_line("%s", why.text);
		return ret;
	}
	daemon->kernel_event = event_new(daemon->base, kernel_events_fd(daemon->kernel_events),
					 EV_READ | EV_PERSIST, on_readable, daemon);
	daemon->refresh_event = evtimer_new(daemon->base, on_refresh, daemon);
	if (!daemon->kernel_event || !daemon->refresh_event ||
	    event_add(daemon->kernel_event, NULL)) {
		log_line("out of memory");
		return -ENOMEM;
	}
	refresh(daemon);
	return 0;
}

void kernel_events_stop(struct daemon *daemon)
{
	guest_drop(daemon, NULL);
	while (!TAILQ_EMPTY(&daemon->links))
		link_free(TAILQ_FIRST(&daemon->links));
	listen_mark(daemon);
	listen_sweep(daemon);
	hosts_free(&daemon->hosts);
	if (daemon->kernel_event)
		event_free(daemon->kernel_event);
	if (daemon->refresh_event)
		event_free(daemon->refresh_event);
	kernel_events_close(daemon->kernel_events);
	kernel_close(daemon->kernel);
}

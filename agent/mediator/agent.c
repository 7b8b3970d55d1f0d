// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "mediator/agent.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "mediator/internal.h"
#include "model/node.h"

static const char *const capabilities[] = {"names", "list",     "watch", "status",
					   "hint",  "clusters", "tags"};

void agent_remove_node(struct agent *agent, struct registry_node *node)
{
	struct local *local = local_of(node);
	struct ep_str name = registry_name(node);
	uint8_t copy[EP_NODE_MAX];

	memcpy(copy, name.p, name.n);
	for (unsigned slot = 0; slot < REGISTRY_FAMILIES; slot++) {
		if (node->ports[slot].carrier != 0) {
			feed_tell_local(agent, EP_EVENT_DOWN, node, slot);
		}
	}
	adverts_withdraw(agent, local);
	registry_remove(agent->registry, node);
	free(local);
	// A peer of that name, if there is one, comes into view.
	peers_local_changed(agent->peers, (struct ep_str){copy, name.n}, clock_now_ms());
	agent_schedule(agent);
}

void agent_release(struct agent *agent, struct client *client)
{
	struct registry_node *node;

	feed_close_all(agent, client); // first: who is gone is not told what becomes of his nodes
	waits_cancel_all(agent->waits, client);
	while ((node = registry_first_of(agent->registry, client->session->id)) != NULL) {
		agent_remove_node(agent, node);
	}
}

static void on_opened(void *user, struct session *session, struct ep_msg *welcome)
{
	struct agent *agent = user;
	struct client *client = xcalloc(1, sizeof(*client));
	static const char software[] = "epmdnsd/" EPMDNS_VERSION;

	client->session = session;
	client->user = users_enter(agent, session->uid);
	session->user = client;
	ep_set_str(welcome, EP_F_SOFTWARE, &welcome->software, software, sizeof(software) - 1);
	ep_set_str(welcome, EP_F_AGENT, &welcome->agent, agent->id, AGENT_ID_LEN);
	if (agent->hostname[0] != '\0') {
		ep_set_str(welcome, EP_F_HOST, &welcome->host, agent->hostname,
			   strlen(agent->hostname));
	}
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		ep_add(welcome, EP_F_CAPABILITY, capabilities[i], strlen(capabilities[i]));
	}
}

static void on_request(void *user, struct session *session, const struct ep_msg *msg)
{
	requests_handle(user, session, msg);
}

static void on_drained(void *user, struct session *session)
{
	feed_drained(user, session->user);
}

static void on_closed(void *user, struct session *session)
{
	struct agent *agent = user;
	struct client *client = session->user;

	agent_release(agent, client);
	silence_forget_all(agent, client);
	users_leave(agent, client->user);
	free(client);
}

static const struct server_ops server_ops = {
	.on_opened = on_opened,
	.on_request = on_request,
	.on_drained = on_drained,
	.on_closed = on_closed,
};

static void on_judged(void *user, const struct peers_ticket *ticket, enum liveness_verdict verdict)
{
	struct agent *agent = user;

	peers_judge(agent->peers, ticket, verdict, clock_now_ms());
	agent_schedule(agent);
}

static void on_unanswered(void *user)
{
	lan_ask(user);
}

static bool is_wanted(void *user, const struct peers_ticket *ticket)
{
	const struct agent *agent = user;

	return peers_is_wanted(agent->peers, ticket);
}

static const struct prober_ops prober_ops = {
	.on_judged = on_judged,
	.is_wanted = is_wanted,
	.on_unanswered = on_unanswered,
};

static void on_tick(evutil_socket_t fd, short what, void *user)
{
	struct agent *agent = user;

	(void)fd;
	(void)what;
	peers_tick(agent->peers, clock_now_ms());
	agent_schedule(agent);
}

void agent_schedule(struct agent *agent)
{
	uint64_t deadline_ms = peers_deadline_ms(agent->peers);
	uint64_t now_ms = clock_now_ms();
	struct timeval delay;

	standing_count(agent);
	resume_schedule(agent);
	cache_update(agent);
	table_update(agent);
	if (deadline_ms == LIVENESS_NEVER) {
		event_del(agent->tick);
		return;
	}
	delay = clock_timeval(deadline_ms > now_ms ? deadline_ms - now_ms : 0);
	event_add(agent->tick, &delay);
}

static struct ep_str short_of(struct ep_str host)
{
	const uint8_t *dot = memchr(host.p, '.', host.n);

	return dot == NULL ? host : (struct ep_str){host.p, (size_t)(dot - host.p)};
}

static void read_hostname(struct agent *agent)
{
	if (gethostname(agent->hostname, sizeof(agent->hostname)) < 0) {
		agent->hostname[0] = '\0';
	}
	agent->hostname[sizeof(agent->hostname) - 1] = '\0';
}

/*
 * The names of this host: what gethostname(2) says, whole or short, and what Avahi calls it.
 * Nothing is resolved, for that may block.
 */
bool agent_is_own_host(struct agent *agent, struct ep_str host)
{
	uint8_t address[16];
	size_t len = node_host_literal(host, address);
	struct ep_str own;

	if (host.n == 0 || node_host_is_loopback(host)) {
		return true;
	}
	if (len > 0) {
		return hostif_is_own(&agent->hostif, address, len, clock_now_ms());
	}
	read_hostname(agent); // DHCP may set it long after the start
	own = str_of(agent->hostname);
	if (node_host_equals(host, own) || node_host_equals(host, short_of(own))) {
		return true;
	}
	return node_host_equals(host, str_of(agent->lan.host));
}

static void name_yourself(struct agent *agent)
{
	uint64_t id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id)) {
		id = clock_now_ms() ^ (uint64_t)getpid() << 32;
	}
	snprintf(agent->id, sizeof(agent->id), "%016llx", (unsigned long long)id);
	read_hostname(agent);
}

// Each session is a descriptor; some are kept back for everything else.
static void count_descriptors(struct agent *agent)
{
	struct rlimit limit = {.rlim_cur = AGENT_SESSIONS_MAX + AGENT_DESCRIPTORS};

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		log_warn("Cannot tell how many descriptors there are: %s.", strerror(errno));
	}
	agent->descriptors = limit.rlim_cur;
	agent->sessions_max = AGENT_SESSIONS_MAX;
	if (limit.rlim_cur < AGENT_SESSIONS_MAX + AGENT_DESCRIPTORS) {
		agent->sessions_max = limit.rlim_cur > 2 * AGENT_DESCRIPTORS
					      ? (uint32_t)limit.rlim_cur - AGENT_DESCRIPTORS
					      : AGENT_DESCRIPTORS;
	}
}

struct agent *agent_new(struct event_base *base, const struct agent_config *config)
{
	static const struct registry_limits registry_limits = {
		.nodes = AGENT_NODES_MAX,
		.nodes_per_uid = AGENT_NODES_PER_UID_MAX,
		.nodes_per_session = AGENT_NODES_PER_SESSION_MAX,
	};
	struct agent *agent = xcalloc(1, sizeof(*agent));
	struct peers_config peers_config;
	struct server_limits server_limits;

	agent->base = base;
	agent->config = *config;
	if (config->peers_max == 0) {
		agent->config.peers_max = AGENT_PEERS_MAX;
	}
	if (config->cache_entries == 0) {
		agent->config.cache_entries = AGENT_CACHE_ENTRIES;
	}
	agent->started_ms = clock_now_ms();
	agent->lan.refusals.interval_ms = agent->lan.conflicts.interval_ms = 10000;
	agent->adverts.refusals.interval_ms = 10000;
	name_yourself(agent);
	count_descriptors(agent);
	server_limits = (struct server_limits){
		.sessions = agent->sessions_max,
		.sessions_per_uid = agent->sessions_max / 2,
	};
	agent->registry = registry_new(&registry_limits);
	peers_config = (struct peers_config){
		.peers_max = agent->config.peers_max,
		.claims_max = agent->config.peers_max * AGENT_CLAIMS_PER_PEER,
		.allow_off_link = config->allow_off_link,
	};
	agent->peers = peers_new(&peers_config, &lan_peers_ops, agent);
	agent->waits = waits_new(agent);
	agent->prober = prober_new(base, &prober_ops, agent);
	agent->tick = event_new(base, -1, 0, on_tick, agent);
	downs_init(&agent->downs);
	problems_init(agent);
	silence_init(agent);
	flood_init(agent);
	resume_init(agent);
	setbacks_init(agent);
	standing_init(agent);
	agent->server = server_new(base, &server_limits, &server_ops, agent);
	if (config->alone_text != NULL) {
		snprintf(agent->lan.text, sizeof(agent->lan.text), "%s", config->alone_text);
	}
	if (config->discovery_program != NULL) {
		agent->link = link_new(base, config->discovery_program, config->discovery_argv,
				       &lan_link_ops, agent);
	}
	adverts_update_ttl(agent);
	return agent;
}

void agent_free(struct agent *agent)
{
	if (agent == NULL) {
		return;
	}
	server_free(agent->server); // releases all that clients hold
	link_free(agent->link);
	silence_fini(agent);
	prober_free(agent->prober);
	waits_free(agent->waits);
	adverts_free(agent);
	refreshes_clear(agent);
	feed_fini(agent);
	users_fini(agent);
	peers_free(agent->peers);
	registry_free(agent->registry);
	event_free(agent->tick);
	resume_fini(agent);
	setbacks_fini(agent);
	flood_fini(agent);
	standing_fini(agent);
	hostif_fini(&agent->hostif);
	free(agent);
}

void agent_listen(struct agent *agent, int fd)
{
	server_listen(agent->server, fd);
}

void agent_begin(struct agent *agent)
{
	standing_begin(agent);
}

void agent_adopt(struct agent *agent, int fd)
{
	server_adopt(agent->server, fd);
}

void agent_stop(struct agent *agent)
{
	if (agent->is_stopping) {
		return;
	}
	agent->is_stopping = true;
	standing_end(agent);
	if (agent->link == NULL) {
		event_base_loopexit(agent->base, NULL); // from outside the loop, too
	} else {
		link_stop(agent->link);
	}
}

bool agent_must_restart(const struct agent *agent)
{
	return agent->must_restart;
}

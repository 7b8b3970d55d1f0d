// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What the files of the mediator share. Not for others.
#pragma once

#include "base/hash.h"
#include "base/log.h"
#include "edge/bus.h"
#include "edge/hostif.h"
#include "edge/link.h"
#include "edge/manager.h"
#include "edge/prober.h"
#include "edge/server.h"
#include "mediator/agent.h"
#include "mediator/limits.h"
#include "model/peers.h"
#include "model/registry.h"
#include "model/setback.h"
#include "model/surge.h"
#include "model/wakes.h"

#define AGENT_ID_LEN 16 // hex digits

struct advert;
struct feed;
struct told;
struct wait;
struct waits;

// What the clients of one user hold together.
struct user {
	UT_hash_handle hh; // agent::users
	uid_t uid;
	uint32_t n_clients;
	uint32_t n_watches, n_waits;
	uint32_t n_advertised, n_instances; // nodes, and the instances of these
	struct local *advertised;           // in the order in which they came
	struct local *waiting;              // to be advertised, in the order of their turns
	uint32_t n_hints;                   // that made us probe, since …
	uint64_t hints_since_ms;
};

// What the agent holds for one session (session.user).
struct client {
	struct session *session;
	struct user *user;
	struct feed *feeds; // feed::prev, next
	struct wait *waits; // wait::prev, next
	uint8_t n_watches;
};

// What the agent holds for one registered node (registry_node.user).
struct local {
	struct registry_node *node;
	struct client *client;
	struct advert *adverts[REGISTRY_FAMILIES];
	bool is_announced;                // watches know of it …
	uint32_t told[REGISTRY_FAMILIES]; // … and what their filters go by (feed.c)
	bool is_waiting;                  // would be advertised, but there is no room
	uint64_t turn;                    // of those who wait, the lowest comes first
	struct local *prev, *next;        // user::advertised or user::waiting
};

struct adverts {
	struct advert *by_instance;
	struct advert *dirty;   // to be told to the discovery process, in this order …
	struct advert *leaving; // … and then these, to be withdrawn
	uint32_t n_nodes;       // advertised
	uint32_t n_instances;   // of these nodes
	uint32_t n_waiting;     // for room
	uint64_t next_turn;
	uint16_t ttl_s;
	bool is_reset_due, is_end_due; // a new discovery process is told everything
	struct log_limit refusals;
};

struct interface_name {
	int32_t ifindex;
	char name[LINK_IFNAME_MAX];
};

// The network as the discovery process reports it.
struct lan {
	enum link_state state;
	char text[LINK_TEXT_MAX];
	char host[LINK_TEXT_MAX]; // as Avahi last called us
	bool is_browsing;
	bool is_ask_due, is_browse_due;
	uint64_t asked_ms; // 0: never
	uint32_t dropped;  // instances for which there was no room
	struct log_limit refusals, conflicts;
	struct surge surge;        // of services that are new
	struct event *calm;        // when that is over (flood.c)
	struct refresh *refreshes; // services to be resolved again (refreshes.c)
	unsigned n_interfaces;     // ever heard of; the last AGENT_INTERFACES_MAX are remembered
	struct interface_name interfaces[AGENT_INTERFACES_MAX];
};

// Why peers went down.
struct downs {
	uint32_t n[LIVENESS_CAUSES];
	struct log_limit lines;
};

// What lasts and people must be told of; see problems.c.
enum problem {
	PROBLEM_ADVERTS, // more nodes than are advertised
	PROBLEM_TABLE,   // more services on the network than we take in
	PROBLEM_CACHE,   // … than Avahi can keep
	PROBLEM_FLOOD,   // services come faster than anybody starts nodes
	PROBLEM_CLOCK,   // the wall clock was set
	PROBLEMS,
};

#define PROBLEM_TEXT_MAX 224 // with its key it is a stat of the report

struct problem_state {
	char text[PROBLEM_TEXT_MAX]; // "" while all is well
	bool is_logged;
	struct log_limit lines;
};

// Who does not answer, while the discovery process does not.
enum culprit { CULPRIT_DISCOVERY, CULPRIT_BUS, CULPRIT_AVAHI };

struct silence {
	enum culprit culprit;
	bool is_settled; // that is known
	bool is_logged;
	struct log_limit lines;
	struct bus *bus; // while it is being asked
	unsigned n_reports;
	struct {
		struct client *client;
		uint32_t id;
	} reports[AGENT_REPORTS_MAX]; // to be sent when it is known how we are
};

// Sleeps of this machine, or of this process.
struct resume {
	struct wakes wakes;
	struct event *look;      // at the clocks, while there are peers
	struct event *clock_set; // NULL: cannot be told
	int fd;                  // of the timer behind that
	uint32_t n;              // noticed
};

// The wall clock being behind where it was.
struct setbacks {
	struct setback setback;
	struct event *over; // while it is
};

// How we are, as the service manager was told last.
struct standing {
	struct manager *manager; // NULL: there is none
	uint32_t n_nodes, n_peers;
};

struct agent {
	struct event_base *base;
	struct agent_config config;
	struct registry *registry;
	struct peers *peers;
	struct server *server;
	struct prober *prober;
	struct link *link;  // NULL without discovery
	struct event *tick; // at the peers' next deadline
	struct hostif hostif;
	struct adverts adverts;
	struct lan lan;
	struct silence silence;
	struct downs downs;
	struct problem_state problems[PROBLEMS];
	struct resume resume;
	struct setbacks setbacks;
	struct standing standing;
	struct waits *waits;
	struct user *users;
	uint32_t n_watches;
	struct feed *watches; // all that are told of changes
	struct told *told;    // the same of peers
	uint64_t started_ms;
	uint64_t descriptors; // that we may have
	uint32_t sessions_max;
	bool is_stopping, must_restart;
	char id[AGENT_ID_LEN + 1];
	char hostname[EP_HOST_MAX + 1];
};

static inline struct ep_str str_of(const char *text)
{
	return (struct ep_str){(const uint8_t *)text, __builtin_strlen(text)};
}

static inline struct local *local_of(const struct registry_node *node)
{
	return node->user;
}

static inline enum ep_family family_of_slot(unsigned slot)
{
	return slot == REGISTRY_INET6 ? EP_FAMILY_INET6 : EP_FAMILY_INET;
}

// agent.c: what a change of the registry means to everybody else
// agent_release(): end all that a client holds; its session may go on.
void agent_release(struct agent *agent, struct client *client);
void agent_remove_node(struct agent *agent, struct registry_node *node);
// The peers may have changed: their deadlines, or their number.
void agent_schedule(struct agent *agent);
// Is this our own host: a name of it, "localhost", or one of its addresses?
bool agent_is_own_host(struct agent *agent, struct ep_str host);

// users.c
struct user *users_enter(struct agent *agent, uid_t uid); // with one more client
void users_leave(struct agent *agent, struct user *user);
void users_fini(struct agent *agent); // all clients are gone
// May a hint of this user make us probe? Who does so counts it in n_hints.
bool users_may_hint(struct user *user);

// requests.c
void requests_handle(struct agent *agent, struct session *session, const struct ep_msg *msg);
// Answer a lookup from what is known. Return: whether it was answered.
bool requests_answer_lookup(struct agent *agent, struct session *session, uint32_t id,
			    struct ep_str node, enum ep_family family);
void requests_fail_lookup(struct session *session, uint32_t id);

// adverts.c
// The node or one of its families is new or has changed: publish what is to be published.
void adverts_update(struct agent *agent, struct local *local);
void adverts_withdraw(struct agent *agent, struct local *local);
// A new discovery process knows nothing.
void adverts_restart(struct agent *agent);
bool adverts_next(struct agent *agent, struct link_msg *msg);
// The number of instances on the LAN has changed.
void adverts_update_ttl(struct agent *agent);
void adverts_refused(struct agent *agent, const struct link_msg *msg); // Avahi does not take it
void adverts_free(struct agent *agent);

// lan.c
extern const struct peers_ops lan_peers_ops;
extern const struct link_ops lan_link_ops;
void lan_ask(struct agent *agent);
const char *lan_interface(const struct agent *agent, int32_t ifindex); // NULL: unknown

// downs.c
void downs_init(struct downs *downs);
void downs_note(struct downs *downs, struct ep_str node, enum liveness_cause cause);

// cache.c
// The number of instances heard or advertised, or what is known of them, may have changed.
void cache_update(struct agent *agent);

// table.c
// A service instance, or the node that it is of, was not taken in for want of room.
void table_dropped(struct agent *agent);
// The number of peers may have changed.
void table_update(struct agent *agent);

// problems.c
void problems_init(struct agent *agent);
/*
 * problems_begin(): it is so, in these words: whole sentences, what it means, and what helps.
 * Again: only the words are replaced. Ours, or escaped.
 */
void problems_begin(struct agent *agent, enum problem problem, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void problems_end(struct agent *agent, enum problem problem);               // if it had begun
const char *problems_text(const struct agent *agent, enum problem problem); // "": all is well

// silence.c
void silence_init(struct agent *agent);
void silence_begin(struct agent *agent);
void silence_end(struct agent *agent); // also when there is no discovery process any more
void silence_checked(struct agent *agent);
// Who does not answer, in words; NULL: all do, or it is not known yet.
const char *silence_culprit(const struct agent *agent);
// What is silent, and for how long, in words; NULL: nothing.
const char *silence_text(const struct agent *agent, char text[LINK_TEXT_MAX]);
// Send a report, once Avahi was seen to answer, or is known not to.
void silence_report(struct agent *agent, struct client *client, uint32_t id);
// silence_forget(): Return: whether that one was waiting.
bool silence_forget(struct agent *agent, const struct client *client, uint32_t id);
void silence_forget_all(struct agent *agent, const struct client *client);
void silence_fini(struct agent *agent);

// resume.c
void resume_init(struct agent *agent);
void resume_fini(struct agent *agent);
// The first peer has come, or the last has gone.
void resume_schedule(struct agent *agent);

// setbacks.c
void setbacks_init(struct agent *agent);
void setbacks_fini(struct agent *agent);
void setbacks_look(struct agent *agent);
void setbacks_forget(struct agent *agent); // Avahi has gone, and its timers with it

// refreshes.c
// Have a service resolved again; once is enough, however often it is asked for.
void refreshes_add(struct agent *agent, const char *instance, struct peers_where where);
// The next one to ask for. Return: false when there is none.
bool refreshes_next(struct agent *agent, struct link_msg *msg);
void refreshes_clear(struct agent *agent);

// waits.c
struct waits *waits_new(struct agent *agent);
void waits_free(struct waits *waits);
/*
 * waits_add(): keep a lookup until something is heard of the node, or for at most wait_ms; fails it
 * when too many wait. Return: false when nothing is to be waited for: it is to be answered now.
 */
bool waits_add(struct waits *waits, struct client *client, uint32_t id, struct ep_str node,
	       enum ep_family family, uint32_t wait_ms);
/*
 * waits_wake(): the node is there in that family. Answer those who wait for that (the other family
 * may be about to follow), forget that it was missed.
 */
void waits_wake(struct waits *waits, struct ep_str node, enum ep_family family);
// Forget one lookup, or all of a client, without an answer. Return: whether there was such a
// lookup.
bool waits_cancel(struct waits *waits, struct client *client, uint32_t id);
void waits_cancel_all(struct waits *waits, struct client *client);

// feed.c
enum feed_kind { FEED_LIST, FEED_WATCH, FEED_NAMES };
void feed_start(struct agent *agent, struct client *client, const struct ep_msg *msg,
		enum feed_kind kind);
void feed_drained(struct agent *agent, struct client *client);
// End a list or watch without its answer. Return: whether there was one.
bool feed_cancel(struct agent *agent, struct client *client, uint32_t id);
void feed_close_all(struct agent *agent, struct client *client);
// All sessions are closed.
void feed_fini(struct agent *agent);
// A local node in one family, or a peer, has changed: tell those who watch.
void feed_tell_local(struct agent *agent, enum ep_event event, const struct registry_node *node,
		     unsigned slot);
void feed_tell_peer(struct agent *agent, enum ep_event event, const struct peer *peer,
		    enum ep_family family);

// flood.c
void flood_init(struct agent *agent);
void flood_fini(struct agent *agent);
// Browsing begins: what is there already is told at once.
void flood_browsing(struct agent *agent);
// A service that was unknown is seen there.
void flood_note(struct agent *agent, int32_t ifindex);

// standing.c
void standing_init(struct agent *agent);
void standing_fini(struct agent *agent);
void standing_begin(struct agent *agent); // we serve
void standing_end(struct agent *agent);
// The number of nodes or peers may have changed.
void standing_count(struct agent *agent);
// What else the line says may have changed.
void standing_change(struct agent *agent);

// report.c
const char *report_backend(const struct agent *agent);
const char *report_backend_state(const struct agent *agent);
void report_send(struct agent *agent, struct session *session, uint32_t id);

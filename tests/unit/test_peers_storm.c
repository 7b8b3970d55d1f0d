// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Anything may be heard in any order, from anybody, and answers come late. After each step of a
 * long random story the peers are held to what must always be true.
 */
#include "model/census.h"
#include "model/peer.h"
#include "model/roster.h"

#include <stdlib.h>
#include <utlist.h>

#include "addresses.h"
#include "test.h"

#define NAMES 40
#define INSTANCES 300
#define PLACES 5
#define PENDING_MAX 4096
#define STEPS 20000 // or as many as $EPMDNS_STORM_STEPS says, for valgrind takes a while

struct storm {
	struct peers *peers;
	struct peers_config config;
	uint64_t random;
	uint64_t now_ms;
	// what watchers believe: the creation that is up, 0 for none
	uint32_t is_up[NAMES][PEER_FAMILIES];
	uint32_t local_creations[NAMES];
	bool is_conflict_told[NAMES];
	struct peers_ticket pending[PENDING_MAX];
	size_t n_pending;
	// how much happened
	unsigned n_up, n_down, n_changed, n_conflicts, n_local_conflicts, n_refused, n_full;
	unsigned n_down_of[LIVENESS_CAUSES];
};

static uint32_t below(struct storm *storm, uint32_t n)
{
	return random_below(&storm->random, n);
}

static unsigned number_of(struct ep_str node)
{
	return (unsigned)(node.p[1] - '0') * 10 + (unsigned)(node.p[2] - '0');
}

static struct ep_str name_of(unsigned number, char text[16])
{
	// some with a literal for a host part
	snprintf(text, 16, "n%02u@%s", number, number % 8 == 0 ? "10.0.0.2" : "h");
	return str_of(text);
}

static void on_event(void *user, enum ep_event event, struct peer *peer, enum ep_family family)
{
	struct storm *storm = user;
	unsigned slot = family == EP_FAMILY_INET6 ? 1 : 0;
	unsigned number = number_of(peer_name(peer));
	uint32_t *is_up = &storm->is_up[number][slot];
	struct peer_answer answer;
	struct service scratch;
	struct peer_view view;

	assert_ptr_equal(peers_find(storm->peers, peer_name(peer)), peer);
	assert_true(peers_view(storm->peers, peer, family, &view, &scratch));
	switch (event) {
	case EP_EVENT_UP:
		assert_int_equal(*is_up, 0);
		*is_up = view.creation;
		storm->n_up++;
		break;
	case EP_EVENT_CHANGED:
		assert_int_equal(*is_up, view.creation);
		storm->n_changed++;
		storm->n_conflicts += view.state == EP_STATE_CONFLICT ? 1 : 0;
		break;
	case EP_EVENT_DOWN:
		assert_int_equal(*is_up, view.creation);
		*is_up = 0;
		storm->n_down++;
		break;
	case EP_EVENT_READY:
		fail();
	}
	// Those who wait for a node look it up at once, and others meanwhile.
	peers_lookup(storm->peers, peer_name(peer), family, storm->now_ms, &answer);
	peers_doubt(storm->peers, peer_name(peer), 0);
}

// What is said of the end is said of a node that is there.
static void on_down(void *user, struct peer *peer, enum ep_family family, enum liveness_cause cause)
{
	struct storm *storm = user;

	assert_int_not_equal(
		storm->is_up[number_of(peer_name(peer))][family == EP_FAMILY_INET6 ? 1 : 0], 0);
	storm->n_down_of[cause]++;
}

static void on_local_conflict(void *user, struct peer *peer)
{
	struct storm *storm = user;
	unsigned number = number_of(peer_name(peer));

	assert_int_not_equal(storm->local_creations[number], 0);
	storm->is_conflict_told[number] = peer->is_conflicted;
	storm->n_local_conflicts++;
}

static void probe(void *user, const struct peers_ticket *ticket,
		  const struct peers_address *address, int32_t ifindex, uint16_t port)
{
	struct storm *storm = user;

	(void)ifindex;
	assert_true(address->len == 4 || address->len == 16);
	assert_true(address->is_on_link);
	assert_int_not_equal(port, 0);
	assert_true(storm->n_pending < PENDING_MAX);
	for (size_t i = 0; i < storm->n_pending; i++) { // one at a time of a claim
		assert_true(storm->pending[i].id != ticket->id);
	}
	storm->pending[storm->n_pending++] = *ticket;
}

static void ask(void *user)
{
	(void)user;
}

static void resolve_again(void *user, const char *instance, struct peers_where where)
{
	const struct storm *storm = user;

	assert_int_equal(instance[0], 'i');
	assert_in_range(where.ifindex, 2, 4);
	assert_true(storm->now_ms > 0);
}

static uint32_t local_creation(void *user, struct ep_str node)
{
	const struct storm *storm = user;

	return storm->local_creations[number_of(node)];
}

static bool is_on_link(void *user, const uint8_t *address, uint8_t len)
{
	(void)user;
	return len == 4 && address[0] == 10;
}

static const struct peers_ops ops = {
	.on_event = on_event,
	.on_down = on_down,
	.on_local_conflict = on_local_conflict,
	.probe = probe,
	.ask = ask,
	.resolve = resolve_again,
	.local_creation = local_creation,
	.is_on_link = is_on_link,
};

static void check_entry(const struct storm *storm, const struct peer_entry *entry)
{
	unsigned number = number_of(peer_name(&entry->peer));
	const struct claim *claim;
	unsigned n = 0, n_shown = 0;

	assert_non_null(entry->claims);
	LL_FOREACH (entry->claims, claim) {
		n++;
		n_shown += claim->is_shown ? 1 : 0;
		assert_ptr_equal(claim->peer, &entry->peer);
		assert_int_not_equal(claim->liveness.state, LIVENESS_DEAD);
		assert_false(claim->is_to_be_asked);
		assert_int_equal(claim->due != 0, claim->liveness.deadline_ms != LIVENESS_NEVER);
		assert_true(claim->sightings.n <= PEERS_SIGHTINGS_MAX);
		if (claim->liveness.state == LIVENESS_VERIFYING) {
			assert_true(claim->liveness.is_probing);
		}
	}
	assert_true(n <= PEERS_CLAIMS_MAX);
	for (unsigned slot = 0; slot < PEER_FAMILIES; slot++) {
		const struct claim *shown = entry->shown[slot].claim;

		assert_int_equal(storm->is_up[number][slot], shown != NULL ? shown->creation : 0);
		if (shown == NULL) {
			continue;
		}
		n_shown--;
		assert_int_equal(storm->local_creations[number], 0);
		assert_true(shown->is_shown && shown->is_usable && !shown->is_newcomer &&
			    !shown->is_suspect);
		assert_true(liveness_is_shown(&shown->liveness));
		assert_int_equal(claim_family(shown), slot == 1 ? EP_FAMILY_INET6 : EP_FAMILY_INET);
		LL_FOREACH (entry->claims, claim) {
			if (claim == shown) {
				break;
			}
		}
		assert_ptr_equal(claim, shown);
	}
	assert_int_equal(n_shown, 0);
	if (storm->local_creations[number] != 0) {
		assert_int_equal(storm->is_conflict_told[number], entry->peer.is_conflicted);
	}
}

// Each is counted where Avahi has it, also what is not resolved.
static void check_census(const struct storm *storm)
{
	const struct claim *claim, *next;
	struct census census = {0};
	uint32_t n_clustered = 0, n_nowhere = 0;
	struct peers_where where;
	uint32_t most;

	HASH_ITER (hh, storm->peers->claims, claim, next) {
		bool is_anywhere = false;
		uint8_t at = 0;

		while (sightings_next_told(&claim->sightings, &at, &where)) {
			census_add(&census, where);
			is_anywhere = true;
		}
		n_nowhere += is_anywhere ? 0 : 1;
		n_clustered += claim_cluster(claim).n > 0 ? 1 : 0;
	}
	most = census_fullest(&census, &where);
	assert_int_equal(peers_fullest(storm->peers, &where), most > 0 ? most + n_nowhere : 0);
	assert_int_equal(peers_clustered(storm->peers), n_clustered);
}

static void check(const struct storm *storm)
{
	const struct order_link *link = peers_order(storm->peers)->first;
	uint32_t n = 0;

	for (; link != NULL; link = link->next) {
		check_entry(storm, (const struct peer_entry *)(const void *)link);
		n++;
	}
	check_census(storm);
	assert_int_equal(n, peers_count(storm->peers));
	assert_true(n <= storm->config.peers_max);
	assert_true(peers_instances(storm->peers) <= storm->config.claims_max);
	for (unsigned i = 0; i < NAMES; i++) {
		char text[16];

		if (peers_find(storm->peers, name_of(i, text)) == NULL) {
			assert_int_equal(storm->is_up[i][0] + storm->is_up[i][1], 0);
		}
	}
}

static const struct peers_where places[PLACES] = {{2, EP_FAMILY_INET},
						  {2, EP_FAMILY_INET6},
						  {3, EP_FAMILY_INET},
						  {3, EP_FAMILY_INET6},
						  {4, EP_FAMILY_INET}};

// Mostly what an instance always says, sometimes anything.
static void resolve(struct storm *storm, unsigned i, const char *instance, struct peers_where where)
{
	static const char *const pool[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3",  "!8.8.8.8",
					   "fd00::1",  "fe80::1",  "127.0.0.1", "10.0.0.4"};
	static const char *const agents[] = {"agent0", "agent1", "agent2", "own"};
	bool is_odd = below(storm, 10) == 0;
	unsigned number = is_odd ? below(storm, NAMES) : i % NAMES;
	char name[16], text[128] = "";
	struct peers_address addresses[EP_ADDRESSES_MAX], bound;
	uint8_t txt[SERVICE_TXT_MAX];
	struct service service = {
		.node = name_of(number, name),
		.creation = 10 + (is_odd ? below(storm, 5) : i % 3),
		.revision = 1 + (is_odd ? below(storm, 9) : i % 7),
		.carrier = 1 + (is_odd ? below(storm, 4) : i % 2),
		.agent = str_of(agents[is_odd ? below(storm, 4) : i % 3]),
		.cluster = str_of(number % 3 == 0 ? "c" : ""),
		.n_tags = below(storm, 3) == 0 ? 1 : 0,
		.tags = {LIT("k=v")},
	};
	size_t len;
	uint8_t n;

	if (i % 11 == 0) {
		n = addresses_of_text(&bound, i % 2 == 0 ? "10.0.0.3" : "fd00::1");
		service.bound = (struct ep_str){bound.bytes, bound.len};
		service.carrier = i % 2 == 0 ? EP_CARRIER_INET_TCP : EP_CARRIER_INET6_TCP;
	}
	len = service_encode(&service, txt);
	if (i % 5 == 0 && below(storm, 4) > 0) { // in all, more than there is room for
		for (uint32_t k = EP_ADDRESSES_MAX; k-- > 0;) {
			size_t at = strlen(text);

			snprintf(text + at, sizeof(text) - at, " 10.%d%d.0.%u", (int)where.ifindex,
				 where.family == EP_FAMILY_INET ? 4 : 6, k + 1);
		}
	} else {
		for (uint32_t k = 1 + below(storm, 3); k-- > 0;) {
			strcat(strcat(text, " "), pool[below(storm, COUNT(pool))]);
		}
	}
	n = addresses_of_text(addresses, text);
	if (is_odd && below(storm, 3) == 0) {
		len = below(storm, (uint32_t)len); // garbage
	}
	if (peers_resolved(storm->peers, instance, where, (uint16_t)(4000 + i % 2), txt, len,
			   addresses, n, LIT("own"), storm->now_ms) != NULL) {
		storm->n_refused++;
	}
}

static void hear_everywhere(struct storm *storm, unsigned i, const char *instance)
{
	for (unsigned k = 0; k < PLACES; k++) {
		peers_seen(storm->peers, instance, places[k], storm->now_ms);
		resolve(storm, i, instance, places[k]);
	}
}

static void judge_one(struct storm *storm, enum liveness_verdict verdict)
{
	size_t i = below(storm, (uint32_t)storm->n_pending);
	struct peers_ticket ticket = storm->pending[i];

	storm->pending[i] = storm->pending[--storm->n_pending];
	peers_judge(storm->peers, &ticket, verdict, storm->now_ms);
}

static void change_local(struct storm *storm, unsigned number)
{
	char text[16];

	storm->local_creations[number] = below(storm, 3) == 0 ? 10 + below(storm, 5) : 0;
	storm->is_conflict_told[number] = false;
	peers_local_changed(storm->peers, name_of(number, text), storm->now_ms);
}

static void step(struct storm *storm)
{
	unsigned i = below(storm, INSTANCES);
	struct peers_where where = places[below(storm, PLACES)];
	struct peer_answer answer;
	char instance[16], text[16];

	snprintf(instance, sizeof(instance), "i%u", i);
	switch (below(storm, 1000)) {
	case 0:
		peers_outage(storm->peers, storm->now_ms);
		break;
	case 1:
	case 2:
		peers_resumed(storm->peers, storm->now_ms);
		break;
	case 3:
	case 4:
	case 5:
		change_local(storm, below(storm, NAMES));
		break;
	case 6:
		peers_verify_all(storm->peers);
		break;
	case 7:
		peers_cut(storm->peers, where.ifindex, storm->now_ms);
		break;
	case 8:
	case 9:
		peers_mended(storm->peers, where.ifindex, storm->now_ms);
		break;
	case 10:
		peers_again(storm->peers, instance, where, storm->now_ms);
		break;
	case 11:
	case 12:
	case 13:
	case 14:
		hear_everywhere(storm, i, instance);
		break;
	default:
		switch (below(storm, 9)) {
		case 0:
		case 1:
			storm->n_full +=
				peers_seen(storm->peers, instance, where, storm->now_ms) ? 0 : 1;
			break;
		case 2:
			peers_gone(storm->peers, instance, where, storm->now_ms);
			break;
		case 3:
			resolve(storm, i, instance, where);
			break;
		case 4:
			peers_seen(storm->peers, instance, where, storm->now_ms);
			resolve(storm, i, instance, where);
			break;
		case 5:
		case 6:
			if (storm->n_pending > 0) {
				judge_one(storm,
					  (enum liveness_verdict)below(storm, LIVENESS_SILENT + 1));
			}
			break;
		case 7:
			peers_doubt(storm->peers, name_of(i % NAMES, text), 0);
			peers_lookup(storm->peers, name_of(i % NAMES, text),
				     i % 2 == 0 ? EP_FAMILY_INET : EP_FAMILY_INET6, storm->now_ms,
				     &answer);
			break;
		default:
			storm->now_ms += below(storm, 3000);
			peers_tick(storm->peers, storm->now_ms);
			assert_true(peers_deadline_ms(storm->peers) > storm->now_ms);
			break;
		}
		break;
	}
}

static void answer_all(struct storm *storm, enum liveness_verdict verdict)
{
	while (storm->n_pending > 0) {
		judge_one(storm, verdict);
		check(storm);
	}
}

// All is withdrawn; what still accepts connections has its time.
static void calm_down(struct storm *storm)
{
	for (unsigned i = 0; i < INSTANCES; i++) {
		char instance[16];

		snprintf(instance, sizeof(instance), "i%u", i);
		for (int32_t ifindex = 2; ifindex <= 4; ifindex++) {
			peers_gone(storm->peers, instance,
				   (struct peers_where){ifindex, EP_FAMILY_INET}, storm->now_ms);
			peers_gone(storm->peers, instance,
				   (struct peers_where){ifindex, EP_FAMILY_INET6}, storm->now_ms);
		}
	}
	peers_resumed(storm->peers, storm->now_ms);
	check(storm);
	for (int i = 0; i < 20 && peers_instances(storm->peers) > 0; i++) {
		answer_all(storm, i % 2 == 0 ? LIVENESS_ADVERTISED : LIVENESS_ACCEPTED);
		storm->now_ms += 60000;
		peers_tick(storm->peers, storm->now_ms);
		check(storm);
	}
	answer_all(storm, LIVENESS_REFUSED); // of those long gone
	assert_int_equal(peers_instances(storm->peers), 0);
	assert_int_equal(peers_count(storm->peers), 0);
	assert_true(peers_deadline_ms(storm->peers) == LIVENESS_NEVER);
	assert_int_equal(peers_fullest(storm->peers, &(struct peers_where){0}), 0);
	assert_int_equal(peers_clustered(storm->peers), 0);
	assert_int_equal(storm->n_up, storm->n_down);
}

static void peers_keep_their_word_whatever_happens_in_any_order(void **state)
{
	static const struct peers_config configs[] = {
		{1000, 1000, false},
		{1000, 1000, true},
		{NAMES / 2, INSTANCES / 2, true},
	};

	const char *wanted = getenv("EPMDNS_STORM_STEPS");
	int steps = wanted != NULL ? atoi(wanted) : STEPS;

	(void)state;
	for (size_t i = 0; i < COUNT(configs); i++) {
		struct storm storm = {.config = configs[i], .random = 1 + i, .now_ms = 1};

		storm.peers = peers_new(&storm.config, &ops, &storm);
		for (int k = 0; k < steps; k++) {
			step(&storm);
			check(&storm);
		}
		// Else it was no storm.
		assert_true(storm.n_up > 100 && storm.n_changed > 100 && storm.n_conflicts > 10 &&
			    storm.n_local_conflicts > 10 && storm.n_refused > 10);
		assert_int_equal(storm.n_full > 0, configs[i].claims_max < INSTANCES);
		assert_int_not_equal(peers_clustered(storm.peers), 0);
		for (unsigned cause = 0; cause < LIVENESS_CAUSES; cause++) {
			// (with addresses that are off the link there is always one to be used)
			assert_true(storm.n_down_of[cause] > 0 ||
				    (cause == LIVENESS_NOWHERE && configs[i].allow_off_link));
		}
		calm_down(&storm);
		peers_free(storm.peers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_keep_their_word_whatever_happens_in_any_order),
	};

	return cmocka_run_group_tests_name("peers_storm", tests, NULL, NULL);
}

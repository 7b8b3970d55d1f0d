// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * bench-client WHAT ROUNDS MS CLIENTS DEPTH WHO=TONGUE:WHERE:NAMES...
 *
 * Measures contenders in turn, in short rounds and another order in each, so that what else the
 * machine does hits all of them. Each serves the names 0 to NAMES - 1. WHAT is lookup, register,
 * names or list; prints a line of JSON for each contender and round.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "caller.h"
#include "crowd.h"

#define REQUESTS 4096
#define FRESH_NAMES 90000 // those from here on are taken and given back

struct contender {
	char *who, *where;
	const struct tongue *tongue;
	unsigned names;
	struct caller caller;
	struct requests requests;
	struct crowd crowd;
	unsigned fresh;
};

struct plan {
	const char *what;
	unsigned rounds;
	uint64_t ns; // of one contender in one round
	unsigned clients, depth;
	struct samples samples, gone;
};

static void usage(void)
{
	fputs("usage: bench-client lookup|register|names|list ROUNDS MS CLIENTS DEPTH "
	      "WHO=epmd|frames:WHERE:NAMES...\n",
	      stderr);
	exit(2);
}

static void parse(struct contender *contender, const char *text)
{
	char tongue[16];

	contender->who = xcalloc(1, strlen(text) + 1);
	contender->where = xcalloc(1, strlen(text) + 1);
	if (sscanf(text, "%[^=]=%15[^:]:%[^:]:%u", contender->who, tongue, contender->where,
		   &contender->names) != 4 ||
	    contender->names == 0) {
		usage();
	}
	contender->tongue = strcmp(tongue, tongue_epmd.name) == 0 ? &tongue_epmd : &tongue_frames;
	contender->fresh = FRESH_NAMES;
}

// Less than limit; the same in each run.
static unsigned next_random(uint64_t *state, unsigned limit)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(*state >> 33) % limit;
}

// Lookups of names in no order, the same for all who have as many.
static void make_requests(struct contender *contender)
{
	uint8_t request[TONGUE_REQUEST_MAX];
	uint64_t state = 1;
	struct requests *requests = &contender->requests;

	requests->n = REQUESTS;
	requests->len = contender->tongue->lookup(request, 1, 0);
	requests->bytes = xcalloc(requests->n, requests->len);
	for (unsigned i = 0; i < requests->n; i++) {
		contender->tongue->lookup(request, i + 1, next_random(&state, contender->names));
		memcpy(requests->bytes + i * requests->len, request, requests->len);
	}
}

// One client with one question at a time needs no crowd, and is measured without epoll.
static bool is_crowd(const struct plan *plan)
{
	return plan->clients > 1 || plan->depth > 1;
}

static uint64_t ask_for(struct contender *contender, const struct requests *requests, uint64_t ns,
			struct samples *samples)
{
	uint64_t began = now_ns();
	uint64_t end = began + ns;
	uint64_t answers = 0;

	for (uint64_t now = began; now < end; began = now) {
		caller_ask(&contender->caller,
			   requests->bytes + answers % requests->n * requests->len, requests->len);
		now = now_ns();
		samples_add(samples, now - began);
		answers++;
	}
	return answers;
}

static void round_of_questions(struct contender *contender, struct plan *plan, unsigned round,
			       const struct requests *requests)
{
	uint64_t took_ns = plan->ns;
	uint64_t answers;

	samples_clear(&plan->samples);
	if (is_crowd(plan)) {
		answers = crowd_run(&contender->crowd, plan->ns, &plan->samples, &took_ns);
	} else {
		answers = ask_for(contender, requests, plan->ns, &plan->samples);
	}
	samples_print(&plan->samples, round, contender->who, plan->what, answers, took_ns);
}

static void round_of_lists(struct contender *contender, struct plan *plan, unsigned round)
{
	uint8_t bytes[TONGUE_REQUEST_MAX];
	struct requests one = {.bytes = bytes, .n = 1};

	one.len = strcmp(plan->what, "names") == 0 ? contender->tongue->names(bytes)
						   : contender->tongue->list(bytes);
	round_of_questions(contender, plan, round, &one);
}

// From connect to the answer; and from close to the first lookup that does not find the name.
static void round_of_registrations(struct contender *contender, struct plan *plan, unsigned round)
{
	uint64_t start = now_ns();

	samples_clear(&plan->samples);
	samples_clear(&plan->gone);
	while (now_ns() < start + plan->ns) {
		uint64_t began = now_ns();
		int fd = caller_register(&contender->caller, contender->fresh);

		if (fd < 0) {
			tongue_fail("a registration was refused", contender->where);
		}
		samples_add(&plan->samples, now_ns() - began);
		began = now_ns();
		close(fd);
		while (caller_finds(&contender->caller, contender->fresh)) {
		}
		samples_add(&plan->gone, now_ns() - began);
		contender->fresh = contender->fresh < 99999 ? contender->fresh + 1 : FRESH_NAMES;
	}
	samples_print(&plan->samples, round, contender->who, "register", plan->samples.n,
		      now_ns() - start);
	samples_print(&plan->gone, round, contender->who, "gone", plan->gone.n, now_ns() - start);
}

static void one_round(struct contender *contender, struct plan *plan, unsigned round)
{
	if (strcmp(plan->what, "lookup") == 0) {
		round_of_questions(contender, plan, round, &contender->requests);
	} else if (strcmp(plan->what, "register") == 0) {
		round_of_registrations(contender, plan, round);
	} else {
		round_of_lists(contender, plan, round);
	}
}

static void open_contender(struct contender *contender, const struct plan *plan)
{
	make_requests(contender);
	caller_open(&contender->caller, contender->tongue, contender->where);
	if (is_crowd(plan)) {
		crowd_open(&contender->crowd, contender->tongue, contender->where,
			   &contender->requests, plan->clients, plan->depth);
	}
}

static void close_contender(struct contender *contender, const struct plan *plan)
{
	if (is_crowd(plan)) {
		crowd_close(&contender->crowd);
	}
	caller_close(&contender->caller);
	free(contender->requests.bytes);
	free(contender->who);
	free(contender->where);
}

// Who comes after whom matters: a CPU that was busy is awake, and another's names are in its cache.
static void shuffle(unsigned *order, unsigned n, uint64_t *state)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned other = next_random(state, i + 1);

		order[i] = order[other];
		order[other] = i;
	}
}

int main(int argc, char **argv)
{
	struct contender *contenders;
	struct plan plan = {0};
	uint64_t state = 1;
	unsigned *order;
	unsigned n;

	if (argc < 7) {
		usage();
	}
	plan.what = argv[1];
	plan.rounds = (unsigned)atoi(argv[2]);
	plan.ns = (uint64_t)atoi(argv[3]) * 1000000;
	plan.clients = (unsigned)atoi(argv[4]);
	plan.depth = (unsigned)atoi(argv[5]);
	n = (unsigned)argc - 6;
	contenders = xcalloc(n, sizeof(*contenders));
	order = xcalloc(n, sizeof(*order));
	for (unsigned i = 0; i < n; i++) {
		parse(&contenders[i], argv[6 + i]);
		open_contender(&contenders[i], &plan);
	}
	for (unsigned round = 0; round < plan.rounds; round++) {
		shuffle(order, n, &state);
		for (unsigned i = 0; i < n; i++) {
			one_round(&contenders[order[i]], &plan, round);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		close_contender(&contenders[i], &plan);
	}
	samples_fini(&plan.samples);
	samples_fini(&plan.gone);
	free(order);
	free(contenders);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/verification.h"

// When to put the question, since the beginning.
static const uint16_t questions_ms[VERIFICATION_QUESTIONS] = {0,    100,  250,  500,  750, 1000,
							      1500, 2000, 2500, 3000, 3500};

static unsigned finish(struct verification *verification, enum liveness_verdict verdict)
{
	verification->verdict = (uint8_t)verdict;
	return VERIFICATION_DONE;
}

// Return: VERIFICATION_DONE when what is known decides it.
static unsigned decide(struct verification *verification, bool is_over)
{
	bool is_accepted =
		verification->is_connected && verification->connected == LIVENESS_ACCEPTED;

	if (verification->is_connected && verification->connected == LIVENESS_REFUSED) {
		return finish(verification, LIVENESS_REFUSED);
	}
	if (verification->is_advertised && (!verification->must_connect || is_over)) {
		return finish(verification, LIVENESS_ADVERTISED);
	}
	if (is_accepted && (verification->must_connect || verification->is_disowned)) {
		return finish(verification, LIVENESS_ACCEPTED);
	}
	if (!is_over) {
		return 0;
	}
	return finish(verification, is_accepted ? LIVENESS_MUTE : LIVENESS_SILENT);
}

static unsigned connect_now(struct verification *verification)
{
	if (verification->is_connecting) {
		return 0;
	}
	verification->is_connecting = true;
	return VERIFICATION_CONNECT;
}

static uint64_t patience_ms(const struct verification *verification)
{
	return verification->is_brief ? VERIFICATION_BRIEF_MS : VERIFICATION_MS;
}

static void plan(struct verification *verification)
{
	uint64_t next_ms = patience_ms(verification);

	if (!verification->is_advertised) {
		if (verification->n_questions < VERIFICATION_QUESTIONS) {
			next_ms = questions_ms[verification->n_questions];
		}
		if (next_ms > patience_ms(verification)) {
			next_ms = patience_ms(verification);
		}
		if (!verification->is_connecting && next_ms > VERIFICATION_CONNECT_MS) {
			next_ms = VERIFICATION_CONNECT_MS;
		}
		if (!verification->is_asked && next_ms > verification->ask_ms) {
			next_ms = verification->ask_ms;
		}
	}
	verification->deadline_ms = verification->began_ms + next_ms;
}

unsigned verification_begin(struct verification *verification, bool must_connect,
			    unsigned spread_ms, uint64_t now_ms)
{
	*verification = (struct verification){
		.began_ms = now_ms,
		.deadline_ms = now_ms,
		.ask_ms = (uint16_t)(VERIFICATION_ASK_MS + spread_ms % VERIFICATION_ASK_SPREAD_MS),
		.must_connect = must_connect,
		.is_asked = must_connect, // what is advertised needs no asking for
	};
	return verification_tick(verification, now_ms) |
	       (must_connect ? connect_now(verification) : 0);
}

void verification_shorten(struct verification *verification)
{
	verification->is_brief = true;
}

// A host that answers others is there, and what it says of this one was lost.
static bool is_worth_another_round(const struct verification *verification)
{
	return verification->is_heard && !verification->is_brief && !verification->is_advertised &&
	       !verification->is_connected && verification->n_rounds + 1 < VERIFICATION_ROUNDS;
}

unsigned verification_tick(struct verification *verification, uint64_t now_ms)
{
	unsigned actions = 0;
	uint64_t age_ms;

	if (now_ms > verification->deadline_ms + VERIFICATION_LATE_MS) {
		verification->began_ms += now_ms - verification->deadline_ms;
	}
	age_ms = now_ms - verification->began_ms;
	if (age_ms >= patience_ms(verification) && is_worth_another_round(verification)) {
		verification->n_rounds++;
		verification->n_questions = 0;
		verification->is_heard = false;
		verification->began_ms = now_ms;
		age_ms = 0;
	}
	if (age_ms >= patience_ms(verification)) {
		return decide(verification, true);
	}
	if (verification->is_advertised) {
		plan(verification);
		return 0;
	}
	while (verification->n_questions < VERIFICATION_QUESTIONS &&
	       questions_ms[verification->n_questions] <= age_ms) {
		verification->n_questions++; // of those that are overdue one will do
		actions |= VERIFICATION_QUESTION;
	}
	if (age_ms >= VERIFICATION_CONNECT_MS) {
		actions |= connect_now(verification);
	}
	if (!verification->is_asked && age_ms >= verification->ask_ms) {
		verification->is_asked = true;
		actions |= VERIFICATION_ASK;
	}
	plan(verification);
	return actions;
}

unsigned verification_answered(struct verification *verification, bool is_advertised)
{
	unsigned done;

	verification->is_advertised |= is_advertised;
	verification->is_disowned |= !is_advertised;
	done = decide(verification, false);
	if (done == 0) {
		plan(verification);
	}
	return done != 0 ? done : connect_now(verification);
}

void verification_heard(struct verification *verification)
{
	verification->is_heard = true;
}

unsigned verification_unheard(struct verification *verification)
{
	return verification_answered(verification, false);
}

unsigned verification_connected(struct verification *verification, enum liveness_verdict verdict)
{
	verification->is_connected = true;
	verification->connected = (uint8_t)verdict;
	return decide(verification, false);
}

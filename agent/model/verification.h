// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * One verification of one service instance: what to send when, and what the answers come to. Its
 * host's mDNS responder is asked whether it still advertises the instance, and its port whether
 * somebody listens; both again and again, since packets get lost and ARP asks once a second only.
 * Silence says something of a host, not of one of its nodes: while its host answers others, it is
 * asked on. Pure: the time (CLOCK_MONOTONIC, ms) is passed in, packets and sockets are others'
 * business.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/liveness.h"

#define VERIFICATION_MS 4000           // for this long nobody answers: silent
#define VERIFICATION_BRIEF_MS 600      // or, of an address that may be of the past, for this long
#define VERIFICATION_CONNECT_MS 100    // the responder comes first
#define VERIFICATION_ASK_MS 300        // then all of the network is asked …
#define VERIFICATION_ASK_SPREAD_MS 500 // … later by up to this, for others will ask as well
#define VERIFICATION_QUESTIONS 11
#define VERIFICATION_ROUNDS 4     // at most, while its host answers others
#define VERIFICATION_LATE_MS 1000 // a tick later than that: we were stopped, and nobody was asked

// What the caller is to do, or'ed together.
enum verification_action {
	VERIFICATION_QUESTION = 1, // put the question to its host's responder
	VERIFICATION_CONNECT = 2,  // connect, and report by verification_connected()
	VERIFICATION_ASK = 4,      // put a fresh question on the network
	VERIFICATION_DONE = 8,     // verdict is set
};

struct verification {
	uint64_t began_ms;
	uint64_t deadline_ms; // call verification_tick() then
	uint16_t ask_ms;      // since it began
	uint8_t n_questions;  // put so far, in this round
	uint8_t n_rounds;     // over
	uint8_t connected;    // enum liveness_verdict, once is_connected
	bool must_connect : 1;
	bool is_brief : 1;
	bool is_connecting : 1; // or has been
	bool is_connected : 1;
	bool is_asked : 1;
	bool is_heard : 1;      // its host has answered another question, in this round
	bool is_advertised : 1; // its responder says so
	bool is_disowned : 1;   // its host says that it is not, or that nobody there could say
	uint8_t verdict;        // enum liveness_verdict, once it is done
};

/*
 * Each returns actions. must_connect: only a connect tells whether it is alive (one has failed, or
 * the instance is advertised anyway); else its responder's word will do. spread_ms: random, below
 * VERIFICATION_ASK_SPREAD_MS.
 */
unsigned verification_begin(struct verification *verification, bool must_connect,
			    unsigned spread_ms, uint64_t now_ms);
// verification_shorten(): right after it began. There is another address to ask, if this is silent.
void verification_shorten(struct verification *verification);
unsigned verification_tick(struct verification *verification, uint64_t now_ms);
// Its responder advertises it on the port that is known, or does not.
unsigned verification_answered(struct verification *verification, bool is_advertised);
// No responder runs on its host.
unsigned verification_unheard(struct verification *verification);
// Its host has answered a question about another instance.
void verification_heard(struct verification *verification);
unsigned verification_connected(struct verification *verification, enum liveness_verdict verdict);

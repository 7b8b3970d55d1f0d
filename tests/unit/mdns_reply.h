// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Plays an mDNS responder: replies to our questions, right ones and wrong ones.
#pragma once

#include <stdbool.h>
#include <string.h>

#include "base/mdns.h"

// What is zero is as it should be.
struct mdns_story {
	unsigned port;                              // 0: no such service; 0x10000: it is 0
	unsigned flags;                             // bits that are the other way round
	bool no_questions, only_service, only_host; // of the questions repeated
	bool no_host;                               // no record of the address
	unsigned type, class;                       // of the service's record
	bool is_goodbye, is_loop;
	int rdlength;    // so much more than there is
	unsigned n_more; // records that are counted and not there
};

static inline size_t mdns_put(uint8_t *out, size_t at, unsigned value)
{
	out[at] = (uint8_t)(value >> 8);
	out[at + 1] = (uint8_t)value;
	return at + 2;
}

// Type, class, TTL and length.
static inline size_t mdns_put_record(uint8_t *out, size_t at, unsigned type, unsigned class,
				     unsigned ttl_s, unsigned rdlength)
{
	at = mdns_put(out, at, type);
	at = mdns_put(out, at, class);
	at = mdns_put(out, at, 0);
	at = mdns_put(out, at, ttl_s);
	return mdns_put(out, at, rdlength);
}

static inline size_t mdns_tell(const struct mdns_question *question, const struct mdns_story *story,
			       uint8_t out[MDNS_REPLY_MAX])
{
	uint8_t asked[MDNS_QUESTION_MAX];
	size_t n = mdns_write(question, asked);
	size_t n_service = 12 + 1 + strlen(question->instance) + 25 + 4;
	size_t instance = 12, reverse = n_service, at;
	unsigned n_records = story->n_more;

	memcpy(out, asked, n);
	at = n;
	mdns_put(out, 2, 0x8400 ^ story->flags);
	if (story->only_service) {
		mdns_put(out, 4, 1);
		at = n_service;
	} else if (story->only_host) {
		mdns_put(out, 4, 1);
		memmove(out + 12, asked + n_service, n - n_service);
		reverse = 12;
		at = 12 + n - n_service;
	} else if (story->no_questions) {
		mdns_put(out, 4, 0);
		at = 12;
	}
	if (story->port != 0) {
		n_records++;
		if (story->no_questions) {
			memcpy(out + at, asked + 12, n_service - 16);
			instance = at;
			at += n_service - 16;
		} else {
			at = mdns_put(out, at,
				      0xC000U | (unsigned)(story->is_loop ? at : instance));
		}
		at = mdns_put_record(out, at, story->type != 0 ? story->type : 33,
				     story->class != 0 ? story->class : 1,
				     story->is_goodbye ? 0 : 10, (unsigned)(11 + story->rdlength));
		at = mdns_put(out, at, 0);
		at = mdns_put(out, at, 0);
		at = mdns_put(out, at, story->port);
		memcpy(out + at, "\2ab", 3);
		at = mdns_put(out, at + 3,
			      0xC000U | (unsigned)(instance + 1 + strlen(question->instance) + 18));
	}
	if (!story->no_host && !story->only_service && !story->no_questions) {
		n_records++;
		at = mdns_put(out, at, 0xC000U | (unsigned)reverse);
		at = mdns_put_record(out, at, 12, 1, 10, 4);
		memcpy(out + at, "\2ab", 4);
		at += 4;
	}
	mdns_put(out, 6, n_records);
	return at;
}

// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "base/mdns.h"

#include <stdbool.h>
#include <string.h>

#define HEADER_LEN 12
#define NAME_MAX_LEN 255 // RFC 1035 §2.3.4
#define LABEL_MAX_LEN 63
#define RECORDS_MAX 64
#define POINTER 0xC0

#define TYPE_PTR 12
#define TYPE_SRV 33
#define CLASS_IN 1
#define CLASS_FLUSH 0x8000 // RFC 6762 §10.2: says nothing in a reply by unicast

// A response, authoritative, to a standard query, without error; RFC 6762 §18.
#define FLAGS_CHECKED 0xFC0F
#define FLAGS_REPLY 0x8400

// What is read, and how far: `at` is never past n. One thing malformed, and all is.
struct reader {
	const uint8_t *p;
	size_t n, at;
	bool is_bad;
};

static size_t put_u16(uint8_t *out, size_t at, unsigned value)
{
	out[at] = (uint8_t)(value >> 8);
	out[at + 1] = (uint8_t)value;
	return at + 2;
}

static size_t put_label(uint8_t *out, size_t at, const char *label, size_t n)
{
	out[at] = (uint8_t)n;
	memcpy(out + at + 1, label, n);
	return at + 1 + n;
}

static size_t put_labels(uint8_t *out, size_t at, const char *const *labels)
{
	for (; *labels != NULL; labels++) {
		at = put_label(out, at, *labels, strlen(*labels));
	}
	out[at] = 0;
	return at + 1;
}

static size_t put_instance(uint8_t *out, size_t at, const char *instance)
{
	static const char *const type[] = {"_erlang-dist", "_tcp", "local", NULL};

	return put_labels(out, put_label(out, at, instance, strnlen(instance, LABEL_MAX_LEN)),
			  type);
}

// RFC 1035 §3.5 and RFC 3596 §2.5: the last byte, or half of one, comes first.
static size_t put_reverse(uint8_t *out, size_t at, const uint8_t *address, uint8_t len)
{
	static const char *const inet[] = {"in-addr", "arpa", NULL};
	static const char *const inet6[] = {"ip6", "arpa", NULL};
	static const char digits[] = "0123456789abcdef";

	if (len == 16) {
		for (size_t i = 32; i > 0; i--) {
			unsigned byte = address[(i - 1) / 2];

			at = put_label(out, at, &digits[i % 2 == 0 ? byte & 15U : byte >> 4], 1);
		}
		return put_labels(out, at, inet6);
	}
	for (size_t i = 4; i > 0; i--) {
		unsigned byte = address[i - 1];
		char text[3];
		size_t n = 0;

		if (byte >= 100) {
			text[n++] = digits[byte / 100];
		}
		if (byte >= 10) {
			text[n++] = digits[byte / 10 % 10];
		}
		text[n++] = digits[byte % 10];
		at = put_label(out, at, text, n);
	}
	return put_labels(out, at, inet);
}

size_t mdns_write(const struct mdns_question *question, uint8_t out[MDNS_QUESTION_MAX])
{
	size_t at = put_u16(out, 0, question->id);

	memset(out + at, 0, HEADER_LEN - at);
	put_u16(out, 4, 2);
	at = put_instance(out, HEADER_LEN, question->instance);
	at = put_u16(out, at, TYPE_SRV);
	at = put_u16(out, at, CLASS_IN);
	at = put_reverse(out, at, question->address, question->len);
	at = put_u16(out, at, TYPE_PTR);
	return put_u16(out, at, CLASS_IN);
}

static unsigned get_u16(struct reader *reader)
{
	unsigned value;

	if (reader->n - reader->at < 2) {
		reader->is_bad = true;
		return 0;
	}
	value = (unsigned)reader->p[reader->at] << 8 | reader->p[reader->at + 1];
	reader->at += 2;
	return value;
}

static void skip(struct reader *reader, size_t n)
{
	if (reader->n - reader->at < n) {
		reader->is_bad = true;
		return;
	}
	reader->at += n;
}

/*
 * A name, uncompressed into `out`; it ends with the empty label. A pointer may go backwards only,
 * and each further than the one before, so that it ends. RFC 1035 §4.1.4.
 */
static void get_name(struct reader *reader, uint8_t out[NAME_MAX_LEN])
{
	size_t at = reader->at, least = reader->at, len = 0;
	bool is_followed = false;

	for (;;) {
		size_t n = at < reader->n ? reader->p[at] : POINTER - 1U;

		if ((n & POINTER) == POINTER && at + 1 < reader->n) {
			size_t target = (n & ~(size_t)POINTER) << 8 | reader->p[at + 1];

			if (!is_followed) {
				reader->at = at + 2;
				is_followed = true;
			}
			if (target >= least) {
				break;
			}
			at = least = target;
			continue;
		}
		if (n > LABEL_MAX_LEN || reader->n - at < n + 1 || len + n + 1 > NAME_MAX_LEN) {
			break;
		}
		memcpy(out + len, reader->p + at, n + 1);
		len += n + 1;
		at += n + 1;
		if (n == 0) {
			if (!is_followed) {
				reader->at = at;
			}
			return;
		}
	}
	reader->is_bad = true;
	out[0] = 0;
}

static uint8_t fold(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

// Both uncompressed; a length byte is no letter.
static bool is_same_name(const uint8_t *a, const uint8_t *b)
{
	for (;;) {
		size_t n = *a;

		if (n != *b) {
			return false;
		}
		if (n == 0) {
			return true;
		}
		for (size_t i = 1; i <= n; i++) {
			if (fold(a[i]) != fold(b[i])) {
				return false;
			}
		}
		a += n + 1;
		b += n + 1;
	}
}

// The names that are asked for, and which of them a reply is about.
struct exchange {
	uint8_t instance[NAME_MAX_LEN], reverse[NAME_MAX_LEN];
	bool is_instance_asked, is_host_there, is_advertised;
	uint16_t port;
};

// Each question of a reply must be one of ours.
static void get_question(struct reader *reader, struct exchange *exchange)
{
	uint8_t name[NAME_MAX_LEN];
	unsigned type, class;

	get_name(reader, name);
	type = get_u16(reader);
	class = get_u16(reader);
	if (reader->is_bad || class != CLASS_IN) {
		reader->is_bad = true;
	} else if (type == TYPE_SRV && is_same_name(name, exchange->instance)) {
		exchange->is_instance_asked = true;
	} else if (type != TYPE_PTR || !is_same_name(name, exchange->reverse)) {
		reader->is_bad = true;
	}
}

// SRV: priority, weight, port, target, RFC 2782. Return: the port.
static uint16_t get_service(struct reader *reader)
{
	uint8_t target[NAME_MAX_LEN];
	uint16_t port;

	skip(reader, 4);
	port = (uint16_t)get_u16(reader);
	get_name(reader, target);
	return port;
}

static void get_record(struct reader *reader, struct exchange *exchange)
{
	uint8_t name[NAME_MAX_LEN];
	unsigned type, class;
	bool is_goodbye;
	size_t end;

	get_name(reader, name);
	type = get_u16(reader);
	class = get_u16(reader) & ~(unsigned)CLASS_FLUSH;
	is_goodbye = get_u16(reader) == 0;
	is_goodbye &= get_u16(reader) == 0; // the TTL, in two halves
	end = get_u16(reader);
	if (reader->is_bad || reader->n - reader->at < end) {
		reader->is_bad = true;
		return;
	}
	end += reader->at;
	if (type == TYPE_SRV && class == CLASS_IN && !is_goodbye &&
	    is_same_name(name, exchange->instance)) {
		uint16_t port = get_service(reader);

		reader->is_bad |= reader->at != end || port == 0;
		exchange->is_advertised = true;
		exchange->port = port;
	} else if (type == TYPE_PTR && class == CLASS_IN && !is_goodbye &&
		   is_same_name(name, exchange->reverse)) {
		get_name(reader, name);
		reader->is_bad |= reader->at != end;
		exchange->is_host_there = true;
	}
	reader->at = end;
}

enum mdns_reply mdns_read(const struct mdns_question *question, const uint8_t *packet, size_t n,
			  uint16_t *port)
{
	struct reader reader = {.p = packet, .n = n};
	struct exchange exchange;
	size_t n_questions, n_records;

	if (n < HEADER_LEN || n > MDNS_REPLY_MAX || get_u16(&reader) != question->id ||
	    (get_u16(&reader) & FLAGS_CHECKED) != FLAGS_REPLY) {
		return MDNS_NO_REPLY;
	}
	exchange.is_instance_asked = exchange.is_host_there = exchange.is_advertised = false;
	put_instance(exchange.instance, 0, question->instance);
	put_reverse(exchange.reverse, 0, question->address, question->len);
	n_questions = get_u16(&reader);
	n_records = get_u16(&reader);
	n_records += get_u16(&reader);
	n_records += get_u16(&reader);
	if (n_questions < 1 || n_questions > 2 || n_records > RECORDS_MAX) {
		return MDNS_NO_REPLY;
	}
	while (!reader.is_bad && n_questions-- > 0) {
		get_question(&reader, &exchange);
	}
	while (!reader.is_bad && n_records-- > 0) {
		get_record(&reader, &exchange);
	}
	if (reader.is_bad || reader.at != n) {
		return MDNS_NO_REPLY;
	}
	if (exchange.is_advertised) {
		*port = exchange.port;
		return MDNS_ADVERTISED;
	}
	// A responder that answers one question at a time says nothing of the other.
	return exchange.is_host_there && exchange.is_instance_asked ? MDNS_WITHDRAWN
								    : MDNS_NO_REPLY;
}

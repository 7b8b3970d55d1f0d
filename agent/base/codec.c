// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "epmdns/codec.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum kind {
	KIND_NONE = 0,
	KIND_U8,
	KIND_U16,
	KIND_U32,
	KIND_BYTES,   // min..max bytes
	KIND_ADDRESS, // 4 or 16 bytes
};

/*
 * One row a field. `slot` is the offset of its uint32_t, of its struct ep_str, or of the first of
 * `repeat` strings whose count (uint8_t) is at `count`. min and max bound the value of a number and
 * the length of a string.
 */
struct field {
	const char *name;
	enum kind kind;
	uint32_t min, max;
	size_t slot, count;
	uint8_t repeat;
};

#define MEMBER(m) offsetof(struct ep_msg, m)
// clang-format off
#define NUMBER(m, k, lo, hi) {#m, k, lo, hi, MEMBER(m), 0, 0}
#define STRING(m, lo, hi) {#m, KIND_BYTES, lo, hi, MEMBER(m), 0, 0}
#define LIST(name, m, k, lo, hi, cap) {name, k, lo, hi, MEMBER(m), MEMBER(n_##m), cap}
// clang-format on

#define TEXT_MAX 1024
#define FIELDS 64

static const struct field fields[FIELDS] = {
	[EP_F_VERSION] = NUMBER(version, KIND_U16, 0, UINT16_MAX),
	[EP_F_VERSION_MIN] = NUMBER(version_min, KIND_U16, 0, UINT16_MAX),
	[EP_F_SOFTWARE] = STRING(software, 0, 64),
	[EP_F_CAPABILITY] =
		LIST("capability", capabilities, KIND_BYTES, 1, 32, EP_CAPABILITIES_MAX),
	[EP_F_OWNER] = STRING(owner, EP_OWNER_LEN, EP_OWNER_LEN),
	[EP_F_AGENT] = STRING(agent, 1, 32),
	[EP_F_NODE] = STRING(node, 1, EP_NODE_MAX),
	[EP_F_HOST] = STRING(host, 1, EP_HOST_MAX),
	[EP_F_PORT] = NUMBER(port, KIND_U16, 1, UINT16_MAX),
	[EP_F_CARRIER] = NUMBER(carrier, KIND_U8, EP_CARRIER_INET_TCP, EP_CARRIER_INET6_TLS),
	[EP_F_FAMILY] = NUMBER(family, KIND_U8, EP_FAMILY_INET, EP_FAMILY_INET6),
	[EP_F_DIST_HIGH] = NUMBER(dist_high, KIND_U16, 0, UINT16_MAX),
	[EP_F_DIST_LOW] = NUMBER(dist_low, KIND_U16, 0, UINT16_MAX),
	[EP_F_FLAGS] = NUMBER(flags, KIND_U8, 0, UINT8_MAX),
	[EP_F_BOUND] = {"bound", KIND_ADDRESS, 4, 16, MEMBER(bound), 0, 0},
	[EP_F_CREATION] = NUMBER(creation, KIND_U32, 4, UINT32_MAX),
	[EP_F_REVISION] = NUMBER(revision, KIND_U32, 1, UINT32_MAX),
	[EP_F_CLUSTER] = STRING(cluster, 1, EP_CLUSTER_MAX),
	[EP_F_TAG] = LIST("tag", tags, KIND_BYTES, 2, EP_TAGS_BYTES_MAX, EP_TAGS_MAX),
	[EP_F_TIMEOUT_MS] = NUMBER(timeout_ms, KIND_U32, 0, UINT32_MAX),
	[EP_F_FILTER] = NUMBER(filter, KIND_U8, 0, UINT8_MAX),
	[EP_F_ADDRESS] = LIST("address", addresses, KIND_ADDRESS, 4, 16, EP_ADDRESSES_MAX),
	[EP_F_ORIGIN] = NUMBER(origin, KIND_U8, 0, UINT8_MAX),
	[EP_F_INTERFACE] = STRING(interface, 1, 64),
	[EP_F_STATE] = NUMBER(state, KIND_U8, 0, UINT8_MAX),
	[EP_F_AGE_S] = NUMBER(age_s, KIND_U32, 0, UINT32_MAX),
	[EP_F_EVENT] = NUMBER(event, KIND_U8, 0, UINT8_MAX),
	[EP_F_STAT] = LIST("stat", stats, KIND_BYTES, 1, 256, EP_STATS_MAX),
	[EP_F_CODE] = NUMBER(code, KIND_U8, 0, UINT8_MAX),
	[EP_F_TEXT] = STRING(text, 0, TEXT_MAX),
};

#define BIT(field) (UINT64_C(1) << (field))

// The fields without which an op means nothing.
static uint64_t required_fields(uint8_t op)
{
	switch (op) {
	case EP_OP_HELLO:
	case EP_OP_WELCOME:
		return BIT(EP_F_VERSION);
	case EP_OP_REGISTER:
		return BIT(EP_F_NODE) | BIT(EP_F_PORT) | BIT(EP_F_CARRIER) | BIT(EP_F_DIST_HIGH) |
		       BIT(EP_F_DIST_LOW);
	case EP_OP_UNREGISTER:
	case EP_OP_HINT:
		return BIT(EP_F_NODE);
	case EP_OP_LOOKUP:
		return BIT(EP_F_NODE) | BIT(EP_F_FAMILY);
	case EP_OP_REGISTERED:
		return BIT(EP_F_CREATION) | BIT(EP_F_REVISION);
	case EP_OP_FOUND:
		return BIT(EP_F_ADDRESS) | BIT(EP_F_PORT) | BIT(EP_F_DIST_HIGH) |
		       BIT(EP_F_DIST_LOW);
	case EP_OP_ERROR:
		return BIT(EP_F_CODE);
	default: // names, list, watch, cancel, status; done, item, report
		return 0;
	}
}

static uint32_t get_number(const uint8_t *p, size_t n)
{
	uint32_t value = 0;

	for (size_t i = 0; i < n; i++) {
		value = value << 8 | p[i];
	}
	return value;
}

static uint8_t *put_number(uint8_t *p, uint32_t value, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		*p++ = (uint8_t)(value >> (8 * i));
	}
	return p;
}

static size_t number_len(enum kind kind)
{
	return kind == KIND_U8 ? 1 : kind == KIND_U16 ? 2 : 4;
}

static bool is_number(enum kind kind)
{
	return kind == KIND_U8 || kind == KIND_U16 || kind == KIND_U32;
}

static uint32_t *slot_u32(struct ep_msg *msg, const struct field *field)
{
	return (uint32_t *)(void *)((char *)msg + field->slot);
}

static struct ep_str *slot_str(struct ep_msg *msg, const struct field *field)
{
	return (struct ep_str *)(void *)((char *)msg + field->slot);
}

static uint8_t *slot_count(struct ep_msg *msg, const struct field *field)
{
	return (uint8_t *)msg + field->count;
}

static bool is_length_valid(const struct field *field, size_t n)
{
	if (field->kind == KIND_ADDRESS) {
		return n == 4 || n == 16;
	}
	return n >= field->min && n <= field->max;
}

// Store one field's value. Return: NULL, or what is wrong with it.
static const char *take_value(struct ep_msg *msg, const struct field *field, uint32_t tag,
			      struct ep_str value)
{
	bool seen = (msg->present & BIT(tag)) != 0;

	if (is_number(field->kind)) {
		uint32_t number;

		if (value.n != number_len(field->kind)) {
			return "wrong length";
		}
		number = get_number(value.p, value.n);
		if (number < field->min || number > field->max) {
			return "out of range";
		}
		if (tag == EP_F_FAMILY && number != EP_FAMILY_INET && number != EP_FAMILY_INET6) {
			return "neither 4 nor 6";
		}
		if (seen) {
			return "given twice";
		}
		*slot_u32(msg, field) = number;
	} else {
		struct ep_str *slot = slot_str(msg, field);

		if (!is_length_valid(field, value.n)) {
			return "wrong length";
		}
		if (field->repeat > 0) {
			uint8_t *count = slot_count(msg, field);

			if (*count == field->repeat) {
				return "given too often";
			}
			slot += (*count)++;
		} else if (seen) {
			return "given twice";
		}
		*slot = value;
	}
	msg->present |= BIT(tag);
	return NULL;
}

enum ep_result ep_frame(const uint8_t *buf, size_t n, struct ep_str *body)
{
	size_t len;

	if (n < EP_HEADER_LEN) {
		return EP_SHORT;
	}
	len = get_number(buf, EP_HEADER_LEN);
	if (len < EP_BODY_MIN || len > EP_FRAME_MAX) {
		return EP_BAD_FRAME;
	}
	if (n - EP_HEADER_LEN < len) {
		return EP_SHORT;
	}
	*body = (struct ep_str){buf + EP_HEADER_LEN, len};
	return EP_OK;
}

void ep_begin(struct ep_msg *msg, enum ep_op op, uint32_t id)
{
	// The lists are large: only what says how much of them counts is cleared.
	msg->op = (uint8_t)op;
	msg->id = id;
	msg->present = 0;
	msg->n_capabilities = msg->n_tags = msg->n_addresses = msg->n_stats = 0;
}

enum ep_result ep_decode(struct ep_str body, struct ep_msg *msg, struct ep_problem *problem)
{
	const uint8_t *p = body.p;
	const uint8_t *end = body.p + body.n;
	uint64_t missing;
	enum ep_result result = EP_OK;

	*problem = (struct ep_problem){NULL, NULL, 0};
	ep_begin(msg, 0, 0);
	if (body.n < EP_BODY_MIN) {
		problem->what = "a frame body has at least 5 bytes";
		return EP_BAD_FRAME;
	}
	msg->op = *p;
	msg->id = get_number(p + 1, 4);
	p += EP_BODY_MIN;

	while (p < end) {
		struct ep_str value;
		const struct field *field;
		const char *what;
		uint8_t tag;

		if (end - p < 3) {
			problem->what = "a field is cut off";
			return EP_BAD_FRAME;
		}
		tag = *p;
		value = (struct ep_str){p + 3, get_number(p + 1, 2)};
		if ((size_t)(end - value.p) < value.n) {
			problem->what = "a field is longer than its frame";
			return EP_BAD_FRAME;
		}
		p = value.p + value.n;
		if (result != EP_OK) {
			continue; // the rest must still be well-formed
		}
		field = tag < FIELDS ? &fields[tag] : NULL;
		if (field == NULL || field->kind == KIND_NONE) {
			if (tag >= EP_F_CRITICAL) {
				*problem = (struct ep_problem){NULL, "unknown critical field", tag};
				result = EP_BAD_FIELD;
			}
			continue;
		}
		what = take_value(msg, field, tag, value);
		if (what != NULL) {
			*problem = (struct ep_problem){field->name, what, tag};
			result = EP_BAD_FIELD;
		}
	}
	if (ep_op_name(msg->op) == NULL) {
		*problem = (struct ep_problem){NULL, "unknown operation", 0};
		return EP_UNKNOWN_OP;
	}
	missing = required_fields(msg->op) & ~msg->present;
	if (result == EP_OK && missing != 0) {
		uint8_t tag = (uint8_t)__builtin_ctzll(missing);

		*problem = (struct ep_problem){fields[tag].name, "missing", tag};
		result = EP_BAD_FIELD;
	}
	return result;
}

int ep_add(struct ep_msg *msg, enum ep_field tag, const void *p, size_t n)
{
	const struct field *field = &fields[tag];
	uint8_t *count = slot_count(msg, field);

	assert(field->repeat > 0);
	if (*count == field->repeat) {
		return 1;
	}
	slot_str(msg, field)[(*count)++] = (struct ep_str){p, n};
	msg->present |= BIT(tag);
	return 0;
}

static uint8_t *put_header(uint8_t *p, uint32_t tag, size_t n)
{
	*p++ = (uint8_t)tag;
	return put_number(p, (uint32_t)n, 2);
}

size_t ep_encode(const struct ep_msg *msg, uint8_t *buf, size_t cap)
{
	struct ep_msg *m =
		(struct ep_msg *)(uintptr_t)msg; // the slot helpers serve both directions
	uint8_t *p = buf + EP_HEADER_LEN;
	uint8_t *end;

	if (cap > EP_HEADER_LEN + EP_FRAME_MAX) {
		cap = EP_HEADER_LEN + EP_FRAME_MAX;
	}
	if (cap < EP_HEADER_LEN + EP_BODY_MIN) {
		return 0;
	}
	end = buf + cap;
	*p++ = msg->op;
	p = put_number(p, msg->id, 4);
	for (uint64_t rest = msg->present; rest != 0; rest &= rest - 1) {
		uint32_t tag = (uint32_t)__builtin_ctzll(rest);
		const struct field *field = &fields[tag];

		assert(field->kind != KIND_NONE);
		if (is_number(field->kind)) {
			size_t n = number_len(field->kind);

			if ((size_t)(end - p) < 3 + n) {
				return 0;
			}
			p = put_number(put_header(p, tag, n), *slot_u32(m, field), n);
			continue;
		}
		for (uint32_t i = 0; i < (field->repeat > 0 ? *slot_count(m, field) : 1); i++) {
			struct ep_str value = slot_str(m, field)[i];

			assert(is_length_valid(field, value.n));
			if ((size_t)(end - p) < 3 + value.n) {
				return 0;
			}
			p = put_header(p, tag, value.n);
			if (value.n > 0) {
				memcpy(p, value.p, value.n);
			}
			p += value.n;
		}
	}
	put_number(buf, (uint32_t)(p - buf - EP_HEADER_LEN), EP_HEADER_LEN);
	return (size_t)(p - buf);
}

#define NAME_OF(table, number)                                                                     \
	((number) < sizeof(table) / sizeof((table)[0]) ? (table)[(number)] : NULL)

const char *ep_op_name(uint32_t op)
{
	static const char *const requests[] = {
		[EP_OP_HELLO] = "hello",           [EP_OP_REGISTER] = "register",
		[EP_OP_UNREGISTER] = "unregister", [EP_OP_LOOKUP] = "lookup",
		[EP_OP_NAMES] = "names",           [EP_OP_LIST] = "list",
		[EP_OP_WATCH] = "watch",           [EP_OP_CANCEL] = "cancel",
		[EP_OP_STATUS] = "status",         [EP_OP_HINT] = "hint",
	};
	static const char *const answers[] = {
		[EP_OP_WELCOME - 128] = "welcome", [EP_OP_REGISTERED - 128] = "registered",
		[EP_OP_DONE - 128] = "done",       [EP_OP_FOUND - 128] = "found",
		[EP_OP_ITEM - 128] = "item",       [EP_OP_REPORT - 128] = "report",
	};

	if (op == EP_OP_ERROR) {
		return "error";
	}
	return op < 128 ? NAME_OF(requests, op) : NAME_OF(answers, op - 128);
}

const char *ep_code_name(uint32_t code)
{
	static const char *const names[] = {
		[EP_CODE_BAD_FRAME] = "bad_frame",
		[EP_CODE_BAD_VERSION] = "bad_version",
		[EP_CODE_HELLO_FIRST] = "hello_first",
		[EP_CODE_UNKNOWN_OP] = "unknown_op",
		[EP_CODE_BAD_FIELD] = "bad_field",
		[EP_CODE_DUPLICATE_ID] = "duplicate_id",
		[EP_CODE_DUPLICATE_NAME] = "duplicate_name",
		[EP_CODE_NOT_OWNER] = "not_owner",
		[EP_CODE_NOT_FOUND] = "not_found",
		[EP_CODE_ONLY_LINK_LOCAL] = "only_link_local",
		[EP_CODE_LIMIT] = "limit",
		[EP_CODE_TIMEOUT] = "timeout",
		[EP_CODE_UNAVAILABLE] = "unavailable",
	};

	return NAME_OF(names, code);
}

const char *ep_carrier_name(uint32_t carrier)
{
	static const char *const names[] = {
		[EP_CARRIER_INET_TCP] = "inet_tcp",
		[EP_CARRIER_INET6_TCP] = "inet6_tcp",
		[EP_CARRIER_INET_TLS] = "inet_tls",
		[EP_CARRIER_INET6_TLS] = "inet6_tls",
	};

	return NAME_OF(names, carrier);
}

const char *ep_family_name(uint32_t family)
{
	return family == EP_FAMILY_INET ? "inet" : family == EP_FAMILY_INET6 ? "inet6" : NULL;
}

const char *ep_state_name(uint32_t state)
{
	static const char *const names[] = {
		[EP_STATE_UP] = "up",
		[EP_STATE_UNCONFIRMED] = "unconfirmed",
		[EP_STATE_CONFLICT] = "conflict",
	};

	return NAME_OF(names, state);
}

const char *ep_event_name(uint32_t event)
{
	static const char *const names[] = {
		[EP_EVENT_UP] = "up",
		[EP_EVENT_READY] = "ready",
		[EP_EVENT_DOWN] = "down",
		[EP_EVENT_CHANGED] = "changed",
	};

	return NAME_OF(names, event);
}

const char *ep_origin_name(uint32_t origin)
{
	return origin == EP_ORIGIN_LOCAL ? "local" : origin == EP_ORIGIN_LAN ? "lan" : NULL;
}

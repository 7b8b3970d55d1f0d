// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "message.h"

#include <stdio.h>
#include <string.h>

enum kind { NUMBER, STRING, ADDRESS, STRINGS, ADDRESSES };

/*
 * The members of a message, in the order of their tags. min and max are the least and greatest
 * value of a number, or length of a string.
 */
static const struct row {
	const char *name;
	enum ep_field field;
	enum kind kind;
	size_t member, count;
	uint32_t min, max;
} rows[] = {
#define M(m) offsetof(struct ep_msg, m)
	{"version", EP_F_VERSION, NUMBER, M(version), 0, 0, 65535},
	{"version_min", EP_F_VERSION_MIN, NUMBER, M(version_min), 0, 0, 65535},
	{"software", EP_F_SOFTWARE, STRING, M(software), 0, 0, 64},
	{"capability", EP_F_CAPABILITY, STRINGS, M(capabilities), M(n_capabilities), 1, 32},
	{"owner", EP_F_OWNER, STRING, M(owner), 0, 16, 16},
	{"agent", EP_F_AGENT, STRING, M(agent), 0, 1, 32},
	{"node", EP_F_NODE, STRING, M(node), 0, 1, 255},
	{"host", EP_F_HOST, STRING, M(host), 0, 1, 253},
	{"port", EP_F_PORT, NUMBER, M(port), 0, 1, 65535},
	{"carrier", EP_F_CARRIER, NUMBER, M(carrier), 0, 1, 4},
	{"family", EP_F_FAMILY, NUMBER, M(family), 0, 4, 6},
	{"dist_high", EP_F_DIST_HIGH, NUMBER, M(dist_high), 0, 0, 65535},
	{"dist_low", EP_F_DIST_LOW, NUMBER, M(dist_low), 0, 0, 65535},
	{"flags", EP_F_FLAGS, NUMBER, M(flags), 0, 0, 255},
	{"bound", EP_F_BOUND, ADDRESS, M(bound), 0, 4, 16},
	{"creation", EP_F_CREATION, NUMBER, M(creation), 0, 4, UINT32_MAX},
	{"revision", EP_F_REVISION, NUMBER, M(revision), 0, 1, UINT32_MAX},
	{"cluster", EP_F_CLUSTER, STRING, M(cluster), 0, 1, 62},
	{"tag", EP_F_TAG, STRINGS, M(tags), M(n_tags), 2, 200},
	{"timeout_ms", EP_F_TIMEOUT_MS, NUMBER, M(timeout_ms), 0, 0, UINT32_MAX},
	{"filter", EP_F_FILTER, NUMBER, M(filter), 0, 0, 255},
	{"address", EP_F_ADDRESS, ADDRESSES, M(addresses), M(n_addresses), 4, 16},
	{"origin", EP_F_ORIGIN, NUMBER, M(origin), 0, 0, 255},
	{"interface", EP_F_INTERFACE, STRING, M(interface), 0, 1, 64},
	{"state", EP_F_STATE, NUMBER, M(state), 0, 0, 255},
	{"age_s", EP_F_AGE_S, NUMBER, M(age_s), 0, 0, UINT32_MAX},
	{"event", EP_F_EVENT, NUMBER, M(event), 0, 0, 255},
	{"stat", EP_F_STAT, STRINGS, M(stats), M(n_stats), 1, 256},
	{"code", EP_F_CODE, NUMBER, M(code), 0, 0, 255},
	{"text", EP_F_TEXT, STRING, M(text), 0, 0, 1024},
#undef M
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const uint32_t *number_of(const struct ep_msg *msg, const struct row *row)
{
	return (const uint32_t *)(const void *)((const char *)msg + row->member);
}

static const struct ep_str *strings_of(const struct ep_msg *msg, const struct row *row)
{
	return (const struct ep_str *)(const void *)((const char *)msg + row->member);
}

// How many strings a member has.
static size_t count_of(const struct ep_msg *msg, const struct row *row)
{
	bool is_list = row->kind == STRINGS || row->kind == ADDRESSES;

	return is_list ? *((const uint8_t *)msg + row->count) : 1;
}

static bool is_equal(const struct ep_msg *a, const struct ep_msg *b, const struct row *row)
{
	if (row->kind == NUMBER) {
		return *number_of(a, row) == *number_of(b, row);
	}
	if (count_of(a, row) != count_of(b, row)) {
		return false;
	}
	for (size_t i = 0; i < count_of(a, row); i++) {
		const struct ep_str *x = &strings_of(a, row)[i];
		const struct ep_str *y = &strings_of(b, row)[i];

		if (x->n != y->n || (x->n > 0 && memcmp(x->p, y->p, x->n) != 0)) {
			return false;
		}
	}
	return true;
}

bool message_equals(const struct ep_msg *a, const struct ep_msg *b)
{
	if (a->op != b->op || a->id != b->id || a->present != b->present) {
		return false;
	}
	for (size_t i = 0; i < ROWS; i++) {
		if (ep_has(a, rows[i].field) && !is_equal(a, b, &rows[i])) {
			return false;
		}
	}
	return true;
}

const char *message_print(const struct ep_msg *msg, char *text, size_t cap)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		if (!ep_has(msg, row->field)) {
			continue;
		}
		if (row->kind == NUMBER) {
			len += (size_t)snprintf(text + len, cap - len, "%s %u\n", row->name,
						*number_of(msg, row));
			continue;
		}
		for (size_t s = 0; s < count_of(msg, row); s++) {
			struct ep_str value = strings_of(msg, row)[s];

			// The longest line has 1024 bytes in hex.
			if (cap - len < 2 * value.n + 32) {
				return text;
			}
			len += (size_t)snprintf(text + len, cap - len, "%s ", row->name);
			for (size_t b = 0; b < value.n; b++) {
				len += (size_t)snprintf(text + len, cap - len, "%02x", value.p[b]);
			}
			len += (size_t)snprintf(text + len, cap - len, "\n");
		}
	}
	return text;
}

static uint64_t next(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *random >> 33;
}

static uint32_t between(uint64_t *random, uint32_t min, uint32_t max)
{
	switch (next(random) % 8) { // the limits, often
	case 0:
		return min;
	case 1:
		return max;
	default:
		return min + (uint32_t)(next(random) % ((uint64_t)max - min + 1));
	}
}

static struct ep_str string_for(const struct row *row, uint64_t *random, const uint8_t *pool)
{
	bool is_address = row->kind == ADDRESS || row->kind == ADDRESSES;
	uint32_t n =
		is_address ? (next(random) % 2 == 0 ? 4 : 16) : between(random, row->min, row->max);

	if (!is_address && next(random) % 4 != 0 && row->max > 32 && row->min < 32) {
		n = between(random, row->min, 32); // mostly short, for the frame must hold them all
	}
	return (struct ep_str){pool + next(random) % (MESSAGE_POOL - n + 1), n};
}

static void set_random(struct ep_msg *msg, const struct row *row, uint64_t *random,
		       const uint8_t *pool)
{
	char *member = (char *)msg + row->member;
	static const uint8_t caps[] = {
		[EP_F_CAPABILITY] = EP_CAPABILITIES_MAX,
		[EP_F_TAG] = EP_TAGS_MAX,
		[EP_F_ADDRESS] = EP_ADDRESSES_MAX,
		[EP_F_STAT] = EP_STATS_MAX,
	};

	msg->present |= UINT64_C(1) << row->field;
	if (row->kind == NUMBER) {
		uint32_t number = between(random, row->min, row->max);

		if (row->field == EP_F_FAMILY && number == 5) {
			number = EP_FAMILY_INET;
		}
		memcpy(member, &number, sizeof(number));
	} else if (row->kind == STRING || row->kind == ADDRESS) {
		struct ep_str value = string_for(row, random, pool);

		memcpy(member, &value, sizeof(value));
	} else {
		uint8_t n = (uint8_t)between(random, 1, caps[row->field]);

		*((uint8_t *)msg + row->count) = n;
		for (size_t i = 0; i < n; i++) {
			struct ep_str value = string_for(row, random, pool);

			memcpy(member + i * sizeof(value), &value, sizeof(value));
		}
	}
}

// Each op with the fields that it must have, in the words of epmdns-protocol(7).
static const struct {
	enum ep_op op;
	const char *required; // separated by spaces
} ops[] = {
	{EP_OP_HELLO, " version "},
	{EP_OP_REGISTER, " node port carrier dist_high dist_low "},
	{EP_OP_UNREGISTER, " node "},
	{EP_OP_LOOKUP, " node family "},
	{EP_OP_NAMES, ""},
	{EP_OP_LIST, ""},
	{EP_OP_WATCH, ""},
	{EP_OP_CANCEL, ""},
	{EP_OP_STATUS, ""},
	{EP_OP_HINT, " node "},
	{EP_OP_WELCOME, " version "},
	{EP_OP_REGISTERED, " creation revision "},
	{EP_OP_DONE, ""},
	{EP_OP_FOUND, " address port dist_high dist_low "},
	{EP_OP_ITEM, ""},
	{EP_OP_REPORT, ""},
	{EP_OP_ERROR, " code "},
};

static bool is_required(const char *required, const struct row *row)
{
	char word[32];

	snprintf(word, sizeof(word), " %s ", row->name);
	return strstr(required, word) != NULL;
}

bool message_has_field(uint32_t tag)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].field == tag) {
			return true;
		}
	}
	return false;
}

const char *message_missing(uint8_t op, uint64_t present)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		for (size_t r = 0; ops[i].op == op && r < ROWS; r++) {
			if (is_required(ops[i].required, &rows[r]) &&
			    (present >> rows[r].field & 1) == 0) {
				return rows[r].name;
			}
		}
	}
	return NULL;
}

void message_random(struct ep_msg *msg, uint64_t *random, const uint8_t pool[MESSAGE_POOL])
{
	size_t op = (size_t)(next(random) % (sizeof(ops) / sizeof(ops[0])));
	uint64_t density = next(random) % 4;

	memset(msg, 0, sizeof(*msg));
	msg->op = (uint8_t)ops[op].op;
	msg->id = between(random, 0, UINT32_MAX);
	for (size_t i = 0; i < ROWS; i++) {
		if (is_required(ops[op].required, &rows[i]) || next(random) % 4 < density) {
			set_random(msg, &rows[i], random, pool);
		}
	}
}

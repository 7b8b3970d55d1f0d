// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "cli/record.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/text.h"
#include "epmdns/codec.h"

static void *json_alloc(size_t n)
{
	return xcalloc(n > 0 ? n : 1, 1);
}

void record_init(void)
{
	json_set_alloc_funcs(json_alloc, free);
}

static json_t *json_latin1(struct ep_str s)
{
	size_t len;
	char *utf8 = text_from_latin1(s, &len);
	json_t *json = json_stringn(utf8, len);

	free(utf8);
	return json;
}

static json_t *json_bytes(struct ep_str s)
{
	size_t len;
	char *utf8 = text_from_bytes(s, &len);
	json_t *json = json_stringn(utf8, len);

	free(utf8);
	return json;
}

// A constant name; NULL (a number that this version does not know) becomes null.
static json_t *json_word(const char *word)
{
	return word != NULL ? json_string(word) : json_null();
}

static json_t *json_tags(const struct ep_msg *item)
{
	json_t *tags = json_object();

	for (size_t i = 0; i < item->n_tags; i++) {
		struct ep_str tag = item->tags[i];
		const uint8_t *equals = memchr(tag.p, '=', tag.n);
		size_t key_len = equals != NULL ? (size_t)(equals - tag.p) : tag.n;
		char *key = text_from_bytes((struct ep_str){tag.p, key_len}, &key_len);
		json_t *value = json_null();

		if (equals != NULL) {
			size_t rest = tag.n - (size_t)(equals + 1 - tag.p);

			value = json_bytes((struct ep_str){equals + 1, rest});
		}
		json_object_setn_new(tags, key, key_len, value);
		free(key);
	}
	return tags;
}

static json_t *json_addresses(const struct ep_msg *item)
{
	json_t *addresses = json_array();
	char buf[TEXT_ADDRESS_MAX];

	for (size_t i = 0; i < item->n_addresses; i++) {
		json_array_append_new(addresses,
				      json_string(text_address(item->addresses[i], buf)));
	}
	return addresses;
}

static json_t *json_family(const struct ep_msg *item)
{
	if (ep_has(item, EP_F_FAMILY)) {
		return json_word(ep_family_name(item->family));
	}
	if (ep_has(item, EP_F_CARRIER)) {
		return json_word(ep_family_name(ep_carrier_family(item->carrier)));
	}
	return json_null();
}

static void add_node(json_t *object, const struct ep_msg *item)
{
	const uint8_t *at;
	size_t alive_len;

	if (!ep_has(item, EP_F_NODE)) {
		json_object_set_new(object, "node", json_null());
		json_object_set_new(object, "name", json_null());
		json_object_set_new(object, "host", json_null());
		return;
	}
	at = memchr(item->node.p, '@', item->node.n);
	alive_len = at != NULL ? (size_t)(at - item->node.p) : item->node.n;
	json_object_set_new(object, "node", json_latin1(item->node));
	json_object_set_new(object, "name", json_latin1((struct ep_str){item->node.p, alive_len}));
	json_object_set_new(
		object, "host",
		at == NULL ? json_null()
			   : json_latin1((struct ep_str){at + 1, item->node.n - alive_len - 1}));
}

void record_print_object(FILE *out, const json_t *object)
{
	char *line = json_dumps(object, JSON_COMPACT);
	const uint8_t *p = (const uint8_t *)line;
	size_t left = strlen(line);
	size_t step;

	// Jansson escapes only what JSON demands; what else is not plain stands inside a string.
	for (; left > 0; p += step, left -= step) {
		uint32_t code = 0;

		step = text_next(p, left, &code);
		if (step == 0 || text_is_plain(code)) {
			step = step > 0 ? step : 1;
			fwrite(p, 1, step, out);
		} else if (code < 0x10000) {
			fprintf(out, "\\u%04x", (unsigned)code);
		} else {
			code -= 0x10000;
			fprintf(out, "\\u%04x\\u%04x", 0xd800U | code >> 10,
				0xdc00U | (code & 0x3ff));
		}
	}
	fputc('\n', out);
	free(line);
}

#define IF_HAS(field, json) (ep_has(item, (field)) ? (json) : json_null())

void record_print(FILE *out, const struct ep_msg *item, enum record_detail detail,
		  const char *event)
{
	struct ep_msg nothing;
	json_t *object = json_object();
	bool is_full = detail == RECORD_FULL && item != NULL;

	if (item == NULL) {
		ep_begin(&nothing, EP_OP_ITEM, 0);
		item = &nothing;
	}
	if (event != NULL) {
		json_object_set_new(object, "event", json_string(event));
	}
	add_node(object, item);
	json_object_set_new(object, "family", json_family(item));
	json_object_set_new(object, "carrier",
			    IF_HAS(EP_F_CARRIER, json_word(ep_carrier_name(item->carrier))));
	json_object_set_new(object, "addresses",
			    is_full || item->n_addresses > 0 ? json_addresses(item) : json_null());
	json_object_set_new(object, "port", IF_HAS(EP_F_PORT, json_integer(item->port)));
	json_object_set_new(object, "creation",
			    IF_HAS(EP_F_CREATION, json_integer(item->creation)));
	json_object_set_new(object, "cluster", IF_HAS(EP_F_CLUSTER, json_bytes(item->cluster)));
	json_object_set_new(object, "hidden",
			    ep_has(item, EP_F_FLAGS)
				    ? json_boolean((item->flags & EP_FLAG_HIDDEN) != 0)
			    : is_full ? json_false()
				      : json_null());
	json_object_set_new(object, "origin",
			    IF_HAS(EP_F_ORIGIN, json_word(ep_origin_name(item->origin))));
	json_object_set_new(object, "interface",
			    IF_HAS(EP_F_INTERFACE, json_bytes(item->interface)));
	json_object_set_new(object, "state",
			    IF_HAS(EP_F_STATE, json_word(ep_state_name(item->state))));
	json_object_set_new(object, "age_s", IF_HAS(EP_F_AGE_S, json_integer(item->age_s)));
	json_object_set_new(object, "tags",
			    is_full || item->n_tags > 0 ? json_tags(item) : json_null());
	record_print_object(out, object);
	json_decref(object);
}

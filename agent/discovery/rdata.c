// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/rdata.h"

#include <assert.h>
#include <avahi-common/domain.h>
#include <avahi-common/strlst.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static_assert(RDATA_TEXT_MAX == AVAHI_DOMAIN_NAME_MAX, "room for any name of Avahi");

int rdata_service_name(const char *instance, char name[RDATA_TEXT_MAX])
{
	int r = avahi_service_name_join(name, RDATA_TEXT_MAX, instance, SERVICE_TYPE,
					SERVICE_DOMAIN);

	return r < 0 ? -EINVAL : 0;
}

int rdata_subtype_name(const char *label, char name[RDATA_TEXT_MAX])
{
	char *end = name;
	size_t room = RDATA_TEXT_MAX;
	int n;

	if (avahi_escape_label(label, strlen(label), &end, &room) == NULL) {
		return -EINVAL;
	}
	n = snprintf(end, room, "._sub.%s", SERVICE_BASE);
	return n < 0 || (size_t)n >= room ? -EINVAL : 0;
}

int rdata_name(const char *name, uint8_t out[RDATA_NAME_MAX])
{
	char label[AVAHI_LABEL_MAX];
	size_t used = 0;

	while (*name != '\0') {
		size_t n;

		if (avahi_unescape_label(&name, label, sizeof(label)) == NULL) {
			return -EINVAL;
		}
		n = strlen(label);
		// One byte for the length before it, one for the root label behind.
		if (n == 0 || used + 1 + n + 1 > RDATA_NAME_MAX) {
			return -EINVAL;
		}
		out[used++] = (uint8_t)n;
		memcpy(out + used, label, n);
		used += n;
	}
	out[used++] = 0;
	return (int)used;
}

int rdata_srv(uint16_t port, const char *target, uint8_t out[RDATA_SRV_MAX])
{
	int n;

	memset(out, 0, 4);
	out[4] = (uint8_t)(port >> 8);
	out[5] = (uint8_t)(port & 0xff);
	n = rdata_name(target, out + 6);
	return n < 0 ? n : n + 6;
}

static bool begins_with_version(const uint8_t *txt, size_t len)
{
	static const char version[] = "txtvers=";
	const size_t n = sizeof(version) - 1;

	return len > n && txt[0] > n && strncasecmp((const char *)txt + 1, version, n) == 0;
}

int rdata_txt(AvahiStringList *list, uint8_t *out, size_t cap)
{
	size_t len = avahi_string_list_serialize(list, NULL, 0);

	if (len > cap) {
		return -EMSGSIZE;
	}
	avahi_string_list_serialize(list, out, cap);
	if (!begins_with_version(out, len)) {
		// In place, and back again: the list is libavahi's.
		list = avahi_string_list_reverse(list);
		avahi_string_list_serialize(list, out, cap);
		list = avahi_string_list_reverse(list);
		if (!begins_with_version(out, len)) {
			avahi_string_list_serialize(list, out, cap);
		}
	}
	return (int)len;
}

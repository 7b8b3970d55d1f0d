// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/records.h"

#include <avahi-common/error.h>
#include <string.h>

#include "discovery/rdata.h"
#include "discovery/session.h"
#include "model/service.h"

#define CLASS_IN 1
#define TYPE_PTR 12
#define TYPE_TXT 16
#define TYPE_SRV 33

#define TYPES_NAME "_services._dns-sd._udp." SERVICE_DOMAIN // RFC 6763 §9
#define TYPES_TTL_S 4500
#define AGAIN_TTL_S 20 // longer than it is published, if its goodbye is lost

// Where to add records.
struct places {
	size_t n;
	int32_t on[LINK_INTERFACES_MAX];
};

struct record {
	const char *name;
	uint16_t type;
	unsigned flags;
	const uint8_t *rdata;
	int n; // < 0: could not be made
};

static struct places places_of(const struct interfaces *interfaces)
{
	struct places places;

	places.n = interfaces_publish_on(interfaces, places.on);
	return places;
}

static int add(AvahiEntryGroup *group, const struct record *record, uint32_t ttl_s,
	       const struct places *places)
{
	if (record->n < 0) {
		return AVAHI_ERR_INVALID_RECORD;
	}
	for (size_t i = 0; i < places->n; i++) {
		int error = avahi_entry_group_add_record(group, places->on[i], AVAHI_PROTO_UNSPEC,
							 (AvahiPublishFlags)record->flags,
							 record->name, CLASS_IN, record->type,
							 ttl_s, record->rdata, (size_t)record->n);

		if (error < 0) {
			return error;
		}
	}
	return AVAHI_OK;
}

static int add_all(AvahiEntryGroup *group, const struct publication *one, const char *host,
		   const struct places *places, unsigned flags)
{
	unsigned shared = flags | AVAHI_PUBLISH_NO_PROBE;
	unsigned unique = shared | AVAHI_PUBLISH_UNIQUE;
	char name[RDATA_TEXT_MAX], subtype[RDATA_TEXT_MAX] = "", label[SERVICE_LABEL_MAX + 1];
	uint8_t ptr[RDATA_NAME_MAX], srv[RDATA_SRV_MAX];
	struct ep_str cluster = {(const uint8_t *)one->cluster, strlen(one->cluster)};
	struct record records[4];
	size_t n = 0;
	int ptr_len;

	if (rdata_service_name(one->instance, name) < 0) {
		return AVAHI_ERR_INVALID_RECORD;
	}
	// SRV and TXT first, so that nobody who asks between finds a name without them.
	records[n++] =
		(struct record){name, TYPE_SRV, unique, srv, rdata_srv(one->port, host, srv)};
	records[n++] = (struct record){name, TYPE_TXT, unique, one->txt, one->txt_len};
	ptr_len = rdata_name(name, ptr);
	records[n++] = (struct record){SERVICE_BASE, TYPE_PTR, shared, ptr, ptr_len};
	if (cluster.n > 0) {
		service_subtype(cluster, label);
		if (rdata_subtype_name(label, subtype) < 0) {
			return AVAHI_ERR_INVALID_RECORD;
		}
		records[n++] = (struct record){subtype, TYPE_PTR, shared, ptr, ptr_len};
	}
	for (size_t i = 0; i < n; i++) {
		int error = add(group, &records[i], one->ttl_s, places);

		if (error < 0) {
			return error;
		}
	}
	return AVAHI_OK;
}

static int add_type(AvahiEntryGroup *group, const struct interfaces *interfaces)
{
	struct places places = places_of(interfaces);
	uint8_t type[RDATA_NAME_MAX];
	struct record record = {TYPES_NAME, TYPE_PTR, AVAHI_PUBLISH_NO_PROBE, type,
				rdata_name(SERVICE_BASE, type)};

	return add(group, &record, TYPES_TTL_S, &places);
}

/*
 * Commit a group, or free it after an error; but after an error of the connection nothing of that
 * may be used any more, the group included.
 */
static int commit(struct session *session, AvahiEntryGroup *group, int error)
{
	error = error < 0 ? error : avahi_entry_group_commit(group);
	if (error < 0 && session_check(session, error)) {
		session_check(session, avahi_entry_group_free(group));
	}
	return error;
}

static AvahiEntryGroup *group_new(struct session *session, AvahiEntryGroupCallback on_group,
				  void *owner, int *error)
{
	AvahiClient *client = session_client(session);
	AvahiEntryGroup *group = avahi_entry_group_new(client, on_group, owner);

	if (group == NULL) {
		*error = avahi_client_errno(client);
		session_check(session, *error);
	}
	return group;
}

int records_announce(struct session *session, const struct publication *one, const char *host,
		     const struct interfaces *interfaces, AvahiEntryGroupCallback on_group,
		     void *owner, AvahiEntryGroup **group)
{
	struct places places = places_of(interfaces);
	int error = AVAHI_OK;

	*group = group_new(session, on_group, owner, &error);
	if (*group == NULL) {
		return error;
	}
	return commit(session, *group, add_all(*group, one, host, &places, 0));
}

int records_change(AvahiEntryGroup *group, const struct publication *one, const char *host,
		   const struct interfaces *interfaces)
{
	struct places places = places_of(interfaces);

	return add_all(group, one, host, &places, AVAHI_PUBLISH_UPDATE);
}

static void on_quiet_group(AvahiEntryGroup *group, AvahiEntryGroupState state, void *owner)
{
	(void)group, (void)state, (void)owner;
}

size_t records_repeat_max(enum records_what what)
{
	return what == RECORDS_AGAIN ? RECORDS_IN_GROUP : RECORDS_IN_GROUP / 3;
}

static int add_again(AvahiEntryGroup *group, const struct publication *one,
		     const struct places *places)
{
	char name[RDATA_TEXT_MAX];
	uint8_t ptr[RDATA_NAME_MAX];
	struct record record = {RECORDS_AGAIN_TYPE "." SERVICE_DOMAIN, TYPE_PTR,
				AVAHI_PUBLISH_NO_PROBE, ptr, -1};

	if (rdata_service_name(one->instance, name) == 0) {
		record.n = rdata_name(name, ptr);
	}
	return add(group, &record, AGAIN_TTL_S, places);
}

int records_repeat(struct session *session, const struct publication *const *all, size_t n,
		   const char *host, int32_t ifindex, enum records_what what,
		   AvahiEntryGroup **group)
{
	const struct places places = {1, {ifindex}};
	int error = AVAHI_OK;

	*group = group_new(session, on_quiet_group, NULL, &error);
	for (size_t i = 0; i < n && error >= 0; i++) {
		struct publication bare = *all[i];

		bare.cluster[0] = '\0'; // nobody of ours looks for that
		error = what == RECORDS_AGAIN ? add_again(*group, &bare, &places)
					      : add_all(*group, &bare, host, &places, 0);
	}
	return *group != NULL ? commit(session, *group, error) : error;
}

void records_announce_type(struct session *session, const struct interfaces *interfaces)
{
	int error = AVAHI_OK;
	AvahiEntryGroup *group = group_new(session, on_quiet_group, NULL, &error);

	if (group != NULL) {
		commit(session, group, add_type(group, interfaces));
	}
}

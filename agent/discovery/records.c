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

// One record on every interface.
struct record {
	const char *name;
	uint16_t type;
	unsigned flags;
	const uint8_t *rdata;
	int n; // < 0: could not be made
};

static int add(AvahiEntryGroup *group, const struct record *record, uint32_t ttl_s,
	       const struct interfaces *interfaces)
{
	int32_t on[LINK_INTERFACES_MAX];
	size_t n_on = interfaces_publish_on(interfaces, on);

	if (record->n < 0) {
		return AVAHI_ERR_INVALID_RECORD;
	}
	for (size_t i = 0; i < n_on; i++) {
		int error = avahi_entry_group_add_record(group, on[i], AVAHI_PROTO_UNSPEC,
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
		   const struct interfaces *interfaces, unsigned flags)
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
		int error = add(group, &records[i], one->ttl_s, interfaces);

		if (error < 0) {
			return error;
		}
	}
	return AVAHI_OK;
}

static int add_type(AvahiEntryGroup *group, const struct interfaces *interfaces)
{
	uint8_t type[RDATA_NAME_MAX];
	struct record record = {TYPES_NAME, TYPE_PTR, AVAHI_PUBLISH_NO_PROBE, type,
				rdata_name(SERVICE_BASE, type)};

	return add(group, &record, TYPES_TTL_S, interfaces);
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
	int error = AVAHI_OK;

	*group = group_new(session, on_group, owner, &error);
	if (*group == NULL) {
		return error;
	}
	return commit(session, *group, add_all(*group, one, host, interfaces, 0));
}

int records_change(AvahiEntryGroup *group, const struct publication *one, const char *host,
		   const struct interfaces *interfaces)
{
	return add_all(group, one, host, interfaces, AVAHI_PUBLISH_UPDATE);
}

static void on_type_group(AvahiEntryGroup *group, AvahiEntryGroupState state, void *owner)
{
	(void)group, (void)state, (void)owner;
}

void records_announce_type(struct session *session, const struct interfaces *interfaces)
{
	int error = AVAHI_OK;
	AvahiEntryGroup *group = group_new(session, on_type_group, NULL, &error);

	if (group != NULL) {
		commit(session, group, add_type(group, interfaces));
	}
}

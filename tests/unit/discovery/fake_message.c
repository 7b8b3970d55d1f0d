// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "fake_message.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_ref(struct line *line, const struct link_ref *ref)
{
	line_put_bytes(line, ref->instance, strlen(ref->instance));
	line_put_number(line, ref->ifindex);
	line_put_number(line, ref->family);
}

static void put_publish(struct line *line, const struct link_msg *msg)
{
	line_put_text(line, "publish");
	line_put_bytes(line, msg->ref.instance, strlen(msg->ref.instance));
	line_put_number(line, msg->port);
	line_put_number(line, msg->ttl_s);
	if (msg->cluster[0] != '\0') {
		line_put_bytes(line, msg->cluster, strlen(msg->cluster));
	} else {
		line_put_text(line, "-");
	}
	for (size_t at = 0; at < msg->txt_len; at += 1U + msg->txt[at]) {
		line_put_bytes(line, msg->txt + at + 1, msg->txt[at]);
	}
}

void message_describe(const struct link_msg *msg, struct line *line)
{
	switch (msg->op) {
	case LINK_RESET:
		line_put_text(line, "reset");
		break;
	case LINK_PUBLISH:
		put_publish(line, msg);
		break;
	case LINK_WITHDRAW:
		line_put_text(line, "withdraw");
		line_put_bytes(line, msg->ref.instance, strlen(msg->ref.instance));
		break;
	case LINK_END:
		line_put_text(line, "end");
		break;
	case LINK_ASK:
		line_put_text(line, "ask");
		break;
	case LINK_BROWSE:
		line_put_text(line, "browse");
		break;
	case LINK_RESOLVE:
		line_put_text(line, "resolve");
		put_ref(line, &msg->ref);
		break;
	case LINK_SYNC:
		line_put_text(line, "sync");
		line_put_number(line, msg->number);
		if (msg->asks_avahi != 0) {
			line_put_text(line, "avahi");
		}
		break;
	default:
		line_put_text(line, "unknown");
		line_put_number(line, msg->op);
	}
}

static void fill_text(struct link_msg *msg, const struct words *words, size_t from)
{
	size_t used = 0;

	for (size_t i = from; i < words->n && used < sizeof(msg->text); i++) {
		int n = snprintf(msg->text + used, sizeof(msg->text) - used, "%s%s",
				 i > from ? " " : "", words->word[i]);

		used += n > 0 ? (size_t)n : 0;
	}
}

static bool fill_ref(struct link_msg *msg, const struct words *words)
{
	if (words->n < 4 || words->len[1] > LINK_INSTANCE_MAX) {
		return false;
	}
	memcpy(msg->ref.instance, words->word[1], words->len[1]);
	msg->ref.ifindex = atoi(words->word[2]);
	msg->ref.family = (uint8_t)atoi(words->word[3]);
	return true;
}

static bool fill_addresses(struct link_msg *msg, char *list)
{
	char *word;

	while (strcmp(list, "-") != 0 && (word = strsep(&list, ",")) != NULL) {
		struct link_address *address = &msg->addresses[msg->n_addresses];
		char *mark = strchr(word, '!');
		int family = strchr(word, ':') != NULL ? AF_INET6 : AF_INET;

		if (mark != NULL) {
			*mark = '\0';
		}
		if (msg->n_addresses == EP_ADDRESSES_MAX ||
		    inet_pton(family, word, address->bytes) != 1) {
			return false;
		}
		address->len = family == AF_INET6 ? 16 : 4;
		address->is_on_link = mark == NULL;
		msg->n_addresses++;
		if (list == NULL) {
			break;
		}
	}
	return true;
}

static bool fill_resolved(struct link_msg *msg, const struct words *words)
{
	if (!fill_ref(msg, words) || words->n < 7 || !fill_addresses(msg, words->word[6])) {
		return false;
	}
	snprintf(msg->ifname, sizeof(msg->ifname), "%s", words->word[4]);
	msg->port = (uint16_t)atoi(words->word[5]);
	for (size_t i = 7; i < words->n; i++) {
		size_t len = words->len[i];

		if (len > 255 || msg->txt_len + 1 + len > LINK_TXT_MAX) {
			return false;
		}
		msg->txt[msg->txt_len++] = (uint8_t)len;
		memcpy(msg->txt + msg->txt_len, words->word[i], len);
		msg->txt_len = (uint16_t)(msg->txt_len + len);
	}
	return true;
}

static bool fill_state(struct link_msg *msg, const struct words *words)
{
	static const char *const names[] = {
		[LINK_STATE_CONNECTING] = "connecting",
		[LINK_STATE_RUNNING] = "running",
		[LINK_STATE_FAILED] = "failed",
	};

	for (uint8_t i = LINK_STATE_CONNECTING; words->n > 1 && i <= LINK_STATE_FAILED; i++) {
		if (strcmp(words->word[1], names[i]) == 0) {
			msg->state = i;
			fill_text(msg, words, 2);
			return true;
		}
	}
	return false;
}

bool message_compose(struct link_msg *msg, const struct words *words)
{
	static const struct {
		const char *word;
		enum link_op op;
	} refs[] = {{"seen", LINK_SEEN},
		    {"gone", LINK_GONE},
		    {"again", LINK_AGAIN},
		    {"unresolved", LINK_UNRESOLVED}};
	const char *what = words->word[0];

	for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
		if (strcmp(what, refs[i].word) == 0) {
			msg->op = refs[i].op;
			return fill_ref(msg, words);
		}
	}
	if (strcmp(what, "build") == 0) {
		msg->op = LINK_BUILD;
		snprintf(msg->text, sizeof(msg->text), "%s", EPMDNS_VERSION);
		if (words->n > 1) {
			fill_text(msg, words, 1);
		}
		return true;
	}
	if (strcmp(what, "browsing") == 0 || strcmp(what, "lost") == 0) {
		msg->op = what[0] == 'b' ? LINK_BROWSING : LINK_LOST;
		return true;
	}
	if ((strcmp(what, "cut") == 0 || strcmp(what, "mended") == 0) && words->n > 1) {
		msg->op = what[0] == 'c' ? LINK_CUT : LINK_MENDED;
		msg->ref.ifindex = atoi(words->word[1]);
		return true;
	}
	if (strcmp(what, "state") == 0) {
		msg->op = LINK_STATE;
		return fill_state(msg, words);
	}
	if (strcmp(what, "resolved") == 0) {
		msg->op = LINK_RESOLVED;
		return fill_resolved(msg, words);
	}
	if ((strcmp(what, "published") == 0 || strcmp(what, "refused") == 0) && words->n > 1) {
		msg->op = what[0] == 'p' ? LINK_PUBLISHED : LINK_REFUSED;
		snprintf(msg->ref.instance, sizeof(msg->ref.instance), "%s", words->word[1]);
		fill_text(msg, words, 2);
		return true;
	}
	return false;
}

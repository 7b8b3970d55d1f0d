// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/text.h"
#include "epmdns/codec.h"

const char *const output_headings[OUTPUT_COLUMNS] = {
	[OUTPUT_NODE] = "NODE",       [OUTPUT_ADDRESS] = "ADDRESS", [OUTPUT_PORT] = "PORT",
	[OUTPUT_CLUSTER] = "CLUSTER", [OUTPUT_VIA] = "VIA",         [OUTPUT_SEEN] = "SEEN",
};

static char *copy(const char *s)
{
	return xstrndup(s, strlen(s));
}

static bool is_tls(const struct ep_msg *item)
{
	return ep_has(item, EP_F_CARRIER) &&
	       (item->carrier == EP_CARRIER_INET_TLS || item->carrier == EP_CARRIER_INET6_TLS);
}

// What is unusual about a node, for people: " (hidden, conflict)" or nothing.
static void append_notes(const struct ep_msg *item, char *buf, size_t cap)
{
	const char *state = ep_has(item, EP_F_STATE) ? ep_state_name(item->state) : NULL;
	const char *notes[3];
	size_t n = 0;

	if (ep_has(item, EP_F_FLAGS) && (item->flags & EP_FLAG_HIDDEN) != 0) {
		notes[n++] = "hidden";
	}
	if (is_tls(item)) {
		notes[n++] = "tls";
	}
	if (state != NULL && item->state != EP_STATE_UP) {
		notes[n++] = state;
	}
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(buf);

		snprintf(buf + at, cap - at, "%s%s%s", i == 0 ? " (" : ", ", notes[i],
			 i + 1 == n ? ")" : "");
	}
}

static char *seen_cell(const struct ep_msg *item)
{
	char age[TEXT_AGE_MAX];
	char buf[64];

	snprintf(buf, sizeof(buf), "%s",
		 ep_has(item, EP_F_AGE_S) ? text_age(item->age_s, age) : "-");
	append_notes(item, buf, sizeof(buf));
	return copy(buf);
}

static char *via_cell(const struct ep_msg *item)
{
	const char *origin = ep_has(item, EP_F_ORIGIN) ? ep_origin_name(item->origin) : NULL;

	if (ep_has(item, EP_F_INTERFACE) && !(origin != NULL && item->origin == EP_ORIGIN_LOCAL)) {
		return text_printable_bytes(item->interface);
	}
	return copy(origin != NULL ? origin : "-");
}

void output_cells(const struct ep_msg *item, char *cells[OUTPUT_COLUMNS])
{
	char address[TEXT_ADDRESS_MAX];
	char port[8];

	snprintf(port, sizeof(port), "%u", ep_has(item, EP_F_PORT) ? item->port : 0);
	cells[OUTPUT_NODE] = ep_has(item, EP_F_NODE) ? text_printable_name(item->node) : copy("-");
	cells[OUTPUT_ADDRESS] =
		copy(item->n_addresses > 0 ? text_address(item->addresses[0], address) : "-");
	cells[OUTPUT_PORT] = copy(ep_has(item, EP_F_PORT) ? port : "-");
	cells[OUTPUT_CLUSTER] =
		ep_has(item, EP_F_CLUSTER) ? text_printable_bytes(item->cluster) : copy("-");
	cells[OUTPUT_VIA] = via_cell(item);
	cells[OUTPUT_SEEN] = seen_cell(item);
}

void output_cells_free(char *cells[OUTPUT_COLUMNS])
{
	for (size_t i = 0; i < OUTPUT_COLUMNS; i++) {
		free(cells[i]);
		cells[i] = NULL;
	}
}

void output_event(FILE *out, const struct ep_msg *item, const char *event)
{
	char *cells[OUTPUT_COLUMNS];
	char notes[64] = "";

	if (item == NULL) {
		fprintf(out, "%s\n", event);
		return;
	}
	output_cells(item, cells);
	append_notes(item, notes, sizeof(notes));
	fprintf(out, "%-7s  %s  %s  %s  %s  %s%s%s\n", event, cells[OUTPUT_NODE],
		cells[OUTPUT_ADDRESS], cells[OUTPUT_PORT], cells[OUTPUT_CLUSTER], cells[OUTPUT_VIA],
		notes[0] != '\0' ? " " : "", notes);
	output_cells_free(cells);
}

void output_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("epmdns: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

// For a code that comes without words of its own.
static const char *code_words(uint32_t code)
{
	switch ((enum ep_code)code) {
	case EP_CODE_BAD_FRAME:
		return "the agent could not read the request";
	case EP_CODE_BAD_VERSION:
		return "the agent speaks no protocol version that this program speaks";
	case EP_CODE_HELLO_FIRST:
		return "the agent was not greeted";
	case EP_CODE_UNKNOWN_OP:
		return "the agent cannot do this; it is another version of epmdns";
	case EP_CODE_BAD_FIELD:
		return "the agent refuses a value";
	case EP_CODE_DUPLICATE_ID:
		return "the request was numbered like another";
	case EP_CODE_DUPLICATE_NAME:
		return "the name is held by another live program on this machine";
	case EP_CODE_NOT_OWNER:
		return "the name is not ours";
	case EP_CODE_NOT_FOUND:
		return "not found";
	case EP_CODE_ONLY_LINK_LOCAL:
		return "only IPv6 link-local addresses are known, which Erlang cannot use";
	case EP_CODE_LIMIT:
		return "the agent is full";
	case EP_CODE_TIMEOUT:
		return "the agent did not learn it in time";
	case EP_CODE_UNAVAILABLE:
		return "the agent cannot do this now";
	}
	return "the agent refuses";
}

int output_refusal(const char *about, const struct ep_msg *error)
{
	const char *name = ep_code_name(error->code);
	char number[24];
	char *text = ep_has(error, EP_F_TEXT) && error->text.n > 0
			     ? text_printable_bytes(error->text)
			     : copy(code_words(error->code));

	snprintf(number, sizeof(number), "error %u", error->code);
	output_complain("%s%s%s (%s)", about != NULL ? about : "", about != NULL ? ": " : "", text,
			name != NULL ? name : number);
	free(text);
	return error->code == EP_CODE_BAD_FIELD ? EXIT_USAGE : EXIT_NOT_FOUND;
}

int output_finish(int code)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout)) {
		return code;
	}
	if (errno != EPIPE) { // a reader that has seen enough is no news
		output_complain("cannot write the output: %s",
				errno != 0 ? strerror(errno) : "an earlier write failed");
	}
	return 1;
}

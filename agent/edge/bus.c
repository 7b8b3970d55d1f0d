// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/bus.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"

#define ADDRESS_VARIABLE "DBUS_SYSTEM_BUS_ADDRESS"
#define PATH_KEY "unix:path="
#define DEFAULT_PATH "/var/run/dbus/system_bus_socket" // D-Bus specification, "Well-known buses"

// Who asks how to authenticate is told so; the first byte is always NUL.
static const char greeting[] = "\0AUTH\r\n";

struct bus {
	void (*on_known)(void *user, bool answers);
	void *user;
	int fd;
	bool is_elsewhere; // at no path, so that we cannot tell
	struct event *answer;
};

static void on_answer(evutil_socket_t fd, short what, void *user)
{
	struct bus *bus = user;

	(void)fd;
	bus->on_known(bus->user, (what & EV_READ) != 0 || bus->is_elsewhere);
}

// Return: whether it is at a path.
static bool find(struct sockaddr_un *address)
{
	const char *text = getenv(ADDRESS_VARIABLE);
	const char *path = DEFAULT_PATH;
	size_t n = strlen(path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (text != NULL && text[0] != '\0') {
		if (strncmp(text, PATH_KEY, strlen(PATH_KEY)) != 0) {
			return false;
		}
		path = text + strlen(PATH_KEY);
		n = strcspn(path, ",;");
	}
	if (n >= sizeof(address->sun_path)) {
		return false;
	}
	memcpy(address->sun_path, path, n);
	return true;
}

// Return: whether an answer may come.
static bool greet(struct bus *bus)
{
	struct sockaddr_un address;

	bus->is_elsewhere = !find(&address);
	bus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return !bus->is_elsewhere && bus->fd >= 0 &&
	       connect(bus->fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       send(bus->fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) > 0;
}

struct bus *bus_new(struct event_base *base, void (*on_known)(void *user, bool answers), void *user)
{
	struct bus *bus = xcalloc(1, sizeof(*bus));
	struct timeval patience = clock_timeval(BUS_PATIENCE_MS);
	struct timeval at_once = clock_timeval(0);
	bool is_greeted;

	bus->on_known = on_known;
	bus->user = user;
	is_greeted = greet(bus);
	bus->answer = event_new(base, bus->fd, is_greeted ? EV_READ : 0, on_answer, bus);
	event_add(bus->answer, is_greeted ? &patience : &at_once);
	return bus;
}

void bus_free(struct bus *bus)
{
	if (bus == NULL) {
		return;
	}
	event_free(bus->answer);
	if (bus->fd >= 0) {
		close(bus->fd);
	}
	free(bus);
}

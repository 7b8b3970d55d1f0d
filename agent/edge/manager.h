// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The service manager that has started us: told once that we are ready, how we are whenever that
 * has changed, as long as it asks for it that our event loop turns, and that we end. Nothing is
 * armed that is not needed: without a watchdog and without changes there is no timer, without a
 * service manager there never is one.
 */
#pragma once

#include <stddef.h>

#define MANAGER_EVERY_MS 1000 // between two statuses; changes are gathered for that long
#define MANAGER_STATUS_MAX 512
#define MANAGER_SIGNS 3 // of life in the time of a watchdog: one may get lost
#define MANAGER_SIGN_MIN_MS 1
#define MANAGER_SIGN_MAX_MS 86400000

struct event_base;
struct manager;
struct sd;

/*
 * manager_new(): sd is borrowed. describe() puts into text, of cap bytes, how we are: one line.
 * Return: NULL when there is no service manager, which all of these take.
 */
struct manager *manager_new(struct event_base *base, const struct sd *sd,
			    void (*describe)(void *user, char *text, size_t cap), void *user);
void manager_free(struct manager *manager);
// manager_ready(): we serve.
void manager_ready(struct manager *manager);
// manager_touch(): how we are may have changed. Cheap, and does nothing before manager_ready().
void manager_touch(struct manager *manager);
// manager_stopping(): we end; this is the last status. Again: does nothing.
void manager_stopping(struct manager *manager, const char *status);

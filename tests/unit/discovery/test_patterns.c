// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/patterns.h"

#include <errno.h>

#include "test.h"

static void patterns_know_what_containers_make_and_leave_real_links_alone(void **state)
{
	static const char *const ignored[] = {
		"docker0",     "docker_gwbridge", "br-0123456789ab", "podman1",
		"veth12ab34",  "virbr0",          "virbr0-nic",      "vnet3",
		"lxcbr0",      "lxc_health",      "lxdbr0",          "incusbr0",
		"cni0",        "cni-podman0",     "flannel.1",       "cali0123456789a",
		"cilium_host",
	};
	static const char *const used[] = {
		"eth0",          "enp3s0",     "wlan0",      "wlp2s0",  "br0", "br-lan",
		"br-0123456789", "bond0",      "usb0",       "eth0.42", "wg0", "tun0",
		"tap0",          "zt5u4y6ejv", "tailscale0", "bnep0",
	};
	const struct patterns patterns = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(ignored); i++) {
		assert_true(patterns_match(&patterns, ignored[i]));
	}
	for (size_t i = 0; i < COUNT(used); i++) {
		assert_false(patterns_match(&patterns, used[i]));
	}
}

static void patterns_add_to_the_defaults_until_an_empty_one_takes_all_back(void **state)
{
	struct patterns patterns = {0};

	(void)state;
	assert_int_equal(patterns_add(&patterns, "zt*"), 0);
	assert_int_equal(patterns_add(&patterns, "tap[0-3]"), 0);
	assert_true(patterns_match(&patterns, "zt5u4y6ejv"));
	assert_true(patterns_match(&patterns, "tap3"));
	assert_false(patterns_match(&patterns, "tap4"));
	assert_true(patterns_match(&patterns, "docker0"));
	assert_int_equal(patterns_add(&patterns, ""), 0);
	assert_false(patterns_match(&patterns, "zt5u4y6ejv"));
	assert_false(patterns_match(&patterns, "docker0"));
	assert_int_equal(patterns_add(&patterns, "docker*"), 0);
	assert_true(patterns_match(&patterns, "docker0"));
	assert_false(patterns_match(&patterns, "virbr0"));
}

static void patterns_stay_within_their_number_and_length(void **state)
{
	struct patterns patterns = {0};
	char longest[LINK_PATTERN_MAX + 2];

	(void)state;
	memset(longest, '?', sizeof(longest) - 1);
	longest[LINK_PATTERN_MAX + 1] = '\0';
	assert_int_equal(patterns_add(&patterns, longest), -EINVAL);
	longest[LINK_PATTERN_MAX] = '\0';
	for (int i = 0; i < LINK_PATTERNS_MAX; i++) {
		assert_int_equal(patterns_add(&patterns, longest), 0);
	}
	assert_int_equal(patterns_add(&patterns, "x"), -EINVAL);
	assert_false(patterns_match(&patterns, "x"));
	assert_int_equal(patterns_add(&patterns, ""), 0);
	assert_int_equal(patterns_add(&patterns, "x"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_know_what_containers_make_and_leave_real_links_alone),
		cmocka_unit_test(patterns_add_to_the_defaults_until_an_empty_one_takes_all_back),
		cmocka_unit_test(patterns_stay_within_their_number_and_length),
	};

	return cmocka_run_group_tests_name("patterns", tests, NULL, NULL);
}

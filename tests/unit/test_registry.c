// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Who gets a name, and under which creation and revision. What is kept of it:
// test_registry_nodes.c.
#include "registry_story.h"

/*
 * One step of a story. Sessions are 1, 2, …; a token of 0 means that hello gave none. `op` 'r'
 * registers, 'c' closes the session (removes all that it holds), 'n' checks that the node is not
 * there.
 */
struct step {
	char op;
	uint64_t session;
	uid_t uid;
	int token;
	const char *node;
	uint8_t carrier;
	uint16_t port;
	uint32_t creation, revision; // brought along
	// expected
	enum registry_result result;
	enum registry_change change;
	uint64_t holder;
	uint32_t creation_now, revision_now; // of the family
};

static void run_step(struct registry *registry, const struct step *step, size_t number)
{
	struct registry_request request =
		request_of(step->session, step->uid, step->token, step->node);
	struct registry_outcome outcome;
	enum registry_result result;

	if (step->op == 'c') {
		close_session(registry, step->session);
		return;
	}
	if (step->op == 'n') {
		assert_null(registry_find(registry, request.node));
		return;
	}
	request.carrier = step->carrier;
	request.port = step->port;
	request.creation = step->creation;
	request.revision = step->revision;
	result = registry_register(registry, &request, &outcome);
	if (result != step->result || outcome.change != step->change ||
	    outcome.holder != step->holder) {
		print_error("step %zu: result %d change %d holder %d\n", number, (int)result,
			    (int)outcome.change, (int)outcome.holder);
		fail();
	}
	if (result != REGISTRY_OK) {
		assert_null(outcome.node);
		return;
	}
	assert_ptr_equal(outcome.node, registry_find(registry, request.node));
	assert_true(registry_is_owner(outcome.node, step->session));
	assert_int_equal(outcome.node->creation, step->creation_now);
	assert_int_equal(outcome.node->ports[outcome.family].carrier, step->carrier);
	assert_int_equal(outcome.node->ports[outcome.family].port, step->port);
	if (outcome.node->ports[outcome.family].revision != step->revision_now) {
		print_error("step %zu: revision %u\n", number,
			    outcome.node->ports[outcome.family].revision);
		fail();
	}
}

static void run_steps(const struct registry_limits *limits, const struct step *steps, size_t n)
{
	struct registry *registry = registry_new(limits);

	for (size_t i = 0; i < n; i++) {
		run_step(registry, &steps[i], i);
	}
	registry_free(registry);
}

#define V4 EP_CARRIER_INET_TCP
#define V6 EP_CARRIER_INET6_TCP
#define TLS4 EP_CARRIER_INET_TLS

static void registry_refuses_name_when_held_by_another_session(void **state)
{
	static const struct step steps[] = {
		{'r', 1, 10, 1, "a@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 1},
		{'r', 2, 10, 2, "a@h", V4, 2, 0, 0, REGISTRY_E_TAKEN, 0, 1, 0, 0}, // other VM
		{'r', 2, 10, 0, "a@h", V4, 2, 0, 0, REGISTRY_E_TAKEN, 0, 1, 0, 0}, // no token
		{'r', 2, 11, 1, "a@h", V4, 2, 0, 0, REGISTRY_E_TAKEN, 0, 1, 0, 0}, // other user
		{'r', 2, 0, 1, "a@h", V4, 2, 0, 0, REGISTRY_E_TAKEN, 0, 1, 0, 0},  // not even root
		{'r', 2, 10, 2, "a@h", V6, 2, 0, 0, REGISTRY_E_TAKEN, 0, 1, 0, 0}, // other family
		{'r', 2, 10, 2, "A@h", V4, 2, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 2},
		{'r', 2, 10, 2, "a@H", V4, 2, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 3},
		{'c', 1, .node = ""},
		{'r', 2, 10, 2, "a@h", V4, 2, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 4},
	};
	static const struct step tokenless[] = {
		{'r', 1, 10, 0, "a@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 1},
		{'r', 2, 10, 0, "a@h", V4, 2, 0, 0, REGISTRY_E_TAKEN, 0, 1, 0, 0},
		{'r', 2, 10, 1, "a@h", V4, 2, 0, 0, REGISTRY_E_TAKEN, 0, 1, 0, 0},
	};

	(void)state;
	run_steps(&roomy, steps, COUNT(steps));
	run_steps(&roomy, tokenless, COUNT(tokenless));
}

static void registry_changes_nothing_when_the_same_is_registered_again(void **state)
{
	static const struct step steps[] = {
		{'r', 1, 10, 0, "a@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 1},
		{'r', 1, 10, 0, "a@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_UNCHANGED, 0, 77, 1},
		{'r', 1, 10, 0, "a@h", V4, 1, 77, 1, REGISTRY_OK, REGISTRY_UNCHANGED, 0, 77, 1},
		{'r', 1, 10, 0, "a@h", V4, 1, 99, 0, REGISTRY_OK, REGISTRY_UNCHANGED, 0, 77, 1},
		// a client that keeps one revision for both families
		{'r', 1, 10, 0, "a@h", V6, 1, 77, 1, REGISTRY_OK, REGISTRY_CHANGED, 0, 77, 2},
		{'r', 1, 10, 0, "a@h", V4, 1, 77, 2, REGISTRY_OK, REGISTRY_UNCHANGED, 0, 77, 1},
	};

	(void)state;
	run_steps(&roomy, steps, COUNT(steps));
}

static void registry_raises_the_revision_when_data_changes(void **state)
{
	static const struct step steps[] = {
		{'r', 1, 10, 0, "a@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 1},
		{'r', 1, 10, 0, "a@h", V4, 2, 77, 1, REGISTRY_OK, REGISTRY_CHANGED, 0, 77, 2},
		{'r', 1, 10, 0, "a@h", TLS4, 2, 77, 2, REGISTRY_OK, REGISTRY_CHANGED, 0, 77, 3},
		{'r', 1, 10, 0, "b@h", V4, 2, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 4},
		{'r', 1, 10, 0, "a@h", V6, 2, 0, 0, REGISTRY_OK, REGISTRY_CHANGED, 0, 77, 5},
		{'r', 1, 10, 0, "a@h", TLS4, 2, 0, 0, REGISTRY_OK, REGISTRY_UNCHANGED, 0, 77, 3},
	};

	(void)state;
	run_steps(&roomy, steps, COUNT(steps));
}

static void registry_goes_on_above_what_clients_bring_when_the_agent_was_restarted(void **state)
{
	static const struct step steps[] = {
		{'r', 1, 10, 0, "a@h", V4, 1, 1234, 50, REGISTRY_OK, REGISTRY_ADDED, 0, 1234, 51},
		{'r', 1, 10, 0, "a@h", V6, 1, 1234, 60, REGISTRY_OK, REGISTRY_CHANGED, 0, 1234, 61},
		{'r', 2, 10, 0, "b@h", V4, 1, 99, 3, REGISTRY_OK, REGISTRY_ADDED, 0, 99, 62},
		{'r', 3, 10, 0, "c@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 63},
		// the answer was lost, or the request is repeated as it was
		{'r', 1, 10, 0, "a@h", V4, 1, 1234, 50, REGISTRY_OK, REGISTRY_UNCHANGED, 0, 1234,
		 51},
		// nobody can use up the numbers
		{'r', 4, 10, 0, "d@h", V4, 1, 9, UINT32_MAX, REGISTRY_OK, REGISTRY_ADDED, 0, 9, 64},
		{'r', 4, 10, 0, "e@h", V4, 1, 9, 1u << 31, REGISTRY_OK, REGISTRY_ADDED, 0, 9, 65},
		{'r', 4, 10, 0, "f@h", V4, 1, 9, INT32_MAX, REGISTRY_OK, REGISTRY_ADDED, 0, 9,
		 1u << 31},
	};

	(void)state;
	run_steps(&roomy, steps, COUNT(steps));
}

static void registry_lets_the_same_vm_take_over_when_its_old_session_lingers(void **state)
{
	static const struct step steps[] = {
		{'r', 1, 10, 5, "a@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 1},
		{'r', 1, 10, 5, "b@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 2},
		// reconnected: the same data, nothing to announce
		{'r', 2, 10, 5, "a@h", V4, 1, 77, 1, REGISTRY_OK, REGISTRY_UNCHANGED, 1, 77, 1},
		// the displaced session ends: it has b@h alone
		{'c', 1, .node = ""},
		{'n', .node = "b@h"},
		{'r', 2, 10, 5, "a@h", V4, 1, 77, 1, REGISTRY_OK, REGISTRY_UNCHANGED, 0, 77, 1},
		// distribution started anew, on another port
		{'r', 3, 10, 5, "a@h", V4, 9, 0, 0, REGISTRY_OK, REGISTRY_CHANGED, 2, 77, 3},
		{'c', 2, .node = ""},
		{'r', 3, 10, 5, "a@h", V4, 9, 77, 3, REGISTRY_OK, REGISTRY_UNCHANGED, 0, 77, 3},
		// once taken over, a stranger is still refused in the name of the new holder
		{'r', 4, 10, 6, "a@h", V4, 9, 77, 3, REGISTRY_E_TAKEN, 0, 3, 0, 0},
		{'c', 3, .node = ""},
		{'n', .node = "a@h"},
	};

	(void)state;
	run_steps(&roomy, steps, COUNT(steps));
}

static void registry_keeps_creation_and_families_when_taken_over(void **state)
{
	struct registry *registry = registry_new(&roomy);
	struct registry_request request = request_of(1, 10, 5, "a@h");
	struct registry_outcome outcome;
	struct registry_node *node;

	(void)state;
	registry_register(registry, &request, &outcome);
	request.carrier = EP_CARRIER_INET6_TLS;
	request.port = 6000;
	registry_register(registry, &request, &outcome);
	node = outcome.node;
	assert_true(registry_is_same_vm(node, &request.owner));

	request = request_of(2, 10, 5, "a@h");
	request.now_ms = 9000;
	assert_true(registry_is_same_vm(node, &request.owner));
	assert_int_equal(registry_register(registry, &request, &outcome), REGISTRY_OK);
	assert_int_equal(outcome.holder, 1);
	assert_int_equal(outcome.change, REGISTRY_UNCHANGED);
	assert_ptr_equal(outcome.node, node);
	assert_false(registry_is_owner(node, 1));
	assert_int_equal(node->creation, 77);
	assert_int_equal(node->since_ms, 1000);
	assert_int_equal(node->ports[REGISTRY_INET].revision, 1);
	assert_int_equal(node->ports[REGISTRY_INET6].port, 6000);
	assert_null(registry_first_of(registry, 1));
	assert_ptr_equal(registry_first_of(registry, 2), node);
	registry_free(registry);
}

static void registry_refuses_when_a_cap_or_quota_is_reached(void **state)
{
	static const struct registry_limits limits = {
		.nodes = 4, .nodes_per_uid = 3, .nodes_per_session = 2};
	static const struct step steps[] = {
		{'r', 1, 10, 1, "a@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 1},
		{'r', 1, 10, 1, "b@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 2},
		{'r', 1, 10, 1, "c@h", V4, 1, 0, 0, REGISTRY_E_QUOTA_SESSION, 0, 0, 0, 0},
		{'r', 2, 10, 2, "c@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 3},
		{'r', 2, 10, 2, "d@h", V4, 1, 0, 0, REGISTRY_E_QUOTA_UID, 0, 0, 0, 0},
		{'r', 3, 11, 3, "d@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 4},
		{'r', 3, 11, 3, "e@h", V4, 1, 0, 0, REGISTRY_E_FULL, 0, 0, 0, 0},
		// what is held can still be changed and widened
		{'r', 1, 10, 1, "b@h", V4, 2, 0, 0, REGISTRY_OK, REGISTRY_CHANGED, 0, 77, 5},
		{'r', 1, 10, 1, "b@h", V6, 2, 0, 0, REGISTRY_OK, REGISTRY_CHANGED, 0, 77, 6},
		// and taken over, as far as the new session has room
		{'r', 4, 10, 1, "a@h", V4, 1, 77, 0, REGISTRY_OK, REGISTRY_UNCHANGED, 1, 77, 1},
		{'r', 4, 10, 1, "b@h", V4, 2, 77, 0, REGISTRY_OK, REGISTRY_UNCHANGED, 1, 77, 5},
		{'r', 4, 10, 2, "c@h", V4, 1, 77, 0, REGISTRY_E_QUOTA_SESSION, 0, 0, 0, 0},
		{'r', 2, 10, 2, "c@h", V4, 1, 77, 3, REGISTRY_OK, REGISTRY_UNCHANGED, 0, 77, 3},
		// a refused name of another is taken before it is too many
		{'r', 3, 11, 3, "a@h", V4, 1, 0, 0, REGISTRY_E_TAKEN, 0, 4, 0, 0},
		// what goes makes room
		{'c', 4, .node = ""},
		{'r', 2, 10, 2, "e@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 7},
		{'r', 5, 10, 2, "f@h", V4, 1, 0, 0, REGISTRY_OK, REGISTRY_ADDED, 0, 77, 8},
		{'r', 5, 10, 2, "g@h", V4, 1, 0, 0, REGISTRY_E_FULL, 0, 0, 0, 0},
	};

	(void)state;
	run_steps(&limits, steps, COUNT(steps));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registry_refuses_name_when_held_by_another_session),
		cmocka_unit_test(registry_changes_nothing_when_the_same_is_registered_again),
		cmocka_unit_test(registry_raises_the_revision_when_data_changes),
		cmocka_unit_test(
			registry_goes_on_above_what_clients_bring_when_the_agent_was_restarted),
		cmocka_unit_test(registry_lets_the_same_vm_take_over_when_its_old_session_lingers),
		cmocka_unit_test(registry_keeps_creation_and_families_when_taken_over),
		cmocka_unit_test(registry_refuses_when_a_cap_or_quota_is_reached),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}

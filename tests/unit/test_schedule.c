// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/schedule.h"

#include "model/claim.h"

#include "test.h"

#define CLAIMS 200

static void schedule_is_empty_when_nothing_has_a_deadline(void **state)
{
	struct schedule schedule = {NULL, 0, 0};
	struct claim *claim = claim_new("x", 1);

	(void)state;
	assert_null(schedule_first(&schedule));
	schedule_update(&schedule, claim); // never
	assert_null(schedule_first(&schedule));
	schedule_remove(&schedule, claim);
	claim->liveness.deadline_ms = 5;
	schedule_update(&schedule, claim);
	schedule_update(&schedule, claim);
	assert_ptr_equal(schedule_first(&schedule), claim);
	claim->liveness.deadline_ms = LIVENESS_NEVER;
	schedule_update(&schedule, claim);
	assert_null(schedule_first(&schedule));
	schedule_fini(&schedule);
	schedule_fini(&schedule);
	claim_free(claim);
}

static void schedule_has_the_next_first_when_deadlines_come_change_and_go(void **state)
{
	struct schedule schedule = {NULL, 0, 0};
	struct claim *claims[CLAIMS];
	uint64_t random = 7;

	(void)state;
	for (size_t i = 0; i < CLAIMS; i++) {
		claims[i] = claim_new("x", i);
	}
	for (int step = 0; step < 20000; step++) {
		struct claim *claim = claims[random_below(&random, CLAIMS)];
		uint64_t least_ms = LIVENESS_NEVER;

		switch (random_below(&random, 4)) {
		case 0:
			schedule_remove(&schedule, claim);
			claim->liveness.deadline_ms = LIVENESS_NEVER;
			break;
		case 1:
			claim->liveness.deadline_ms = LIVENESS_NEVER;
			schedule_update(&schedule, claim);
			break;
		default:
			claim->liveness.deadline_ms = random_below(&random, 50); // many equal
			schedule_update(&schedule, claim);
			break;
		}
		for (size_t i = 0; i < CLAIMS; i++) {
			if (claims[i]->liveness.deadline_ms < least_ms) {
				least_ms = claims[i]->liveness.deadline_ms;
			}
		}
		if (least_ms == LIVENESS_NEVER) {
			assert_null(schedule_first(&schedule));
		} else {
			assert_int_equal(schedule_first(&schedule)->liveness.deadline_ms, least_ms);
		}
	}
	schedule_fini(&schedule);
	for (size_t i = 0; i < CLAIMS; i++) {
		claim_free(claims[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedule_is_empty_when_nothing_has_a_deadline),
		cmocka_unit_test(schedule_has_the_next_first_when_deadlines_come_change_and_go),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""How all tests wait: for a condition, with a deadline."""

import time


def wait_until(predicate, timeout=10.0, what="a condition", interval=0.02):
    """Call predicate until it returns something true, and return that.

    Tests never sleep: they say what they wait for, and for how long at most. what: text, or a function that
    makes it when the wait was in vain.
    """
    deadline = time.monotonic() + timeout
    while True:
        seen = predicate()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for {what() if callable(what) else what}")
        time.sleep(interval)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The environment in which tests run our programs."""

import os
import re

FOREIGN = re.compile(r"(EPMDNS|LISTEN|XDG)_|(NOTIFY_SOCKET|RUNTIME_DIRECTORY|JOURNAL_STREAM)$")


def clean_environment(**extra):
    """Ours, without what would tell the daemon where to serve or to whom it belongs."""
    env = {key: value for key, value in os.environ.items() if not FOREIGN.match(key)}
    return {**env, "LC_ALL": "C.UTF-8", **extra}

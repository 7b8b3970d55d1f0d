# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""pytest as a TAP producer, so that Meson counts its cases: pytest -p pytest_tap -p no:terminal."""


class Tap:
    def __init__(self):
        self.number = 0

    def pytest_collection_finish(self, session):
        print(f"1..{len(session.items)}", flush=True)

    def pytest_collectreport(self, report):
        if report.failed:
            self.say(report.longreprtext)
            print("Bail out! cannot be collected", flush=True)

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.passed:
            return
        if report.when == "teardown":
            self.say(report.longreprtext)  # its case is counted already; the exit code tells
            return
        self.number += 1
        reason = f" # SKIP {report.longrepr[2]}" if report.skipped else ""
        print(f"{'not ' if report.failed else ''}ok {self.number} - {report.nodeid}{reason}", flush=True)
        if report.failed:
            self.say(report.longreprtext)
            for title, text in report.sections:  # what conftest.py has put beside it, and what was captured
                self.say(f"{title}:\n{text}")

    @staticmethod
    def say(text):
        for line in text.splitlines():
            print(f"# {line}", flush=True)


def pytest_configure(config):
    config.pluginmanager.register(Tap(), "tap")

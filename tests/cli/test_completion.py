# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Completion in a real bash on a terminal, with the package bash-completion and without."""

import os
import pty
import re
import select
import subprocess
import time

import pytest
from conftest import BUILD, DEADLINE_S, TREE
from scripts import ALICE, BOB, answering

PACKAGE = "/usr/share/bash-completion/bash_completion"
ODD = {**BOB, "node": b"o'dd$x@b:7;&.home"}  # a host part may have all that OTP's shell and ours would obey
NODES = (ALICE, BOB, ODD)
LATIN = {**BOB, "node": b"bob@z\xfcrich"}

# Rc files set the prompt and read nothing of the user's. The last two keys: what is on the line, and insert all that
# could be there.
SETUP = r"""
PS1= PS2=
bind 'set enable-bracketed-paste off'
bind 'set bell-style none'
bind 'set completion-query-items 0'
bind -x '"\C-x\C-p": printf "\nline <%s>\n" "$READLINE_LINE"'
bind '"\C-x\C-a": insert-completions'
"""


class Bash:
    """An interactive shell; keys are typed, and its line is read back."""

    def __init__(self, place, package):
        home = place.directory
        completions = home / "bash-completion/completions"
        completions.mkdir(parents=True)
        (completions / "epmdns").symlink_to(TREE / "packaging/completion/epmdns")
        (completions / "epmdnsd").symlink_to("epmdns")
        source = PACKAGE if package else completions / "epmdns"
        (home / "bashrc").write_text(f"source {source}\n{SETUP}")
        env = {
            **place.env, "HOME": str(home), "TERM": "dumb", "PATH": f"{BUILD / 'agent'}:{os.environ['PATH']}",
            "BASH_COMPLETION_USER_DIR": str(home / "bash-completion"),
        }  # fmt: skip
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("bash", ["bash", "--noprofile", "--rcfile", str(home / "bashrc"), "-i"], env)
        self.seen = ""
        self.type("true ready")
        assert self.line() == "true ready"

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def line(self):
        """What is on the line, which is then emptied."""
        self.type("\x18\x10")
        deadline = time.monotonic() + DEADLINE_S
        while (found := re.search(r"^line <(.*)>\r$", self.seen, re.M)) is None:
            assert time.monotonic() < deadline, f"no line; the terminal shows {self.seen!r}"
            if select.select([self.terminal], [], [], 1)[0]:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")
        self.told, self.seen = self.seen, ""
        self.type("\x05\x15")
        return found.group(1)

    def completed(self, line):
        """What the tabulator makes of a line."""
        self.type(line + "\t")
        return self.line()

    def offered(self, line):
        """All that could be the last word of a line, or the rest of it from where Readline breaks it."""
        self.type(line + "\x18\x01")
        whole = self.line()
        start = line[: max(line.rindex(" "), line.rfind("=")) + 1]
        assert whole.startswith(start), whole
        return set(whole[len(start) :].split())

    def close(self):
        os.close(self.terminal)  # it is hung up on
        os.waitpid(self.pid, 0)


@pytest.fixture(params=[False, True], ids=["bare", "package"])
def bash(place, request):
    if request.param and not os.path.exists(PACKAGE):
        pytest.skip("the package bash-completion is not installed")
    shell = Bash(place, request.param)
    yield shell
    shell.close()


def help_of(program, *args):
    return subprocess.run([BUILD / "agent" / program, *args], capture_output=True, text=True, check=True).stdout


def options_in(text):
    return set(re.findall(r"^  (--[\w-]+)", text, re.M))


COMMANDS = re.findall(r"^  (\w+)", help_of("epmdns", "help").split("Commands:")[1].split("Options:")[0], re.M)


def test_commands_are_those_of_the_help(bash):
    assert bash.offered("epmdns ") == {*COMMANDS, "--help", "--version"}
    assert bash.offered("epmdns help ") == set(COMMANDS)
    assert bash.completed("epmdns loo") == "epmdns lookup "
    assert bash.completed("epmdns --ver") == "epmdns --version "


def test_options_are_those_of_the_help(bash):
    for command in COMMANDS:
        if command != "help":
            assert bash.offered(f"epmdns {command} --") == options_in(help_of("epmdns", "help", command))
    assert len(options_in(help_of("epmdnsd", "--help"))) > 10
    assert bash.offered("epmdnsd --") == options_in(help_of("epmdnsd", "--help"))
    assert bash.offered("epmdnsd ") == bash.offered("epmdnsd --")
    assert bash.completed("epmdnsd --disc") == "epmdnsd --discovery-program "


def test_values_are_those_of_the_help(bash):
    text = help_of("epmdnsd", "--help")
    for option in ("--backend", "--log-level"):
        values = set(re.search(rf"{option} ([a-z|]+)", text).group(1).split("|"))
        assert len(values) > 1
        assert bash.offered(f"epmdnsd {option} ") == values
        assert bash.offered(f"epmdnsd --ttl 9 {option}=") == values
    assert bash.completed("epmdnsd --log-level=w") == "epmdnsd --log-level=warn "
    carriers = set(re.findall(r"inet6?_\w+", help_of("epmdns", "help", "register")))
    assert bash.offered("epmdns register --carrier ") == carriers
    assert bash.completed("epmdns register --carrier=inet6_tl") == "epmdns register --carrier=inet6_tls "
    for option in ("--interface", "--ignore-interface"):
        assert bash.offered(f"epmdnsd {option} ") == set(os.listdir("/sys/class/net"))


def test_paths_are_completed_as_ever(bash, place):
    (place.directory / "some file").touch()
    assert bash.completed(f"epmdnsd --socket {place.directory}/som") == (
        rf"epmdnsd --socket {place.directory}/some\ file "
    )
    assert bash.completed(f"epmdnsd --socket={place.directory}/bashr") == f"epmdnsd --socket={place.directory}/bashrc "


def test_what_takes_free_text_is_offered_nothing(bash):
    for line in ("epmdnsd --ttl ", "epmdns list --cluster ", "epmdns register a@b ", "epmdns register ", "epmdns list ",
                 "epmdns nonsense ", "epmdns lookup a@b "):  # fmt: skip
        assert bash.offered(line) == set()


TYPED = {
    "ali": "alice@a.home ", "alice@": "alice@a.home ", "alice@a.": "alice@a.home ", "bob@b": "bob@b.home ",
    "'bob@b": "'bob@b.home' ", '"bob@b': '"bob@b.home" ', "--json b": "--json bob@b.home ",
    "-- b": "-- bob@b.home ", "--timeout 5 b": "--timeout 5 bob@b.home ",
    "o": r"o\'dd\$x@b:7\;\&.home ", r"o\'d": r"o\'dd\$x@b:7\;\&.home ", r"o\'dd\$x@": r"o\'dd\$x@b:7\;\&.home ",
    r"o\'dd\$x@b:": r"o\'dd\$x@b:7\;\&.home ", r"o\'dd\$x@b:7": r"o\'dd\$x@b:7\;\&.home ",
    '"o': '"o\'dd\\$x@b:7;&.home" ', '"o\'dd\\$x@b:': '"o\'dd\\$x@b:7;&.home" ',
    "'o": "'o", "x": "x",
}  # fmt: skip


def test_names_of_nodes_are_completed_whatever_is_in_them(bash, place):
    with place.agent(*[answering("list", *NODES)] * len(TYPED)):
        for typed, completed in TYPED.items():
            assert bash.completed(f"epmdns lookup {typed}") == f"epmdns lookup {completed}"


def test_what_was_completed_is_the_name(bash, place):
    """The shell makes of it the word that the node is called."""
    with place.agent(answering("list", *NODES)):
        line = bash.completed("epmdns lookup o")
    words = subprocess.run(["bash", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True).stdout.splitlines()
    assert words == ["epmdns", "lookup", ODD["node"].decode()]


def test_letters_beyond_ascii(bash, place):
    with place.agent(answering("list", ALICE, LATIN)):
        assert bash.completed("epmdns lookup bob@z") == "epmdns lookup bob@zürich "


def test_all_nodes_are_offered_hidden_ones_too_and_hosts_to_names(bash, place):
    def asserting(request):
        assert request["filter"] == 1

    odd = ODD["node"].decode().replace("'", r"\'").replace("$", r"\$").replace(";", r"\;").replace("&", r"\&")
    with place.agent(answering("list", *NODES, asserting=asserting)):
        assert bash.offered("epmdns lookup ") == {"alice@a.home", "bob@b.home", odd}
    place.socket.unlink()
    with place.agent(answering("list", ALICE, {**BOB, "node": b"bert@b.home"}, BOB)):
        assert bash.offered("epmdns names ") == {"a.home", "b.home", "localhost"}


def test_what_cannot_be_typed_is_not_offered(bash, place):
    with place.agent(answering("list", {**BOB, "node": b"bob@\x1b[2J"}, ALICE)):
        assert bash.offered("epmdns lookup ") == {"alice@a.home"}


def test_without_an_agent_nothing_is_said(bash):
    assert bash.completed("epmdns lookup ali") == "epmdns lookup ali"
    assert "no agent" not in bash.told and "error" not in bash.told


def test_an_agent_that_does_not_answer_holds_nobody_up(bash, place):
    def silent(session):
        session.welcome()
        session.expect("list")
        session.until_closed()

    with place.agent(silent):
        began = time.monotonic()
        assert bash.completed("epmdns lookup ali") == "epmdns lookup ali"
        assert time.monotonic() - began < DEADLINE_S / 2
    assert "does not answer" not in bash.told

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Every command with agents that are not there, not themselves, or somewhere else; help and usage."""

import json
import os
import socket

import epmdns_wire as wire
import pytest
from scripts import ALICE, BOB, answering

# any command: agents that are not there, or not themselves

EVERY = [
    ("list",), ("list", "--json"), ("watch",), ("lookup", "a@b"), ("names",), ("register", "a@b", "1"), ("status",),
]  # fmt: skip
every = pytest.mark.parametrize("command", EVERY, ids=" ".join)
but_watch = pytest.mark.parametrize("command", [c for c in EVERY if c != ("watch",)], ids=" ".join)


@every
def test_no_agent(place, command):
    assert place.run(*command) == (
        3,
        "",
        f"epmdns: no agent answers at {place.socket} (No such file or directory);"
        " start epmdnsd there, or correct EPMDNS_SOCKET\n",
    )


@every
def test_no_agent_behind_the_socket(place, command):
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(place.socket))
    code, out, err = place.run(*command)
    assert (code, out) == (3, "")
    assert "(Connection refused)" in err


@every
def test_agent_closes_at_once(place, command):
    with place.agent(lambda session: None):
        assert place.run(*command) == (3, "", f"epmdns: the agent at {place.socket} closed the connection\n")


@but_watch
def test_agent_closes_before_it_answers(place, command):
    def script(session):
        session.welcome()
        session.receive()

    with place.agent(script):
        assert place.run(*command) == (3, "", f"epmdns: the agent at {place.socket} closed the connection\n")


def test_agent_closes_amid_the_answer(place):
    def script(session):
        session.welcome()
        request = session.expect("list")
        session.send("item", request.id, **ALICE)
        session.write(wire.encode("item", request.id, **BOB)[:-1])

    with place.agent(script, script):
        assert place.run("list") == (3, "", f"epmdns: the agent at {place.socket} closed the connection\n")
        code, out, err = place.run("list", "--json")
    assert (code, json.loads(out)["name"]) == (3, "alice")
    assert "closed the connection" in err


@every
def test_agent_speaks_something_else(place, command):
    def script(session):
        session.write(b"\xff\xffHTTP/1.1 400 Bad Request\r\n\r\n")
        session.receive()

    with place.agent(script):
        code, out, err = place.run(*command)
    assert (code, out) == (3, "")
    assert err == f"epmdns: the agent at {place.socket} does not speak the protocol of epmdns\n"


@every
def test_agent_speaks_another_version(place, command):
    def script(session):
        session.error(session.expect("hello").id, "bad_version", b"this agent speaks 2 to 3")
        session.until_closed()

    with place.agent(script):
        assert place.run(*command) == (
            3,
            "",
            f"epmdns: the agent at {place.socket} refuses this program: this agent speaks 2 to 3 (bad_version)\n",
        )


@every
def test_agent_welcomes_with_a_version_that_was_not_offered(place, command):
    def script(session):
        session.welcome(version=2)
        session.until_closed()

    with place.agent(script):
        code, _, err = place.run(*command)
    assert code == 3 and "does not speak protocol version 1" in err


@every
def test_agent_refuses(place, command):
    def script(session):
        session.welcome()
        while (request := session.receive()) is not None:
            session.error(request.id, "limit", b"too many sessions")

    with place.agent(script):
        code, out, err = place.run(*command)
    assert (code, out) == (1, "")
    assert err.endswith("too many sessions (limit)\n") and err.count("\n") == 1


def test_error_of_a_later_version_has_a_number(place):
    with place.agent(answering("list", final=("error", {"code": 99}))):
        assert place.run("list") == (1, "", "epmdns: the agent refuses (error 99)\n")


def test_unreadable_answer(place):
    def script(session):
        session.welcome()
        request = session.expect("list")
        session.write(wire.frame(wire.encode_body("item", request.id) + b"\x80\x00\x00"))
        session.until_closed()

    with place.agent(script):
        code, _, err = place.run("list")
    assert code == 3 and "cannot read: unknown critical field" in err


def test_silent_agent_is_given_up(place):
    def script(session):
        session.welcome()
        session.expect("list")
        session.until_closed()

    with place.agent(script):
        assert place.run("list") == (3, "", f"epmdns: the agent at {place.socket} does not answer\n")


def test_answers_to_others_are_skipped(place):
    def script(session):
        session.welcome()
        request = session.expect("list")
        session.send("done", request.id + 1)
        session.send("done", request.id)
        session.until_closed()

    with place.agent(script):
        assert place.run("list")[0] == 0


def test_hello_says_who_asks(place):
    def script(session):
        hello = session.welcome()
        assert (hello["version"], hello["version_min"]) == (1, 1)
        assert hello["software"].startswith(b"epmdns/")
        assert "owner" not in hello
        session.send("done", session.expect("list").id)
        session.until_closed()

    with place.agent(script):
        assert place.run("list")[0] == 0


# where the agent is


def test_the_users_agent_comes_first(place):
    (place.directory / "epmdns").mkdir()
    env = {"EPMDNS_SOCKET": "", "XDG_RUNTIME_DIR": str(place.directory)}
    with place.agent(answering("list"), path=place.directory / "epmdns/socket"):
        assert place.run("list", env=env)[0] == 0


def test_both_sockets_are_named(place):
    env = {"EPMDNS_SOCKET": "", "XDG_RUNTIME_DIR": str(place.directory)}
    code, _, err = place.run("list", env=env)
    if code != 3:
        pytest.skip("this machine runs an agent")
    assert f"{place.directory}/epmdns/socket (No such file or directory) or /run/epmdns/socket (" in err


def test_epmdns_socket_stands_alone(place):
    (place.directory / "epmdns").mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(place.directory / "epmdns/socket"))
        other.listen()
        assert place.run("list", env={"XDG_RUNTIME_DIR": str(place.directory)})[0] == 3


def test_too_long_a_path_is_said(place):
    code, _, err = place.run("list", env={"EPMDNS_SOCKET": "/" + 300 * "x"})
    assert code == 3 and "(File name too long)" in err and err.count("\n") == 1


# help and usage


def test_help_and_version(place):
    code, out, err = place.run("--help")
    assert (code, err) == (0, "")
    assert place.run("help") == place.run("-h") == (code, out, err)
    assert place.run("help", "list") == place.run("list", "--help")
    assert place.run("--version")[1].startswith("epmdns ")
    assert place.run() == (2, "", out)


@pytest.mark.parametrize(
    "args, word",
    [(("frob",), "frob"), (("help", "frob"), "frob"), (("list", "--frob"), "--frob"), (("lookup",), "NODE"),
     (("register", "a@b", "0"), "'0'"), (("register", "a@b", "1", "--tag", "x"), "'x'"), (("list", "x"), "x")],
)  # fmt: skip
def test_usage_errors_name_the_word(place, args, word):
    code, out, err = place.run(*args)
    assert (code, out) == (2, "")
    assert err.startswith("epmdns: ") and word in err and err.count("\n") == 1


def test_a_full_disk_is_said(place):
    with open("/dev/full", "w") as full, place.agent(answering("list", ALICE)):
        running = place.start("list", stdout=full)
        assert running.popen.wait(30) == 1
        assert running.err(1) == ["epmdns: cannot write the output: No space left on device"]


def test_a_closed_output_is_said_and_never_goes_to_the_agent(place):
    with place.agent(answering("list", ALICE)):
        running = place.start("list", stdout=None, preexec_fn=lambda: os.close(1))
        assert running.popen.wait(30) == 1
        assert running.err(1) == ["epmdns: cannot write the output: Bad file descriptor"]

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What the commands that ask once print, and how they end."""

import json
import socket

import epmdns_wire as wire
import pytest
from scripts import ALICE, BOB, KEYS, answering, refusing

# list


def test_list_prints_a_table(place):
    with place.agent(answering("list", BOB, ALICE)):
        assert place.run("list") == (
            0,
            "NODE          ADDRESS       PORT   CLUSTER  VIA    SEEN\n"
            "alice@a.home  127.0.0.1     41231  -        local  2 min\n"
            "bob@b.home    192.168.1.17  38251  red      eth0   7 s\n",
            "",
        )


def test_list_shows_what_is_unusual(place):
    with place.agent(answering("list", {**BOB, "state": 2, "flags": 1}, {**ALICE, "state": 3, "carrier": 3})):
        out = place.run("list", "--all")[1]
    assert "2 min (tls, conflict)\n" in out
    assert "7 s (hidden, unconfirmed)\n" in out


def test_list_of_nothing_says_so(place):
    with place.agent(answering("list")):
        assert place.run("list") == (0, "", "epmdns: no nodes\n")
    place.socket.unlink()
    with place.agent(answering("list")):
        assert place.run("list", "--cluster", "red") == (0, "", "epmdns: no nodes in cluster red\n")


def test_list_asks_for_what_was_typed(place):
    def asserting(request):
        assert request.fields == {"filter": 1, "cluster": b"red"}

    with place.agent(answering("list", asserting=asserting)):
        assert place.run("list", "--all", "--cluster=red", "--json") == (0, "", "")


def test_list_json_has_all_keys_in_order(place):
    with place.agent(answering("list", ALICE, BOB)):
        code, out, err = place.run("list", "--json")
    assert (code, err) == (0, "")
    alice, bob = [json.loads(line) for line in out.splitlines()]
    assert list(alice) == KEYS and list(bob) == KEYS
    assert bob == {
        "node": "bob@b.home", "name": "bob", "host": "b.home", "family": "inet", "carrier": "inet_tcp",
        "addresses": ["192.168.1.17", "10.0.0.9"], "port": 38251, "creation": 4294967295, "cluster": "red",
        "hidden": False, "origin": "lan", "interface": "eth0", "state": "up", "age_s": 7,
        "tags": {"role": "db", "rack": "4"},
    }  # fmt: skip
    assert (alice["cluster"], alice["interface"], alice["tags"]) == (None, None, {})


def test_list_turns_latin1_into_utf8(place):
    odd = {**BOB, "node": b"z\xe9@h\x9b\xff"}
    with place.agent(answering("list", odd), answering("list", odd)):
        assert "zé@h\\x9bÿ" in place.run("list")[1]
        assert json.loads(place.run("list", "--json")[1])["node"] == "zé@h\x9bÿ"


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_list_writes_nothing_that_moves_a_terminal(place, option):
    evil = {**BOB, "node": b"\x1b[2J\x07@h", "cluster": "\u202e\u009b1m".encode(), "tag": [b"k=\x9b\x1b"]}
    with place.agent(answering("list", evil)):
        out = place.run("list", *option)[1]
    assert out.replace("\n", "").isprintable()


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_list_takes_any_number_of_nodes(place, option):
    def script(session):
        session.welcome()
        request = session.expect("list")
        frames = [wire.encode("item", request.id, **{**BOB, "node": b"n%05d@h" % i}) for i in range(20000)]
        session.write(b"".join(frames) + wire.encode("done", request.id))
        session.until_closed()

    with place.agent(script):
        code, out, _ = place.run("list", *option)
    assert code == 0
    assert len(out.splitlines()) == 20000 + (not option)
    assert "n19999@h" in out.splitlines()[-1]


def test_list_reads_frames_that_come_in_pieces(place):
    def script(session):
        session.welcome()
        request = session.expect("list")
        session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for byte in wire.encode("item", request.id, **ALICE) + wire.encode("done", request.id):
            session.write(bytes([byte]))
        session.until_closed()

    with place.agent(script):
        assert place.run("list")[0] == 0


def test_list_takes_the_largest_frame(place):
    def script(session):
        session.welcome()
        request = session.expect("list")
        body = wire.encode_body("item", request.id, **ALICE)
        filler = wire.FRAME_MAX - len(body) - 3  # a field of a later version, to be skipped
        session.write(wire.frame(body + b"\x7f" + filler.to_bytes(2, "big") + bytes(filler)))
        session.send("done", request.id)
        session.until_closed()

    with place.agent(script):
        assert "alice@a.home" in place.run("list")[1]


# lookup

FOUND = {"port": 38251, "dist_high": 6, "dist_low": 5, "carrier": 1, "creation": 9, "origin": 2}
FOUND4 = {**FOUND, "address": [bytes([192, 168, 1, 17]), bytes([10, 0, 0, 9])]}
FOUND6 = {**FOUND, "carrier": 2, "address": [bytes.fromhex("fd00" + 13 * "00" + "09")]}
NOT_FOUND = {"code": wire.CODES["not_found"]}
LINK_LOCAL = {"code": wire.CODES["only_link_local"]}


def looking_up(inet, inet6, timeout_ms=500):
    """Answer both families, the second first: they are asked before either is answered."""

    def script(session):
        session.welcome()
        first, second = session.expect("lookup"), session.expect("lookup")
        assert (first["family"], second["family"]) == (4, 6)
        for request, fields in ((second, inet6), (first, inet)):
            assert request["node"] == b"bob@b.home"
            assert request["timeout_ms"] == timeout_ms
            session.send("error" if "code" in fields else "found", request.id, **fields)
        session.until_closed()

    return script


def test_lookup_prints_both_families(place):
    with place.agent(looking_up(FOUND4, FOUND6)):
        assert place.run("lookup", "bob@b.home") == (0, "192.168.1.17 38251 inet\nfd00::9 38251 inet6\n", "")


@pytest.mark.parametrize(
    "answers, out",
    [((FOUND4, NOT_FOUND), "192.168.1.17 38251 inet\n"), ((LINK_LOCAL, FOUND6), "fd00::9 38251 inet6\n")],
)
def test_lookup_of_one_family_is_enough(place, answers, out):
    with place.agent(looking_up(*answers)):
        assert place.run("lookup", "bob@b.home") == (0, out, "")


@pytest.mark.parametrize(
    "answers, err",
    [
        ((NOT_FOUND, NOT_FOUND), "epmdns: bob@b.home: not found (not_found)\n"),
        (
            (NOT_FOUND, LINK_LOCAL),
            "epmdns: bob@b.home: only IPv6 link-local addresses are known, which Erlang cannot use"
            " (only_link_local)\n",
        ),
        (
            (LINK_LOCAL, NOT_FOUND),
            "epmdns: bob@b.home: only IPv6 link-local addresses are known, which Erlang cannot use"
            " (only_link_local)\n",
        ),
        (({**NOT_FOUND, "text": b"not in that family"}, NOT_FOUND), "epmdns: bob@b.home: not found (not_found)\n"),
        (({**LINK_LOCAL, "text": b"only\x1b[0m"}, NOT_FOUND), "epmdns: bob@b.home: only\\x1b[0m (only_link_local)\n"),
    ],
)
def test_lookup_says_why_there_is_none(place, answers, err):
    # The second family is answered first: put the interesting one there as well.
    with place.agent(looking_up(answers[1], answers[0])):
        assert place.run("lookup", "bob@b.home") == (1, "", err)


def test_lookup_passes_the_timeout_on(place):
    with place.agent(looking_up(FOUND4, NOT_FOUND, timeout_ms=0)):
        assert place.run("lookup", "bob@b.home", "--timeout", "0")[0] == 0


def test_lookup_json_has_all_keys(place):
    with place.agent(looking_up(FOUND4, FOUND6)):
        code, out, err = place.run("lookup", "--json", "bob@b.home")
    assert (code, err) == (0, "")
    inet, inet6 = [json.loads(line) for line in out.splitlines()]
    assert list(inet) == KEYS and list(inet6) == KEYS
    assert (inet["node"], inet["family"], inet["addresses"]) == ("bob@b.home", "inet", ["192.168.1.17", "10.0.0.9"])
    assert (inet6["family"], inet6["carrier"], inet6["creation"]) == ("inet6", "inet6_tcp", 9)
    assert [key for key in KEYS if inet[key] is None] == ["cluster", "hidden", "interface", "state", "age_s", "tags"]


def test_lookup_sends_latin1(place):
    def script(session):
        session.welcome()
        for request in (session.expect("lookup"), session.expect("lookup")):
            assert request["node"] == b"z\xe9@b"
            session.error(request.id, "bad_field", b"node: no")
        session.until_closed()

    with place.agent(script):
        assert place.run("lookup", "zé@b") == (2, "", "epmdns: zé@b: node: no (bad_field)\n")


@pytest.mark.parametrize("node", ["bob", "@b", "bob@", "€@b", "a@" + 254 * "b", ""])
def test_lookup_wants_a_full_name(place, node):
    code, out, err = place.run("lookup", node)
    assert (code, out) == (2, "")
    assert err.startswith(f"epmdns: '{node}' ") and err.count("\n") == 1


# names


def test_names_prints_as_epmd_does(place):
    def asserting(request):
        assert request.fields == {}

    with place.agent(
        answering("names", {"node": b"a1@h", "port": 38251}, {"node": b"b\x1b@h", "port": 1}, asserting=asserting)
    ):
        assert place.run("names") == (
            0,
            f"epmdns: up and running on {place.socket} with data:\nname a1 at port 38251\nname b\\x1b at port 1\n",
            "",
        )


def test_names_of_nobody_is_an_empty_list(place):
    with place.agent(answering("names")):
        assert place.run("names", "localhost") == (0, f"epmdns: up and running on {place.socket} with data:\n", "")


def test_names_of_an_unknown_host_is_not_found(place):
    with place.agent(refusing("names", "not_found")):
        assert place.run("names", "h.home") == (1, "", "epmdns: h.home: not found (not_found)\n")


def test_names_json_has_all_keys(place):
    with place.agent(answering("names", {"node": b"a1@h", "port": 38251})):
        out = json.loads(place.run("names", "h", "--json")[1])
    assert list(out) == KEYS
    assert {key: out[key] for key in KEYS if out[key] is not None} == {
        "node": "a1@h", "name": "a1", "host": "h", "port": 38251,
    }  # fmt: skip


# status

RUNNING = [b"backend=avahi", b"backend_state=running", b"backend_text=", b"local=3", b"peers=12"]
FAILED = [b"backend=avahi", b"backend_state=failed", b"backend_text=Avahi \x1bforbids", b"peers=0"]


def reporting(stats):
    return answering("status", final=("report", {"stat": stats}))


def test_status_prints_aligned_pairs(place):
    with place.agent(reporting(RUNNING)):
        assert place.run("status") == (
            0,
            f"socket         {place.socket}\n"
            "backend        avahi\n"
            "backend_state  running\n"
            "backend_text   -\n"
            "local          3\n"
            "peers          12\n",
            "",
        )


def test_status_json_is_one_object(place):
    with place.agent(reporting(RUNNING)):
        code, out, _ = place.run("status", "--json")
    assert code == 0
    assert json.loads(out) == {
        "socket": str(place.socket), "backend": "avahi",
        "backend_state": "running", "backend_text": None, "local": 3, "peers": 12,
    }  # fmt: skip


def test_status_keeps_an_id_of_digits_a_string(place):
    with place.agent(reporting([b"agent=1234567890123456", b"n=1234567890123456", b"v=007", b"w=1.5", b"x"])):
        out = json.loads(place.run("status", "--json")[1])
    assert out == {
        "socket": str(place.socket), "agent": "1234567890123456", "n": 1234567890123456, "v": "007", "w": "1.5",
        "x": None,
    }  # fmt: skip


def test_status_fails_without_its_backend(place):
    with place.agent(reporting(FAILED), reporting([b"backend=avahi", b"backend_state=connecting"])):
        code, out, err = place.run("status")
        assert (code, err) == (1, "epmdns: the backend avahi is not running: failed: Avahi \\x1bforbids\n")
        assert "backend_state  failed\n" in out
        assert place.run("status", "--json")[0] == 1


def test_status_tells_people_of_problems_and_still_succeeds(place):
    stats = [*RUNNING, b"problem_adverts=", b"problem_flood=Too many \x1bservices.", b"problem_of=", b"problem_"]
    with place.agent(reporting(stats), reporting(stats)):
        code, out, err = place.run("status")
        assert (code, err) == (0, "epmdns: Too many \\x1bservices.\n")
        assert "problem_flood    Too many \\x1bservices.\n" in out
        assert json.loads(place.run("status", "--json")[1])["problem_adverts"] is None


def test_status_without_a_backend_is_well(place):
    with place.agent(reporting([b"backend=none", b"backend_state=none"])):
        assert place.run("status")[::2] == (0, "")

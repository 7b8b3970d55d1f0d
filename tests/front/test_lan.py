# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What is heard on the network, as clients see it."""

import itertools
import time

import epmdns_wire as wire
import pytest
from epmdns_wire import CHANGED, DOWN, READY, UP
from front import CONFLICT, INET6, UNCONFIRMED, Node, code_name, wait_until

pytestmark = pytest.mark.usefixtures("network")
B = b"bob@b.home"
PEERS_MAX = 40
CLAIMS_MAX = 2 * PEERS_MAX  # AGENT_CLAIMS_PER_PEER


def name_services(life, what, numbers, protocol=4):
    """Services that are heard, and not resolved."""
    for number in numbers:
        life.say("seen", f"{what}{number}", 2, protocol)


def forget_services(life, what, numbers, protocol=4):
    for number in numbers:
        life.say("gone", f"{what}{number}", 2, protocol)


def see_many(life, numbers, **keys):
    """The nodes of services n0, n1 …"""
    for number in numbers:
        node = Node(f"n{number}@many.home", **keys)
        node.instance = f"n{number}"
        life.see(node)


def test_a_node_is_listed_watched_and_looked_up_when_it_is_resolved(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    node = Node("bob@b.home", 4711, c="blue", os="linux")
    life.say("seen", node.instance, 2, 4)
    assert client.lookup(B) == "not_found"  # heard, but of what?
    life.resolve(node)
    item = watch.expect(
        UP, B, port=4711, carrier=1, creation=node.creation, origin=2, state=UP, interface=b"eth2", cluster=b"blue",
        tag=[b"os=linux"], address=[b"\xc0\0\x02\x02"], flags=0, dist_high=6, dist_low=5,
    )  # fmt: skip
    assert client.lookup(B) == ("192.0.2.2", 4711)
    listed = client.list()[B]
    assert {**listed.fields, "event": UP} == item.fields
    assert client.list(cluster=b"red") == {}
    life.resolve(node)  # again
    watch.expect_nothing()


def test_addresses_are_the_best_first_and_never_what_erlang_cannot_use(place):
    daemon, life = place.lan()
    watch = daemon.client().watch()
    life.see(Node("bob@b.home", addresses=["127.0.0.1", "224.0.0.1", "192.0.2.9!", "192.0.2.2"]))
    assert watch.expect(UP, B)["address"] == [b"\xc0\0\x02\x02"]
    life.see(Node("six@b.home", addresses=["fe80::1", "fd00:e::7"], p="inet6_tcp"))
    assert [len(address) for address in watch.expect(UP, b"six@b.home")["address"]] == [16]
    assert daemon.client().lookup(b"six@b.home", INET6) == ("fd00:e::7", 4000)
    life.see(Node("link@b.home", addresses=["fe80::1"], p="inet6_tcp"))
    watch.expect(UP, b"link@b.home")
    assert daemon.client().lookup(b"link@b.home", INET6) == "only_link_local"
    assert daemon.client().lookup(b"link@b.home") == "not_found"


def test_addresses_off_link_are_handed_out_when_that_is_allowed(place):
    daemon, life = place.lan("--allow-off-link")
    watch = daemon.client().watch()
    life.see(Node("bob@b.home", addresses=["198.51.100.7!", "192.0.2.2"]))
    assert watch.expect(UP, B)["address"] == [b"\xc0\0\x02\x02", b"\xc6\x33\x64\x07"]


def test_more_services_than_are_kept_are_a_problem_until_there_is_room(place):
    daemon, life = place.lan("--max-peers", str(PEERS_MAX))
    client, watch = daemon.client(), daemon.client().watch()
    node = Node("bob@b.home")
    life.see(node)
    watch.expect(UP, B)
    name_services(life, "x", range(CLAIMS_MAX - 1))
    assert client.status_with(instances=CLAIMS_MAX)["problem_table"] == ""
    name_services(life, "y", range(2))
    assert f"or {CLAIMS_MAX} service instances" in client.status_with(instances_dropped=2)["problem_table"]
    assert client.lookup(B) == ("192.0.2.2", node.port)
    forget_services(life, "x", range(CLAIMS_MAX // 8))
    assert client.status_with(instances=CLAIMS_MAX - CLAIMS_MAX // 8)["problem_table"] != ""  # no room to speak of
    forget_services(life, "x", [CLAIMS_MAX // 8])
    client.status_with(problem_table="")
    life.expect("browse")
    log = daemon.output()
    assert log.count("problem=table") == 2 and log.count("That is over.") == 1


def test_more_nodes_than_are_kept_are_a_problem_too(place):
    daemon, life = place.lan("--max-peers", str(PEERS_MAX))
    client = daemon.client()
    see_many(life, range(PEERS_MAX))
    assert client.status_with(peers=PEERS_MAX)["problem_table"] == ""
    late = Node("late@b.home")
    life.see(late)
    assert f"which is {PEERS_MAX}" in client.status_with(instances_dropped=1)["problem_table"]
    life.see(late)  # as after each renewal
    client.status_with(instances_dropped=2)
    assert client.lookup(b"late@b.home") == "not_found"
    assert daemon.output().count("problem=table") == 1


def flood(life, client):
    """As many as it takes, which is few once what is there already has had its time. Return: what is said of them."""
    firsts = itertools.count(0, 50)

    def go_on():
        first = next(firsts)
        name_services(life, "new", range(first, first + 50))
        return client.status()["problem_flood"]

    return wait_until(go_on, "the flood to be seen")


def test_a_flood_of_services_is_a_problem_but_what_is_there_already_is_none(place):
    mended, mended_life = place.lan(path=place.directory / "mended")
    mended_client = mended.client()
    name_services(mended_life, "cached", range(1000))
    assert mended_client.status_with(instances=1000)["problem_flood"] == ""

    daemon, life = place.lan()
    client = daemon.client()
    name_services(life, "cached", range(1000))
    assert client.status_with(instances=1000)["problem_flood"] == ""
    assert flood(life, client).startswith("More than 100 new services a second")
    assert daemon.output().count("problem=flood") == 1

    # For the other one, too, that time is over; and it comes again for what is beyond a link of ours.
    mended_life.say("mended", 2)
    name_services(mended_life, "beyond-the-link", range(1000))
    assert mended_client.status_with(instances=2000)["problem_flood"] == ""
    assert flood(mended_life, mended_client)


def test_more_services_than_avahi_may_keep_are_a_problem_with_a_cure(place):
    daemon, life = place.lan()
    client = daemon.client()

    client.register(b"alice@a.home")  # ours is in the cache, too: 3 records each, of 4096, an eighth for others
    name_services(life, "n", range(1193), protocol=6)  # has a cache of its own
    see_many(life, range(1))  # so that the name of the interface is known
    name_services(life, "n", range(1, 1193))
    assert client.status_with(instances=1193)["problem_cache"] == ""
    name_services(life, "n", [1193])
    problem = client.status_with(instances=1194)["problem_cache"]
    assert "1195 nodes are known on eth2" in problem
    for words in ("cache-entries-max", "/etc/avahi/avahi-daemon.conf", "every host", "--avahi-cache-entries"):
        assert words in problem
    forget_services(life, "n", range(1193), protocol=6)
    forget_services(life, "n", range(1023, 1194))
    assert client.status_with(instances=1023)["problem_cache"] != ""  # not before there is some room
    forget_services(life, "n", [1022])
    client.status_with(problem_cache="")
    log = daemon.output()
    assert log.count("problem=cache") == 2 and log.count("That is over.") == 1
    assert "nodes are known on eth2" in log


def test_nodes_of_a_cluster_take_more_of_avahis_cache(place):
    daemon, life = place.lan()
    client = daemon.client()
    see_many(life, range(895), c="blue")
    assert client.status_with(peers=895)["problem_cache"] == ""
    see_many(life, [895], c="blue")
    wait_until(lambda: client.status()["problem_cache"] != "", "the warning")
    life.say("lost")
    client.status_with(problem_cache="")


def test_who_has_given_avahi_more_room_says_so(place):
    daemon, life = place.lan("--avahi-cache-entries", "16384")
    client = daemon.client()
    see_many(life, range(1400))
    assert client.status_with(peers=1400)["problem_cache"] == ""
    assert place.daemon("--avahi-cache-entries", "99").end() == 2


def test_both_families_of_a_node_are_one_node(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    four = Node("bob@b.home", 4711, ["192.0.2.2", "fd00:e::2"])  # what its host has
    life.see(four)
    watch.expect(UP, B, carrier=1)
    six = four.next(port=4712, p="inet6_tcp")
    life.see(six)
    watch.expect(UP, B, carrier=2, creation=four.creation)
    assert client.lookup(B) == ("192.0.2.2", 4711)
    assert client.lookup(B, INET6) == ("fd00:e::2", 4712)
    assert client.status()["peers"] == "1"
    life.lose(six)  # nobody listens there
    watch.expect(DOWN, B, carrier=2)
    assert client.lookup(B, INET6) == "not_found"
    assert client.lookup(B) == ("192.0.2.2", 4711)


def test_a_node_that_is_gone_and_refuses_is_down_at_once(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    port = place.port()
    node = Node("bob@b.home", port.number)
    life.see(node)
    watch.expect(UP, B)
    port.close()
    life.lose(node)
    watch.expect(DOWN, B)
    assert client.lookup(B) == "not_found" and client.list() == {}


def test_a_node_that_is_gone_but_answers_is_unconfirmed_until_it_is_back(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    node = Node("bob@b.home", place.port().number)
    life.see(node)
    watch.expect(UP, B, state=UP)
    life.lose(node)
    watch.expect(CHANGED, B, state=UNCONFIRMED)
    life.expect("ask")  # for its agent may be back
    assert client.lookup(B) == ("192.0.2.2", node.port)
    life.see(node)
    watch.expect(CHANGED, B, state=UP)


def test_a_hint_alone_deletes_nothing(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    node = Node("bob@b.home", place.port().number)
    life.see(node)
    watch.expect(UP, B)
    assert client.ask("hint", node=B, family=4).op == "done"
    client.status_with(probes_pending=0)
    watch.expect_nothing()
    assert client.lookup(B) == ("192.0.2.2", node.port)


def test_a_hint_at_a_node_that_does_not_answer_takes_it_down_and_a_lookup_brings_it_back(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    port = place.port()
    life.see(Node("bob@b.home", port.number))
    watch.expect(UP, B)
    port.close()
    assert client.ask("hint", node=B).op == "done"
    watch.expect(DOWN, B)
    place.port(port.address, port.number)
    wait_until(lambda: client.lookup(B) == (port.address, port.number), "the node")
    watch.expect(UP, B)


def test_the_hints_of_one_user_leave_half_of_the_probes_to_others(place):
    daemon, life = place.lan()
    client = daemon.client()
    names = [b"n%d@b.home" % number for number in range(60)]
    for number, name in enumerate(names):
        life.see(Node(name.decode(), 4001 + number))
    client.status_with(peers=60)

    began = time.monotonic()
    client.socket.sendall(b"".join(wire.encode("hint", id, node=name) for id, name in enumerate(names)))
    answers = [client.answer(id) for id in range(60)]
    assert [answer.op for answer in answers[:50]] == ["done"] * 50
    for answer in answers[50:]:
        assert code_name(answer) == "limit" and answer["text"].startswith(b"your user"), answer
    client.close()
    client = daemon.client()  # coming back does not help
    answer = client.ask("hint", node=names[-1])
    assert time.monotonic() - began >= 1 or code_name(answer) == "limit"
    wait_until(lambda: client.ask("hint", node=names[-1]).op == "done", "the next second")
    wait_until(lambda: names[-1] not in client.list(), "its end, for nobody listens there")


def test_a_cable_that_is_out_takes_its_peers_down_at_once_and_not_those_of_another(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    here, there = Node("bob@b.home", place.port().number), Node("eve@b.home", place.port().number)
    life.see(here, 2)
    life.see(there, 2)
    life.see(there, 3)
    watch.expect(UP, B)
    watch.expect(UP, b"eve@b.home")
    began = time.monotonic()
    life.say("cut", 2)
    watch.expect(DOWN, B)
    assert time.monotonic() - began < 1, "it was asked first"
    assert client.status()["downs_cut"] == "1"
    watch.expect(CHANGED, b"eve@b.home", interface=b"eth3")
    assert client.lookup(B) == "not_found"
    life.expect("ask")  # that was for it
    assert client.lookup(b"eve@b.home") == ("192.0.2.2", there.port)
    life.say("gone", here.instance, 3, 4)  # what is unknown means nothing
    life.say("mended", 2)
    watch.expect(UP, B, state=UP)  # it has answered
    assert sorted(life.expect("resolve")[:3] for _ in range(3)) == sorted(
        [[here.instance, "2", "4"], [there.instance, "2", "4"], [there.instance, "3", "4"]]
    )


def test_who_has_left_while_the_cable_was_out_stays_down(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    port = place.port()
    life.see(Node("bob@b.home", port.number))
    watch.expect(UP, B)
    life.say("cut", 2)
    watch.expect(DOWN, B)
    port.close()
    life.say("mended", 2)
    life.expect("resolve")
    client.status_with(probes_pending=0)
    watch.expect_nothing()
    assert client.list() == {}


def test_a_host_that_tells_again_of_its_node_is_asked_for_its_address(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    port = place.port("192.0.2.2")
    node = Node("bob@b.home", port.number)
    life.say("again", node.instance, 2, 4)  # nobody has heard of it
    life.see(node)
    watch.expect(UP, B)
    life.say("again", node.instance, 2, 4)
    assert life.expect("resolve")[:3] == [node.instance, "2", "4"]
    place.port("192.0.2.7", port.number)
    node.addresses = ["192.0.2.7"]
    life.resolve(node)
    watch.expect_nothing()  # the former still answers, so this may be forged
    assert client.lookup(B) == ("192.0.2.2", node.port)
    port.close()
    life.resolve(node)
    watch.expect(CHANGED, B, address=[b"\xc0\0\x02\x07"])
    assert client.lookup(B) == ("192.0.2.7", node.port)


def test_through_an_outage_everything_is_kept_and_answered(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    nodes = [Node("bob@b.home", place.port().number), Node("eve@b.home", place.port().number)]
    for node in nodes:
        life.see(node)
        watch.expect(UP, node.name.encode())
    life.say("lost")
    life.say("state", "connecting", "avahi-daemon is not running")
    watch.expect(CHANGED, B, state=UNCONFIRMED)
    watch.expect(CHANGED, b"eve@b.home", state=UNCONFIRMED)
    status = wait_until(
        lambda: (status := client.status())["backend_text"].startswith("avahi") and status, "the state"
    )
    assert status["backend_state"] == "connecting" and status["peers"] == "2"
    assert client.lookup(B) == ("192.0.2.2", nodes[0].port)
    life.say("state", "running", "this.local")
    life.say("browsing")
    for node in nodes:
        life.see(node)
        watch.expect(CHANGED, node.name.encode(), state=UP)
    assert client.status()["backend_state"] == "running"


@pytest.mark.parametrize("end", [("die",), ("exit", 3)])
def test_a_discovery_process_that_ends_is_started_again_and_peers_are_kept(place, end):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    client.register(b"a@h", 4000)
    client.register(b"a@h", 4001, 2)
    told = sorted(life.expect("publish")[:2] for _ in range(2))
    watch.expect(UP, b"a@h")
    watch.expect(UP, b"a@h")
    node = Node("bob@b.home", place.port().number)
    life.see(node)
    watch.expect(UP, B)
    life.say(*end)
    watch.expect(CHANGED, B, state=UNCONFIRMED)
    assert client.lookup(B) == ("192.0.2.2", node.port)
    life = place.discovery.start()
    assert sorted(words[1:3] for words in life.begin()) == told
    life.see(node)
    watch.expect(CHANGED, B, state=UP)
    assert client.status()["discovery_restarts"] == "1"


def test_a_discovery_process_of_another_build_ends_the_daemon_to_be_started_again(place):
    daemon = place.daemon().started()
    place.discovery.start().say("build", "0.0.99")
    assert daemon.end() == 75
    assert "0.0.99" in daemon.output()
    assert not place.socket.exists()


def test_a_discovery_process_that_breaks_the_rules_is_started_again(place):
    daemon, life = place.lan()
    life.say("raw", b"\x21\0\0\0nonsense")
    life.expect_end()
    place.discovery.start().begin()
    assert daemon.client().status()["discovery_restarts"] == "1"


def test_our_own_instances_are_no_peers(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    client.register(b"a@h")
    watch.expect(UP, b"a@h", origin=1)
    instance, port, ttl, cluster, *txt = life.expect("publish")
    assert (port, ttl, cluster) == ("4000", "15", "-") and f"id={client.status()['agent']}" in txt
    echo = Node("a@h")
    echo.instance, echo.txt = instance, lambda: txt
    life.see(echo)
    life.say("published", instance)
    life.see(Node("bob@b.home"))
    watch.expect(UP, B)  # and nothing else
    assert client.status()["peers"] == "1"


def test_a_missed_node_is_asked_for_once_and_answered_when_it_appears(place):
    daemon, life = place.lan()
    clients = [daemon.client() for _ in range(3)]
    wait_until(lambda: int(clients[0].status()["uptime_s"]) >= 3, "the end of the time to come back")
    ids = [client.send("lookup", node=B, family=4, timeout_ms=60000) for client in clients]
    life.expect("ask")
    node = Node("bob@b.home")
    life.see(node)
    for client, id in zip(clients, ids):
        assert client.answer(id).op == "found"
    # Not there within 500 ms: not found, and for 2 s that is remembered.
    began = time.monotonic()
    assert clients[0].lookup(b"eve@b.home", timeout_ms=60000) == "not_found"
    waited = time.monotonic()
    assert clients[1].lookup(b"eve@b.home", timeout_ms=60000) == "not_found"
    assert 0.4 < waited - began < 1.5 and time.monotonic() - waited < 0.3
    life.see(Node("eve@b.home"))  # forgotten when it appears after all
    wait_until(lambda: clients[0].lookup(b"eve@b.home") == ("192.0.2.2", 4000), "the node")


def test_a_lookup_that_waits_can_be_cancelled(place):
    daemon, life = place.lan()
    client = daemon.client()
    id = client.send("lookup", node=B, family=4, timeout_ms=60000)
    client.send("cancel", id=id)  # has no answer of its own
    assert code_name(client.answer(id)) == "not_found"
    life.see(Node("bob@b.home"))
    wait_until(lambda: client.lookup(B) == ("192.0.2.2", 4000), "the node")


def test_a_conflict_is_reported_while_both_answer(place):
    daemon, life = place.lan()
    watch = daemon.client().watch()
    ports = [place.port("192.0.2.10"), place.port("192.0.2.20")]
    ours = Node("bob@b.home", ports[0].number, ["192.0.2.10"], agent="a" * 16)
    theirs = Node("bob@b.home", ports[1].number, ["192.0.2.20"], agent="b" * 16)
    life.see(ours)
    watch.expect(UP, B, creation=ours.creation, state=UP)
    life.see(theirs)
    watch.expect(CHANGED, B, creation=ours.creation, state=CONFLICT)
    ports[0].close()  # the incumbent is gone: the name changes hands
    life.lose(ours)
    watch.expect(DOWN, B, creation=ours.creation)
    watch.expect(UP, B, creation=theirs.creation, state=UP)
    assert daemon.client().lookup(B) == ("192.0.2.20", theirs.port)


def test_a_local_node_always_wins(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    node = Node("bob@b.home", place.port().number)
    life.see(node)
    watch.expect(UP, B, origin=2)
    with daemon.client() as holder:
        holder.register(B, 5000)
        watch.expect(DOWN, B, origin=2)
        watch.expect(UP, B, origin=1)
        watch.expect(CHANGED, B, origin=1, state=CONFLICT)  # for the other one answers
        assert client.lookup(B) == ("127.0.0.1", 5000)
        assert [item["origin"] for item in client.list().values()] == [1]
    watch.expect(DOWN, B, origin=1)
    watch.expect(UP, B, origin=2)
    assert client.lookup(B) == ("192.0.2.2", node.port)


def test_names_are_of_this_host_or_of_what_the_host_part_says(place):
    daemon, life = place.lan()
    client, watch = daemon.client(), daemon.client().watch()
    life.see(Node("bob@b.home", 4001))
    life.see(Node("eve@B.HOME", 4002))
    life.see(Node("hid@b.home", 4003, f="h"))
    life.see(Node("zoe@192.0.2.2", 4004))
    for name in (B, b"eve@B.HOME", b"zoe@192.0.2.2"):
        watch.expect(UP, name)
    assert client.names() == [] and client.names(b"this.local") == [] and client.names(b"192.0.2.1") == []
    client.register(b"mine@elsewhere", 5001)
    client.register(b"secret@elsewhere", 5002, flags=1)
    client.register(b"carol@b.home", 5003)
    mine = [(b"mine@elsewhere", 5001), (b"secret@elsewhere", 5002), (b"carol@b.home", 5003)]
    for host in (None, b"localhost", b"this.local", b"192.0.2.1", b"127.0.0.1"):
        assert client.names(host) == mine
    assert client.names(b"b.home") == [(b"carol@b.home", 5003), (B, 4001), (b"eve@B.HOME", 4002)]
    assert client.names(b"192.0.2.2") == [(b"zoe@192.0.2.2", 4004)]
    assert client.names(b"b") == "not_found"
    life.say("state", "running", "this-2.local")  # Avahi has found another host of that name
    wait_until(lambda: client.names(b"this-2.local") == mine, "the host's new name")
    assert client.names(b"this.local") == "not_found"
    life.say("state", "connecting", "avahi-daemon is not running")
    client.status_with(backend_state="connecting")
    assert client.names(b"this-2.local") == mine  # it is still this host


def test_a_watch_is_told_who_enters_its_filter_and_who_leaves(place):
    daemon, life = place.lan()
    blue, visible = daemon.client().watch(cluster=b"blue"), daemon.client().watch()
    every = daemon.client().watch(filter=1)

    def step(keys, expected):
        nonlocal node
        before, node = node, node.next(**keys) if node else Node("bob@b.home", place.port().number, **keys)
        life.see(node)
        if before:
            life.lose(before)  # before that, its host would have to vouch for the other, which it does not here
        for watch, event in zip((blue, visible, every), expected):
            if event:
                watch.expect(event, B)
        for watch in (blue, visible, every):
            watch.expect_nothing()

    node = None
    step({}, (None, UP, UP))
    step({"c": "blue"}, (UP, CHANGED, CHANGED))
    step({"c": "blue", "f": "h"}, (DOWN, DOWN, CHANGED))
    step({"c": "red", "f": "h"}, (None, None, CHANGED))
    step({"c": "red", "f": ""}, (None, UP, CHANGED))
    step({"c": "blue", "f": ""}, (UP, CHANGED, CHANGED))


def test_lists_and_watches_are_whole_with_hundreds_of_peers(place):
    daemon, life = place.lan()
    nodes = [Node(f"n{number}@b.home", 1 + number, tag="x" * 150) for number in range(600)]
    for node in nodes:
        life.see(node)
    client = daemon.client()
    status = client.status_with(peers=600)
    assert status["instances"] == "600" and status["ttl_s"] == "120"
    listed = client.list()
    assert {name: item["port"] for name, item in listed.items()} == {
        node.name.encode(): node.port for node in nodes
    }
    watch = daemon.client().watch()
    assert len({item["node"] for item in watch.listed}) == len(watch.listed) == 600
    life.say("lost")
    changed = {watch.next()["node"] for _ in range(600)}
    assert len(changed) == 600
    assert READY not in changed

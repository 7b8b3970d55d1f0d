# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What a hostile neighbour says, and whether what people and programs are shown stays clean."""

import json
import re
from dataclasses import replace

from lab_process import wait_until
from mdns_forge import Service, node_txt

ODD_NAMES = [
    "\x1b[31mred\x1b[0m", "two\nlines\r\n", "nul\0in it", "\xff\xfe\x80 not UTF-8", "x" * 60, "dots.and\\slashes\\046",
    "\xe2\x80\xaedlrow", "\x9b2J", "%s%n%x", "\x07bell\x7f",
]  # fmt: skip
TERMINAL = "\x1b]0;owned\x07"
TURNED = "\xe2\x80\xaeright to left, and \x9b2J"  # no control characters of ASCII, but U+202E and one of latin-1
KEYS = ("n", "h", "c", "tag", "id", "p", "v", "cr", "rv", "ip", "f", "txtvers")
NOWHERE = ("127.0.0.1", "8.8.8.8", "224.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "fe80::1", "::ffff:10.77.0.2")


def odd_services(address, domain="odd.home"):
    """Whatever can be wrong with one."""
    made = []

    def add(what, **options):
        number = len(made)
        options.setdefault("txt", node_txt(f"odd{number}", domain, creation=100 + number))
        options.setdefault("addresses", [address])
        options.setdefault("host", f"odd{number}.local")
        made.append(Service(f"{what[:58]}~{number}", **options))

    for text in ODD_NAMES:
        add(text)
    for key in KEYS:
        for how, what in (("terminal", TERMINAL), ("turned", TURNED)):
            txt = [text for text in node_txt(f"{how}-{key}", domain) if not text.startswith(key + "=")]
            add(f"{how} in {key}", txt=[*txt, f"{key}={what}"])
    add("8 kB", txt=[f"t{number}=" + "x" * 240 for number in range(33)])
    add("port 0", port=0)
    add("no TXT", records="ptr srv addresses")
    add("no SRV", records="ptr txt addresses")
    add("elsewhere", host="www.example.com")
    for where in NOWHERE:
        add(f"at {where}", addresses=[where])
    return made


def _read(output):
    """{node: Service} of what avahi-browse has resolved over IPv4, as a forger can read it."""
    found = {}
    for line in output.splitlines(keepends=True):
        event, _, family, instance, _, _, *rest = line.split(";", 9)
        if event != "=" or family != "IPv4" or not line.endswith("\n"):
            continue
        target, address, port, txt = rest
        plain = re.sub(r"\\(\d\d\d|.)", lambda match: chr(int(match[1])) if match[1].isdigit() else match[1], instance)
        strings = re.findall(r'"([^"]*)"', txt)
        keys = dict(text.partition("=")[::2] for text in strings)
        if address != "127.0.0.1":
            found[f"{keys.get('n')}@{keys.get('h')}"] = Service(plain, int(port), strings, target, [address], ttl=15)
    return found


def advertised(host, places):
    """{node: Service} of these nodes, {name: address}, as soon as Avahi of a host has them so."""
    argv = ["avahi-browse", "-rpk", "_erlang-dist._tcp"]
    browser = host.spawn(argv)

    def seen():
        nonlocal browser
        found = _read(browser.output)
        if not found.keys() >= places.keys():
            return None
        if all(found[name].addresses == [where] for name, where in places.items()):
            return found
        # It shows the first address that it hears of, of either family, and then no other.
        browser.kill()
        browser = host.spawn(argv)
        return None

    try:
        return wait_until(seen, 30, lambda: f"{places}; there is {_read(browser.output)}", interval=0.2)
    finally:
        browser.kill()


def rivals_of(service, places, port=9):
    """Claims to the name of a service, at other places: with its identity, with parts of it, with another."""
    made = []
    for address in places:
        for changes in ({}, {"cr": "99"}, {"id": "f" * 16}, {"cr": "99", "id": "f" * 16}, {"f": "h"}):
            keys = dict(text.partition("=")[::2] for text in service.txt)
            keys.update(rv="4000000000", **changes)
            number = len(made)
            made.append(Service(f"{service.instance[:40]}~r{number}", port if number % 2 else service.port,
                                [f"{key}={value}" for key, value in keys.items()],
                                f"rival-{address.replace('.', '-')}.local", [address], ttl=20))  # fmt: skip
    return made


def lies_about(true, liar):
    """{what: Service}: what a forger at an address can say about the very instance of another."""
    return {
        "its host is at another address": replace(true, records="addresses", addresses=[liar], ttl=3),
        "its host has no address": replace(true, ttl=0, records="addresses"),
        "it is at another port": replace(true, port=9, records="srv"),
        "it is on another host": replace(true, port=9, host="liar.local", addresses=[liar]),
        "it is another node": replace(true, records="txt", txt=node_txt("liar", "liar.home")),
        "its name is gone": replace(true, ttl=0, records="ptr"),
        "its records are gone": replace(true, ttl=0, records="srv txt"),
        "all of it is gone": replace(true, ttl=0),
    }


def is_clean(text):
    """No control characters but line ends, and none that hide or turn others."""
    return all(c == "\n" or c.isprintable() for c in text)


def unclean(host, *hosts):
    """What of the output of the command line, and of the agent's log, is not clean, or no JSON."""
    wrong = []
    commands = [["list", "--all"], ["names"], ["status"], *(["names", name] for name in hosts)]
    for command in [*commands, ["list", "--all", "--json"], ["status", "--json"], ["names", "--json"]]:
        done = host.epmdns(*command, check=False)
        if not is_clean(done.stdout + done.stderr):
            wrong.append(f"{command}: {done.stdout!r} {done.stderr!r}")
        if "--json" in command:
            for line in done.stdout.splitlines():
                json.loads(line)
    log = host.agents[-1].output
    return [*wrong, *(f"log: {line!r}" for line in log.splitlines() if not is_clean(line))]

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Hold the manual pages to the programs: check_docs.py SOURCE_ROOT EPMDNS EPMDNSD

- epmdns(1) against `epmdns help`: commands, their arguments and options; status keys against report.c
- epmdnsd(8) against `epmdnsd --help`: options and the values that are spelled out
- epmdns-erlang(7) against epmdns_config.erl: configuration keys; epmdns_agent.erl and epmdns_agent_options.erl: options,
  in three places; and `epmdnsd --help`: words that are values of these
- README.md, its lines for releases, against the files of tests/releases
- epmdns-protocol(7) against include/epmdns/protocol.h (numbers), limits.h and server.h (limits), and
  tests/lib/epmdns_wire.py (what is required, lengths, repeats: bound to the C and the Erlang codec by the vectors)

Prints a line for each difference; exit code 1 if there is any.
"""

import re
import subprocess
import sys
from pathlib import Path

problems = []


def same(what, left, right, left_name, right_name):
    """Two sets that must be equal."""
    for one in sorted(set(left) - set(right)):
        problems.append(f"{what}: {one} is in {left_name} and not in {right_name}")
    for one in sorted(set(right) - set(left)):
        problems.append(f"{what}: {one} is in {right_name} and not in {left_name}")


def equal(what, left, right):
    if isinstance(left, dict):
        same(what, [f"{key} = {value}" for key, value in left.items()],
             [f"{key} = {value}" for key, value in right.items()], "one", "the other")  # fmt: skip
    elif left != right:
        problems.append(f"{what}: {left} against {right}")


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout


# scdoc


def sections(text, mark="#"):
    """{heading: text} of one level."""
    parts = re.split(rf"^{mark} (.+)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def plain(text):
    """Text without marks of emphasis; an underscore within a word is none."""
    text = re.sub(r"(?<![\\\w])_([^_\n]*(?:\w_\w[^_\n]*)*)_(?!\w)", r"\1", text)
    return re.sub(r"(?<!\\)\*", "", text).replace("\\", "")


def tables(text):
    """All tables as lists of rows, headings first; a row is a list of cells with their marks."""
    found = []
    for line in text.splitlines():
        if line.startswith("[["):
            found.append([[line[2:].strip()]])
        elif line.startswith(":["):
            found[-1][-1].append(line[2:].strip())
        elif line.startswith("|"):
            found[-1].append([line[1:].strip()])
        elif line.startswith(":") and found:
            found[-1][-1].append(line[1:].strip())
        elif line.startswith("   ") and found:
            found[-1][-1][-1] += " " + line.strip()
    return found


def options_of_page(text):
    """{"--name VALUE"} of all options that have a paragraph."""
    return {plain(line).strip() for line in re.findall(r"^\*--.+$", text, re.M)}


def options_of_help(text):
    """The same from lines that begin with an option; a value ends where the summary begins."""
    pattern = r"^ +(--[\w-]+)(?: ([A-Z][A-Z=]*|[a-z]+(?:\|[a-z]+)+))?(?=\s|$)"
    return {" ".join(filter(None, match)) for match in re.findall(pattern, text, re.M)}


# the pages


def check_epmdns(root, program):
    text = (root / "packaging/man/epmdns.1.scd").read_text()
    page = sections(text)
    commands = sections(page["COMMANDS"], "##")
    whole = run(program, "help")
    listed = re.findall(r"^  (\w+)(?: .*)?$", whole.split("Commands:")[1].split("Options:")[0], re.M)
    same("epmdns: commands", commands, listed, "epmdns(1)", "epmdns help")
    same("epmdns: options", options_of_page(page["OPTIONS"]), options_of_help(whole.split("Options:")[1]), "epmdns(1)",
         "epmdns help")  # fmt: skip
    for name in set(listed) & set(commands) - {"help"}:
        own = run(program, "help", name)
        usage = " ".join(own.split("\n\n")[0].split()).removeprefix("Usage: ")
        synopsis = plain(commands[name].strip().splitlines()[0])
        equal(f"epmdns {name}: synopsis", synopsis, usage)
        same(f"epmdns {name}: options", options_of_page(commands[name]) | {"--help"},
             options_of_help(own.split("Options:")[1]), "epmdns(1)", f"epmdns help {name}")  # fmt: skip
    keys = {row[0] for row in tables(commands["status"])[0][1:]}
    report = (root / "agent/mediator/report.c").read_text()
    reported = re.findall(r'add\(&?\w+, "(\w+)=', report)
    same("epmdns status: keys", keys - {"socket"}, reported, "epmdns(1)", "report.c")
    codes = (root / "agent/cli/output.h").read_text()
    same("epmdns: exit codes", re.findall(r"^\*(\d+)\*$", page["EXIT STATUS"], re.M),
         re.findall(r"EXIT_\w+ = (\d+)", codes), "epmdns(1)", "output.h")  # fmt: skip
    record = (root / "agent/cli/record.c").read_text()
    keys = [row[0] for row in tables(page["JSON"])[0][1:]]
    same("JSON keys", keys, set(re.findall(r'object, "(\w+)"', record)) - {"event"}, "epmdns(1)", "record.c")


def check_epmdnsd(root, program):
    page = sections((root / "packaging/man/epmdnsd.8.scd").read_text())
    limits = enum((root / "agent/mediator/limits.h").read_text(), "AGENT_")
    inherited = enum((root / "agent/base/sd.h").read_text(), "SD_")
    for section, sentence in (
        ("DESCRIPTION", f"At most {limits['adverts_max']} nodes"),
        ("OPTIONS", f"{limits['ttl_min_s']} seconds up to"),
        ("OPTIONS", f"at most {limits['ttl_max_s']}."),
        ("SYSTEMD", f"up to {inherited['listen_max']} listening Unix stream sockets"),
    ):
        if sentence not in " ".join(page[section].split()):
            problems.append(f'epmdnsd: "{sentence}" is not in {section}')
    same("epmdnsd: options", options_of_page(page["OPTIONS"]), options_of_help(run(program, "--help")), "epmdnsd(8)",
         "epmdnsd --help")  # fmt: skip


def check_erlang(root, epmdnsd):
    page = sections((root / "packaging/man/epmdns-erlang.7.scd").read_text())
    module = (root / "erlang/src/epmdns_config.erl").read_text()
    keys = re.search(r"^keys\(\) -> \[([^]]*)\]", module, re.M).group(1).replace(" ", "").split(",")
    same("Erlang configuration", [row[0] for row in tables(page["CONFIGURATION"])[0][1:]], keys, "epmdns-erlang(7)",
         "epmdns_config.erl")  # fmt: skip
    agent = (root / "erlang/src/epmdns_agent.erl").read_text()
    checks = (root / "erlang/src/epmdns_agent_options.erl").read_text()
    options = re.search(r"^-type option\(\) :: ([^.]*)\.", checks, re.M).group(1).replace(" ", "").split("|")
    told = "".join(re.search(r'"(there is no such option; there are .*?)"\}', checks, re.S).group(1).split('"'))
    table = {row[0]: row[1] for row in tables(page["AN AGENT UNDER THE VM"])[0][1:]}
    documented = dict(re.findall(r"<tr><td>(\w+)</td>(?:\s|%%)*<td>([^<]*)</td>", agent))
    same("epmdns_agent: options", table, options, "epmdns-erlang(7)", "its type")
    same("epmdns_agent: options", documented, options, "its @doc", "its type")
    same("epmdns_agent: options", re.split(r",\s*", told.split("there are ")[1]), options, "its error", "its type")
    spelled = dict(re.findall(r"^ +--([\w-]+) ([a-z]+(?:\|[a-z]+)+)", run(epmdnsd, "--help"), re.M))
    for option in ("backend", "log_level"):
        words = spelled[option.replace("_", "-")].split("|")
        parsed = re.search(rf"^parse\({option}, Value\) ->\s+parse_word\(Value, \[(.*?)\]\)", checks, re.M).group(1)
        same(f"epmdns_agent: {option}", re.findall(r"\w+", parsed), words, "its check", "epmdnsd --help")
        in_page, in_doc = re.findall(r"\*(\w+)\*", table[option]), re.findall(r"\w+", documented[option])
        for where, said in (("epmdns-erlang(7)", in_page), ("its @doc", in_doc)):
            said = {"warn" if word == "warning" else word for word in said} - {"or"}
            same(f"epmdns_agent: {option}", said, words, where, "epmdnsd --help")


def check_releases(root):
    """Each block of lines in the README's section follows a paragraph that names the files which have these lines; and
    no file is left out that has to do with epmdns."""
    section = sections((root / "README.md").read_text(), "##")["In a release"]
    examples = root / "tests/releases"
    files = [path for path in examples.glob("*/**/*") if path.is_file() and "/_" not in str(path)]
    left = {path for path in files if re.search("^(?!.*SPDX).*epmdns", path.read_text(), re.M)}
    for paragraph, block in re.findall(r"([^\n]+(?:\n[^\n]+)*)\n\n```\w*\n(.*?)\n```", section, re.S):
        names = re.findall("`(.+?)`", paragraph)
        named = [path for path in files for name in names if path.match(f"releases/*/{name}")]
        if not named:
            problems.append(f"README: these lines are of no file: {block}")
        for path in named:
            text = path.read_text()
            for line in block.splitlines():
                if line.strip() not in text:
                    problems.append(f"README: {path.relative_to(root)} does not have the line: {line}")
        left -= set(named)
    for path in left:
        problems.append(f"README: there are no lines of {path.relative_to(root)}")


def enum(header, prefix):
    """{name in lower case: number} of the constants with this prefix."""
    pairs = re.findall(rf"^\s*(?:#define )?{prefix}(\w+?)(?: =)? (0x\d+|\d+)\b", header, re.M)
    return {name.lower(): int(number, 0) for name, number in pairs}


def numbered(rows):
    return {row[1]: int(row[0]) for row in rows[1:]}


def words(cell):
    """[(name, is required, is repeated)] of a list of fields."""
    found = []
    for word in re.split(r",\s*|\s+", re.sub(r"\(.*?\)", "", cell)):
        name = re.sub(r"\\?\*", "", word)
        if name and name != "-":
            found.append((name, word.startswith("*"), word.endswith("\\*")))
    return found


def check_protocol(root):
    sys.path.insert(0, str(root / "tests/lib"))
    import epmdns_wire as wire

    page = sections((root / "packaging/man/epmdns-protocol.7.scd").read_text())
    header = (root / "include/epmdns/protocol.h").read_text()
    requests, answers = tables(page["REQUESTS AND ANSWERS"])
    (fields,) = tables(page["FIELDS"])
    (errors,) = tables(page["ERRORS"])

    ops = {**numbered(requests), **numbered(answers)}
    tags = {name: tag for name, tag in enum(header, "EP_F_").items() if name != "critical"}
    equal("protocol: operations", ops, enum(header, "EP_OP_"))
    equal("protocol: fields", numbered(fields), tags)
    equal("protocol: error codes", numbered(errors), enum(header, "EP_CODE_"))
    equal("epmdns_wire.py: operations", wire.OPS, ops)
    equal("epmdns_wire.py: fields", {row.name: row.tag for row in wire.FIELDS}, tags)
    equal("epmdns_wire.py: error codes", wire.CODES, enum(header, "EP_CODE_"))

    for row in requests[1:] + answers[1:]:
        uses = words(row[2])
        required = {name for name, is_required, _ in uses if is_required}
        equal(f"protocol: what {row[1]} requires", required, set(wire.REQUIRED.get(row[1], ())))
        for name, _, is_repeated in uses:
            if name not in wire.BY_NAME:
                problems.append(f"protocol: {row[1]} has an unknown field {name}")
            elif is_repeated and not wire.BY_NAME[name].repeat:
                problems.append(f"protocol: {row[1]} marks {name} as repeated")
    for row in fields[1:]:
        check_field(wire.BY_NAME.get(row[1]), row[2], header)
    (failures,) = tables(page["WHAT IS WRONG"])
    for row in failures[1:]:
        code = plain(row[1]).split(",")[0].split()[0]
        closes = code in ("bad_frame", "bad_version", "hello_first")
        if code not in wire.CODES or row[2] != ("closed" if closes else "goes on"):
            problems.append(f"protocol: what is wrong: {' | '.join(row)}")
    for prefix, field in (("CARRIER", "carrier"), ("STATE", "state"), ("EVENT", "event")):
        cell = next(row[2] for row in fields if row[1] == field)
        values = {f"{number} {name}" for name, number in enum(header, f"EP_{prefix}_").items()}
        same(f"protocol: values of {field}", values, re.findall(r"\d+ [a-z]\w*", cell.split(":", 1)[1]), "protocol.h",
             "epmdns-protocol(7)")  # fmt: skip
    check_limits(root, wire, page, header)


def check_field(field, cell, header):
    """One row of the table of fields: its size, its range and how often."""
    if field is None:
        return  # said already
    cell = plain(cell)
    comment = re.search(rf"EP_F_{field.name.upper()} = \d+,\s*// (.*)", header).group(1)
    size = re.match(r"(\d+) bits", cell)
    equal(f"protocol: bits of {field.name}", int(size.group(1)) // 8 if size else 0, field.size)
    said = re.match(r"u(\d+)", comment)
    equal(f"protocol.h: bits of {field.name}", int(said.group(1)) // 8 if said else 0, field.size)
    repeat = re.search(r"up to (\d+) times", cell)
    equal(f"protocol: repeats of {field.name}", int(repeat.group(1)) if repeat else 0, field.repeat)
    if field.size:
        return
    lengths = re.search(r"(?:(\d+) to (\d+)|at most (\d+)|(\d+) or (\d+)|(\d+) random) bytes", cell)
    if lengths is None:
        problems.append(f"protocol: no length of {field.name} in: {cell}")
        return
    numbers = [int(number) for number in lengths.groups() if number]
    low, high = (0 if lengths.group(3) else numbers[0]), numbers[-1]
    equal(f"protocol: lengths of {field.name}", (low, high), (field.low, field.high))


def check_limits(root, wire, page, header):
    """Numbers that stand in the page's sentences."""
    limits = {name: value for name, value in enum(header, "EP_").items()}
    equal("protocol.h: frame", (limits["body_min"], limits["frame_max"]), (wire.BODY_MIN, wire.FRAME_MAX))
    held = enum((root / "agent/mediator/limits.h").read_text(), "AGENT_")
    served = enum((root / "agent/edge/server.h").read_text(), "SERVER_")
    for section, sentence in (
        ("SESSIONS", f"within {served['hello_ms'] // 1000} seconds"),
        ("SESSIONS", f"dropped after {served['stuck_ms'] // 1000} seconds"),
        ("SESSIONS", f"up to {served['output_max'] // 1024} KiB for a session"),
        ("SESSIONS", f"at most {held['watches_per_session_max']} watches and {held['nodes_per_session_max']} nodes"),
        ("REQUESTS AND ANSWERS", f"begins {held['hints_per_uid_max']} verifications"),
        ("FRAMES", f"{limits['body_min']} to {limits['frame_max']} bytes"),
        ("SESSIONS", f"at most {limits['in_flight_max']} unanswered"),
        ("REQUESTS AND ANSWERS", f"at most {limits['tags_bytes_max']} bytes"),
    ):
        if sentence not in " ".join(page[section].split()):
            problems.append(f'protocol: "{sentence}" is not in {section}')
    for name, field in (("node_max", "node"), ("host_max", "host"), ("cluster_max", "cluster"), ("owner_len", "owner")):
        equal(f"epmdns_wire.py: length of {field}", wire.BY_NAME[field].high, limits[name])
    for name, field in (("tags_max", "tag"), ("addresses_max", "address"), ("capabilities_max", "capability"),
                        ("stats_max", "stat")):  # fmt: skip
        equal(f"epmdns_wire.py: repeats of {field}", wire.BY_NAME[field].repeat, limits[name])


def main():
    root, epmdns, epmdnsd = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    check_epmdns(root, epmdns)
    check_epmdnsd(root, epmdnsd)
    check_erlang(root, epmdnsd)
    check_releases(root)
    check_protocol(root)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

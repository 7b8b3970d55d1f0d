#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Hold each manual page to what all pages have to have: check_pages.py SOURCE_ROOT EPMDNS EPMDNSD

- each page has the sections that it has to have, is installed, and is named in README.md; a page of ours that is
  referred to is there
- ENVIRONMENT has the variables that the program's sources read, no fewer and no more
- EXIT STATUS of epmdnsd(8) has the codes that agent/daemon ends with (check_docs.py has those of epmdns(1))
- numbers in the help of an option are in its paragraph; ranges, values and repeats that a paragraph of epmdnsd(8)
  promises are what the program takes
- the frames in the examples of epmdns-protocol(7) are frames of that protocol
- the test files that a page names are there, where it says; epmdns-fleet(7) names those that hold it

What is particular to one page is in check_docs.py. Prints a line for each difference; exit code 1 if there is any.
"""

import re
import subprocess
import sys
from pathlib import Path

from check_docs import options_of_help, plain, problems, run, same, sections

ALWAYS = {"NAME", "DESCRIPTION", "SEE ALSO"}
PROGRAM = {"SYNOPSIS", "OPTIONS", "SIGNALS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SECURITY", "EXAMPLES"}
SECTIONS = {
    "epmdnsd.8": ALWAYS | PROGRAM,
    "epmdns.1": ALWAYS | PROGRAM | {"COMMANDS"},
    "epmdns-erlang.7": ALWAYS | {"SYNOPSIS", "CONFIGURATION", "ENVIRONMENT", "FILES", "SECURITY", "EXAMPLES"},
    "epmdns-protocol.7": ALWAYS | {"FILES", "SECURITY", "EXAMPLES"},
    "epmdns-fleet.7": ALWAYS | {"UNTESTED"},
}
# Whose sources read the variables of which page.
SOURCES = {
    "epmdnsd.8": ["agent/daemon/*.c", "agent/base/*.c", "agent/edge/*.c", "agent/mediator/*.c", "agent/discovery/*.c"],
    "epmdns.1": ["agent/cli/*.c"],
    "epmdns-erlang.7": ["erlang/src/*.erl"],
}


def read(path):
    """The text of a page; what looks like a heading among lines of an example is none."""
    parts = path.read_text().split("\n```\n")
    parts[1::2] = [re.sub(r"^#", " #", part, flags=re.M) for part in parts[1::2]]
    return "\n```\n".join(parts)


def named(page):
    """epmdns.1 as epmdns(1)"""
    name, section = page.rsplit(".", 1)
    return f"{name}({section})"


def check_sections(root, pages):
    readme = (root / "README.md").read_text()
    installed = (root / "packaging/man/meson.build").read_text()
    same("pages", pages, SECTIONS, "packaging/man", "check_pages.py")
    for page, text in pages.items():
        for missing in sorted(SECTIONS.get(page, set()) - set(sections(text))):
            problems.append(f"{named(page)}: there is no section {missing}")
        for heading, body in sections(text).items():
            if not body.strip():
                problems.append(f"{named(page)}: {heading} is empty")
        if f"'{page}'" not in installed:
            problems.append(f"{named(page)} is not installed")
        if f"`{named(page)}`" not in readme:
            problems.append(f"README.md does not name {named(page)}")
        for name, section in re.findall(r"\*(epmdns[\w-]*)\*\((\d)\)", text):
            if f"{name}.{section}" not in pages:
                problems.append(f"{named(page)} refers to {name}({section}), which is not there")
        for section, name, digit in re.findall(r"\*([A-Z][A-Z ]+)\*\s+(?:of|in)\s+\*(epmdns[\w-]*)\*\((\d)\)", text):
            if section not in sections(pages.get(f"{name}.{digit}", "")):
                problems.append(f"{named(page)} refers to {section} of {name}({digit}), which is not there")


def variables_read(page, text):
    """The environment variables that the sources of a page read; a name that is not spelled out where it is read is that
    of a constant, or what the function that reads it is called with."""
    found = set()
    for argument in re.findall(r"\bgetenv\(\s*([^),\s]+)", text):
        literal = re.match(r'"(\w+)"', argument)
        constant = re.search(rf'define[ (]{re.escape(argument.lstrip("?"))},? "(\w+)"', text)
        function = re.search(rf"\b(\w+)\(const char \*{re.escape(argument)}\)\n{{", text)
        if literal or constant:
            found.add((literal or constant).group(1))
        elif function:
            found |= set(re.findall(rf'\b{function.group(1)}\("(\w+)"\)', text))
        elif argument.startswith("variable("):  # of epmdns_config.erl: of each key
            keys = re.search(r"^keys\(\) -> \[([^]]*)\]", text, re.M).group(1).replace(" ", "").split(",")
            found |= {f"EPMDNS_{key.upper()}" for key in keys}
        else:
            problems.append(f"{named(page)}: its sources have a getenv({argument}): which variable is that?")
    return found


def check_environment(root, pages):
    for page, patterns in SOURCES.items():
        files = [path for pattern in patterns for path in sorted(root.glob(pattern))]
        variables = variables_read(page, "\n".join(path.read_text() for path in files))
        if not variables:
            problems.append(f"{named(page)}: its sources read no variable")
        heads = re.findall(r"^_.*$", sections(pages[page]).get("ENVIRONMENT", ""), re.M)
        told = {name for head in heads for name in re.findall(r"[A-Z][A-Z_]*[A-Z]", head.replace("\\", ""))}
        same("environment", variables, told, "its sources", f"ENVIRONMENT of {named(page)}")


def check_exit_codes(root, pages):
    source = "".join(path.read_text() for path in sorted((root / "agent/daemon").glob("*.[ch]")))
    codes = set(re.findall(r"#define EXIT_\w+ (\d+)", source))
    codes |= {code for name, code in (("SUCCESS", "0"), ("FAILURE", "1")) if f"EXIT_{name}" in source}
    told = re.findall(r"^\*(\d+)\*$", sections(pages["epmdnsd.8"]).get("EXIT STATUS", ""), re.M)
    same("epmdnsd: exit codes", codes, told, "agent/daemon", "epmdnsd(8)")


def paragraphs(text):
    """{option: what is indented below its heading} of a page's section."""
    return {name: " ".join(body.split()) for name, body in
            re.findall(r"^\*(--[\w-]+)\*[^\n]*\n((?:\t[^\n]*\n)+)", text, re.M)}  # fmt: skip


def help_texts(text):
    """{option: all that the help says of it}"""
    parts = re.split(r"^ +(--[\w-]+)", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def numbers(text):
    return set(re.findall(r"\b\d+\b", text))


def check_options(pages, epmdns, epmdnsd):
    commands = sections(sections(pages["epmdns.1"])["COMMANDS"], "##")
    helps = [("epmdnsd(8)", sections(pages["epmdnsd.8"])["OPTIONS"], run(epmdnsd, "--help"))]
    helps += [(f"epmdns(1), {name}", text, run(epmdns, "help", name).split("Options:")[1])
              for name, text in commands.items() if name != "help"]  # fmt: skip
    for page, text, told in helps:
        page_says, help_says = paragraphs(text), help_texts(told)
        for option in sorted(set(page_says) & set(help_says)):
            for number in sorted(numbers(help_says[option]) - numbers(page_says[option])):
                problems.append(f"{page}: {option}: {number} is in the help and not here")
            for default in re.findall(r"default: (\w+)", page_says[option], re.I):
                if default.isdigit() and default not in numbers(help_says[option]):
                    problems.append(f"{page}: {option}: the help does not have the default {default}")
    check_promises(helps[0][1], helps[0][2], epmdnsd)


def takes(program, *args):
    """Does the program take these options? With --help behind them they are read, and nothing is done."""
    return subprocess.run([program, *args, "--help"], capture_output=True, timeout=30).returncode == 0


def check_promises(page, told, program):
    """Values, ranges and repeats that the paragraphs of epmdnsd(8) promise."""

    def hold(option, is_taken, *args):
        if takes(program, *args) != is_taken:
            problems.append(f"epmdnsd(8): {option}: the program {'refuses' if is_taken else 'takes'} {' '.join(args)}")

    choices = dict(option.split(" ", 1) for option in options_of_help(told) if "|" in option)
    for option, text in paragraphs(page).items():
        for value in choices.get(option, "").split("|"):
            if value:
                hold(option, True, option, value)
        for low, high in re.findall(r"\b(\d+) to (\d+)\b[;.]", text):
            for number, is_taken in ((int(low) - 1, False), (low, True), (high, True), (int(high) + 1, False)):
                hold(option, is_taken, option, str(number))
        for times in re.findall(r"up to (\d+) (?:times|may be given)", text):
            once = [option, "x0"]
            hold(option, True, *once * int(times))
            hold(option, False, *once * (int(times) + 1))


def check_frames(root, pages):
    sys.path.insert(0, str(root / "tests/lib"))
    import epmdns_wire as wire

    example = sections(pages["epmdns-protocol.7"]).get("EXAMPLES", "")
    lines = re.findall(r"^(\w+)\s+((?:[0-9a-f]{2} )+[0-9a-f]{2})$", example, re.M)
    if not lines:
        problems.append("epmdns-protocol(7): EXAMPLES has no frames")
    for name, text in lines:
        data = bytes.fromhex(text)
        try:
            op = wire.decode(data[2:]).op
        except wire.WireError as reason:
            op = repr(reason)
        if wire.frame(data[2:]) != data or op != name:
            problems.append(f"epmdns-protocol(7): EXAMPLES: {name} is {op}, or of another length: {text}")


def check_tests(root, pages):
    """A page that says that something is tested says where."""
    for page, text in pages.items():
        names = re.findall(r"(?:tests/)?[\w/]*\w\.py\b", plain(text))
        for name in names:
            is_there = (root / name).exists() if "/" in name else any((root / "tests").glob(f"**/{name}"))
            if not is_there:
                problems.append(f"{named(page)} names {name}, which is not there")
    if "tests/integration/test_fleet.py" not in plain(pages["epmdns-fleet.7"]):
        problems.append("epmdns-fleet(7) does not name its tests")


def main():
    root, epmdns, epmdnsd = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    pages = {path.stem: read(path) for path in (root / "packaging/man").glob("*.scd")}
    check_sections(root, pages)
    check_environment(root, pages)
    check_exit_codes(root, pages)
    check_options(pages, epmdns, epmdnsd)
    check_frames(root, pages)
    check_tests(root, pages)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The example releases are built, without a network, and run on two hosts: whatever their scripts can do, works.

They are copied first, with the module's source, so that nothing is written into the tree. Once is enough, with the
machine's own Erlang, rebar3 and Elixir.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from lab import wait_until
from lab_node import Terminal
from lab_process import tool

TREE = Path(__file__).resolve().parents[2]
README = (TREE / "README.md").read_text()
STOCK = "stock@store.shop"  # what they call themselves, unless they are told a name
TILL = "till@desk.shop"
pytestmark = [
    pytest.mark.skipif("EPMDNS_OTP_ROOT" in os.environ, reason="the machine's own Erlang is enough"),
    pytest.mark.xdist_group("releases"),  # built once
]
MIX = {"MIX_ENV": "prod", "MIX_REBAR3": "/usr/bin/rebar3"}


class Release:
    """The script of a release on a host, with an environment of its own."""

    def __init__(self, host, script, env):
        self.host = host
        self.script = script
        self.env = env

    def with_env(self, **env):
        """The same with more variables; None: without that."""
        merged = {**self.env, **env}
        return Release(self.host, self.script, {key: value for key, value in merged.items() if value is not None})

    def run(self, *args, check=True):
        """Return: what a command of the script has printed."""
        return self.host.run([self.script, *args], timeout=30, check=check, env=self.env).stdout.strip()

    def spawn(self, *args):
        return self.host.spawn([self.script, *args], env=self.env)

    def terminal(self, *args):
        return Terminal(self.host, ["env", *(f"{key}={value}" for key, value in self.env.items()), self.script, *args])


def copy_tree(place, other):
    """Copy a directory without what was built there."""
    built = shutil.ignore_patterns("_build", "*.beam", "epmdns.app", "*.lock")
    shutil.copytree(place, other, symlinks=True, ignore=built)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """Copies of them, with the module where they look for it."""
    top = tmp_path_factory.mktemp("releases")
    for part in ("erlang", "tests/releases"):
        copy_tree(TREE / part, top / part)
    return top / "tests/releases"


@pytest.fixture
def variant(examples, request):
    """A function that copies an example once more, for a test that changes it."""

    def make(name):
        place = examples / request.node.name
        copy_tree(examples / name, place)
        return place

    return make


@pytest.fixture(scope="module")
def build(hermit):
    """Run the command of a build in a directory, on a host without any network."""

    def run(place, *argv):
        hermit.run(["env", "-C", place, *argv], timeout=120, env=MIX)

    return run


@pytest.fixture(scope="module")
def stock_script(examples, build):
    build(examples / "relx", "rebar3", "release")
    return examples / "relx/_build/default/rel/stock/bin/stock"


@pytest.fixture(scope="module")
def till_script(examples, build):
    build(examples / "mix", "mix", "release")
    return examples / "mix/_build/prod/rel/till/bin/till"


@pytest.fixture
def stock(a, stock_script):
    return Release(a, stock_script, {"USE_NODETOOL": "1", "PIPE_DIR": "/run/home/stock/"})


@pytest.fixture
def till(b, till_script):
    return Release(b, till_script, {"RELEASE_TMP": "/run/home/till", "RELEASE_COOKIE": "shop"})


def replace(path, text, other):
    """Put other words in a file, in place of some that are there once."""
    before, after = path.read_text().split(text)
    path.write_text(before + other + after)


def own_pid(process):
    """The id that a process of a host has there."""
    return Path(f"/proc/{process.pid}/status").read_text().split("NSpid:")[1].split("\n")[0].split()[-1]


def seen_as(node):
    return node["cluster"], node["tags"]


def names_seen(watch):
    return {what["node"] for _, what in watch.events} - {None}


def has_ended(release):
    """Nothing of it runs any more."""
    wait_until(lambda: "beam.smp" not in release.host.running().values(), what="the release to end")


# relx


def test_relx(served, b, stock):
    watch = b.watch()
    process = stock.spawn("foreground")
    _, up = watch.wait("up", STOCK, timeout=30)
    assert seen_as(up) == ("shop", {"role": "stock", "floor": "2"})
    assert stock.run("ping") == "pong"
    assert stock.run("pid") == own_pid(process)
    assert stock.run("rpc", "stock", "add", "[apples, 3]") == "{ok,3}"
    shell = stock.terminal("remote_console")
    shell.wait_for(f"({STOCK})1>")
    shell.type("stock:take(apples, 2).\n")
    shell.wait_for("{ok,1}")
    shell.hang_up()
    assert stock.run("eval", "stock:count(apples).") == "1"
    stock.run("stop")
    assert process.wait() == 0
    watch.wait("down", STOCK)
    assert names_seen(watch) == {STOCK}  # and nothing of those that the script has started


def test_relx_as_a_daemon_in_interactive_mode(served, b, stock):
    node = "stock@cellar.shop"
    stock = stock.with_env(NODE=node, CODE_LOADING_MODE="interactive")
    stock.run("daemon")
    assert seen_as(b.wait_for_nodes(node)[node]) == ("shop", {"role": "stock", "floor": "2"})
    assert stock.run("ping") == "pong"
    stock.run("stop")
    has_ended(stock)
    b.wait_for_nodes()


def test_relx_without_its_applications_has_the_settings_of_its_environment_only(served, b, stock):
    node = "stock@yard.shop"
    shell = stock.with_env(NODE=node, EPMDNS_CLUSTER="repair").terminal("console_clean")
    assert seen_as(b.wait_for_nodes(node, timeout=30)[node]) == ("repair", {})
    shell.hang_up()


def test_relx_calls_by_erl_call_with_a_port_only(served, b, stock):
    node = "stock@shed.shop"
    plain = stock.with_env(NODE=node, USE_NODETOOL=None)
    fixed = plain.with_env(ERL_DIST_PORT="4711")
    process = fixed.spawn("foreground")
    assert b.wait_for_nodes(node, timeout=30)[node]["port"] == 4711
    assert plain.run("ping", check=False) == "Node is not running!"
    assert fixed.run("ping") == "pong"
    assert fixed.run("eval", "stock:count(apples).") == "0"
    fixed.run("stop")
    assert process.wait() == 0


def test_relx_with_the_erlang_of_the_machine_needs_a_path_for_nodetool(served, b, variant, build):
    """As rebar3 makes a release if it is not told otherwise: {mode, dev}."""
    place = variant("relx")
    replace(place / "rebar.config", "{mode, prod}", "{mode, dev}")
    build(place, "rebar3", "release")
    release = place / "_build/default/rel/stock"
    stock = Release(b, release / "bin/stock", {"NODE": "stock@shelf.shop", "USE_NODETOOL": "1"})
    stock.spawn("foreground")
    b.wait_for_nodes("stock@shelf.shop", timeout=30)
    assert stock.run("ping", check=False) == "Node is not running!"
    assert stock.with_env(ERL_LIBS=release / "lib").run("ping") == "pong"


def test_a_socket_that_stands_in_sys_config_is_for_the_node_alone(a, b, stock, tmp_path):
    socket = "/run/home/socket"
    config = tmp_path / "sys.config"
    config.write_text(f'[{{epmdns, [{{socket, "{socket}"}}]}}].\n')
    a.start_agent("--socket", socket, wait=False)
    b.start_agent()
    stock = stock.with_env(NODE="stock@barn.shop")
    stock.with_env(RELX_CONFIG_PATH=config).spawn("foreground")
    b.wait_for_nodes("stock@barn.shop", timeout=30)
    assert stock.run("ping", check=False) == "Node is not running!"
    assert stock.with_env(EPMDNS_SOCKET=socket).run("ping") == "pong"


# mix


def test_mix(served, a, b, stock, till):
    """The two sell what they have, and find each other."""
    watch = a.watch()
    process = till.spawn("start")
    _, up = watch.wait("up", TILL, timeout=30)
    assert seen_as(up) == ("shop", {"role": "till", "floor": "1"})
    stock.spawn("foreground")
    b.wait_for_nodes(STOCK, TILL, timeout=30)
    assert till.run("pid") == own_pid(process)
    sell = f'IO.inspect Till.sell(:apples, 2, :"{STOCK}")'
    assert till.run("rpc", sell) == "{:error, :out_of_stock}"
    assert stock.run("rpc", "stock", "add", "[apples, 3]") == "{ok,3}"
    assert till.run("rpc", sell) == "{:ok, 1}"
    shell = till.terminal("remote")
    shell.wait_for(f"iex({TILL})1>")
    shell.type('"sold: #{Till.sold()}"\r')
    shell.wait_for("sold: 2")
    shell.hang_up()
    assert till.run("eval", "IO.inspect node()") == ":nonode@nohost"
    till.run("stop")
    assert process.wait() == 0
    watch.wait("down", TILL)
    assert [name for name in names_seen(watch) if TILL in name] == [TILL]


def test_mix_as_a_daemon_in_interactive_mode(served, a, till):
    node = "till@door.shop"
    till = till.with_env(RELEASE_NODE=node, RELEASE_MODE="interactive")
    till.run("daemon")
    before = a.wait_for_nodes(node, timeout=30)[node]["creation"]
    till.run("restart")
    wait_until(lambda: a.nodes().get(node, {}).get("creation") not in (None, before), 30, "the node's next life")
    assert seen_as(a.nodes()[node]) == ("shop", {"role": "till", "floor": "1"})
    assert till.run("rpc", "IO.inspect Till.sold()") == "0"
    till.run("stop")
    has_ended(till)
    a.wait_for_nodes()


def test_mix_without_a_reboot_knows_early_settings_only(served, a, b, variant, build):
    place = variant("mix")
    replace(place / "mix.exs", "reboot_system_after_config: true", "reboot_system_after_config: false")
    (place / "config/config.exs").write_text("import Config\nconfig :epmdns, cluster: :early\n")
    build(place, "mix", "release")
    node = "till@ramp.shop"
    env = {"RELEASE_NODE": node, "RELEASE_TMP": "/run/home/till"}
    Release(b, place / "_build/prod/rel/till/bin/till", env).spawn("start")
    assert seen_as(a.wait_for_nodes(node, timeout=30)[node]) == ("early", {})


# What the README says of dependencies on git.


@pytest.fixture(scope="module")
def repository(hermit, tmp_path_factory):
    """The module and what is at the top of the tree, as a repository."""
    place = tmp_path_factory.mktemp("repository")
    copy_tree(TREE / "erlang", place / "erlang")
    shutil.copy(TREE / "rebar.config", place)
    git = [tool("git"), "-C", place, "-c", "user.name=epmdns", "-c", "user.email=epmdns@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "All"]):
        hermit.run([*git, *command])
    return f"file://{place}"


def dependency(pattern, repository):
    """The one line of the README that matches, for a repository of ours."""
    (line,) = re.findall(pattern, README, re.M)
    return line.replace('"URL"', f'"{repository}"')


def test_rebar3_takes_it_from_git(variant, build, repository):
    place = variant("relx")
    (place / "_checkouts/epmdns").unlink()
    (place / "rebar.config").write_text(dependency(r"^\{deps, .*$", repository))
    build(place, "rebar3", "compile")
    assert (place / "_build/default/lib/epmdns/ebin/epmdns.beam").exists()
    assert "epmdns" in (place / "rebar.lock").read_text()


def test_mix_takes_it_from_git(variant, build, repository):
    place = variant("mix")
    replace(place / "mix.exs", '{:epmdns, path: "../../../erlang"}', dependency(r"^\{:epmdns, .*$", repository))
    build(place, "mix", "do", "deps.get,", "compile")
    assert (place / "_build/prod/lib/epmdns/ebin/epmdns.beam").exists()
    assert "epmdns" in (place / "mix.lock").read_text()

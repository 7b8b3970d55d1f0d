# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""An Erlang node on a simulated host, driven over a socket of its own.

Expressions go in and results come out with {packet, 4} on descriptor 3, so whatever the VM prints ends up in
its log and can never be mistaken for an answer.
"""

from __future__ import annotations

import itertools
import re
import shlex
import signal
import socket
import struct
import subprocess

from lab_otp import NOWHERE
from lab_process import wait_until

# Each expression has its own process: one that hangs does not hold up the next. Needs no file, no module
# and no running application, so it works in any release that has stdlib.
EVAL_LOOP = """
spawn(fun() ->
    Port = open_port({fd, 3, 3}, [{packet, 4}, binary]),
    Eval = fun(Text) ->
        {ok, Tokens, _} = erl_scan:string(Text),
        {ok, Exprs} = erl_parse:parse_exprs(Tokens),
        {value, Value, _} = erl_eval:exprs(Exprs, erl_eval:new_bindings()),
        Value
    end,
    Serve = fun Serve() ->
        receive {Port, {data, <<Id:32, Text/binary>>}} ->
            spawn(fun() ->
                {Tag, Answer} =
                    try {0, Eval(unicode:characters_to_list(Text))}
                    catch Class:Reason:Stack -> {1, {Class, Reason, Stack}} end,
                Out = unicode:characters_to_binary(io_lib:format("~0tp", [Answer])),
                port_command(Port, <<Id:32, Tag, Out/binary>>)
            end)
        end,
        Serve()
    end,
    Serve()
end).
"""

# Busy-waiting schedulers would take the two cores of a small machine from everybody else.
QUIET = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]


class NodeError(AssertionError):
    """An expression failed, hung, or its node died."""


class Node:
    """A running node; its name is what other nodes call it by."""

    def __init__(self, host, name, argv, env=None):
        self.host = host
        self.name = name
        self._ids = itertools.count(1)
        self.process = host.spawn([*argv, "-eval", EVAL_LOOP], name=name, env=env, channel=True)

    def __repr__(self):
        return f"<node {self.name} on {self.host.name}>"

    @property
    def pid(self):
        return self.process.pid

    def wait_until_alive(self, timeout=30.0):
        """Until the node is distributed by its name."""
        alive = self.eval("node()", timeout=timeout).strip("'")
        assert alive == self.name, f"{self.name} came up as {alive}: {self.process.output}"

    def eval(self, expression, timeout=10.0):
        """Evaluate an Erlang expression there. Return: its value as ~p prints it, on one line."""
        number = next(self._ids)
        body = struct.pack(">I", number) + (expression.rstrip().rstrip(".") + ".").encode()
        channel = self.process.channel
        channel.settimeout(timeout)
        try:
            channel.sendall(struct.pack(">I", len(body)) + body)
            while True:
                answer = self._receive(struct.unpack(">I", self._receive(4))[0])
                if struct.unpack_from(">I", answer)[0] == number:
                    break  # else the late answer to an expression that was given up
        except (OSError, EOFError) as error:
            late = isinstance(error, socket.timeout)
            why = f"no answer within {timeout:g} s" if late else "the node is gone"
            raise NodeError(f"{self.name}: {expression}: {why}; {self._log()}") from error
        text = answer[5:].decode()
        if answer[4]:
            raise NodeError(f"{self.name}: {expression}: {text}")
        return text

    def _receive(self, size):
        data = b""
        while len(data) < size:
            chunk = self.process.channel.recv(size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data

    def ping(self, other, timeout=15.0):
        """Does net_adm:ping/1 answer pong? other: a Node or a full name."""
        return self.eval(f"net_adm:ping({atom(getattr(other, 'name', other))})", timeout) == "pong"

    def connect(self, other, timeout=15.0):
        """net_kernel:connect_node/1, which also does what dist_auto_connect forbids."""
        return self.eval(f"net_kernel:connect_node({atom(other.name)})", timeout) == "true"

    def connected(self):
        """Full names of the nodes that this node is connected to."""
        return set(re.findall(r"'?([^][',]+)'?", self.eval("nodes()")))

    def disconnect(self, other):
        """Close the connection to another node, and wait until both have noticed."""

        def are_apart():
            self.eval(f"erlang:disconnect_node({atom(other.name)})")  # one may have dialled again: global does
            return other.name not in self.connected() and self.name not in other.connected()

        wait_until(are_apart, what=f"{self} and {other} to be apart")

    def peer_address(self, other):
        """Address and port of the connection that this node has to other, such as ('10.77.0.2', 4711)."""
        other = atom(getattr(other, "name", other))
        host, port = self.eval(
            f"{{ok, Info}} = net_kernel:node_info({other}),"
            "{address, Address} = lists:keyfind(address, 1, Info),"
            "{Ip, Port} = element(2, Address),"
            "list_to_atom(inet:ntoa(Ip) ++ [$\\s | integer_to_list(Port)])"
        ).strip("'").split()
        return host, int(port)

    def port(self):
        """The port on which this node listens for other nodes."""
        return int(
            self.eval(
                "hd([P || S <- erlang:ports(), {name, \"tcp_inet\"} <- [erlang:port_info(S, name)],"
                "erlang:port_info(S, connected) =:= {connected, whereis(net_kernel)},"
                "{ok, {_, P}} <- [inet:sockname(S)]])"
            )
        )

    def resolves(self, host_part):
        """Does the name of a host resolve in this VM, by any means that Erlang has, to where somebody may be?"""
        found = self.eval(f'inet:getaddr("{host_part}", inet)')
        return found.startswith("{ok,") and found != "{ok,{%s}}" % NOWHERE[0].replace(".", ",")

    def kill(self):
        """SIGKILL: the VM has no chance to say good-bye."""
        return self.process.kill()

    def stop(self, timeout=10.0):
        """init:stop(), the orderly end; SIGTERM means the same to a VM. Return: the exit code."""
        self.process.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise NodeError(f"{self.name} did not stop; {self._log()}") from error

    def _log(self):
        return f"{self.process}, whose log is: {self.process.output[-2000:]}"


class Terminal:
    """A program on a simulated host that has a terminal, and a test for its user."""

    # Whoever runs the tests may ignore hangups (nohup), which would be inherited.
    SCRIPT = 'exec env --default-signal=HUP script --quiet --flush --command "$1" /dev/null <&3 3<&-'

    def __init__(self, host, argv):
        command = ["/bin/sh", "-c", self.SCRIPT, "sh", shlex.join(map(str, argv))]
        self.process = host.spawn(command, name="terminal", env={"TERM": "vt100"}, channel=True)

    def type(self, text):
        self.process.channel.sendall(text.encode())

    def wait_for(self, text, timeout=20.0):
        """Until the program has written this."""
        wait_until(lambda: text in self.process.output, timeout, lambda: f"{text!r}; there is {self.process.output!r}")

    def hang_up(self):
        """What runs there is told so by the kernel, and ends."""
        self.process.kill()


def atom(name):
    """A node's name as an Erlang atom."""
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"

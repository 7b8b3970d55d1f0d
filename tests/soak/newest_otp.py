# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""See newest_otp.sh: newest_otp.py ROOT. A node of the Erlang in ROOT, on TLS and on TCP, is probed 20 times."""

import subprocess
import sys
from pathlib import Path

from soaklab import Lab, say, wait_until

from lab_process import tool
from lab_wire import Client
from test_probes import accepted, doubt

PROBES = 20
COUNT = 'io:format("otp ~s~n", [erlang:system_info(otp_release)]).'
RESET = """
import socket, struct, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""


def start(host, root, carrier, port):
    argv = [tool("chroot"), root, "/usr/bin/erl", "-noinput", "-name", f"new@{carrier}.home", "-setcookie", "soak"]
    argv += ["-start_epmd", "false", "-erl_epmd_port", port, "-proto_dist", carrier, "-eval", COUNT]
    if carrier == "inet_tls":
        argv += ["-ssl_dist_opt", "server_certfile", "/node.pem"]
    node = host.spawn(argv, name=carrier)
    wait_until(lambda: "otp " in node.output or not node.alive, 60, lambda: f"the node: {node.output}")
    assert node.alive, node.output
    host.spawn([host.product.cli, "register", f"new@{carrier}.home", port, "--carrier", carrier])
    return node


def certify(root):
    path = Path(root) / "node.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=node",
         "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())


def main():
    root = sys.argv[1]
    certify(root)
    n_traces = 0
    with Lab() as lab:
        a, b = lab.hosts("a", "b")
        for host in (a, b):
            host.start_agent()
        for carrier, port in (("inet_tcp", 9101), ("inet_tls", 9102)):
            node = start(a, root, carrier, port)
            name = f"new@{carrier}.home"
            watch = b.watch()
            watch.wait("up", name)
            said, connections = node.output, accepted(a)
            with Client(b) as client:
                for _ in range(PROBES):
                    doubt(client, b, name)
            assert accepted(a) >= connections + PROBES and not watch.seen("down", name)
            # What comes late comes before what is caused later: a reset, which newer ones report.
            trace = node.output[len(said) :]
            for _ in range(3):
                b.run(["/usr/bin/python3", "-c", RESET, a.address, port])
            try:
                wait_until(lambda: node.output != said, 5, "a trace of a reset")
            except AssertionError:
                pass
            report = node.output[len(said) :]
            say(f"{said.split()[:2]} {carrier}: {PROBES} probes, {len(trace)} bytes in the log; "
                f"3 resets, {len(report)} bytes: {report[:300]!r}")  # fmt: skip
            n_traces += len(trace)
    return 1 if n_traces else 0


if __name__ == "__main__":
    sys.exit(main())

"""A ``bench`` command whose processes are forked from one that has everything imported.

An interpreter that imports torch, mlflow and scikit-learn takes 4 to 6 s of processor time, and some tests type a dozen
commands. Each command still has a separate process with the folder, environment and standard streams of who typed it.
What a fork cannot show (which modules a command imports, the options of the interpreter) has tests with real processes.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import socket
import sys
import threading
from multiprocessing import reduction
from pathlib import Path

CLIENT = """#!{python} -IS
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    server.sendmsg([len(asked).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
    server.sendall(asked)
    sys.exit(int(server.recv(4)))
"""


class Stream:
    """A file descriptor that is handed to the process of a command."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self):
        return _received, (reduction.DupFd(self.number),)


def _received(handed) -> Stream:
    return Stream(handed.detach())


def typed(words: list[str], folder: str, environment: dict[str, str], *streams: Stream) -> None:
    """Run the installed command in this process, which was forked for it."""
    for number, stream in enumerate(streams):
        os.dup2(stream.number, number)
        os.close(stream.number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["bench", *words]
    from bench.cli.main import command

    command()


class ForkedBench:
    """Answers the ``bench`` script in ``folder`` until it is closed.

    Args:
        folder: where the script is written; goes to the front of PATH.
        context: of multiprocessing, whose processes are forked.
    """

    def __init__(self, folder: Path, context) -> None:
        self.context = context
        address = folder / "socket"
        self.listens = socket.socket(socket.AF_UNIX)
        self.listens.bind(str(address))
        self.listens.listen()
        script = folder / "bench"
        script.write_text(CLIENT.format(python=sys.executable, address=str(address)), encoding="utf-8")
        script.chmod(0o755)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.listens.shutdown(socket.SHUT_RDWR)
        self.listens.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listens.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client:
            head, ancillary, *_ = client.recvmsg(4, socket.CMSG_SPACE(12))
            streams = array.array("i", ancillary[0][2])
            with client.makefile("rb") as sent:
                words, folder, environment = json.loads(sent.read(int.from_bytes(head, "big")))
            process = self.context.Process(target=typed, args=(words, folder, environment, *map(Stream, streams)))
            process.start()
            for stream in streams:
                os.close(stream)
            process.join()
            code = process.exitcode
            with contextlib.suppress(OSError):  # who typed it has gone
                client.sendall(str(code if code >= 0 else 128 - code).encode())

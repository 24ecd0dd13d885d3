"""ejabberd's control command through one long-lived Erlang node: the same answers, without 0.5 to 2 seconds for each."""

from __future__ import annotations

import base64
import concurrent.futures
import itertools
import pathlib
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.subject import Ejabberd

HERE = pathlib.Path(__file__).resolve().parent


class Node:
    """A running Erlang node beside ejabberd's. Use as a context manager."""

    def __init__(self, subject: Ejabberd) -> None:
        from harness.subject import CtlResult

        self.result = CtlResult
        self.waiting: dict[str, concurrent.futures.Future] = {}
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        folder = subject.folder
        subprocess.run(["erlc", "-o", str(folder), str(HERE / "ctl_node.erl")], check=True, timeout=60)
        self.process = subprocess.Popen(
            [*subject._erl(), "-dist_listen", "false", "-sname", "asker@localhost", "-hidden", "-noshell",
             "-pa", str(folder), "-s", "ctl_node", "start", "-extra", subject.node],
            env=subject.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        """Hands every answer to whoever waits for it; at the end nobody waits for ever."""
        for line in self.process.stdout:
            number, _, rest = line.strip().partition(" ")
            status, _, text = rest.partition(" =")
            with self.lock:
                future = self.waiting.pop(number, None)
            if future:
                out = base64.b64decode(text).decode(errors="replace")
                code = int(status) % 256 if status.lstrip("-").isdigit() else 1
                future.set_result(self.result(code, out, ""))
        with self.lock:
            for future in self.waiting.values():
                future.set_exception(RuntimeError("the Erlang node ended"))
            self.waiting.clear()

    def ctl(self, *words: str, timeout: float = 40) -> object:
        """One call, as Ejabberd.ctl does it."""
        future: concurrent.futures.Future = concurrent.futures.Future()
        shown = [base64.b64encode(word.encode()).decode() or "-" for word in words]
        with self.lock:
            number = str(next(self.numbers))
            self.waiting[number] = future
            self.process.stdin.write(" ".join([number, *shown]) + "\n")
            self.process.stdin.flush()
        return future.result(timeout)

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

"""The command on a terminal of a certain size, which can be looked at and resized while it runs."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyte

from tests.command import QRUN


class Terminal:
    """A pseudo-terminal with the command on it. Use it as a context manager.

    Args:
        words: What follows ``qrun`` on its command line.
        env: Its environment; ``COLUMNS`` does not count.
        cwd: Its folder.
        columns: Width of the terminal.
        rows: Its height.
    """

    def __init__(
        self, *words: str, env: dict[str, str], cwd: Path, columns: int = 80, rows: int = 24, **more: str
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self.raw = b""
        self._outer, inner = pty.openpty()
        self._size(columns, rows)
        kept = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [str(QRUN), *words],
            stdin=inner, stdout=inner, stderr=inner, cwd=cwd, start_new_session=True,
            env={**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", **more},
        )  # fmt: skip
        os.close(inner)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *details: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        os.close(self._outer)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._outer, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self.raw += data
                self._stream.feed(data)

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._outer, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Make it larger or smaller."""
        with self._lock:
            self.screen.resize(rows, columns)
            self._size(columns, rows)
        self.process.send_signal(signal.SIGWINCH)

    def lines(self) -> list[str]:
        """What is on it, without blanks at the ends of lines."""
        with self._lock:
            return [line.rstrip() for line in self.screen.display]

    def until(self, fits: Callable[[list[str]], bool], seconds: float = 60) -> list[str]:
        """What is on it, once it fits."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if fits(lines := self.lines()):
                return lines
            time.sleep(0.05)
        raise AssertionError("\n".join(["never seen; last:", *self.lines()]))

    def ended(self, seconds: float = 60) -> tuple[int, str]:
        """Exit code, and all that was written."""
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code, self.raw.decode()

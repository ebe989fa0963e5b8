"""Ctrl-C, SIGTERM and SIGHUP: what they mean at each moment of a run's life."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import Any

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def interrupting() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does: raise ``KeyboardInterrupt`` where the program is."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled_by(interrupt):
        yield


class Finishing:
    """Notes a signal and lets the job in hand be finished. Use it as a context manager.

    Signals come in pairs: a terminal that closes sends SIGHUP twice, a service manager SIGTERM and SIGHUP.
    So only a second Ctrl-C interrupts, and only where :meth:`interruptible` allows it; opening and closing of
    a batch or session are never broken off.

    Args:
        told: Called when the first signal comes.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told
        self._interruptible = False
        self._handlers = _handled_by(self._note)
        self.asked = False

    def __enter__(self) -> Finishing:
        self._handlers.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        if not self.asked:
            self._handlers.__exit__(*details)
            return
        # The program ends now. A signal that comes late must not change its exit code, and the interpreter
        # takes handlers of its own away while it shuts down, but leaves what is ignored.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Where a second Ctrl-C may break off what hangs."""
        self._interruptible = True
        try:
            yield
        finally:
            self._interruptible = False

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            self._told()
        elif number == signal.SIGINT and self._interruptible:
            self._interruptible = False
            raise KeyboardInterrupt


class _NeverAsked:
    """For what is interrupted by ``KeyboardInterrupt`` where it is."""

    asked = False

    def interruptible(self) -> AbstractContextManager[None]:
        """Everywhere."""
        return nullcontext()


never_asked = _NeverAsked()


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before: dict[int, Any] = {}
    for number in _SIGNALS:
        # nohup and the like have said that a signal is to be ignored; that stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)

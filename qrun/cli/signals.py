"""Ctrl-C, SIGTERM and SIGHUP: what they mean at each moment of a run's life."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def finishing(told: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Note a signal and let the job in hand be finished; a second Ctrl-C interrupts at once.

    Args:
        told: Called when the first signal comes.

    Yields:
        A function that says whether a signal has come.
    """
    asked = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        told()

    with _handled_by(note):
        yield lambda: asked


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

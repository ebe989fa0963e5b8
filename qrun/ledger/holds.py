"""Who is at work on a run: a lock on a file, which ends with the process however that ends.

The size of that file says how often somebody else has asked whoever holds the run to stop: a byte each time.
Unlike a column of the database it may be asked for by every thread, as often as one likes.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from qrun.errors import ServiceError

_ASK_AGAIN = 0.05
"""Seconds between two attempts to get hold of a run."""


class Holds:
    """The locks of the runs of one ledger.

    Args:
        folder: Where the lock files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holding: set[str] = set()

    @contextmanager
    def hold(self, run_id: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold a run while its jobs are sent; waits while another process does.

        Args:
            run_id: The run.
            waiting: Called again and again while it waits; what it raises ends that.
        """
        with self._lock_file(run_id) as file:
            while not _locked(file):
                waiting()
                time.sleep(_ASK_AGAIN)
            with self._holding_it(run_id):
                yield

    @contextmanager
    def hold_if_free(self, run_id: str) -> Iterator[bool]:
        """Hold a run where no other process does; says whether this one holds it, perhaps since before."""
        if run_id in self._holding:
            yield True
            return
        with self._lock_file(run_id) as file:
            if not _locked(file):
                yield False
                return
            with self._holding_it(run_id):
                yield True

    @contextmanager
    def _holding_it(self, run_id: str) -> Iterator[None]:
        self._holding.add(run_id)
        try:
            yield
        finally:
            self._holding.discard(run_id)

    def ask_to_stop(self, run_id: str) -> None:
        """Ask whoever holds a run to send nothing more."""
        with self._lock_file(run_id) as file:
            file.write(".")

    def stops_asked(self, run_id: str) -> int:
        """How often whoever held a run has been asked to stop, since it is there."""
        try:
            return self._path(run_id).stat().st_size
        except OSError:
            return 0

    def held(self, run_id: str) -> bool:
        """Whether a process, this one or another, is sending a run's jobs."""
        return run_id in self._holding or self.held_by_others(run_id)

    def held_by_others(self, run_id: str) -> bool:
        """Whether another process is sending a run's jobs.

        A lock and not a process number: those are used again, in containers soon, and mean nothing on
        another machine that shares the folder.
        """
        if run_id in self._holding or not self._path(run_id).exists():
            return False
        with self._lock_file(run_id) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def forget(self, run_id: str) -> None:
        """Take a run's lock file away."""
        self._path(run_id).unlink(missing_ok=True)

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.lock"

    @contextmanager
    def _lock_file(self, run_id: str) -> Iterator[IO[str]]:
        path = self._path(run_id)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            file = path.open("a")
        except OSError as error:
            raise ServiceError(
                f"The ledger {path} can't be used: {error}.", "Check the disk and the file's owner."
            ) from None
        with file:
            yield file


def _locked(file: IO[str]) -> bool:
    """Whether a file could be locked, at once."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

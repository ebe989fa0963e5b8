"""Who is at work on a run: a lock on a file, which ends with the process however that ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from qrun.errors import ServiceError


class Holds:
    """The locks of the runs of one ledger.

    Args:
        folder: Where the lock files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holding: set[str] = set()

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        """Hold a run while its jobs are sent; waits while another process does."""
        with self._lock_file(run_id) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._holding.add(run_id)
            try:
                yield
            finally:
                self._holding.discard(run_id)

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

"""How long a submission goes on when the service limits it, fails, or is not there."""

from __future__ import annotations

import time
from collections.abc import Callable

from qrun.errors import Interrupted, ServiceError
from qrun.ledger import Run
from qrun.run.listening import Listener, Stop
from qrun.runtime.control import LONGEST_WHEN_LIMITED
from qrun.runtime.replies import Limited

WAITS_WHEN_LIMITED = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds before more is sent where the service does not say how long to wait; the documented limit is
counted by the minute (facts G1)."""
WAITS_WHEN_FAILED = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
LONGEST_WHEN_FAILED = 300.0
"""Seconds without an answer after which a submission is broken off. The run can be resumed."""


class Patience:
    """Counts how often, and for how long, the service has not taken what was sent.

    Args:
        run: The run.
        listener: Told of each wait.
        stop: Asked while waiting.
        meanwhile: Called again and again while waiting; what it raises ends that.
    """

    def __init__(
        self, run: Run, listener: Listener, stop: Stop, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self._run = run
        self._listener = listener
        self._stop = stop
        self._meanwhile = meanwhile
        self.succeeded()

    def succeeded(self) -> None:
        """The service has taken something: all is forgotten."""
        self._since = time.monotonic()
        self._times = 0

    def limited(self, error: Limited) -> None:
        """Wait as long as the service asks for, or longer each time.

        Raises:
            Limited: It has been too long.
            Interrupted: Someone wants to stop.
        """
        wait = error.retry_after
        if wait is None:
            wait = WAITS_WHEN_LIMITED[min(self._times, len(WAITS_WHEN_LIMITED) - 1)]
        self._give_up(error, LONGEST_WHEN_LIMITED)
        self._listener.limited(wait)
        self._wait(wait)

    def failed(self, error: ServiceError) -> None:
        """Wait longer each time.

        Raises:
            ServiceError: It has been too long.
            Interrupted: Someone wants to stop.
        """
        wait = WAITS_WHEN_FAILED[min(self._times, len(WAITS_WHEN_FAILED) - 1)]
        self._give_up(error, LONGEST_WHEN_FAILED)
        self._listener.troubled(error.message)
        self._wait(wait)

    def _give_up(self, error: ServiceError, longest: float) -> None:
        self._times += 1
        if time.monotonic() - self._since > longest:
            raise error

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._stop.asked:
                raise Interrupted(
                    f"Stopped while run {self._run.id} waited for the service.",
                    f"Go on with: qrun resume {self._run.id}",
                )
            self._meanwhile()
            time.sleep(min(0.1, left))

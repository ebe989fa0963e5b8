"""What can go wrong, said to the user, and the exit code that each kind of mistake ends with."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How ``qrun`` ends. Documented in the README; scripts rely on them."""

    DONE = 0
    JOB_FAILED = 1
    """A job failed or was cancelled."""
    USAGE = 2
    """Wrong use of the command line, or an invalid workload."""
    SERVICE = 3
    """The service, the network or the account."""
    REFUSED = 4
    """Refused by a limit: a budget, or the plan of the instance."""
    TIMED_OUT = 124
    """``wait`` ran out of time; the jobs live on."""
    INTERRUPTED = 130


class QrunError(Exception):
    """A mistake or a fault, told in one sentence that says what and one that says what to do.

    Args:
        message: What is wrong.
        hint: What to do about it.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(QrunError):
    """The command line asks for something that does not exist or does not fit."""


class WorkloadError(QrunError):
    """The workload file is wrong.

    Args:
        message: What is wrong.
        hint: What would be right.
        path: The file.
        line: Line in the file, from 1.
        column: Column in the line, from 1.
    """

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        path: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.path = path
        self.line = line
        self.column = column

    @property
    def place(self) -> str | None:
        """``file:line:column``, as far as it is known."""
        if self.path is None:
            return None
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class ServiceError(QrunError):
    """The service refused, failed or could not be reached.

    Args:
        message: What happened.
        hint: What to do.
        status: The HTTP status, where there was one.
        code: The service's own error code, where it gave one.
    """

    exit_code = ExitCode.SERVICE

    def __init__(
        self, message: str, hint: str | None = None, *, status: int | None = None, code: int | None = None
    ) -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code


class AccountError(ServiceError):
    """No account, a wrong token, or an instance that the token can't use."""


class LimitError(QrunError):
    """Refused by a limit of the plan, the instance or the user's own budget."""

    exit_code = ExitCode.REFUSED


class Interrupted(QrunError):
    """The user, or the system, asked to stop; what was being done has been put in order first."""

    exit_code = ExitCode.INTERRUPTED


class TimedOut(QrunError):
    """Waiting took longer than allowed."""

    exit_code = ExitCode.TIMED_OUT

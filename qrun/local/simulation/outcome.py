"""What running a program gives: an outcome, or the user's mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CODE_TOO_MANY_QUBITS = 1109
"""IBM's code for a circuit with more qubits than the backend."""
CODE_NOT_ISA = 1517
"""IBM's code for an instruction that the backend's target does not support."""
CODE_UNREADABLE = 1603
"""IBM's code for circuits or parameters that cannot be loaded."""


@dataclass(frozen=True)
class ProgramOutcome:
    """What a finished program leaves.

    Args:
        result: JSON text of the result, as the client's decoders read it.
        qpu_seconds: Modelled QPU time of the whole job, overhead included.
        circuits_execution_time_ns: Its part that circuits were executing in, in nanoseconds.
        executions: Bound circuits × shots, over the whole job.
        log: Plain text, one line a fact: how each item was simulated and what was left out.
    """

    result: str
    qpu_seconds: float
    circuits_execution_time_ns: int
    executions: int
    log: str


class ProgramError(Exception):
    """The user's mistake, or something that is not simulated.

    Args:
        message: What is wrong and what would help.
        code: IBM's error code, where there is one.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own pickling forgets the code, and this error crosses a process boundary.
        return type(self), (self.message, self.code)


def reason(error: Exception) -> str:
    """What an exception says, or its type where it says nothing."""
    return str(error) or type(error).__name__

"""What the service refuses to do, told in the terms of its REST interface."""

from __future__ import annotations

CODE_INVALID_BODY = 1208
CODE_BACKEND_NOT_FOUND = 1007
CODE_TOO_LARGE = 1001
CODE_TOO_MANY_TAGS = 1204
CODE_WRONG_INSTANCE = 1279
CODE_JOB_NOT_FOUND = 3250
CODE_JOB_NOT_CANCELLED = 3208
"""Our choice in the old registry's range 3207–3216 (facts E4)."""
CODE_SESSION_NOT_ALLOWED = 1352
"""A session on a plan that has none (facts E4)."""
CODE_INTERNAL = 9999
CODE_OTHER = 1000


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        message: What is wrong, in one sentence.
        code: IBM's error code, 1000–9999 (facts E4).
        solution: What to do about it.
    """

    def __init__(self, status: int, message: str, code: int = CODE_OTHER, solution: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.solution = solution


def job_not_found(job: str) -> Refusal:
    """There is no such job."""
    return Refusal(
        404, f"Job not found: {job}", CODE_JOB_NOT_FOUND, "Check the ID; list jobs with GET /v1/jobs."
    )


def session_not_found(session: str) -> Refusal:
    """There is no such session or batch."""
    return Refusal(404, f"Session not found: {session}", solution="Check the ID, or create a session.")


def backend_not_found(name: object) -> Refusal:
    """There is no such backend."""
    return Refusal(
        404, f"Backend not found: {name}", CODE_BACKEND_NOT_FOUND, "See GET /v1/backends for those there are."
    )


def calibration_not_found(calibration: str, name: str) -> Refusal:
    """The backend has no such calibration: a local device has the one of its snapshot, which has no ID."""
    return Refusal(
        404,
        f"Calibration not found: {calibration} of {name}",
        solution="Leave calibration_id out: a local device has one calibration.",
    )


def invalid(message: str, code: int = CODE_INVALID_BODY) -> Refusal:
    """The request is not of the form it should have."""
    return Refusal(400, message, code, "Correct the request; see the Qiskit Runtime REST API reference.")


def sessions_not_allowed(plan: str) -> Refusal:
    """The plan has no sessions; in IBM's words (facts D2, E4)."""
    return Refusal(
        400,
        f"You are not authorized to run a session when using the {plan} plan.",
        CODE_SESSION_NOT_ALLOWED,
        "Create an instance of a different plan type or use a different execution mode.",
    )


def limit_reached(used: float, limit: float) -> Refusal:
    """The instance has used all that its limit lets it use (facts D2). The code is our choice."""
    return Refusal(
        409,
        f"The usage of the instance, {used:g} s, exceeds its limit of {limit:g} s",
        solution="Raise the limit of the instance, or use another one.",
    )

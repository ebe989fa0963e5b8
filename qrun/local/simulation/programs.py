"""The entrance of this room: run a program of a job, in whatever process this is called in.

Importing this module is cheap; qiskit, the client and Aer are imported when the first program runs.
"""

from __future__ import annotations

from qrun.local.simulation.outcome import ProgramError, ProgramOutcome

__all__ = ["PROGRAM_IDS", "ProgramError", "ProgramOutcome", "run_program", "warm_up"]

PROGRAM_IDS = ("sampler", "estimator", "executor", "noise-learner")
"""The programs that the local service runs."""


def run_program(
    device_name: str, program_id: str, params: bytes, *, seed: int | None = None
) -> ProgramOutcome:
    """Run a program on a simulated device.

    Args:
        device_name: A name of ``qrun.local.devices.device_names()``.
        program_id: One of ``PROGRAM_IDS``.
        params: JSON text of the ``params`` member of ``POST /jobs``.
        seed: Makes the data reproducible bit for bit; a seed in the job's own options goes before it.

    Raises:
        ProgramError: The user's mistake, or something that is not simulated.
        KeyError: There is no device of that name.
    """
    from qrun.local.devices import device

    the_device = device(device_name)
    if program_id == "executor":
        from qrun.local.simulation.executor import run_executor

        return run_executor(the_device, params, seed)
    if program_id == "noise-learner":
        from qrun.local.simulation.noise_learner import run_noise_learner

        return run_noise_learner(the_device, params, seed)
    if program_id in PROGRAM_IDS:
        from qrun.local.simulation.primitives import run_primitive

        return run_primitive(the_device, program_id, params, seed)
    raise ProgramError(
        f"The local service does not run the program {program_id!r}; it runs {', '.join(PROGRAM_IDS)}."
    )


def warm_up(device_name: str) -> None:
    """Import what programs need and build the device's target, so that the first job does not wait.

    Raises:
        KeyError: There is no device of that name.
    """
    from qrun.local.devices import device
    from qrun.local.simulation import executor, primitives, targets  # noqa: F401

    targets.target(device(device_name))

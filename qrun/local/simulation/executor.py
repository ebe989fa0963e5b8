"""The program ``executor``: what the client-side primitives and noise learning send."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from qrun.local.simulation import schemas
from qrun.local.simulation.client_formats import QUANTUM_PROGRAM_PARAMS_CONVERTERS
from qrun.local.simulation.outcome import CODE_UNREADABLE, ProgramError, ProgramOutcome, reason
from qrun.local.simulation.program import outcome, run_items, spans_of
from qrun.local.simulation.timing import ExecutionTiming

if TYPE_CHECKING:
    from qrun.local.devices import Device


def run_executor(device: Device, params: bytes, seed: int | None) -> ProgramOutcome:
    """Run an executor job.

    Args:
        device: The device.
        params: JSON text of the job's params, in any version of the schema that the client knows.
        seed: Makes the data reproducible.

    Raises:
        ProgramError: The params cannot be read, or something in them is not supported.
    """
    version = _schema_version(params)
    converter = QUANTUM_PROGRAM_PARAMS_CONVERTERS[version]
    try:
        model = converter.model.model_validate_json(params)
        program, options = converter.decoder(model)
    # The decoder runs QPY, samplomatic and pydantic on the user's bytes; each has errors of its own.
    except Exception as error:
        raise ProgramError(f"The quantum program cannot be read: {reason(error)}", CODE_UNREADABLE) from error
    log = [f"program executor, schema {version}, on {device.name}"]
    log.extend(_left_out(model))
    timing = ExecutionTiming(options.execution.rep_delay, options.execution.init_qubits)
    items = run_items(program, device, timing, np.random.default_rng(seed), log)
    result = schemas.encode(
        version,
        items,
        spans_of(items),
        getattr(model.quantum_program, "passthrough_data", None),
        getattr(model.quantum_program, "semantic_role", None),
    )
    return outcome(result, items, log)


def _schema_version(params: bytes) -> str:
    try:
        version = json.loads(params).get("schema_version")
    except (ValueError, AttributeError) as error:
        raise ProgramError(f"The params are not a JSON object: {error}", CODE_UNREADABLE) from error
    if version not in QUANTUM_PROGRAM_PARAMS_CONVERTERS:
        known = ", ".join(QUANTUM_PROGRAM_PARAMS_CONVERTERS)
        raise ProgramError(
            f"Schema version {version!r} of the executor is not known; known are {known}.", CODE_UNREADABLE
        )
    return str(version)


def _left_out(model: Any) -> list[str]:
    """Lines about options that change nothing here."""
    options = model.options
    ignored = [name for name in ("scheduler_timing", "stretch_values") if getattr(options, name, False)]
    ignored += [f"experimental.{name}" for name in getattr(options, "experimental", {})]
    if any(item.chunk_size != "auto" for item in model.quantum_program.items):
        ignored.append("chunk_size")
    return [f"ignored option: {name}" for name in ignored]

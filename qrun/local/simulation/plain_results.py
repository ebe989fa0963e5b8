"""Results as plain JSON, for clients in other languages: what ``support_qiskit: false`` asks for.

The form is the one that IBM's guides and clients of its REST interface show: a list ``results`` with ``data``
and ``metadata`` of each PUB; of a classical register its ``samples``, hexadecimal, and its ``num_bits``.
"""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit, qasm3
from qiskit.primitives import BitArray

from qrun.local.simulation.client_formats import ExecutionSpans, LayerError

if TYPE_CHECKING:
    from qiskit.primitives import PrimitiveResult


def plain_text(result: PrimitiveResult) -> str:
    """A primitive's result as strict JSON."""
    pubs = [
        {
            "data": {name: plain(value) for name, value in pub.data.items()},
            "metadata": plain(pub.metadata),
        }
        for pub in result
    ]
    return json.dumps({"results": pubs, "metadata": plain(result.metadata)}, allow_nan=False)


def plain(value: Any) -> Any:
    """``value`` as something that strict JSON can hold; what is no number, or not finite, becomes null."""
    if isinstance(value, dict):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, BitArray):
        return {"samples": _samples(value), "num_bits": value.num_bits}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, ExecutionSpans):
        return [{"start": plain(span.start), "stop": plain(span.stop), "shots": span.size} for span in value]
    if isinstance(value, LayerError):
        return _layer_error(value)
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _samples(bits: BitArray) -> list[Any]:
    """Outcomes of all shots, a list within a list for each axis of the parameter values."""
    # The bytes of an outcome stand with the highest first.
    packed = bits.array.reshape(-1, bits.array.shape[-1])
    words = np.array([hex(int.from_bytes(row.tobytes(), "big")) for row in packed], dtype=object)
    nested: list[Any] = words.reshape(bits.array.shape[:-1]).tolist()
    return nested


def _layer_error(layer: LayerError) -> dict[str, Any]:
    circuit = layer.circuit
    error = None
    if layer.error is not None:
        error = {"generators": layer.error.generators.to_labels(), "rates": plain(layer.error.rates)}
    text = qasm3.dumps(circuit) if isinstance(circuit, QuantumCircuit) else str(circuit)
    return {"circuit": text, "qubits": list(layer.qubits), "error": error}

"""A small backend, and workloads for it."""

from __future__ import annotations

import textwrap
from functools import cache
from typing import Any

from qiskit.providers.fake_provider import GenericBackendV2

from qrun.workload.document import parse_document
from qrun.workload.load import Workload, load_workload

QUBITS = 5

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'

FILE = f"""
name: small
backend: generic
circuits:
  bell: {{qasm: '{BELL}'}}
  again: {{qasm: '{BELL}'}}
  ansatz: {{library: efficient_su2, args: {{num_qubits: 3, reps: 1}}}}
pubs:
"""


@cache
def backend(seed: int = 1, names: tuple[str, ...] = ("cx", "id", "rz", "sx", "x")) -> Any:
    """Five qubits in a line; ``seed`` stands for a calibration."""
    line = [pair for a in range(QUBITS - 1) for pair in ([a, a + 1], [a + 1, a])]
    return GenericBackendV2(QUBITS, basis_gates=list(names), coupling_map=line, seed=seed, control_flow=True)


def workload(*pubs: str, head: str = "", circuits: str = "") -> Workload:
    """A workload of these PUBs."""
    text = head + textwrap.dedent(FILE)
    text = text.replace("circuits:\n", f"circuits:\n{circuits}") if circuits else text
    return load_workload(parse_document(text + "".join(f"  - {pub}\n" for pub in pubs), "w.yaml"))

"""The circuit of maxcut-qaoa.yaml and maxcut-loop.yaml, and the cost of the latter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit.circuit import ParameterVector, QuantumCircuit


def qaoa(edges: Sequence[Sequence[int]], layers: int) -> QuantumCircuit:
    """The alternating circuit of QAOA for MaxCut, from the equal superposition.

    Args:
        edges: Pairs of nodes; node ``i`` is qubit ``i``.
        layers: How often cost and mixer alternate.

    Returns:
        A circuit of the vectors ``gamma`` (cost) and ``beta`` (mixer), an element a layer.
    """
    gamma, beta = ParameterVector("gamma", layers), ParameterVector("beta", layers)
    nodes = 1 + max(max(edge) for edge in edges)
    circuit = QuantumCircuit(nodes, name=f"qaoa{layers}")
    circuit.h(range(nodes))
    for layer in range(layers):
        for first, second in edges:
            circuit.rzz(gamma[layer], first, second)
        circuit.rx(2 * beta[layer], range(nodes))
    return circuit


def cut_cost(results: Sequence[Any], edges: Sequence[Sequence[int]]) -> float:
    """Minus the mean number of edges that the sampled colourings cut.

    Args:
        results: The PUBs' results; the first has the counts of all nodes in the register ``meas``.
        edges: Pairs of nodes.
    """
    counts = results[0].data.meas.get_counts()
    cut = sum(
        shots * sum(bits[-1 - first] != bits[-1 - second] for first, second in edges)
        for bits, shots in counts.items()
    )
    return -cut / sum(counts.values())

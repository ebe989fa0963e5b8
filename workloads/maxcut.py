"""The circuit of maxcut-qaoa.yaml."""

from __future__ import annotations

from collections.abc import Sequence

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

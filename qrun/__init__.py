"""A command-line workload runner for Qiskit Runtime (IBM Quantum Compute)."""

__version__ = "0.1.0"

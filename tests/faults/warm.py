# ruff: noqa: F401
"""What a qrun process imports, imported once, before it is forked for each trial."""

import httpx
import qiskit
import qiskit.qasm3
import qiskit_ibm_runtime
import qiskit_ibm_runtime.executor_estimator
import qiskit_ibm_runtime.executor_sampler
import rich.console

import qrun.cli.again
import qrun.cli.main
import qrun.run.prepare
import qrun.run.resume

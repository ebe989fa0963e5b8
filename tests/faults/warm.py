"""What a qrun process imports, imported once, before it is forked for each trial."""

import httpx  # noqa: F401
import qiskit  # noqa: F401
import qiskit.qasm3  # noqa: F401
import qiskit_ibm_runtime  # noqa: F401
import qiskit_ibm_runtime.executor_estimator  # noqa: F401
import qiskit_ibm_runtime.executor_sampler  # noqa: F401
import rich.console  # noqa: F401

import qrun.cli.again  # noqa: F401
import qrun.cli.main  # noqa: F401
import qrun.run.prepare  # noqa: F401
import qrun.run.resume  # noqa: F401

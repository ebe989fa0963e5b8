"""Everything taken from inside ``qiskit_ibm_runtime``, in one place.

These names are not part of its documented interface (or their modules are not), so they may move with
a release; ``tests/unit/simulation/test_client_formats.py`` says which one did. Only this module knows
where they live.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS
from qiskit_ibm_runtime.decoders.executor_estimator.decoder import ClientSideEstimatorDecoder
from qiskit_ibm_runtime.decoders.executor_sampler.decoder import ClientSideSamplerResultDecoder
from qiskit_ibm_runtime.exceptions import IBMInputValueError
from qiskit_ibm_runtime.execution_span import DoubleSliceSpan, ExecutionSpans
from qiskit_ibm_runtime.executor_estimator.prepare import prepare as prepare_estimator
from qiskit_ibm_runtime.executor_sampler.prepare import prepare as prepare_sampler
from qiskit_ibm_runtime.fake_provider.executor.broadcast_sample import broadcast_sample
from qiskit_ibm_runtime.json import RuntimeDecoder, RuntimeEncoder
from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions
from qiskit_ibm_runtime.options_models.sampler import SamplerOptions
from qiskit_ibm_runtime.quantum_program import QuantumProgram
from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
from qiskit_ibm_runtime.results.quantum_program import (
    Metadata,
    QuantumProgramItemResult,
    QuantumProgramResult,
)
from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
from qiskit_ibm_runtime.utils.backend_decoder import (
    configuration_from_server_data,
    properties_from_server_data,
)

if TYPE_CHECKING:
    from qiskit.transpiler import Target

    from qrun.local.devices import Device

__all__ = [
    "DEFAULT_DECODERS",
    "QUANTUM_PROGRAM_PARAMS_CONVERTERS",
    "ClientSideEstimatorDecoder",
    "ClientSideSamplerResultDecoder",
    "DoubleSliceSpan",
    "EstimatorOptions",
    "ExecutionSpans",
    "IBMInputValueError",
    "Metadata",
    "QuantumProgram",
    "QuantumProgramItemResult",
    "QuantumProgramResult",
    "RuntimeDecoder",
    "RuntimeEncoder",
    "SamplerOptions",
    "broadcast_sample",
    "prepare_estimator",
    "prepare_sampler",
    "target_of",
]


def target_of(device: Device) -> Target:
    """The target that a client with fractional gates builds from the device's JSON.

    Raises:
        ValueError: The client cannot read the device's configuration.
    """
    # The client's decoder changes what it is given.
    configuration = configuration_from_server_data(
        copy.deepcopy(device.configuration), use_fractional_gates=None
    )
    if configuration is None:
        raise ValueError(f"the client cannot read the configuration of {device.name}")
    properties = properties_from_server_data(copy.deepcopy(device.properties), use_fractional_gates=None)
    return convert_to_target(configuration=configuration, properties=properties)

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
from qiskit_ibm_runtime.executor_estimator.finalize_options import finalize_estimator_options
from qiskit_ibm_runtime.executor_estimator.prepare import prepare as prepare_estimator
from qiskit_ibm_runtime.executor_estimator.utils import (
    estimator_options_to_boxing_options as estimator_boxing_options,
)
from qiskit_ibm_runtime.executor_sampler.prepare import prepare as prepare_sampler
from qiskit_ibm_runtime.fake_provider.executor.broadcast_sample import broadcast_sample
from qiskit_ibm_runtime.json import RuntimeDecoder, RuntimeEncoder
from qiskit_ibm_runtime.noise_learner_v3.converters import (
    noise_learner_v3_result_to_0_1,
    noise_learner_v3_result_to_0_2,
    noise_learner_v3_result_to_0_3,
)
from qiskit_ibm_runtime.noise_learner_v3.find_learning_protocol import find_learning_protocol
from qiskit_ibm_runtime.noise_learner_v3.learning_protocol import LearningProtocol
from qiskit_ibm_runtime.noise_learner_v3.params_converters import NOISE_LEARNER_V3_PARAMS_CONVERTERS
from qiskit_ibm_runtime.noise_learner_v3.validation import validate_instruction
from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions
from qiskit_ibm_runtime.options_models.sampler import SamplerOptions
from qiskit_ibm_runtime.quantum_program import QuantumProgram
from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
from qiskit_ibm_runtime.results.noise_learner import LayerError, PauliLindbladError
from qiskit_ibm_runtime.results.noise_learner_v3 import NoiseLearnerV3Result, NoiseLearnerV3Results
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

NOISE_LEARNER_PARAMS_CONVERTERS = NOISE_LEARNER_V3_PARAMS_CONVERTERS
NOISE_LEARNER_RESULT_ENCODERS = {
    "v0.1": noise_learner_v3_result_to_0_1,
    "v0.2": noise_learner_v3_result_to_0_2,
    "v0.3": noise_learner_v3_result_to_0_3,
}

__all__ = [
    "DEFAULT_DECODERS",
    "NOISE_LEARNER_PARAMS_CONVERTERS",
    "NOISE_LEARNER_RESULT_ENCODERS",
    "QUANTUM_PROGRAM_PARAMS_CONVERTERS",
    "ClientSideEstimatorDecoder",
    "ClientSideSamplerResultDecoder",
    "DoubleSliceSpan",
    "EstimatorOptions",
    "ExecutionSpans",
    "IBMInputValueError",
    "LayerError",
    "LearningProtocol",
    "Metadata",
    "NoiseLearnerV3Result",
    "NoiseLearnerV3Results",
    "PauliLindbladError",
    "QuantumProgram",
    "QuantumProgramItemResult",
    "QuantumProgramResult",
    "RuntimeDecoder",
    "RuntimeEncoder",
    "SamplerOptions",
    "broadcast_sample",
    "estimator_boxing_options",
    "finalize_estimator_options",
    "find_learning_protocol",
    "prepare_estimator",
    "prepare_sampler",
    "target_of",
    "validate_instruction",
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

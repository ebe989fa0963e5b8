"""The places inside the client that this room reads: says which one moved with a release."""

from __future__ import annotations

import dataclasses
import inspect

from ibm_quantum_schemas.executor.version_2_0 import models
from qiskit_ibm_runtime.decoders.executor.decoder import AVAILABLE_DECODERS

from qrun.local.simulation import client_formats


def test_every_name_is_there() -> None:
    missing = [name for name in client_formats.__all__ if not hasattr(client_formats, name)]
    assert missing == []


def test_every_schema_version_that_is_read_can_be_answered() -> None:
    assert set(client_formats.QUANTUM_PROGRAM_PARAMS_CONVERTERS) == set(AVAILABLE_DECODERS)
    for converter in client_formats.QUANTUM_PROGRAM_PARAMS_CONVERTERS.values():
        assert [field.name for field in dataclasses.fields(converter)] == ["model", "decoder", "encoder"]


def test_prepare_takes_what_we_give_it() -> None:
    for prepare in (client_formats.prepare_sampler, client_formats.prepare_estimator):
        assert {"pubs", "options", "backend"} <= set(inspect.signature(prepare).parameters)


def test_broadcast_sample_takes_what_we_give_it() -> None:
    names = list(inspect.signature(client_formats.broadcast_sample).parameters)
    assert names == ["samplex", "samplex_arguments", "shape", "rng"]


def test_result_models_have_our_fields() -> None:
    assert {"data", "metadata", "passthrough_data", "semantic_role"} <= set(
        models.QuantumProgramResultModel.model_fields
    )
    assert {"idx_item", "size", "permutation", "element_range"} == set(models.ChunkPart.model_fields)

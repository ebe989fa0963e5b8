"""A job filled in from a template gives what the same job gives that the client prepares."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager

from qrun.runtime.templates import JobTemplate


@pytest.fixture(scope="module")
def client(service_env):
    from qrun.runtime.accounts import find_account
    from qrun.runtime.client import RuntimeClient

    before = dict(os.environ)
    os.environ.update(service_env)
    yield RuntimeClient(find_account("local"))
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("primitive", ["estimator", "sampler"])
@pytest.mark.parametrize("points", [1, 5])
def test_only_the_values_differ(client, primitive, points):
    backend = client.backend("ideal")
    circuit = efficient_su2(2, reps=1)
    if primitive == "sampler":
        circuit.measure_all()
    isa = generate_preset_pass_manager(1, backend=backend, seed_transpiler=1).run(circuit)
    laid_out = SparsePauliOp(["ZZ", "XI"], [1.0, 0.5]).apply_layout(isa.layout)
    prepared = []

    def prepare(arrays):
        pub = (isa, arrays[0]) if primitive == "sampler" else (isa, laid_out, arrays[0])
        counts = {"shots": 100} if primitive == "sampler" else {"precision": 0.1}
        made = client.prepare(primitive, [pub], backend=backend, options={}, tags=["t"], **counts)
        prepared.append(made)
        return made

    template = JobTemplate(prepare)
    random = np.random.default_rng(1)
    first, second = random.uniform(-3, 3, (2, points, isa.num_parameters))
    assert template.learn([first]), "with this client, each job would be prepared anew"
    known = len(prepared)
    head, params = template.request([second])
    assert len(prepared) == known, "it is filled in"
    assert head["tags"] == ["t"]
    text = json.dumps(json.loads(params))
    fresh = prepare([second]).request()[1].decode()
    arrays = [item["data"] for item in _arrays(json.loads(fresh))]
    assert arrays
    assert all(array in text for array in arrays)


def _arrays(tree):
    if isinstance(tree, list):
        return [found for item in tree for found in _arrays(item)]
    if not isinstance(tree, dict):
        return []
    if tree.get("dtype") == "f64" and "data" in tree:
        return [tree]
    return [found for item in tree.values() for found in _arrays(item)]


def test_a_client_that_bakes_values_in_is_found_out(client):
    class Baked:
        notes = ()

        def __init__(self, arrays):
            self._arrays = arrays

        def request(self):
            return {}, json.dumps({"values": [array.tolist() for array in self._arrays]}).encode()

    template = JobTemplate(Baked)
    values = [np.array([[0.25, 0.5]])]
    assert not template.learn(values)
    assert template.request([np.array([[1.0, 2.0]])])[1] == b'{"values": [[[1.0, 2.0]]]}'

"""Library circuits whose arguments make too much are refused in bounded time and memory."""

from __future__ import annotations

import multiprocessing
import resource

import pytest

from qrun.errors import WorkloadError
from qrun.workload import library
from qrun.workload.document import parse_document
from qrun.workload.load import load_workload


def circuit(name: str, args: str):
    text = (
        f"name: w\ncircuits: {{c: {{library: {name}, args: {args}, measure: all}}}}\npubs: [{{circuit: c}}]\n"
    )
    return load_workload(parse_document(text, "w.yaml")).pubs[0].circuit


@pytest.fixture(autouse=True, scope="module")
def _no_process_is_left():
    yield
    library._trial.stop()
    assert not [child for child in multiprocessing.active_children() if "_serve" in repr(child._target)]


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("efficient_su2", "{num_qubits: 4, reps: 1000000000}", "more than 1,000,000 parts"),
        ("efficient_su2", "{num_qubits: 2000, reps: 2000.5}", "more than 1,000,000 parts"),
        ("n_local", "{num_qubits: 3, rotation_blocks: [ry], reps: 1000000000}", "more than 1,000,000 parts"),
        ("PauliFeatureMap", "{feature_dimension: [[2000, 2000], 2000]}", "PauliFeatureMap: "),
        ("QFT", "{num_qubits: 20000}", "take more than"),
        ("QFTGate", "{num_qubits: 20000}", "take more than"),
        ("QFT", "{num_qubits: [20000]}", "QFT: '>' not supported"),
        ("StatePreparation", "{params: 0, num_qubits: 20000000}", "more than 1,000,000 parts"),
    ],
)
def test_too_large(name, args, said):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WorkloadError) as error:
        circuit(name, args)
    [mistake] = error.value.mistakes
    assert said in mistake.message, mistake.message
    assert mistake.place == "w.yaml:2:" + mistake.place.rpartition(":")[2]
    # In this process nothing of it has been made.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 500_000


@pytest.mark.parametrize(
    ("name", "args", "width"),
    [
        ("quantum_volume", "{num_qubits: 100, depth: 100, seed: 4000000000}", 100),
        ("MCXGate", "{num_ctrl_qubits: 60}", 61),
        ("IntegerComparator", "{num_state_qubits: 14, value: 9000}", 28),
        ("QFT", "{num_qubits: 156}", 156),
    ],
)
def test_large_ones_that_can_be_made(name, args, width):
    assert circuit(name, args).num_qubits == width

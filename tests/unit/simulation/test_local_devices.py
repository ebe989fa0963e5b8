"""The local service's devices, and that the client can read them."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
from qiskit_ibm_runtime.fake_provider import FakeFez, FakeManilaV2

from qrun.local.devices import device, device_names
from qrun.local.simulation.targets import target


def test_names_and_sizes() -> None:
    sizes = {name: device(name).num_qubits for name in device_names()}
    assert sizes == {"fake_fez": 156, "fake_sherbrooke": 127, "fake_manila": 5, "ideal": 32}


def test_unknown_name() -> None:
    with pytest.raises(KeyError):
        device("ibm_nowhere")


@pytest.mark.parametrize("name", device_names())
def test_raw_json_says_what_a_client_needs(name: str) -> None:
    found = device(name)
    assert found.configuration["backend_name"] == name == found.properties["backend_name"]
    assert found.configuration["simulator"] is False
    assert found.configuration["local"] is False
    assert found.default_rep_delay_seconds == pytest.approx(250e-6)
    json.dumps([found.configuration, found.properties])


@pytest.mark.parametrize("name", device_names())
def test_target_has_gates_measurement_and_control_flow(name: str) -> None:
    before = copy.deepcopy(device(name).configuration)
    found = target(device(name))
    assert found.num_qubits == device(name).num_qubits
    assert {"rz", "sx", "x", "measure", "reset", "delay", "if_else"} <= set(found.operation_names)
    assert device(name).configuration == before


@pytest.mark.parametrize(("name", "fake"), [("fake_fez", FakeFez), ("fake_manila", FakeManilaV2)])
def test_target_is_the_fake_backends(name: str, fake: type) -> None:
    ours, theirs = target(device(name)), fake().target
    assert set(ours.operation_names) == set(theirs.operation_names)
    for gate in ("sx", "measure", "cz" if name == "fake_fez" else "cx"):
        assert {qubits: p.error for qubits, p in ours[gate].items()} == {
            qubits: p.error for qubits, p in theirs[gate].items()
        }


def test_importing_devices_and_programs_loads_nothing_slow() -> None:
    code = (
        "import sys; from qrun.local.devices import device; device('fake_fez'); device('ideal');"
        "import qrun.local.simulation.programs;"
        "print([m for m in ('qiskit', 'qiskit_ibm_runtime', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

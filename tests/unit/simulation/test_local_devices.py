"""The local service's devices, and that the client can read them."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
from qiskit_ibm_runtime.fake_provider import FakeFez, FakeManilaV2, FakeProviderForBackendV2

from qrun.local.devices import device, device_names, is_mock, mock_of
from qrun.local.simulation.targets import target


def test_names_and_sizes() -> None:
    sizes = {name: device(name).num_qubits for name in device_names()}
    assert list(sizes)[:4] == ["fake_fez", "fake_sherbrooke", "fake_manila", "ideal"]
    fakes = {backend.name: backend.num_qubits for backend in FakeProviderForBackendV2().backends()}
    assert sizes == {**fakes, "ideal": 32}


def test_each_has_a_mock_by_the_name_that_the_client_makes() -> None:
    assert mock_of("fake_fez") == "mock_fez"
    assert mock_of("ideal") == "mock"
    assert all(is_mock(mock_of(name)) for name in device_names())
    mock = device("mock_fez")
    assert mock.is_mock
    assert mock.configuration["backend_name"] == "mock_fez" == mock.properties["backend_name"]
    assert mock.num_qubits == 156


def test_unknown_name() -> None:
    with pytest.raises(KeyError):
        device("ibm_nowhere")


@pytest.mark.parametrize("name", device_names())
def test_raw_json_says_what_a_client_needs(name: str) -> None:
    found = device(name)
    assert found.configuration["backend_name"] == name == found.properties["backend_name"]
    assert found.configuration["simulator"] is False
    assert found.configuration["local"] is False
    assert found.default_rep_delay_seconds > 0
    required = """backend_name backend_version basis_gates conditional coords coupling_map gates local memory
    n_qubits online_date u_channel_lo"""
    assert not [key for key in required.split() if found.configuration.get(key) is None]
    json.dumps([found.configuration, found.properties])


@pytest.mark.parametrize("name", device_names())
def test_target_has_gates_measurement_and_control_flow(name: str) -> None:
    before = copy.deepcopy(device(name).configuration)
    found = target(device(name))
    assert found.num_qubits == device(name).num_qubits
    # The first snapshots know neither of reset nor of control flow.
    assert {"measure", "delay"} <= set(found.operation_names)
    if name in ("fake_fez", "fake_sherbrooke", "fake_manila", "ideal"):
        assert {"rz", "sx", "x", "reset", "if_else"} <= set(found.operation_names)
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

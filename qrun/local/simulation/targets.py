"""A device as qiskit's ``Target``, and as the backend that a few functions of the client want."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from qrun.local import devices
from qrun.local.simulation.client_formats import target_of

if TYPE_CHECKING:
    from qiskit.transpiler import Target

    from qrun.local.devices import Device


def target(device: Device) -> Target:
    """The device's target: supported instructions, errors, durations (s), qubit properties. Cached."""
    return _target(device.name)


@cache
def _target(name: str) -> Target:
    # By name, because a Device holds dictionaries and so can't be hashed.
    return target_of(devices.device(name))


class TargetBackend:
    """As much of a backend as the client's preparation of dynamical decoupling reads.

    Args:
        device: The device it stands for.
    """

    def __init__(self, device: Device) -> None:
        self.name = device.name
        self.target = target(device)
        self.num_qubits = device.num_qubits

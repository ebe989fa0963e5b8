"""What all tests share: a home of their own, so that no test sees or touches the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True, scope="session")
def _own_home(tmp_path_factory: pytest.TempPathFactory):
    """A ``QRUN_HOME`` and a ``HOME`` for this test process, and no account of the user's in its environment."""
    folder = tmp_path_factory.mktemp("home")
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("QISKIT_IBM", "QRUN_"))]:
        del os.environ[name]
    os.environ["QRUN_HOME"] = str(folder / "qrun")
    os.environ["HOME"] = str(folder)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT

"""M5: an installation that is too old gets a clear error."""

from __future__ import annotations

from importlib import metadata

import pytest

from qrun.errors import ServiceError
from qrun.runtime.versions import require_client


def test_the_installed_client_is_new_enough():
    assert require_client() == metadata.version("qiskit-ibm-runtime")


@pytest.mark.parametrize(
    ("version", "said"), [("0.23.1", "mode argument"), ("0.8.0", "mode argument"), ("0.40.1", "needs 0.51")]
)
def test_m5_an_old_client_is_named_with_the_way_out(version, said, tmp_path, monkeypatch):
    info = tmp_path / f"qiskit_ibm_runtime-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: qiskit-ibm-runtime\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ServiceError) as error:
        require_client()
    assert version in error.value.message
    assert said in error.value.message
    assert "pip install" in error.value.hint

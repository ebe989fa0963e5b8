"""Compilation as a user sees it: cached from run to run, fractional gates where a backend has them."""

from __future__ import annotations

from pathlib import Path

import pytest

TEXT = """\
name: compiled
backend: {backend}
defaults: {{transpile: {transpile}}}
circuits:
  c: {{qasm: 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q; cp(0.7) q[0], q[1]; h q; c = measure q;'}}
pubs:
  - {{name: counts, circuit: c, shots: 100}}
  - {{name: values, circuit: c, observables: ZZ, precision: 0.1}}
"""


@pytest.fixture
def write(tmp_path):
    def write(backend: str = "ideal", transpile: str = "{}") -> str:
        path = tmp_path / "w.yaml"
        path.write_text(TEXT.format(backend=backend, transpile=transpile))
        return str(path)

    return write


def entries(qrun):
    return {path: path.stat().st_ino for path in Path(qrun.env["QRUN_HOME"]).glob("cache/isa/*/*.qpy")}


def test_the_second_run_compiles_nothing_unless_asked(qrun, write):
    file = write(transpile="{seed_transpiler: 12345}")
    before = entries(qrun)
    qrun("submit", file)
    first = entries(qrun)
    assert len(first) == len(before) + 2
    qrun("submit", file)
    # An entry that is compiled again is written again, as another file.
    assert entries(qrun) == first
    qrun("submit", write(transpile="{seed_transpiler: 54321}"), "--no-cache")
    assert entries(qrun) == first


def test_results_from_cached_circuits_are_right(qrun, write):
    file = write(transpile="{seed_transpiler: 99}")
    for _ in range(2):
        qrun("submit", file, "--watch", "--quiet")
        pubs = qrun.json("results", "last", "--format", "json")["pubs"]
        assert sum(pubs[0]["data"]["c"]["counts"].values()) == 100
        # H⊗H · CP(0.7) · H⊗H on |00⟩: ⟨ZZ⟩ = (1 + cos 0.7) / 2.
        assert pubs[1]["data"]["evs"] == pytest.approx((1 + 0.7648) / 2, abs=0.4)


def test_fractional_gates(qrun, write):
    file = write("fake_fez", "{fractional_gates: true}")
    done = qrun("submit", file, code=2)
    assert "w.yaml:3:42: fake_fez has no fractional gates." in done.stderr
    assert "Backends here that have them: fake_fractional, ideal." in done.stderr
    qrun("submit", file, "--backend", "ideal", "--watch")
    qrun("submit", write("{least_busy: {}}", "{fractional_gates: true}"))
    assert qrun.json("results", "last", "--format", "json")["backend"] == "ideal"


def test_a_method_that_is_not_installed_is_refused_before_anything_is_sent(qrun, write):
    done = qrun("submit", write(transpile="{layout_method: saber}"), code=2)
    assert "w.yaml:3:" in done.stderr
    assert "Did you mean 'sabre'?" in done.stderr

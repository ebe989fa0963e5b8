"""What results call the observables of a PUB, however the file writes them."""

from __future__ import annotations

import json

TEXT = """
name: labels
backend: ideal
circuits:
  group: {files: "*.qasm"}
observables: {parity: ZZ}
pubs:
  - circuit: group
    observables: [parity, {ZZ: -0.5}, {XX: pi/4, Z: {on: [1], coeff: 1/2}}, {Z: [{on: [0]}, {on: [1]}]}, {file: h.json}]
  - {circuit: group/b, observables: {python: "obs.py:both"}}
"""


def test_labels_of_groups_sparse_terms_files_and_functions(qrun, tmp_path):
    qasm = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\nx q;\n'
    for name in "ab":
        (tmp_path / f"{name}.qasm").write_text(qasm)
    (tmp_path / "h.json").write_text(json.dumps([["ZI", 1.0]]))
    (tmp_path / "obs.py").write_text("def both():\n    return 'ZZ'\n")
    path = tmp_path / "labels.yaml"
    path.write_text(TEXT)
    run_id = qrun("submit", str(path)).stdout.strip()
    qrun("wait", run_id)
    first, second, alone = qrun.json("results", run_id, "--format", "json")["pubs"]
    sums = ["-0.5 ZZ", "+0.785398 XX +0.5 Z[1]", "+1 Z[0] +1 Z[1]"]
    assert first["observables"] == second["observables"] == ["parity", *sums, "h.json"]
    assert alone["observables"] == "obs.py:both"
    assert first["data"]["evs"][3:] == [-2, -1]

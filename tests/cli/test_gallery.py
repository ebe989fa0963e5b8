"""The gallery: every workload of ``workloads/`` runs, and the physics is as its comment says.

Tolerances are five standard errors or more. A run on a noisy device has bounds of its own, wide enough for
the noise of the snapshot and narrow enough to tell the experiment from one that failed.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.command import ROOT, Qrun

Pubs = dict[str, Any]
"""Documents of ``qrun results`` by the PUB's name."""
Check = Callable[[Pubs, bool], None]

SIGMAS = 5
WORKLOADS = sorted((ROOT / "workloads").glob("*.yaml"))
CHECKS: dict[str, Check] = {}
IDEAL_TOO: list[str] = []
"""Files that name a noisy device, and are run without noise as well."""


def expects(name: str, *, ideal_too: bool = False) -> Callable[[Check], Check]:
    """The function that checks the results of ``name``.yaml; it is told whether there was noise."""

    def register(check: Check) -> Check:
        CHECKS[name] = check
        if ideal_too:
            IDEAL_TOO.append(name)
        return check

    return register


def counts(pub: Any, register: str = "meas") -> Any:
    return pub["data"][register]["counts"]


def evs(pub: Any) -> Any:
    return np.array(pub["data"]["evs"])


def share(histogram: dict[str, int], *outcomes: str) -> float:
    return sum(histogram.get(outcome, 0) for outcome in outcomes) / sum(histogram.values())


def share_error(probability: float, shots: int) -> float:
    """So many standard errors as are allowed, of a share of shots."""
    return SIGMAS * math.sqrt(probability * (1 - probability) / shots)


@expects("bell")
def _bell(pubs: Pubs, noisy: bool) -> None:
    found = counts(pubs["counts"], "c")
    wrong = share(found, "01", "10")
    assert (0 <= wrong < 0.1) if noisy else wrong == 0
    assert share(found, "00") == pytest.approx(0.5, abs=share_error(0.5, 1000) + 0.05 * noisy)
    assert evs(pubs["paulis"]) == pytest.approx([1, 1, -1, 1], abs=0.1)


@expects("ghz-sweep")
def _ghz_sweep(pubs: Pubs, noisy: bool) -> None:
    parity, population = evs(pubs["oscillation"])
    assert parity == pytest.approx(
        [math.cos(4 * k * math.pi / 16) for k in range(9)], abs=0.15 + 0.05 * noisy
    )
    assert population == pytest.approx([1.0] * 9, abs=0.1)


@expects("ising")
def _ising(pubs: Pubs, noisy: bool) -> None:
    energy, magnetisation = evs(pubs["product"])
    angles = np.array([0, 0.17, 0.34, 0.51, 0.68, 0.85, 1.02, 1.19, 1.36, math.pi / 2])
    assert energy == pytest.approx(-3 * np.cos(angles) ** 2 - 2 * np.sin(angles), abs=0.25)
    assert magnetisation == pytest.approx(np.cos(angles), abs=0.1)
    assert evs(pubs["entangled"]) == pytest.approx(-3.383, abs=0.3)


@expects("h2-energy")
def _h2_energy(pubs: Pubs, noisy: bool) -> None:
    repulsion, identity, z, zz, xx = 0.71996899, -1.05237325, 0.39793742, -0.01128010, 0.18093120
    letters = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Z": np.diag([1, -1])}
    terms = {"II": identity + repulsion, "IZ": z, "ZI": -z, "ZZ": zz, "XX": xx}
    matrix = sum(weight * np.kron(letters[a], letters[b]) for (a, b), weight in terms.items())
    ground = np.linalg.eigvalsh(matrix)[0]
    assert ground == pytest.approx(-1.137306, abs=1e-6)
    # The standard error is 0.00025, so that chemical accuracy is six of them.
    assert evs(pubs["minimum"]) == pytest.approx(ground, abs=0.02 if noisy else 0.0016)
    angles = np.linspace(-math.pi, math.pi, 9)
    states = np.array([[0 * a, np.cos(a / 2), np.sin(a / 2), 0 * a] for a in angles])
    exact = np.einsum("ai,ij,aj->a", states, matrix, states)
    assert evs(pubs["landscape"]) == pytest.approx(exact, abs=SIGMAS * 0.02 * 0.82)


@expects("chsh", ideal_too=True)
def _chsh(pubs: Pubs, noisy: bool) -> None:
    correlation = [
        [2 * share(found, "00", "11") - 1 for found in row] for row in counts(pubs["settings"], "c")
    ]
    (e00, e01), (e10, e11) = correlation
    value, error = e00 + e01 + e10 - e11, SIGMAS * 2 * math.sqrt(0.5 / 4096)
    assert value > 2 + error, "Bell's inequality is violated by more than five standard errors"
    if noisy:
        assert 2.4 < value < math.sqrt(8) + error
    else:
        assert value == pytest.approx(math.sqrt(8), abs=error)
    exact = np.cos(np.linspace(0, 2 * math.pi, 9))
    assert evs(pubs["circle"]) == pytest.approx(exact, abs=SIGMAS * 0.03 + 0.05 * noisy)


@expects("ghz-fidelity", ideal_too=True)
def _ghz_fidelity(pubs: Pubs, noisy: bool) -> None:
    population = share(counts(pubs["populations"]), "0000", "1111")
    angles = np.linspace(0, math.pi / 2, 13)
    waves = np.stack([np.cos(4 * angles), np.sin(4 * angles), np.ones(13)], axis=1)
    amplitude, quadrature, offset = np.linalg.lstsq(waves, evs(pubs["parity"]), rcond=None)[0]
    error = SIGMAS * 0.025 * math.sqrt(2 / 13)
    assert abs(quadrature) < error + 0.05 * noisy
    assert abs(offset) < error
    fidelity = (population + amplitude) / 2
    if noisy:
        assert 0.85 < fidelity < 0.99
    else:
        assert population == 1
        assert fidelity == pytest.approx(1, abs=error / 2)


@expects("maxcut-qaoa", ideal_too=True)
def _maxcut(pubs: Pubs, noisy: bool) -> None:
    walls = [(0, 1), (1, 2), (2, 3), (3, 0), (2, 4), (3, 4)]
    means = [float(evs(pubs[f"mean cut of {layers}"])) for layers in ("one", "two", "three")]
    exact = [4.1101, 4.6234, 4.8262]
    # A cut's own spread is at most 1.2.
    assert means == pytest.approx(exact, abs=SIGMAS * 0.02 * 1.2 + 0.4 * noisy)
    assert min(means) > 3.5, "better than random colours, which cut 3"
    found = counts(pubs["samples"])
    cuts = {bits: sum(bits[-1 - a] != bits[-1 - b] for a, b in walls) for bits in found}
    assert max(cuts.values()) == 5
    best = share(found, *(bits for bits, cut in cuts.items() if cut == 5))
    assert best > 0.25 + share_error(0.25, 4096), "random colours"
    assert best == pytest.approx(0.850, abs=share_error(0.85, 4096) + 0.25 * noisy)


def _exact_quench(spins: int, times: Any) -> Any:
    """Magnetisation and correlation of the ends, by diagonalising the Hamiltonian."""
    x, z = np.array([[0, 1], [1, 0]]), np.diag([1, -1])

    def on(letter: Any, site: int) -> Any:
        return np.kron(np.kron(np.eye(2 ** (spins - 1 - site)), letter), np.eye(2**site))

    hamiltonian = -sum(on(z, i) @ on(z, i + 1) for i in range(spins - 1)) - sum(
        on(x, i) for i in range(spins)
    )
    energies, states = np.linalg.eigh(hamiltonian)
    evolved = states @ (np.exp(-1j * np.outer(energies, times)) * states[0].conj()[:, None])
    diagonals = [
        np.diag(sum(on(z, i) for i in range(spins))) / spins,
        np.diag(on(z, 0) @ on(z, spins - 1)),
    ]
    return [diagonal @ np.abs(evolved) ** 2 for diagonal in diagonals]


@expects("ising-quench")
def _ising_quench(pubs: Pubs, noisy: bool) -> None:
    magnetisation, ends = _exact_quench(6, np.linspace(0, 1.5, 7))
    assert magnetisation == pytest.approx([1, 0.885, 0.630, 0.384, 0.204, 0.088, 0.026], abs=6e-4)
    off = {}
    for steps in (1, 2, 4):
        found = evs(pubs[f"quench of {steps} steps"])
        assert found[:, 0] == pytest.approx([1, 1], abs=1e-9)
        off[steps] = np.abs(found[0] - magnetisation).max()
        if steps == 4:
            assert found[1] == pytest.approx(ends, abs=SIGMAS * 0.01 + 0.15)
    assert off[4] < 0.06 + SIGMAS * 0.01
    assert off[4] < off[2] < off[1], "more steps are nearer to the truth"


@expects("bernstein-vazirani", ideal_too=True)
def _bernstein_vazirani(pubs: Pubs, noisy: bool) -> None:
    assert set(pubs) == {"find[101]", "find[1011]", "find[11010]"}
    for name, pub in pubs.items():
        secret, found = name[5:-1], counts(pub, "secret")
        assert pub["circuit"] == f"secret/{secret}"
        assert max(found, key=found.get) == secret
        assert share(found, secret) > 0.7 if noisy else found == {secret: 1000}


@expects("rb-decay")
def _rb_decay(pubs: Pubs, noisy: bool) -> None:
    lengths = [1, 8, 16, 32, 64]
    survival = [
        np.mean([share(counts(pubs[f"m{length}-s{seed}"]), "00") for seed in (1, 2, 3)]) for length in lengths
    ]
    if not noisy:
        assert survival == [1] * 5
        return
    from scipy.optimize import curve_fit

    assert survival == sorted(survival, reverse=True), "longer sequences go wrong more often"
    (scale, decay), _ = curve_fit(lambda m, a, p: a * p**m + 0.25, lengths, survival, p0=(0.7, 0.98))
    assert 0.6 < scale < 0.8
    # 1.5 CZ of a few times 0.001 each, and some ten single-qubit gates.
    assert 0.008 < 0.75 * (1 - decay) < 0.03


@expects("quantum-volume", ideal_too=True)
def _quantum_volume(pubs: Pubs, noisy: bool) -> None:
    from qiskit.circuit.library import quantum_volume
    from qiskit.quantum_info import Statevector

    heavy, exact = [], []
    for seed in range(1, 11):
        likely = Statevector(quantum_volume(4, 4, seed)).probabilities_dict()
        median = np.median([likely.get(f"{outcome:04b}", 0) for outcome in range(16)])
        outputs = [outcome for outcome in likely if likely[outcome] > median]
        exact.append(sum(likely[outcome] for outcome in outputs))
        heavy.append(share(counts(pubs[f"qv-{seed}"]), *outputs))
    error = share_error(float(np.mean(exact)), 5000)
    assert np.mean(heavy) > 2 / 3 + error
    assert np.mean(heavy) == pytest.approx(np.mean(exact), abs=error + 0.1 * noisy)


@expects("mid-circuit", ideal_too=True)
def _mid_circuit(pubs: Pubs, noisy: bool) -> None:
    teleport, reset = pubs["teleport"], pubs["reset"]
    lost = [share(found, "1") for found in counts(teleport, "received")]
    left = share(counts(reset, "after"), "1")
    assert (max(lost) < 0.05 and left < 0.03) if noisy else (max(lost) == 0 and left == 0)
    for found in counts(teleport, "sent"):
        for bits in ("00", "01", "10", "11"):
            assert share(found, bits) == pytest.approx(0.25, abs=share_error(0.25, 2000) + 0.03 * noisy)
    assert share(counts(reset, "before"), "0") == pytest.approx(
        0.5, abs=share_error(0.5, 2000) + 0.03 * noisy
    )


def _ground_energy(angle: float) -> float:
    """Energy of the ansatz of h2-energy.yaml, as its comment has it."""
    return -0.32112 - 0.79587 * math.cos(angle) + 0.18093 * math.sin(angle)


@expects("h2-vqe")
def _h2_vqe(pubs: Pubs, noisy: bool) -> None:
    for name, most in (("simplex", 16), ("gradient", 8)):
        loop = pubs[name]
        assert loop["jobs"] <= most
        [angle] = loop["best"]["point"]
        assert _ground_energy(angle) == pytest.approx(-1.13731, abs=0.005)
        assert loop["best"]["value"] == pytest.approx(-1.13731, abs=0.01)


@expects("h2-spsa")
def _h2_spsa(pubs: Pubs, noisy: bool) -> None:
    loop = pubs["spsa"]
    assert loop["jobs"] == 1 + 12 + 1, "calibration, iterations, and the end"
    [angle] = loop["final"]["point"]
    assert _ground_energy(0.5) > -0.94
    assert _ground_energy(angle) == pytest.approx(-1.13731, abs=0.02)
    assert loop["final"]["value"] == pytest.approx(-1.13731, abs=0.03)


@expects("maxcut-loop")
def _maxcut_loop(pubs: Pubs, noisy: bool) -> None:
    loop = pubs["angles"]
    assert loop["parameters"] == ["beta[0]", "gamma[0]"]
    assert 3.9 < -loop["best"]["value"] < 4.2
    assert -loop["evaluations"][0]["value"] < 3.7, "where it starts"


RUNS = [(path.stem, None) for path in WORKLOADS] + [(name, "ideal") for name in IDEAL_TOO]
Run = tuple[str, "str | None"]
"""A workload's name, and the backend where it is another than the file's."""


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, service_env: dict[str, str]) -> dict[Run, Any]:
    """What came of each run that this test session asks for: its results, or what the command said.

    They are submitted two at a time, and the service works on the first while the last are compiled.
    """
    qrun = Qrun(service_env, ROOT)
    items = [item for item in request.session.items if item.path == request.path]
    asked = [item.callspec.params["run"] for item in items if "results" in getattr(item, "fixturenames", ())]

    def submit(run: Run) -> subprocess.CompletedProcess[str]:
        name, backend = run
        options = [] if backend is None else ["--backend", backend]
        return qrun("submit", f"workloads/{name}.yaml", *options, code=None)

    with ThreadPoolExecutor(max_workers=2) as pool:
        submitted = dict(zip(asked, pool.map(submit, asked), strict=True))
    ids = [done.stdout.strip() for done in submitted.values() if done.returncode == 0]
    if not ids:
        return {run: done.stderr for run, done in submitted.items()}
    waited = qrun("wait", *ids, code=None)
    told = json.loads(qrun("results", *ids, "--format", "json", code=None).stdout)
    documents = {document["run"]: document for document in (told if isinstance(told, list) else [told])}
    return {
        run: documents.get(done.stdout.strip(), done.stderr + waited.stderr)
        for run, done in submitted.items()
    }


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run[0]}-{run[1] or 'as-written'}")
def test_workload_gives_what_its_comment_says(results, run):
    name, backend = run
    assert name in CHECKS, f"write a function @expects({name!r}) that checks the results of {name}.yaml"
    document = results[run]
    assert isinstance(document, dict), document
    assert document["name"] == name, "a workload is called as its file is"
    assert backend in (None, document["backend"])
    found = {pub["name"]: pub for pub in document["pubs"]}
    found |= {loop["loop"]: loop for loop in document.get("loops", ())}
    CHECKS[name](found, document["backend"] != "ideal")


def test_every_check_has_its_workload():
    assert set(CHECKS) == {path.stem for path in WORKLOADS}


@pytest.mark.parametrize("path", WORKLOADS, ids=lambda path: path.stem)
def test_workload_says_what_it_is_and_what_to_expect(path: Path):
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = "\n".join(lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))])
    assert len(comment.splitlines()) >= 3
    assert "Expect" in comment
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["name"] == path.stem


def test_readme_has_a_row_for_each_workload(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    for path in WORKLOADS:
        assert f"| `{path.name}` |" in readme

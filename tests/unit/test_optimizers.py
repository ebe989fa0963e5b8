"""Optimizers on noisy functions of known minimum, without a service."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from qrun.errors import WorkloadError
from qrun.run.loops.optimizers import run_optimizer
from qrun.run.loops.spsa import minimize_spsa
from qrun.workload.document import parse_document
from qrun.workload.expand import expand
from qrun.workload.load import load_workload
from qrun.workload.optimizer_methods import METHODS, SPSA_OPTIONS, _refusal, option_names

MINIMUM = np.array([0.4, -0.7, 0.2, 0.1])


class Bowl:
    """A parabola with noise, and how often it was asked."""

    def __init__(self, noise: float = 0.0) -> None:
        self._noise, self._random = noise, np.random.default_rng(1)
        self.calls, self.points, self.iterations = 0, [], 0

    def values(self, points):
        self.calls += 1
        self.points += points.tolist()
        exact = np.sum((points - MINIMUM[: points.shape[1]]) ** 2, axis=1)
        return exact + self._noise * self._random.normal(size=len(points))

    def value_and_gradient(self, point):
        return float(self.values(point[None, :])[0]), 2 * (point - MINIMUM[: len(point)])

    def iterated(self, point):
        self.iterations += 1


def loop(optimizer: str, more: str = ""):
    text = f"""
name: x
circuits: {{ansatz: {{library: efficient_su2, args: {{num_qubits: 1, reps: 1}}}}}}
loops:
  a:
    minimize: {{circuit: ansatz, observable: Z}}
    optimizer: {optimizer}
    {more}
"""
    return load_workload(expand(parse_document(text, "x.yaml"))).loops[0]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_minimum_of_a_noisy_bowl(method):
    bowl = Bowl(noise=1e-3)
    point, reason = run_optimizer(loop(method), np.zeros(4), bowl)
    assert reason
    assert point == pytest.approx(MINIMUM, abs=0.12)
    assert bowl.iterations > 0 or method in ("COBYLA",)


@pytest.mark.parametrize("method", sorted(name for name, m in METHODS.items() if m.bounds))
def test_bounds_are_kept(method):
    bowl = Bowl()
    point, _ = run_optimizer(loop(method, "bounds: [-0.3, 0.3]"), np.zeros(4), bowl)
    assert (np.abs(np.array(bowl.points)) <= 0.3 + 1e-9).all()
    assert point == pytest.approx(np.clip(MINIMUM, -0.3, 0.3), abs=0.1)


def test_spsa_asks_both_points_at_once_and_is_the_same_each_time():
    def run():
        bowl = Bowl()
        options = {"maxiter": 30, "calibration": 4, "seed": 3}
        point = minimize_spsa(
            bowl.values, np.zeros(4), options=options, bounds=None, tolerance=None, iterated=bowl.iterated
        )
        return point.tolist(), bowl.calls, bowl.iterations

    first = run()
    assert first == run()
    assert first[1:] == (1 + 30 + 1, 30)


def test_spsas_first_step_is_as_long_as_asked():
    steps = []
    for seed in range(40):
        bowl, last = Bowl(), []
        minimize_spsa(
            bowl.values,
            np.zeros(4),
            options={"maxiter": 1, "first_step": 0.05, "seed": seed},
            bounds=None,
            tolerance=None,
            iterated=last.append,
        )
        steps.append(float(np.mean(np.abs(last[0]))))
    assert np.mean(steps) == pytest.approx(0.05, rel=0.3)


@pytest.mark.parametrize("method", METHODS)
def test_every_option_that_is_listed_is_known_to_the_method(method):
    names = option_names(method)
    assert names >= (set(SPSA_OPTIONS) if method == "SPSA" else {"xtol"} if method == "TNC" else {"maxiter"})
    loop_with = "{method: %s, options: {%s: null}}"
    for name in names:
        # Not every option may be null, but each is one that the method knows.
        with contextlib.suppress(WorkloadError):
            loop(loop_with % (method, name))
        assert "Unknown solver options" not in (_refusal(method, {name: None}) or ""), (method, name)


def test_a_users_own_optimizer_gets_what_it_takes(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(
        "def search(fun, x0, callback, width):\n"
        "    points = x0 + width * __import__('numpy').linspace(-1, 1, 9)[:, None]\n"
        "    values = fun.values(points)\n"
        "    callback(points[values.argmin()])\n"
        "    assert fun(points[0]) == values[0]\n"
        "    return points[values.argmin()]\n"
    )
    monkeypatch.chdir(tmp_path)
    bowl = Bowl()
    point, _ = run_optimizer(loop("{python: own.py:search, args: {width: 1.0}}"), np.zeros(4), bowl)
    assert point.shape == (4,)
    assert (bowl.calls, bowl.iterations) == (2, 1)

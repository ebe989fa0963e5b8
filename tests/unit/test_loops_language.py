"""``loops:`` in a file: what it means, and what is said of mistakes in it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qrun.errors import WorkloadError
from qrun.plan.mode import allowed_mode, choose_mode
from qrun.workload.document import parse_document
from qrun.workload.expand import expand
from qrun.workload.load import load_workload

HEAD = """
name: x
circuits:
  ansatz: {library: efficient_su2, args: {num_qubits: 2, reps: 1}}
  measured: {of: ansatz, measure: all}
  fixed: {library: quantum_volume, args: {num_qubits: 2, depth: 1, seed: 1}}
observables: {energy: {ZZ: 1.0, XI: 0.5}, parity: ZZ}
loops:
"""
MINIMIZE = "minimize: {circuit: ansatz, observable: energy}"


def load(loops: str):
    return load_workload(expand(parse_document(HEAD + loops, "x.yaml")))


def one(rest: str):
    return load(f"  a: {{{rest}}}\n").loops[0]


def mistake(loops: str) -> WorkloadError:
    with pytest.raises(WorkloadError) as told:
        load(loops)
    assert told.value.line is not None
    return told.value


def test_a_loop_with_nothing_but_what_to_minimise():
    loop = one(MINIMIZE)
    assert loop.method == "COBYLA"
    assert len(loop.parameters) == 8
    assert loop.initial_point.tolist() == [0.0] * 8
    assert loop.bounds is None
    assert loop.gradient is None


def test_random_points_lie_in_the_bounds_else_in_a_full_turn():
    free = one(f"{MINIMIZE}, initial_point: {{random: {{seed: 1}}}}").initial_point
    assert np.abs(free).max() > 1
    assert (np.abs(free) <= math.pi).all()
    bound = one(f"{MINIMIZE}, bounds: [0, 0.1], initial_point: {{random: {{seed: 1}}}}").initial_point
    assert ((bound >= 0) & (bound <= 0.1)).all()


def test_bounds_by_name_leave_the_others_free():
    bounds = one(f"{MINIMIZE}, bounds: {{'θ[1]': [-1, 2]}}").bounds
    assert bounds.tolist() == [[-math.inf, math.inf], [-1, 2]] + [[-math.inf, math.inf]] * 6


def test_a_gradient_method_takes_parameter_shift_by_itself():
    loop = one(f"{MINIMIZE}, optimizer: SLSQP")
    assert loop.gradient == "parameter-shift"
    assert (
        one(f"{MINIMIZE}, optimizer: {{method: SLSQP, gradient: {{finite_difference: 0.1}}}}").gradient == 0.1
    )


def test_a_weighted_sum_is_several_pubs():
    pubs = "minimize: {pubs: [{circuit: ansatz, observable: energy}, {circuit: ansatz, observable: parity, weight: -1/2}]}"
    loop = one(pubs)
    assert loop.weights == (1.0, -0.5)
    assert [pub.name for pub in loop.pubs] == ["a[0]", "a[1]"]


def test_a_loop_that_starts_from_another():
    loops = load(f"  b: {{{MINIMIZE}, initial_point: {{loop: a}}}}\n  a: {{{MINIMIZE}}}\n").loops
    assert [loop.starts_after for loop in loops] == ["a", None]


@pytest.mark.parametrize(
    ("loop", "message", "hint"),
    [
        (f"{MINIMIZE}, optimizer: COBILA", "no method 'COBILA'", "COBYLA"),
        (f"{MINIMIZE}, optimizer: Newton-CG", "second derivatives", "L-BFGS-B"),
        (
            f"{MINIMIZE}, optimizer: {{method: COBYLA, options: {{maxitr: 3}}}}",
            "no option 'maxitr'",
            "maxiter",
        ),
        (f"{MINIMIZE}, optimizer: {{method: COBYLA, options: {{tol: 3}}}}", "'tol' is not set", "tolerance"),
        (
            f"{MINIMIZE}, optimizer: {{method: COBYLA, options: {{maxiter: x}}}}",
            "refuses these options",
            None,
        ),
        (f"{MINIMIZE}, optimizer: {{method: SPSA, options: {{c: -1}}}}", "c is positive", None),
        (f"{MINIMIZE}, optimizer: {{method: BFGS}}, bounds: [0, 1]", "BFGS keeps no bounds", "COBYLA"),
        (f"{MINIMIZE}, optimizer: {{method: BFGS, gradient: none}}", "needs a gradient", "parameter-shift"),
        (f"{MINIMIZE}, optimizer: {{method: COBYLA, gradient: parameter-shift}}", "uses no gradient", None),
        (f"{MINIMIZE}, optimizer: {{args: {{a: 1}}}}", "a method, or python:", None),
        (f"{MINIMIZE}, initial_point: [1, 2]", "2 values, the circuit has 8", None),
        (f"{MINIMIZE}, initial_point: {{loop: b}}", "no other loop 'b'", None),
        (f"{MINIMIZE}, initial_point: {{loop: a}}", "no other loop 'a'", None),
        (f"{MINIMIZE}, bounds: [1, 0]", "not below the upper", None),
        (f"{MINIMIZE}, bounds: [1, 2]", "outside the bounds", None),
        (f"{MINIMIZE}, bounds: {{thta: [0, 1]}}", "no parameter 'thta'", "θ[0]"),
        (f"{MINIMIZE}, stop: {{wall_time: soon}}", "not a duration", None),
        (f"{MINIMIZE}, stop: {{iteration: 3}}", "no key 'iteration'", "iterations"),
        (f"{MINIMIZE}, shots: 5", "a precision, not shots", None),
        (f"{MINIMIZE}, drive: {{python: x.py:f}}", "minimize:, or drive:", None),
        ("minimize: {circuit: ansatz}", "measures nothing", None),
        ("minimize: {circuit: measured}", "nothing to minimise", "cost"),
        ("minimize: {circuit: fixed, observable: energy}", "no parameters", None),
        ("minimize: {circuit: ansatz, observable: [energy, parity]}", "2 observables here", "weighted sum"),
        ("minimize: {circuit: ansats, observable: energy}", "no circuit 'ansats'", "ansatz"),
        ("minimize: {circuit: ansatz, observabel: energy}", "no key 'observabel'", "observable"),
        ("minimize: {observable: energy}", "takes a circuit, or pubs", None),
        ("minimize: {circuit: ansatz, observable: energy, cost: {python: no.py:f}}", "no.py", None),
        ("optimizer: COBYLA", "minimize:, or drive:", None),
    ],
)
def test_mistakes_are_told_where_they_are(loop, message, hint):
    told = mistake(f"  a: {{{loop}}}\n")
    assert message in told.message
    if hint is not None:
        assert hint in (told.hint or "")


def test_loops_that_wait_for_each_other():
    loops = (
        f"  a: {{{MINIMIZE}, initial_point: {{loop: b}}}}\n  b: {{{MINIMIZE}, initial_point: {{loop: a}}}}\n"
    )
    assert "wait for each other" in mistake(loops).message


def test_mistakes_of_several_loops_are_told_together():
    told = mistake(
        f"  a: {{{MINIMIZE}, optimizer: X}}\n  b: {{minimize: {{circuit: nope, observable: Z}}}}\n"
    )
    assert len(told.mistakes) == 2


def test_a_file_needs_pubs_or_loops():
    with pytest.raises(WorkloadError, match="'pubs' is missing"):
        load_workload(expand(parse_document("name: x\n", "x.yaml")))


def test_loops_go_in_a_session_where_the_plan_has_any():
    choice = choose_mode("auto", 0, loops=True)
    assert choice.mode == "session"
    assert allowed_mode(choice, "auto", "premium", loops=True) == choice
    job = allowed_mode(choice, "auto", "open", loops=True)
    assert job.mode == "job"
    assert "queue" in job.reason
    assert "queue" in choose_mode("batch", 0, loops=True).reason

"""PUBs into jobs, and the choice of a mode."""

from __future__ import annotations

import pytest

from qrun.errors import LimitError
from qrun.plan.jobs import pack
from qrun.plan.limits import limit_mistakes, payload_mistake
from qrun.plan.mode import TRADE_OFFS, check_plan, choose_mode
from qrun.plan.options import option_mistakes
from qrun.runtime.client import option_names
from qrun.workload.document import parse_document
from qrun.workload.load import ESTIMATOR, SAMPLER, load_workload

NAMES = {kind: option_names(kind) for kind in (SAMPLER, ESTIMATOR)}


def _load(pubs: str, defaults: str = ""):
    text = f"""
name: w
{defaults}
circuits:
  c: {{qasm: "OPENQASM 3.0; include 'stdgates.inc'; qubit q; bit[1] b; h q; b[0] = measure q;"}}
pubs:
{pubs}
"""
    return load_workload(parse_document(text, "w.yaml"))


def test_equal_pubs_share_a_job_and_what_a_job_cannot_mix_does_not():
    workload = _load(
        "  - {circuit: c, shots: 10}\n"
        "  - {circuit: c, observables: Z}\n"
        "  - {circuit: c, shots: 20}\n"
        "  - {circuit: c, shots: 10}\n"
        "  - {circuit: c, observables: X}\n"
        "  - {circuit: c, observables: X, precision: 0.1}\n"
        "  - {circuit: c, shots: 10, options: {twirling: {enable_measure: true}}}\n"
    )
    jobs = pack(workload.pubs, NAMES)
    assert [(job.primitive, job.pubs) for job in jobs] == [
        (SAMPLER, (0, 3)),
        (ESTIMATOR, (1, 4)),
        (SAMPLER, (2,)),
        (ESTIMATOR, (5,)),
        (SAMPLER, (6,)),
    ]


def test_a_default_option_holds_for_the_primitives_that_know_it():
    workload = _load(
        "  - {circuit: c}\n  - {circuit: c, observables: Z}\n",
        "defaults: {options: {resilience_level: 0, execution: {init_qubits: true}}}",
    )
    sampler, estimator = pack(workload.pubs, NAMES)
    assert sampler.options == {"execution": {"init_qubits": True}}
    assert estimator.options == {"resilience_level": 0, "execution": {"init_qubits": True}}
    assert option_mistakes(workload, [sampler, estimator], NAMES) == []


@pytest.mark.parametrize(
    ("pub", "defaults", "line", "said", "hinted"),
    [
        ("{circuit: c, options: {twirlling: {}}}", "", 7, "'twirlling'", "twirling"),
        ("{circuit: c, options: {twirling: {enable_gatez: true}}}", "", 7, "enable_gatez", "enable_gates"),
        ("{circuit: c, options: {twirling: {enable_gates: maybe}}}", "", 7, "enable_gates", ""),
        ("{circuit: c}", "defaults: {options: {resilience_level: 0}}", 3, "resilience_level", ""),
        (
            "{circuit: c, observables: Z}",
            "defaults: {options: {resilience_level: 7}}",
            3,
            "resilience_level",
            "",
        ),
    ],
)
def test_wrong_options_are_told_with_their_place(pub, defaults, line, said, hinted):
    workload = _load(f"  - {pub}\n", defaults)
    [mistake] = option_mistakes(workload, pack(workload.pubs, NAMES), NAMES)
    assert said in mistake.message
    assert mistake.line == line
    assert hinted in (mistake.hint or "")


def test_v2_options_are_checked_by_the_v2_models():
    workload = _load(
        "  - {circuit: c, observables: Z}\n", "defaults: {primitives: v2, options: {seed_estimator: 3}}"
    )
    names = {kind: option_names(kind, "v2") for kind in (SAMPLER, ESTIMATOR)}
    assert option_mistakes(workload, pack(workload.pubs, names), names) == []
    assert option_mistakes(workload, pack(workload.pubs, NAMES), NAMES)


def test_m4_a_mode_comes_with_its_trade_off():
    assert choose_mode("auto", 1).mode == "job"
    assert choose_mode("auto", 2).mode == "batch"
    for mode, trade_off in TRADE_OFFS.items():
        assert choose_mode(mode, 1).reason == trade_off
    assert TRADE_OFFS["job"] in choose_mode("auto", 1).reason
    assert TRADE_OFFS["batch"] in choose_mode("auto", 2).reason


def test_m14_no_session_on_the_open_plan():
    with pytest.raises(LimitError) as error:
        check_plan("session", "open")
    assert "batch" in error.value.hint
    assert "job" in error.value.hint
    check_plan("batch", "open")
    check_plan("session", "premium")
    check_plan("session", None)


@pytest.mark.parametrize(
    ("pub", "defaults", "hint"),
    [
        (
            "{circuit: c, observables: Z, options: {seed_estimator: 3}}",
            "",
            "It is an option of the V2 primitives: set defaults.primitives: v2.",
        ),
        (
            "{circuit: c, options: {simulator: {noise_model: null}}}",
            "",
            "set defaults.primitives: v2, or use simulator.layer_noise_model, which",
        ),
        (
            "{circuit: c, options: {twirling: {group: pauli}}}",
            "defaults: {primitives: v2}",
            "It is an option of the client-side primitives: set defaults.primitives: client-side.",
        ),
        (
            "{circuit: c, observables: Z}",
            "defaults: {options: {resilience: {layer_noise_learning: {num_randomizations: 3}}}}",
            "set defaults.primitives: v2.",
        ),
        ("{circuit: c, options: {seed_simulator: 3}}", "", "It is written simulator.seed_simulator."),
        (
            "{circuit: c}",
            "defaults: {options: {shots: 3}}",
            "In a workload it is shots of the PUB, or defaults.shots.",
        ),
        (
            "{circuit: c}",
            "defaults: {options: {optimization_level: 1}}",
            "defaults.transpile.optimization_level",
        ),
        (
            "{circuit: c, options: {twirling: {enable_gatez: true}}}",
            "defaults: {primitives: v2}",
            "'enable_gates'",
        ),
    ],
)
def test_an_option_that_belongs_elsewhere_is_told_where(pub, defaults, hint):
    workload = _load(f"  - {pub}\n", defaults)
    generation = workload.file.defaults.primitives
    names = {kind: option_names(kind, generation) for kind in (SAMPLER, ESTIMATOR)}
    [mistake] = option_mistakes(workload, pack(workload.pubs, names), names)
    assert hint in mistake.hint
    assert mistake.line is not None
    assert mistake.column > 1


@pytest.mark.parametrize(
    ("pubs", "told"),
    [
        ("  - {circuit: c, shots: 10000000}\n", None),
        ("  - {circuit: c, shots: 10000001}\n", "10,000,001"),
        ("  - {circuit: c, shots: 6000000}\n  - {circuit: c, shots: 6000000}\n", None),
        ("  - {circuit: c, observables: Z, precision: 0.00001}\n", None),
    ],
)
def test_g1_executions_of_a_sampler_job_have_a_limit(pubs, told):
    workload = _load(pubs)
    found = limit_mistakes(workload)
    assert [told in mistake.message for mistake in found] == ([] if told is None else [True])
    assert all(mistake.line for mistake in found)


def test_g1_a_payload_has_a_limit():
    workload = _load("  - {circuit: c, shots: 10}\n")
    [job] = pack(workload.pubs, NAMES)
    assert payload_mistake(workload, job, 50_000_000) is None
    assert "50,000,001" in payload_mistake(workload, job, 50_000_001).message

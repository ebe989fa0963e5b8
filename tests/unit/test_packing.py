"""PUBs that may share a job, divided among jobs; and what jobs of any shape take in each mode."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrun.errors import LimitError
from qrun.local.scheduling import LEVELS, Rules
from qrun.plan.estimate import JobEstimate, PubEstimate
from qrun.plan.forecast import RunPlan, Setting, forecast
from qrun.plan.instance import rules_of
from qrun.plan.mode import choose_mode
from qrun.plan.packing import Limits, best_of, pack_groups, parts_of, split_evenly, split_within
from qrun.plan.refusal import check_allocation, check_budget, check_job_limit
from qrun.plan.whatif import Outcome


def _group(*seconds: float, payload: int = 1000, shared: float = 0.0) -> JobEstimate:
    pubs = tuple(PubEstimate(index, round(s * 4000), s) for index, s in enumerate(seconds))
    return JobEstimate(pubs, round(shared * 4000), shared, 250e-6, payload)


def _auto(jobs: int) -> str:
    return choose_mode("auto", jobs).mode


def test_m19_what_fits_into_one_job_is_one_job():
    [split] = pack_groups([_group(*[1.0] * 50)], [Limits()], _auto, Rules())
    assert split == [list(range(50))]
    # Also beyond a minute: a second job of a minute would cost an overhead more.
    [split] = pack_groups([_group(*[30.0] * 4)], [Limits()], _auto, Rules())
    assert split == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        (Limits(max_pubs=4), [4, 3, 3]),
        (Limits(target_qpu_time=32), [3, 2, 3, 2]),
        (Limits(max_payload=600_000), [5, 5]),
        (Limits(max_executions=200_000), [5, 5]),
        (Limits(max_qpu_seconds=60), [5, 5]),
    ],
)
def test_no_job_is_larger_than_a_limit(limits, sizes):
    group = _group(*[10.0] * 10, payload=1_000_000)
    split = split_within(group, limits)
    assert sorted(map(len, split)) == sorted(sizes)
    assert list(chain.from_iterable(split)) == list(range(10))


def test_a_pub_larger_than_the_target_goes_alone():
    assert split_within(_group(100.0, 1.0, 100.0), Limits(target_qpu_time=60)) == [[0], [1], [2]]


@given(
    st.lists(st.floats(0.001, 500), min_size=1, max_size=60),
    st.integers(1, 20),
    st.floats(5, 2000),
    st.floats(0, 2),
)
def test_every_pub_is_in_one_job_and_no_job_of_several_is_too_large(seconds, most, target, shared):
    group = _group(*seconds, shared=shared)
    split = split_within(group, Limits(max_pubs=most, target_qpu_time=target))
    assert list(chain.from_iterable(split)) == list(range(len(seconds)))
    for part in split:
        estimate = group.part(part)
        assert len(part) <= most
        assert len(part) == 1 or estimate.qpu_seconds <= target + 1e-6


@given(st.lists(st.floats(0.001, 500), min_size=1, max_size=60), st.integers(1, 5))
def test_even_parts_keep_the_order(seconds, parts):
    split = split_evenly(_group(*seconds), parts)
    assert list(chain.from_iterable(split)) == list(range(len(seconds)))
    assert 1 <= len(split) <= parts
    assert all(split)


def test_m20_m21_lanes_are_used_where_they_end_sooner_for_the_same_price():
    """A thousand PUBs of a second: their classical processing, 50 s in one lane, goes on beside the QPU's."""
    group = _group(*[1.0] * 1000)
    [split] = pack_groups([group], [Limits()], lambda _: "session", Rules())
    assert 2 <= len(split) <= 5
    whole = forecast([group], "session", Setting())
    lanes = forecast(parts_of([group], [split]), "session", Setting())
    assert lanes.outcome.wall_clock_seconds < 0.98 * whole.outcome.wall_clock_seconds
    assert lanes.outcome.usage_seconds < whole.outcome.usage_seconds
    # The file's own sizes go before that.
    [split] = pack_groups([group], [Limits(target_qpu_time=2000)], lambda _: "session", Rules())
    assert len(split) == 1


def test_the_cheapest_is_taken_and_of_equal_prices_the_soonest():
    def outcome(usage: float, wall: float) -> Outcome:
        return Outcome("batch", 1, usage, usage, wall)

    assert best_of([outcome(100, 200), outcome(90, 300)]) == 1
    assert best_of([outcome(100, 200), outcome(100.5, 150)]) == 1
    assert best_of([outcome(100, 200), outcome(100.5, 199)]) == 0
    assert best_of([outcome(100, 200), outcome(103, 10)]) == 0


def test_modes_and_packings_of_a_plan():
    jobs = (_group(1.0, 2.0), _group(3.0))
    plan = RunPlan(choose_mode("session", 2), choose_mode("auto", 2), jobs, jobs, Setting())
    job, batch, session = plan.modes()
    assert job.outcome.usage_seconds == batch.outcome.usage_seconds == plan.qpu_seconds == 10.0
    # M7: from the start of the first job; the QPU begins with the one that is prepared first.
    assert session.outcome.usage_seconds == pytest.approx(plan.qpu_seconds + 1.0)
    assert plan.advised.mode == "batch"
    assert plan.usage_seconds("session") == session.outcome.usage_seconds
    _, _, single = plan.packings()
    assert (single.outcome.jobs, single.overhead_seconds) == (3, 6.0)
    record = plan.as_record()
    assert [job["qpu_seconds"] for job in record["jobs"]] == [5.0, 5.0]


def test_other_users_make_it_wait_but_not_dearer():
    jobs = [_group(30.0)]
    alone = forecast(jobs, "job", Setting()).outcome
    busy = forecast(jobs, "job", Setting(background=LEVELS["busy"], device="fake_fez")).outcome
    assert busy.usage_seconds == alone.usage_seconds
    assert busy.wall_clock_seconds > alone.wall_clock_seconds
    assert busy.jobs == 1


def test_a_file_that_wants_the_device_alone_gets_a_session():
    assert choose_mode("auto", 1, exclusive=True).mode == "session"
    assert "exclusive" in choose_mode("auto", 3, exclusive=True).reason
    # The command line goes before the file.
    assert choose_mode("batch", 3, exclusive=True).mode == "batch"


def test_what_is_beyond_a_limit_is_refused():
    jobs = (_group(100.0), _group(700.0))
    mode = choose_mode("batch", 2)
    plan = RunPlan(mode, mode, jobs, jobs, Setting(rules_of("open")))
    check_budget(plan, 804.0)
    check_budget(plan, None)
    check_allocation(plan, None)
    for refuse in (lambda: check_budget(plan, 803.0), lambda: check_allocation(plan, 803.0)):
        with pytest.raises(LimitError, match="would use 13 m 24 s") as refused:
            refuse()
        assert "--force" in refused.value.hint
    with pytest.raises(LimitError, match="Job 2 would take 11 m 42 s"):
        check_job_limit(plan)
    check_job_limit(RunPlan(mode, mode, jobs, jobs, Setting()))

"""Advice, each piece worked out by hand; and the what-if behind it. A classical step lasts one second."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from qrun.plan.price import Price
from qrun.plan.whatif import WhatIfJob, what_if
from qrun.usage.advice import advise, waves
from qrun.usage.model import JobUsage, UsageAccount
from tests.usage.accounts import account_of
from tests.usage.histories import History


def advice_of(account: UsageAccount) -> dict[str, float]:
    found = advise(account)
    assert list(found) == sorted(found, key=lambda a: -a.seconds)
    return {a.row: a.seconds for a in found}


def test_what_if_gives_what_the_mission_says():
    jobs = [WhatIfJob(4.0), WhatIfJob(6.0)]
    assert what_if(jobs, "job").usage_seconds == 10  # M9
    assert what_if(jobs, "batch").usage_seconds == 10  # M8
    session = what_if(jobs, "session")
    assert (session.usage_seconds, session.qpu_seconds, session.idle_seconds) == (11, 10, 1)  # M7
    assert session.wall_clock_seconds == 11
    assert what_if([], "session").usage_seconds == 0


def test_what_if_counts_thinking_and_ittl():
    jobs = [WhatIfJob(4.0), WhatIfJob(4.0, arrival=35.0), WhatIfJob(4.0, arrival=200.0)]
    # Active 0–100 (the second job ends at 40, ITTL), and 200–205: closed as the last is submitted.
    assert what_if(jobs, "session").usage_seconds == 100 + 5
    assert what_if(jobs, "session", closed_after=30).usage_seconds == 100 + 30
    assert what_if(jobs, "batch").usage_seconds == 12


def test_what_if_of_own_classical_times_and_five_lanes():
    jobs = [WhatIfJob(1.0, classical_seconds=10.0)] * 6
    # Five at once until 10, QPU 10–15; the sixth got a lane at 11.
    assert what_if(jobs, "batch").wall_clock_seconds == 22


def test_a_session_left_open():
    history = History([("submit", 1, 3, 0), ("wait", 1, 0, 90), ("close", 1, 0, 0)], 28_800)
    assert advice_of(account_of(history))["M18"] == 60


def test_a_session_that_is_open_now_is_told_what_remains():
    history = History([("submit", 1, 3, 0)], 28_800)
    [advice] = [a for a in advise(account_of(history)) if a.row == "M18"]
    # The job ended at 5, it is 40 now, ITTL ends at 65.
    assert advice.seconds == 25
    assert "qrun close s1" in advice.text


def test_classical_steps_beyond_the_ittl():
    history = History(
        [("submit", 1, 3, 0), ("wait", 1, 0, 70), ("submit", 1, 3, 70), ("close", 1, 0, 0)], 28_800
    )
    found = advice_of(account_of(history))
    assert found["M15"] == 60
    # As a batch: 8 of the 65 + 5 seconds.
    assert found["M8"] == 62


def test_jobs_that_could_be_one():
    history = History([("submit", 3, 2, 0)] * 4 + [("close", 3, 0, 0)], 28_800)
    account = account_of(history, "b")
    account = replace(account, jobs=tuple(replace(job, execution_seconds=1.0) for job in account.jobs))
    # Three seconds each, two of them overhead: 4 + 2 instead of 12.
    assert advice_of(account) == {"M19": 6}
    assert "As 1," in advise(account)[0].text


def test_jobs_that_wait_for_each_other_are_not_told_to_combine():
    history = History(
        [("submit", 3, 2, 0), ("submit", 3, 2, 70), ("submit", 3, 2, 70), ("close", 3, 0, 0)], 28_800
    )
    account = account_of(history, "b")
    assert [len(wave) for wave in waves(account.jobs)] == [1, 1, 1]
    assert "M19" not in advice_of(account)


def test_jobs_of_two_loops_side_by_side_wait_for_each_other():
    def job(name: str, created: int, finished: int) -> JobUsage:
        start = datetime(2026, 1, 1, tzinfo=timezone.utc)
        return JobUsage(
            name, "DONE", 1.0, start + timedelta(seconds=created), None, start + timedelta(seconds=finished)
        )

    jobs = [job("a1", 0, 10), job("b1", 0, 25), job("a2", 10, 20), job("a3", 20, 30), job("b2", 25, 40)]
    assert [[job.id for job in step] for step in waves(jobs)] == [["a1", "b1"], ["a2"], ["a3", "b2"]]


def test_long_jobs_are_not_told_to_combine():
    account = account_of(History([("submit", 3, 9, 0)] * 3 + [("close", 3, 0, 0)], 28_800), "b")
    jobs = tuple(replace(job, qpu_seconds=70.0, execution_seconds=68.0) for job in account.jobs)
    assert "M19" not in advice_of(replace(account, jobs=jobs))


@pytest.mark.parametrize(("workload", "row", "seconds"), [(3, "M11", 9), (1, "M12", 9)])
def test_jobs_that_failed_after_the_lock(workload, row, seconds):
    actions = [("submit", workload, 4, 0), ("fail", workload, 8, 0), ("fail", workload, 1, 0)]
    history = History([*actions, ("close", workload, 0, 0)], 28_800)
    account = account_of(history, "b" if workload == 3 else "s1")
    assert advice_of(account)[row] == seconds


def test_no_advice_without_a_number():
    for seconds in (0, 40):
        account = account_of(History([("submit", 3, 4, seconds), ("close", 3, 0, 0)], 28_800), "b")
        assert advise(account) == ()


def test_it_is_told_in_seconds_and_money():
    history = History([("submit", 1, 3, 0), ("wait", 1, 0, 90), ("close", 1, 0, 0)], 28_800)
    [advice] = [a for a in advise(account_of(history)) if a.row == "M18"]
    assert advice.saving_text(Price()) == "60 s ($96.00) less:"
    assert advice.as_dict(Price(2.0, "x"))["price"] == 120

"""What sharing a session saved, on timelines that can be reckoned by hand."""

from __future__ import annotations

import pytest

from qrun.run.loops.sharing import Ran, alone_seconds


def ran(started: float, finished: float, qpu: float, sent: float = 0.0, noticed: float = 0.0) -> Ran:
    return Ran(started, finished, qpu, sent, noticed)


def test_a_loop_by_itself_takes_its_jobs_and_the_time_between():
    jobs = [ran(0, 3, 2, sent=0, noticed=3), ran(4, 7, 2, sent=3.5, noticed=7)]
    assert alone_seconds(jobs, []) == pytest.approx(3 + 3 + 0.5)


def test_waiting_for_others_on_the_qpu_is_not_its_own():
    own = [ran(0, 7, 2)]
    other = [ran(0, 4, 3)]
    # The other was on the QPU from 1 to 4, while this one waited for it from 0 to 5.
    assert alone_seconds(own, other) == pytest.approx(7 - 3)


def test_others_on_the_qpu_between_its_jobs_or_during_its_own_time_there_cost_it_nothing():
    own = [ran(0, 2, 2, noticed=2), ran(6, 8, 2, sent=2.2)]
    other = [ran(2, 6, 4)]
    assert alone_seconds(own, other) == pytest.approx(2 + 2 + 0.2)

"""A few of the random trials; hundreds of them are a command, ``python -m tests.faults.trials``."""

from __future__ import annotations

from pathlib import Path

from tests.faults.trials import Trials, summary


def test_random_faults_lose_no_job_and_run_none_twice(fresh, tmp_path):
    fresh("local", "start")
    trials = Trials(Path(fresh.env["QRUN_HOME"]), fresh.env, 12, tmp_path)
    outcomes = [trials.run(seed) for seed in (101, 102, 105)]
    print(summary(outcomes, 12))
    assert all(outcome.good for outcome in outcomes), summary(outcomes, 12)
    assert sum(outcome.resumes for outcome in outcomes) >= 4

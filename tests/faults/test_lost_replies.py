"""Requests refused, repeated and lost: no session left open, no job lost, none run twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qrun.ledger import Ledger
from tests.command import many_jobs
from tests.faults.faulty_proxy import Fault, faulty_proxy

JOB = r"/jobs$"
SESSION = r"/sessions/[^/]+$"


@pytest.fixture
def through(qrun, service_env):
    """A command that goes through a proxy with faults."""

    def make(proxy):
        return replace(qrun, env={**qrun.env, **proxy.env})

    return lambda *faults: faulty_proxy(Path(service_env["QRUN_HOME"]), *faults), make


def _submit(through, tmp_path, *faults, jobs=3, code=0, mode="session"):
    open_proxy, make = through
    with open_proxy(*faults) as proxy:
        command = make(proxy)
        done = command("submit", str(many_jobs(tmp_path / "w.yaml", jobs)), "--mode", mode, code=code)
        run_id = command.json("list", "--json", "-n", "1")[0]["run"]
        ended = command("wait", run_id, code=None)
        status = command.json("status", run_id, "--json")
        usage = command.json("usage", run_id, "--json")
    return done, ended.returncode, status, usage, proxy


def test_m18_a_close_that_fails_once_is_repeated(through, tmp_path):
    done, code, status, _, _ = _submit(through, tmp_path, Fault("PATCH", SESSION, "refuse:503", times=2))
    assert done.stdout.strip() == status["id"]
    assert code == 0
    assert status["session"]["state"] == "closed"
    assert status["session"]["state_reason"] != "session_inactivated_by_interactive_ttl"


def test_m18_a_close_that_keeps_failing_is_told_and_loses_no_run(through, tmp_path):
    open_proxy, make = through
    with open_proxy(Fault("PATCH", SESSION, "refuse:503", times=6)) as proxy:
        command = make(proxy)
        done = command("submit", str(many_jobs(tmp_path / "w.yaml", 2)), "--mode", "session")
        run_id = done.stdout.strip()
        assert f"qrun close {run_id}" in done.stderr
        assert f"run {run_id} left its session open" in command("list").stderr
        command("close", run_id)
        command("wait", run_id)
        assert command.json("status", run_id, "--json")["session"]["state"] == "closed"
        assert "left its session open" not in command("list").stderr


@pytest.mark.parametrize("action", ["cut", "after:400"])
def test_a_job_whose_reply_is_lost_is_found_by_its_tag(through, tmp_path, action):
    done, code, status, usage, proxy = _submit(through, tmp_path, Fault("POST", JOB, action))
    assert code == 0
    assert done.stdout.strip() == status["id"]
    assert [job["state"] for job in status["jobs"]] == ["DONE"] * 3
    assert len(usage["jobs"]) == 3, "each job once"
    assert proxy.count("POST", JOB) == 3


@pytest.mark.parametrize("action", ["after:503", "reset"])
def test_a_job_whose_answer_is_no_answer_is_not_sent_again(through, tmp_path, action):
    """The client itself repeats a POST whose answer is a 5xx, whatever the service did with the first."""
    _, code, status, usage, proxy = _submit(through, tmp_path, Fault("POST", JOB, action))
    assert proxy.count("POST", JOB) == 3
    assert code == 0
    assert [job["state"] for job in status["jobs"]] == ["DONE"] * 3
    assert [job["state"] for job in usage["jobs"]] == ["DONE"] * 3


@pytest.mark.parametrize("action", ["drop", "refuse:502"])
def test_a_job_that_did_not_arrive_is_sent_again(through, tmp_path, action):
    _, code, status, usage, proxy = _submit(through, tmp_path, Fault("POST", JOB, action))
    assert proxy.count("POST", JOB) == 4
    assert code == 0
    assert len(usage["jobs"]) == len(status["jobs"]) == 3


@pytest.mark.parametrize(
    ("action", "mode"), [("cut", "batch"), ("cut", "session"), ("after:500", "session"), ("reset", "batch")]
)
def test_a_session_whose_answer_is_lost_is_found_and_not_opened_again(through, tmp_path, action, mode):
    _, code, status, _, proxy = _submit(through, tmp_path, Fault("POST", r"/sessions$", action), mode=mode)
    assert proxy.count("POST", r"/sessions$") == 1
    assert code == 0
    assert status["session"]["state"] == "closed"


def test_a_refused_job_ends_the_submission_and_closes_and_resume_sends_it(through, tmp_path):
    open_proxy, make = through
    with open_proxy(Fault("POST", JOB, "refuse:400")) as proxy:
        command = make(proxy)
        path = many_jobs(tmp_path / "w.yaml", 3)
        done = command("submit", str(path), "--mode", "session", code=3)
        assert done.stdout == ""
        run_id = command.json("list", "--json", "-n", "1")[0]["run"]
        assert f"2 of 3 jobs of run {run_id} had been accepted" in done.stderr
        command("wait", run_id, code=1)
        status = command.json("status", run_id, "--json")
        assert (status["state"], status["session"]["state"]) == ("INCOMPLETE", "closed")
        partial = command.json("results", run_id, "-f", "json", code=1)["pubs"]
        assert [pub["state"] for pub in partial if pub["data"] is None] == ["NOT SENT"]
        assert "1 sent" in command("resume", run_id).stderr
        command("wait", run_id)
        assert "2 results collected" not in command("resume", run_id).stderr
        assert "nothing was left to do" in command("resume", run_id).stderr
        assert proxy.count("POST", JOB) == 4
        assert [job["state"] for job in command.json("usage", run_id, "--json")["jobs"]] == ["DONE"] * 3
        # The same PUBs, all there, in the file's order, whatever was shown of them before.
        pubs = command.json("results", run_id, "-f", "json")["pubs"]
        assert [sum(pub["data"]["b"]["counts"].values()) for pub in pubs] == [100, 101, 102]


def test_the_limit_of_the_instance_ends_with_its_own_code(through, tmp_path):
    done, _, status, _, _ = _submit(
        through, tmp_path, Fault("POST", JOB, "refuse:409", times=3), code=4, mode="batch"
    )
    assert "answered 409" in done.stderr
    assert not status["session"]["accepting_jobs"]


def test_a_limit_is_waited_for_as_long_as_the_service_says(through, tmp_path):
    done, code, _, _, proxy = _submit(
        through, tmp_path, Fault("POST", JOB, "refuse:429:2"), jobs=2, mode="batch"
    )
    assert "sending again in 2 s" in done.stderr
    assert code == 0
    assert proxy.count("POST", JOB) == 3


def test_a_rate_limit_is_waited_for(through, tmp_path, monkeypatch):
    done, code, status, _, proxy = _submit(
        through, tmp_path, Fault("POST", JOB, "refuse:429"), jobs=2, mode="batch"
    )
    assert "sending again in 5 s" in done.stderr
    assert code == 0
    assert proxy.count("POST", JOB) == 3
    assert len(status["jobs"]) == 2


def test_times_that_cannot_be_read_are_no_reason_to_stop(through, tmp_path):
    done, code, _, _, _ = _submit(through, tmp_path, Fault("GET", SESSION, "refuse:500"))
    assert "session " in done.stderr
    assert "interactive time" not in done.stderr
    assert code == 0


def test_a_service_that_talks_nonsense_is_told_so(through):
    open_proxy, make = through
    with open_proxy(Fault("GET", r"/jobs/", "after:200", times=100)) as proxy:
        done = make(proxy)("usage", "d-not-in-the-ledger", code=3)
        assert "not what its interface says" in done.stderr


def test_a_refused_account_ends_the_submission_at_once(through, tmp_path):
    open_proxy, make = through
    refused = [Fault("POST", JOB, "refuse:403", times=100), Fault("GET", r"/jobs\?", "refuse:403", times=100)]
    with open_proxy(*refused) as proxy:
        words = ("submit", str(many_jobs(tmp_path / "w.yaml", 3)), "--mode", "job")
        assert "refused the account" in make(proxy)(*words, code=3).stderr
        assert proxy.count("POST", JOB) == 3
        # Whoever was refused has sent nothing that could be looked for.
        assert proxy.count("GET", r"/jobs\?") == 0


def test_a_budget_is_kept_while_the_service_takes_no_more_jobs(through, tmp_path):
    open_proxy, make = through
    with open_proxy(Fault("POST", JOB, "refuse:429:300", skip=5, times=100)) as proxy:
        command = make(proxy)
        path = str(many_jobs(tmp_path / "w.yaml", 20))
        done = command("submit", path, "--mode", "batch", "--budget", "2s", "--force", code=4)
        assert "of its budget of 2 s" in done.stderr
        run_id = command.json("list", "--json", "-n", "1")[0]["run"]
        status = command.json("status", run_id, "--json")
        assert not status["session"]["accepting_jobs"]
        assert len([job for job in status["jobs"] if job["id"]]) == 5


def test_a_session_that_the_service_has_forgotten_is_opened_anew(through, service_env, tmp_path):
    open_proxy, make = through
    with open_proxy(Fault("POST", JOB, "refuse:400")) as proxy:
        command = make(proxy)
        command("submit", str(many_jobs(tmp_path / "w.yaml", 2)), "--mode", "batch", code=3)
        run_id = command.json("list", "--json", "-n", "1")[0]["run"]
        with Ledger(Path(service_env["QRUN_HOME"]) / "ledger.sqlite") as ledger, ledger.transaction() as db:
            # As a process leaves it that was killed.
            db.execute("UPDATE sessions SET closed = NULL WHERE run_id = ?", (run_id,))
        proxy.faults.append(Fault("GET", SESSION, "refuse:404"))
        assert "1 sent" in command("resume", run_id).stderr
        assert len(command.json("record", run_id, "--json")["sessions"]) == 2

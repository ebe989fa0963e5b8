"""Runs that were stopped, and go on: resumed, retried, kept within a budget."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from qrun.ledger import Ledger
from tests.command import many_jobs
from tests.faults.faulty_proxy import Fault, faulty_proxy

JOBS = 30


@pytest.fixture
def slow(qrun, service_env):
    """The command through a proxy that makes each request take a while, and the proxy."""
    with faulty_proxy(Path(service_env["QRUN_HOME"])) as proxy:
        proxy.latency = 0.05
        yield replace(qrun, env={**qrun.env, **proxy.env}), proxy


def _killed(command, proxy, path, mode):
    """A run whose process was killed when some of its jobs had been sent."""
    process = command.start("submit", str(path), "--mode", mode)
    while process.poll() is None and proxy.count("POST", r"/jobs$") < 12:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    proxy.latency = 0
    return command.json("list", "--json", "--offline", "-n", "1")[0]["run"]


def test_two_resumes_at_once_after_a_kill_send_each_job_once_and_what_was_intended(slow, tmp_path):
    command, proxy = slow
    path = many_jobs(tmp_path / "w.yaml", JOBS)
    run_id = _killed(command, proxy, path, "batch")
    # What is sent is what was intended, whatever the file says now.
    path.write_text("name: other\n")
    both = [command.start("resume", run_id) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
    command("wait", run_id)
    status = command.json("status", run_id, "--json")
    assert [job["state"] for job in status["jobs"]] == ["DONE"] * JOBS
    assert len(command.json("usage", run_id, "--json")["jobs"]) == JOBS, "each once"
    assert status["session"]["state"] == "closed"
    pubs = command.json("results", run_id, "-f", "json")["pubs"]
    assert [sum(pub["data"]["b"]["counts"].values()) for pub in pubs] == list(range(100, 100 + JOBS))
    record = command.json("record", run_id, "--json")
    assert len(record["attempts"]) == JOBS
    assert all(job["payload_sha256"] and job["result_sha256"] for job in record["attempts"])
    assert "nothing was left to do" in command("resume", run_id).stderr


def test_sending_and_following_take_a_request_a_job_each_and_few_more(slow, tmp_path):
    command, proxy = slow
    path = many_jobs(tmp_path / "w.yaml", JOBS)
    done = command("submit", str(path), "--mode", "batch", "--watch")
    assert "usage: " in done.stdout
    asked = [path.partition("?")[0] for _, path in proxy.seen]
    assert proxy.count("POST", r"/jobs$") == proxy.count("GET", r"/results$") == JOBS
    assert not any(path.endswith("/metrics") for path in asked), "the list of jobs tells what they used"
    sent = [i for i, (method, path) in enumerate(proxy.seen) if method == "POST" and path.endswith("/jobs")]
    between = sent[-1] - sent[0] + 1
    assert between <= 1.2 * JOBS


def test_cancelled_jobs_are_retried_in_the_same_run_and_results_stay_in_order(qrun, occupied, tmp_path):
    run_id = qrun("submit", str(many_jobs(tmp_path / "w.yaml", 2, occupied)), "--mode", "job").stdout.strip()
    [first, _] = qrun.json("status", run_id, "--json")["jobs"]
    qrun("cancel", first["id"])
    assert "no job has failed" in qrun("retry", run_id, "--only", "system").stderr
    assert "1 sent" in qrun("retry", run_id).stderr
    assert "no job has failed" in qrun("retry", run_id).stderr
    attempts = qrun.json("record", run_id, "--json")["attempts"]
    assert [(job["job"], job["attempt"], job["failed_for"]) for job in attempts] == [
        (0, 1, "cancelled"),
        (0, 2, None),
        (1, 1, None),
    ]
    pubs = qrun.json("results", run_id, "-f", "json", code=1)["pubs"]
    assert [(pub["index"], pub["attempt"]) for pub in pubs] == [(0, 2), (1, 1)]
    qrun("cancel", run_id)
    qrun("forget", run_id)
    assert run_id not in qrun("list", "--offline").stdout


def test_what_a_workload_wants_retried_is_sent_again_by_whoever_waits(qrun, occupied, tmp_path):
    path = many_jobs(tmp_path / "w.yaml", 2, occupied)
    path.write_text(path.read_text() + "retry: {attempts: 2, on: [cancelled]}\n")
    submitted = qrun("submit", str(path), "--mode", "batch")
    run_id = submitted.stdout.strip()
    assert "nobody keeps the run's retry until it is followed" in submitted.stderr
    waiting = qrun.start("wait", run_id)
    first = {job["id"] for job in qrun.json("status", run_id, "--json")["jobs"]}
    qrun("cancel", *first)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        now = {job["id"] for job in qrun.json("status", run_id, "--json")["jobs"] if job["id"]}
        if len(now - first) == 2:
            break
    qrun("cancel", *now)
    out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, out.strip()) == (1, run_id), err
    record = qrun.json("record", run_id, "--json")
    assert [job["attempt"] for job in record["attempts"]] == [1, 2, 1, 2], "twice, and no more"
    assert {job["failed_for"] for job in record["attempts"]} == {"cancelled"}
    assert all(session["closed"] for session in record["sessions"])


def test_a_budget_stops_what_is_queued(slow, occupied, service_env, tmp_path):
    qrun, proxy = slow
    proxy.latency = 0
    path = many_jobs(tmp_path / "w.yaml", 3, occupied)
    run_id = qrun("submit", str(path), "--mode", "batch", "--budget", "2s", "--force").stdout.strip()
    [first, *_] = qrun.json("status", run_id, "--json")["jobs"]
    qrun("cancel", first["id"])
    qrun("retry", run_id)
    # On a device that is held nothing runs; an earlier attempt is given a usage for this.
    with Ledger(Path(service_env["QRUN_HOME"]) / "ledger.sqlite") as ledger:
        ledger.set_job_states(run_id, {first["id"]: ("CANCELLED", None, None, 2.5)})
    # A service that does not answer ends neither the watcher nor the budget.
    refused = Fault("POST", r"/cancel$", "refuse:503:0.1", times=8)
    proxy.faults.append(refused)
    done = qrun("wait", run_id, code=4)
    assert refused.times == 0
    assert "has used 2.5 s of its budget of 2 s. 3 queued jobs were cancelled" in done.stderr
    status = qrun.json("status", run_id, "--json")
    assert {job["state"] for job in status["jobs"]} == {"CANCELLED"}
    assert not status["session"]["accepting_jobs"]


def test_a_damaged_result_is_fetched_again(qrun, service_env, tmp_path):
    run_id = qrun("submit", str(many_jobs(tmp_path / "w.yaml", 1)), "--mode", "job").stdout.strip()
    qrun("wait", run_id)
    qrun("resume", run_id)
    [file] = (Path(service_env["QRUN_HOME"]) / "runs" / run_id).glob("*.executor.json")
    whole = file.read_bytes()
    file.write_bytes(whole + b" ")
    [pub] = qrun.json("results", run_id, "-f", "json")["pubs"]
    assert sum(pub["data"]["b"]["counts"].values()) == 100
    assert file.read_bytes() == whole


def test_a_lost_answer_to_a_result_does_not_lose_it(slow, tmp_path):
    command, proxy = slow
    proxy.latency = 0
    run_id = command("submit", str(many_jobs(tmp_path / "w.yaml", 2)), "--mode", "job").stdout.strip()
    command("wait", run_id)
    proxy.faults.append(Fault("GET", r"/results$", "reset"))
    counts = [pub["data"]["b"]["counts"] for pub in command.json("results", run_id, "-f", "json")["pubs"]]
    assert [sum(count.values()) for count in counts] == [100, 101]
    assert "probability" in command("results", run_id, "-f", "csv", "--counts").stdout
    names = command("results", run_id, "-f", "npz", "-o", str(tmp_path / "out")).stdout.split()
    import numpy as np

    with np.load(names[0]) as arrays:
        assert arrays["0/b"].shape == (100, 1)
        assert arrays["1/b/num_bits"] == 1

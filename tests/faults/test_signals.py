"""M18: the batch or session is closed whatever happens; and what a crash leaves open is found again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.command import many_jobs
from tests.faults.faulty_proxy import Fault, faulty_proxy

JOBS = 60


def _stderr_until(process: subprocess.Popen[str], word: str) -> str:
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if word in line:
            return said
    raise AssertionError(f"ended without saying {word!r}: {said}")


def _telling_imports(qrun):
    """The command, with a line on standard error for each module that it has imported: how far it is."""
    return replace(qrun, env={**qrun.env, "PYTHONPROFILEIMPORTTIME": "1"})


def _newest(qrun):
    run = qrun.json("list", "--json", "-n", "1")[0]
    return qrun.json("status", run["run"], "--json", code=None)


@pytest.mark.parametrize(
    ("number", "mode"),
    [
        (signal.SIGINT, "batch"),
        (signal.SIGINT, "session"),
        (signal.SIGTERM, "session"),
        (signal.SIGHUP, "batch"),
    ],
)
def test_m18_a_signal_during_submission_finishes_the_job_in_hand_and_closes(qrun, tmp_path, mode, number):
    process = qrun.start("submit", str(many_jobs(tmp_path / "w.yaml", JOBS)), "--mode", mode)
    _stderr_until(process, "open:")
    time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "takes no more jobs" in err
    run = _newest(qrun)
    assert run["state"] in ("INCOMPLETE", "RUNNING", "QUEUED")
    accepted = [job for job in run["jobs"] if job["id"]]
    assert 0 < len(accepted) < JOBS, "stopped in the middle"
    assert not run["session"]["accepting_jobs"]
    # What had been accepted runs on and can be waited for; the run as a whole did not complete.
    qrun("wait", run["id"], code=1)
    assert qrun.json("status", run["id"], "--json")["session"]["state"] == "closed"


def test_m18_signals_in_pairs_do_not_keep_it_from_closing(qrun, tmp_path):
    process = qrun.start("submit", str(many_jobs(tmp_path / "w.yaml", JOBS)), "--mode", "session")
    _stderr_until(process, "open:")
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGTERM):
        process.send_signal(number)
        time.sleep(0.02)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    run = _newest(qrun)
    assert not run["session"]["accepting_jobs"]
    assert "left its session open" not in qrun("list").stderr


def test_a_signal_during_the_last_job_does_not_go_on_to_watch(qrun, occupied, tmp_path):
    path = many_jobs(tmp_path / "w.yaml", 1, backend=occupied)
    process = qrun.start("submit", str(path), "--mode", "batch", "--watch")
    _stderr_until(process, "open:")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    run = _newest(qrun)
    assert out.strip() in ("", run["id"])
    qrun("cancel", run["id"])


def test_waiting_for_a_run_that_is_still_being_submitted_waits_for_all_of_it(qrun, tmp_path):
    process = qrun.start("submit", str(many_jobs(tmp_path / "w.yaml", JOBS)), "--mode", "batch")
    _stderr_until(process, "open:")
    waited = qrun("wait", "last")
    process.communicate(timeout=60)
    states = [job["state"] for job in qrun.json("status", waited.stdout.strip(), "--json")["jobs"]]
    assert states == ["DONE"] * JOBS


def test_a_reader_of_standard_error_that_goes_away_does_not_stop_a_submission(qrun, tmp_path):
    from tests.command import QRUN

    path = many_jobs(tmp_path / "w.yaml", 3)
    done = subprocess.run(
        f"{QRUN} submit {path} --mode session 2>&1 >/dev/null | head -1",
        shell=True, capture_output=True, text=True, env=qrun.env, check=False,
    )  # fmt: skip
    assert "3 PUBs" in done.stdout
    for _ in range(100):
        run = _newest(qrun)
        if all(job["id"] for job in run["jobs"]):
            break
        time.sleep(0.1)
    assert len([job for job in run["jobs"] if job["id"]]) == 3
    qrun("wait", run["id"])


def test_a_signal_before_anything_is_sent_sends_nothing(qrun, tmp_path):
    before = qrun.json("list", "--json", "-n", "1000")
    words = ["submit", str(many_jobs(tmp_path / "w.yaml", JOBS)), "--mode", "batch"]
    err = _signalled(_telling_imports(qrun), signal.SIGINT, *words, until="qrun.run.prepare")
    assert "Interrupted before anything was submitted" in err
    assert qrun.json("list", "--json", "-n", "1000") == before


def test_m18_what_a_kill_leaves_open_is_found_and_closed(qrun, tmp_path):
    process = qrun.start("submit", str(many_jobs(tmp_path / "w.yaml", JOBS)), "--mode", "session")
    _stderr_until(process, "open:")
    process.kill()
    process.communicate()
    listed = qrun("list")
    run = _newest(qrun)
    assert f"run {run['id']} left its session open" in listed.stderr
    warned = qrun("submit", "workloads/bell.yaml", "--mode", "job").stderr
    assert f"close it with: qrun close {run['id']}" in warned
    qrun("close", run["id"])
    assert "left its session open" not in qrun("list").stderr
    assert not qrun.json("status", run["id"], "--json")["session"]["accepting_jobs"]


def test_a_signal_while_waiting_detaches_or_cancels_as_on_signal_says(qrun, occupied, tmp_path):
    path = many_jobs(tmp_path / "w.yaml", 2, backend=occupied)
    run_id = qrun("submit", str(path), "--mode", "batch").stdout.strip()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        err = _signalled(qrun, number, "wait", run_id, until=run_id)
        assert f"qrun cancel {run_id}" in err
        assert {job["state"] for job in qrun.json("status", run_id, "--json")["jobs"]} == {"QUEUED"}
    other = qrun("submit", str(path), "--mode", "batch").stdout.strip()
    words = ["wait", run_id, other, "--on-signal", "cancel"]
    err = _signalled(qrun, signal.SIGTERM, *words, until=run_id)
    for each in (run_id, other):
        assert f"Run {each}: 2 cancelled, 0 had ended" in err
        status = qrun.json("status", each, "--json")
        assert {job["state"] for job in status["jobs"]} == {"CANCELLED"}
        assert not status["session"]["accepting_jobs"]


@pytest.mark.parametrize("on_signal", ["detach", "cancel"])
def test_a_signal_while_a_resume_sends_ends_it_and_it_does_not_go_on_to_watch(
    qrun, occupied, service_env, tmp_path, on_signal
):
    with faulty_proxy(Path(service_env["QRUN_HOME"]), Fault("POST", r"/jobs$", "refuse:400")) as proxy:
        through = replace(qrun, env={**qrun.env, **proxy.env})
        path = many_jobs(tmp_path / "w.yaml", 2, backend=occupied)
        through("submit", str(path), "--mode", "job", code=3)
        run = _newest(through)
        sent = proxy.count("POST", r"/jobs$")
        proxy.faults.append(Fault("POST", r"/jobs$", "delay:2"))
        process = through.start("resume", run["id"], "--watch", "--on-signal", on_signal)
        while process.poll() is None and proxy.count("POST", r"/jobs$") == sent:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (130, ""), err
        states = {job["state"] for job in through.json("status", run["id"], "--json")["jobs"]}
        assert states == {"QUEUED" if on_signal == "detach" else "CANCELLED"}, err
        through("cancel", run["id"])


def _signalled(qrun, number, *words, until):
    """Standard error of a command that gets a signal once it has said ``until``; no data, and code 130."""
    process = qrun.start(*words)
    said = _stderr_until(process, until)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    return said + err


def test_on_signal_cancel_cancels_what_a_submission_has_sent(qrun, occupied, tmp_path):
    words = ["submit", str(many_jobs(tmp_path / "w.yaml", JOBS, occupied)), "--mode", "batch"]
    err = _signalled(qrun, signal.SIGTERM, *words, "--on-signal", "cancel", until="open:")
    run = _newest(qrun)
    assert f"Run {run['id']}: " in err
    assert {job["state"] for job in run["jobs"] if job["id"]} <= {"CANCELLED"}
    assert not run["session"]["accepting_jobs"]


def test_a_service_that_is_killed_in_the_middle_of_a_submission_is_started_again(qrun, tmp_path, service_env):
    home = tmp_path / "home"
    env = {**service_env, "QRUN_HOME": str(home), "HOME": str(tmp_path)}
    own = type(qrun)(env, qrun.cwd)
    own("local", "start")
    process = own.start("submit", str(many_jobs(tmp_path / "w.yaml", JOBS)), "--mode", "batch")
    _stderr_until(process, "open:")
    os.kill(own.json("local", "status", "--json")["pid"], signal.SIGKILL)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    own("wait", out.strip())
    status = own.json("status", out.strip(), "--json")
    assert [job["state"] for job in status["jobs"]] == ["DONE"] * JOBS
    assert len(own.json("usage", out.strip(), "--json")["jobs"]) == JOBS, "each once"
    own("local", "stop")


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1, 0.5])
def test_an_interruption_while_starting_gives_no_traceback(qrun, delay):
    # While the interpreter itself starts, a signal is not qrun's to handle.
    process = _telling_imports(qrun).start("submit", "workloads/bell.yaml")
    _stderr_until(process, "click")
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "qrun/cli" not in err


def test_a_local_service_that_dies_is_started_again_by_who_follows(qrun, tmp_path, service_env):
    home = tmp_path / "home"
    own = type(qrun)({**service_env, "QRUN_HOME": str(home), "HOME": str(tmp_path)}, qrun.cwd)
    run_id = own("submit", str(many_jobs(tmp_path / "w.yaml", 20)), "--mode", "batch").stdout.strip()
    os.kill(own.json("local", "status", "--json")["pid"], signal.SIGKILL)
    own("wait", run_id)
    assert {job["state"] for job in own.json("status", run_id, "--json")["jobs"]} == {"DONE"}
    own("local", "stop")

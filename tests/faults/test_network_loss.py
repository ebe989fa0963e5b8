"""A network that goes away while a run is followed: it is told, and nothing else happens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.command import many_jobs
from tests.faults.faulty_proxy import Fault, faulty_proxy
from tests.terminal import Terminal

LIST = r"/jobs\?"


@pytest.fixture
def far(qrun, service_env):
    """A command whose service is behind a proxy, and the proxy."""
    with faulty_proxy(Path(service_env["QRUN_HOME"])) as proxy:
        yield replace(qrun, env={**qrun.env, **proxy.env}), proxy


@pytest.fixture
def waiting(far, occupied, tmp_path):
    command, proxy = far
    run_id = command(
        "submit", str(many_jobs(tmp_path / "w.yaml", 2, occupied)), "--mode", "batch"
    ).stdout.strip()
    yield run_id
    proxy.faults.clear()
    command("cancel", run_id, code=None)


def test_json_lines_tell_that_there_is_no_answer_and_that_there_is_one_again(far, waiting):
    command, proxy = far
    process = command.start("watch", waiting, "--json")
    assert process.stdout is not None
    events = []

    def until(kind: str) -> None:
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == kind:
                return
        raise AssertionError((kind, events, process.stderr.read()))

    until("job")
    for action in ("refuse:503", "cut", "refuse:429"):
        proxy.faults.append(Fault("GET", LIST, action, times=1000))
        until("lost")
        proxy.faults.clear()
        until("back")
    command("cancel", waiting)
    until("end")
    assert process.wait(30) == 1
    kinds = [event["event"] for event in events]
    assert (kinds.count("lost"), kinds.count("back")) == (3, 3), "each told once"
    assert events[-1]["states"] == {"CANCELLED": 2}


def test_the_live_view_tells_it_too(far, waiting):
    command, proxy = far
    where = {"env": command.env, "cwd": command.cwd}
    with Terminal("watch", waiting, **where) as terminal, Terminal("wait", waiting, **where) as one_line:
        for each in (terminal, one_line):
            each.until(lambda lines: "2 queued" in "\n".join(lines))
        proxy.faults.append(Fault("GET", LIST, "cut", times=1000))
        lines = terminal.until(lambda lines: "no answer for" in "\n".join(lines))
        assert "2 queued" in "\n".join(lines), "what was known last"
        one_line.until(lambda lines: "no answer for" in "\n".join(lines))
        proxy.faults.clear()
        for each in (terminal, one_line):
            each.until(lambda lines: "answers again after" in "\n".join(lines))
        command("cancel", waiting)
        assert (terminal.ended()[0], one_line.ended()[0]) == (1, 1)


def test_one_list_request_a_page_and_a_tick(far, tmp_path):
    """And a session is asked for when a job has changed, and now and then."""
    command, proxy = far
    run_id = command("submit", str(many_jobs(tmp_path / "w.yaml", 5)), "--mode", "batch").stdout.strip()
    before = len(proxy.seen)
    command("wait", run_id)
    asked = [path for method, path in proxy.seen[before:] if "/api/" in path]
    assert asked
    assert all("/jobs?" in path for path in asked), asked
    before = len(proxy.seen)
    command("watch", run_id)
    asked = [path for method, path in proxy.seen[before:] if "/api/" in path]
    assert [path.split("?")[0].split("/")[-2] for path in asked] == ["v1", "sessions"], asked


def test_a_service_that_asks_to_wait_longer_than_the_time_limit_is_not_waited_for(far, waiting):
    command, proxy = far
    proxy.faults.append(Fault("GET", LIST, "refuse:429:500", times=1000))
    before = proxy.count("GET", LIST)
    assert "has not ended after 1 s" in command("wait", waiting, "--timeout", "1s", code=124).stderr
    assert proxy.count("GET", LIST) == before + 1, "asked once, and no sooner than it wants"
    command("wait", waiting, waiting, "--timeout", "1s", code=124)


def test_a_submission_bears_a_limit_on_questions_and_tells_it(far, tmp_path):
    command, proxy = far
    proxy.faults.append(Fault("GET", "/workloads", "refuse:429:0.1", times=7))
    done = command("submit", str(many_jobs(tmp_path / "w.yaml", 1)), "--mode", "batch")
    assert "no more requests" in done.stderr or "limit" in done.stderr, done.stderr
    command("wait", done.stdout.strip())

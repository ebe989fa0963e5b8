"""``watch`` and ``wait`` on a terminal, in a pipe, as JSON, and of what this machine did not submit."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.command import QRUN, many_jobs
from tests.service.plain_client import client_of_home, sampler_job
from tests.terminal import Terminal


@pytest.fixture
def waiting(qrun, occupied, tmp_path):
    """A run whose three jobs stay queued."""
    run_id = qrun(
        "submit", str(many_jobs(tmp_path / "w.yaml", 3, occupied)), "--mode", "batch"
    ).stdout.strip()
    yield run_id
    qrun("cancel", run_id, code=None)


@pytest.fixture(scope="module")
def done(service_env, tmp_path_factory):
    from tests.command import ROOT, Qrun

    command = Qrun(service_env, ROOT)
    path = many_jobs(tmp_path_factory.mktemp("w") / "many.yaml", 3)
    run_id = command("submit", str(path), "--mode", "batch").stdout.strip()
    command("wait", run_id)
    return run_id


@pytest.fixture
def api(service_env):
    with client_of_home(Path(service_env["QRUN_HOME"])) as client:
        yield client


def on_terminal(qrun, *words, **more):
    return Terminal(*words, env=qrun.env, cwd=qrun.cwd, **more)


def test_the_live_view_follows_the_size_of_the_terminal_and_ctrl_c_detaches(qrun, waiting):
    with on_terminal(qrun, "watch", waiting, columns=40, rows=24) as terminal:
        narrow = terminal.until(lambda lines: "3 queued" in "\n".join(lines))
        assert narrow[2] == "░" * 40
        assert any(line.startswith("ITTL 1 s") for line in narrow) or "ITTL 1 s" in "\n".join(narrow)
        assert any(re.fullmatch(r"[0-9a-f-]{36}", line) for line in narrow), "the batch's ID, whole"
        terminal.resize(100, 30)
        wide = terminal.until(lambda lines: "░" * 100 in lines)
        assert len([line for line in wide if "queued" in line and "3" in line]) == 1, "nothing left over"
        assert re.match(rf"many  {waiting}  batch on fake_sherbrooke  \d+ s$", wide[0])
        terminal.resize(30, 4)
        small = terminal.until(lambda lines: "░" * 30 in lines and len(lines) == 4)
        assert "3 queued" in "\n".join(small)
        terminal.process.send_signal(signal.SIGINT)
        code, written = terminal.ended()
    assert code == 130
    assert f"qrun cancel {waiting}" in written
    assert "\x1b[?1049l" in written, "the screen as it was"
    assert "\x1b[?25h" in written, "and its cursor"
    assert {job["state"] for job in qrun.json("status", waiting, "--json")["jobs"]} == {"QUEUED"}


def test_several_watch_at_once_each_in_its_way_and_each_tells_the_end(qrun, waiting):
    with (
        on_terminal(qrun, "watch", waiting, NO_COLOR="1") as plain,
        on_terminal(qrun, "watch", waiting, TERM="dumb") as dumb,
        on_terminal(qrun, "wait", waiting, columns=60) as line,
    ):
        for terminal in (plain, line):
            terminal.until(lambda lines: "3 queued" in "\n".join(lines))
        dumb.until(lambda lines: "\n".join(lines).count("queued") == 3)
        # The process group has no shell, so the system goes on with it at once.
        plain.process.send_signal(signal.SIGTSTP)
        plain.until(lambda lines: plain.raw.count(b"\x1b[?1049h") == 2 and "3 queued" in "\n".join(lines))
        qrun("cancel", waiting)
        written = {}
        for terminal in (plain, dumb, line):
            code, written[terminal] = terminal.ended()
            assert code == 1
    assert f"{waiting}: 3 cancelled after" in written[plain]
    assert "3 jobs cancelled: " in written[plain], "and why"
    assert not re.search(r"\x1b\[[\d;]*3[0-7][;m]", written[plain]), "no colours"
    assert f"{waiting} ended: 3 cancelled" in written[dumb]
    assert "\x1b" not in written[dumb]
    assert f"{waiting}: 3 cancelled after" in written[line]
    assert written[line].splitlines()[-1].endswith(waiting)


def test_no_progress_and_quiet_on_a_terminal(qrun, done):
    with on_terminal(qrun, "watch", done, "--no-progress") as terminal:
        code, written = terminal.ended()
    assert code == 0
    assert "\x1b[?" not in written
    assert f"{done} ended: 3 done" in written
    with on_terminal(qrun, "watch", done, "--quiet") as terminal:
        assert terminal.ended() == (0, "")
    with on_terminal(qrun, "wait", done, "--quiet") as terminal:
        assert terminal.ended() == (0, f"{done}\r\n")


def test_in_a_pipe_an_event_is_a_line(qrun, done):
    lines = qrun("watch", done).stdout.splitlines()
    assert all(re.match(rf"\d\d:\d\d:\d\d {done} ", line) for line in lines)
    assert [line.split()[2] for line in lines] == ["many:", "batch", "job", "job", "job", "ended:"]
    assert lines[-1].split(",")[0].endswith("ended: 3 done")
    assert qrun("watch", done, "--quiet").stdout == ""


FIELDS = {
    "start": {"kind", "name", "mode", "backend", "session", "jobs", "budget_seconds"},
    "session": {"session", "mode", "state", "reason", "accepting_jobs", "interactive_ttl_seconds", "max_ttl_seconds"},
    "job": {"job", "state", "reason", "reason_code", "usage_seconds"},
    "lost": {"message"},
    "back": {"seconds"},
    "end": {"states", "all_done", "usage_seconds"},
}  # fmt: skip


def test_as_json_every_event_has_the_fields_of_the_readme(qrun, done, root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    for kind, fields in FIELDS.items():
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{kind}` |"))
        assert set(re.findall(r"`(\w+)`", row)) >= fields | {kind}
    events = [json.loads(line) for line in qrun("watch", done, "--json").stdout.splitlines()]
    assert [event["event"] for event in events] == ["start", "session", "job", "job", "job", "end"]
    for event in events:
        assert set(event) == {"event", "time", "id"} | FIELDS[event["event"]]
        assert event["id"] == done
    usage = qrun.json("usage", done, "--json")
    assert events[-1]["usage_seconds"] == pytest.approx(usage["usage_seconds"], abs=0.01)
    assert sum(event["usage_seconds"] for event in events[2:5]) == pytest.approx(
        usage["usage_seconds"], abs=0.01
    )


def test_m3_the_usage_of_a_session_is_seen_while_it_is_active(qrun, api):
    """A session and jobs that this machine's ledger does not know, followed by their IDs."""
    session = api.post("/sessions", json={"mode": "dedicated", "backend": "ideal"}).json()["id"]
    job = api.post("/jobs", json=sampler_job(session_id=session)).json()["id"]
    assert qrun("wait", job).stdout == f"{job}\n"
    with on_terminal(qrun, "watch", session, columns=100) as terminal:
        lines = terminal.until(lambda lines: "left" in "\n".join(lines) and "1 done" in "\n".join(lines))
        text = "\n".join(lines)
        assert "session active" in text
        assert re.search(r"ITTL [45]\d s of 1 m 00 s left|ITTL [45]\d s of 60 s left", text), text
        assert re.search(r"TTL 7 h 59 m left", text)
        assert re.search(r"usage so far \d", text)
        api.patch(f"/sessions/{session}", json={"accepting_jobs": False})
        assert terminal.ended()[0] == 0
    assert qrun("wait", session).stdout == f"{session}\n"
    states = [json.loads(line) for line in qrun("watch", session, "--json").stdout.splitlines()]
    assert states[-1]["states"] == {"DONE": 1}
    assert "no run, session, batch or job" in qrun("wait", "d-nobody-knows", code=2).stderr


def test_exit_codes_go_through_a_pipeline(qrun, occupied, tmp_path):
    def shell(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command.replace("qrun", str(QRUN)) + '; echo "${PIPESTATUS[@]}" >&2'],
            env=qrun.env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    many_jobs(tmp_path / "free.yaml", 2)
    many_jobs(tmp_path / "held.yaml", 2, occupied)
    through = shell("qrun submit free.yaml -q --mode batch | qrun wait - | qrun results - --format json")
    assert len(json.loads(through.stdout)["pubs"]) == 2
    assert through.stderr.splitlines()[-1] == "0 0 0"
    late = shell(
        "qrun submit held.yaml -q --mode batch | qrun wait - --timeout 0.5 | qrun results - --format json"
    )
    assert late.stdout == ""
    assert late.stderr.splitlines()[-1].split()[:2] == ["0", "124"]
    run_id = qrun.json("list", "--json", "-n", "1")[0]["run"]
    qrun("cancel", run_id)
    assert shell(f"qrun wait {run_id} -q").stderr.splitlines()[-1] == "1"

"""``usage``, ``timeline`` and ``report`` at the command line, on the real service."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.command import Qrun, many_jobs
from tests.service.plain_client import client_of_home, sampler_job, wait


@pytest.fixture(scope="module")
def runs(service_env, tmp_path_factory) -> dict[str, str]:
    """A run of each mode."""
    folder = tmp_path_factory.mktemp("usage")
    qrun = Qrun(service_env, folder)
    path = many_jobs(folder / "w.yaml", 3, "ideal")
    found = {}
    for mode in ("job", "batch", "session"):
        words = ("submit", str(path), "--mode", mode, "--tag", f"of-{mode}", "-q")
        found[mode] = qrun(*words).stdout.strip()
    qrun("wait", *found.values())
    return found


def test_an_account_says_its_rule_and_its_parts(qrun, runs):
    rules = {"job": "QPU time that the jobs used", "batch": "sum of the time", "session": "first job until"}
    for mode, rule in rules.items():
        text = qrun("usage", runs[mode]).stdout
        assert rule in text
        assert "overhead" in text
        assert "$1.60 a second" in text
        assert ("idle" in text) == (mode == "session")
    document = qrun.json("usage", runs["session"], "--json", "--price", "2")
    assert document["price"]["amount"] == pytest.approx(2 * document["usage_seconds"], abs=0.01)
    assert document["breakdown"]["idle_seconds"] == pytest.approx(
        document["usage_seconds"] - document["qpu_seconds"], abs=0.002
    )
    for job in document["jobs"]:
        assert job["overhead_seconds"] == pytest.approx(2, abs=0.01)
        assert job["running_seconds"] == pytest.approx(
            job["classical_seconds"] + job["qpu_seconds"], abs=0.002
        )
        assert job["estimated_seconds"] == pytest.approx(job["qpu_seconds"], abs=0.01)


def test_what_qrun_did_not_submit(qrun, service_env):
    with client_of_home(Path(service_env["QRUN_HOME"])) as api:
        session = api.post("/sessions", json={"mode": "dedicated", "backend": "ideal"}).json()["id"]
        job = api.post("/jobs", json=sampler_job(session_id=session)).json()["id"]
        wait(api, job)
        usage = qrun.json("usage", session, "--json")
        assert (usage["usage_seconds"], usage["usage_status"], usage["state"]) == (None, "pending", "active")
        assert usage["usage_seconds_so_far"] >= usage["qpu_seconds"] > 2
        assert 0 < usage["interactive_ttl_left_seconds"] <= 60
        assert 28_000 < usage["max_ttl_left_seconds"] <= 28_800
        done = qrun("usage", session)
        assert "so far" in done.stdout
        assert "remain" in done.stdout
        assert f"qrun close {session}" in done.stderr
        assert "so far" in qrun("timeline", session).stdout
        qrun("close", session)
    assert qrun.json("usage", session, "--json")["usage_status"] == "complete"


def test_failed_and_cancelled_jobs_are_told_with_their_rule(qrun, service_env):
    with client_of_home(Path(service_env["QRUN_HOME"])) as api:
        batch = api.post("/sessions", json={"mode": "batch", "backend": "ideal"}).json()["id"]
        broken = sampler_job(session_id=batch)
        broken["params"]["pubs"] = [["OPENQASM 3.0; nonsense $0;", [], 10]]
        jobs = [api.post("/jobs", json=body).json()["id"] for body in (broken, sampler_job(session_id=batch))]
        for job in jobs:
            wait(api, job)
        api.patch(f"/sessions/{batch}", json={"accepting_jobs": False})
    text = qrun("usage", batch).stdout
    assert "failed" in text
    assert "1 before the lock" in text
    usage = qrun.json("usage", batch, "--json")
    assert usage["breakdown"]["failed"] == {"number": 1, "seconds": 0, "pending": 0, "unlocked": 1}
    assert usage["usage_seconds"] == usage["qpu_seconds"] > 2


def test_totals_are_the_sum_of_the_runs(qrun, runs):
    by_run = {
        row["run"].split()[-1]: row
        for row in qrun.json("usage", "--since", "1d", "--by", "run", "--json")["groups"]
    }
    for run_id in runs.values():
        assert by_run[run_id]["usage_seconds"] == pytest.approx(
            qrun.json("usage", run_id, "--json")["usage_seconds"], abs=0.01
        )
    document = qrun.json("usage", "--since", "1d", "--json")
    assert sum(group["usage_seconds"] for group in document["groups"]) == pytest.approx(
        document["total"]["usage_seconds"]
    )
    wide = qrun.json("usage", "--since", "1d", "--service-wide", "--json")
    assert wide["total"]["usage_seconds"] >= document["total"]["usage_seconds"]
    assert wide["instances"]["local"]["consumed_seconds"] > 0
    tags = {row["tag"]: row for row in qrun.json("usage", "--since", "1d", "--by", "tag", "--json")["groups"]}
    assert {"of-job", "of-batch", "of-session"} <= set(tags)
    assert tags["of-job"]["workloads"] == 3
    rows = list(csv.DictReader(io.StringIO(qrun("usage", "--since", "1d", "--by", "mode", "--csv").stdout)))
    assert {row["mode"] for row in rows} >= {"job", "batch", "session"}
    assert "total" in qrun("usage", "--since", "1d", "--by", "backend").stdout


def test_a_service_whose_account_is_gone_is_left_out_and_told(qrun, runs, service_env):
    with closing(sqlite3.connect(Path(service_env["QRUN_HOME"]) / "ledger.sqlite")) as db, db:
        db.execute("UPDATE runs SET service = 'gone' WHERE id = ?", (runs["job"],))
    try:
        done = qrun("usage", "--since", "1d", "--by", "run")
        assert "1 run of service 'gone' left out" in done.stderr
        assert runs["batch"] in done.stdout
        assert "gone" in qrun("usage", "--since", "1d", "--service", "gone", code=3).stderr
    finally:
        with closing(sqlite3.connect(Path(service_env["QRUN_HOME"]) / "ledger.sqlite")) as db, db:
            db.execute("UPDATE runs SET service = 'local' WHERE id = ?", (runs["job"],))


def test_jobs_as_csv(qrun, runs):
    rows = list(csv.DictReader(io.StringIO(qrun("usage", runs["batch"], "--csv").stdout)))
    assert len(rows) == 3
    assert all(float(row["qpu_seconds"]) > 2 and row["of"] == runs["batch"] for row in rows)


def test_a_timeline(qrun, runs):
    text = qrun("timeline", runs["session"], "--width", "80").stdout
    assert max(map(len, text.splitlines()[1:])) <= 80
    assert "QPU lock" in text
    assert "\x1b" not in text
    assert qrun("timeline", runs["job"], "--rows", "lanes").stdout.count("lane ") >= 1
    assert "jobs or lanes" in qrun("timeline", "last", "--rows", "x", code=2).stderr


def test_reports(qrun, runs, tmp_path):
    page, svg, png = (tmp_path / name for name in ("r.html", "t.svg", "t.png"))
    done = qrun(
        "report", runs["session"], "--html", str(page), "--svg", str(svg), "--png", str(png), "--markdown"
    )
    assert f"`{runs['session']}`" in done.stdout
    text = page.read_text()
    assert runs["session"] in text
    assert "name: many" in text  # the workload file
    assert "qiskit-ibm-runtime" in text
    assert svg.read_text().lstrip().startswith("<?xml")
    assert png.read_bytes().startswith(b"\x89PNG")
    qrun("report", "--since", "1d", "--html", str(page))
    assert "By backend" in page.read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("usage", "There is no ID"),
        ("usage last --since 3d", "don't go together"),
        ("usage --since soon", "not a duration"),
        ("usage --since 3d --by colour", "mode, backend, tag"),
        ("usage last --csv --json", "Choose one"),
        ("usage last --price much", "no price"),
        ("report last", "Say what to write"),
        ("report --html x.html", "Give an ID"),
        ("report last --svg x.pdf", ".svg"),
        ("report --since 1d --png x.png", "one ID"),
    ],
)
def test_wrong_use_is_told(qrun, words, told):
    assert told in qrun(*words.split(), code=2).stderr


def test_a_check_finds_what_differs(fresh):
    """A ledger and a service of their own: first no difference, then one of each kind."""
    from qrun.ledger import Ledger, run_tag

    path = many_jobs(fresh.cwd / "w.yaml", 2, "ideal")
    run_id = fresh("submit", str(path), "--mode", "batch", "-q").stdout.strip()
    fresh("wait", run_id)
    jobs = [job["id"] for job in fresh.json("usage", run_id, "--json")["jobs"]]
    assert fresh.json("usage", "--check", "--json") == []
    home = Path(fresh.env["QRUN_HOME"])
    with client_of_home(home) as api:
        unknown = api.post("/jobs", json=sampler_job(tags=[run_tag(run_id)])).json()["id"]
        wait(api, unknown)
        assert api.delete(f"/jobs/{jobs[1]}").status_code == 204
        session = api.post("/sessions", json={"mode": "dedicated", "backend": "ideal"}).json()["id"]
    import sqlite3

    with sqlite3.connect(home / "cache" / "usage.sqlite") as db:
        db.execute("UPDATE jobs SET qpu_seconds = qpu_seconds - 1 WHERE job = ?", (jobs[0],))
    db.close()
    with Ledger(home / "ledger.sqlite") as ledger:
        ledger.session_opened(run_id, session)
    found = {item["kind"]: item for item in fresh.json("usage", "--check", "--json", code=1)}
    assert set(found) == {"unknown-job", "missing-job", "usage-changed", "open-session"}
    assert found["unknown-job"]["subject"] == unknown
    assert found["missing-job"]["subject"] == jobs[1]
    assert found["usage-changed"]["subject"] == jobs[0]
    assert f"qrun close {session}" in found["open-session"]["do"]
    done = fresh("usage", "--check", code=1)
    assert f"qrun resume {run_id}" in done.stdout
    # What changed is remembered as it is now, and told once.
    assert "was charged" not in done.stdout

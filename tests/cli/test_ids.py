"""What an ID can be, and the commands that take one."""

from __future__ import annotations

import pytest

from tests.command import many_jobs


@pytest.fixture(scope="module")
def run(service_env, tmp_path_factory):
    from tests.command import ROOT, Qrun

    command = Qrun(service_env, ROOT)
    path = many_jobs(tmp_path_factory.mktemp("w") / "many.yaml", 3)
    run_id = command("submit", str(path), "--mode", "batch").stdout.strip()
    command("wait", run_id)
    return command.json("status", run_id, "--json")


def test_a_run_by_its_id_its_beginning_its_session_and_its_job(qrun, run):
    for word in (run["id"], run["id"][:7], run["session"]["id"], run["jobs"][0]["id"]):
        assert qrun.json("results", word, "--format", "json")["run"] == run["id"]


def test_last_is_the_newest(qrun, run):
    newest = qrun.json("list", "--json", "-n", "1")[0]["run"]
    assert qrun.json("status", "last", "--json")["id"] == newest


def test_a_name_that_several_runs_have_is_refused_with_their_ids(qrun, run, tmp_path):
    second = qrun("submit", str(many_jobs(tmp_path / "w.yaml", 1))).stdout.strip()
    done = qrun("status", "many", code=2)
    assert run["id"] in done.stderr
    assert second in done.stderr


def test_several_ids_give_several_documents(qrun, run):
    documents = qrun.json("usage", run["id"], run["session"]["id"], "--json")
    assert [document["kind"] for document in documents] == ["run", "batch"]


def test_status_of_each_kind(qrun, run):
    assert run["state"] == "DONE"
    assert [job["state"] for job in run["jobs"]] == ["DONE"] * 3
    session = qrun.json("status", run["session"]["id"], "--json")
    assert (session["kind"], session["state"]) == ("batch", "closed")
    job = qrun.json("status", run["jobs"][0]["id"], "--json")
    assert (job["kind"], job["mode"], job["state"]) == ("job", "batch", "DONE")
    assert "done" in qrun("status", run["id"]).stdout


def test_list(qrun, run):
    rows = {row["run"]: row for row in qrun.json("list", "--json", "-n", "1000")}
    assert rows[run["id"]]["state"] == "DONE"
    assert rows[run["id"]]["jobs_done"] == 3
    assert run["id"] in qrun("list", "-n", "1000").stdout


def test_cancelling_what_has_ended_says_so(qrun, run):
    assert "0 cancelled, 3 had ended" in qrun("cancel", run["id"]).stderr
    assert "had ended" in qrun("cancel", run["jobs"][0]["id"]).stderr


def test_closing_a_run_in_job_mode_is_refused(qrun, tmp_path):
    run_id = qrun("submit", str(many_jobs(tmp_path / "w.yaml", 1)), "--mode", "job").stdout.strip()
    assert "job mode" in qrun("close", run_id, code=2).stderr


def test_closing_twice_is_no_mistake(qrun, run):
    assert "closed" in qrun("close", run["id"]).stderr
    assert "closed" in qrun("close", run["session"]["id"]).stderr


def test_wait_runs_out_of_time(qrun, occupied, tmp_path):
    path = many_jobs(tmp_path / "w.yaml", 2, backend=occupied)
    run_id = qrun("submit", str(path), "--mode", "batch").stdout.strip()
    done = qrun("wait", run_id, "--timeout", "0.5", code=124)
    assert done.stdout == ""
    assert f"qrun wait {run_id}" in done.stderr
    qrun("cancel", run_id)
    qrun("wait", run_id, code=1)
    states = {job["state"] for job in qrun.json("status", run_id, "--json")["jobs"]}
    assert states == {"CANCELLED"}
    # M11: cancelled before the QPU was locked, so there is no usage; and it is not pending, but zero.
    usage = qrun.json("usage", run_id, "--json")
    assert (usage["usage_seconds"], usage["usage_status"]) == (0, "complete")


@pytest.mark.parametrize("columns", ["40", "60", "200"])
def test_narrow_terminals_keep_ids_and_states_whole(qrun, run, columns):
    shown = qrun("usage", run["id"], env={"COLUMNS": columns})
    for job in run["jobs"]:
        assert job["id"] in shown.stdout
    assert "done" in shown.stdout
    assert ("created" in shown.stdout) == (columns == "200")
    assert ("not shown" in shown.stderr) == (columns != "200")
    assert run["id"] in qrun("list", "-n", "1000", env={"COLUMNS": columns}).stdout

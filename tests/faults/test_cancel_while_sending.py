"""A run that is cancelled while another process sends its jobs."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from tests.command import many_jobs
from tests.faults.faulty_proxy import faulty_proxy

JOBS = 60


def test_cancelling_stops_who_sends_and_closes_what_is_open(qrun, service_env, occupied, tmp_path):
    with faulty_proxy(Path(service_env["QRUN_HOME"])) as proxy:
        proxy.latency = 0.7
        command = replace(qrun, env={**qrun.env, **proxy.env})
        process = command.start(
            "submit", str(many_jobs(tmp_path / "w.yaml", JOBS, occupied)), "--mode", "batch"
        )
        while process.poll() is None and proxy.count("POST", r"/jobs$") < 8:
            time.sleep(0.01)
        run_id = command.json("list", "--json", "--offline", "-n", "1")[0]["run"]
        told = command("cancel", run_id).stderr
        _, err = process.communicate(timeout=60)
        proxy.latency = 0
        sent = proxy.count("POST", r"/jobs$")
        assert process.returncode == 130, err
        assert sent < JOBS
        status = command.json("status", run_id, "--json")
        accepted = [job for job in status["jobs"] if job["id"]]
        assert len(accepted) == sent
        assert {job["state"] for job in accepted} == {"CANCELLED"}
        assert f"{sent} cancelled" in told
        assert not status["session"]["accepting_jobs"]
        # A cancellation of before does not keep what was not sent from being sent.
        assert f"{JOBS - sent} sent" in command("resume", run_id).stderr
        command("cancel", run_id)

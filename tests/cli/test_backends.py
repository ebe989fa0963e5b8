"""``qrun backends``, and a device of the user's own calibration."""

from __future__ import annotations

import json

import pytest


def test_devices_with_their_errors_queues_and_times_to_live(qrun):
    fez, manila = qrun.json("backends", "fake_fez", "fake_manila", "--json")
    assert (fez["qubits"], fez["queue"], fez["status"]) == (156, 0, "online")
    assert fez["basis"] == ["cz", "id", "rz", "sx", "x"]
    assert (fez["session_interactive_ttl"], fez["batch_interactive_ttl"], fez["max_ttl"]) == (60, 1, 28800)
    # By hand from the snapshot's own numbers: the median of 176 values, of which one gate is out of order.
    assert fez["median_error_2q"] == pytest.approx(3.77e-3, rel=0.01)
    assert manila["median_error_readout"] == pytest.approx(2.2e-2, rel=0.1)
    done = qrun("backends", "fake_manila")
    assert "fake_manila" in done.stdout
    assert "session 60 s, batch 1 s;" in done.stderr


def test_m16_the_time_to_live_of_batches_is_the_plans_own(fresh, tmp_path):
    (tmp_path / "plan.toml").write_text("batch_interactive_ttl = 7\n")
    fresh("local", "stop")
    fresh("local", "start", "--plan", "plan.toml")
    (row,) = fresh.json("backends", "ideal", "--json")
    assert (row["batch_interactive_ttl"], row["batch_interactive_ttl_told"]) == (7, True)
    assert "batch 7 s;" in fresh("backends", "ideal").stderr


def test_m16_where_the_service_does_not_tell_it_is_labelled_as_documented(capsys):
    from qrun.cli.backends import _say_times_to_live
    from qrun.run.backends import _times_to_live

    class Silent:
        def plan(self):
            return None

    _say_times_to_live([_times_to_live(Silent(), None)])
    assert "batch 1 s (as documented);" in capsys.readouterr().err


def test_an_unknown_device_and_two_to_save(qrun):
    assert "nothere" in qrun("backends", "nothere", code=2).stderr
    assert "--save" in qrun("backends", "--save", "x.json", code=2).stderr


def test_a_calibration_that_can_not_be_written(qrun, tmp_path):
    said = qrun("backends", "ideal", "--save", str(tmp_path / "nowhere" / "x.json"), code=2).stderr
    assert "can't be written: No such file" in said


def test_a_saved_calibration_becomes_a_device(fresh, tmp_path):
    fresh("backends", "fake_manila", "--save", "mine.json")
    saved = json.loads((tmp_path / "mine.json").read_text())
    saved["configuration"]["backend_name"] = "my_device"
    (tmp_path / "mine.json").write_text(json.dumps(saved))
    properties = {**saved["properties"], "backend_name": "my_properties"}
    (tmp_path / "properties.json").write_text(json.dumps(properties))
    assert "running" in fresh("local", "start", "--calibration", "mine.json", code=2).stderr
    fresh("local", "stop")
    done = fresh("local", "start", "--calibration", "mine.json", "--calibration", "properties.json")
    assert "my_device" in done.stderr
    found = fresh.json("backends", "my_device", "my_properties", "fake_manila", "--json")
    assert len({row["median_error_2q"] for row in found}) == 1
    for name in ("my_device", "my_properties"):
        (tmp_path / "w.yaml").write_text(
            'name: w\ncircuits:\n  c: {qasm: \'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; '
            "h q[0]; cx q[0], q[1]; c = measure q;'}\npubs: [{circuit: c, shots: 500}]\n"
        )
        fresh("submit", "w.yaml", "--backend", name, "--watch", "--quiet")
        counts = fresh.json("results", "last", "--format", "json")["pubs"][0]["data"]["c"]["counts"]
        assert counts["00"] + counts["11"] > 400


def test_what_the_client_could_not_use_is_refused(tmp_path, monkeypatch):
    from qrun.errors import UsageError
    from qrun.local import devices
    from qrun.local.calibration import install

    monkeypatch.setenv("QRUN_HOME", str(tmp_path / "home"))
    source = devices.device("fake_manila")
    path = tmp_path / "c.json"

    def write(**changes):
        properties = {**source.properties, "backend_name": "mine", **changes}
        path.write_text(json.dumps({"properties": properties}))

    write()
    assert install(path) == "mine"
    saved = devices.calibrations_folder() / "mine.json"
    saved.unlink()
    for changes in (
        {"last_update_date": "yesterday"},
        {"qubits": [[{"name": "T1"}]] * source.num_qubits},
        {"gates": [{**gate, "parameters": [{"value": 1}]} for gate in source.properties["gates"]]},
    ):
        write(**changes)
        with pytest.raises(UsageError, match="can't build a backend"):
            install(path)
        assert not saved.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not a backend's calibration"),
        ('{"backend_name": "x"}', "not a backend's calibration"),
        ('{"backend_name": "fake_fez", "qubits": [[]], "gates": [{"gate": "x", "qubits": [0]}], '
         '"last_update_date": "2026-01-01T00:00:00Z"}', "can't be called"),
        ('{"backend_name": "a/b", "qubits": [[]], "gates": [{"gate": "x", "qubits": [0]}], '
         '"last_update_date": "2026-01-01T00:00:00Z"}', "can't be called"),
        ('{"backend_name": "x", "qubits": [[]], "gates": [{"gate": "x", "qubits": [7]}], '
         '"last_update_date": "2026-01-01T00:00:00Z"}', "is on qubits"),
    ],
)  # fmt: skip
def test_what_is_no_calibration_is_refused(tmp_path, monkeypatch, text, said):
    from qrun.errors import UsageError
    from qrun.local.calibration import install

    monkeypatch.setenv("QRUN_HOME", str(tmp_path / "home"))
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        install(path)
    with pytest.raises(UsageError, match="can't be read"):
        install(tmp_path / "nothing.json")

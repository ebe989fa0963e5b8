"""``qrun init``: a starter file that runs."""

from __future__ import annotations


def test_the_starter_file_runs_and_shows_what_it_says(qrun, tmp_path):
    path = tmp_path / "starter.yaml"
    assert qrun("init", str(path)).stdout.strip() == str(path)
    run_id = qrun("submit", str(path), "--quiet", "--set", "backend=ideal").stdout.strip()
    qrun("wait", run_id)
    counts, correlations, sweep = qrun.json("results", run_id, "--format", "json")["pubs"]
    assert set(counts["data"]["c"]["counts"]) == {"00", "11"}
    assert min(correlations["data"]["evs"]) > 0.8
    assert len(sweep["data"]["evs"]) == 5


def test_nothing_is_overwritten_unless_asked(qrun, tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text("mine")
    done = qrun("init", str(path), code=2)
    assert "--force" in done.stderr
    assert path.read_text() == "mine"
    qrun("init", str(path), "--force")
    assert path.read_text() != "mine"


def test_in_a_pipe(qrun):
    text = qrun("init", "-").stdout
    assert "nothing wrong" in qrun("validate", "--no-compile", "-", stdin=text).stderr


def test_where_nothing_can_be_written(qrun, tmp_path):
    assert "no folder" in qrun("init", str(tmp_path / "none" / "w.yaml"), code=2).stderr
    assert "already" in qrun("init", str(tmp_path), code=2).stderr
    assert "folder" in qrun("init", str(tmp_path), "--force", code=2).stderr
    for place in ("/proc/w.yaml", str(tmp_path / ("x" * 300))):
        assert "can't be written: " in qrun("init", place, code=2).stderr

"""What is drawn of loops while they run."""

from __future__ import annotations

import io

from rich.console import Console

from qrun.cli.loop_drawing import loops_panel, plot
from qrun.cli.loop_view import LoopProgress, line_of, told


def evaluated(number: int, value: float, point: list[float], event: str = "evaluated"):
    return {
        "event": event,
        "loop": "a",
        "number": number,
        "iteration": number,
        "points": [point],
        "values": [value],
        "stds": [0.01],
        "qpu": 2.0,
    }


def test_a_plot_falls_from_the_upper_left_to_the_lower_right():
    assert plot([4.0, 3.0, 2.0, 1.0], width=2, height=1) == ["⠑⢄"]
    [top, bottom] = plot([8, 7, 6, 5, 4, 3, 2, 1], width=4, height=2)
    assert top[0] != "⠀"
    assert top[-1] == "⠀"
    assert bottom[0] == "⠀"
    assert bottom[-1] != "⠀"


def test_a_plot_is_as_wide_as_asked_however_much_there_is():
    for count in (0, 1, 5, 10_000):
        rows = plot([float(x % 7) for x in range(count)], width=12)
        assert {len(row) for row in rows} == {12}


def test_progress_counts_what_it_is_told():
    progress = LoopProgress("a", "COBYLA")
    progress.note(evaluated(0, -1.0, [0.0, 0.0], "replayed"))
    progress.note(evaluated(1, -1.5, [0.3, 0.4]))
    assert (progress.best, progress.evaluations, progress.replayed) == (-1.5, 2, 1)
    assert progress.step == 0.5
    assert "best -1.5" in line_of(progress)
    progress.note({"event": "stopped", "loop": "a", "reason": "8 evaluations"})
    assert progress.state == "stopped"


def test_the_picture_fits_the_terminal_and_says_all():
    progress = LoopProgress("simplex", "COBYLA")
    for number in range(9):
        progress.note(evaluated(number, -float(number), [0.1 * number]))
    for width in (60, 80, 200):
        console = Console(file=io.StringIO(), width=width)
        console.print(loops_panel([progress, progress], 75.0, "inactive in 60 s without a job", width))
        drawn = console.file.getvalue()
        assert max(map(len, drawn.splitlines())) <= width
        for word in (
            "simplex",
            "COBYLA",
            "best -8",
            "± 0.01",
            "iteration 8",
            "step 0.1",
            "QPU 2 s each",
            "inactive in",
        ):
            assert word in " ".join(drawn.split()), (width, word)


def test_a_classical_step_beyond_the_ittl_is_told_with_what_it_costs():
    message = told({"event": "idle", "seconds": 61.0, "ittl": 60.0})
    assert message is not None
    assert "60 s" in message
    assert "count as usage" in message

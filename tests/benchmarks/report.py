"""What a report of many jobs takes: to reckon, to write, and to open and scroll in Chromium.

    python -m tests.benchmarks.report [JOBS]

Times are told as multiples of a reference measured in the same run: writing the same jobs as JSON. Where a
Chromium is installed (apt-get install chromium) the page is opened too.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from qrun.cli.timeline_drawing import timeline_lines
from qrun.plan.price import Price
from qrun.usage.advice import advise
from qrun.usage.breakdown import breakdown
from qrun.usage.report import Report, Subject, html
from qrun.usage.timeline import timeline_of
from tests.usage.accounts import many_jobs

_Made = TypeVar("_Made")


def timed(what: str, make: Callable[[], _Made], reference: float | None = None) -> tuple[_Made, float]:
    """Call ``make`` and print how long it took."""
    start = time.perf_counter()
    made = make()
    seconds = time.perf_counter() - start
    ratio = "reference" if reference is None else f"{seconds / reference:8.1f} times"
    print(f"{what:<28} {seconds:8.2f} s  {ratio}")
    return made, seconds


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    account = many_jobs(number)
    _, reference = timed(f"JSON of {number} jobs", lambda: json.dumps(account.as_dict()))
    timed("breakdown", lambda: breakdown(account), reference)
    advice, _ = timed("advice, with its what-ifs", lambda: advise(account), reference)
    timed("timeline in the terminal", lambda: timeline_lines(timeline_of(account), 80), reference)
    report = Report((Subject(account, advice=advice),), Price())
    page, _ = timed("page", lambda: html(report), reference)
    print(f"{'size of the page':<28} {len(page) / 1e6:8.2f} MB")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("no Chromium here: the page was not opened")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(page, encoding="utf-8")
        browse(chromium, path, reference)


def browse(chromium: str, path: Path, reference: float) -> None:
    """Open the page, scroll, sort and filter it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()

        def opened() -> None:
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-drawn=yes]")

        timed("open and draw", opened, reference)
        frames = """async () => {
          const table = document.querySelector('.tall'); let worst = 0, last = performance.now();
          for (let i = 0; i < 60; i++) {
            table.scrollTop = i * table.scrollHeight / 60;
            await new Promise(requestAnimationFrame);
            worst = Math.max(worst, performance.now() - last); last = performance.now();
          }
          return worst;
        }"""
        worst, _ = timed("scroll in 60 steps", lambda: page.evaluate(frames), reference)
        print(f"{'  longest frame':<28} {worst / 1000:8.2f} s")
        timed("sort", lambda: page.get_by_role("button", name="queue s").click(), reference)
        timed("filter", lambda: page.get_by_label("State").select_option("error"), reference)
        browser.close()


if __name__ == "__main__":
    main()

"""The page of ``qrun report`` in a real browser: nothing loaded, no errors, and what is drawn is what was used."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import datetime, timezone
from itertools import pairwise

import pytest

from qrun.ledger import Run
from qrun.plan.price import Price
from qrun.usage.advice import advise
from qrun.usage.breakdown import breakdown
from qrun.usage.report import Report, Subject, Table, exact, html
from tests.usage.accounts import many_jobs, paused_session

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium is installed here (apt-get install chromium); the page is not looked at",
)
HOSTILE = "</script><script>window.stolen=1</script><img src=x onerror=window.stolen=1>{{7*7}}"


def hostile_subject() -> Subject:
    """Everything that a user, or a service, may write is an attempt to take over the page."""
    account = paused_session()
    jobs = tuple(replace(job, reason=HOSTILE, tags=(HOSTILE,), program=HOSTILE) for job in account.jobs)
    jobs = (replace(jobs[0], id=HOSTILE), *jobs[1:])
    run = Run(
        id="r1", name=HOSTILE, created=datetime.now(timezone.utc), service=HOSTILE, instance=None,
        backend=HOSTILE, mode="session", state="submitted", session_id="s1", session_closed=True, jobs=(),
        pubs=(), submitting=False, workload_path=HOSTILE, workload_text=HOSTILE, versions={HOSTILE: HOSTILE},
    )  # fmt: skip
    account = replace(account, kind="run", id=HOSTILE, backend=HOSTILE, jobs=jobs)
    return Subject(account, run, HOSTILE, advise(account))


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a report; fails on any error in its console and on any request."""
    contexts, troubles = [], []

    def open_page(report: Report, **context):
        path = tmp_path / "report.html"
        path.write_text(html(report), encoding="utf-8")
        contexts.append(browser.new_context(offline=True, **context))
        page = contexts[-1].new_page()
        page.on("console", lambda m: troubles.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request",
            lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else troubles.append(r.url),
        )
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-drawn=yes]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


DRAWN = """() => {
  const found = {};
  for (const renderer of Object.values(qrunCharts)[0].view.model.renderers) {
    const data = renderer.data_source.data;
    const left = Array.from(data.left), right = Array.from(data.right);
    found[renderer.name] = left.map((from, i) => [from, right[i]]);
  }
  return found;
}"""
INK = """(name) => {
  const views = Object.values(qrunCharts)[0].view, layer = views.export("png", false).canvas;
  const pixels = layer.getContext("2d").getImageData(0, 0, layer.width, layer.height).data;
  const probe = document.createElement("i"); probe.className = name; document.body.append(probe);
  const [r, g, b] = getComputedStyle(probe).backgroundColor.match(/\\d+/g).map(Number);
  let found = 0;
  for (let i = 0; i < pixels.length; i += 4)
    found += Math.abs(pixels[i] - r) + Math.abs(pixels[i + 1] - g) + Math.abs(pixels[i + 2] - b) < 12;
  return found / (pixels.length / 4);
}"""


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_drawn_is_what_was_used(opened, scheme):
    account = paused_session()
    parts = breakdown(account)
    page = opened(Report((Subject(account, advice=advise(account)),), Price()), color_scheme=scheme)
    drawn = page.evaluate(DRAWN)

    def seconds(name):
        return sum(right - left for left, right in drawn[name])

    assert seconds("lock") == seconds("qpu") == pytest.approx(account.qpu_seconds)
    assert seconds("active") == pytest.approx(account.usage_seconds)
    assert seconds("idle") == pytest.approx(parts.waiting_seconds)
    assert len(drawn["active"]) == 2
    assert seconds("classical") == pytest.approx(sum(job.classical_seconds or 0 for job in account.jobs))
    for name in ("qpu", "active", "classical", "idle"):
        assert page.evaluate(INK, name) > 0.001, f"nothing of the colour of {name} is on the canvas"
    # The parts of the bar add up to the usage, and the table to the QPU time.
    told = page.eval_on_selector_all("[data-seconds]", "all => all.map(e => Number(e.dataset.seconds))")
    assert sum(told) == pytest.approx(account.usage_seconds)
    cells = page.eval_on_selector_all(
        "table.jobs tbody tr td:nth-child(4)", "all => all.map(e => e.textContent)"
    )
    assert cells == [exact(job.qpu_seconds) for job in account.jobs]
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


@needs_browser
def test_the_table_sorts_and_filters_by_keyboard(opened):
    account = many_jobs(300)
    page = opened(Report((Subject(account),), Price()))
    page.get_by_role("button", name="queue s").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.get_attribute("th[aria-sort]", "aria-sort") == "descending"
    shown = [
        float(t)
        for t in page.eval_on_selector_all("tbody td:nth-child(5)", "all => all.map(e => e.textContent)")
    ]
    assert shown == sorted((job.queue_seconds for job in account.jobs), reverse=True)
    page.get_by_label("State").select_option("error")
    assert page.locator("output").text_content() == f"{len(account.ended_badly('ERROR'))} of 300 jobs"
    page.get_by_label("State").select_option("")
    page.get_by_label("Filter").fill("tag3 done")
    wanted = sum(job.tags == ("tag3",) and job.state == "DONE" for job in account.jobs)
    assert page.locator("tbody tr:visible").count() == wanted


@needs_browser
def test_the_chart_moves_by_buttons(opened):
    page = opened(Report((Subject(many_jobs(120)),), Price()))
    view = "(() => { const r = Object.values(qrunCharts)[0].range; return [r.start, r.end]; })()"
    start, end = page.evaluate(view)
    page.get_by_role("button", name="Zoom in").press("Enter")
    nearer = page.evaluate(view)
    assert nearer[1] - nearer[0] == pytest.approx((end - start) / 2)
    page.get_by_role("button", name="Later").click()
    assert page.evaluate(view)[0] > nearer[0]
    page.get_by_role("button", name="Everything").click()
    assert page.evaluate(view)[0] <= 0


@needs_browser
def test_nothing_that_others_wrote_becomes_part_of_the_page(opened):
    table = Table(HOSTILE, [HOSTILE, "x"], [[HOSTILE, "1"]], HOSTILE)
    page = opened(Report((hostile_subject(),), Price(), tables=(table,)))
    assert page.evaluate("window.stolen") is None
    assert page.locator("img:not(.paper)").count() == 0
    assert page.locator("script").count() == 3
    assert HOSTILE in (page.locator("tbody").nth(1).text_content() or "")
    assert "49" not in page.title()


@needs_browser
def test_it_fits_a_phone_and_paper(opened):
    page = opened(Report((Subject(many_jobs(80)),), Price()), viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.emulate_media(media="print")
    assert page.locator(".paper").is_visible()
    assert not page.locator(".chart").is_visible()
    assert page.evaluate("document.querySelector('.paper').naturalWidth") > 1000
    assert not page.locator("button:visible", has_text="Zoom in").count()


@needs_browser
def test_headings_labels_and_contrast(opened):
    page = opened(Report((Subject(paused_session()),), Price()))
    levels = page.eval_on_selector_all("h1,h2,h3,h4", "all => all.map(e => Number(e.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    nameless = "all => all.filter(e => !e.textContent.trim() && !e.labels?.length && !e.ariaLabel).length"
    assert page.eval_on_selector_all("button,input,select", nameless) == 0
    assert page.locator("html[lang=en]").count() == 1
    assert "active 2 times" in (page.get_attribute(".chart", "aria-label") or "")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name in ("--ink", "--quiet"):
            for paper in ("--paper", "--panel"):
                assert _contrast(page, name, paper) >= 4.5, (scheme, name, paper)


def _contrast(page, ink: str, paper: str) -> float:
    """Of two colours of the page, by WCAG 2."""

    def luminance(name: str) -> float:
        text = page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('{name}')").strip(
            "# "
        )
        text = "".join(c * 2 for c in text) if len(text) == 3 else text
        parts = [int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_a_page_is_complete_without_a_browser():
    text = html(Report((hostile_subject(),), Price()))
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"#]+)', markup))
    assert text.count(HOSTILE) == 0
    assert "&lt;/script&gt;" in text

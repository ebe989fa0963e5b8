"""``qrun report``: usage as a page, a picture or Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrun.cli import options
from qrun.cli.usage import PriceOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.usage.report import Subject

_File = Path | None


def report(
    ids: options.Ids,
    html: Annotated[
        _File, typer.Option("--html", help="Write one self-contained page.", show_default=False)
    ] = None,
    svg: Annotated[
        _File, typer.Option("--svg", help="Write the timeline of one ID as SVG.", show_default=False)
    ] = None,
    png: Annotated[
        _File, typer.Option("--png", help="Write the timeline of one ID as PNG.", show_default=False)
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a comment on a pull request.")
    ] = False,
    price: PriceOption = None,
    service: options.Service = None,
) -> None:
    """Report the usage of runs, sessions, batches or jobs as a page, a picture or Markdown."""
    from qrun.cli.console import say
    from qrun.errors import UsageError
    from qrun.usage.price import price_of

    if not (html or svg or png or markdown):
        raise UsageError("Say what to write.", "--html FILE, --svg FILE, --png FILE or --markdown")
    rate = price_of(price)
    subjects = read_subjects(ids, service)
    if (svg or png) and len(subjects) != 1:
        raise UsageError(f"A picture is of one ID, not of {len(subjects)}.", "Give --svg and --png one ID.")
    from qrun.usage.report import Report

    made = Report(tuple(subjects), rate)
    if html:
        from qrun.usage.report import html as page

        html.write_text(page(made), encoding="utf-8")
        say(f"written: {html}")
    for path in (svg, png):
        if path:
            _save_picture(subjects[0], path, ".svg" if path is svg else ".png")
            say(f"written: {path}")
    if markdown:
        from qrun.cli.console import print_line
        from qrun.usage.markdown import markdown as text

        print_line(text(made).rstrip("\n"))


def _save_picture(subject: Subject, path: Path, ending: str) -> None:
    from qrun.errors import UsageError
    from qrun.usage.picture import picture
    from qrun.usage.timeline import timeline_of

    if path.suffix.lower() != ending:
        raise UsageError(f"{path} does not end with {ending}.", f"Call it {path.with_suffix(ending)}.")
    path.write_bytes(picture(timeline_of(subject.account), ending[1:]))


def read_subjects(ids: Sequence[str], service: str | None) -> list[Subject]:
    """What the IDs of a command line mean, with their accounts and what the ledger knows of them."""
    from qrun.cli.targets import find_targets
    from qrun.cli.usage import read_account
    from qrun.ledger import Ledger
    from qrun.runtime.control import ControlChannel
    from qrun.usage.advice import advise
    from qrun.usage.report import Subject

    subjects = []
    with Ledger() as ledger:
        for target in find_targets(ids, ledger, service):
            with ControlChannel(target.account()) as channel:
                account = read_account(channel, target)
            subjects.append(Subject(account, target.run, target.service, advise(account)))
    return subjects

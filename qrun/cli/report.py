"""``qrun report``: usage as a page, a picture or Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrun.cli import options
from qrun.cli.usage import MaybeIds, PriceOption, ServiceWide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrun.plan.price import Price
    from qrun.usage.report import Report, Subject

_File = Path | None


def report(
    ids: MaybeIds = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="Instead of IDs: all that was run in the last 30d, …", show_default=False
        ),
    ] = None,
    service_wide: ServiceWide = False,
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
    from qrun.errors import UsageError
    from qrun.plan.price import price_of

    if not (html or svg or png or markdown):
        raise UsageError("Say what to write.", "--html FILE, --svg FILE, --png FILE or --markdown")
    if bool(ids) == (since is not None):
        raise UsageError("A report is of IDs or of a time.", "Give an ID, 'last', or --since 30d.")
    rate = price_of(price)
    if since is not None:
        if svg or png:
            raise UsageError("A picture is of one ID.", "With --since there are --html and --markdown.")
        from qrun.cli.spending import report_since

        made = report_since(since, rate, service_wide=service_wide, service=service)
    else:
        made = _of_ids(ids or [], rate, service, [path for path in (svg, png) if path])
    if html:
        from qrun.usage.report import html as page

        _write(html, page(made).encode())
    if markdown:
        from qrun.cli.console import print_line
        from qrun.usage.markdown import markdown as text

        print_line(text(made).rstrip("\n"))


def _of_ids(ids: Sequence[str], rate: Price, service: str | None, pictures: Sequence[Path]) -> Report:
    from qrun.errors import UsageError
    from qrun.usage.report import Report

    for path in pictures:
        if path.suffix.lower() not in (".svg", ".png"):
            raise UsageError(f"{path} ends with neither .svg nor .png.", "Call the picture so.")
    subjects = read_subjects(ids, service)
    if pictures and len(subjects) != 1:
        raise UsageError(f"A picture is of one ID, not of {len(subjects)}.", "Give --svg and --png one ID.")
    for path in pictures:
        from qrun.usage.picture import picture
        from qrun.usage.timeline import timeline_of

        _write(path, picture(timeline_of(subjects[0].account), path.suffix.lower()[1:]))
    return Report(tuple(subjects), rate)


def _write(path: Path, content: bytes) -> None:
    from qrun.cli.console import say

    path.write_bytes(content)
    say(f"written: {path}")


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

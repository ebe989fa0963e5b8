"""Files that a workload names: below its folder, of bounded size, read once they are known to be both."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from qrun.workload.document import Document, Location
from qrun.workload.words import did_you_mean

MOST_SUGGESTED = 200
"""Files of a folder that are looked at for a name like the one that isn't there."""


def path_inside(name: str, document: Document, location: Location) -> Path:
    """A file that the workload names, by its real path.

    Args:
        name: The path as it is written; relative to the file that it is written in.
        document: The workload.
        location: Where the name stands.

    Raises:
        WorkloadError: There is no such file, or it is outside the workload's folder, be it by a link.
    """
    path = resolve_inside(name, document, location)
    if not path.is_file():
        raise document.error(location, f"There is no file {name}.", _similar(path, name))
    return path


def resolve_inside(name: str, document: Document, location: Location) -> Path:
    """A real path below the workload's folder, whether or not there is something at it.

    Raises:
        WorkloadError: It is outside, or no path at all.
    """
    folder = document.folder_at(location)
    try:
        path = (folder / name).resolve()
        outside = not path.is_relative_to(folder)
        _ = path.is_file()
    except (OSError, ValueError, RuntimeError):
        raise document.error(location, f"{name!r} is not a path.", "Name a file.") from None
    if outside:
        raise document.error(
            location, f"{name} is outside the workload's folder.", "Keep files beside or below the workload."
        )
    return path


def read_inside(name: str, most_bytes: int, document: Document, location: Location) -> bytes:
    """The bytes of a file that the workload names.

    Raises:
        WorkloadError: It can't be read, is outside the folder, or has more than ``most_bytes``.
    """
    path = path_inside(name, document, location)
    check_size(path, name, most_bytes, document, location)
    try:
        with path.open("rb") as file:
            return file.read(most_bytes)
    except OSError as error:
        raise document.error(
            location, f"{name} can't be read: {error.strerror}.", "Check the file."
        ) from None


def check_size(path: Path, name: str, most_bytes: int, document: Document, location: Location) -> None:
    """Refuse a file that is too large before a byte of it is read.

    Raises:
        WorkloadError: It has more than ``most_bytes``, or can't be looked at.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise document.error(
            location, f"{name} can't be read: {error.strerror}.", "Check the file."
        ) from None
    if size > most_bytes:
        raise document.error(
            location, f"{name} has {size:,} bytes; at most {most_bytes:,} are read.", "Split the file."
        )


def _similar(path: Path, name: str) -> str:
    try:
        beside = sorted(
            p.name for p in islice(path.parent.iterdir(), MOST_SUGGESTED) if p.suffix == path.suffix
        )
    except OSError:
        return "Check the path; it starts at the folder of the file that it is written in."
    parent = Path(name).parent
    near = [str(parent / word) for word in beside]
    return did_you_mean(name, near) or "Paths start at the folder of the file that they are written in."

"""Names suggest themselves: the nearest right word to a wrong one, and a location as a user writes it."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence

MOST_SHOWN = 20
"""Names that a hint lists where none is near."""
MOST_COMPARED = 5_000
LONGEST_COMPARED = 200


def did_you_mean(word: object, known: Iterable[str]) -> str | None:
    """``Did you mean 'shots'?``, or what there is to choose from; ``None`` where there is nothing."""
    names = list(known)
    text = str(word)
    if len(text) <= LONGEST_COMPARED:
        close = difflib.get_close_matches(text, names[:MOST_COMPARED], n=1)
        # Names of one or two letters have no near ones by difflib's measure, but capitals are mistaken too.
        close = close or [name for name in names if name.lower() == text.lower()]
        # Qiskit's library calls parameters θ and γ, which a user types as words.
        close = close or [name for name in names if _spelled(name) == text.lower()]
        if close:
            return f"Did you mean {close[0]!r}?"
    shown = ", ".join(names[:MOST_SHOWN]) + (", …" if len(names) > MOST_SHOWN else "")
    return f"Known here: {shown}." if names else None


def _spelled(name: str) -> str:
    """A name with its Greek letters as words: ``θ[0]`` is ``theta[0]``."""
    if name.isascii():
        return name.lower()
    named = ((letter, unicodedata.name(letter, "")) for letter in name)
    return "".join(
        word.rpartition(" LETTER ")[2] if word.startswith("GREEK ") else letter for letter, word in named
    ).lower()


def said(error: Exception) -> str:
    """What an exception of qiskit or a parser says, without the quotes that some put around it."""
    return str(getattr(error, "message", "") or error).strip().strip("'\"")


def dotted(location: Sequence[str | int]) -> str:
    """A location as the user would write it: ``pubs[1].circuit``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")

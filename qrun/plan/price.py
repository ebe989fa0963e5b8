"""What a second costs."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from qrun.errors import UsageError

LIST_PRICE = 1.60
"""US dollars a second of usage on the Pay-As-You-Go plan.

Source: the plans page of IBM Quantum Platform's documentation (docs/ibm-quantum-platform, plans overview),
read in November 2026. Prices of Flex and Premium are not public.
"""
LIST_PRICE_SOURCE = "list price of IBM's Pay-As-You-Go plan, November 2026"

VARIABLE = "QRUN_PRICE"
"""The environment variable that holds another price, in currency units a second."""


@dataclass(frozen=True)
class Price:
    """What a second of usage costs, in US dollars or what the user counts in."""

    per_second: float = LIST_PRICE
    source: str = LIST_PRICE_SOURCE

    def of(self, seconds: float | None) -> float | None:
        """What ``seconds`` cost, to the cent; ``None`` for an unknown time."""
        return None if seconds is None else round(seconds * self.per_second, 2)

    def text(self, seconds: float | None) -> str:
        """``$4.80``; ``–`` for an unknown time."""
        cost = self.of(seconds)
        return "–" if cost is None else f"${cost:,.2f}"

    @property
    def rate(self) -> str:
        """``$1.60 a second (…)``, with where the number comes from."""
        return f"${self.per_second:.2f} a second ({self.source})"


def price_of(asked: str | None = None) -> Price:
    """The price to reckon with: the command line's, ``QRUN_PRICE``, else the list price.

    Args:
        asked: What the command line says, in dollars a second.

    Raises:
        UsageError: It is not a price.
    """
    for text, source in ((asked, "--price"), (os.environ.get(VARIABLE) or None, VARIABLE)):
        if text is not None:
            return Price(_read(text, source), f"as {source} says")
    return Price()


def _read(text: str, source: str) -> float:
    try:
        value = float(text.strip().lstrip("$"))
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UsageError(f"{source} is {text!r}, which is no price.", "Give dollars a second, such as 1.60.")
    return value

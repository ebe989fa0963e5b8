"""What a second costs."""

from __future__ import annotations

import pytest

from qrun.errors import UsageError
from qrun.plan.price import price_of


def test_the_command_line_goes_over_the_environment_and_that_over_the_list(monkeypatch):
    monkeypatch.delenv("QRUN_PRICE", raising=False)
    assert price_of().per_second == 1.60
    assert "November 2026" in price_of().source
    monkeypatch.setenv("QRUN_PRICE", "0.5")
    assert price_of().per_second == 0.5
    assert price_of("$2").text(1.5) == "$3.00"
    assert price_of("0").of(100) == 0


@pytest.mark.parametrize("text", ["much", "-1", "inf", "nan", ""])
def test_what_is_no_price(text):
    with pytest.raises(UsageError, match="no price"):
        price_of(text)


def test_an_unknown_time_has_no_price():
    assert price_of().text(None) == "–"
    assert price_of().of(None) is None

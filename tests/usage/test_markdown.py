"""Markdown for a pull request: the numbers, and nothing of others' making that is more than text."""

from __future__ import annotations

from qrun.plan.price import Price
from qrun.usage.markdown import markdown
from qrun.usage.report import Report, Subject
from tests.usage.accounts import many_jobs, paused_session
from tests.usage.test_report_page import hostile_subject


def test_it_tells_usage_and_jobs():
    account = paused_session()
    text = markdown(Report((Subject(account),), Price()))
    assert f"**{account.usage_seconds:g} s" in text
    assert "<summary>6 jobs</summary>" in text
    assert "$1.60 a second" in text
    assert "and 30 more" in markdown(Report((Subject(many_jobs(80)),), Price()))


def test_others_text_stays_text():
    text = markdown(Report((hostile_subject(),), Price()))
    for line in text.splitlines():
        bare = line.replace("\\<", "")
        assert "<script" not in bare.replace("`</script><script>", ""), line
    assert "\\<script\\>" in text

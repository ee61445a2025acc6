"""The page of the local cloud's rules."""

from __future__ import annotations

from tools.local_cloud_rules import PAGE, page


def test_rules_page_is_current() -> None:
    """The page states the rules of the tests; ``python -m tools.local_cloud_rules`` writes it."""
    assert PAGE.read_text() == page()

"""README: a new reader finds the problem, the code and the first command at once."""

from __future__ import annotations

from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text().splitlines()


def test_first_screen_shows_what_matters() -> None:
    """The first 25 lines, a terminal's height, have the problem, the code and a command."""
    first_screen = "\n".join(README[:25])

    assert "UpdateConnectorRegistration" in first_screen
    assert "ConnectorRegistration(" in first_screen
    assert "$ make demo" in first_screen


def test_stays_short() -> None:
    """README has at most 160 lines; the rest belongs into docs."""
    assert len(README) <= 160

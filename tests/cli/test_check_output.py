"""How ``check`` looks on terminals, in a file and without colours."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.check_support import on_terminal, response, run_check, write_connector
from tests.cli.support import SCRIPT

LONG_URL = "https://login.some-application.example.com/a/very/long/path/services/oauth2/token"
OAUTH2 = {
    "isOAuth2Supported": True,
    "oAuth2Defaults": {
        "tokenURL": [LONG_URL],
        "authURL": ["http://login.example.com/authorize"],
        "oAuth2GrantTypesSupported": ["AUTHORIZATION_CODE"],
    },
}


@pytest.fixture
def handler(tmp_path: Path) -> str:
    """A connector with advice, and with a value that is wider than a terminal."""
    return write_connector(tmp_path, response(authenticationConfig=OAUTH2))


def plain(lines: list[str]) -> list[str]:
    """Lines without the codes of colours."""
    return [re.sub(r"\x1b\[[\d;?]*\w", "", line) for line in lines]


@pytest.mark.parametrize("columns", [80, 140])
def test_lines_fit_the_terminal(handler: str, tmp_path: Path, columns: int) -> None:
    """On a terminal no line is wider than it, nothing is left out, and no line ends in a blank."""
    lines = plain(on_terminal(columns, handler, folder=tmp_path))

    assert max(map(len, lines)) <= columns
    assert [line for line in lines if line.endswith(" ")] == []
    cells = [line.split("│")[2].strip() for line in lines if line.startswith("│")]
    assert LONG_URL in "".join(cells)
    assert lines[-1] == "PASSED (1 advice): AppFlow would accept the connector."


def test_file_has_whole_values_and_no_colours(handler: str, tmp_path: Path) -> None:
    """Output to a file has each value on one line, and no colours."""
    result = run_check(handler, folder=tmp_path, COLUMNS="40")

    assert f"│ {LONG_URL} " in result.stdout
    assert "\x1b" not in result.stdout
    assert 'authCodeUrls.1.member is "http://login.example.com/authorize"\n' in result.stdout


def test_terminal_has_colours_unless_no_color(handler: str, tmp_path: Path) -> None:
    """A terminal shows colours, unless NO_COLOR is set."""
    colours = "".join(on_terminal(80, handler, folder=tmp_path, TERM="xterm"))
    plain = "".join(on_terminal(80, handler, folder=tmp_path, TERM="xterm", NO_COLOR="1"))

    assert "\x1b[32mPASSED" in colours
    assert "\x1b[3" not in plain


def test_undocumented_mapping_is_said_once(handler: str, tmp_path: Path) -> None:
    """The text says once that AWS does not document how AppFlow reads a response."""
    result = run_check(handler, folder=tmp_path)

    assert result.stdout.count("AWS does not document this mapping") == 1


def test_advice_is_printed_with_source(handler: str, tmp_path: Path) -> None:
    """An advice has the member, its value, the rule and the source."""
    lines = run_check(handler, folder=tmp_path).stdout.splitlines()

    at = lines.index(
        "  authenticationConfig.oAuth2Defaults.authCodeUrls.1.member is"
        ' "http://login.example.com/authorize"'
    )
    assert lines[at + 1] == "    Should begin with https://"
    assert lines[at + 2].startswith("    Source: connector_configuration_validator of the SDK")


def test_refusals_are_printed(tmp_path: Path) -> None:
    """A refusal has the member, its value and the rule, and there is no table."""
    handler = write_connector(tmp_path, response(connectorVersion=7, connectorName=None))

    result = run_check(handler, folder=tmp_path)

    assert result.stdout.splitlines() == [
        "AppFlow would refuse crm:handler:",
        "",
        "  connectorName is missing",
        "    Member must not be null",
        "  connectorVersion is 7",
        "    Member must be of type string",
        "",
        "REFUSED: AppFlow would refuse the connector.",
    ]


def test_markup_in_values_is_printed(tmp_path: Path) -> None:
    """A value that looks like markup or like an emoji is printed as it is."""
    handler = write_connector(tmp_path, response(connectorOwner="[bold]Acme[/] :smile:"))

    assert "│ [bold]Acme[/] :smile: " in run_check(handler, folder=tmp_path).stdout


def test_long_value_of_refusal_is_cut(tmp_path: Path) -> None:
    """Of a long value that AppFlow would refuse, the beginning is printed."""
    handler = write_connector(tmp_path, response(connectorName="n" * 300))

    line = run_check(handler, folder=tmp_path).stdout.splitlines()[2]

    assert line.startswith('  connectorName is "nnn')
    assert line.endswith("...")
    assert len(line) < 80


def test_help_explains_exit_codes_and_permissions() -> None:
    """The help has the exit codes with their reasons, and five permissions."""
    text = run_check("--help").stdout

    assert "  2  INCOMPLETE (not everything could be checked); or the command failed\n" in text
    assert len(re.findall(r"^  \w+:(\w+) ", text, re.M)) == 5


@pytest.mark.parametrize(
    ("name", "encoding", "shown"),
    [("\ud800", "utf-8", r"\ud800"), ("名", "ascii", r"\u540d"), ("é", "latin-1", "\ufffd")],
)
def test_every_character_can_be_printed(
    tmp_path: Path, name: str, encoding: str, shown: str
) -> None:
    """A character that the encoding of the output lacks is escaped, and all others are printed."""
    handler = write_connector(tmp_path, response(connectorName=f"Acme {name}"))
    program = [str(SCRIPT), "check", handler]
    variables = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": encoding}

    result = subprocess.run(program, cwd=tmp_path, env=variables, capture_output=True)

    assert f"Acme {shown}" in result.stdout.decode(errors="replace")
    assert (result.stderr, result.returncode) == (b"", 0)


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["text", "json"])
def test_closed_output_is_no_verdict(handler: str, tmp_path: Path, arguments: list[str]) -> None:
    """If the reader of the output ends early, as head does, the exit code is 2 and not 1."""
    reader, writer = os.pipe()
    os.close(reader)
    program = [str(SCRIPT), "check", handler, *arguments]

    with os.fdopen(writer) as output:
        result = subprocess.run(program, cwd=tmp_path, stdout=output, stderr=subprocess.PIPE)

    words = b"cdk-appflow-connector: the program that reads the output has ended before it\n"
    assert (result.stderr, result.returncode) == (words, 2)

"""The benchmarks measure work that was done, and the page shows the recorded figures."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tools.benchmarks.__main__ import PAGE, RECORD, TABLES
from tools.benchmarks.candidates import NO_CALL, OURS, candidates, prepare_ours
from tools.benchmarks.events import check_tally, tables
from tools.benchmarks.measurement import Candidate, ContainerError, run_container
from tools.benchmarks.report import Table, with_tables
from tools.benchmarks.runtime import lambda_runtime
from tools.benchmarks.server import Server, serve


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bench")
    prepare_ours(made)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serve(folder) as server:
        yield server


@pytest.fixture(scope="module")
def compared(folder: Path, server: Server) -> dict[str, Candidate]:
    return {candidate.name: candidate for candidate in candidates(folder, server)}


class TestRunContainer:
    def test_measures_time_and_memory(self, compared: dict[str, Candidate], server: Server) -> None:
        """The figures of this handler are those of three events that did their work."""
        measurement = run_container(compared[OURS], warm_events=2)

        check_tally(compared[OURS], server, 3)
        assert measurement.cold_ms > measurement.warm_ms > 0
        assert measurement.peak_mib > 1

    def test_ablations_do_the_same_work(
        self, compared: dict[str, Candidate], server: Server
    ) -> None:
        """Each ablation makes as many calls as this handler, and succeeds."""
        ablations = [one for one in compared.values() if one.baseline in (OURS, NO_CALL)]

        for ablation in ablations:
            assert ablation.calls == compared[ablation.baseline].calls
            run_container(ablation, warm_events=1)
            check_tally(ablation, server, 2)

    def test_read_back_can_be_left_out(
        self, compared: dict[str, Candidate], server: Server
    ) -> None:
        """Without its read-back, this handler makes one call less for each event."""
        without = compared[f"{OURS}, without its read-back"]

        run_container(without, warm_events=1)

        check_tally(without, server, 2)

    def test_other_work_is_refused(self, compared: dict[str, Candidate], server: Server) -> None:
        """A candidate that makes more calls than it should is no measurement."""
        idle = replace(compared[OURS], calls=1)
        run_container(idle, warm_events=1)

        message = "this handler: {'calls': 8, 'SUCCESS': 2}, and not 2 x SUCCESS with 1 calls"
        with pytest.raises(ContainerError, match=f"^{re.escape(message)}$"):
            check_tally(idle, server, 2)

    def test_loaded_runtime_is_no_outcome(self, compared: dict[str, Candidate]) -> None:
        """The line after which the clock starts is not read as the outcome of an event."""
        outcome = '{"seconds": 0.25, "peak_kib": 2048}'
        program = (
            f"import sys; print(flush=True); [print('{outcome}', flush=True) for _ in sys.stdin]"
        )
        command = [sys.executable, "-c", program]
        loaded = replace(compared[OURS], command=command, has_runtime=True)

        measurement = run_container(loaded, warm_events=2)

        assert (measurement.warm_ms, measurement.peak_mib) == (250, 2)

    def test_early_end_is_refused(self, compared: dict[str, Candidate]) -> None:
        """A container that ends early is refused with what it printed."""
        broken = replace(compared[OURS], command=[sys.executable, "-c", "raise SystemExit('Oh')"])

        with pytest.raises(ContainerError, match=r"^this handler: Oh"):
            run_container(broken, warm_events=1)


def test_missing_python_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without the Python of Lambda's runtime, its table says that it is left out."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert lambda_runtime(tmp_path) is None
    [row] = tables({"candidates": {}})["runtime"].rows
    assert row[0] == "not measured: the path has no python3.14"


class TestPage:
    @pytest.mark.parametrize("name", TABLES)
    def test_shows_what_was_recorded(self, name: str) -> None:
        """Each table of the page has the recorded figures."""
        results = json.loads((RECORD / f"{name}.json").read_text())
        page = PAGE.read_text()

        assert with_tables(page, TABLES[name](results)) == page

    def test_table_without_place_is_refused(self) -> None:
        """A page without the line of a table is refused."""
        table = Table(["a", "b"], [["1", "2"]])

        message = "the page has the line <!-- table: new --> 0 times, and not once"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            with_tables("# Page\n", {"new": table})

    def test_table_replaces_the_old_one(self) -> None:
        """The lines after the line of a table are replaced, and no others."""
        page = "# Page\n\n<!-- table: new -->\n\nold\nlines\n\nThe end\n"

        assert with_tables(page, {"new": Table(["a", "b"], [["1", "2"]])}) == (
            "# Page\n\n<!-- table: new -->\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n\nThe end\n"
        )

"""The benchmarks measure work that has been done, and the page shows what they measured."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import memory
from benchmarks.__main__ import PAGE, PLOTS, RECORD, TABLES
from benchmarks.contenders import NO_CALL, OURS, PHASES, prepare_ours
from benchmarks.events import Check, phases_of, world
from benchmarks.processes import Contender, ContenderError, live
from benchmarks.report import Table, draw, with_tables

World = tuple[dict[str, Contender], Check]


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("bench")
    prepare_ours(folder)
    with world(folder) as (entrants, check):
        yield {entrant.name: entrant for entrant in entrants}, check


class TestALife:
    def test_of_our_handler_is_measured(self, everybody: World) -> None:
        entrants, check = everybody

        life = live(entrants[OURS], warm_events=2)

        check(entrants[OURS], 3)
        assert life.cold_ms > life.warm_ms > 0
        assert life.peak_mib > 1

    def test_of_each_variant_of_our_handler_does_the_same_work(self, everybody: World) -> None:
        entrants, check = everybody
        variants = [one for one in entrants.values() if one.rival in (OURS, NO_CALL)]

        for variant in variants:
            assert variant.calls == entrants[variant.rival].calls
            live(variant, warm_events=1)
            check(variant, 2)

    def test_falls_into_phases_that_fill_its_cold_start(self, everybody: World) -> None:
        entrants, check = everybody

        life = live(entrants[PHASES], warm_events=1)

        check(entrants[PHASES], 2)
        phases = phases_of([life])
        assert min(phases.values()) > 0
        assert 0.8 * life.cold_ms < sum(phases.values()) <= life.cold_ms

    def test_without_its_work_is_refused(self, everybody: World) -> None:
        entrants, check = everybody
        idle = replace(entrants[OURS], calls=1)
        live(idle, warm_events=1)

        message = "this handler: {'calls': 4, 'SUCCESS': 2}, and not 2 x SUCCESS with 1 calls"
        with pytest.raises(ContenderError, match=f"^{re.escape(message)}$"):
            check(idle, 2)

    def test_that_ends_early_is_refused_with_what_it_printed(self, everybody: World) -> None:
        entrants, _ = everybody
        broken = replace(entrants[OURS], command=[sys.executable, "-c", "raise SystemExit('Oh')"])

        with pytest.raises(ContenderError, match=r"^this handler: Oh"):
            live(broken, warm_events=1)


class TestMemory:
    def test_says_what_it_needs_where_processor_time_cannot_be_shared_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "_CGROUPS", tmp_path)

        message = re.escape(
            f"{tmp_path}/cpu/appflow-bench cannot be made (No such file or directory). Run this"
            " part as root, on Linux with control groups for processor time."
        )
        with pytest.raises(memory.NoSharesError, match=f"^{message}$"), memory._share(0.5):
            pass


class TestThePage:
    @pytest.mark.parametrize("part", TABLES)
    def test_shows_what_was_recorded(self, part: str, tmp_path: Path) -> None:
        results = json.loads((RECORD / f"{part}.json").read_text())
        page = PAGE.read_text()

        assert with_tables(page, TABLES[part](results)) == page
        if part in PLOTS:
            draw(PLOTS[part](results), tmp_path / f"{part}.svg")
            assert (tmp_path / f"{part}.svg").read_text() == (RECORD / f"{part}.svg").read_text()

    def test_without_a_place_for_a_table_is_refused(self) -> None:
        table = Table(["a", "b"], [["1", "2"]])

        with pytest.raises(ValueError, match=r"^the page has 0 places for <!-- table: new -->, "):
            with_tables("# Page\n", {"new": table})

    def test_gets_a_table_in_its_place(self) -> None:
        page = "# Page\n\n<!-- table: new -->\n\nold\nlines\n\nThe end\n"

        assert with_tables(page, {"new": Table(["a", "b"], [["1", "2"]])}) == (
            "# Page\n\n<!-- table: new -->\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n\nThe end\n"
        )

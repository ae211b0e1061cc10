"""Hard universes are solved or refuted while somebody waits, and by PubGrub alone, too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from envctl.errors import ResolutionError
from envctl.resolve.chain import find
from envctl.resolve.listing import Shelf
from envctl.resolve.pubgrub import prove
from envctl.resolve.roots import distinct_wants, find_roots
from envctl.resolve.search import search
from envctl.resolve.solve import solve
from envctl.resolve.statements import Refutation
from envctl.resolve.universe import Universe
from support.hard import CASES, Case, chains, hidden_contradiction, pigeons, shut_out, tangle, window
from support.universes import DictCatalog, Release, make_target, request, resolve, versions

# For each case: how many releases may be looked at, and how many conflicts PubGrub alone may need. Measured,
# with a tenth to spare; what learns nothing takes minutes for some of them, or hours.
WORK = {
    "late_conflict": (880, 440),
    "ring": (450, 10),
    "hidden_contradiction": (345, 115),
    "chains": (675, 225),
    "window": (240, 50),
    "pigeons": (75, 135),
    "steep": (775, 10),
    "tangle": (770, 10),
    "let_in_by_nobody": (70, 5),
    "let_in_by_an_old_release": (390, 64),
    "shut_out": (350, 280),
}
# A guard against work that is counted nowhere, not a measure: 0.4 s of the processor for the slowest.
SECONDS = 10.0

cases = pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)


def make_universe(case: Case) -> Universe:
    return Universe(request(*case.roots), make_target(), Shelf(DictCatalog(case.universe), {}))


@cases
def test_the_chain_ends_soon_and_says_what_is_so(make: Callable[[], Case]) -> None:
    case = make()
    universe = make_universe(case)
    wants = distinct_wants(find_roots(universe))
    began = time.process_time()

    found = find(universe, wants, lowest=frozenset(), advance=lambda _: None)

    assert isinstance(found, Refutation) is not case.solvable
    assert not (isinstance(found, Refutation) and found.gave_up)
    assert len(universe.tried()) <= WORK[make.__name__][0]
    assert time.process_time() - began < SECONDS


@cases
def test_pubgrub_alone_needs_few_conflicts(make: Callable[[], Case]) -> None:
    universe = make_universe(make())
    wants = distinct_wants(find_roots(universe))

    found = prove(
        universe, wants, lowest=frozenset(), advance=lambda _: None, conflicts=WORK[make.__name__][1]
    )

    assert not isinstance(found, Refutation) or not found.gave_up


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (hidden_contradiction, "no-solution"),
        (chains, "no-solution"),
        (pigeons, "no-solution"),
        (shut_out, "no-matching-version"),  # there is one that nothing lets in
    ],
)
def test_what_is_impossible_is_explained_soon(make: Callable[[], Case], code: str) -> None:
    case = make()
    began = time.process_time()

    with pytest.raises(ResolutionError) as caught:
        resolve(case.universe, request(*case.roots))

    assert caught.value.code == code
    assert time.process_time() - began < SECONDS


def test_resolvelib_is_stopped_when_it_drowns_in_what_it_excluded() -> None:
    universe = make_universe(tangle())
    wants = distinct_wants(find_roots(universe))

    assert search(universe, wants, lowest=frozenset(), advance=lambda _: None, rejections=10**9) is None
    assert len(universe.tried()) < 250


def test_resolvelib_is_stopped_where_it_would_not_end() -> None:
    universe = make_universe(window())
    wants = distinct_wants(find_roots(universe))

    assert search(universe, wants, lowest=frozenset(), advance=lambda _: None) is None


def test_few_sources_are_opened_while_resolvelib_goes_down_the_releases_of_a_package() -> None:
    releases = {f"{n}.0": Release([f"b=={n}.0"], wheels=(), sdist=True) for n in range(1, 200)}
    catalog = DictCatalog({"a": releases, "b": {f"{n}.0": [] for n in range(1, 200)}})
    universe = Universe(request("a", "b<2", allow=True), make_target(), Shelf(catalog, {}))
    wants = distinct_wants(find_roots(universe))

    assert search(universe, wants, lowest=frozenset(), advance=lambda _: None) is None
    assert 20 < len(universe.tried()) < 25


def test_a_source_for_each_of_many_packages_is_no_reason_to_stop() -> None:
    only_source = Release(wheels=(), sdist=True)
    sources = {f"p{n}": {"1.0": only_source} for n in range(60)}
    catalog = DictCatalog({**sources, "a": {"2.0": ["b<2"], "1.0": []}, "b": {"1.0": [], "2.0": []}})
    universe = Universe(request("a", "b>=2", *sources, allow=True), make_target(), Shelf(catalog, {}))
    wants = distinct_wants(find_roots(universe))

    assert search(universe, wants, lowest=frozenset(), advance=lambda _: None) is not None


def test_what_is_shut_out_for_now_is_let_in_by_a_release_that_is_met_later() -> None:
    found = resolve(
        {
            "notebook": {"2.0": ["parser"], "1.0": ["parser", "helper"]},
            "helper": {"1.0": ["parser>=1.0b1"]},
            "parser": {"2.0": ["markdown>=2"], "1.0b1": []},
            "markdown": {"1.0": [], "2.0": []},
        },
        request("notebook", "markdown<2"),
    )

    assert versions(found) == {"helper": "1.0", "markdown": "1.0", "notebook": "1.0", "parser": "1.0b1"}


def test_a_search_ends_after_so_much_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    case = shut_out()
    monkeypatch.setattr("envctl.resolve.pubgrub._EFFORT", 10_000)

    with pytest.raises(ResolutionError) as caught:
        resolve(case.universe, request(*case.roots))

    assert caught.value.code == "too-hard"


def test_metadata_is_asked_for_in_growing_numbers_while_releases_are_turned_down() -> None:
    releases = {f"{n}.0": ["gone"] for n in range(2, 40)}
    catalog = DictCatalog({"a": {"1.0": [], **releases}})
    known_ahead: list[int] = []
    metadata = catalog.metadata

    def ask(name: Any, version: Any, artifact: Any) -> Any:
        known_ahead.append(len(catalog.hinted_files))
        return metadata(name, version, artifact)

    catalog.metadata = ask  # type: ignore[method-assign]

    solve(request("a"), make_target(), catalog, lambda _: None)

    assert known_ahead[:2] == [1, 2]
    # The fourth brings four more, the eighth eight more, and so on.
    assert known_ahead[3] == 8
    assert known_ahead[7] == 16
    assert len(catalog.hinted_files) == len(set(catalog.hinted_files)) == 39

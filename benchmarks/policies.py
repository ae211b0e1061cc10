"""What each rule of the search gains: every link of the chain alone, and resolvelib without its rules.

    python benchmarks/policies.py
    python benchmarks/policies.py --folder FOLDER --only 'python/*'      # recorded cases of resolver.py, too

A cell says whether there is a solution (yes, no, - for not known), processor time and releases looked at.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from unittest.mock import patch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests"))

from resolver import HIGHEST, Case, OutOfTimeError, make_request, read_cases, time_limit

from envctl.model.targets import make_target
from envctl.resolve import search as link
from envctl.resolve.chain import find
from envctl.resolve.listing import Shelf
from envctl.resolve.pubgrub import prove
from envctl.resolve.roots import distinct_wants, find_roots
from envctl.resolve.search import search
from envctl.resolve.statements import Refutation
from envctl.resolve.universe import Universe
from envctl.resolve.walk import walk
from support import hard
from support.universes import DictCatalog

Provider = link._Provider
# As good as none.
_UNLIMITED = 10**9


class _NoCauses(Provider):
    def narrow_requirement_selection(self, *arguments: Any, **named: Any) -> Iterable[str]:
        return super().narrow_requirement_selection(*arguments, **{**named, "backtrack_causes": ()})


class _NoClasses(Provider):
    def _class(self, name: str, position: int, extras: frozenset[str]) -> tuple[object, ...]:
        return (position,)


class _Neither(_NoCauses, _NoClasses):
    pass


_VARIANTS = {
    "resolvelib": Provider,
    "without causes first": _NoCauses,
    "without classes": _NoClasses,
    "without both": _Neither,
}


def compare_policies(cases: Sequence[Case], patience: float) -> None:
    print(f"| case | walk | {' | '.join(_VARIANTS)} | PubGrub | chain |")
    print(f"|{'---|' * (len(_VARIANTS) + 4)}", flush=True)
    for case in cases:
        cells = [_time(case, walk, patience)]
        cells += [_time_variant(case, variant, patience) for variant in _VARIANTS.values()]
        cells += [_time(case, prove, patience), _time(case, find, patience)]
        print(f"| {case.name} | {' | '.join(cells)} |", flush=True)


def _time_variant(case: Case, variant: type[Provider], patience: float) -> str:
    with patch.object(link, "_Provider", variant), patch.object(link, "_EXCLUDED", _UNLIMITED):
        return _time(case, partial(search, rejections=_UNLIMITED), patience)


def _time(case: Case, solver: Callable[..., Mapping[str, int] | Refutation | None], patience: float) -> str:
    universe = Universe(case.request, make_target("linux-x86_64", case.python), Shelf(case.catalog, {}))
    wants = distinct_wants(find_roots(universe))
    began = time.process_time()
    try:
        with time_limit(patience):
            found = solver(universe, wants, lowest=HIGHEST, advance=lambda _: None)
    except OutOfTimeError:
        return f">{patience:.0f} s"
    milliseconds = (time.process_time() - began) * 1000
    sign = "-" if found is None else "no" if isinstance(found, Refutation) else "yes"
    return f"{sign}, {milliseconds:.0f} ms, {len(universe.tried())}"


def hard_cases() -> list[Case]:
    made = []
    for make in hard.CASES:
        case = make()
        made.append(
            Case(name=make.__name__, request=make_request(case.roots), catalog=DictCatalog(case.universe))
        )
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", help="collections of recorded cases")
    parser.add_argument("--only", default="*", metavar="GLOB", help="names of recorded cases")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds for each cell")
    options = parser.parse_args()
    recorded = read_cases(options.folder, live=False) if options.folder else ()
    cases = [case for case in recorded if fnmatch.fnmatch(case.name, options.only)]
    compare_policies([*hard_cases(), *cases], options.patience)
    return 0


if __name__ == "__main__":
    sys.exit(main())

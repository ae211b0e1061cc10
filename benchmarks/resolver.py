"""Solve the recorded regression cases of other resolvers, and compare with what they expect.

    python benchmarks/resolver.py FOLDER                    # recorded indexes: no network
    python benchmarks/resolver.py FOLDER --live             # cases that name a day of the public index, too

FOLDER holds checkouts of collections of cases; what lies in it is found by its form:

- `inputs/case/*.json` beside `inputs/index/*.json`: the functional cases of resolvelib (python, cocoapods);
- `scenarios/*.json` with recorded packages: pip-resolver-benchmarks;
- `scenarios/*.toml` with requirements and a day: Pip-Resolution-Scenarios-and-Benchmarks, with pip's own
  figures in `summaries/`. They need the public index as it was that day, so an index with upload times.

Every solution is checked once more by the checker of the product. Exit 1 when a recorded case is not as
expected; of live cases nothing is expected, they are printed beside pip's figures.
"""

from __future__ import annotations

import argparse
import fnmatch
import glob
import json
import os
import re
import signal
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envctl.errors import BuildError, EnvctlError
from envctl.frozen import replace
from envctl.index.client import IndexClient
from envctl.index.http import HttpTransport
from envctl.index.metadata import parse_metadata
from envctl.manifest.manifest import Asked
from envctl.manifest.sources import DEFAULT_INDEX
from envctl.model.dependency import dependency_from
from envctl.model.settings import Settings
from envctl.model.targets import make_target
from envctl.resolve.chain import find
from envctl.resolve.check import check
from envctl.resolve.deduce import Deduction, Incompatibility
from envctl.resolve.listing import Shelf
from envctl.resolve.port import Catalog, ListedFile, Metadata
from envctl.resolve.reach import reach
from envctl.resolve.request import Permission, Request
from envctl.resolve.roots import distinct_wants, find_roots
from envctl.resolve.search import search
from envctl.resolve.statements import Refutation, Required
from envctl.resolve.universe import Universe
from envctl.resolve.walk import walk
from envctl.workflow.catalog import JoinedCatalog

PYTHON = "3.13"
HIGHEST = frozenset[str]()

# Their authors count a circle as a conflict; resolvelib does not, and neither do we.
_CIRCLES = {"cocoapods/circular", "cocoapods/fixed_circular"}
# resolvelib's own provider for tests drops every requirement with a marker where no extra is asked for.
_MARKED = {"python/chalice"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """``expected`` are the versions of a solution, None where none is recorded; ``blamed`` names of a conflict.

    ``theirs`` says what another resolver needed.
    """

    name: str
    request: Request
    catalog: Catalog
    python: str = PYTHON
    expected: Mapping[str, str] | None = None
    blamed: frozenset[str] | None = None
    theirs: str = ""


@dataclass(frozen=True)
class Answer:
    link: str
    seconds: float
    visited: int
    conflicts: int
    picks: Mapping[str, str] | None
    named: frozenset[str] = frozenset()
    gave_up: bool = False


class Recorded:
    """A catalog of one recorded index: name to version to requirements; every release is one wheel."""

    def __init__(self, releases: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self._projects = {name: _Project(name, versions) for name, versions in releases.items()}

    def project(self, name: str) -> Any:
        return self._projects.get(name)

    def metadata(self, name: str, version: Version | None, artifact: object) -> Metadata:
        assert version is not None
        return self._projects[name].metadata(version)

    def prefetch(self, names: Iterable[str]) -> None:
        pass

    def prefetch_metadata(self, name: str, file: ListedFile) -> None:
        pass

    def near_names(self, name: str) -> Sequence[str]:
        return ()


class _Project:
    index = "recorded"

    def __init__(self, name: str, versions: Mapping[str, Sequence[str]]) -> None:
        self.name = name
        self._requires = {version: texts for text, texts in versions.items() if (version := _version(text))}
        self.versions = sorted(self._requires, reverse=True)

    def files(self, version: Version) -> Sequence[ListedFile]:
        filename = f"{self.name.replace('-', '_')}-{version}-py3-none-any.whl"
        return (ListedFile(filename=filename, url=f"https://files.example/{filename}"),)

    def metadata(self, version: Version) -> Metadata:
        requirements = tuple(filter(None, map(_requirement, self._requires[version])))
        extras = {
            extra for one in requirements for extra in re.findall(r"extra == \"([^\"]+)", str(one.marker))
        }
        return Metadata(
            name=self.name,
            version=version,
            requirements=tuple(map(dependency_from, requirements)),
            extras=frozenset(map(canonicalize_name, extras)),
        )


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def make_request(texts: Iterable[str], **more: Any) -> Request:
    asked = [Asked(requirement=Requirement(text), by="case", where="") for text in texts]
    return Request(base=tuple(asked), permission=Permission(allow=True), **more)


# The collections ---------------------------------------------------------------------------------


def read_cases(folder: str, *, live: bool) -> Iterator[Case]:
    for path in _find(folder, "inputs/case/*.json"):
        yield _read_resolvelib(path)
    for path in _find(folder, "scenarios/*.json"):
        yield from _read_recorded(path)
    if live:
        catalog = open_index()
        for path in _find(folder, "scenarios/*.toml"):
            yield from _read_live(path, catalog)


def _find(folder: str, pattern: str) -> list[str]:
    return sorted(glob.glob(os.path.join(folder, "**", pattern), recursive=True))


def _load(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(re.sub(r"//.*$", "", text, flags=re.MULTILINE))


def _read_resolvelib(path: str) -> Case:
    data = _load(path)
    inputs = os.path.dirname(os.path.dirname(path))
    index = _load(os.path.join(inputs, "index", f"{data.get('index', 'awesome')}.json"))
    kind = os.path.basename(os.path.dirname(inputs))
    name = f"{kind}/{os.path.basename(path).removesuffix('.json')}"
    if isinstance(data["requested"], dict):
        return _read_pods(name, data, index)
    expected = {
        canonicalize_name(project): version["version"] if isinstance(version, dict) else version
        for project, version in data.get("resolved", {}).items()
        if not isinstance(version, dict) or _holds(version.get("marker"))
    }
    return Case(
        name=name,
        request=make_request(data["requested"]),
        catalog=Recorded(
            {
                canonicalize_name(project): {text: one["dependencies"] for text, one in versions.items()}
                for project, versions in index.items()
                if isinstance(versions, dict)  # a flag about the case is none
            }
        ),
        expected=expected or None,
        blamed=frozenset(data["conflicted"]) if "conflicted" in data else None,
    )


def _holds(marker: str | None) -> bool:
    return marker is None or Requirement(f"x; {marker}").marker.evaluate()  # type: ignore[union-attr]


def _read_pods(name: str, data: Mapping[str, Any], index: Mapping[str, Any]) -> Case:
    """Read a case of RubyGems versions, as far as they can be said in PEP 440."""

    def pod(text: str) -> str:
        return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")

    def wants(entries: Mapping[str, str] | Sequence[object]) -> list[str]:
        return [f"{pod(n)}{_translate(s)}" for n, s in (entries.items() if isinstance(entries, dict) else ())]

    def tree(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        for entry in entries:
            yield pod(entry["name"]), entry["version"]
            yield from tree(entry["dependencies"])

    return Case(
        name=name,
        # A locked version is required there, and only preferred here.
        request=make_request(
            [*wants(data["requested"])],
            constraints=tuple(Requirement(f"{pod(one['name'])}=={one['version']}") for one in data["base"]),
        ),
        catalog=Recorded(
            {
                pod(project): {
                    one["version"]: wants(one["dependencies"])
                    for one in releases
                    if _can_be_said(one["dependencies"])
                }
                for project, releases in index.items()
            }
        ),
        expected=None if data["conflicts"] else dict(tree(data["resolved"])),
        blamed=frozenset(map(pod, data["conflicts"])) or None,
    )


def _can_be_said(entries: Mapping[str, str] | Sequence[object]) -> bool:
    try:
        for text in entries.values() if isinstance(entries, dict) else ():
            _translate(text)
    except InvalidSpecifier:
        return False
    return True


def _translate(text: str) -> str:
    clauses = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"([><=~!]*)\s*(.*)", one)
        assert found is not None
        sign, version = found[1] or "=", found[2]
        if sign == "~>":
            digits = [part for part in re.split(r"[.-]", version) if part.isdigit()]
            clauses.append(f">={version}")
            if len(digits) > 1:
                clauses.append(f"=={'.'.join(digits[:-1])}.*")
        else:
            clauses.append(f"{'==' if sign == '=' else sign}{version}")
    return str(SpecifierSet(",".join(clauses)))


def _read_recorded(path: str) -> Iterator[Case]:
    data = _load(path)
    if "packages" not in data:
        return
    releases = {
        name: {
            version: [
                requirement if not extra else _with_extra(requirement, extra)
                for extra, requirements in one["depends_by_extra"].items()
                for requirement in requirements
            ]
            for version, one in versions.items()
        }
        for name, versions in data["packages"].items()
    }
    yield Case(
        name=f"pip-resolver-benchmarks/{os.path.basename(path).removesuffix('.json')}",
        request=make_request(data["input"]["requirements"]),
        catalog=Recorded(releases),
        python="3.11",
    )


def _with_extra(text: str, extra: str) -> str:
    base, _, marker = text.partition(";")
    return f'{base}; ({marker}) and extra == "{extra}"' if marker else f'{base}; extra == "{extra}"'


def _read_live(path: str, catalog: Catalog) -> Iterator[Case]:
    with open(path, "rb") as file:
        scenarios = tomllib.load(file)
    group = os.path.basename(path).removesuffix(".toml")
    for name, one in scenarios.items():
        moment = one.get("datetime")
        limit = datetime.fromisoformat(str(moment)).replace(tzinfo=UTC) if moment else None
        summaries = os.path.join(os.path.dirname(os.path.dirname(path)), "summaries", group, name, "*.json")
        try:
            request = make_request(
                one["requirements"],
                exclude_newer={"*": limit},
                constraints=tuple(map(Requirement, one.get("constraints") or ())),
            )
        except InvalidRequirement:
            print(f"{group}/{name} asks for more than an index has", file=sys.stderr)
            continue
        yield Case(
            name=f"{group}/{name}",
            request=request,
            catalog=catalog,
            python=one.get("python_version", PYTHON),
            theirs=_read_summary(max(glob.glob(summaries), default=None)),
        )


def _read_summary(path: str | None) -> str:
    if path is None:
        return ""
    data = _load(path)
    summary = data["summary"]
    visited = summary.get("distinct_wheels_visited", 0) + summary.get("distinct_sdists_visited", 0)
    outcome = "solved" if data["result"]["success"] else data["result"]["failure_reason"]
    return f"{outcome}; {visited} visited, {summary.get('total_rounds', 0)} rounds"


def open_index() -> JoinedCatalog:
    """Open the public index; nothing is built, and an sdist requires what its own files say."""
    cache = os.environ.get("ENVCTL_CACHE_DIR") or tempfile.mkdtemp(prefix="resolver-")
    settings = Settings(cache_dir=cache, environ=dict(os.environ))
    client = IndexClient(
        indexes=(DEFAULT_INDEX,),
        pinned={},
        settings=settings,
        transport=HttpTransport(settings),
        emit=lambda _: None,
    )

    known: dict[str, Metadata] = {}

    def read_sdist(name: str, file: ListedFile) -> Metadata:
        if file.url not in known:
            with tempfile.TemporaryDirectory() as folder:
                archive = os.path.join(folder, file.filename)
                client.fetch(file.url, archive, hashes=file.hashes, size=file.size, on_bytes=lambda _: None)
                known[file.url] = read_archive(archive, file.filename)
        return known[file.url]

    def refuse(name: str, directory: object) -> Metadata:
        raise BuildError("build-not-allowed", f"{name} is no case for an index")

    return JoinedCatalog(client=client, sdist_metadata=read_sdist, directory_metadata=refuse)


def read_archive(path: str, filename: str) -> Metadata:
    """Read what the uploader's own build said: PKG-INFO, and before that had requirements, requires.txt."""
    try:
        with tarfile.open(path) as archive:
            members = sorted((one for one in archive if one.isfile()), key=lambda one: one.name.count("/"))

            def read(ending: str) -> bytes:
                found = next((one for one in members if one.name.endswith(ending)), None)
                file = None if found is None else archive.extractfile(found)
                return b"" if file is None else file.read()

            text, listed = read("/PKG-INFO"), read(".egg-info/requires.txt")
    except tarfile.TarError as error:
        raise BuildError("build-not-allowed", f"{filename} is no archive that can be looked into") from error
    if not text:
        raise BuildError("build-not-allowed", f"only a build can tell what {filename} requires")
    metadata = parse_metadata(text, where=filename)
    if metadata.requirements or not listed:
        return metadata
    requirements, section = [], ""
    for line in listed.decode("utf-8", "replace").splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        elif line.strip():
            extra, _, marker = section.partition(":")
            clauses = [f"({marker})"] if marker else []
            clauses += [f'extra == "{extra}"'] if extra else []
            requirements.append(_requirement(f"{line} ; {' and '.join(clauses)}" if clauses else line))
    return replace(metadata, requirements=tuple(dependency_from(one) for one in requirements if one))


# Solving -----------------------------------------------------------------------------------------


def solve_case(case: Case) -> Answer:
    target = make_target("linux-x86_64", case.python)
    shelf = Shelf(case.catalog, {})
    universe = Universe(case.request, target, shelf)
    wants = distinct_wants(find_roots(universe))
    began = time.process_time()
    with count_conflicts() as conflicts:
        found = find(universe, wants, lowest=HIGHEST, advance=_ignore)
    seconds = time.process_time() - began
    visited = len(universe.tried())
    if isinstance(found, Refutation):
        named = {one.want.name for one in found.statements if isinstance(one, Required)}
        return Answer("PubGrub", seconds, visited, conflicts[0], None, frozenset(named), found.gave_up)
    reached = reach(universe, found, wants)
    check(universe, found, reached, wants)
    picks = {name: str(universe.listing(name).versions[found[name]]) for name in reached}
    again = Universe(case.request, target, shelf)
    for link, one in (("walk", walk), ("resolvelib", search)):
        if one(again, wants, lowest=HIGHEST, advance=_ignore) is not None:
            return Answer(link, seconds, visited, conflicts[0], picks)
    return Answer("PubGrub", seconds, visited, conflicts[0], picks)


@contextmanager
def count_conflicts() -> Iterator[list[int]]:
    """Count what PubGrub learns from, in a list of one number."""
    found = [0]
    learn = Deduction.learn

    def count(deduction: Deduction, broken: Incompatibility) -> Incompatibility | None:
        found[0] += 1
        return learn(deduction, broken)

    with patch.object(Deduction, "learn", count):
        yield found


def _ignore(name: str) -> None:
    pass


def judge(case: Case, answer: Answer) -> tuple[str, bool]:
    """Say how an answer compares with what is expected, and whether that is well."""
    if answer.gave_up:
        return "gave up", False
    if answer.picks is None:
        if case.blamed is not None:
            return "impossible, as expected", True
        return "impossible", case.expected is None
    if case.blamed is not None:
        return "solved, and a conflict is expected", case.name in _CIRCLES
    if case.expected is None:
        return "solved", True
    expected = {name: Version(text) for name, text in case.expected.items()}
    found = {name: Version(text) for name, text in answer.picks.items()}
    if found == expected:
        return "as expected", True
    differing = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    return f"solved otherwise: {', '.join(differing)}", case.name in _CIRCLES | _MARKED


class OutOfTimeError(Exception):
    pass


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise OutOfTimeError

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="where the collections lie")
    parser.add_argument("--live", action="store_true", help="also cases that need the public index")
    parser.add_argument("--only", default="*", metavar="GLOB", help="names of cases to solve")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for each solve")
    options = parser.parse_args()
    read = read_cases(options.folder, live=options.live)
    cases = [case for case in read if fnmatch.fnmatch(case.name, options.only)]
    failed = 0
    print("| case | answer | by | CPU | releases visited | conflicts | theirs |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for case in cases:
        try:
            with time_limit(options.patience):
                answer = solve_case(case)
        except (EnvctlError, OutOfTimeError) as error:
            print(f"| {case.name} | {str(error) or 'out of time'} | | | | | {case.theirs} |", flush=True)
            continue
        verdict, well = judge(case, answer)
        failed += not well
        print(
            f"| {case.name} | {verdict} | {answer.link} | {answer.seconds:.2f} s | {answer.visited} "
            f"| {answer.conflicts} | {case.theirs} |",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Where a locked file is fetched: its URL, its index, its mirror, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from envctl.errors import UpstreamError
from envctl.index.location import Origin
from envctl.index.locked import Whereabouts
from envctl.index.served import Served
from envctl.model.artifact import Sdist, Wheel
from envctl.resolve.port import ListedFile
from support.universes import DictProject, Release

LOCKED = "https://files.example/1/alpha-1.0-py3-none-any.whl"
LISTED = "https://moved.example/2/alpha-1.0-py3-none-any.whl"
DIGEST = "a" * 64
MAIN = Served(name="main", url="https://index.example/simple/", flat=False, packages=())
OTHER = Served(name="other", url="https://other.example/simple/", flat=False, packages=())


class OneFile(DictProject):
    """`alpha` 1.0 with one file, at `LISTED`."""

    def __init__(self, hashes: Mapping[str, str], filename: str = "alpha-1.0-py3-none-any.whl") -> None:
        super().__init__("alpha", {"1.0": Release()})
        self.file = ListedFile(filename=filename, url=LISTED, hashes=hashes)

    def files(self, version: Any) -> list[ListedFile]:
        return [self.file]


class Trip:
    """What is asked, in order, while one file is fetched; ``fail`` maps URLs and index names to codes."""

    def __init__(
        self,
        *,
        fail: Mapping[str, str] | None = None,
        project: Any = None,
        mirrored: bool = False,
        gone: set[Origin] | None = None,
        file: Wheel | Sdist | None = None,
    ) -> None:
        self.asked: list[str] = []
        self.fail = fail or {}
        self.project = project
        self.gone = set() if gone is None else gone
        self.places = Whereabouts(
            file or Wheel(filename="alpha-1.0-py3-none-any.whl", url=LOCKED, hashes={"sha256": DIGEST}, index="main"),
            serving=lambda name, index: [MAIN],
            ask=self.ask,
            mirrors={"main": "https://mirror.example/"} if mirrored else {},
            gone=self.gone,
        )  # fmt: skip

    def ask(self, served: Served, name: str) -> Any:
        self._note(served.name)
        return self.project

    def go(self) -> str:
        def fetch(url: str) -> str:
            self._note(url)
            return url

        return self.places.fetch(fetch)

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fail:
            raise UpstreamError(self.fail[what], f"no {what}")


SAME = OneFile({"sha256": DIGEST})


def test_the_locked_url_is_asked_alone_while_it_has_the_file() -> None:
    trip = Trip(project=SAME)

    assert trip.go() == LOCKED
    assert trip.asked == [LOCKED]


def test_a_mirror_is_asked_first() -> None:
    trip = Trip(project=SAME, mirrored=True)

    assert trip.go() == LISTED
    assert trip.asked == ["main", LISTED]


@pytest.mark.parametrize(
    "code", ["index-error", "index-unreachable", "no-such-file", "timeout", "tls-failed", "truncated"]
)
def test_what_is_not_there_is_looked_for_on_the_index(code: str) -> None:
    trip = Trip(project=SAME, fail={LOCKED: code})

    assert trip.go() == LISTED
    assert trip.asked == [LOCKED, "main", LISTED]


@pytest.mark.parametrize("code", ["hash-mismatch", "size-mismatch", "weak-hash", "offline", "bad-redirect"])
def test_what_is_wrong_with_the_file_itself_is_told_at_once(code: str) -> None:
    trip = Trip(project=SAME, fail={LOCKED: code})

    with pytest.raises(UpstreamError) as caught:
        trip.go()

    assert (caught.value.code, trip.asked) == (code, [LOCKED])


@pytest.mark.parametrize(
    "project",
    [None, OneFile({"sha256": "b" * 64}), OneFile({"sha256": DIGEST}, filename="alpha-1.0-1-py3-none-any.whl")],
    ids=["no project", "another digest", "another name"],
)  # fmt: skip
@pytest.mark.parametrize("mirrored", [True, False], ids=["mirror", "no mirror"])
def test_an_index_that_has_no_such_file_is_passed_over(project: Any, mirrored: Any) -> None:
    trip = Trip(project=project, mirrored=mirrored, fail={} if mirrored else {LOCKED: "index-error"})

    if mirrored:
        assert trip.go() == LOCKED
    else:
        with pytest.raises(UpstreamError, match=f"no {LOCKED}"):
            trip.go()
    assert LISTED not in trip.asked


def test_an_index_that_gives_no_digest_may_have_the_file() -> None:
    """What it has is hashed when it arrives."""
    assert Trip(project=OneFile({}), fail={LOCKED: "index-error"}).go() == LISTED


def test_the_error_of_the_first_place_is_told() -> None:
    trip = Trip(project=SAME, fail={LOCKED: "index-error", "main": "index-unreachable"})

    with pytest.raises(UpstreamError, match=f"no {LOCKED}"):
        trip.go()


def test_a_mirror_that_fails_does_not_hide_the_locked_url() -> None:
    assert Trip(project=SAME, mirrored=True, fail={"main": "index-unreachable"}).go() == LOCKED


def test_one_url_is_not_asked_twice() -> None:
    project = OneFile({"sha256": DIGEST})
    project.file = ListedFile(filename=project.file.filename, url=LOCKED, hashes={})
    trip = Trip(project=project, fail={LOCKED: "index-error"})

    with pytest.raises(UpstreamError):
        trip.go()

    assert trip.asked == [LOCKED, "main"]


def test_a_host_that_is_gone_is_asked_last_from_then_on() -> None:
    gone: set[Origin] = set()
    Trip(project=SAME, fail={LOCKED: "index-unreachable"}, gone=gone).go()

    second = Trip(project=SAME, gone=gone)

    assert second.go() == LISTED
    assert second.asked == ["main", LISTED]


def test_a_file_without_a_url_is_asked_of_its_index() -> None:
    wheel = Wheel(filename="alpha-1.0-py3-none-any.whl", hashes={"sha256": DIGEST}, index="main")

    assert Trip(project=SAME, file=wheel).go() == LISTED


@pytest.mark.parametrize("filename", ["alpha", "alpha.tar.gz", "alpha-one.tar.gz"])
def test_a_file_whose_name_says_nothing_has_its_url_alone(filename: str) -> None:
    sdist = Sdist(filename=filename, url=LOCKED, hashes={"sha256": DIGEST}, index="main")

    assert Trip(project=SAME, file=sdist).go() == LOCKED
    with pytest.raises(UpstreamError, match=f"no {LOCKED}"):
        Trip(project=SAME, file=sdist, fail={LOCKED: "index-error"}).go()


def find_serving(name: str, index: str | None, *, pinned: Mapping[str, str] | None = None) -> list[str]:
    from envctl.index.pages import Pages

    never: Callable[..., Any] = lambda *_: None  # noqa: E731 - nothing of it is called
    pages = Pages(
        [MAIN, OTHER], pinned or {}, cache=never, fetcher=never, offline=True, clock=never  # type: ignore[arg-type]
    )  # fmt: skip
    return [served.name for served in pages.serving(name, index)]


def test_the_index_that_the_lock_names_is_asked() -> None:
    assert find_serving("alpha", "other") == ["other"]


def test_where_the_lock_names_none_that_there_is_those_are_asked_that_may_serve_the_name() -> None:
    assert find_serving("alpha", None) == ["main", "other"]
    assert find_serving("alpha", "unheard-of", pinned={"alpha": "other"}) == ["other"]

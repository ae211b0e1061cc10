"""Where a lock says that its files are, when they came through a mirror."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.pylock import PackageWheel

from envctl.lock.lock import Lock
from envctl.lock.parse import parse
from envctl.lock.places import Places
from envctl.manifest.sources import DEFAULT_INDEX
from envctl.model.artifact import Wheel

INDEX = "https://index.example/simple/"
MIRROR = "https://robot:secret@mirror.example/copies/simple"


def digest(name: str) -> str:
    return name[0] * 64


def wheel(name: str, url: str, *, index: str = "main") -> Wheel:
    return Wheel(
        filename=f"{name}-1.0-py3-none-any.whl", url=url, hashes={"sha256": digest(name)}, index=index
    )


def locked(*places: tuple[str, str], ours: bool = True) -> Lock:
    """A lock of one wheel for each name, at the URL that is given with it."""
    text = 'lock-version = "1.0"\ncreated-by = "x"\n'
    for name, url in places:
        text += (
            f'[[packages]]\nname = "{name}"\nversion = "1.0"\n'
            f'wheels = [{{ name = "{name}-1.0-py3-none-any.whl", url = "{url}", size = 7, '
            f'hashes = {{ sha256 = "{digest(name)}" }} }}]\n'
        )
    own = '[tool.envctl]\ndigest = "sha256:1"\n' if ours else ""
    packages = "" if places else "packages = []\n"
    return parse((text + packages + own).encode(), path="/p/pylock.toml")


def places(old: Lock | None = None, *, index: str = INDEX, mirror: str | None = MIRROR) -> Places:
    return Places(old, indexes={"main": index}, mirrors={} if mirror is None else {"main": mirror})


@pytest.mark.parametrize(
    ("mirror", "url", "own"),
    [
        (MIRROR, "https://mirror.example/copies/simple/a/a.whl", "https://index.example/simple/a/a.whl"),
        (MIRROR, "https://mirror.example/copies/packages/a.whl", None),
        (MIRROR, "https://mirror.example/copies/simple-other/a.whl", None),
        (MIRROR, "https://files.example/a/a.whl", None),
        ("/srv/mirror", "file:///srv/mirror/a/a.whl", "https://index.example/simple/a/a.whl"),
        (None, "https://mirror.example/copies/simple/a/a.whl", None),
    ],
    ids=[
        "below its base",
        "beside its base",
        "beside, with its beginning",
        "elsewhere",
        "a folder",
        "no mirror",
    ],
)
def test_what_lies_below_a_mirror_lies_below_its_index(mirror: Any, url: str, own: str | None) -> None:
    assert places(mirror=mirror).own_url(url, "main") == (own or url)


def test_the_public_index_has_no_files_below_its_base() -> None:
    url = "https://mirror.example/copies/simple/a/a.whl"

    assert places(index=DEFAULT_INDEX.url).own_url(url, "main") == url


def test_another_index_is_not_meant() -> None:
    url = "https://mirror.example/copies/simple/a/a.whl"

    assert places().own_url(url, "other") == url
    assert places().own_url(url, None) == url


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://files.example/a.whl?X-Amz-Signature=1&X-Amz-Expires=2", "https://files.example/a.whl"),
        ("https://files.example/a.whl?sig=1", "https://files.example/a.whl"),
        ("https://files.example/a.whl?access_token=", "https://files.example/a.whl"),
        ("https://files.example/get?file=a.whl", "https://files.example/get?file=a.whl"),
        ("https://files.example/a.whl", "https://files.example/a.whl"),
    ],
)
def test_a_signature_is_not_written(url: str, written: str) -> None:
    assert places().own_url(url, "main") == written


class TestWhatTheOldLockTells:
    OLD = (("a", "https://files.example/packages/11/22/a.whl"),)

    def test_where_files_of_a_mirror_lie_on_the_index(self) -> None:
        chosen = places(locked(*self.OLD))

        chosen.learn([wheel("a", "https://mirror.example/pool/packages/11/22/a.whl")])

        assert (
            chosen.own_url("https://mirror.example/pool/packages/33/44/b.whl", "main")
            == "https://files.example/packages/33/44/b.whl"
        )

    def test_that_an_index_has_no_files_below_its_base(self) -> None:
        chosen = places(locked(*self.OLD))

        chosen.learn([wheel("a", "https://mirror.example/copies/simple/a/a.whl")])

        url = "https://mirror.example/copies/simple/c/c.whl"
        assert chosen.own_url(url, "main") == url

    def test_nothing_where_files_disagree(self) -> None:
        chosen = places(locked(*self.OLD, ("b", "https://files.example/packages/33/44/b.whl")))

        chosen.learn(
            [
                wheel("a", "https://mirror.example/pool/packages/11/22/a.whl"),
                wheel("b", "https://mirror.example/pool/by-name/44/b.whl"),
            ]
        )

        url = "https://mirror.example/pool/packages/55/66/c.whl"
        assert chosen.own_url(url, "main") == url

    def test_nothing_where_files_share_their_name_only(self) -> None:
        chosen = places(locked(*self.OLD))

        chosen.learn([wheel("a", "https://mirror.example/pool/a/1.0/a.whl")])

        url = "https://mirror.example/pool/c/1.0/c.whl"
        assert chosen.own_url(url, "main") == url

    def test_nothing_of_an_index_that_has_no_mirror(self) -> None:
        chosen = places(locked(*self.OLD), mirror=None)

        chosen.learn([wheel("a", "https://moved.example/packages/11/22/a.whl")])

        url = "https://moved.example/packages/33/44/b.whl"
        assert chosen.own_url(url, "main") == url

    def test_a_file_that_the_mirror_leaves_where_it_is_tells_nothing(self) -> None:
        chosen = places(locked(*self.OLD))

        chosen.learn(
            [wheel("a", self.OLD[0][1]), wheel("a", "https://mirror.example/x/packages/11/22/a.whl")]
        )

        assert (
            chosen.own_url("https://mirror.example/x/packages/1.whl", "main")
            == "https://files.example/packages/1.whl"
        )


class TestLines:
    def test_envctl_keeps_its_own_line_of_a_file_whole(self) -> None:
        kept = places(locked(("a", "https://files.example/a.whl"))).kept_line(
            "a-1.0-py3-none-any.whl", {"md5": "0" * 32, "sha256": digest("a")}
        )

        assert isinstance(kept, PackageWheel)
        assert (kept.url, kept.size) == ("https://files.example/a.whl", 7)

    @pytest.mark.parametrize(
        ("filename", "hashes"),
        [
            ("a-1.0-py3-none-any.whl", {"sha256": "0" * 64}),
            ("a-1.0-py3-none-any.whl", {"sha512": digest("a")}),
            ("b-1.0-py3-none-any.whl", {"sha256": digest("a")}),
        ],
        ids=["another digest", "another algorithm", "another name"],
    )
    def test_another_file_gets_a_line_of_its_own(self, filename: str, hashes: Any) -> None:
        assert places(locked(("a", "https://files.example/a.whl"))).kept_line(filename, hashes) is None

    def test_the_same_bytes_under_two_names_are_two_files(self) -> None:
        old = locked(("a", "https://files.example/a.whl"), ("also", "https://files.example/also.whl"))
        chosen, hashes = places(old), {"sha256": digest("a")}

        assert chosen.kept_url("a-1.0-py3-none-any.whl", hashes) == "https://files.example/a.whl"
        assert chosen.kept_url("also-1.0-py3-none-any.whl", hashes) == "https://files.example/also.whl"

    def test_of_another_tools_lock_the_url_alone_is_kept(self) -> None:
        chosen = places(locked(("a", "https://files.example/a.whl"), ours=False))

        assert chosen.kept_line("a-1.0-py3-none-any.whl", {"sha256": digest("a")}) is None
        assert (
            chosen.kept_url("a-1.0-py3-none-any.whl", {"sha256": digest("a")})
            == "https://files.example/a.whl"
        )

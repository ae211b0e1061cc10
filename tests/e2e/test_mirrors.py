"""A mirror is a matter of one machine: it changes where bytes come from, and nothing that others see."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.conftest import publish_basics
from support.backends import BACKEND
from support.project import Project
from support.server import IndexServer
from support.wheels import make_sdist


@pytest.fixture
def shop(make_project: Callable[..., Project]) -> Project:
    """A project that declares `alpha`, which needs `beta`, with a cache of its own."""
    project = make_project(fresh_cache=True)
    publish_basics(project)
    project.write_manifest("alpha")
    return project


@pytest.fixture
def mirror(shop: Project) -> Iterator[IndexServer]:
    """Another server with the same files; of what PEP 700 adds it says nothing."""
    with IndexServer(shop.index.folder, max_age=0, sizes=False) as index:
        yield index


def behind(project: Project, mirror: IndexServer, *, user: str = "") -> dict[str, str]:
    """Make the variables of a machine whose settings name a mirror."""
    url = mirror.url.replace("://", f"://{user}@") if user else mirror.url
    path = os.path.join(project.cache, "config.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'[mirrors]\nloop = "{url}"\n')
    return {"ENVCTL_CONFIG": path}


def lines_of_files(project: Project) -> dict[str, str]:
    """Give the lines of a lock that say what a file is, by the file's name."""
    found = re.findall(r'^ *(\{ name = "([^"]+)", url.*)$', project.read("pylock.toml"), re.MULTILINE)
    return {name: line for line, name in found}


class TestLock:
    @pytest.mark.parametrize("api", ["json", "html"])
    def test_made_again_behind_a_mirror_it_changes_no_line_of_a_file(
        self, shop: Project, mirror: IndexServer, api: str
    ) -> None:
        shop.succeed("lock")
        before = lines_of_files(shop)
        shop.write_manifest("alpha", "gamma")
        mirror.json = api == "json"

        shop.succeed("lock", environ=behind(shop, mirror))

        after = lines_of_files(shop)
        assert after.keys() - before.keys() == {"gamma-1.0-py3-none-any.whl"}
        assert {name: after[name] for name in before} == before

    def test_made_first_behind_a_mirror_it_differs_only_in_urls(
        self, shop: Project, mirror: IndexServer
    ) -> None:
        mirror.sizes = True
        shop.succeed("lock")
        plain = shop.read("pylock.toml")
        os.unlink(shop.path("pylock.toml"))

        shop.succeed("lock", environ=behind(shop, mirror))

        assert shop.read("pylock.toml").replace(mirror.origin, shop.index.origin) == plain

    def test_new_files_get_the_urls_of_the_index_where_the_lock_tells_what_they_are(
        self, shop: Project, mirror: IndexServer
    ) -> None:
        shop.succeed("lock")
        shop.write_manifest("alpha", "gamma")

        shop.succeed("lock", environ=behind(shop, mirror))

        text = shop.read("pylock.toml")
        assert mirror.origin not in text
        assert f'"{shop.index.file_url("gamma-1.0-py3-none-any.whl")}"' in text

    def test_machines_with_and_without_a_mirror_use_one_lock_in_turn(
        self, shop: Project, mirror: IndexServer
    ) -> None:
        mirrored = behind(shop, mirror)
        shop.succeed("lock", environ=mirrored)
        first = shop.read("pylock.toml")
        shop.write_manifest("alpha", "gamma")
        shop.succeed("lock")
        second = shop.read("pylock.toml")

        for environ in (mirrored, {}, mirrored):
            assert shop.run("lock", "--check", environ=environ).code == 0
            assert shop.succeed("lock", "--upgrade", "--json", environ=environ).json["changes"] == []
            assert shop.read("pylock.toml") == second
        shop.write_manifest("alpha")
        shop.succeed("lock", environ=mirrored)
        assert shop.read("pylock.toml") == first

    def test_check_is_the_same_behind_any_mirror(self, shop: Project, mirror: IndexServer) -> None:
        shop.succeed("lock")
        environ = behind(shop, mirror)
        shop.index.stop()
        mirror.stop()

        assert shop.run("lock", "--check", environ=environ).code == 0

    def test_credentials_of_a_mirror_are_not_written(self, shop: Project, mirror: IndexServer) -> None:
        mirror.credentials = ("robot", "s3cret-word")

        shop.succeed("apply", environ=behind(shop, mirror, user="robot:s3cret-word"))

        for parent, _, files in os.walk(shop.folder):
            for name in files:
                with open(os.path.join(parent, name), "rb") as file:
                    assert b"s3cret-word" not in file.read()


class TestApply:
    def test_a_machine_with_a_mirror_asks_nobody_else(self, shop: Project, mirror: IndexServer) -> None:
        shop.succeed("lock")
        shop.index.requests.clear()

        shop.succeed("apply", environ=behind(shop, mirror))

        assert shop.index.requests == []
        assert shop.installed() == {"alpha": "1.0", "beta": "1.0"}
        assert "/files/beta-1.0-py3-none-any.whl" in mirror.paths()

    def test_a_lock_made_behind_a_mirror_is_installed_without_it(
        self, shop: Project, mirror: IndexServer
    ) -> None:
        shop.succeed("lock", environ=behind(shop, mirror))
        before = shop.read("pylock.toml")
        assert mirror.origin in before
        mirror.stop()

        result = shop.succeed("apply", "--locked", "-v")

        assert shop.installed() == {"alpha": "1.0", "beta": "1.0"}
        assert shop.read("pylock.toml") == before
        assert f"`beta-1.0-py3-none-any.whl` is taken from `{shop.index.origin}/files/" in result.err

    @pytest.mark.parametrize("status", [404, 410, 403, 0], ids=["not found", "gone", "refused", "no answer"])
    def test_a_file_that_moved_is_found_through_its_index(
        self, shop: Project, mirror: IndexServer, status: int
    ) -> None:
        shop.succeed("lock")
        shop.index.fail["/files/*.whl"] = status
        shop.index.files_url = f"{mirror.origin}/files/"

        shop.succeed("apply", "--locked")

        assert shop.installed() == {"alpha": "1.0", "beta": "1.0"}

    def test_what_the_mirror_does_not_have_comes_from_its_locked_url(
        self, shop: Project, mirror: IndexServer
    ) -> None:
        shop.succeed("lock")
        mirror.fail["/simple/beta/"] = 404

        shop.succeed("apply", "--locked", environ=behind(shop, mirror))

        assert shop.installed() == {"alpha": "1.0", "beta": "1.0"}
        assert "/files/beta-1.0-py3-none-any.whl" not in mirror.paths()

    def test_another_file_of_that_name_on_the_mirror_is_passed_over(
        self, shop: Project, mirror: IndexServer
    ) -> None:
        shop.succeed("lock")
        mirror.folder = os.path.join(shop.cache, "forged")
        Project(folder=shop.folder, cache=shop.cache, index=mirror).publish(
            "beta", "1.0", files={"beta/__init__.py": "raise SystemExit('forged')\n"}
        )

        shop.succeed("apply", "--locked", environ=behind(shop, mirror))

        assert shop.python("import beta; print(beta.__version__)") == "1.0\n"

    def test_bytes_that_are_others_than_the_locked_ones_are_refused_at_once(self, shop: Project) -> None:
        shop.succeed("lock")
        shop.publish("beta", "1.0", files={"beta/__init__.py": "raise SystemExit('forged')\n"})
        shop.index.requests.clear()

        result = shop.run("apply", "--locked")

        assert (result.code, result.codes) in [(1, ["hash-mismatch"]), (1, ["size-mismatch"])]
        assert "/simple/beta/" not in shop.index.paths()

    def test_a_file_that_is_nowhere_is_told_of_the_place_that_the_lock_names(self, shop: Project) -> None:
        shop.succeed("lock")
        os.unlink(os.path.join(shop.index.folder, "beta-1.0-py3-none-any.whl"))

        result = shop.run("apply", "--locked")

        assert (result.code, result.codes) == (1, ["index-error"])
        assert "answers 404 for" in result.err
        assert shop.index.file_url("beta-1.0-py3-none-any.whl") in result.err

    def test_a_source_distribution_is_looked_for_like_a_wheel(
        self, shop: Project, mirror: IndexServer
    ) -> None:
        pyproject = (
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            '[project]\nname = "delta"\nversion = "1.0"\n'
        )
        files = {"backend.py": BACKEND, "src/delta.py": ""}
        make_sdist(shop.index.folder, "delta", "1.0", pyproject=pyproject, files=files)
        shop.write_manifest("delta", rest='[build]\nallow = ["delta"]')
        shop.succeed("lock")
        shop.index.fail["/files/*"] = 404

        shop.succeed("apply", "--locked", environ=behind(shop, mirror))
        assert shop.installed() == {"delta": "1.0"}

    def test_a_signed_url_is_locked_without_its_signature_and_asked_for_again(self, shop: Project) -> None:
        shop.index.core_metadata = False
        describe = shop.index.describe

        def sign(filename: str) -> dict[str, Any]:
            entry = describe(filename)
            return entry | {"url": f"{entry['url']}?X-Amz-Signature=s3cret-word"}

        shop.index.describe = sign  # type: ignore[method-assign]
        shop.succeed("lock")
        assert "s3cret-word" not in shop.read("pylock.toml")
        shop.index.fail = {"/files/beta-1.0-py3-none-any.whl": (403, 1)}

        shop.succeed("apply", "--locked")

        assert "/files/beta-1.0-py3-none-any.whl?X-Amz-Signature=s3cret-word" in shop.index.paths()

    def test_a_lock_of_another_tool_is_fetched_through_the_mirror_too(
        self, shop: Project, mirror: IndexServer
    ) -> None:
        shop.succeed("lock")
        text = re.sub(r"\n\[packages\.tool\.envctl\]\n(?:.+\n)+", "\n", shop.read("pylock.toml"))
        shop.write("pylock.other.toml", text)
        assert 'index = "loop"' not in text
        shop.index.stop()

        shop.succeed("apply", "--from", "pylock.other.toml", environ=behind(shop, mirror))

        assert shop.installed() == {"alpha": "1.0", "beta": "1.0"}

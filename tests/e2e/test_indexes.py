"""What indexes are like and what they say: folders and pages, versions of the API, statuses, times."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import publish_basics
from support.project import PYTHON, Project

BASICS = {"alpha": "1.0", "beta": "1.0"}


@pytest.fixture
def shop(make_project: Callable[..., Project]) -> Project:
    """A project that declares `alpha`, which needs `beta`, with a cache of its own."""
    project = make_project(fresh_cache=True)
    publish_basics(project)
    project.write_manifest("alpha")
    return project


def declare(project: Project, *lines: str) -> None:
    """Write a manifest with one index of these lines."""
    head = [f'python = "{PYTHON}"', 'dependencies = ["alpha"]', "[[index]]", 'name = "here"']
    project.write("env.toml", "\n".join([*head, *lines, ""]))


def locked_files(project: Project, name: str) -> Any:
    packages = tomllib.loads(project.read("pylock.toml"))["packages"]
    (package,) = (each for each in packages if each["name"] == name)
    return package["wheels"]


# Folders and pages


def links(project: Project, *, absolute: bool) -> bytes:
    """Write a page with a link to every file, as people write them."""
    names = sorted(os.listdir(project.index.folder))
    base = f"{project.index.origin}/files/" if absolute else "files/"
    return "\n".join(f'<p><a href="{base}{name}">{name}</a>' for name in names).encode()


def test_a_page_of_links_on_a_server(shop: Project) -> None:
    shop.index.pages["/downloads.html"] = ("text/html; charset=utf-8", links(shop, absolute=False))
    declare(shop, f'url = "{shop.index.origin}/downloads.html"', "flat = true")

    shop.succeed("apply")

    assert shop.installed() == BASICS
    assert shop.index.paths().count("/downloads.html") == 1
    assert not any(path.startswith("/simple/") for path in shop.index.paths())


@pytest.fixture
def flat(shop: Project) -> Project:
    """The shop with a flat page on a server, which gives digests."""
    page = b"".join(map(shop.index.html_page, shop.index.projects()))
    shop.index.pages["/downloads.html"] = ("text/html", page)
    declare(shop, f'url = "{shop.index.origin}/downloads.html"', "flat = true")
    return shop


def test_a_page_of_links_on_a_server_serves_offline_and_is_asked_for_by_what_is_known_of_it(
    flat: Project,
) -> None:
    flat.succeed("apply")

    flat.succeed("lock", "--upgrade")

    asked = [headers for _, path, headers in flat.index.requests if path == "/downloads.html"]
    assert ["if-none-match" in headers for headers in asked] == [False, True]
    flat.index.stop()
    os.remove(flat.path("pylock.toml"))
    flat.succeed("apply", "--offline", "--reinstall", "alpha")
    assert flat.locked() == BASICS


@pytest.mark.parametrize("control", ["no-store", "max-age=600"])
def test_a_page_of_links_on_a_server_is_kept_as_it_says(flat: Project, control: str) -> None:
    flat.index.cache_control = control
    flat.succeed("lock")

    flat.succeed("lock", "--upgrade")
    offline = flat.run("lock", "--upgrade", "--offline")

    is_kept = control != "no-store"
    assert flat.index.paths().count("/downloads.html") == (1 if is_kept else 2)
    assert offline.code == (0 if is_kept else 1)


def test_a_damaged_page_of_links_in_the_cache_is_asked_for_again(flat: Project) -> None:
    flat.index.cache_control = "max-age=600"
    flat.succeed("lock")
    for path in (Path(flat.cache) / "envctl").glob("pages-*/*/*.page"):
        data = path.read_bytes()
        path.write_bytes(data.replace(b"alpha-1.0", b"alpha-9.0"))

    flat.succeed("lock", "--upgrade")

    assert flat.locked() == BASICS
    assert flat.index.paths().count("/downloads.html") == 2


def test_a_page_of_links_that_is_not_there_is_refused(shop: Project) -> None:
    declare(shop, f'url = "{shop.index.origin}/downloads.html"', "flat = true")

    assert shop.run("lock").codes == ["index-error"]


def test_a_page_of_links_that_is_a_file(shop: Project, tmp_path: Path) -> None:
    page = tmp_path / "downloads.html"
    page.write_bytes(links(shop, absolute=False))
    (tmp_path / "files").symlink_to(shop.index.folder)
    declare(shop, f'url = "{page.as_uri()}"', "flat = true")
    shop.index.stop()

    shop.succeed("apply")

    assert shop.installed() == BASICS


@pytest.mark.parametrize("page", ["index.html", "index.json", None])
def test_a_tree_of_pages_on_this_machine(shop: Project, tmp_path: Path, page: str | None) -> None:
    for name in shop.index.projects():
        folder = tmp_path / "simple" / name
        folder.mkdir(parents=True)
        for filename in shop.index.filenames(name):
            (folder / filename).symlink_to(os.path.join(shop.index.folder, filename))
        shop.index.files_url = f"{folder.as_uri()}/"
        if page is not None:
            make = shop.index.html_page if page == "index.html" else shop.index.json_page
            (folder / page).write_bytes(make(name))
    shop.index.stop()
    declare(shop, f'url = "{(tmp_path / "simple").as_uri()}/"')

    shop.succeed("apply")

    assert shop.installed() == BASICS


def test_a_folder_without_flat_is_refused_with_what_to_write(shop: Project) -> None:
    declare(shop, 'url = "../index"')

    result = shop.run("plan")

    assert (result.code, result.codes) == (65, ["bad-url"])
    assert "a folder of files needs `flat = true`" in result.err


# What pages say


@pytest.mark.parametrize("speaks", ["json", "html"])
def test_another_major_version_of_the_api_is_refused(shop: Project, speaks: str) -> None:
    shop.index.json = speaks == "json"
    shop.index.api_version = "2.0"

    result = shop.run("lock")

    assert (result.code, result.codes) == (1, ["bad-index-page"])
    assert "its API version is `2.0`" in result.err


def test_a_newer_minor_version_of_the_api_is_told_of(shop: Project) -> None:
    shop.index.api_version = "1.99"

    result = shop.succeed("lock")

    assert result.err.count("speaks a newer version of the Simple API") == 1


def test_sizes_and_times_are_in_the_lock(shop: Project) -> None:
    shop.succeed("lock")

    (wheel,) = locked_files(shop, "beta")
    assert wheel["size"] == os.path.getsize(os.path.join(shop.index.folder, wheel["name"]))
    assert wheel["upload-time"] == datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("speaks", ["json", "html"])
def test_metadata_that_is_not_what_its_page_promises_is_refused(shop: Project, speaks: str) -> None:
    shop.index.json = speaks == "json"
    shop.index.wrong_metadata_hash = {"beta-1.0-py3-none-any.whl"}

    result = shop.run("lock")

    assert (result.code, result.codes) == (1, ["metadata-hash-mismatch"])
    assert "beta-1.0-py3-none-any.whl" in result.err


def test_a_file_that_is_not_what_its_page_promises_is_refused(shop: Project) -> None:
    shop.index.wrong_hash = {"beta-1.0-py3-none-any.whl"}

    result = shop.run("apply")

    assert (result.code, result.codes) == (1, ["hash-mismatch"])
    assert not os.path.exists(shop.path(".venv"))


# Statuses


@pytest.mark.parametrize("speaks", ["json", "html"])
@pytest.mark.parametrize("status", ["archived", "deprecated"])
def test_a_project_without_a_future_is_warned_of(shop: Project, speaks: str, status: str) -> None:
    shop.index.json = speaks == "json"
    shop.index.statuses["beta"] = (status, "use gamma\x1b[31m instead")

    plan = shop.succeed("plan", "--json").json
    text = shop.succeed("apply")

    message = f"beta is {status}: use gamma\x1b[31m instead"
    assert [(each["rule"], each["mode"], each["message"]) for each in plan["policy"]] == [
        ("archived", "warn", message)
    ]
    assert f"beta is {status}: use gamma\\x1b[31m instead" in text.out
    assert shop.installed() == BASICS
    assert shop.succeed("plan").out == "No changes.\n"


def test_a_policy_may_refuse_such_projects_or_let_some_in(shop: Project) -> None:
    shop.index.statuses["beta"] = ("archived", "")
    shop.write_manifest("alpha", rest='[policy]\narchived = "enforce"')
    denied = shop.run("apply")
    shop.write_manifest("alpha", rest='[policy]\narchived = { mode = "enforce", allow = ["beta"] }')
    shop.succeed("apply")

    assert (denied.code, denied.codes) == (3, ["policy-denied"])
    assert "archived: beta is archived" in denied.err
    assert shop.installed() == BASICS


@pytest.mark.parametrize("speaks", ["json", "html"])
def test_a_project_in_quarantine_is_refused(shop: Project, speaks: str) -> None:
    shop.index.json = speaks == "json"
    shop.index.max_age = 600
    shop.index.statuses["beta"] = ("quarantined", "it steals passwords")

    first, cached = shop.run("lock"), shop.run("lock", "--offline")

    assert (first.code, first.codes) == (1, ["quarantined"])
    assert "the index `loop` has put `beta` into quarantine: it steals passwords" in first.err
    assert cached.codes == ["quarantined"]


@pytest.mark.parametrize("status", ["active", "something-new"])
def test_other_statuses_are_nothing_to_tell(shop: Project, status: str) -> None:
    shop.index.statuses["beta"] = (status, "")

    assert shop.succeed("plan", "--json").json["policy"] == []


# Uploads


def test_the_limit_of_an_index_is_for_what_it_serves(shop: Project) -> None:
    new = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    for name in ("alpha", "gamma"):
        shop.publish(name, "2.0")
        shop.index.upload_times[f"{name}-2.0-py3-none-any.whl"] = new
    lines = [f'python = "{PYTHON}"', 'dependencies = ["alpha", "gamma"]']
    lines += ["[[index]]", 'name = "slow"', f'url = "{shop.index.url}"', 'packages = ["alpha"]']
    lines += ['exclude-newer = "3 days"', "[[index]]", 'name = "quick"', f'url = "{shop.index.url}"']
    text = "\n".join([*lines, ""])
    found = {}
    for what, rest in {
        "of the index": "",
        "of a project": "[lock]\nexclude-newer = { alpha = false, gamma = '2 days' }\n",
        "of all, and none of the index": "[lock]\nexclude-newer = '3 days'\n",
    }.items():
        shop.write("env.toml", text + rest)
        if what.startswith("of all"):
            shop.write("env.toml", text.replace('"3 days"', "false") + rest)
        stale = shop.run("lock", "--check").code
        shop.run("lock", "--upgrade")
        found[what] = (stale, shop.locked()["alpha"], shop.locked()["gamma"])

    assert found == {
        "of the index": (3, "1.0", "2.0"),
        "of a project": (3, "2.0", "1.0"),
        "of all, and none of the index": (3, "2.0", "1.0"),
    }
    assert "index-exclude-newer" in shop.read("pylock.toml")


def test_a_release_too_new_for_its_index_is_told_with_the_index(shop: Project) -> None:
    shop.publish("gamma", "2.0")
    shop.index.upload_times["gamma-2.0-py3-none-any.whl"] = (
        datetime.now(UTC) - timedelta(days=1)
    ).isoformat()
    text = shop.read("env.toml").replace('["alpha"]', '["gamma>=2"]')
    shop.write("env.toml", text + 'exclude-newer = "3 days"\n')

    result = shop.run("lock")

    assert result.code == 1
    assert "gamma 2.0 does not count because of `exclude-newer`: uploaded" in result.err
    assert "`[lock] exclude-newer = { gamma = false }`" in result.err
    assert "`[[index]] exclude-newer` of the index loop lets it in" in result.err


# Priorities


def test_an_index_that_has_a_name_hides_it_in_all_others_even_when_it_fails(
    shop: Project, make_project: Callable[..., Project]
) -> None:
    other = make_project()
    other.publish("beta", "9.0")
    shop.write_manifest("alpha", rest=f'[[index]]\nname = "other"\nurl = "{other.index.url}"')
    shop.index.fail["/simple/beta/"] = 403

    result = shop.run("lock")

    assert result.codes == ["index-error"]
    assert "index `loop` answers 403" in result.err
    assert other.index.requests == []


def test_where_a_package_comes_from_is_in_the_lock_and_stays(
    shop: Project, make_project: Callable[..., Project]
) -> None:
    other = make_project()
    other.publish("delta", "1.0")
    shop.write_manifest("alpha", "delta", rest=f'[[index]]\nname = "other"\nurl = "{other.index.url}"')

    shop.succeed("apply")

    packages = {each["name"]: each for each in tomllib.loads(shop.read("pylock.toml"))["packages"]}
    assert packages["delta"]["index"] == other.index.url
    assert packages["alpha"]["index"] == shop.index.url
    assert packages["delta"]["tool"]["envctl"]["index"] == "other"


# Digests


@pytest.mark.parametrize("algorithms", [(), ("md5",)], ids=["none", "md5"])
def test_an_index_that_proves_nothing_is_believed_once(shop: Project, algorithms: tuple[str, ...]) -> None:
    shop.index.hash_algorithms = algorithms
    first = shop.succeed("lock")
    before = shop.read("pylock.toml")
    shop.index.requests.clear()
    shop.write_manifest("alpha", "gamma")
    second = shop.succeed("lock")
    shop.succeed("apply", "--locked")

    assert "`loop` gives no digests that prove anything: fetching 2 files to compute them" in first.err
    assert "fetching 1 file to" in second.err
    assert before.count("sha256 = ") == 2
    assert shop.installed() == {**BASICS, "gamma": "1.0"}
    shop.publish("beta", "1.0", files={"beta/__init__.py": "raise SystemExit('forged')\n"})
    shop.succeed("destroy", "--yes")
    assert shop.run("apply", "--locked", "--no-cache").codes[0] in {"hash-mismatch", "size-mismatch"}


def test_a_weak_digest_has_to_fit_all_the_same(shop: Project) -> None:
    shop.index.hash_algorithms = ("md5",)
    shop.index.wrong_hash = {"beta-1.0-py3-none-any.whl"}

    assert shop.run("lock").codes == ["hash-mismatch"]

"""Programs that write into environments, as they are: one environment, one program after the other.

All of it is done by a user who is not root, in an environment that this user made.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.backends import make_tree
from support.project import PYTHON, find_command
from support.users import as_plain_user

pytestmark = [pytest.mark.network, pytest.mark.slow]

SITE = f"lib/python{PYTHON}/site-packages"
WANTED = ["alembic", "certifi", "fast", "idna", "ipykernel", "nltk", "numba", "pytest"]
FAST = "from numba import njit\n\n\n@njit(cache=True)\ndef double(x):\n    return 2 * x\n"
INDEX = (
    '<?xml version="1.0"?><nltk_data><packages>'
    '<package id="words" name="Words" subdir="corpora" unzip="1" size="{size}" unzipped_size="5"'
    ' checksum="{checksum}" url="{url}/words.zip" /></packages><collections /></nltk_data>'
)


class Writers:
    """The project of somebody who runs programs from its environment."""

    def __init__(self, place: Path) -> None:
        self.prefix = as_plain_user()
        self.place = place
        self.folder = place / "shop"
        self.folder.mkdir()
        make_tree(os.fspath(self.folder / "fast"), "fast", dependencies=("numba",), code=FAST)
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "ENVCTL_"))
        }
        for name in ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"):
            kept.pop(name, None)
        self.environ = kept | {
            "ENVCTL_CACHE_DIR": os.fspath(place / "cache"),
            "HOME": os.fspath(place),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": os.fspath(place / "uv"),
        }
        self.declare()

    def declare(self, *more: str) -> None:
        text = f'python = "{PYTHON}"\ndependencies = {json.dumps([*WANTED, *more])}\n'
        text += '[sources]\nfast = { path = "fast" }\n'
        (self.folder / "env.toml").write_text(text)

    def call(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            [*self.prefix, *command],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == code, f"{command} exited {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def tool(self, name: str, *arguments: str) -> str:
        return self.call(os.fspath(self.folder / ".venv" / "bin" / name), *arguments)

    def pip(self, *arguments: str) -> str:
        quiet = ("--isolated", "--disable-pip-version-check", "-q")
        return self.call(sys.executable, "-m", "pip", "--python", ".venv", *arguments, *quiet)

    def uv(self, *arguments: str) -> str:
        uv = os.path.join(os.path.dirname(sys.executable), "uv")
        return self.call(uv, "--no-config", "pip", *arguments, "--python", ".venv", "-q")

    def envctl(self, *arguments: str, code: int = 0) -> str:
        return self.call(*find_command(), *arguments, code=code)

    def drift(self) -> set[tuple[str, str, str]]:
        document: Any = json.loads(self.envctl("plan", "--json"))
        return {(each["address"], each["kind"], each["path"]) for each in document["drift"]}

    def demand_nothing(self) -> None:
        assert self.drift() == set()
        assert self.envctl("plan", "--detailed-exitcode") == "No changes.\n"

    def mend(self) -> None:
        self.envctl("apply", "-q")
        self.envctl("plan", "--detailed-exitcode", "--verify", "hash")

    def path(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> Writers:
    writers = Writers(tmp_path_factory.mktemp("writers"))
    writers.envctl("apply")
    return writers


@pytest.fixture
def corpora(writers: Writers) -> Iterator[str]:
    """The address of an index of nltk's data, on loopback."""
    folder = writers.place / "corpora"
    folder.mkdir()
    with zipfile.ZipFile(folder / "words.zip", "w") as archive:
        archive.writestr("words/en", "words")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=os.fspath(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        data = (folder / "words.zip").read_bytes()
        checksum = hashlib.md5(data, usedforsecurity=False).hexdigest()
        text = INDEX.format(size=len(data), checksum=checksum, url=url)
        (folder / "index.xml").write_text(text)
        yield f"{url}/index.xml"
        server.shutdown()


def test_pytest_leaves_nothing_that_shows(writers: Writers) -> None:
    code = "import fast\n\n\ndef test_fast():\n    assert fast.double(2) == 4\n"
    writers.path("test_fast.py").write_text(code)

    writers.tool("pytest", "-q", "test_fast.py")

    writers.demand_nothing()


def test_numbas_cache_does_not_show(writers: Writers) -> None:
    writers.tool("python", "-c", "import fast; assert fast.double(21) == 42")

    assert list(writers.path(".venv", SITE, "__pycache__").glob("fast.double-*.nbi"))
    writers.demand_nothing()


def test_what_nltk_downloads_into_the_environment_is_carried(writers: Writers, corpora: str) -> None:
    code = (
        "import os, sys, nltk.downloader as d\n"
        "d.pathsec.ENFORCE = False  # it would not download from loopback\n"
        f"done = d.Downloader(server_index_url={corpora!r})"
        ".download('words', download_dir=os.path.join(sys.prefix, 'nltk_data'), raise_on_error=True)\n"
        "assert done\n"
    )
    writers.tool("python", "-c", code)
    writers.demand_nothing()
    document = json.loads(writers.envctl("plan", "--json"))

    assert [each["path"] for each in document["carried"]] == ["nltk_data"]
    writers.mend()
    assert writers.path(".venv/nltk_data/corpora/words/en").read_text() == "words"


def test_templates_of_alembic_are_made_to_be_edited(writers: Writers) -> None:
    writers.tool("alembic", "init", "migrations")
    env = writers.path("migrations/env.py")

    writers.call(
        "sh", "-c", "echo '# edited' >> migrations/env.py; echo '# edited' >> migrations/script.py.mako"
    )

    assert env.read_text().endswith("# edited\n")
    writers.demand_nothing()


def test_package_files_that_are_copied_can_be_edited(writers: Writers) -> None:
    code = (
        "import os, shutil, idna\n"
        "folder = os.path.dirname(idna.__file__)\n"
        "shutil.copytree(folder, 'copied')\n"
        "shutil.copy(os.path.join(folder, 'core.py'), 'core.py')\n"
        "shutil.copy(os.path.join(folder, 'core.py'), 'core.py')\n"
        "open('core.py', 'a').write('# edited')\n"
        "open('copied/core.py', 'a').write('# edited')\n"
    )
    writers.tool("python", "-c", code)

    writers.demand_nothing()


def test_a_kernel_that_is_installed_into_the_environment_is_its_file_alone(writers: Writers) -> None:
    writers.tool("python", "-m", "ipykernel", "install", "--sys-prefix")
    writers.tool("python", "-m", "ipykernel", "install", "--sys-prefix", "--name", "mine")

    kernel = ("package.ipykernel", "modified", "share/jupyter/kernels/python3/kernel.json")
    assert writers.drift() == {kernel}
    writers.mend()
    assert writers.path(".venv/share/jupyter/kernels/mine/kernel.json").exists()


def test_a_bundle_of_certificates_that_was_appended_to_is_its_file_alone(writers: Writers) -> None:
    code = "import certifi; open(certifi.where(), 'a').write('# of the company')"
    writers.tool("python", "-c", code)

    assert writers.drift() == {("package.certifi", "modified", f"{SITE}/certifi/cacert.pem")}
    writers.mend()


def test_what_pip_and_uv_install_by_hand_is_one_line_each(writers: Writers) -> None:
    writers.pip("install", "--no-deps", "cowsay==6.1", "idna==3.7")
    writers.uv("install", "toolz==1.0.0")

    assert writers.drift() == {
        ("package.cowsay", "foreign", f"{SITE}/cowsay-6.1.dist-info"),
        ("package.toolz", "foreign", f"{SITE}/toolz-1.0.0.dist-info"),
        ("package.idna", "version", f"{SITE}/idna-3.7.dist-info"),
    }
    writers.mend()
    assert not writers.path(".venv", SITE, "cowsay").exists()


def test_what_pip_uninstalled_comes_back(writers: Writers) -> None:
    writers.pip("uninstall", "--yes", "certifi")

    assert {line[:2] for line in writers.drift()} == {("package.certifi", "missing")}
    writers.mend()


def test_venv_over_the_environment_is_the_environment_alone_and_the_pip_stays(writers: Writers) -> None:
    base = writers.tool("python", "-c", "import sys; print(sys._base_executable)").strip()
    writers.call(base, "-m", "venv", ".venv")

    addresses = {line[0] for line in writers.drift()} - {"python"}
    assert addresses == {"environment", "package.pip", 'file."bin/Activate.ps1"'}
    writers.mend()
    writers.tool("python", "-m", "pip", "--version")


def test_the_data_is_still_there_after_all_of_it_and_an_upgrade(writers: Writers) -> None:
    writers.declare("toolz")

    writers.mend()

    assert writers.path(".venv/nltk_data/corpora/words/en").read_text() == "words"
    assert writers.path(".venv/share/jupyter/kernels/mine/kernel.json").exists()

"""The page about installing a Python, followed word for word, with a mirror that is a folder of the test."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.pages import hold, read_page
from support.project import PYTHON, Project
from support.pythons import describe_build, is_movable, make_python, pack_python, write_list
from support.server import IndexServer

pytestmark = pytest.mark.skipif(not is_movable(), reason="the Python of the tests cannot be moved")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base's
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    servers = []

    def start(folder: Path) -> str:
        handler = functools.partial(_Quiet, directory=os.fspath(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_following_the_page_gives_what_it_shows(tmp_path: Path, serve: Callable[[Path], str]) -> None:
    version = f"{PYTHON}.90"
    filename = f"cpython-{version}+20260101-install_only_stripped.tar.gz"
    make_python(tmp_path / "tree", version)
    (tmp_path / "mirror").mkdir()
    digest = pack_python(tmp_path / "tree", tmp_path / "mirror" / filename)
    library = write_list(tmp_path / "library", [describe_build(filename, digest, micro=90)])
    (tmp_path / "shop").mkdir()
    (tmp_path / "cache" / "home").mkdir(parents=True)
    with IndexServer(tmp_path / "index") as server:
        project = Project(
            folder=os.fspath(tmp_path / "shop"),
            cache=os.fspath(tmp_path / "cache"),
            index=server,
            environ={
                "PYTHONPATH": library,
                "ENVCTL_PYTHON_MIRROR": serve(tmp_path / "mirror"),
                "ENVCTL_PYTHONS_DIR": os.fspath(tmp_path / "pythons"),
            },
        )

        hold(project, read_page("install-a-python").replace("3.13", PYTHON))

    assert project.python("import platform; print(platform.python_version())") == f"{version}\n"

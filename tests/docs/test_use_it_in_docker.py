"""The page about Docker: the commands of its stages, run as far as that goes without a builder of images.

`test_images` builds them, where there is one.

The first stage is a folder with manifest and lock and a cache elsewhere, the second the same folder with nothing but
the environment in it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pages import read_blocks, run_line
from support.project import Project
from support.server import IndexServer
from support.wheels import make_wheel

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "use-it-in-docker.md").read_text(encoding="utf-8")
FILES = [
    block
    for block in read_blocks(PAGE)
    if block.language == "dockerfile"
    and any("envctl apply" in line or "--bundle" in line for line in block.lines)
]


def commands(lines: tuple[str, ...]) -> list[str]:
    """Give what the RUN lines of a file run, without their mounts."""
    text = "\n".join(lines).replace("\\\n", " ")
    found = re.findall(r"^RUN (.*)$", text, re.MULTILINE)
    return [re.sub(r"--(?:mount|network)=\S+\s*", "", line).strip() for line in found]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Project]:
    make_wheel(tmp_path / "index", "alpha", "1.0")
    (tmp_path / "app").mkdir()
    (tmp_path / "cache" / "home").mkdir(parents=True)
    index = IndexServer(tmp_path / "index")
    project = Project(folder=str(tmp_path / "app"), cache=str(tmp_path / "cache"), index=index)
    with index:
        project.write_manifest("alpha")
        project.succeed("lock")
        project.succeed("bundle", "create", "-o", "shop.bundle")
        yield project


@pytest.mark.parametrize("number", range(len(FILES)))
def test_what_a_stage_runs_makes_the_environment(stage: Project, tmp_path: Path, number: int) -> None:
    (command,) = [
        line for line in commands(FILES[number].lines) if "envctl apply" in line or "--bundle" in line
    ]
    mounted = command.replace("/var/cache/envctl", str(tmp_path / "mounted")).replace(
        "/tmp/shop.bundle", stage.path("shop.bundle")
    )

    code, output = run_line(stage, mounted)

    assert code == 0, output
    assert not any("copying" in line for line in output)
    assert stage.installed() == {"alpha": "1.0"}
    shutil.rmtree(tmp_path / "mounted", ignore_errors=True)
    shutil.rmtree(stage.path(".venv.envctl"))
    assert stage.python("import alpha; print(alpha.__version__)") == "1.0\n"


def test_the_page_has_every_kind_of_stage() -> None:
    runs = [line for block in FILES for line in commands(block.lines)]

    assert len(FILES) == 5
    assert sum("--locked" in line for line in runs) == 4
    assert sum("--bundle" in line for line in runs) == 1

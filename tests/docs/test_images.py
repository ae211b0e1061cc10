"""The page about Docker, with real images: its files, word for word, built by Buildah from a base image of the test."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.images import Answer, Buildah, choose_folder, reason_against
from support.pages import read_blocks
from support.project import Project
from support.server import IndexServer
from support.wheels import make_wheel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(reason_against() is not None, reason=reason_against() or ""),
]

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "use-it-in-docker.md").read_text(encoding="utf-8")
WHOLE, OF_PROJECT, PRIVATE, FROM_BUNDLE, FOR_OTHERS, BY_OTHERS = (
    "\n".join(block.lines) + "\n" for block in read_blocks(PAGE) if block.language == "dockerfile"
)
(INSTALL,) = ("\n".join(block.lines) + "\n" for block in read_blocks(PAGE) if block.language == "toml")
(IGNORED,) = re.findall(r"\n\n```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

#: The stage that makes the environment, up to the command that does, and what runs it.
BEGIN = WHOLE[: WHOLE.index("RUN --mount")]
MAKE = WHOLE[len(BEGIN) : WHOLE.index("\nFROM")]
END = WHOLE[WHOLE.index("\nFROM") :]

CANARY = "canary-5ecret-of-the-index"
RUN_SHOP = ("python", "-m", "shop")


@dataclass
class Yard:
    """A project beside a builder; what is built is called ``shop``."""

    project: Project
    buildah: Buildah

    def build(self, text: str, *options: str) -> Answer:
        self.project.write("Dockerfile", text)
        return self.buildah.build(Path(self.project.folder), "shop", *options)

    def succeed(self, text: str, *options: str) -> str:
        done = self.build(text, *options)
        assert done.code == 0, done.text
        return done.text

    def run(self, *command: str, user: str = "") -> Answer:
        """Run a command in a container of what was built."""
        container = self.buildah.succeed("from", "--pull-never", "localhost/shop").strip().splitlines()[-1]
        who = ("--user", user) if user else ()
        done = self.buildah.do("run", "--isolation", "chroot", *who, container, "--", *command)
        self.buildah.succeed("rm", container)
        return done

    def declare(self, *dependencies: str, rest: str = "", head: str = "", lists: bool = True) -> None:
        self.project.write_manifest(*dependencies, rest=rest, head=head, lists=lists)
        self.project.succeed("lock")


@pytest.fixture(scope="module")
def buildah() -> Iterator[Buildah]:
    """Make the base image where files are cheap, and take away all that was mounted and written."""
    folder = Path(tempfile.mkdtemp(dir=choose_folder()))
    try:
        builder = Buildah(folder)
        if (obstacle := builder.find_obstacle()) is not None:
            pytest.skip(f"no image can be built here: {obstacle.splitlines()[0]}")
        (name,) = set(re.findall(r"^FROM (\S+)", WHOLE, re.MULTILINE))
        builder.prepare(name)
        yield builder
    finally:
        mounted = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
        for path in sorted((line.split()[1] for line in mounted), reverse=True):
            if path.startswith(f"{folder}/"):
                subprocess.run(["umount", "-l", path], check=False)
        shutil.rmtree(folder)


@pytest.fixture
def yard(buildah: Buildah, tmp_path: Path) -> Iterator[Yard]:
    make_wheel(tmp_path / "index", "alpha", "1.0")
    make_wheel(tmp_path / "index", "beta", "1.0")
    (tmp_path / "cache" / "home").mkdir(parents=True)
    (tmp_path / "app").mkdir()
    index = IndexServer(tmp_path / "index")
    project = Project(folder=str(tmp_path / "app"), cache=str(tmp_path / "cache"), index=index)
    project.write("shop/__main__.py", "import alpha, sys\nprint(alpha.__version__, sys.prefix)\n")
    project.write(".dockerignore", IGNORED)
    with index:
        yield Yard(project, buildah)


def test_two_stages_make_an_image_that_runs_and_a_second_build_fetches_nothing(yard: Yard) -> None:
    yard.declare("alpha")
    yard.project.write(".venv/of-the-host", "")

    yard.succeed(WHOLE)
    first = yard.run(*RUN_SHOP)
    yard.project.index.requests.clear()
    yard.project.write("env.toml", yard.project.read("env.toml") + "# one more line\n")
    again = yard.succeed(WHOLE)

    assert first == Answer(0, "1.0 /app/.venv\n")
    assert "Applied: 3 created" in again
    assert yard.project.index.requests == []
    seen = yard.run("python", "-c", "import os; print(os.listdir('/app'), os.listdir('/app/.venv'))").text
    assert ".venv.envctl" not in seen
    assert "of-the-host" not in seen


def test_a_stale_lock_fails_the_build(yard: Yard) -> None:
    yard.declare("alpha")
    yard.project.write_manifest("alpha", "beta")

    done = yard.build(WHOLE)

    assert done.code == 3
    assert "[lock-stale]" in done.text


def test_a_project_is_installed_before_its_code_is_there(yard: Yard) -> None:
    yard.project.write(
        "pyproject.toml", '[project]\nname = "shop"\nversion = "1"\ndependencies = ["alpha"]\n'
    )
    yard.declare(head='project = "."', lists=False)

    yard.succeed(BEGIN.replace("COPY env.toml pylock.toml ./\n", "") + OF_PROJECT + END)

    assert yard.run(*RUN_SHOP) == Answer(0, "1.0 /app/.venv\n")


def test_the_secret_of_a_private_index_is_in_no_layer(yard: Yard, tmp_path: Path) -> None:
    index = yard.project.index
    index.credentials = ("somebody", CANARY)
    yard.project.environ["ENVCTL_INDEX_LOOP_USERNAME"] = "somebody"
    yard.project.environ["ENVCTL_INDEX_LOOP_PASSWORD"] = CANARY
    make_wheel(index.folder, "guarded", "1.0")
    yard.declare("guarded")
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login somebody password {CANARY}\n")

    refused = yard.build(BEGIN + PRIVATE)
    done = yard.succeed(BEGIN + PRIVATE, "--secret", f"id=netrc,src={tmp_path / 'netrc'}")

    assert refused.code != 0
    assert "+ create  guarded" in done
    found = subprocess.run(["grep", "-rlF", CANARY, yard.buildah.folder], capture_output=True, check=False)
    assert found.stdout == b""


def test_a_bundle_is_all_that_a_build_needs(yard: Yard) -> None:
    yard.declare("alpha", "beta")
    yard.project.succeed("bundle", "create", "-o", "shop.bundle")
    yard.project.index.requests.clear()
    knows_networks = yard.buildah.version >= (1, 30)

    yard.succeed(BEGIN + (FROM_BUNDLE if knows_networks else FROM_BUNDLE.replace("--network=none ", "")))

    assert yard.project.index.requests == []
    assert yard.run("/app/.venv/bin/python", "-c", "import alpha, beta").code == 0


@pytest.mark.parametrize("rest", ["", 'switch = "merge"\n'])
def test_an_environment_in_a_lower_layer_is_changed_by_a_later_command(yard: Yard, rest: str) -> None:
    install = INSTALL + rest
    yard.declare("alpha", rest=install)
    for name in ("env.toml", "pylock.toml"):
        yard.project.write(f"before/{name}", yard.project.read(name))
    yard.declare("alpha", "beta", rest=install)
    begin = BEGIN.replace("COPY env.toml pylock.toml ./\n", "")
    check = "RUN envctl plan --detailed-exitcode\nRUN envctl status --check --verify hash\n"

    said = yard.succeed(f"{begin}COPY before ./\n{MAKE}{check}COPY env.toml pylock.toml ./\n{MAKE}{check}")

    assert ("it was changed file by file" in said) == (not rest)
    assert yard.run("/app/.venv/bin/python", "-c", "import alpha, beta").code == 0
    assert yard.run("python", "-c", "import os; print(os.listdir('/app/.venv.envctl/generations'))").text == (
        "[]\n"
    )


def test_what_root_made_is_run_and_not_changed_by_others(yard: Yard) -> None:
    yard.declare("alpha")

    yard.succeed(f"{BEGIN}{MAKE}{FOR_OTHERS}")
    service = yard.run(*RUN_SHOP)
    yard.succeed(f"{BEGIN}{MAKE}RUN python -c \"import os; os.mkdir('/c'); os.chown('/c', 1000, 1000)\"\n")
    status = yard.run("envctl", "status", "--check", user="1000")
    run = yard.run("envctl", "run", ".venv/bin/python", "-c", "import alpha; print('ran')", user="1000")
    apply = yard.run("envctl", "--cache-dir", "/c", "apply", user="1000")

    assert service == Answer(0, "1.0 /app/.venv\n")
    assert "fits the lock" in status.text
    assert run == Answer(0, "ran\n")
    assert "[not-ours]" in apply.text


def test_another_user_makes_it_with_a_cache_of_his_own(yard: Yard) -> None:
    yard.declare("alpha")
    give = "RUN python -c \"import os; os.chown('/app', 1000, 1000)\"\n"

    yard.succeed(BEGIN + give + BY_OTHERS + "RUN envctl status --check\n")

    assert yard.run(".venv/bin/python", "-c", "import alpha, os; print(os.getuid())").text == "1000\n"

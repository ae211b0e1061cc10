"""The pages about looking: at generations, locks, reasons and the cache. Followed word for word, with stand-ins."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial

from support.pages import HOW_TO, declare, hold, offer, read_page
from support.project import Project
from support.repositories import Repository, needs_git


def wheel(name: str, version: str) -> str:
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def test_going_back(project: Project) -> None:
    offer(
        project,
        "idna 3.6",
        "idna 3.10",
        "flake8 7.3.0",
        "ruff 0.14.1",
        "certifi 2025.4.26",
        "certifi 2026.10.18",
    )
    declare(project, "idna==3.6", "flake8", "certifi==2025.4.26")
    project.apply()
    for _ in range(4):
        project.apply("--reinstall", "idna")
    declare(project, "idna==3.6", "flake8", "certifi")
    project.succeed("upgrade")
    declare(project, "idna==3.6", "ruff", "certifi")
    project.apply()
    declare(project, "idna==3.10", "ruff", "certifi")
    project.apply()

    hold(project, read_page("go-back-to-an-earlier-generation"))


@needs_git
def test_reviewing_a_lock(project: Project) -> None:
    offer(project, "flask 3.1.0", requires=["click>=8.1.3"])
    offer(project, "requests 2.32.3", requires=["certifi>=2017.4.17"])
    offer(project, "click 8.1.8", "gamma 1.0")
    offer(project, "certifi 2024.12.14", files={"certifi/cacert.pem": os.urandom(9000)})
    declare(project, "flask", "requests")
    project.succeed("lock")
    repository = Repository(project.folder)
    repository.commit()
    offer(project, "click 8.2.1", files={"click/core.py": os.urandom(50_000)})
    offer(project, "certifi 2025.4.26")
    now = datetime.now(UTC)
    project.index.upload_times = {
        wheel(name, version): (now - timedelta(days=days)).isoformat()
        for name, version, days in (
            ("certifi", "2025.4.26", 3),
            ("click", "8.2.1", 550),
            ("gamma", "1.0", 740),
        )
    }
    declare(project, "flask", "requests", "gamma")
    project.succeed("lock", "--upgrade")

    hold(project, read_page("review-a-lock-in-a-pull-request"))


def lock(project: Project, manifest: str) -> None:
    """Write a manifest, each line of which has its number on the page, and lock it."""
    project.write("env.toml", manifest)
    project.succeed("lock")


def explain_presence(project: Project) -> None:
    offer(project, "idna 3.20")
    offer(project, "requests 2.34.2", requires=["idna<4,>=2.5"])
    offer(project, "anyio 4.12.0", requires=["idna>=2.8"])
    offer(project, "httpx 0.28.1", requires=["idna", "anyio"])
    offer(project, "jupyter-server 2.17.0", requires=["anyio>=3.1.0"])
    offer(project, "jupyterlab-server 2.28.0", requires=["requests>=2.31", "jupyter-server<3,>=1.21"])
    for number in range(26):
        offer(project, f"jupyter-extension{number} 1.0", requires=["jupyter-server"])
    needs = [f"jupyter-extension{number}" for number in range(26)]
    needs += ["httpx<1,>=0.25.0", "jupyterlab-server<3,>=2.27.1", "jupyter-server<3,>=2.4.0"]
    offer(project, "jupyterlab 4.6.6", requires=needs)
    head = 'python = ">=3.11"\n\ndependencies = [\n    "requests>=2.31",\n]\n'
    lock(project, f'{head}[dependency-groups]\ndev = ["jupyterlab"]\n')


def hold_back_tinycss2(project: Project) -> None:
    offer(project, "tinycss2 1.4.0")
    offer(project, "bleach 6.2.0", extras={"css": ["tinycss2<1.5,>=1.1.0"]})
    offer(project, "nbconvert 7.16.5", requires=["bleach[css]!=5.0.0"])
    lock(project, 'python = ">=3.11"\n\n\ndependencies = [\n    "nbconvert",\n]\n')
    offer(project, "tinycss2 1.5.1")
    offer(project, "bleach 6.4.0", extras={"css": ["tinycss2>=1.1.0"]})


def lock_older_idna(project: Project) -> None:
    offer(project, "idna 3.10")
    lock(project, 'python = ">=3.11"\ndependencies = ["requests"]\n[lock]\nconstraints = ["idna<3.20"]\n')
    lock(project, 'python = ">=3.11"\ndependencies = ["requests"]\n')


def fall_behind(project: Project) -> None:
    offer(project, "flask 2.3.3")
    head = 'python = ">=3.11"\ndependencies = [\n    "flask<3,>=2",\n    "requests",\n]\n'
    lock(project, f'{head}[lock]\nconstraints = ["idna<3.20"]\n')
    lock(project, head)
    offer(project, "flask 3.0.0", "flask 3.1.0", "flask 3.1.3")


def fall_behind_with_numpy(project: Project) -> None:
    offer(project, "numpy 2.2.1")
    head = 'python = ">=3.11"\ndependencies = [\n    "flask<3,>=2",\n    "numpy",\n]\n'
    lock(project, f'{head}[lock]\nexclude-newer = "3 weeks"\npython = ["3.11", "3.12"]\n')
    offer(project, "numpy 2.4.0")
    offer(project, "numpy 2.5.0", "numpy 2.5.4", "numpy 2.5.5", requires_python=">=3.12")
    recently = (datetime.now(UTC) - timedelta(days=12)).isoformat()
    project.index.upload_times = {wheel("numpy", "2.5.5"): recently}
    project.index.yanked = {wheel("numpy", "2.4.0"): "Backward compatibility bug"}


def lock_cadwyn(project: Project) -> None:
    for version, fastapi in (("3.3.2", ["fastapi<0.137.0,>=0.129.0"]), ("3.2.2", [])):
        offer(project, f"apache-airflow-core {version}", requires=[*fastapi, "cadwyn>=6.1.1"])
        offer(project, f"apache-airflow {version}", requires=[f"apache-airflow-core=={version}"])
    offer(project, "fastapi 0.136.3", "fastapi 0.165.0")
    offer(project, "cadwyn 7.0.0", requires=["fastapi>=0.112.4"])
    lock(project, 'python = ">=3.11"\ndependencies = ["apache-airflow-core", "apache-airflow"]\n')
    offer(project, "cadwyn 9.0.0", requires=["fastapi>=0.137.1"])


def test_finding_out_why(project: Project) -> None:
    works = {
        "## Why is it there": explain_presence,
        "## Why not a newer": hold_back_tinycss2,
        "lock would change:": lock_older_idna,
        "## What is behind": fall_behind,
        "first:\n\n": fall_behind_with_numpy,
        "both sides are told": lock_cadwyn,
    }
    page = read_page("find-out-why-a-version-was-chosen")
    hold(project, page, {text: partial(work, project) for text, work in works.items()})


def test_keeping_the_cache_small(project: Project) -> None:
    offer(project, "idna 3.20", "certifi 2026.10.18")
    declare(project, "idna", "certifi", rest="[install]\ncompile = true\n")
    project.apply()
    cache = os.path.join(project.cache, "envctl")

    def leave() -> None:
        wheels = os.path.join(cache, "wheels-v1")
        entry = min(os.listdir(wheels))
        shutil.rmtree(os.path.join(wheels, entry))
        shutil.copytree(wheels, os.path.join(cache, "wheels-v0"))

    page = read_page("keep-the-cache-small").replace("/home/me/.cache/envctl", cache)
    hold(project, page, {"## Delete what": leave})


def test_the_plan_that_the_readme_shows(project: Project) -> None:
    offer(project, "flask 3.1.3", files={"flask/__init__.py": "", "flask/app.py": ""})
    offer(project, "idna 3.6", "pysocks 1.7.1")
    offer(project, "requests 2.34.2", requires=["idna<4,>=2.5"], extras={"socks": ["PySocks>=1.5.6"]})
    declare(project, "flask", "requests[socks]")
    project.apply()
    offer(project, "idna 3.20")
    declare(project, "flask", "requests")
    project.succeed("lock", "--upgrade")
    os.unlink(project.site("flask", "app.py"))
    page = (HOW_TO.parents[1] / "README.md").read_text(encoding="utf-8").partition("## Why")[0]

    hold(project, page)


def test_the_drift_that_its_page_shows(project: Project) -> None:
    files = {"flask/__init__.py": "", "flask/app.py": "", "flask/cli.py": "def main():\n    pass\n"}
    offer(project, "flask 3.1.3", files=files, scripts={"flask": "flask.cli:main"})
    declare(project, "flask")
    project.apply()
    with open(project.path(".venv", "pyvenv.cfg"), "a", encoding="utf-8") as file:
        file.write("\n")
    for path in (
        project.path(".venv", "bin", "tool"),
        project.site("loose.py"),
        project.site("flask", "new.py"),
    ):
        project.write(path, "#!/bin/sh\n")
    project.write(project.site("x.pth"), "import loose\n")
    project.write(project.site("flask", "app.py"), "print()\n")
    os.chmod(project.path(".venv", "bin", "flask"), 0o644)
    page = (HOW_TO.parent / "explanation" / "drift.md").read_text(encoding="utf-8")

    hold(project, page)

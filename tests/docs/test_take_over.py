"""The page about taking over an environment that others made, followed word for word, with stand-ins."""

from __future__ import annotations

import os
import shutil
import sys

from support.pages import declare, hold, offer, read_page
from support.project import Project


def test_taking_over(project: Project) -> None:
    offer(project, "pip 23.2.1", "setuptools 65.5.0", "certifi 2026.10.19", "pysocks 1.7.1")
    offer(project, "charset-normalizer 3.5.2", "idna 3.20", "urllib3 2.8.0")
    offer(project, "markdown-it-py 4.0.0", requires=["mdurl~=0.1"])
    offer(project, "mdurl 0.1.2", "pygments 2.20.0")
    offer(project, "rich 13.6.0", requires=["markdown-it-py>=2.2.0", "pygments<3,>=2.13.0"])
    offer(
        project,
        "requests 2.31.0",
        requires=["charset-normalizer<4,>=2", "idna<4,>=2.5", "urllib3<3,>=1.21.1", "certifi>=2017.4.17"],
        extras={"socks": ["PySocks!=1.5.7,>=1.5.6"]},
    )
    offer(project, "blinker 1.9.0", "click 8.5.1", "itsdangerous 2.2.0", "markupsafe 3.0.4", "cowsay 6.1")
    offer(project, "jinja2 3.1.6", "werkzeug 3.1.9", requires=["markupsafe>=2.1.1"])
    needs = ["blinker>=1.6.2", "click>=8.1.3", "itsdangerous>=2.1.2", "jinja2>=3.1.2", "werkzeug>=3.0.0"]
    offer(project, "flask 3.0.0", "flask 3.1.3", requires=needs)

    def make(*packages: str) -> None:
        shutil.rmtree(project.path(".venv"), ignore_errors=True)
        shutil.rmtree(project.path(".venv.envctl"), ignore_errors=True)
        project.execute([sys.executable, "-m", "venv", "--without-pip", ".venv"])
        index = project.index.url
        project.pip("--python", ".venv", "install", "-i", index, "pip==23.2.1", *packages)

    def begin() -> None:
        make("requests[socks]", "rich")
        declare(project)

    def make_again() -> None:
        make("flask==3.0.0", "cowsay", "setuptools")
        os.unlink(project.path("pylock.toml"))
        declare(project, "flask")

    page = read_page("take-over-an-environment").replace("/home/me/shop", project.folder)
    hold(project, page, {"unasked:": begin, "## Make it what": make_again})

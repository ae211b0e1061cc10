"""The pages about private indexes and company networks, followed word for word but for the names of hosts."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from envctl.cli.settings import KEYS
from support.company import make_authority, nginx, proxy
from support.pages import hold, read_page
from support.project import Project
from support.server import IndexServer
from support.wheels import make_wheel

DOCS = Path(__file__).parents[2] / "docs"
LOGIN = ("robot", "s3cret-word")


def test_following_the_page_about_private_indexes(project: Project, tmp_path: Path) -> None:
    acme = project.index
    acme.credentials = LOGIN
    make_wheel(acme.folder, "acme-sdk", "1.2.0", requires=["idna>=3"])
    make_wheel(acme.folder, "idna", "1.0")
    shutil.copytree(acme.folder, project.path("wheels"))
    make_wheel(project.path("wheels"), "idna", "3.20")
    page = read_page("use-a-private-index")
    with ExitStack() as stack:
        mirror, nearer = (stack.enter_context(IndexServer(tmp_path / "mirror", max_age=0)) for _ in range(2))
        make_wheel(mirror.folder, "flask", "3.1.3")
        make_wheel(mirror.folder, "idna", "3.20")
        for name, server in (("pkgs", acme), ("mirror", mirror), ("nearer", nearer)):
            page = page.replace(f"https://{name}.example", server.origin)
        page = page.replace("_PASSWORD=…", f"_PASSWORD={LOGIN[1]}")

        hold(project, page)

    assert "/files/flask-3.1.3-py3-none-any.whl" in nearer.paths()


def test_following_the_page_about_proxies_and_authorities(project: Project, tmp_path: Path) -> None:
    make_wheel(project.index.folder, "flask", "3.1.3")
    folder = Path(project.environ["ENVCTL_CONFIG"]).parent
    authority = make_authority(tmp_path / "authority")
    for name, path in (
        ("company.pem", authority.certificate),
        ("me.pem", authority.client_certificate),
        ("me.key", authority.client_key),
    ):
        shutil.copy(path, folder / name)
    page = read_page("work-behind-a-proxy")
    no_proxy = dict.fromkeys(("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"), "")
    project.environ.update(no_proxy, all_proxy="", ALL_PROXY="")
    with (
        nginx(project.index.origin, authority, tmp_path / "nginx", wants_client=True) as front,
        proxy(tmp_path / "proxy", login=":".join(LOGIN)) as address,
    ):
        project.index.files_url = f"{front}/files/"
        page = page.replace("https://pkgs.example", front).replace("pkgs.example", "127.0.0.1")
        page = page.replace("proxy.example:3128", address).replace("robot:PASSWORD", ":".join(LOGIN))
        # Messages about a host that need not prove itself name its port, where it is no usual one.
        page = page.replace(
            "certificate of `127.0.0.1` is not checked", f"certificate of `{front[8:]}` is not checked"
        )

        hold(project, page)


def test_the_page_of_settings_names_each_of_them() -> None:
    page = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")

    assert [key for key in KEYS if f"| `{key}` |" not in page] == []

"""What programs write into an environment, and copy out of it, as a user who is not root."""

from __future__ import annotations

import os
import subprocess

import pytest

from support.damages import SITE
from support.project import TIMEOUT, Project, Result, changes_of, drift_of, find_command
from support.users import as_plain_user

TEMPLATER = {
    "templater/__init__.py": "",
    "templater/templates/env.py.mako": "# made from a template\n",
    "templater/templates/script.sh": "#!/bin/sh\n",
    "templater/cacert.pem": "-----BEGIN CERTIFICATE-----\n",
    "templater/init.py": (
        "import os, shutil, sys\n"
        "HERE = os.path.dirname(os.path.abspath(__file__))\n\n\n"
        "def main():\n"
        "    shutil.copytree(f'{HERE}/templates', sys.argv[1])\n"
        "    for _ in range(2):  # whoever runs it a second time copies over the first copy\n"
        "        shutil.copy(f'{HERE}/templates/env.py.mako', f'{sys.argv[1]}/env.py')\n"
        "    with open(f'{sys.argv[1]}/env.py', 'a') as file:\n"
        "        file.write('edited = True\\n')\n"
    ),
}


class User:
    """Somebody who is not root, with a project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.prefix = as_plain_user()

    def call(self, *command: str, code: int = 0) -> Result:
        done = subprocess.run(
            [*self.prefix, *command],
            cwd=self.project.folder,
            env=self.project.variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == code, (command, done.returncode, done.stdout, done.stderr)
        return Result(done.returncode, done.stdout, done.stderr)

    def envctl(self, *arguments: str, code: int = 0) -> Result:
        return self.call(*find_command(), *arguments, code=code)

    def python(self, code: str) -> Result:
        return self.call(self.project.path(".venv/bin/python"), "-c", code)


@pytest.fixture
def user(bare: Project) -> User:
    """A user with an environment, made by herself, that holds `templater` and `beta`."""
    bare.publish("templater", "1.0", files=TEMPLATER, scripts={"templater": "templater.init:main"})
    for version in ("1.0", "2.0"):
        bare.publish("beta", version)
    bare.publish("gamma", "1.0")
    bare.write_manifest("templater", "beta<2")
    user = User(bare)
    user.envctl("apply")
    return user


def test_templates_that_are_copied_out_of_a_package_can_be_edited(user: User) -> None:
    user.call(user.project.path(".venv/bin/templater"), "made")
    user.call(user.project.path(".venv/bin/templater"), "made-again")

    assert user.project.read("made/env.py") == "# made from a template\nedited = True\n"
    user.envctl("plan", "--detailed-exitcode", "--verify", "hash")


def test_a_copy_of_the_whole_environment_can_be_edited_and_deleted(user: User) -> None:
    site = os.path.relpath(user.project.site(), user.project.folder)
    user.python(f"import shutil; shutil.copytree({site!r}, 'vendored')")

    user.python("open('vendored/templater/init.py', 'a').write('# edited\\n')")
    user.python("import shutil; shutil.rmtree('vendored')")

    user.envctl("plan", "--detailed-exitcode", "--verify", "hash")


def test_a_certificate_that_was_appended_is_drift_of_that_file_alone(user: User) -> None:
    bundle = user.project.site("templater", "cacert.pem")
    user.python(f"open({bundle!r}, 'a').write('of the company\\n')")

    plan = user.envctl("plan", "--json", "--detailed-exitcode", code=2).json
    user.envctl("apply")

    assert [(each["kind"], each["path"]) for each in plan["drift"]] == [
        ("modified", f"{SITE}/templater/cacert.pem")
    ]
    assert user.project.read(bundle) == TEMPLATER["templater/cacert.pem"]
    user.envctl("plan", "--detailed-exitcode", "--verify", "hash")


def test_what_a_downloader_writes_is_carried_along(user: User) -> None:
    code = (
        "import os, sys\n"
        "for place in ('nltk_data/corpora', 'share/jupyter/labextensions/theme', 'etc/jupyter/labconfig'):\n"
        "    os.makedirs(os.path.join(sys.prefix, place))\n"
        "    with open(os.path.join(sys.prefix, place, 'data.json'), 'w') as file:\n"
        "        file.write('{}')\n"
    )
    user.python(code)
    user.envctl("plan", "--detailed-exitcode")
    user.project.write_manifest("templater", "beta>=2")

    plan = user.envctl("apply", "--json").json["plan"]

    assert [each["path"] for each in plan["carried"]] == ["etc/jupyter", "nltk_data", "share/jupyter"]
    assert changes_of(plan) == {"package.beta": "update"}
    user.python("import os, sys; open(os.path.join(sys.prefix, 'nltk_data/corpora/data.json'), 'a').close()")


def test_venv_run_over_the_environment_is_drift_of_the_environment(user: User) -> None:
    user.call(user.project.python("import sys; print(sys._base_executable)").strip(), "-m", "venv", ".venv")

    plan = user.envctl("plan", "--json").json
    user.envctl("apply")

    addresses = {each["address"] for each in plan["drift"]} - {"python"}
    assert addresses == {"environment", "package.pip", 'file."bin/Activate.ps1"'}
    assert ("modified", "pyvenv.cfg") in drift_of(plan)
    assert ("foreign", "pip") in {(each["kind"], each["address"][8:]) for each in plan["drift"]}
    user.envctl("plan", "--detailed-exitcode", "--verify", "hash")
    user.call(user.project.path(".venv/bin/python"), "-m", "pip", "--version")


def test_pip_and_uv_by_hand_are_told_as_that(user: User) -> None:
    project = user.project
    project.pip("--python", ".venv", "install", "--no-deps", "-i", project.index.url, "gamma")
    project.uv("pip", "install", "--python", ".venv", "--no-deps", "-i", project.index.url, "beta==2.0")

    plan = user.envctl("plan", "--json").json
    text = user.envctl("plan").out
    user.envctl("apply")

    assert drift_of(plan) == {("foreign", "gamma-1.0.dist-info"), ("version", "beta-2.0.dist-info")}
    assert changes_of(plan) == {"package.gamma": "delete", "package.beta": "update"}
    assert "installed by pip" in text
    assert "installed by uv" in text
    assert project.installed() == {"beta": "1.0", "templater": "1.0"}


def test_what_pip_uninstalled_is_put_back(user: User) -> None:
    user.project.uv("pip", "uninstall", "--python", ".venv", "beta")

    plan = user.envctl("apply", "--json").json["plan"]

    assert changes_of(plan) == {"package.beta": "create"}
    user.envctl("plan", "--detailed-exitcode", "--verify", "hash")


def test_data_that_cannot_be_read_is_not_left_behind_but_stops_the_apply(user: User) -> None:
    folder = user.project.path(".venv/share/private")
    os.makedirs(folder)
    user.project.write(".venv/share/private/key", "data")
    os.chmod(folder, 0)
    user.project.write_manifest("templater", "beta>=2")

    refused = user.envctl("apply", code=6)
    os.chmod(folder, 0o755)
    user.envctl("apply")

    assert refused.codes == ["stage-failed"]
    assert "share/private" in refused.err
    assert user.project.read(".venv/share/private/key") == "data"


def test_a_package_whose_folder_cannot_be_entered_is_mended(user: User) -> None:
    os.chmod(user.project.site("templater"), 0)

    plan = user.envctl("plan", "--json").json
    user.envctl("apply")

    assert {(each["address"], each["kind"]) for each in plan["drift"]} == {("package.templater", "missing")}
    user.envctl("plan", "--detailed-exitcode", "--verify", "hash")

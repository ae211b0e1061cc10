"""pip's requirement files: what they ask for, limit, and leave to options."""

from __future__ import annotations

import pytest

from envctl.errors import EnvctlError
from envctl.manifest.requirement_files import LocalPath, RequirementsFile, parse_requirements

FILES = {
    "/p/requirements.txt": """\
# made by a tool
-i https://user:secret@pkgs.example/simple/   # ours
--extra-index-url=https://other.example/simple/
--no-binary :all:
--require-hashes
flask[async] >= 3, < 4 ; python_version >= "3.11"  # for the web
idna==3.10 \\
    --hash=sha256:aaaa \\
    --hash=sha256:bbbb
patched @ git+https://git.example/patched.git@v1#subdirectory=py
git+https://git.example/eggs.git#egg=eggs
-r more/dev.txt
-c limits.txt
-e ./core[web]
./wheels/blob-1.0-py3-none-any.whl
""",
    "/p/more/dev.txt": "-r ../requirements.txt\n--requirement=deep.txt\npytest\n",
    "/p/more/deep.txt": "\ufeffruff\n",
    "/p/limits.txt": "urllib3<3\n",
}


def read(path: str) -> bytes:
    return FILES[path].encode()


def test_a_file_is_read_with_all_that_it_includes() -> None:
    assert parse_requirements("/p/requirements.txt", read) == RequirementsFile(
        requirements=[
            'flask[async] >= 3, < 4 ; python_version >= "3.11"',
            "idna==3.10",
            "patched @ git+https://git.example/patched.git@v1#subdirectory=py",
            "eggs @ git+https://git.example/eggs.git",
            "ruff",
            "pytest",
        ],
        constraints=["urllib3<3"],
        paths=[
            LocalPath("/p/core", editable=True, extras="web", where="/p/requirements.txt:14"),
            LocalPath(
                "/p/wheels/blob-1.0-py3-none-any.whl",
                editable=False,
                extras="",
                where="/p/requirements.txt:15",
            ),
        ],
        left_out=["-i", "--extra-index-url", "--no-binary", "--require-hashes"],
    )


@pytest.mark.parametrize(
    "line", ["flask=3", "https://pkgs.example/x-1.0.zip", "flask==", "what is this", "-e https://x.example/"]
)
def test_what_is_no_requirement_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(EnvctlError) as caught:
        parse_requirements("/p/r.txt", lambda _: f"flask\n\n{line}\n".encode())

    assert (caught.value.code, caught.value.where) == ("bad-requirement", "/p/r.txt:3")

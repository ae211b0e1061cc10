"""File names are judged as packaging judges them, only faster."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from envctl.index.filename import split_filename

#: PyPA "Names and normalization", which packaging does not ask of file names.
NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)

parts = st.sampled_from(
    [
        "alpha",
        "Alpha_Beta",
        "alpha.beta",
        "a__b",
        "1.0",
        "2!1.0rc1",
        "1.0+local.1",
        "one",
        "",
        "1",
        "1build",
        "x1",
        "py3",
        "py2.py3",
        "cp311",
        "none",
        "any",
        "abi3",
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "..",
        "3py",
    ]
)
names = st.builds(
    lambda pieces, suffix: "-".join(pieces) + suffix,
    st.lists(parts, min_size=1, max_size=7),
    st.sampled_from([".whl", ".tar.gz", ".zip", ".tar.bz2", ".egg", ""]),
)


def by_packaging(filename: str) -> tuple[str, Version] | None:
    try:
        if filename.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(filename)
            return name, version
        return parse_sdist_filename(filename)
    except ValueError:
        return None


def by_us(filename: str) -> tuple[str, Version] | None:
    split = split_filename(filename)
    try:
        return None if split is None else (split[0], Version(split[1]))
    except InvalidVersion:
        return None


@given(names)
@example("alpha-1.0-1build-py3-none-any.whl")
@example("Alpha_Beta-2!1.0rc1-py2.py3-none-any.whl")
@example("alpha.beta-1.0.tar.gz")
def test_what_is_taken_is_what_packaging_takes(filename: str) -> None:
    ours = by_us(filename)

    if ours is not None:
        assert ours == by_packaging(filename)


@given(names)
def test_what_is_left_out_is_left_out_by_packaging_or_has_no_name_of_a_project(filename: str) -> None:
    theirs = by_packaging(filename)

    if by_us(filename) is None and theirs is not None:
        is_wheel = filename.endswith(".whl")
        project = filename.split("-", maxsplit=1)[0] if is_wheel else filename.rpartition("-")[0]
        assert NAME.fullmatch(project) is None


@pytest.mark.parametrize(
    "filename",
    [
        "alpha-1.0-1/../../x-py3-none-any.whl",
        "alpha-1.0-1\n-py3-none-any.whl",
        "alpha-1.0-1\x1b[31m-py3-none-any.whl",
        "alpha-1.0-py3-none-any.whl\n",
        "../alpha-1.0.tar.gz",
        "a\\b-1.0.tar.gz",
        "al\u202epha-1.0.tar.gz",
        "alpha- 1.0.tar.gz",
        "alpha-1.0.tar.gz" + "x" * 255,
        "-1.0.tar.gz",
        ".alpha-1.0.tar.gz",
    ],
    ids=repr,
)
def test_a_name_that_is_more_than_a_name_is_left_out(filename: str) -> None:
    assert split_filename(filename) is None


def test_a_set_of_tags_that_multiplies_out_is_left_out() -> None:
    many = ".".join(f"a{number}" for number in range(20))
    began = time.process_time()

    assert split_filename(f"alpha-1.0-{many}-{many}-{many}.whl") is None
    assert time.process_time() - began < 0.1

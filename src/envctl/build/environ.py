"""What a backend sees of the environment's variables: an allow-list, so that no credential is among them."""

from __future__ import annotations

import os
from collections.abc import Mapping

#: Variables of a session: where its user, its commands and its temporary files are, how it speaks.
_SESSION = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "TMP", "TEMP",
        "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA",
        "PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMDATA", "USERPROFILE", "NUMBER_OF_PROCESSORS", "MAX_JOBS",
        "CMAKE_BUILD_PARALLEL_LEVEL", "MAKEFLAGS", "CARGO_HOME", "RUSTUP_HOME", "XDG_CACHE_HOME",
    }
)  # fmt: skip

#: Variables that shape what compilers and backends make.
_SHAPING = frozenset(
    {
        "CC", "CXX", "FC", "LD", "AR", "RANLIB", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "FFLAGS", "LDFLAGS",
        "LDSHARED", "CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "LD_LIBRARY_PATH", "PKG_CONFIG",
        "PKG_CONFIG_PATH",
        "INCLUDE", "LIB", "LIBPATH", "VSCMD_ARG_TGT_ARCH", "DISTUTILS_USE_SDK", "MSSDK",
        "MACOSX_DEPLOYMENT_TARGET", "ARCHFLAGS", "SDKROOT", "SOURCE_DATE_EPOCH",
        "CMAKE_ARGS", "CMAKE_GENERATOR", "CMAKE_PREFIX_PATH", "SKBUILD_CMAKE_ARGS",
        "RUSTFLAGS", "RUSTC", "RUSTUP_TOOLCHAIN", "CARGO_BUILD_TARGET", "CUDA_HOME", "CUDA_PATH",
    }
)  # fmt: skip

#: The same, by how they begin: what a version is taken to be where no tags of a repository say.
_SHAPING_PREFIXES = ("SETUPTOOLS_SCM_PRETEND_VERSION", "HATCH_VCS_PRETEND_VERSION")


def scrub(environ: Mapping[str, str], *, scripts: str, bytecode: str) -> dict[str, str]:
    """Keep of ``environ`` what a build may see, with the isolated environment's ``scripts`` first in PATH.

    ``bytecode`` is a folder for what its interpreter compiles: nothing of it shall be left in a source tree.
    """
    kept = {name: value for name, value in environ.items() if _is_allowed(name, value)}
    kept["PATH"] = os.pathsep.join(part for part in (scripts, kept.get("PATH", os.defpath)) if part)
    kept["PYTHONNOUSERSITE"] = "1"
    kept["PYTHONIOENCODING"] = "utf-8"
    kept["PYTHONPYCACHEPREFIX"] = bytecode
    return kept


def choose_shaping(environ: Mapping[str, str]) -> dict[str, str]:
    """Choose the variables that go into what is built, and so into the name it is kept under.

    Not those of the session: a new terminal is no reason to build anew.
    """
    return {name: value for name, value in sorted(environ.items()) if _is_shaping(name.upper())}


def _is_allowed(name: str, value: str) -> bool:
    upper = name.upper()
    if upper.endswith("_PROXY"):
        # A proxy's URL may carry a password.
        return "@" not in value
    return upper in _SESSION or upper.startswith("LC_") or _is_shaping(upper)


def _is_shaping(upper: str) -> bool:
    return upper in _SHAPING or upper.startswith(_SHAPING_PREFIXES)

"""What can be obtained: wheels, sdists, archives, directories, checkouts.

URLs here never hold credentials: whoever parses one strips its userinfo first.
"""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel. ``hashes`` maps algorithm to hexadecimal digest; ``size`` is bytes.

    ``index`` is the name of the index it was listed by; ``upload_time`` is RFC 3339 text.
    ``path`` is set instead of ``url`` for a file of this machine, absolute.
    """

    filename: str
    url: str | None = None
    path: str | None = None
    hashes: Mapping[str, str]
    size: int | None = None
    upload_time: str | None = None
    index: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdist:
    """A source distribution; fields as in `Wheel`."""

    filename: str
    url: str | None = None
    path: str | None = None
    hashes: Mapping[str, str]
    size: int | None = None
    upload_time: str | None = None
    index: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A source tree of this machine.

    ``path`` is absolute; ``display_path`` is as the lock writes it (POSIX, relative to the lock).
    ``metadata_digest`` is of the files that decide its metadata, not of its code.
    """

    path: str
    display_path: str
    editable: bool
    metadata_digest: str
    subdirectory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A wheel or source archive at a direct URL, or a local file named by a source; its name says which.

    ``display_path`` is that of `Directory`, for a file.
    """

    url: str | None = None
    path: str | None = None
    display_path: str | None = None
    hashes: Mapping[str, str]
    size: int | None = None
    subdirectory: str | None = None

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel, and need not be built."""
        return (self.path or (self.url or "").partition("#")[0].partition("?")[0]).endswith(".whl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A commit of a version control repository.

    ``requested_revision`` is what the commit was asked for by, None for the default branch; ``revision_kind``
    says what that is: ``branch``, ``tag`` or ``rev``, None where a lock does not say.
    """

    vcs: str
    url: str
    commit: str
    requested_revision: str | None = None
    revision_kind: str | None = None
    subdirectory: str | None = None


Artifact = Wheel | Sdist | Directory | Archive | Checkout


#: A number and what follows it; nothing for a wheel without a build tag, which sorts lowest.
BuildTag = tuple[int, str] | tuple[()]


def build_tag(filename: str) -> BuildTag:
    """Return the build tag of a wheel's file name: of two wheels alike in all else, the higher one counts.

    Source: binary distribution format, "File name convention".
    """
    parts = filename.split("-")
    if len(parts) != 6:
        return ()
    rest = parts[2].lstrip("0123456789")
    return int(parts[2].removesuffix(rest) or 0), rest


def is_local(artifact: Artifact) -> bool:
    """Whether an artifact lies on this machine, and is named by its path."""
    return isinstance(artifact, Directory) or (isinstance(artifact, Archive) and artifact.path is not None)


def format_origin(artifact: Artifact) -> str:
    """Say where an artifact comes from, for people: a file name, a path or a URL with its commit."""
    match artifact:
        case Wheel() | Sdist():
            return artifact.filename
        case Directory():
            return artifact.display_path + (" (editable)" if artifact.editable else "")
        case Archive():
            return artifact.url or artifact.display_path or artifact.path or ""
        case Checkout():
            return f"{artifact.vcs}+{artifact.url}@{artifact.commit}"


def identify(artifact: Artifact) -> str:
    """Name an artifact so that two are equal exactly when installing them gives the same files.

    This is what a distribution's `origin` is compared with.
    """
    match artifact:
        case Wheel() | Sdist():
            kind = "wheel" if isinstance(artifact, Wheel) else "sdist"
            return f"{kind} {_strongest(artifact.hashes)}"
        case Directory():
            how = "editable" if artifact.editable else "directory"
            return f"{how} {artifact.metadata_digest} {artifact.path}"
        case Archive():
            return f"archive {_strongest(artifact.hashes)} {artifact.subdirectory or ''}".rstrip()
        case Checkout():
            return f"{artifact.vcs} {artifact.url}@{artifact.commit} {artifact.subdirectory or ''}".rstrip()


def _strongest(hashes: Mapping[str, str]) -> str:
    for algorithm in ("sha256", "sha512", "sha384"):
        if algorithm in hashes:
            return f"{algorithm}:{hashes[algorithm]}"
    return next((f"{algorithm}:{digest}" for algorithm, digest in sorted(hashes.items())), "")

"""Values to plan with, and hypothesis strategies for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from envctl.lock.difference import KINDS, PARTS, LockChange
from envctl.model.artifact import Archive, Artifact, Checkout, Directory, Sdist, Wheel, identify
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin, Selection
from envctl.model.state import Distribution, Drift, DriftKind, ForeignFile, Owner, State
from envctl.plan.address import format_file, format_package
from envctl.plan.change import (
    Action,
    Change,
    Diagnostic,
    Inputs,
    Observed,
    Plan,
    PlannedEnvironment,
    Reason,
    ReasonKind,
    Side,
    Verdict,
)

EXECUTABLE = "/opt/python/bin/python3.11"


def an_interpreter(version: str = "3.11.7", executable: str = EXECUTABLE) -> Interpreter:
    return Interpreter(
        executable=executable,
        implementation="cpython",
        version=version,
        platform="linux",
        free_threaded=False,
        debug=False,
        markers={},
        tags=("py3-none-any",),
        cache_tag="cpython-311",
        magic="a70d0d0a",
        identity="1",
    )


def a_wheel(name: str, version: str, *, build: str = "0", size: int | None = 1000) -> Wheel:
    return Wheel(
        filename=f"{name}-{version}-py3-none-any.whl",
        url=f"https://files.example/{name}-{version}-py3-none-any.whl",
        hashes={"sha256": f"{name}-{version}-{build}"},
        size=size,
        index="main",
    )


def a_pin(
    name: str,
    version: str | None = "1.0",
    *,
    artifact: Artifact | None = None,
    requested: bool = False,
    required_by: tuple[str, ...] = ("env.toml",),
) -> Pin:
    return Pin(
        name=name,
        version=version,
        artifact=artifact or a_wheel(name, version or "1.0"),
        requested=requested,
        required_by=required_by,
    )


def a_selection(*pins: Pin) -> Selection:
    return Selection(pins={pin.name: pin for pin in pins}, python="3.11")


def installed(pin: Pin, *, intact: bool = True, paths: tuple[str, ...] = ()) -> Distribution:
    """The distribution that envctl made of a pin."""
    return Distribution(
        name=pin.name,
        version=pin.version or "1.0",
        info=f"{pin.name}-{pin.version}.dist-info",
        installer="envctl",
        origin=identify(pin.artifact),
        requested=pin.requested,
        managed=True,
        intact=intact,
        paths=paths,
    )


def foreign(
    name: str,
    version: str = "1.0",
    *,
    intact: bool = True,
    direct_url: str | None = None,
    paths: tuple[str, ...] = (),
) -> Distribution:
    """A distribution that pip installed."""
    return Distribution(
        name=name,
        version=version,
        info=f"{name}-{version}.dist-info",
        installer="pip",
        direct_url=direct_url,
        intact=intact,
        paths=paths,
    )


def a_state(
    *distributions: Distribution,
    owner: Owner = Owner.ENVCTL,
    python: str | None = "3.11.7",
    executable: str | None = EXECUTABLE,
    drift: Sequence[Drift] = (),
    files: Sequence[ForeignFile] = (),
) -> State:
    return State(
        path="/home/someone/shop/.venv",
        owner=owner,
        python=python,
        executable=executable,
        generation=3,
        distributions={distribution.name: distribution for distribution in distributions},
        drift=tuple(drift),
        foreign=tuple(files),
        digest="sha256:observed",
    )


def nothing() -> State:
    return State(path="/home/someone/shop/.venv", owner=Owner.NOBODY, distributions={})


def a_plan(*changes: Change, **parts: object) -> Plan:
    values: dict[str, object] = {
        "inputs": Inputs(
            digests={"manifest": "sha256:m", "lock": "sha256:l", "options": "sha256:o"},
            manifest_path="env.toml",
            lock_path="pylock.toml",
        ),
        "environment": PlannedEnvironment(
            name="default",
            path=".venv",
            python="3.11.7",
            executable=EXECUTABLE,
            implementation="cpython",
            platform="linux-x86_64",
        ),
        "observed": Observed(exists=True, digest="sha256:observed", generation=3),
        "changes": changes,
    }
    return Plan(**{**values, **parts})  # type: ignore[arg-type] # tests name the parts of a plan


# --- strategies ---------------------------------------------------------------------------------

NAMES = ("alpha", "beta", "gamma", "pip")
VERSIONS = ("0.9", "1.0", "1.1", "2.0rc1", "2.0")
PRUNES = ("all", "managed", "never")

names = st.sampled_from(NAMES)
versions = st.sampled_from(VERSIONS)
texts = st.text(max_size=12)


@st.composite
def artifacts(draw: st.DrawFn, name: str, version: str) -> Artifact:
    """One of a few artifacts of a release, so that equal ones are met."""
    kind = draw(st.sampled_from(("wheel", "other wheel", "sdist", "directory", "archive", "checkout")))
    match kind:
        case "wheel" | "other wheel":
            return a_wheel(name, version, build=kind)
        case "sdist":
            return Sdist(
                filename=f"{name}-{version}.tar.gz", url="https://x.example/s", hashes={"sha256": "5"}
            )
        case "directory":
            return Directory(
                path=f"/home/someone/{name}",
                display_path=f"../{name}",
                editable=draw(st.booleans()),
                metadata_digest=draw(st.sampled_from(("sha256:1", "sha256:2"))),
            )
        case "archive":
            return Archive(url=f"https://x.example/{name}.zip", hashes={"sha256": "6"})
        case _:
            return Checkout(vcs="git", url=f"https://x.example/{name}.git", commit="a" * 40)


@st.composite
def pins(draw: st.DrawFn, name: str) -> Pin:
    version = draw(versions)
    artifact = draw(artifacts(name, version))
    unknown = isinstance(artifact, Directory) and draw(st.booleans())
    return Pin(
        name=name,
        version=None if unknown else version,
        artifact=artifact,
        requested=draw(st.booleans()),
        required_by=draw(st.sampled_from(((), ("env.toml",), ("group dev", "other (<4)"), ("other (>=2)",)))),
    )


selections: st.SearchStrategy[Selection] = st.sets(names).flatmap(
    lambda chosen: st.fixed_dictionaries({name: pins(name) for name in sorted(chosen)}).map(
        lambda mapping: Selection(pins=mapping, python="3.11")
    )
)

_DIRECT_URLS = (
    None,
    "not json",
    '{"url": "https://x.example/alpha.git", "vcs_info": {"vcs": "git", "commit_id": "%s"}}' % ("a" * 40),
    '{"url": "file:///home/someone/beta", "dir_info": {"editable": true}}',
    '{"url": "https://y.example/gamma.zip", "archive_info": {"hashes": {"sha256": "6"}}}',
)


@st.composite
def distributions(draw: st.DrawFn, name: str) -> Distribution:
    paths = (f"lib/python3.11/site-packages/{name}.py", f"lib/python3.11/site-packages/../../../bin/{name}")
    intact = draw(st.booleans())
    if draw(st.booleans()):
        return installed(draw(pins(name)), intact=intact, paths=paths)
    return foreign(
        name,
        draw(versions),
        intact=intact,
        direct_url=draw(st.sampled_from(_DIRECT_URLS)),
        paths=paths,
    )


_ADDRESSES = ("environment", "python", *(format_package(name) for name in NAMES), "file")
_HOOKS = ("lib/python3.11/site-packages/evil.pth", 'lib/python3.11/site-packages/e"v\\il.pth')

_drift = st.builds(
    lambda address, kind, path: Drift(
        address=format_file(path) if address == "file" else address,
        kind=DriftKind.ADDED if address == "file" else kind,
        path=path,
    ),
    st.sampled_from(_ADDRESSES),
    st.sampled_from(DriftKind),
    st.sampled_from(_HOOKS),
)

_foreign_files = st.lists(
    st.builds(
        ForeignFile,
        path=st.sampled_from(("share/models", "share/models/one", "bin/tool", "nltk_data", *_HOOKS)),
        size=st.integers(0, 10),
        data=st.booleans(),
    ),
    unique_by=lambda file: file.path,
    max_size=4,
)


@st.composite
def states(draw: st.DrawFn) -> State:
    if draw(st.integers(0, 9)) == 0:
        return nothing()
    chosen = draw(st.sets(names))
    return a_state(
        *(draw(distributions(name)) for name in sorted(chosen)),
        owner=draw(st.sampled_from((Owner.ENVCTL, Owner.OTHERS))),
        python=draw(st.sampled_from((None, "3.11.4", "3.11.7", "3.11.7", "3.10.2"))),
        executable=draw(st.sampled_from((None, EXECUTABLE, EXECUTABLE, "/usr/bin/python3"))),
        drift=draw(st.lists(_drift, max_size=4)),
        files=draw(_foreign_files),
    )


optional_texts = st.none() | texts
counts = st.integers(0, 2**53)
hashes: st.SearchStrategy[Mapping[str, str]] = st.dictionaries(texts, texts, max_size=2)

sides = st.builds(
    Side,
    version=optional_texts,
    origin=optional_texts,
    source=texts,
    url=optional_texts,
    hashes=hashes,
    size=st.none() | counts,
)

_paths = st.lists(
    st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=6).filter(
        lambda part: part not in {".", ".."}
    ),
    min_size=1,
    max_size=3,
).map("/".join)

addresses = st.one_of(
    st.sampled_from(("environment", "python")),
    st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True).map(lambda name: format_package(name[:200])),
    _paths.map(format_file),
)

changes = st.builds(
    Change,
    address=addresses,
    action=st.sampled_from(Action),
    before=st.none() | sides,
    after=st.none() | sides,
    reasons=st.lists(st.builds(Reason, st.sampled_from(ReasonKind), texts), min_size=1, max_size=2).map(
        tuple
    ),
    direct=st.booleans(),
    flags=st.sets(st.sampled_from(("major", "downgrade", "editable", "prerelease"))).map(
        lambda flags: tuple(sorted(flags))
    ),
)

_options = st.dictionaries(
    texts,
    st.none() | st.booleans() | st.integers(-5, 5) | texts | st.lists(texts, max_size=2).map(tuple),
    max_size=2,
)

plans = st.builds(
    Plan,
    inputs=st.builds(
        Inputs,
        digests=st.dictionaries(st.sampled_from(("manifest", "lock", "options", "policy")), texts),
        manifest_path=st.just("env.toml"),
        lock_path=st.none() | st.just("pylock.toml"),
        options=_options,
    ),
    environment=st.builds(
        PlannedEnvironment,
        name=texts,
        path=st.just("../.venv"),
        python=texts,
        executable=texts,
        implementation=texts,
        platform=texts,
        switch=texts,
    ),
    observed=st.builds(
        Observed,
        exists=st.booleans(),
        digest=texts,
        generation=st.none() | counts,
        owner=st.sampled_from([owner.value for owner in Owner]),
    ),
    changes=st.lists(changes, max_size=3, unique_by=lambda change: change.address).map(tuple),
    drift=st.lists(
        st.builds(Drift, address=addresses, kind=st.sampled_from(DriftKind), path=texts, detail=texts),
        max_size=2,
    ).map(tuple),
    lock_changes=st.lists(
        st.builds(
            LockChange,
            name=texts,
            before=optional_texts,
            after=optional_texts,
            reason=texts,
            kind=st.sampled_from(KINDS),
            step=st.sampled_from(("", "major", "minor", "patch")),
            differs=st.lists(st.sampled_from(PARTS), max_size=2).map(tuple),
            direct=st.booleans(),
            required_by=st.lists(texts, max_size=2).map(tuple),
            uploaded_before=optional_texts,
            uploaded_after=optional_texts,
            size_before=st.none() | counts,
            size_after=st.none() | counts,
        ),
        max_size=2,
    ).map(tuple),
    lock_text=optional_texts,
    planned_digest=texts,
    policy=st.lists(
        st.builds(
            Verdict,
            rule=texts,
            mode=st.sampled_from(("enforce", "warn")),
            address=texts,
            message=texts,
            waived=optional_texts,
        ),
        max_size=2,
    ).map(tuple),
    diagnostics=st.lists(
        st.builds(Diagnostic, level=st.sampled_from(("info", "warning")), code=texts, message=texts),
        max_size=2,
    ).map(tuple),
    adopt=st.booleans(),
    download_bytes=counts,
    carried=st.lists(
        st.builds(ForeignFile, path=st.sampled_from(("share/x", "a b")), size=counts, data=st.just(True)),
        max_size=2,
    ).map(tuple),
)

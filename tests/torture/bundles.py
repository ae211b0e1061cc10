"""Damage a bundle at random, by accident or with intent, and install from it where there is nothing else.

The bundle has a wheel, an sdist and its build tools, a commit with a submodule, and a commit with its history.
Each trial changes bytes of the file; or its members, its list, or the objects in its packs, with all sizes
and digests of the list put right again. It demands:

- ``bundle verify`` and ``apply --bundle`` either succeed or refuse the input, with a code and no traceback;
- where the list says what it said, what ``verify`` finds right can be applied;
- an apply that succeeds makes the environment that the undamaged bundle makes, every file compared;
- one that refuses leaves no environment; manifest, lock and bundle are as they were, whatever happens.

    python tests/torture/bundles.py --count 300 --seed 1

Prints one line a trial and a summary; exit 1 when any trial failed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.backends import BACKEND, make_tree
from support.bundles import carry, contents_of, rewrite
from support.packs import make_pack, read_objects
from support.project import Project
from support.repositories import Repository
from support.server import IndexServer
from support.wheels import make_sdist, make_wheel
from torture.figures import conclude_trials, make_parser

Members = dict[str, bytes]

#: What may stand in a list instead of what does.
_JUNK: tuple[object, ...] = (
    None,
    True,
    -1,
    1 << 70,
    "",
    "\ud800",
    "../x",
    "x" * 300,
    [],
    {},
    [None],
    {"": 1},
)


class Bench:
    """A project, its bundle, and the place without a network where that is installed from."""

    def __init__(self, place: str) -> None:
        self.place = place
        for name in ("shop", "cache/home"):
            os.makedirs(os.path.join(place, name))
        with IndexServer(os.path.join(place, "index"), max_age=0) as index:
            shop = Project(
                folder=os.path.join(place, "shop"), cache=os.path.join(place, "cache"), index=index
            )
            declare(shop, Path(place, "repositories"))
            shop.succeed("lock")
            shop.succeed("bundle", "create", "-o", "shop.bundle")
            self.away = carry(shop, place)
        os.rename(os.path.join(place, "repositories"), os.path.join(place, "gone"))
        self.bundle = self.away.path("shop.bundle")
        with open(self.bundle, "rb") as file:
            self.whole = file.read()
        self.contents = contents_of(self.bundle)
        self.before = self.look()
        self.away.succeed("bundle", "verify", "shop.bundle")
        self.away.succeed("apply", "--bundle", "shop.bundle")
        self.after = self.look()

    def look(self) -> dict[str, tuple[object, ...]]:
        """Describe the project and its environment, without what envctl writes of itself, and bytecode."""
        return {
            path: seen
            for path, seen in self.away.snapshot().items()
            if not path.startswith((".venv.envctl", ".venv/.envctl")) and "__pycache__" not in path
        }

    def put_back(self) -> None:
        for path in (self.away.path(".venv"), self.away.path(".venv.envctl"), self.away.cache):
            shutil.rmtree(path, ignore_errors=True)
        os.makedirs(os.path.join(self.away.cache, "home"))
        with open(self.bundle, "wb") as file:
            file.write(self.whole)

    def judge(self) -> str:
        """Demand what the module says of the bundle as it is now; say what came of it."""
        before = self.look()
        verified = self.away.run("bundle", "verify", "shop.bundle")
        applied = self.away.run("apply", "--bundle", "shop.bundle")
        for result in (verified, applied):
            is_told = result.code == 0 or (result.code in {1, 3, 6, 65} and result.codes)
            _demand(is_told, result.code, result.out, result.err)
        after = self.look()
        if applied.code == 0:
            _demand(_without_bundle(after) == _without_bundle(self.after), "another environment was made")
        else:
            _demand(after == before, "something was changed")
            _demand(verified.code != 0 or not self._says_the_same(), "found right, and refused", applied.err)
        _demand(after["shop.bundle"] == before["shop.bundle"], "the bundle was changed")
        return " ".join(
            [verified.codes[0] if verified.code else "right", "/", *(applied.codes[:1] or ["made"])]
        )

    def _says_the_same(self) -> bool:
        return contents_of(self.bundle) == self.contents


def declare(shop: Project, repositories: Path) -> None:
    """Make a project that needs one of each."""
    make_wheel(shop.index.folder, "alpha", "1.0")
    make_wheel(shop.index.folder, "tool", "1.0")
    head = '[build-system]\nrequires = ["tool"]\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\n'
    backend = BACKEND.replace("../calls.txt", os.devnull)
    make_sdist(
        shop.index.folder,
        "delta",
        "1.0",
        pyproject=f'{head}name = "delta"\nversion = "1.0"\n',
        files={"backend.py": f"import tool\n{backend}", "src/delta.py": "ANSWER = 4\n"},
    )
    module, core, side = (Repository(repositories / name) for name in ("module", "core", "side"))
    module.write("within.py", "ANSWER = 7\n")
    module.commit()
    make_tree(core.folder, "core")
    core.write("backend.py", backend)
    core.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", "../module", "src/part")
    core.git("config", "--file", ".gitmodules", "submodule.src/part.url", "../module")
    core.commit()
    make_tree(side.folder, "side")
    said = 'subprocess.run(["git", "describe", "--tags"], capture_output=True, text=True, check=True).stdout'
    asking = backend.replace('open("version.txt") as file', "open(os.devnull)")
    asking = asking.replace("return file.read().strip()", f"import subprocess; return {said}.strip()[1:4]")
    side.write("backend.py", asking)
    side.write(
        "pyproject.toml",
        f'{head.replace("tool", "")}name = "side"\ndynamic = ["version"]\n'.replace('[""]', "[]"),
    )
    side.commit()
    side.git("tag", "--annotate", "--message", "The second", "v2.0")
    side.write("more.txt", "more\n")
    side.commit()
    shop.write_manifest(
        "alpha",
        "delta",
        "core",
        "side",
        rest=f'[sources]\ncore = {{ git = "{core.url}" }}\nside = {{ git = "{side.url}" }}\n'
        '[build]\nallow = ["delta", "core", "side"]',
    )


def _without_bundle(seen: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    return {path: about for path, about in seen.items() if path != "shop.bundle"}


def _demand(condition: object, *about: object) -> None:
    if not condition:
        raise AssertionError(" ".join(map(str, about)))


# What is done to the bytes of the file.


def flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 30))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + chance.randbytes(chance.choice((1, 512, 5000))) + data[place:]


def erase(data: bytes, chance: random.Random) -> bytes:
    place, length = chance.randrange(len(data)), chance.choice((1, 100, 512, 20_000))
    return data[:place] + bytes(len(data[place : place + length])) + data[place + length :]


def move(data: bytes, chance: random.Random) -> bytes:
    """Let two blocks of the archive change places."""
    one, other = sorted(chance.sample(range(len(data) // 512), 2))
    blocks = [data[each * 512 : each * 512 + 512] for each in (one, other)]
    changed = bytearray(data)
    changed[one * 512 : one * 512 + 512], changed[other * 512 : other * 512 + 512] = blocks[1], blocks[0]
    return bytes(changed)


BYTES = (flip, flip, cut, insert, erase, move)


# What is done to its members; the list is put right afterwards.


def drop_member(members: Members, chance: random.Random) -> None:
    del members[_choose(members, chance)]


def exchange_members(members: Members, chance: random.Random) -> None:
    one, other = chance.sample([each for each in sorted(members) if each != "bundle.json"], 2)
    members[one], members[other] = members[other], members[one]


def change_member(members: Members, chance: random.Random) -> None:
    name = _choose(members, chance)
    members[name] = chance.choice((flip, cut, insert, erase))(members[name], chance)


def change_objects(members: Members, chance: random.Random) -> None:
    name = chance.choice([each for each in sorted(members) if each.endswith(".pack")])
    objects, level = read_objects(members[name]), 0
    place = chance.randrange(len(objects))
    kind, data = objects[place]
    match chance.randrange(7):
        case 0:
            del objects[place]
        case 1:
            objects[place] = (kind, flip(data or b"x", chance))
        case 2:
            objects.append(("blob", chance.randbytes(20)))
        case 3:
            objects.append(objects[place])
        case 4:
            chance.shuffle(objects)
        case 5:
            level = 6
        case _:
            objects[place] = (chance.choice(["commit", "tree", "blob", "tag"]), data)
    members[name] = make_pack(objects, level=level)


def _choose(members: Members, chance: random.Random) -> str:
    return chance.choice([each for each in sorted(members) if each != "bundle.json"])


MEMBERS = (drop_member, exchange_members, change_member, change_objects, change_objects)


def put_right(members: Members, contents: dict[str, Any]) -> None:
    """List the members as they are."""
    listed = [each for each in contents["files"] if each["path"] in members]
    for each in listed:
        data = members[each["path"]]
        each.update(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
    contents["files"] = listed


def change_list(contents: dict[str, Any], chance: random.Random) -> None:
    """Put junk, or what stands elsewhere in the list, into some place of it, or take something out."""
    places = list(_walk(contents))
    holder, key = chance.choice(places)
    match chance.randrange(4):
        case 0:
            del holder[key]
        case 1:
            other, its = chance.choice(places)
            holder[key] = json.loads(json.dumps(other[its]))
        case 2:
            holder[key] = chance.choice(_JUNK)
        case _:
            text = str(holder[key])
            holder[key] = text[:-1] + chance.choice("0a/.\0\u202e")


def _walk(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, dict | list):
            yield from _walk(item)


def damage(bench: Bench, chance: random.Random) -> str:
    """Do one kind of damage, and name it."""
    kind = chance.randrange(3)
    if kind == 0:
        alter = chance.choice(BYTES)
        with open(bench.bundle, "wb") as file:
            file.write(alter(bench.whole, chance))
        return f"bytes: {alter.__name__}"
    if kind == 1:
        rewrite(bench.bundle, lambda _: None, lambda contents: change_list(contents, chance))
        return "list"
    change: Callable[[Members, random.Random], None] = chance.choice(MEMBERS)
    held: Members = {}

    def alter_members(members: Members) -> None:
        change(members, chance)
        held.update(members)

    rewrite(bench.bundle, alter_members, lambda contents: put_right(held, contents))
    return f"members: {change.__name__}"


def run(count: int, seed: int, *, say: bool = True) -> int:
    """Run trials; give the number of failures."""
    failures = 0
    place = tempfile.mkdtemp(prefix="envctl-bundles-")
    bench = Bench(place)
    for number in range(count):
        bench.put_back()
        done = damage(bench, random.Random(f"{seed} {number}"))
        try:
            outcome = bench.judge()
        except Exception as error:  # noqa: BLE001 - one trial is told, the others go on
            failures += 1
            outcome = f"FAILED: {error}"
            if not isinstance(error, AssertionError):
                traceback.print_exc()
        if say:
            print(f"{number:4d} {done}: {outcome}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    return failures


def main() -> int:
    parser = make_parser(__doc__, count=100)
    options = parser.parse_args()
    began = time.monotonic()
    failures = run(options.count, options.seed)
    what = "a bundle damaged or forged, checked, and installed from without a network"
    return conclude_trials("bundles", what, options, failures=failures, began=began)


if __name__ == "__main__":
    sys.exit(main())

"""Commits of repositories in a bundle: packed when it is made, and taken into the store from it.

What is taken is checked as it is laid, and lies in the store as if it had been fetched: planning and building
find it there, and know nothing of bundles.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from envctl import atomic
from envctl.bundle.archive import Bundle, Member, member_of
from envctl.bundle.contents import Carried
from envctl.errors import InputError, UpstreamError
from envctl.frozen import replace
from envctl.model.artifact import Checkout
from envctl.vcs.carry import pack_commit, unpack_commit
from envctl.vcs.command import GitError
from envctl.vcs.pack import PackError
from envctl.vcs.tree import list_submodules
from envctl.workflow.checkouts import Checkouts

#: Says of what a bundle lacks who needs it.
Lack = Callable[[str], InputError]


def gather_commits(
    checkouts: Checkouts, wanted: Iterable[Checkout], folder: str
) -> list[tuple[Carried, Member]]:
    """Pack commits and their submodules into files of ``folder``, with their history where builds need that.

    Raises:
        UpstreamError, InputError, MachineError: as fetching and reading commits do.
    """
    chosen: dict[tuple[str, str], bool] = {}
    for checkout in wanted:
        place = (checkout.url, checkout.commit)
        chosen[place] = chosen.get(place, False) or checkouts.needs_history(checkout)
    for url, commit in tuple(chosen):
        fetch = partial(checkouts.fetch, history=False)
        for module in list_submodules(checkouts.git, url, commit, fetch):
            chosen.setdefault(module, False)
    if chosen:
        atomic.make_directories(folder)
    return [
        _pack(checkouts, url, commit, os.path.join(folder, str(number)), history=history)
        for number, ((url, commit), history) in enumerate(sorted(chosen.items()))
    ]


def _pack(
    checkouts: Checkouts, url: str, commit: str, target: str, *, history: bool
) -> tuple[Carried, Member]:
    folder = checkouts.fetch(url, commit, history=history)
    try:
        tags = pack_commit(checkouts.git, folder, commit, target, history=history)
    except (PackError, GitError) as error:
        message = f"commit `{commit}` of `{url}` cannot be packed: {error.reason}"
        raise UpstreamError("git-failed", message, where=url) from error
    member = member_of("", target)
    member = replace(member, path=f"files/{member.sha256}/{commit}.pack")
    return Carried(url=url, commit=commit, path=member.path, tags=tags), member


def take_commit(
    bundle: Bundle,
    carried: Mapping[tuple[str, str], Carried],
    checkouts: Checkouts,
    checkout: Checkout,
    lack: Lack,
) -> None:
    """Take a commit and its submodules into the store, with its history where a build needs that.

    Raises:
        InputError: `bad-bundle` for one that is not what its name says; what ``lack`` gives.
        UpstreamError: `bad-checkout`, `bad-url`; InputError: as `Checkouts.needs_history`.
    """

    def take(url: str, commit: str, *, history: bool = False) -> str:
        found = checkouts.find(url, commit, history=history)
        if found is not None:
            return found
        here = carried.get((url, commit))
        if here is None:
            raise lack(f"commit `{commit[:12]}` of `{url}`")
        if history and here.tags is None:
            raise lack(f"the history of commit `{commit[:12]}` of `{url}`")
        kind = "alone" if here.tags is None else "carried"
        return checkouts.keep(url, commit, kind, partial(_unpack, bundle, here, checkouts))

    take(checkout.url, checkout.commit)
    take(checkout.url, checkout.commit, history=checkouts.needs_history(checkout))
    list_submodules(checkouts.git, checkout.url, checkout.commit, take)


def _unpack(bundle: Bundle, carried: Carried, checkouts: Checkouts, folder: str) -> None:
    bring = partial(bundle.extract, carried.path)
    try:
        unpack_commit(checkouts.git, carried.commit, folder, bring, carried.tags)
    except PackError as error:
        raise bundle.refuse(
            f"what it has as commit `{carried.commit[:12]}` of `{carried.url}` {error.reason}"
        ) from error

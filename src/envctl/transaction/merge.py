"""Change the live environment file by file, where it cannot change places with another folder.

The staged tree is complete and on the disk; what leaves is laid aside as links, whole where it is to be
kept as an earlier generation; then the journal gets the list of steps, and from there on there is no way
but forward: whoever comes next does all of them again. Only where a step cannot be done is it all taken
back, which is a merge from what was laid aside.

Unchanged files keep their inodes, and so does the folder itself: whoever has it mounted sees the change.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence

from envctl import atomic
from envctl.environment.identity import GENERATION
from envctl.environment.inventory import read_inventory
from envctl.environment.others import is_environments_own
from envctl.errors import BrokenError, MachineError
from envctl.frozen import dataclass, replace
from envctl.transaction.journal import Journal, Merge, drop_journal, place_of, write_journal
from envctl.transaction.mergesteps import (
    Act,
    Step,
    Tree,
    compare,
    find_changed,
    plan_merge,
    plan_undo,
)
from envctl.transaction.site import Site
from envctl.transaction.survey import find_unequal, lay_aside, mode_of, survey
from envctl.transaction.switch import is_in_use
from envctl.transaction.trash import discard

#: A folder that is not empty, is none any more, or has something mounted on it.
_LEFT_STANDING = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EBUSY})


#: Says of a path of the live tree, relative, POSIX, that it shall go.
Gone = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for one merge, beside its journal.

    ``choose_gone`` is called before the first step: what it gives says of a path (relative, POSIX) that the
    new tree does not have whether it shall go. ``whole`` says that the tree that leaves is kept as an earlier
    generation.
    """

    choose_gone: Callable[[], Gone]
    whole: bool


def choose_everything() -> Gone:
    """Have everything go that the new tree does not have: for one that comes back as it was."""
    return bool


def choose_gone(live: str, *, pruned: Sequence[str], carried: Sequence[str]) -> Gone:
    """Decide what an apply removes from the live tree, where the new one does not have it.

    That is what envctl put there, and ``pruned``; but nothing that is ``carried``. Both may name folders.
    Raises `OSError` where the list of what envctl put there cannot be read.
    """
    try:
        inventory = read_inventory(live)
    except (FileNotFoundError, NotADirectoryError, MachineError):
        owned, adopted = frozenset[str](), True
    else:
        owned = frozenset(path for owner in inventory.owners for path, _ in inventory.stamps(owner))
        adopted = False
    going, staying = frozenset(pruned), frozenset(carried)

    def gone(path: str) -> bool:
        ours = path in owned or (adopted and is_environments_own(path)) or _is_among(path, going)
        return ours and not _is_among(path, staying)

    return gone


def _is_among(path: str, paths: frozenset[str]) -> bool:
    while path and paths:
        if path in paths:
            return True
        path = path.rpartition("/")[0]
    return False


def begin_merge(site: Site, journal: Journal, terms: Terms, *, check: Callable[[], None]) -> Journal:
    """Lay aside what leaves, and write down every step; returns the journal that says so.

    ``check`` is called now and then and before the last moment at which nothing has changed, and may raise.
    Whatever is raised, the environment is as it was. Raises `OSError`.
    """
    source = journal.source or ""
    merge = Merge(steps=(), source=source, aside=f"staging/{journal.leaving or 0}-leaving", waste=(source,))
    if os.path.dirname(source) != "staging":
        # An earlier generation must not be used up before all is done.
        merge = replace(merge, source=f"staging/{journal.entering}-entering")
        merge = replace(merge, waste=(source, merge.source))
    if not terms.whole:
        merge = replace(merge, waste=(*merge.waste, merge.aside))
    try:
        live, tree = survey(site.path), survey(place_of(site, source))
        merge = replace(merge, steps=_plan(site, live, tree, place_of(site, source), terms))
        if merge.source != source:
            put = [step.path for step in merge.steps if step.act is Act.PUT]
            lay_aside(place_of(site, source), tree, place_of(site, merge.source), only=put, check=check)
        only = None if terms.whole else find_changed(merge.steps, live)
        lay_aside(site.path, live, place_of(site, merge.aside), only=only, check=check)
        atomic.flush_file_system(site.folder)
        begun = replace(journal, parked=journal.parked if terms.whole else None, merge=merge)
        check()
    except BaseException:
        _forget(site, merge, source)
        raise
    try:
        write_journal(site, begun)
    except OSError as error:
        _withdraw(site, error)
        _forget(site, merge, source)
        raise
    return begun


def _plan(site: Site, live: Tree, tree: Tree, root: str, terms: Terms) -> tuple[Step, ...]:
    found = compare(live, tree)
    different = found.different | find_unequal(site.path, root, found.doubtful)
    return plan_merge(live, tree, different, terms.choose_gone())


def _forget(site: Site, merge: Merge, source: str) -> None:
    """Throw away what was laid aside, as far as the file system lets us: recovery does the rest."""
    try:
        for each in {merge.aside, merge.source} - {source}:
            discard(site, place_of(site, each))
    except OSError:
        pass


def _withdraw(site: Site, reason: OSError) -> None:
    """Make sure that no journal speaks of a merge whose tree is about to go."""
    try:
        drop_journal(site, durable=True)
    except OSError as error:
        raise BrokenError(
            "cannot-undo",
            f"`{site.journal}` can neither be written nor removed: {error.strerror or error}",
            where=site.journal,
            hints=("the next command that writes, such as `envctl apply`, goes on from here",),
        ) from reason


def run_steps(site: Site, merge: Merge) -> None:
    """Do every step, whether or not it was done before, and bring all of it onto the disk.

    Raises `OSError`.
    """
    root = place_of(site, merge.source)
    put = frozenset(step.path for step in merge.steps if step.act is Act.PUT)
    for act, path in merge.steps:
        target, source = f"{site.path}/{path}", f"{root}/{path}"
        match act:
            case Act.PUT:
                if path == GENERATION:
                    # A power cut must not leave a tree that says it is whole, and is not.
                    atomic.flush_file_system(site.path)
                _put(site, source, target)
            case Act.DELETE:
                if path not in put or os.path.lexists(source):
                    _delete(site, target)
            case Act.FOLDER:
                _make_folder(source, target)
            case Act.CLEAR:
                _clear(target)
    atomic.flush_file_system(site.path)


def _put(site: Site, source: str, target: str) -> None:
    if not os.path.lexists(source):
        return  # it is there already
    try:
        atomic.rename(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _copy_over(site, source, target)
        elif is_in_use(error):
            _move_aside(site, target)
            atomic.rename(source, target)
        else:
            raise


def _copy_over(site: Site, source: str, target: str) -> None:
    """Replace a file from another file system (a subvolume, a quota's project), in one step as well.

    Killed in between, recovery finds the copy where nothing else ends in ``.tmp``.
    """
    status = os.lstat(source)
    temporary = f"{site.path}/.envctl/{atomic.unique_name()}.tmp"
    try:
        if os.path.islink(source):
            atomic.symlink(os.readlink(source), temporary)
        else:
            atomic.copy(source, temporary, mode=status.st_mode & 0o777, mtime_ns=status.st_mtime_ns)
        atomic.rename(temporary, target)
    except BaseException:
        atomic.remove(temporary)
        raise
    atomic.remove(source)


def _move_aside(site: Site, path: str) -> None:
    """Rename a file that somebody has open: Windows permits that, but neither to replace nor to delete it."""
    discard(site, path)


def _delete(site: Site, target: str) -> None:
    # A folder has taken the place of what was to be deleted, or a file that of its folder: it is done.
    try:
        if os.path.isdir(target) and not os.path.islink(target):
            return
        atomic.remove(target)
    except NotADirectoryError:
        pass
    except OSError as error:
        if not is_in_use(error):
            raise
        _move_aside(site, target)


def _make_folder(source: str, target: str) -> None:
    if not os.path.isdir(target) or os.path.islink(target):
        atomic.make_directory(target, mode=mode_of(source) if os.path.isdir(source) else 0o755)


def _clear(target: str) -> None:
    try:
        atomic.remove_directory(target)
    except OSError as error:
        # Somebody wrote into it meanwhile; or what had to make way for a file is that file by now.
        if error.errno not in _LEFT_STANDING:
            raise


def turn_back(site: Site, journal: Journal) -> Journal:
    """Take a merge back, whole: by one from what was laid aside, of which the journal then speaks.

    Raises `OSError`: then the next command that writes goes on with the one or the other.
    """
    assert journal.merge is not None  # noqa: S101 - whoever has not begun has nothing to take back
    merge = journal.merge
    before = survey(place_of(site, merge.aside))
    steps = plan_undo(survey(site.path), before, merge.steps)
    spent = tuple(each for each in merge.waste if each.startswith("staging/"))
    back = Merge(steps=steps, source=merge.aside, aside="", waste=(*spent, merge.aside))
    undoing = Journal(leaving=journal.entering, entering=journal.leaving, source=merge.aside, merge=back)
    write_journal(site, undoing)
    run_steps(site, back)
    return undoing


def put_away(site: Site, journal: Journal) -> None:
    """Keep what left under its number, and throw away what was used. May be done again. Raises `OSError`."""
    merge = journal.merge
    assert merge is not None  # noqa: S101 - the caller has looked
    if journal.parked is not None:
        parked, aside = place_of(site, journal.parked), place_of(site, merge.aside)
        if os.path.lexists(aside) and not os.path.lexists(parked):
            atomic.rename_new(aside, parked)
            atomic.flush_directory(site.generations)
    for each in merge.waste:
        discard(site, place_of(site, each))

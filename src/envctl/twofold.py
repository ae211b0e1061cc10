"""Work that is shared by this process and a fork of it, where that is of use.

Threads would wait for each other at the interpreter's lock. A fork costs about a millisecond, has all that
is in memory, and tells its results through a pipe. It holds the kernel locks of this process too, so that
nobody else begins before it has ended, whatever becomes of this process.

There are two processes at most: what is done in pieces may itself consist of pieces, which are then done
one after the other.

Imports nothing but ``os`` and ``sys``.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn, TypeVar

    _Result = TypeVar("_Result")

    #: Does the piece of this number. Called in either process: it has to remember nothing.
    Work = Callable[[int], bytes]

# Numbers of pieces and lengths of results, in bytes. All numbers together fit into the smallest pipe.
_NUMBER, _LENGTH = 2, 4
_MOST_NUMBERS = 2000
_BLOCK = 1 << 16
_DONE, _SEPARATOR = b"done", "\0"
# The same wherever there is a fork; `signal` would load `enum`.
_SIGKILL = 9


#: Set while there are two processes, in both of them.
_shared = False


def may_fork() -> bool:
    """Whether a second process may be made, and has a processor to run on.

    A fork copies one thread and the locks of all, so there must be no other.
    """
    if not sys.platform.startswith("linux"):
        return False
    threading = sys.modules.get("threading")
    return (threading is None or threading.active_count() == 1) and len(os.sched_getaffinity(0)) > 1


def do_all(work: Work, pieces: int) -> list[bytes]:
    """Do pieces 0 to ``pieces`` - 1, half of them in a fork; give the results in order.

    Each process takes the next piece when it is done with one. Whatever becomes of the fork, all is done:
    what it did not tell is done here. What ``work`` raises here is raised.
    """
    done: list[bytes | None] = [None] * pieces
    if pieces > 1 and not _shared and may_fork():
        _do_together(work, done)
    return [work(number) if result is None else result for number, result in enumerate(done)]


def do_beside(work: Work, pieces: int, meanwhile: Callable[[], _Result]) -> tuple[_Result, list[bytes]]:
    """Do pieces 0 to ``pieces`` - 1 of ``work`` in a fork, and ``meanwhile`` here; give the results of both.

    When that is done, what is left of the pieces is shared: each is done once. Where there is no fork, all is
    done one after the other.

    Raises:
        OSError: what ``work`` raised; `ChildProcessError` when it ended otherwise.
    """
    child, answer, queue, step = None, -1, -1, 1
    if pieces > 0 and not _shared and may_fork():
        queue, step = _fill_queue(pieces)
        answer, answering = os.pipe()
        child = _fork()
        if child == 0:
            _work_beside(work, queue, answering, step, pieces)
        os.close(answering)
    if child is None:
        for descriptor in (answer, queue):
            if descriptor >= 0:
                os.close(descriptor)
        results = [work(number) for number in range(pieces)]
        return meanwhile(), results
    told = None
    try:
        result = meanwhile()
        done = {number: work(number) for number in _take(queue, step, pieces)}
        told = _read_all(answer)
    finally:
        os.close(answer)
        os.close(queue)
        if told is None:
            os.kill(child, _SIGKILL)
        _join(child)
    if not told.startswith(_DONE):
        _raise(told)
    done.update(_parse(told[len(_DONE) :]))
    return result, [done[number] for number in range(pieces)]


def _work_beside(work: Work, queue: int, answering: int, step: int, pieces: int) -> None:
    """Be the fork: nothing that the process has to finish may be finished here, too."""
    try:
        told = _DONE + _do_next(work, queue, step, pieces)
    except OSError as error:
        told = _SEPARATOR.join((str(error.errno), str(error.strerror), str(error.filename))).encode(
            "utf-8", "surrogateescape"
        )
    except BaseException:  # noqa: BLE001 - told of by who started it
        told = b""
    try:
        _write_all(answering, told)
    finally:
        os._exit(0)


def _raise(told: bytes) -> NoReturn:
    number, *texts = told.decode("utf-8", "surrogateescape").split(_SEPARATOR)
    if not number.isdecimal() or len(texts) != 2:
        raise ChildProcessError("the process that was started for it ended without a result")
    raise OSError(int(number), texts[0], texts[1])


def _fork() -> int | None:
    """Make the second process, until `_join`; None where there is none to be had."""
    global _shared  # noqa: PLW0603 - it is a fact about the process
    _shared = True
    try:
        return os.fork()
    except OSError:
        _shared = False
        return None


def _join(child: int) -> None:
    global _shared  # noqa: PLW0603 - see `_fork`
    os.waitpid(child, 0)
    _shared = False


def _fill_queue(pieces: int) -> tuple[int, int]:
    """Make a pipe from which pieces are taken, and say how many at once: it has to hold all of them."""
    step = pieces // _MOST_NUMBERS + 1
    queue, filling = os.pipe()
    starts = range(len(range(0, pieces, step)))
    os.write(filling, b"".join(number.to_bytes(_NUMBER, "big") for number in starts))
    os.close(filling)
    return queue, step


def _do_together(work: Work, done: list[bytes | None]) -> None:
    queue, step = _fill_queue(len(done))
    answers, answering = os.pipe()
    child = _fork()
    if child is None:
        os.close(queue)
        os.close(answers)
        os.close(answering)
        return
    if child == 0:
        _work_and_exit(work, queue, answering, step, len(done))
    os.close(answering)
    try:
        for number in _take(queue, step, len(done)):
            done[number] = work(number)
        for number, result in _parse(_read_all(answers)):
            done[number] = result
    finally:
        # Closed first: a fork that still has something to tell then ends at once.
        os.close(answers)
        os.close(queue)
        _join(child)


def _work_and_exit(work: Work, queue: int, answering: int, step: int, pieces: int) -> None:
    """Be the fork: nothing that the process has to finish may be finished here, too."""
    code = 1
    try:
        _write_all(answering, _do_next(work, queue, step, pieces))
        code = 0
    except BaseException:  # noqa: BLE001, S110 - what it could not do is done, and told of, by who started it
        pass
    finally:
        os._exit(code)


def _do_next(work: Work, queue: int, step: int, pieces: int) -> bytes:
    """Do one piece after the other, as long as there are some; give their results as they are told."""
    return b"".join([_format(number, work(number)) for number in _take(queue, step, pieces)])


def _take(queue: int, step: int, pieces: int) -> Iterator[int]:
    while number := os.read(queue, _NUMBER):
        start = int.from_bytes(number, "big") * step
        yield from range(start, min(start + step, pieces))


def _format(number: int, result: bytes) -> bytes:
    return number.to_bytes(_LENGTH, "big") + len(result).to_bytes(_LENGTH, "big") + result


def _parse(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while len(data) - place >= 2 * _LENGTH:
        number = int.from_bytes(data[place : place + _LENGTH], "big")
        start = place + 2 * _LENGTH
        place = start + int.from_bytes(data[place + _LENGTH : start], "big")
        if place <= len(data):
            yield number, data[start:place]


def _write_all(descriptor: int, told: bytes) -> None:
    data = memoryview(told)
    while data:
        data = data[os.write(descriptor, data) :]


def _read_all(descriptor: int) -> bytes:
    blocks = []
    while block := os.read(descriptor, _BLOCK):
        blocks.append(block)
    return b"".join(blocks)

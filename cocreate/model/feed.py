"""The stream of training batches, with pools of lessons made ahead by other processes where one cannot keep up.

Conventions:
    The stream is the same whatever the number of workers: pools depend on seed and number alone and are taken in order.
    Workers are fresh processes (a fork of one that uses a GPU may hang) that load neither torch nor a network.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from cocreate.model.batches import Batch

MOST_WORKERS = 8
AHEAD = 2  # pools under way for each worker
Pool = Callable[[int], list[Batch]]


class Pools(Protocol):
    """A source of lessons: each pool of batches is drawn from its number (and the source's seed) alone."""

    def pool(self, number: int, *, tokens: int) -> list[Batch]:
        """Pool ``number``: batches of at most ``tokens`` ids each."""
        ...


_LESSONS: list[Pools] = []  # a worker's own, set once when it starts


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the stream: batch number ``batch`` of pool number ``pool``, both from 0."""

    pool: int = 0
    batch: int = 0


@dataclass(frozen=True, slots=True)
class Portion:
    """A batch of the stream and the place of the one after it."""

    batch: Batch
    after: Place


@contextmanager
def stream(lessons: Pools, start: Place, *, tokens: int, workers: int = 0) -> Iterator[Iterator[Portion]]:
    """Endless batches of at most ``tokens`` ids from ``start`` on; ``workers`` processes make them, 0 for this one."""
    if workers == 0:
        yield _portions(lambda number: lessons.pool(number, tokens=tokens), start)
        return
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=fresh, initializer=_set_up, initargs=(lessons,)) as executor:
        asked: deque[Future[list[Batch]]] = deque()

        def pool(number: int) -> list[Batch]:
            while len(asked) <= AHEAD * workers:
                asked.append(executor.submit(_make, number + len(asked), tokens))
            return asked.popleft().result()

        try:
            yield _portions(pool, start)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


def default_workers(*, processes: int = 1) -> int:
    """Workers for each of ``processes`` that train on this machine's GPUs: all processors but one for each."""
    return max(0, min(MOST_WORKERS, (os.cpu_count() or 1) // processes - 1))


def _portions(pool: Pool, start: Place) -> Iterator[Portion]:
    number, first = start.pool, start.batch
    while True:
        batches = pool(number)
        for place in range(first, len(batches)):
            after = Place(number, place + 1) if place + 1 < len(batches) else Place(number + 1)
            yield Portion(batches[place], after)
        number, first = number + 1, 0


def _set_up(lessons: Pools) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that trains, which then ends its workers
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)  # a trainer that was killed cannot end its workers, and they would wait for ever

    threading.Thread(target=follow, daemon=True).start()
    _LESSONS[:] = [lessons]


def _make(number: int, tokens: int) -> list[Batch]:
    return _LESSONS[0].pool(number, tokens=tokens)

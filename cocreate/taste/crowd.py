"""What the other listeners of the same database say: a household, a band, a class that shares one server.

Conventions:
    Only histories of at least `FEWEST_LISTENERS` profiles are worth a fit; below, nothing is said. The hybrid
    recommender is fitted on them, facts (`table.facts_of`) being the content. What is fitted knows the items that the
    others met and a sample of the catalogue, its *reference*; the listener is folded in by asking, never fitted.
    The value of an item is the share of the reference that stands below it, in [0, 1], for this listener: of an item
    that the others met by what they make of it, of any other by its facts alone, be it a track of the catalogue or an
    idea a second old. So an item's value never depends on what else is asked about. What nobody met is drawn towards
    0.5, the more so the fewer listeners there are; and where no fact of it is known either, nothing is said.
    A fit is kept in the database and serves until the others' events have grown by more than `GROWTH`, another
    listener has come, a track was added to the catalogue, or anything was forgotten: that throws it away at once. Until
    then an item that another listener met since is one that nobody met.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cocreate.errors import FileError
from cocreate.music.measures import Floats
from cocreate.taste.events import HeardItem
from cocreate.taste.factors import ImplicitALS
from cocreate.taste.hybrid import FEW, NEWCOMER, Hybrid
from cocreate.taste.kernel import ContentKernel
from cocreate.taste.profile import Preference, Profile
from cocreate.taste.recommenders import Ease, Places, unpack
from cocreate.taste.table import ItemTable, Singles, facts_of

if TYPE_CHECKING:
    from cocreate.taste.store import Store

FEWEST_LISTENERS = 5
MANY_LISTENERS = 20  # at which an item that nobody met is half believed
GROWTH = 0.1  # of the others' events, beyond which what was fitted is old
REFERENCE = 2_000  # tracks of the catalogue that a fit knows beside what was met
_MOST_KNOWN = 1_000  # met items that the regression on facts learns from
_LEVELS = 500  # of the reference's scores, between which a standing is read
_SUM = 32  # bytes before the .npz: its SHA-256
_OPEN = 2  # fits that a program holds ready


@dataclass(frozen=True, slots=True)
class Fit:
    """What was learned of the others: the model, the place of each item that they met, the column of each fact."""

    stamp: str
    model: Hybrid
    met: Mapping[str, int]
    columns: Mapping[str, int]
    listeners: int

    def described(self, table: ItemTable) -> Described:
        """A table as the model reads it."""
        words = [(table.vocabulary[name], column) for name, column in self.columns.items() if name in table.vocabulary]
        into, onto = np.array(words, dtype=np.int64).reshape(-1, 2).T
        own = table.words.astype(bool).astype(np.float32)
        pick = sp.csr_matrix((np.ones(len(words), np.float32), (into, onto)), (own.shape[1], max(1, len(self.columns))))
        content = sp.csr_matrix(own @ pick)
        content.sort_indices()  # one order of adding up, whatever the table: equal facts are equal to the last digit
        facts = self.model.cold.facts(content)
        places = np.fromiter((self.met.get(name, -1) for name in table.ids), np.int64, len(table))
        return Described(places, facts, np.diff(content[:, self.model.cold.state["useful"]].indptr) > 0)


@dataclass(frozen=True, slots=True)
class Described:
    """Of each row of a table its place among the met (-1: nobody met it), its facts, and whether there are any."""

    places: Places
    facts: sp.csr_matrix
    known: npt.NDArray[np.bool_]


class Standing:
    """The share of some scores that lie below another, equal ones counting half; straight between `_LEVELS` of them."""

    def __init__(self, scores: Singles) -> None:
        levels, counts = np.unique(scores, return_counts=True)
        shares = (np.cumsum(counts) - counts / 2) / len(scores)
        some = np.unique(np.linspace(0, len(levels) - 1, _LEVELS).round().astype(np.int64))
        self._levels, self._shares = levels[some], shares[some]

    def __call__(self, values: Singles) -> Floats:
        """In [0, 1], for each value."""
        return np.interp(values, self._levels, self._shares)


class Crowd:
    """What the others say to one listener of any item, met or new; see the module.

    Args:
        fit: what was learned of them.
        liked: what the listener likes; at least one of it must be met by the others.
    """

    def __init__(self, fit: Fit, liked: Sequence[Preference]) -> None:
        model = fit.model
        self._fit, self._belief = fit, fit.listeners / (fit.listeners + MANY_LISTENERS)
        history = _matrix([{fit.met[p.item.id]: p.weight for p in liked if p.item.id in fit.met}], model.items)
        scores = model.score(history)[0]
        self._met = Standing(scores)(scores)
        # of what nobody met, as in the model: the regression on facts and, while few likes are known, likeness to them
        facts = unpack("facts", model.cold.state)
        regression = model.cold.fact_weights(model.cold.weights(history))[:, 0]
        likeness = np.asarray((history @ facts).todense())[0]
        few = NEWCOMER * np.exp(-history.nnz / FEW)
        self._weights = sum(
            share * weights / max(1e-9, float((facts @ weights).std()))
            for share, weights in ((1.0, regression), (few, likeness))
        )
        self._unmet = Standing(facts @ self._weights)

    def values(self, table: ItemTable) -> Singles:
        """How much listeners with this one's likes like each row, in [0, 1]; ``nan`` where nothing is known. (n,)."""
        rows = table.once(self._fit.stamp, lambda: self._fit.described(table))
        standing = self._unmet(rows.facts @ self._weights)
        found = np.where(rows.known, 0.5 + (standing - 0.5) * self._belief, np.nan)
        met = rows.places >= 0
        found[met] = self._met[rows.places[met]]
        return found.astype(np.float32)


def crowd_of(store: Store, profile: Profile) -> Crowd | None:
    """What the others in the database say to a listener; None where they are too few or share none of their likes.

    Raises:
        FileError: if the database is broken.
    """
    told = store.told()
    others = {name: count for name, count in told.items() if count and name != profile.name}
    liked = profile.liked
    if profile.name not in told or not liked or len(others) < FEWEST_LISTENERS:
        return None
    events = sum(others.values())
    kept = store.kept_fit(profile.name)
    if kept is None:
        _ready.clear()  # something may have been forgotten
    if kept and kept.listeners == len(others) and kept.events <= events <= kept.events * (1 + GROWTH):
        known = _ready.get(kept.stamp) or _opened(store, kept.stamp, len(others))
        if known is not None:
            return _folded(known, liked)
    found = _learned(store, profile.name, sorted(others), events)
    return None if found is None else _folded(found, liked)


def _folded(fit: Fit, liked: Sequence[Preference]) -> Crowd | None:
    return Crowd(fit, liked) if any(p.item.id in fit.met for p in liked) else None


_ready: dict[str, Fit] = {}  # by stamp, which the database must still have


def _hold(fit: Fit) -> Fit:
    for stamp in [*_ready][: len(_ready) + 1 - _OPEN]:
        _ready.pop(stamp, None)
    _ready[fit.stamp] = fit
    return fit


def _opened(store: Store, stamp: str, listeners: int) -> Fit | None:
    """The kept fit; None where it is gone, or what is there cannot be read, so that it is learned anew."""
    body = store.fit_body(stamp) or b""
    model = _model()
    try:
        if _sum_of(body[_SUM:]) != body[:_SUM]:
            return None
        model.load(_Memory(body[_SUM:]).path)
        names, words = (json.loads(model.state[key].tobytes()) for key in ("names", "words"))
        fit = Fit(stamp, model, _places(names), _places(words), listeners)
        Crowd(fit, [Preference(HeardItem.named("", "x"), 1.0)])  # a fit of an older version lacks what is asked for
    except (FileError, ValueError, KeyError, IndexError):
        return None
    return _hold(fit)


def _learned(store: Store, profile: str, others: Sequence[str], events: int) -> Fit | None:
    try:
        stamp = store.begin_fit(profile, listeners=len(others), events=events)
    except FileError:  # busy, or for reading only: what is learned serves this once
        stamp = secrets.token_hex(8)
    liked = [Profile.from_events(name, store.events(name)).liked for name in others]
    met = {p.item.id: p.item for row in liked for p in row}
    if not met:
        return None
    every = list((met | {item.id: item for item in store.catalogue(most=REFERENCE) if item.id not in met}).values())
    columns = _places([item.id for item in every])
    plays = _matrix([{columns[p.item.id]: p.weight for p in row} for row in liked], len(every))
    words: dict[str, int] = {}
    rows = [{words.setdefault(fact, len(words)): 1.0 for fact in facts_of(item)} for item in every]
    if not any(rows[: len(met)]):
        rows = [{0: 1.0}] * len(every)  # a house without a word of facts: one for all, so that one model serves
    model = _model()
    model.fit(plays, _matrix(rows, max(1, len(words))))
    model.state |= {"names": _text(met), "words": _text(words)}
    fit = Fit(stamp, model, _places([*met]), words, len(others))
    memory = _Memory()
    model.save(memory.path)
    try:
        return _hold(fit) if store.keep_fit(stamp, _sum_of(memory.body) + memory.body) else fit
    except FileError:
        return fit


def _model() -> Hybrid:
    ease, als = Ease(ridge=3.0), ImplicitALS(factors=32)
    # a linear kernel ranks 100,000 tracks in a few milliseconds, pairs and triples of facts in a second
    cold = ContentKernel(power=1, most=_MOST_KNOWN, inner=[Ease(ridge=3.0), ImplicitALS(factors=32)])
    return Hybrid(warm=[als, ease], cold=cold)


def _sum_of(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


class _Memory:
    """What a recommender saves into and loads from as if it were a file: histories are not left in a folder."""

    def __init__(self, body: bytes = b"") -> None:
        self.body = body

    @contextmanager
    def open(self, _mode: str) -> Iterator[BytesIO]:
        file = BytesIO(self.body)
        yield file
        self.body = file.getvalue()

    @property
    def path(self) -> Path:
        """Itself: a recommender does no more with a path than open it."""
        return cast("Path", self)


def _text(names: Iterable[str]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(list(names)).encode(), dtype=np.uint8)


def _places(names: Sequence[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}


def _matrix(rows: Sequence[Mapping[int, float]], width: int) -> sp.csr_matrix:
    columns = np.array([column for row in rows for column in row], dtype=np.int64)
    values = np.array([value for row in rows for value in row.values()], dtype=np.float32)
    return sp.csr_matrix((values, columns, np.cumsum([0, *map(len, rows)])), shape=(len(rows), width))

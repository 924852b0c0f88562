"""What the other listeners of the same database say: a household, a band, a class that shares one server.

Conventions:
    Only histories of at least `FEWEST_LISTENERS` profiles are worth a fit; below, nothing is said. A score is the
    share of the catalogue's items that stand below it, so it lies in [0, 1]; an item that nobody met is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse as sp

from cocreate.taste.profile import Profile
from cocreate.taste.recommenders import Ease
from cocreate.taste.store import Store

FEWEST_LISTENERS = 5


def crowd_scores(store: Store, profile: str, items: Sequence[str]) -> Mapping[str, float]:
    """Of each item that others met, how much listeners with this one's likes like it, in [0, 1]."""
    names = store.profiles()
    if len(names) < FEWEST_LISTENERS + (profile in names):
        return {}
    liked = {name: {p.item.id: p.weight for p in Profile.from_events(name, store.events(name)).liked} for name in names}
    own = liked.pop(profile, {})
    columns = {item: place for place, item in enumerate(sorted({i for row in (*liked.values(), own) for i in row}))}
    if not own or not any(liked.values()):
        return {}
    ease = Ease(ridge=3.0).fit(_matrix(list(liked.values()), columns))
    scores = ease.score(_matrix([own], columns))[0]
    met = {item for row in liked.values() for item in row}
    shown = [item for item in items if item in met]
    values = np.array([scores[columns[item]] for item in shown])
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return {item: float((place + 0.5) / len(shown)) for item, place in zip(shown, order, strict=True)}


def _matrix(rows: Sequence[Mapping[str, float]], columns: Mapping[str, int]) -> sp.csr_matrix:
    places = [(at, columns[item], weight) for at, row in enumerate(rows) for item, weight in row.items()]
    values = np.array([weight for _, _, weight in places], dtype=np.float32)
    return sp.csr_matrix(
        (values, ([at for at, _, _ in places], [column for _, column, _ in places])), shape=(len(rows), len(columns))
    )

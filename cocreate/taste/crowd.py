"""What the other listeners of the same database say: a household, a band, a class that shares one server.

Conventions:
    Only histories of at least `FEWEST_LISTENERS` profiles are worth a fit; below, nothing is said. The hybrid
    recommender is fitted on them, facts (`table.facts_of`) being the content. A score is the share of the catalogue's
    items that stand below an item, in [0, 1]; for an item that nobody met it is drawn towards 0.5, the more so the
    fewer listeners there are, and one of whom no fact is known either is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse as sp

from cocreate.taste.events import HeardItem
from cocreate.taste.factors import ImplicitALS
from cocreate.taste.hybrid import Hybrid
from cocreate.taste.kernel import ContentKernel
from cocreate.taste.profile import Profile
from cocreate.taste.recommenders import Ease, Recommender
from cocreate.taste.store import Store
from cocreate.taste.table import facts_of

FEWEST_LISTENERS = 5
MANY_LISTENERS = 20  # at which an item that nobody met is half believed
_MOST_KNOWN = 1_500  # met items that the regression on facts learns from


def crowd_scores(store: Store, profile: str, items: Sequence[HeardItem]) -> Mapping[str, float]:
    """Of each item how much listeners with this one's likes like it, in [0, 1]."""
    names = store.profiles()
    if len(names) < FEWEST_LISTENERS + (profile in names):
        return {}
    liked = {name: Profile.from_events(name, store.events(name)).liked for name in names}
    own = liked.pop(profile, ())
    met = {p.item.id: p.item for row in liked.values() for p in row}
    if not own or not met:
        return {}
    every = {item.id: item for item in (*met.values(), *(p.item for p in own), *items)}
    columns = {name: place for place, name in enumerate(sorted(every))}
    plays, history = (
        _matrix([{columns[p.item.id]: p.weight for p in row} for row in rows], len(columns))
        for rows in (liked.values(), [own])
    )
    words: dict[str, int] = {}
    rows = [{words.setdefault(fact, len(words)): 1.0 for fact in facts_of(every[name])} for name in columns]
    facts = _matrix(rows, max(1, len(words)))
    known = np.diff(facts.indptr) > 0
    model = _model(bool(known[[columns[name] for name in met]].any())).fit(plays, facts)
    scores = model.score(history)[0]
    unmet = known if isinstance(model, Hybrid) else np.zeros_like(known)
    shown = [item.id for item in items if item.id in met or unmet[columns[item.id]]]
    values = np.array([scores[columns[name]] for name in shown])
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    belief = len(liked) / (len(liked) + MANY_LISTENERS)
    return {
        name: 0.5 + ((place + 0.5) / len(shown) - 0.5) * (1.0 if name in met else belief)
        for name, place in zip(shown, order.tolist(), strict=True)
    }


def _model(has_facts: bool) -> Recommender:  # noqa: FBT001 - the one fact
    ease = Ease(ridge=3.0)
    if not has_facts:
        return ease
    als = ImplicitALS(factors=32)
    return Hybrid(warm=[als, ease], cold=ContentKernel(most=_MOST_KNOWN, inner=[Ease(ridge=3.0), als]))


def _matrix(rows: Sequence[Mapping[int, float]], width: int) -> sp.csr_matrix:
    columns = np.array([column for row in rows for column in row], dtype=np.int64)
    values = np.array([value for row in rows for value in row.values()], dtype=np.float32)
    return sp.csr_matrix((values, columns, np.cumsum([0, *map(len, rows)])), shape=(len(rows), width))

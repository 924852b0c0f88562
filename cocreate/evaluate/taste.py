"""``cocreate evaluate taste``: how well taste is known, beside every baseline and the figures that we set out to beat.

Conventions:
    HetRec Last.fm-2k, random splits by seed, full ranking without what was heard. *Warm*: a fifth of each listener's
    artists held out; the hybrid's network rehearses on a part of what is left. *Cold*: a fifth of the artists held out
    whole; tags are the content, and a listener's own tags on a held-out artist never help to rank it for them.
    *Unseen*: a fifth of the listeners held out too, of whom k likes are known; the tags of all held-out listeners are
    left out whole. Cold and unseen draw of all artists, and again of those with five listeners or more, where
    popularity and cosine lie nearer to the stated ones. Hyper-parameters were chosen on validation parts of the
    training part of split 0. ``goal`` and ``stated`` are the figures that were set before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from cocreate.errors import InputError
from cocreate.evaluate.taste_baselines import AWARE, BPR, RIDGED, WARP, cold_baselines, missing, warm_baselines
from cocreate.evaluate.taste_hetrec import HetRec, Places, read_hetrec, split_histories, split_items
from cocreate.evaluate.taste_metrics import METRICS, Measured, measure
from cocreate.taste.hybrid import Hybrid, standard
from cocreate.taste.kernel import ContentKernel
from cocreate.taste.neural import Rehearsal
from cocreate.taste.recommenders import (
    ContentCosine,
    Ease,
    ItemNeighbours,
    Popularity,
    Recommender,
    UserNeighbours,
    by_rank,
)
from cocreate.taste.table import Singles

PARTS = ("warm", "cold", "unseen")
LIKES = (3, 5, 10, 20)
_REHEARSAL = 2_000  # seeds of what the hybrid holds out of its own training part
_OF_KNOWN, _FEWEST = ", of five listeners or more", 5
HYBRID, EXPOSED = "hybrid", "hybrid, last places for the unshown"
_STATED = {
    ("warm", "popularity"): (0.097, 0.105), ("warm", "item-kNN"): (0.237, 0.229), ("warm", "user-kNN"): (0.238, 0.234),
    ("warm", "EASE"): (0.281, 0.277), ("warm", "iALS"): (0.289, 0.286),
    ("warm", "z(EASE) + z(iALS) + .3 z(content)"): (0.299, 0.292),
    ("cold", "popularity (oracle)"): (0.263, 0.295), ("cold", "content cosine"): (0.382, 0.452),
    ("cold", "ridge, tags to listeners"): (0.465, 0.527),
    ("warm", BPR): (0.152, 0.161), ("cold", RIDGED): (0.382, 0.426), ("cold", AWARE): (0.456, 0.522),
    ("cold", WARP): (0.458, 0.518),
}  # fmt: skip
GOALS = {
    "warm": (0.305, 0.30), "cold": (0.49, 0.56), "unseen, 3 likes": (0.36, None), "unseen, 5 likes": (0.40, None),
    "unseen, 10 likes": (0.44, None), "unseen, 20 likes": (0.46, None),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TasteReport:
    """Case -> recommender -> what was measured, all listeners of all splits together."""

    cases: dict[str, dict[str, Measured]]
    splits: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: mean and half the 95 % interval."""
        return {
            case: {
                name: {m: [round(found.mean(m), 4), round(found.half_width(m), 4)] for m in METRICS}
                for name, found in rows.items()
            }
            for case, rows in self.cases.items()
        } | {"splits": self.splits}

    def text(self) -> str:
        """The tables."""
        lines = []
        for case, rows in self.cases.items():
            lines.append(f"{case} ({self.splits} splits)")
            lines.append(f"{'':<36}" + "".join(f"{name:>16}" for name in METRICS) + "  stated ndcg, recall")
            for name, found in rows.items():
                cells = "".join(f"{found.mean(m):>9.3f} ±{found.half_width(m):.3f}" for m in METRICS)
                stated = _STATED.get((case.split(",", maxsplit=1)[0], name))
                lines.append(f"{name:<36}{cells}" + (f"  {stated[0]:.3f}, {stated[1]:.3f}" if stated else ""))
            goal = GOALS.get(case.replace(_OF_KNOWN, ""))
            if goal:
                lines.append(f"goal: {goal[0]:.3f}" + (f", {goal[1]:.2f}" if goal[1] else ""))
            lines.append("")
        return "\n".join(lines)


def evaluate_taste(
    data: Path,
    *,
    parts: Sequence[str] = PARTS,
    splits: int = 5,
    watch: Callable[[str], None] = lambda _doing: None,
) -> TasteReport:
    """Measure every recommender on HetRec.

    Raises:
        InputError: if a part is unknown or ``splits`` is outside 1..20.
        FileError: if the set is not there.
    """
    if unknown := [part for part in parts if part not in PARTS]:
        raise InputError(f"parts must be of {', '.join(PARTS)}, got {', '.join(unknown)}")
    if not 1 <= splits <= 20:  # noqa: PLR2004 - more are not worth the hours
        raise InputError(f"splits must be in 1..20, got {splits}")
    found: dict[str, dict[str, list[Measured]]] = {}
    hetrec = read_hetrec(data)
    for line in missing(parts):
        watch(line)
    for seed in range(splits):
        for part in parts:
            for case, name, one in {"warm": _warm, "cold": _cold, "unseen": _unseen}[part](hetrec, seed):
                found.setdefault(case, {}).setdefault(name, []).append(one)
                watch(f"split {seed}, {case}, {name}: NDCG@20 {one.mean('ndcg'):.4f}, recall {one.mean('recall'):.4f},"
                      f" coverage {one.coverage:.3f}")  # fmt: skip
    joined = {case: {name: _joined(all_) for name, all_ in rows.items()} for case, rows in found.items()}
    return TasteReport(joined, splits)


_Row = tuple[str, str, Measured]


def _warm(hetrec: HetRec, seed: int) -> list[_Row]:
    plays, held = split_histories(hetrec.plays, seed)
    known = hetrec.tags.not_of(held)
    content = hetrec.tags.counts(known)
    ranked = by_rank(plays, 1.0)
    rows: list[_Row] = []

    def note(name: str, scores: Singles) -> None:
        shown = scores.copy()
        shown[plays.nonzero()] = -np.inf
        rows.append(("warm", name, measure(shown, held, heard=plays, content=content)))

    models: list[Recommender] = [Popularity(), ItemNeighbours(), UserNeighbours(), ContentCosine(), Ease()]
    kept: dict[str, Singles] = {}
    for model in models:
        kept[model.name] = model.fit(ranked, content).score(ranked)
        note(model.name, kept[model.name])
    for name, scores in warm_baselines(plays, seed):
        note(name, scores)
    left, practised = split_histories(plays, _REHEARSAL + seed)
    apart = hetrec.tags.counts(known & hetrec.tags.not_of(practised))
    hybrid = Hybrid(rehearsal=Rehearsal(by_rank(left, 1.0), practised, apart))
    hybrid.fit(ranked, content)
    als = hybrid.warm[-1].score(ranked)
    note("iALS", als)
    blend = standard(kept["EASE"], plays) + standard(als, plays) + 0.3 * standard(kept["content cosine"], plays)
    note("z(EASE) + z(iALS) + .3 z(content)", blend.astype(np.float32))
    note(HYBRID, hybrid.score(ranked))
    return rows


def _cold(hetrec: HetRec, seed: int) -> list[_Row]:
    return [*_cold_case("cold", hetrec, seed), *_cold_case(f"cold{_OF_KNOWN}", hetrec, seed, fewest=_FEWEST)]


def _cold_case(case: str, hetrec: HetRec, seed: int, *, fewest: int = 0) -> list[_Row]:
    cold = split_items(hetrec.plays, seed, fewest=fewest)
    plays, held = _without_items(hetrec.plays, cold)
    content = hetrec.tags.counts()
    listeners, artists, less = hetrec.tags.without(cold)
    rows: list[_Row] = []

    where = np.searchsorted(cold, artists)

    def note(name: str, scores: Singles, *, spread: bool = False) -> None:
        shown = _only(scores, cold, plays)
        rows.append((case, name, measure(shown, held, heard=plays, content=content, spread=spread)))

    oracle = np.asarray((hetrec.plays > 0).sum(axis=0)).ravel().astype(np.float32)[cold]
    note("popularity (oracle)", np.tile(oracle, (plays.shape[0], 1)))
    ones = sp.csr_matrix((plays > 0).astype(np.float32))
    for name, model in (
        ("ridge, tags to listeners", ContentKernel(power=1, ridge=200.0, smooth=0.0)),
        ("content kernel", ContentKernel()),
    ):
        model.fit(ones, content)
        weights = model.weights(ones)
        scores = model.reach(weights, cold)
        scores[listeners, where] = model.score_as(weights, listeners, less)
        note(name, scores)
    facts = model.facts(content)
    likes = ones @ facts
    cosine = np.asarray((likes @ facts[cold].T).todense(), dtype=np.float32)
    cosine[listeners, where] = np.asarray(likes[listeners].multiply(model.facts(less)).sum(axis=1)).ravel()
    note("content cosine", cosine)
    for name, others in cold_baselines(ones, content, cold, (listeners, where, less), seed):
        note(name, others)
    blend = Hybrid.blended(scores, cosine, ones)
    note(HYBRID, blend)
    note(EXPOSED, blend, spread=True)
    return rows


def _unseen(hetrec: HetRec, seed: int) -> list[_Row]:
    return [*_unseen_case("unseen", hetrec, seed), *_unseen_case(f"unseen{_OF_KNOWN}", hetrec, seed, fewest=_FEWEST)]


def _unseen_case(case: str, hetrec: HetRec, seed: int, *, fewest: int = 0) -> list[_Row]:
    cold = split_items(hetrec.plays, seed, fewest=fewest)
    people = np.random.default_rng(1_000 + seed).permutation(hetrec.plays.shape[0])
    others = np.sort(people[: len(people) // 5])
    plays, _ = _without_items(hetrec.plays, cold)
    known = np.setdiff1d(np.arange(len(people)), others)
    content = hetrec.tags.counts(~np.isin(hetrec.tags.listener, others))
    train = sp.csr_matrix((plays[known] > 0).astype(np.float32))
    kernel = ContentKernel()
    kernel.fit(train, content)
    facts = kernel.facts(content)
    rows: list[_Row] = []
    for count in LIKES:
        histories, held = _some_likes(hetrec.plays, plays, others, cold, count, seed)
        cosine = np.asarray((histories @ facts @ facts[cold].T).todense(), dtype=np.float32)
        scores = kernel.reach(kernel.weights(histories), cold)
        for name, values in (
            ("content cosine", cosine), ("content kernel", scores), (HYBRID, Hybrid.blended(scores, cosine, histories)),
        ):  # fmt: skip
            shown = _only(values, cold, histories)
            rows.append((f"{case}, {count} likes", name, measure(shown, held, heard=histories, content=content)))
    return rows


def _only(scores: Singles, items: Places, histories: sp.csr_matrix) -> Singles:
    """Scores of some items as scores of all; the others are never shown."""
    found = np.full(histories.shape, -np.inf, dtype=np.float32)
    found[:, items] = scores
    return found


def _some_likes(  # noqa: PLR0917 - what a split is made of
    whole: sp.csr_matrix, plays: sp.csr_matrix, others: Places, cold: Places, count: int, seed: int
) -> tuple[sp.csr_matrix, list[Places]]:
    """Histories of ``count`` likes of listeners who have so many and some held-out artist; and what is held out."""
    rng = np.random.default_rng([seed, count])
    rows, held = [], []
    is_cold = np.zeros(whole.shape[1], dtype=bool)
    is_cold[cold] = True
    for listener in others:
        own = plays.indices[plays.indptr[listener] : plays.indptr[listener + 1]]
        all_ = whole.indices[whole.indptr[listener] : whole.indptr[listener + 1]]
        right = all_[is_cold[all_]]
        if len(own) >= count and len(right):
            rows.append(np.sort(rng.choice(own, count, replace=False)))
            held.append(right.astype(np.int64))
    starts = np.arange(len(rows) + 1) * count
    values = np.ones(len(rows) * count, dtype=np.float32)
    return sp.csr_matrix((values, np.concatenate(rows), starts), shape=(len(rows), whole.shape[1])), held


def _without_items(plays: sp.csr_matrix, cold: Places) -> tuple[sp.csr_matrix, list[Places]]:
    mask = np.zeros(plays.shape[1], dtype=bool)
    mask[cold] = True
    coo = plays.tocoo()
    keep = ~mask[coo.col]
    left = sp.csr_matrix((coo.data[keep], (coo.row[keep], coo.col[keep])), shape=plays.shape)
    held = [
        row[mask[row]].astype(np.int64)
        for row in (plays.indices[plays.indptr[r] : plays.indptr[r + 1]] for r in range(plays.shape[0]))
    ]
    return left, held


def _joined(found: Sequence[Measured]) -> Measured:
    values = {name: np.concatenate([one.values[name] for one in found]) for name in found[0].values}
    return Measured(values, float(np.mean([one.coverage for one in found])))

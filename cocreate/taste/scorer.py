"""THE scorer: how well items suit a listener, with the parts of each score and a reason a person can read.

Conventions:
    The same call ranks catalogue tracks, files and fresh ideas. All scores and raw parts lie in [0, 1]; 0.5 says
    nothing for or against, and a part that is not known counts as 0.5. A score is the sum of its parts, each already
    times its weight: weights come from `WEIGHTS`, taste's grown with the evidence e (the sum of the profile's absolute
    weights) as e / (e + 3), then all divided by their sum. So with no profile taste weighs nothing, with three clear
    verdicts half, and the weights depend on the profile alone, never on the other items in the call.

Taste:
    With likes and dislikes: the mean of a ridge logistic regression on the scaled features (both sides weigh the
    same) and of a kernel similarity (to the liked minus to the disliked). With one side only: how much likelier an item
    is under a diagonal Gaussian around that side, shrunk towards the ordinary, than under the ordinary itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erf, exp, fsum, log, sqrt
from types import MappingProxyType

import numpy as np

from cocreate.errors import InputError
from cocreate.music.measures import Floats
from cocreate.taste.feature_table import FEATURE_NAMES, FEATURES
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, FeatureVector, scaled
from cocreate.taste.profile import Preference, Profile, feature_words

PARTS = ("taste", "style", "quality", "novelty")
WEIGHTS: Mapping[str, float] = MappingProxyType({"taste": 1.0, "style": 0.2, "quality": 0.25, "novelty": 0.1})
HALF_TRUST_EVIDENCE = 3.0  # clear verdicts at which taste has half its weight
OTHER_STYLE_SHARE = 0.5  # a verdict on another style says half as much about this one
NEUTRAL = 0.5

# a family of many features (twelve degrees, twelve intervals) must not drown one of few: fourth root of its size, mean
# square 1. Measured best of sizes to the power 0, -1/4, -1/2; whitening by the background's covariance was worse.
_FAMILY = np.array([sum(g.group == f.group for g in FEATURES) ** -0.25 for f in FEATURES])
_FAMILY /= np.sqrt((_FAMILY**2).mean())
_RIDGE = 10.0  # strong: ten pieces must not decide eighty features
_NEWTON_STEPS = 30
_CONVERGED = 1e-8
_KERNEL_WIDTH = 1.0  # squared spreads a feature
_KERNEL_GAIN = 8.0  # logits for one unit of similarity difference
_PRIOR_PIECES = 3.0  # pieces' worth of belief in the ordinary
_LIKELIHOOD_TEMPER = 0.15  # features hang together; eighty of them count like a dozen
_REASON_SCALE = 6.0  # from shares of a logit to the spreads that feature_words expects
_REASON_FOR, _REASON_AGAINST = 3, 2
# log of the mean squared distance of a style's own held-out excerpts: mean and deviation (four styles, 214 excerpts)
_FIT_CENTRE, _FIT_SPREAD = -0.3, 0.36


@dataclass(frozen=True, slots=True)
class Item:
    """Something to rank. ``style_fit``, ``quality`` and ``novelty`` lie in [0, 1]; None is not known."""

    id: str
    features: FeatureVector | None
    style_fit: float | None = None
    quality: float | None = None
    novelty: float | None = None
    title: str = ""

    def __post_init__(self) -> None:
        for name in ("style_fit", "quality", "novelty"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise InputError(f"{name} must be in 0..1 or None, got {value}")


@dataclass(frozen=True, slots=True)
class Score:
    """How well an item suits: ``value`` in [0, 1] is exactly the ``fsum`` of ``parts`` (weighted, see `PARTS`)."""

    id: str
    value: float
    parts: Mapping[str, float]
    reason: str


def score(
    profile: Profile | None,
    items: Sequence[Item],
    *,
    style: str | None = None,
    scale: FeatureScale = DEFAULT_SCALE,
    weights: Mapping[str, float] = WEIGHTS,
) -> tuple[Score, ...]:
    """Score every item for a listener, in the order given; sort by ``-value`` to rank.

    Args:
        profile: the listener; None or an empty one ranks by style fit, quality and novelty alone.
        items: what to score; an item's score does not depend on the others.
        style: the style asked for; verdicts on pieces of other named styles then count half.
        scale: how features compare; a checkpoint may carry its own.
        weights: a weight of at least 0 for each of `PARTS`.

    Raises:
        InputError: if a weight is missing or negative, or all are 0.
    """
    if set(weights) != set(PARTS) or any(weights[part] < 0 for part in PARTS):
        raise InputError(f"weights must give 0 or more for each of {', '.join(PARTS)}, got {dict(weights)}")
    taste = None if profile is None or profile.is_empty else _Taste.learn(profile, style=style, scale=scale)
    evidence = 0.0 if taste is None else taste.evidence
    shares = dict(weights) | {"taste": weights["taste"] * evidence / (evidence + HALF_TRUST_EVIDENCE)}
    total = fsum(shares.values())
    if total <= 0:
        raise InputError("at least one weight that counts must be above 0, got none")
    scores: list[Score] = []
    for item in items:
        suits, effects, values = NEUTRAL, None, None
        if taste is not None and item.features is not None:
            values = scaled(item.features, scale)
            suits, effects = taste.judge(values)
        known = {"taste": suits, "style": item.style_fit, "quality": item.quality, "novelty": item.novelty}
        raw = {name: NEUTRAL if value is None else value for name, value in known.items()}
        parts = {name: shares[name] / total * raw[name] for name in PARTS}
        reason = _bare_reason(item) if taste is None else taste.reason(effects, values)
        scores.append(Score(item.id, fsum(parts.values()), MappingProxyType(parts), reason))
    return tuple(scores)


def style_fit(vector: FeatureVector, reference_mean: Sequence[float], reference_sd: Sequence[float]) -> float:
    """How well a tune fits a style, in [0, 1]: about the share of the style's own tunes that lie further out.

    The mean squared distance in standard deviations (each feature cut at 3) is set against the usual one of the
    style's own excerpts, as a percentile of a log-normal distribution that we fitted to held-out pieces.

    Args:
        vector: the tune.
        reference_mean: mean of each feature in the style, in the order of ``FEATURE_NAMES``.
        reference_sd: its standard deviation; one below a tenth of the built-in spread is raised to that.

    Raises:
        InputError: if the reference has more features than there are, or none.
    """
    count = len(reference_mean)  # features are only ever added at the end: an older reference knows the first ones
    if not 0 < count == len(reference_sd) <= len(FEATURE_NAMES):
        raise InputError(f"a style reference must have {len(FEATURE_NAMES)} means and deviations, got {count}")
    spread = np.maximum(np.array(reference_sd), 0.1 * np.array([f.spread for f in FEATURES[:count]]))
    known = np.array([v is not None for v in vector.values[:count]])
    raw = np.array([0.0 if v is None else v for v in vector.values[:count]])
    distances = np.clip((raw - np.array(reference_mean)) / spread, -3, 3)[known] ** 2
    far = (log(max(1e-6, float(distances.mean()))) - _FIT_CENTRE) / _FIT_SPREAD
    return 0.5 * (1.0 - erf(far / sqrt(2.0)))


def rerank_diverse(
    scores: Sequence[Score],
    vectors: Mapping[str, FeatureVector],
    *,
    strength: float = 0.3,
    scale: FeatureScale = DEFAULT_SCALE,
) -> tuple[Score, ...]:
    """The same scores in a new order: best first, but what is like an earlier one waits (greedy MMR).

    Each step takes the item with the largest ``(1 - strength) * value - strength * nearness``, nearness in [0, 1]
    being that to the most similar item taken so far. Scores themselves do not change.

    Args:
        scores: what to order.
        vectors: item id to features; an item without is near to nothing.
        strength: 0 sorts by value alone, 1 looks at variety alone.
        scale: how features compare.

    Raises:
        InputError: if ``strength`` is outside 0..1.

    Source:
        Carbonell and Goldstein, The Use of MMR, Diversity-Based Reranking, SIGIR 1998.
    """
    if not 0.0 <= strength <= 1.0:
        raise InputError(f"strength must be in 0..1, got {strength}")
    left = sorted(scores, key=lambda one: -one.value)
    points = {one.id: scaled(vectors[one.id], scale) for one in left if one.id in vectors}
    nearest = dict.fromkeys((one.id for one in left), 0.0)
    chosen: list[Score] = []
    while left:
        best = max(left, key=lambda one: (1 - strength) * one.value - strength * nearest[one.id])
        left.remove(best)
        chosen.append(best)
        if best.id in points:
            for one in left:
                if one.id in points:
                    gap = float(((points[one.id] - points[best.id]) ** 2).mean())
                    nearest[one.id] = max(nearest[one.id], exp(-gap / _KERNEL_WIDTH))
    return tuple(chosen)


@dataclass(frozen=True, slots=True)
class _Taste:
    """What was learnt from a profile; ``slopes`` is None when there is one side only."""

    liked: Floats  # (n, features)
    disliked: Floats
    liked_weights: Floats  # (n,), each above 0
    disliked_weights: Floats
    slopes: Floats | None
    bias: float

    @classmethod
    def learn(cls, profile: Profile, *, style: str | None, scale: FeatureScale) -> _Taste:
        liked, liked_weights = _matrix(profile.liked, style, scale)
        disliked, disliked_weights = _matrix(profile.disliked, style, scale)
        slopes, bias = None, 0.0
        if len(liked) and len(disliked):
            slopes, bias = _ridge_logistic(liked * _FAMILY, disliked * _FAMILY, liked_weights, disliked_weights)
        return cls(liked, disliked, liked_weights, disliked_weights, slopes, bias)

    @property
    def evidence(self) -> float:
        return float(self.liked_weights.sum() + self.disliked_weights.sum())

    def judge(self, values: Floats) -> tuple[float, Floats]:
        """Raw taste in [0, 1], and what each feature adds to it (logits, before the kernel)."""
        if self.slopes is not None:
            effects: Floats = self.slopes * _FAMILY * values
            near = _similarity(values, self.liked, self.liked_weights)
            near -= _similarity(values, self.disliked, self.disliked_weights)
            linear = _sigmoid(float(effects.sum()) + self.bias)
            return (linear + _sigmoid(_KERNEL_GAIN * near)) / 2, effects
        if len(self.liked):
            effects = _likelier(values, self.liked, self.liked_weights)
        else:
            effects = -_likelier(values, self.disliked, self.disliked_weights)
        return _sigmoid(float(effects.sum())), effects

    def reason(self, effects: Floats | None, values: Floats | None) -> str:
        """The features that counted most, in words."""
        if effects is None or values is None:
            return "nothing known of how it sounds"
        told = np.where(np.abs(values) >= 0.25, effects, 0.0) * _REASON_SCALE  # noqa: PLR2004 - ordinary: no word
        towards = feature_words(np.maximum(told, 0.0), most=_REASON_FOR, directions=values)
        against = feature_words(np.maximum(-told, 0.0), most=_REASON_AGAINST, directions=values)
        near, far = ("close to what you kept", "unlike")
        if not len(self.liked):
            near, far = ("unlike what you skipped", "close to it")
        parts = [f"{head}: {', '.join(words)}" for head, words in ((near, towards), (far, against)) if words]
        return "; ".join(parts) or "neither close to what you kept nor far from it"


def _matrix(preferences: Sequence[Preference], style: str | None, scale: FeatureScale) -> tuple[Floats, Floats]:
    def trust(preference: Preference) -> float:
        other = style is not None and preference.item.style not in ("", style)
        return abs(preference.weight) * (OTHER_STYLE_SHARE if other else 1.0)

    rows = np.array([scaled(p.item.features, scale) for p in preferences]).reshape(-1, len(FEATURE_NAMES))
    return rows, np.array([trust(p) for p in preferences], dtype=np.float64)


def _ridge_logistic(
    liked: Floats, disliked: Floats, liked_weights: Floats, disliked_weights: Floats
) -> tuple[Floats, float]:
    """Slopes (features,) and bias of a class-balanced logistic regression with a ridge on the slopes, by Newton."""
    count = (liked_weights.sum() + disliked_weights.sum()) / 2
    trust = np.concatenate([liked_weights / liked_weights.sum(), disliked_weights / disliked_weights.sum()]) * count
    wanted = np.concatenate([np.ones(len(liked)), np.zeros(len(disliked))])
    rows = np.concatenate([liked, disliked])
    rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)  # the last column is the bias
    ridge = np.full(rows.shape[1], _RIDGE)
    ridge[-1] = 1e-3
    slopes = np.zeros(rows.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(rows @ slopes, -30, 30)))
        gradient = rows.T @ (trust * (chance - wanted)) + ridge * slopes
        curvature = (rows.T * (trust * chance * (1 - chance))) @ rows + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        slopes -= step
        if float(np.abs(step).max()) < _CONVERGED:
            break
    return slopes[:-1], float(slopes[-1])


def _similarity(values: Floats, rows: Floats, weights: Floats) -> float:
    """Weighted mean kernel value of ``values`` to ``rows``, in [0, 1]."""
    gaps = (((rows - values) * _FAMILY) ** 2).mean(axis=1)  # (n,)
    return float((weights * np.exp(-gaps / _KERNEL_WIDTH)).sum() / weights.sum())


def _likelier(values: Floats, rows: Floats, weights: Floats) -> Floats:
    """Log-likelihood ratio of each feature, side against ordinary, tempered. Shape (features,)."""
    total = weights.sum() + _PRIOR_PIECES
    mean = (weights @ rows) / total
    spread = (_PRIOR_PIECES + weights @ (rows - mean) ** 2) / total
    ratio: Floats = -((values - mean) ** 2) / (2 * spread) - np.log(spread) / 2 + values**2 / 2
    return _LIKELIHOOD_TEMPER * ratio


def _sigmoid(logit: float) -> float:
    return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, logit))))


def _bare_reason(item: Item) -> str:
    named = (("style fit", item.style_fit), ("quality", item.quality), ("novelty", item.novelty))
    known = [f"{name} {value:.0%}" for name, value in named if value is not None]
    if not known:
        return "no profile yet, and nothing else to rank by"
    listed = known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"
    return f"no profile yet: ranked by {listed}"

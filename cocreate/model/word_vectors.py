"""Word vectors from counts: which words keep company in a stanza.

Conventions:
    Rows are unit vectors, float32, in the order of the words given. Positive pointwise mutual information of words of
    one stanza, context counts smoothed by the power 0.75, factored by a randomised SVD (Halko, Martinsson, Tropp 2011).
    Levy, Goldberg, Dagan 2015: such vectors do as well as trained ones on corpora of this size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
_SMOOTHING = 0.75
_POWER_STEPS = 3
_OVERSAMPLED = 16
_LEAST = 1e-9


def company_vectors(stanzas: Iterable[Sequence[int]], *, count: int, width: int, seed: int = 0) -> Vectors:
    """Vectors (``count``, ``width``) of words 0..count-1 from stanzas of word numbers (function words left out)."""
    pairs = np.zeros((count, count), dtype=np.float32)
    for stanza in stanzas:
        own = np.unique(np.asarray(stanza, dtype=np.int64))
        if own.size > 1:
            pairs[np.ix_(own, own)] += 1.0 / (own.size - 1)
    np.fill_diagonal(pairs, 0)
    totals = pairs.sum(axis=1) + _LEAST
    context = totals**_SMOOTHING
    with np.errstate(divide="ignore"):
        pairs = np.log(pairs * (context.sum() / totals[:, None] / context[None, :]))
    np.maximum(pairs, 0, out=pairs)
    left, values = _svd(pairs, width, seed)
    return unit(left * np.sqrt(values)).astype(np.float32)


def unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, _LEAST))


def _svd(matrix: Vectors, width: int, seed: int) -> tuple[Vectors, Vectors]:
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((matrix.shape[1], min(matrix.shape[1], width + _OVERSAMPLED))).astype(np.float32)
    for _ in range(_POWER_STEPS):
        basis, _ = np.linalg.qr(matrix @ (matrix.T @ basis))
    small = basis.T @ matrix
    left, values, _ = np.linalg.svd(small, full_matrices=False)
    found = basis @ left[:, :width]
    if found.shape[1] < width:  # a tiny corpus has fewer directions
        found = np.pad(found, ((0, 0), (0, width - found.shape[1])))
        values = np.pad(values, (0, max(0, width - len(values))))
    return found, values[:width]

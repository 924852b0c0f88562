"""What a text is about, as a point beside other texts: for lyrics in the catalogue.

Conventions:
    The point has 24 dimensions (`content.TEXT`), each with mean 0 and spread 1: a sentence embedding, projected at
    random once and for all (near stays near: Johnson and Lindenstrauss), or the text's words, hashed. Points of the
    two kinds say nothing of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from cocreate.taste.content import TEXT
from cocreate.taste.text_features import plain_words

_COMMON = frozenset(
    "the a an and or but of to in on at by for with from as is are was were be been it its this that these those he she"
    " they him his her their you your we our us i me my not no so do did have has had will would can could"
    " 的 了 在 是 有 和 我 你 他 她 它 不 这 那 就 也 都 与 而 之".split()
)


def text_traits(text: str, embedding: Sequence[float] | None = None) -> dict[str, float]:
    """What a text is about, as traits by name; none where nothing is said.

    Args:
        text: any language.
        embedding: its sentence embedding, of any size; None hashes its words.
    """
    names = [feature.name for feature in TEXT]
    if embedding is not None:
        point = np.random.default_rng(0).standard_normal((len(names), len(embedding))) @ np.array(embedding)
    else:
        point = np.zeros(len(names))
        for word in plain_words(text):
            if word not in _COMMON:
                place = crc32(word.encode())
                point[place % len(names)] += 1.0 if place >> 16 & 1 else -1.0
    length = float(np.linalg.norm(point))
    if not length:
        return {}
    return dict(zip(names, np.round(point / length * len(names) ** 0.5, 4).tolist(), strict=True))

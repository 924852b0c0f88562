"""What the one model knows of Bach: all four voices of the JSB Chorales jointly, in its own tokens.

Conventions:
    The model writes bar after bar, in each bar one whole voice after another, so the order is another than
    in ``evaluate.chorales``; the sum over a piece is the same quantity. It is told the style, nothing else. The key of
    the frame is paid for (the logarithm of 12 a piece); the length is given to everybody: the end is not counted.
    The grid does not tell held notes from repeated ones, and tokens do; probability that goes to repetitions is lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cocreate.evaluate.chorales import read_grids
from cocreate.model.batches import Lesson
from cocreate.model.checkpoint import Checkpoint
from cocreate.model.corpus.chorales import read_jsb_chorales
from cocreate.model.tokens import Controls, Sheet
from cocreate.model.tracks import full_sheet_of, lay_out_parts
from cocreate.model.vocabulary import Vocabulary

VOICES = ("melody", "alto", "tenor", "bass")
ORDERS = (("melody", "bass", "tenor", "alto"), ("bass", "tenor", "alto", "melody"))
_KEYS = 12


def joint_nats(checkpoint: Checkpoint, data: Path, *, split: str = "test") -> float:
    """Mean nats a note (one voice at one 16th step) over the chorales of a split of ``data``.

    The order of the voices is the one of ``ORDERS`` that is better on the validation split.

    Raises:
        FileError: if the chorales cannot be read.
    """
    best = min(ORDERS, key=lambda order: _nats(checkpoint, data, "validation", order))
    return _nats(checkpoint, data, split, best)


def chorale_lessons(sheet: Sheet, words: Vocabulary, order: Sequence[str], *, context: int) -> list[Lesson]:
    """A chorale as lessons of all its voices, in pieces where it is longer than the context."""
    head = Controls(styles=("chorale",)).ids("parts", words)
    lessons: list[Lesson] = []
    first = 0
    while first < len(sheet.bars):
        stop = len(sheet.bars)
        while True:
            body, targets = lay_out_parts(
                sheet, sheet.bars[first:stop], words, given=(), wanted=order, meter=None, bars_left=None
            )
            if len(head) + len(body) <= context or stop == first + 1:
                break
            stop -= 1
        ids = np.array([*head, *body], dtype=np.int64)
        lessons.append(Lesson(ids, np.array([False] * len(head) + targets), 0))
        first = stop
    return lessons


def _nats(checkpoint: Checkpoint, data: Path, split: str, order: Sequence[str]) -> float:
    from cocreate.model.conditioning import read_taste_network
    from cocreate.model.train import sequence_nats

    words = checkpoint.words
    pieces = [piece for piece in read_jsb_chorales(data) if piece.split == split]
    context = int(checkpoint.config["max_position_embeddings"])
    lessons = [
        lesson
        for piece in pieces
        for lesson in chorale_lessons(full_sheet_of(piece.song, words), words, order, context=context)
    ]
    cells = sum(grid.size for grid in read_grids(data)["valid" if split == "validation" else split])
    total = sum(sequence_nats(read_taste_network(checkpoint.folder, words), lessons))
    return (total + len(pieces) * math.log(_KEYS)) / cells

"""A candidate that hears what is given one bar ahead: the row that a partner of several tracks samples.

Conventions:
    ``Ahead given(1), Ahead given(2), Bar written(1), Ahead given(3), Bar written(2) ...`` as in the tasks "over",
    "under" and "parts" of ``model.tokens`` and ``model.tracks``. Bars count from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cocreate.generate.melody import PROMPT_SHARE
from cocreate.model.bar_rules import BarScribe
from cocreate.model.decoder import Decoder
from cocreate.model.harmoniser import controls_for
from cocreate.model.sample import Row
from cocreate.model.tokens import Controls, Sheet
from cocreate.model.tracks import track
from cocreate.model.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Given:
    """What a partner hears: tracks of a sheet, one bar ahead.

    Args:
        tracks: in the order they are shown; "under" hears the melody alone.
        sheet: bar for bar what is written to.
    """

    task: str
    tracks: tuple[str, ...]
    sheet: Sheet
    words: Vocabulary

    def ahead(self, place: int) -> list[int]:
        """Ids of a bar; nothing past the end."""
        if not self.tracks or place >= len(self.sheet.bars):
            return []
        row = [self.words.id("Ahead")]
        for name in self.tracks:
            row += [self.words.id("Track", name)] if self.task == "parts" else []
            row += track(self.sheet, self.sheet.bars[place], name)
        return row


def row_ahead(
    net: Decoder, scribe: BarScribe, given: Given, asked: Controls, *, taste: Sequence[float] = ()
) -> Row[BarScribe]:
    """The row of a candidate.

    Args:
        asked: controls that are named; what is None there is measured on the sheet's melody.
        taste: content vector to write near to; empty for none.
    """
    vector = np.array(taste, dtype=np.float32) if len(taste) and net.features else None

    def prompt() -> list[int]:
        return _prompt(scribe, given, asked, room=round(net.context * PROMPT_SHARE), has_taste=vector is not None)

    def interlude(bar: int) -> list[int]:
        return [*(given.ahead(0) if bar == 0 else ()), *given.ahead(bar + 1)]

    return Row(prompt(), scribe, interlude, prompt, taste=vector)


def _prompt(scribe: BarScribe, given: Given, asked: Controls, *, room: int, has_taste: bool) -> list[int]:
    """The controls and as many of the last bars so far as ``room`` ids hold, like a lesson that begins there."""
    words, first = given.words, max(0, scribe.bar)
    while first > 0:
        room -= 1 + len(given.ahead(first + 1)) + len(scribe.written[first])
        if room < 0:
            break
        first -= 1
    row = controls_for(given.sheet, first, len(scribe.lines), words, asked).ids(given.task, words, has_taste=has_taste)
    for place in range(first, scribe.bar + 1):
        written = scribe.written[place]
        if place == first:
            row += given.ahead(first)
            if written and words.types[written[0]] == "TimeSig":
                written = written[1:]  # the controls have said it
        row += [*given.ahead(place + 1), scribe.bar_id(place), *written]
    return row

"""What may be asked of the melody partner, checked.

Conventions:
    A request leaves out (None) what the style may choose.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cocreate.errors import InputError
from cocreate.model.sample import Sampling
from cocreate.model.vocabulary import MOODS
from cocreate.music.song import Chord, Key, Meter, Song

MELODY_GUIDANCE = 2.0  # a judge of style hears what was asked in 86 % of ideas, at 1 in 70 %
MAX_BARS = 64
MAX_CANDIDATES = 64
MIN_TEMPO_BPM, MAX_TEMPO_BPM = 20.0, 400.0
ANY = "any"  # the row of the style table that stands for no style in particular


@dataclass(frozen=True, slots=True)
class Leaning:
    """A taste as the partner hears it: the content vector for the network, and what it means for a plan.

    Args:
        vector: a point of the space the scorer scores in, (F,).
        tempo_bpm: the tempo that is liked.
        minor: share of the liked pieces that are in a minor key, 0..1.
        duple, triple, compound: shares of their metres, 0..1.
    """

    vector: tuple[float, ...]
    tempo_bpm: float
    minor: float
    duple: float
    triple: float
    compound: float


@dataclass(frozen=True, slots=True)
class MelodyRequest:
    """What is asked for.

    Args:
        bars: new bars, 1..64.
        range: lowest and highest MIDI pitch, at least a fifth apart.
        density: 0..1, from the sparsest to the busiest the style knows.
        chords: chord symbols under the new bars, from tick 0.
        start: a song to go on from; its bars are kept note for note.
        is_open: it ends on a tone of the dominant, as a section does that another one follows.
        n: candidates, 1..64.
        leanings: tastes to write near to; candidates take them in turn.
    """

    style: str | None = None
    key: Key | None = None
    meter: Meter | None = None
    tempo_bpm: float | None = None
    bars: int = 8
    range: tuple[int, int] | None = None
    density: float | None = None
    mood: str | None = None
    chords: tuple[Chord, ...] = ()
    start: Song | None = None
    is_open: bool = False
    n: int = 8
    seed: int = 0
    sampling: Sampling = field(default_factory=lambda: Sampling(guidance=MELODY_GUIDANCE))
    leanings: tuple[Leaning, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.bars <= MAX_BARS:
            raise InputError(f"bars must be in 1..{MAX_BARS}, got {self.bars}")
        if not 1 <= self.n <= MAX_CANDIDATES:
            raise InputError(f"n must be in 1..{MAX_CANDIDATES}, got {self.n}")
        if self.density is not None and not 0 <= self.density <= 1:
            raise InputError(f"density must be in 0..1, got {self.density:g}")
        if self.mood is not None and self.mood not in MOODS:
            raise InputError(f"mood must be one of {', '.join(MOODS)}, got {self.mood!r}{_near(self.mood, MOODS)}")
        if self.tempo_bpm is not None and not MIN_TEMPO_BPM <= self.tempo_bpm <= MAX_TEMPO_BPM:
            raise InputError(f"tempo must be in {MIN_TEMPO_BPM:g}..{MAX_TEMPO_BPM:g} bpm, got {self.tempo_bpm:g}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")


def check_style(style: str | None, table: Mapping[str, Any]) -> str:
    """The row of the style table for a request.

    Raises:
        InputError: for a style the checkpoint was not trained on; names the nearest.
    """
    if style is None:
        return ANY
    wanted = style.strip().lower().replace("-", " ").replace("_", " ")
    known = sorted(name for name in table if name != ANY)
    if wanted in table and wanted != ANY:
        return wanted
    raise InputError(f"style must be one of {', '.join(known)}, got {style!r}{_near(wanted, known)}")


def _near(word: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""

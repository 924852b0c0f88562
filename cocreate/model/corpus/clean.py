"""What may train: cleaning, and de-duplication up to transposition.

Conventions:
    Two pieces are the same tune when at least ``SAME_TUNE`` of the shorter one's 10-note interval shingles occur in
    the other. Of the same tune in several splits only the held-out copies stay (test before validation before
    train), so that nothing that is tested was trained; within a split the first stays, except that a held-out set keeps
    its own repetitions, so that standard test sets stay comparable.
"""

from __future__ import annotations

import functools
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from cocreate.model.corpus.piece import Piece
from cocreate.music.song import Note

MIN_NOTES = 12
MIN_CHORDS = 4  # of a chord chart
MIN_BARS = 4
MAX_BARS = 600
MIN_PITCHES = 3  # a melody on two notes teaches nothing
MAX_RANGE = 48  # semitones, the widest instrument solos; beyond are octave errors and two-hand parts
MAX_REST_SHARE = 0.7
SHINGLE = 9  # intervals, so 10 notes
SAME_TUNE = 0.5
COMMON_PIECES = 150  # a shingle in more pieces than this (a scale, a repeated note) says nothing about sameness
_RANK = {"test": 0, "validation": 1, "train": 2}


@dataclass(slots=True)
class Report:
    """How many pieces were kept and why the others were not."""

    kept: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def fault(piece: Piece) -> str | None:
    """Why a piece may not train, None when it may."""
    bars = len(piece.song.bars())
    notes = line_of(piece)
    if not notes:
        drums = sum(len(part.notes) for part in piece.song.parts)
        if drums < MIN_NOTES and len(piece.song.chords) < MIN_CHORDS:
            return "neither melody, chords nor drums"
        return None if MIN_BARS <= bars <= MAX_BARS else "too short or too long"
    pitches = {note.pitch for note in notes} or {0}
    sounding = sum(note.length_ticks for note in notes)
    faults = {
        "too few notes": len(notes) < MIN_NOTES,
        "too short or too long": not MIN_BARS <= bars <= MAX_BARS,
        "too few pitches": len(pitches) < MIN_PITCHES,
        "range too wide": max(pitches) - min(pitches) > MAX_RANGE,
        "mostly rests": sounding < (1 - MAX_REST_SHARE) * piece.song.end_ticks,
    }
    return next((name for name, found in faults.items() if found), None)


def line_of(piece: Piece) -> Sequence[Note]:
    """The melody's notes; none for a chart of chords or a drum part."""
    is_pitched = any(part.role != "drums" for part in piece.song.parts)
    return piece.song.melody.notes if is_pitched else ()


def shingles(notes: Sequence[Note]) -> set[int]:
    """Hashes of every run of ``SHINGLE`` intervals; the same after transposition and at any speed."""
    top: dict[int, int] = {}
    for note in notes:
        top[note.start_ticks] = max(note.pitch, top.get(note.start_ticks, 0))
    line = [top[start] for start in sorted(top)]
    steps = [b - a for a, b in pairwise(line)]
    raw = bytes(min(max(step, -127), 127) + 128 for step in steps)
    return {zlib.crc32(raw[i : i + SHINGLE]) for i in range(len(raw) - SHINGLE + 1)}


@functools.cache
def jsb_test_shingles() -> frozenset[int]:
    """Shingles of the 77 soprano lines of the JSB Chorales test set.

    They are shipped, so that who trains from another collection of Bach's chorales (music21's) does not train on the
    test either. ``jsb_test.npy`` is their sorted union as uint32; a test makes it again from the data.
    """
    return frozenset(np.load(Path(__file__).with_name("jsb_test.npy")).tolist())


def deduplicate(pieces: Sequence[Piece], report: Report) -> list[Piece]:
    """The pieces with every tune once (see the module's conventions); drops are counted in ``report``."""
    prints = [shingles(line_of(piece)) for piece in pieces]
    holders: dict[int, list[int]] = defaultdict(list)
    guarded = jsb_test_shingles()
    for place, found in enumerate(prints):
        for shingle in found:
            holders[shingle].append(place)
    shared: list[Counter[int]] = [Counter() for _ in pieces]
    for places in holders.values():
        if 1 < len(places) <= COMMON_PIECES:
            for a in places:
                shared[a].update(b for b in places if b != a)
    order = sorted(range(len(pieces)), key=lambda place: (_RANK[pieces[place].split], place))
    kept: set[int] = set()
    for place in order:
        if pieces[place].split != "test" and len(prints[place] & guarded) >= SAME_TUNE * max(1, len(prints[place])):
            report.dropped["a tune of the JSB Chorales test set"] += 1
            continue
        rivals = (
            other
            for other, count in shared[place].items()
            if other in kept and count >= SAME_TUNE * max(1, min(len(prints[place]), len(prints[other])))
        )
        rival = next(rivals, None)
        if rival is None:
            kept.add(place)
            continue
        same_split = pieces[rival].split == pieces[place].split
        if same_split and pieces[place].split != "train" and pieces[rival].dataset == pieces[place].dataset:
            kept.add(place)  # a standard test set is kept whole
            continue
        report.dropped["same tune again" if same_split else f"same tune held out ({pieces[rival].split})"] += 1
    return [pieces[place] for place in sorted(kept)]


def clean(pieces: Iterable[Piece], report: Report) -> list[Piece]:
    """The pieces without a fault; every drop is counted."""
    good: list[Piece] = []
    for piece in pieces:
        reason = fault(piece)
        if reason is None:
            good.append(piece)
        else:
            report.dropped[reason] += 1
    return good

"""Pieces for accompanists: drummers put on the grid with their loudness, and the bass taken out of a piano's left hand.

Conventions:
    A drummer's hit is moved to the nearest *point*: a 16th, or a third of a beat where a performance lies clearly
    nearer to those. A soft hit (a ghost note) is written one grid step (20 ticks) after its point, a plain one on it:
    the grid is finer than any drummer's points, so loudness costs no words. Style names get words of their own
    (`BAND_STYLES`) beside those of ``vocabulary``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cocreate.model.corpus.piece import Piece
from cocreate.model.vocabulary import STEP_TICKS, Vocabulary
from cocreate.music.song import Note, Part, Song

BAND_STYLES = (
    "bossa", "samba", "songo", "baiao", "afrocuban", "bembe", "rhumba", "highlife", "neworleans", "secondline",
    "shuffle", "halftime", "punk", "disco", "motown", "indie", "soft", "fast",
)  # fmt: skip
_SPELLINGS = {"purdieshuffle": "shuffle", "mediumfast": "fast", "slow": "soft", "samba reggae": "samba"}
STRAIGHT_TICKS, SWUNG_TICKS = 120, 160  # a 16th, a triplet quaver
SWUNG_FIT = 0.9  # a performance is swung when its hits lie this much nearer to thirds than to 16ths
SOFT_VELOCITY = 50  # below: a ghost note
LEFT_HAND = 48  # pitches below may be a bass
FEWEST_BASS_NOTES = 16
BAND_SETS = ("groove_midi", "wjazzd", "pop909", "openscore_lieder")
LIEDER_WEIGHT, DRUM_WEIGHT = 0.3, 20.0
RARE_WEIGHT = 120.0  # of drums in styles of which the other sets hold far more


def band_words() -> Vocabulary:
    """The words of an accompanist's checkpoint: all those of the others, and the styles of drummers."""
    base = Vocabulary().words
    return Vocabulary((*base, *(f"Style_{style}" for style in BAND_STYLES)))


def band_pieces(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """What an accompanist learns from: grooves on the grid, jazz with its bassist, pianos split into bass and comp."""
    for piece in pieces:
        if piece.dataset == "groove_midi":
            if "fill" not in piece.name.split():
                styles = drum_styles(piece)
                weight = RARE_WEIGHT if styles[0] in ("pop", "jazz") else DRUM_WEIGHT
                yield replace(piece, song=on_points(piece.song), styles=styles, weight=weight)
        elif piece.dataset in ("pop909", "openscore_lieder"):
            split = with_bass(piece.song)
            if split is not None:
                weight = piece.weight * (1.0 if piece.dataset == "pop909" else LIEDER_WEIGHT)
                yield replace(piece, song=split, weight=weight)
        elif piece.dataset == "wjazzd" and any(part.role == "bass" for part in piece.song.parts):
            yield piece


def drum_styles(piece: Piece) -> tuple[str, ...]:
    """The styles of a groove in our words, from general to special."""
    names = [name.replace("brazilian-", "").strip() for name in piece.styles]
    return tuple(dict.fromkeys(_SPELLINGS.get(name, name) for name in names))


def on_points(song: Song) -> Song:
    """A drummer's performance with every hit on its point, soft ones a grid step late; one hit a drum and point."""
    notes = [note for part in song.parts for note in part.notes]
    unit = SWUNG_TICKS if is_swung(notes) else STRAIGHT_TICKS
    loudest: dict[tuple[int, int], int] = {}
    for note in notes:
        spot = (round(note.start_ticks / unit) * unit, note.pitch)
        loudest[spot] = max(loudest.get(spot, 0), note.velocity)
    hits = tuple(
        Note(point + STEP_TICKS * (velocity < SOFT_VELOCITY), pitch, STEP_TICKS, velocity)
        for (point, pitch), velocity in loudest.items()
    )
    return replace(song, parts=(replace(song.parts[0], notes=hits),))


def is_swung(notes: Iterable[Note]) -> bool:
    """True when the hits lie clearly nearer to thirds of a beat than to quarters of it."""
    starts = [note.start_ticks for note in notes]
    straight, swung = (
        sum(abs(start - round(start / unit) * unit) / unit for start in starts)
        for unit in (STRAIGHT_TICKS, SWUNG_TICKS)
    )
    return swung < SWUNG_FIT * straight


def with_bass(song: Song) -> Song | None:
    """The song with the lowest line of its accompaniment as a bass part; None when it has hardly any."""
    comping = [part for part in song.parts if part.role == "comping"]
    if not comping:
        return None
    notes = sorted(note for part in comping for note in part.notes)
    lowest: dict[int, Note] = {}
    for note in notes:
        if note.pitch < LEFT_HAND and (note.start_ticks not in lowest or note.pitch < lowest[note.start_ticks].pitch):
            lowest[note.start_ticks] = note
    bass = tuple(lowest[start] for start in sorted(lowest))
    taken = set(bass)
    rest = tuple(note for note in notes if note not in taken)
    if len(bass) < FEWEST_BASS_NOTES or len(rest) < FEWEST_BASS_NOTES:
        return None
    others = tuple(part for part in song.parts if part.role != "comping")
    return replace(
        song, parts=(*others, Part(rest, name="Comp", role="comping"), Part(bass, name="Bass", role="bass", program=32))
    )

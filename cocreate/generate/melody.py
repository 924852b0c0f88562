"""Melodies: from a style, over chords, or going on from someone's own bars.

Conventions:
    Whatever a request names is met exactly; what no melody can meet raises ``UnmetError`` before anything is drawn. The
    song's melody is part 0; given chords are kept as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cocreate.errors import InputError, UnmetError
from cocreate.generate.plan import Plan, key_at_end, plan_of
from cocreate.generate.request import ANY, MelodyRequest, check_style
from cocreate.model.decoder import Decoder
from cocreate.model.rules import Form, Scribe
from cocreate.model.sample import Row, decode
from cocreate.model.tokens import Controls, Sheet, SheetBar, bar_id, chord_ids, frame_shift, lay_out, sheet_of, song_of
from cocreate.model.vocabulary import PITCHES
from cocreate.music.song import Chord, Key, Note, Part, Song, Tempo
from cocreate.music.theory import key_name

PROMPT_BARS = 16  # as much of the user's own music as the network is shown
PROMPT_SHARE = 0.6  # of the context, at most, for what is there already; the rest is for what comes
_MOST_EXTRA_IDS = 4  # beside a bar's notes and chords: the bar line, a metre, what comes ahead


@dataclass(frozen=True, slots=True)
class Draft:
    """A melody as it was drawn. ``nats`` a free choice: how surprising the network itself finds it.

    ``fresh`` is the line where it was written, ``own`` what the person had there; ``whole`` is the person's file with
    it, where the melody is but one line of that. ``singers`` are the voices of a choir, from the top; ``identity``
    tells it from others of the same melody.
    """

    song: Song
    style: str
    nats: float
    fresh: tuple[Note, ...]
    whole: Song | None = None
    own: tuple[Note, ...] = ()
    singers: tuple[Part, ...] = ()
    identity: str = ""


def write_melodies(net: Decoder, table: Mapping[str, Any], request: MelodyRequest) -> tuple[Draft, ...]:
    """``request.n`` melodies, in the order they were drawn.

    Args:
        table: the checkpoint's ``styles.json``: for each style its keys, metres, tempos, ranges and densities.

    Raises:
        InputError: if the style is unknown.
        UnmetError: if no melody can meet the request.
    """
    return write_melodies_together(net, table, (request,))[0]


def write_melodies_together(
    net: Decoder, table: Mapping[str, Any], requests: Sequence[MelodyRequest]
) -> tuple[tuple[Draft, ...], ...]:
    """The melodies of each request, all drawn in one batch with the sampling and the seed of the first.

    Raises:
        InputError, UnmetError: as ``write_melodies``.
    """
    works: list[tuple[MelodyRequest, str, list[Plan], list[Row[Scribe]]]] = []
    for request in requests:
        style = check_style(request.style, table)
        before = None if request.start is None else _opening(request.start, request.key, net)
        plans = [
            plan_of(request, style, table, np.random.default_rng([request.seed, place, 1]), place=place)
            for place in range(request.n)
        ]
        works.append((request, style, plans, [_row(plan, request, before, net) for plan in plans]))
    every = [row for *_, rows in works for row in rows]
    decode(net, every, seed=requests[0].seed, sampling=requests[0].sampling)
    return tuple(
        tuple(_draft(row, plan, request, style, net) for row, plan in zip(rows, plans, strict=True))
        for request, style, plans, rows in works
    )


def _row(plan: Plan, request: MelodyRequest, before: Sheet | None, net: Decoder) -> Row[Scribe]:
    words, form = net.words, plan.form
    taste = np.array(plan.leaning.vector, dtype=np.float32) if plan.leaning and net.features else None
    old = before.bars if before else ()
    given: list[tuple[int, ...]] = []
    if request.chords:
        song = Song(parts=(), meters=(plan.meter,), chords=request.chords)
        steps, shift = form.bar_steps, frame_shift(plan.key.tonic)
        given = [chord_ids(song, n * steps, (n + 1) * steps, shift, words) for n in range(form.bars)]
    ahead = words.id("Ahead")
    chords = [bar.chords for bar in old] + given if given else None
    pitches = [int(words.values[i]) for bar in old for i in bar.melody if words.types[i] == "Pitch"]
    scribe = Scribe(form, words, previous=pitches[-1] if pitches else None)

    def prompt() -> list[int]:
        bars = (*old, *scribe.bars)
        return _prompt(bars, len(old) + form.bars, plan.controls, chords, net, has_taste=taste is not None)

    def interlude(bar: int) -> list[int]:
        found = [ahead, *given[0]] if bar == 0 and given and not old else []
        return [*found, ahead, *given[bar + 1]] if bar + 1 < len(given) else found

    return Row(prompt(), scribe, interlude, prompt, taste=taste)


def _prompt(
    done: Sequence[SheetBar],
    total: int,
    controls: Controls,
    chords: Sequence[tuple[int, ...]] | None,
    net: Decoder,
    *,
    has_taste: bool,
) -> list[int]:
    """The controls and as many of the last bars so far as leave the network room to go on.

    Like a lesson that begins in the middle of its piece: ``Bars`` counts from the first bar that is shown.

    Args:
        done: bars so far; the last may be unfinished.
        total: bars there will be.
        chords: ids of the chords of each of them, when they are given.
    """
    words = net.words
    room = round(net.context * PROMPT_SHARE)
    first = len(done)
    while first > 0:
        room -= _MOST_EXTRA_IDS + len(done[first - 1].melody) + (len(chords[first - 1]) if chords else 0)
        if room < 0 and first < len(done):
            break
        first -= 1
    controls = replace(controls, bars=total - first)
    if chords is None:
        left = total - len(done)
        return (
            controls.ids("melody", words, has_taste=has_taste)
            + lay_out(done[first:], "melody", words, meter=controls.meter, bars_left=left)[0]
        )
    row = controls.ids("over", words, has_taste=has_taste)
    ahead, meter = words.id("Ahead"), controls.meter
    for place in range(first, len(done)):
        row += [ahead, *chords[place]] if place == first else []
        row += [ahead, *chords[place + 1]] if place + 1 < total else []
        row.append(bar_id(total - 1 - place, 0, words))
        if done[place].meter != meter:
            meter = done[place].meter
            row.append(words.id("TimeSig", meter))
        row += done[place].melody
    return row


def _draft(row: Row[Scribe], plan: Plan, request: MelodyRequest, style: str, net: Decoder) -> Draft:
    fresh = song_of(row.scribe.bars, net.words, key=plan.key, tempo_bpm=plan.tempo_bpm, meter=plan.meter)
    name = "" if style == ANY else style
    title = f"{name.capitalize()} melody in {key_name(plan.key)}".strip()
    song = replace(fresh, chords=_cut_chords(request.chords, plan.form), style=name, title=title)
    if request.start is not None:
        song = _append(request.start, song)
    new = song.melody.notes[-len(fresh.melody.notes) :]
    return Draft(song, style, row.nats / max(1, row.drawn), new)


def _append(start: Song, fresh: Song) -> Song:
    """The user's song, note for note, and the new bars after its last one."""
    offset = start.bars()[-1].end_ticks
    old = start.melody
    notes = tuple(replace(note, length_ticks=min(note.length_ticks, offset - note.start_ticks)) for note in old.notes)
    moved = tuple(replace(note, start_ticks=note.start_ticks + offset) for note in fresh.melody.notes)
    chords = tuple(replace(chord, start_ticks=chord.start_ticks + offset) for chord in fresh.chords)
    part = replace(old, notes=notes + moved)
    keys = tuple(key for key in start.keys if key.start_ticks < offset)
    fresh_key = fresh.keys[0]
    if not keys:
        keys = (replace(fresh_key, start_ticks=0),)
    elif (keys[-1].tonic, keys[-1].mode) != (fresh_key.tonic, fresh_key.mode):
        keys += (replace(fresh_key, start_ticks=offset),)
    return replace(
        start,
        parts=(part, *(other for other in start.parts if other is not old)),
        # what a file announces after its last bar would fall into the new ones
        meters=tuple(meter for meter in start.meters if meter.start_ticks < offset),
        keys=keys,
        chords=start.chords + chords,
        style=start.style or fresh.style,
        tempos=tuple(tempo for tempo in start.tempos if tempo.start_ticks < offset)
        if start.tempo_bpm == fresh.tempo_bpm
        else (Tempo(0, fresh.tempo_bpm),),
    )


def _opening(start: Song, key: Key | None, net: Decoder) -> Sheet:
    """The last bars of the user's song as the network reads them, in the frame of the key to go on in."""
    if not start.melody.notes:
        raise InputError("the song to go on from must have notes, got none in its melody")
    key = replace(key or key_at_end(start), start_ticks=0)
    bars, shift = len(start.bars()), frame_shift(key.tonic)
    shown = start.slice_bars(max(0, bars - PROMPT_BARS), bars)
    # a piccolo's notes are shown to the network an octave or two down
    notes = tuple(replace(note, pitch=folded(note.pitch + shift) - shift) for note in shown.melody.notes)
    try:
        return sheet_of(replace(shown, parts=(replace(shown.melody, notes=notes),), keys=(key,)), net.words)
    except InputError as error:
        raise UnmetError(f"the bars to go on from must fit the grid the model writes on: {error}") from None


def folded(pitch: int) -> int:
    """The pitch, by octaves, on the piano."""
    while pitch > PITCHES[-1]:
        pitch -= 12
    while pitch < PITCHES[0]:
        pitch += 12
    return pitch


def _cut_chords(chords: Sequence[Chord], form: Form) -> tuple[Chord, ...]:
    end = form.bars * form.meter.bar_ticks
    return tuple(
        replace(chord, length_ticks=min(chord.end_ticks, end) - chord.start_ticks)
        for chord in chords
        if chord.start_ticks < end
    )

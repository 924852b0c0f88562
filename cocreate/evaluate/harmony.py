"""How well chords are put under melodies of held-out pieces when it is known where chords change.

Conventions:
    Given are the melody, its bars, tempo and notated key, the piece's styles, and the slots: onset and length of every
    chord symbol (N.C. is none; a symbol that repeats the one before is a slot too). Asked is a chord for each slot.
    *Exact* is the share of slots with the root and the quality of the file, *root* with its root; a slash bass does not
    count; means over all slots of a set. Beside them stand the metrics of ``judge.harmony``, means over pieces, which
    are to be near the human row, not high. Template and HMM are not told the key nor the styles; the HMM learns from
    every piece of the same set that is not held out. A chord network hears the tune alone; the shipped one has never
    heard Nottingham. It gives its likeliest chords, and in the row ``drawn`` chords drawn by chance: the likeliest are
    right more often, but poorer and calmer than people's.

    Nottingham is held out by crc32 of the tune's file name ("jigs107.mid"), remainder 0 of 5: 206 tunes, 204 of them
    with chords. Other sets are held out by work. Of sets but Nottingham the first ``EXCERPT_BARS`` bars are harmonised,
    so that the table takes minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import InputError
from cocreate.evaluate.music import machine
from cocreate.judge.harmony import METRICS, chord_tone_rate, harmony_metrics
from cocreate.model.checkpoint import HARMONY
from cocreate.model.chord_writer import ChordWriter, open_writer
from cocreate.model.corpus.piece import SPLITS, Piece
from cocreate.model.corpus.pop import read_pop909
from cocreate.model.corpus.scores import read_nottingham, read_openewld_pd
from cocreate.model.harmoniser import BEAM, Slot, harmonise_slots, slots_of
from cocreate.model.hmm import ChordHmm, template_chords
from cocreate.music.song import Chord, Song

NOTTINGHAM = "nottingham"
SETS: dict[str, Callable[[Path], Iterator[Piece]]] = {
    NOTTINGHAM: read_nottingham,
    "openewld_pd": read_openewld_pd,
    "pop909": read_pop909,
}
HUMAN = "human"
EXCERPT_BARS = 32
NEAR = 0.05  # a metric within this share of the human one is as human as we ask for

Harmoniser = Callable[[Piece, Sequence[Slot]], tuple[Chord, ...]]


@dataclass(frozen=True, slots=True)
class HarmonyRow:
    """One harmoniser on one set.

    ``exact`` and ``root`` are shares in [0, 1]; ``metrics`` are Yeh's six by their short names; ``chord_tones`` is
    ``judge.harmony.chord_tone_rate``; ``near_human`` counts the six within ``NEAR`` of the human row.
    """

    dataset: str
    who: str
    pieces: int
    slots: int
    exact: float
    root: float
    chord_tones: float
    metrics: dict[str, float]
    near_human: int
    seconds: float


@dataclass(frozen=True, slots=True)
class HarmonyReport:
    """All rows, human first in each set, and what they were measured on."""

    rows: tuple[HarmonyRow, ...]
    split: str
    beam: int
    machine: dict[str, str | int]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def evaluate_harmony(
    data: str | Path,
    *,
    checkpoints: Sequence[str | Path] = (HARMONY,),
    sets: Sequence[str] = tuple(SETS),
    split: str = "test",
    beam: int = BEAM,
    pieces: int | None = None,
    watch: Callable[[str], None] = lambda _doing: None,
) -> HarmonyReport:
    """Put chords under the held-out pieces of ``data`` by template, by HMM and by each checkpoint.

    Args:
        data: the folder of the sets.
        sets: which of them; those that are not there are passed over.
        split: "test", or "validation" to choose by.
        beam: sequences that a checkpoint follows.
        pieces: at most so many of each set, evenly spread; None for all.
        watch: told what is being done.

    Raises:
        InputError: if the split or a set is unknown, or no set has held-out pieces with chords.
        FileError: if a set is broken.
        CheckpointError: if a checkpoint is broken.
    """
    began = time.monotonic()
    if split not in SPLITS:
        raise InputError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    unknown = sorted(set(sets) - set(SETS))
    if unknown:
        raise InputError(f"sets must be of {', '.join(SETS)}, got {', '.join(unknown)}")
    nets = {str(name): open_writer(name) for name in checkpoints}
    rows: list[HarmonyRow] = []
    for dataset in sets:
        folder = Path(data) / dataset
        if not folder.is_dir():
            continue
        watch(f"{dataset}: reading")
        known = [piece for piece in SETS[dataset](folder) if slots_of(piece.song)]
        held_out = [_excerpt(piece) for piece in known if piece.split == split]
        held_out = [piece for piece in held_out if slots_of(piece.song)]
        held_out = held_out[:: max(1, -(-len(held_out) // pieces))] if pieces else held_out
        # what is neither tested nor chosen by is there to learn from
        training = [piece.song for piece in known if piece.split not in (split, "test")]
        if held_out and training:
            rows += _rows(dataset, held_out, _harmonisers(training, nets, beam), watch)
    if not rows:
        raise InputError(f"the data must hold {split} pieces with chords of {', '.join(sets)}; {data} has none")
    return HarmonyReport(tuple(rows), split, beam, machine(), round(time.monotonic() - began, 1))


def format_harmony(report: HarmonyReport) -> str:
    """The report as plain text; ``*`` marks a metric within 5 % of the human one."""
    lines = [
        f"Chords under given melodies, slots given: {report.split} split, beam {report.beam}, notated key given",
        ", ".join(f"{name} {value}" for name, value in report.machine.items()) + f"; {report.seconds:.0f} s",
    ]
    head = "".join(f"{name:>9}" for name in METRICS)
    human: dict[str, float] = {}
    for row in report.rows:
        if row.who == HUMAN:
            human = row.metrics
            title = f"{row.dataset}: {row.pieces} pieces, {row.slots:,} slots"
            lines += ["", f"{title:<44}{'exact':>8}{'root':>8}{head}{'tones':>9}{'near':>6}{'s':>6}"]
        cells = "".join(
            f"{value:>8.3f}{'*' if row.who != HUMAN and _is_near(value, human[name]) else ' '}"
            for name, value in row.metrics.items()
        )
        near = "" if row.who == HUMAN else f"{row.near_human}/6"
        lines.append(
            f"{row.who:<44}{row.exact:>8.1%}{row.root:>8.1%}{cells}{row.chord_tones:>9.3f}{near:>6}{row.seconds:>6.0f}"
        )
    return "\n".join(lines)


def _excerpt(piece: Piece) -> Piece:
    if piece.dataset == NOTTINGHAM:
        return piece
    return replace(piece, song=piece.song.slice_bars(0, min(EXCERPT_BARS, len(piece.song.bars()))))


def _tune_alone(song: Song) -> Song:
    """The song without what accompanies it, whose chords would be no riddle."""
    return replace(song, parts=(song.melody,))


def _harmonisers(training: Sequence[Song], nets: dict[str, ChordWriter], beam: int) -> dict[str, Harmoniser]:
    hmm = ChordHmm.fit(training)

    def by_net(net: ChordWriter, seed: int | None) -> Harmoniser:
        return lambda piece, slots: harmonise_slots(
            net, _tune_alone(piece.song), slots, styles=piece.styles, beam=beam, seed=seed
        )

    return {
        HUMAN: lambda piece, _slots: tuple(chord for chord in piece.song.chords if chord.root is not None),
        "template": lambda piece, slots: template_chords(piece.song, slots),
        "HMM": lambda piece, slots: hmm.harmonise(piece.song, slots),
        **{name: by_net(net, None) for name, net in nets.items()},
        **{f"{name}, drawn": by_net(net, 0) for name, net in nets.items()},
    }


def _rows(
    dataset: str, held_out: Sequence[Piece], harmonisers: dict[str, Harmoniser], watch: Callable[[str], None]
) -> list[HarmonyRow]:
    rows: list[HarmonyRow] = []
    human: dict[str, float] = {}
    for who, harmonise in harmonisers.items():
        watch(f"{dataset}: {who}")
        began = time.process_time()
        exact: list[bool] = []
        root: list[bool] = []
        judged: list[dict[str, float]] = []
        for piece in held_out:
            slots = slots_of(piece.song)
            chords = harmonise(piece, slots)
            wanted = [chord for chord in piece.song.chords if chord.root is not None]
            root += [ours.root == theirs.root for ours, theirs in zip(chords, wanted, strict=True)]
            exact += [
                (ours.root, ours.quality) == (theirs.root, theirs.quality)
                for ours, theirs in zip(chords, wanted, strict=True)
            ]
            song = replace(piece.song, chords=chords)
            judged.append(harmony_metrics(song) | {"tones": chord_tone_rate(song)})
        seconds = round(time.process_time() - began, 1)
        means = {name: round(float(np.mean([values[name] for values in judged])), 4) for name in judged[0]}
        tones = means.pop("tones")
        human = human or means
        rows.append(
            HarmonyRow(
                dataset=dataset,
                who=who,
                pieces=len(held_out),
                slots=len(exact),
                exact=round(float(np.mean(exact)), 4),
                root=round(float(np.mean(root)), 4),
                chord_tones=tones,
                metrics=means,
                near_human=sum(_is_near(value, human[name]) for name, value in means.items()),
                seconds=seconds,
            )
        )
    return rows


def _is_near(value: float, human: float) -> bool:
    return abs(value - human) <= NEAR * abs(human)

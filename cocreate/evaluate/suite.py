"""Everything that is measured of a music checkpoint, in one report.

Conventions:
    Parts, in the order they are measured: ``likelihood`` (nats a note by style), ``chorales`` (four voices jointly),
    ``chords`` (under melodies whose chord changes are known), ``voices`` (under Bach's sopranos), ``vary`` (more where
    more is asked), ``ideas`` (against held-out music), ``styles`` (does a
    judge hear the style asked for) and ``taste`` (does the prefix steer). Every table stands beside its baselines.
    Test splits are measured, never learned from; where something is chosen, it is chosen on the validation split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from cocreate.errors import InputError
from cocreate.evaluate.chorales import evaluate_chorales, format_chorales
from cocreate.evaluate.classifier import format_style_accuracy, style_accuracy
from cocreate.evaluate.generated import checkpoint_writer, compare_generated, format_comparison, ngram_writer
from cocreate.evaluate.harmony import SETS as CHORD_SETS
from cocreate.evaluate.harmony import evaluate_harmony, format_harmony
from cocreate.evaluate.joint import joint_nats
from cocreate.evaluate.music import evaluate_music, format_table, read_entries
from cocreate.evaluate.satb import evaluate_satb, format_satb
from cocreate.evaluate.steering import SteeredWriter, format_steering, taste_steering
from cocreate.evaluate.variation import evaluate_vary, format_vary
from cocreate.generate.melody import write_melodies
from cocreate.generate.request import MAX_CANDIDATES, MelodyRequest
from cocreate.model.checkpoint import CHORALES, HARMONY, Checkpoint, find, open_checkpoint
from cocreate.model.corpus.build import read_sets
from cocreate.model.corpus.pack import Entry, of_split
from cocreate.model.decoder import Decoder
from cocreate.model.sample import Sampling
from cocreate.music.measures import Floats
from cocreate.music.song import Song
from cocreate.studio import leaning_of

PARTS = ("likelihood", "chorales", "chords", "voices", "vary", "ideas", "styles", "taste")
JSB_FOLDER = "jsb_chorales"


class _Report(Protocol):
    """What every part gives."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""


@dataclass(frozen=True, slots=True)
class Chorales:
    """Rows of ``evaluate.chorales`` and, in its own tokens, the one model's nats a note."""

    rows: Sequence[Any]
    joint: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"rows": [asdict(row) for row in self.rows], "one_model": self.joint}


@dataclass(frozen=True, slots=True)
class Suite:
    """Part -> its report, and its table as text."""

    reports: Mapping[str, _Report]
    texts: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: report.as_dict() for name, report in self.reports.items()}

    def text(self) -> str:
        """All tables."""
        return "\n\n".join(self.texts.values())


def evaluate_all(
    data: Path,
    *,
    checkpoint: str | Path = "music",
    parts: Sequence[str] | None = None,
    corpus: Path | None = None,
    harmony: Sequence[str | Path] = (HARMONY,),
    tiers: Sequence[str] = ("A", "A*"),
    seed: int = 0,
    watch: Callable[[str], None] = lambda _doing: None,
) -> Suite:
    """Measure ``parts`` of a checkpoint.

    Args:
        data: the folder of the sets.
        parts: None for all that the data allows.
        corpus: a packed corpus made of them by training, which saves reading them again.
        harmony: the chord checkpoints.
        tiers: licences that are measured, but for the chord benchmark, which is Nottingham's (tier B).
        watch: told what is being done.

    Raises:
        InputError: if a part is unknown or has too few held-out pieces.
        FileError: if the data cannot be read.
        CheckpointError: if the checkpoint is broken or has other words.
    """
    unknown = [part for part in parts or () if part not in PARTS]
    if unknown:
        raise InputError(f"parts must be of {', '.join(PARTS)}, got {', '.join(unknown)}")
    if parts is None:
        parts = _possible(data)
        watch("measuring " + ", ".join(parts))
    opened = open_checkpoint(checkpoint)
    found: list[tuple[str, _Report, str]] = []
    if "likelihood" in parts:
        music = evaluate_music(corpus or data, checkpoint=checkpoint, tiers=tiers, seed=seed, watch=watch)
        found.append(("likelihood", music, format_table(music)))
    if "chorales" in parts:
        found.append(_on_chorales(opened, data / JSB_FOLDER, watch))
    if "chords" in parts:
        chords = evaluate_harmony(data, checkpoints=harmony, watch=watch)
        found.append(("chords", chords, format_harmony(chords)))
    found += _on_partners(opened, data, parts, seed=seed, watch=watch)
    if {"ideas", "styles", "taste"} & set(parts):
        watch("reading the music")
        entries = [entry for entry in read_entries(corpus or data, opened.words) if entry.sheet.has_melody]
        own = [entry for entry in entries if entry.tier in tiers]
        found += _on_ideas(opened, own, parts, seed=seed, watch=watch)
    return Suite({part: report for part, report, _ in found}, {part: text for part, _, text in found})


def _on_chorales(opened: Checkpoint, folder: Path, watch: Callable[[str], None]) -> tuple[str, _Report, str]:
    """What is known of Bach, four voices jointly."""
    watch("chorales: the one model")
    joint = joint_nats(opened, folder)
    rows = evaluate_chorales(folder, sorted(find(CHORALES).glob("*.safetensors")), watch=watch)
    text = format_chorales(rows) + f"\n{opened.card.get('name', 'music')}, in its own tokens: {joint:.3f}"
    return "chorales", Chorales(rows, joint), text


def _on_partners(
    opened: Checkpoint, data: Path, parts: Sequence[str], *, seed: int, watch: Callable[[str], None]
) -> Iterator[tuple[str, _Report, str]]:
    """What is measured on what the partners write to held-out pieces."""
    net, table = Decoder(opened), opened.extra("styles.json")["styles"]
    if "voices" in parts:
        satb = evaluate_satb(net, table, data / JSB_FOLDER, seed=seed, watch=watch)
        yield "voices", satb, format_satb(satb)
    if "vary" in parts:
        watch("reading the music")
        pieces = [piece for piece in read_sets([str(data)]) if piece.split == "test"]
        vary = evaluate_vary(net, table, pieces, seed=seed, watch=watch)
        yield "vary", vary, format_vary(vary)


def _on_ideas(
    opened: Checkpoint, entries: Sequence[Entry], parts: Sequence[str], *, seed: int, watch: Callable[[str], None]
) -> Iterator[tuple[str, _Report, str]]:
    """What is measured on ideas that the checkpoint writes."""
    tiers = tuple({entry.tier for entry in entries})
    training, validation, test = (of_split(entries, split, tiers=tiers) for split in ("train", "validation", "test"))
    write = checkpoint_writer(opened)
    if "ideas" in parts:
        writers = {"checkpoint": write, "n-gram": ngram_writer(opened, training, validation)}
        ideas = compare_generated(opened, test, seed=seed, bars=16, writers=writers, watch=watch)
        yield "ideas", ideas, format_comparison(ideas)
    if "styles" in parts:
        styles = style_accuracy(write, entries, words=opened.words, seed=seed, watch=watch)
        yield "styles", styles, format_style_accuracy(styles)
    if "taste" in parts:
        steering = taste_steering(steered_writer(opened), test, words=opened.words, seed=seed, watch=watch)
        yield "taste", steering, format_steering(steering)


def _possible(data: Path) -> tuple[str, ...]:
    """The parts whose sets are there."""
    lacking = set()
    if not (data / JSB_FOLDER).is_dir():
        lacking |= {"chorales", "voices"}
    if not any((data / folder).is_dir() for folder in CHORD_SETS):
        lacking.add("chords")
    return tuple(part for part in PARTS if part not in lacking)


def steered_writer(checkpoint: Checkpoint, *, bars: int = 8, guidance: float = 2.0) -> SteeredWriter:
    """Ideas of a checkpoint that is told a taste and asked for nothing else."""
    net, table = Decoder(checkpoint), checkpoint.extra("styles.json")["styles"]

    def write(vectors: list[Floats], seed: int) -> list[Song]:
        songs: list[Song] = []
        for first in range(0, len(vectors), MAX_CANDIDATES):
            leanings = tuple(leaning_of(vector.tolist()) for vector in vectors[first : first + MAX_CANDIDATES])
            request = MelodyRequest(
                bars=bars, n=len(leanings), seed=seed + first, leanings=leanings, sampling=Sampling(guidance=guidance)
            )
            songs += [draft.song for draft in write_melodies(net, table, request)]
        return songs

    return write

"""Making the checkpoint of accompanists, and how well it knows parts that it has never heard.

Conventions:
    Training goes on from a checkpoint that knows all tracks; what is heard is ``model.corpus.band``, the task is
    ``parts`` alone. Parts are measured in nats a token, teacher-forced, over the first window of each held-out piece: a
    bass and a comping part to melody and chords, drums alone.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import InputError
from cocreate.evaluate.make import SPLIT
from cocreate.files.output import check_folder, write_text
from cocreate.model.batches import Exercise, Lesson, whole_lessons
from cocreate.model.checkpoint import TASTE_FILE, find, open_checkpoint, write_json
from cocreate.model.conditioning import read_taste_network
from cocreate.model.corpus.band import BAND_SETS, band_pieces, band_words
from cocreate.model.corpus.build import pack, read_sets, shares, tiers_up_to
from cocreate.model.corpus.pack import Entry, load, of_split, save
from cocreate.model.decoder import read_safetensors
from cocreate.model.train import Plan, Progress, sequence_nats, train
from cocreate.model.vocabulary import Vocabulary

TRACKS = ("bass", "comp", "drums")
MOST_PIECES = 40  # of each track
WINDOW = 1024  # ids
MUON_RATE, ADAM_RATE = 2e-3, 1.5e-3  # half of those from nothing
_CARD = """# {name}

Accompanists: the {millions:.2f} M parameter network of `{started_from}`, trained on with rhythm sections alone. It
writes bass, comping parts and drums for `cocreate arrange` and `song`. Drummers stand on the grid, ghost notes
apart; basses are those of jazz and the lowest line of pianists' left hands.

Made {made} on {machine}: seed {seed}, {run[steps]:,} steps, {run[tokens]:,} tokens, {run[minutes]} minutes.

## What it was trained on

| set | licence | tier | pieces | tokens |
|---|---|---|---|---|
{table}

Tier accepted: {tier}. A: public domain or permissive. A*: an open licence on the transcription or annotation, while the
songs or solos underneath are not the licensor's. Split: {split}; Groove MIDI its own.

## Held-out numbers

Test split, nats a token (`{started_from}` and then this one): {held_out}
"""


def make_band(
    corpora: Sequence[str],
    out: Path,
    *,
    minutes: float,
    start: str | Path = "music",
    tier: str = "A*",
    seed: int = 0,
    watch_reading: Callable[[str, int], None] = lambda _name, _count: None,
    watch_training: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Build the checkpoint folder ``out``; returns its card.

    Args:
        corpora: folders that hold sets of ``corpus.band``.
        minutes: time budget of training.
        start: the checkpoint to go on from.
        tier: "A" or "A*": what may train.

    Raises:
        InputError: if nothing is left to train on.
        FileError: if a corpus or ``out`` cannot be used.
    """
    tiers = tiers_up_to(tier)
    check_folder(out)
    entries = band_entries(corpora, out / "training" / "corpus.npz", watch=watch_reading)
    training = of_split(entries, "train", tiers=tiers)
    if not training:
        raise InputError(f"training needs a piece of tier {', '.join(tiers)}, got none; check --corpus and --tier")
    plan = Plan(
        minutes=minutes, seed=seed, threads=1, tasks=("parts",), muon_rate=MUON_RATE, adam_rate=ADAM_RATE
    )  # fmt: skip
    folder = find(start)
    state = train(training, [], out, plan, words=band_words(), start=folder, watch=watch_training)
    run = {"steps": state.step, "tokens": state.tokens, "minutes": round(state.elapsed_s / 60, 1)}
    return finish_band(out, entries, run, start=folder, tier=tier, seed=seed)


def band_entries(
    corpora: Sequence[str], path: Path, *, watch: Callable[[str, int], None] = lambda _name, _count: None
) -> list[Entry]:
    """The pieces of accompanists as entries; kept at ``path``, and read from there when it is there."""
    if not path.is_file():
        pieces = band_pieces(read_sets(corpora, only=BAND_SETS, watch=watch))
        entries, _ = pack(pieces, band_words(), tiers=tiers_up_to("A*"), watch=watch)
        save(entries, path)
    return load(path)


def finish_band(
    out: Path, entries: Sequence[Entry], run: dict[str, Any], *, start: Path, tier: str, seed: int
) -> dict[str, Any]:
    """Measure on the test split and write the card beside the weights.

    Args:
        run: steps, tokens and minutes.
        start: the folder that the training went on from.
    """
    (out / TASTE_FILE).unlink(missing_ok=True)  # an accompanist is told no taste
    training, test = (of_split(entries, split, tiers=tiers_up_to(tier)) for split in ("train", "test"))
    card: dict[str, Any] = {
        "name": out.name, "art": "band", "made": datetime.now(UTC).date().isoformat(), "preset": "small",
        "parameters": int(sum(tensor.size for tensor in read_safetensors(out / "model.safetensors").values())),
        "tier": tier, "started_from": start.name, "seed": seed,
        "machine": f"{platform.machine()}, {platform.system()}", "training": run,
        "pieces": {"train": len(training), "test": len(test)}, "sets": shares(training), "split": SPLIT,
    }  # fmt: skip
    write_json(out / "card.json", card)
    before, after = part_nats(start, test), part_nats(out, test)
    card["parts"] = {"before": before, "after": after}
    rows = [f"{name} {before[name]:.3f} and {after[name]:.3f}" for name in TRACKS if name in after]
    card["held_out"] = ", ".join(rows) + "."
    write_json(out / "card.json", card)
    table = "\n".join(
        f"| {name} | {row['licence']} | {row['tier']} | {row['pieces']:,} | {row['ids']:,} |"
        for name, row in sorted(card["sets"].items())
    )
    text = _CARD.format(**card, millions=card["parameters"] / 1e6, run=run, table=table)
    write_text(out / "README.md", text, force=True)
    return card


def part_nats(checkpoint: str | Path, entries: Sequence[Entry]) -> dict[str, float]:
    """Nats a token of each of `TRACKS` that the entries have, under a checkpoint."""
    found = open_checkpoint(checkpoint)
    net = read_taste_network(found.folder, found.words)
    names = band_words()
    result: dict[str, float] = {}
    for name in TRACKS:
        having = [entry for entry in entries if name in entry.sheet.others][:MOST_PIECES]
        given = () if name == "drums" else ("melody", "chords")
        lessons = []
        for entry in having:
            lesson = next(whole_lessons(entry, Exercise("parts", given, (name,)), names, context=WINDOW))
            lessons.append(_known_to(lesson, found.words, names))
        if lessons:
            total = sum(sequence_nats(net, lessons))
            result[name] = total / sum(int(lesson.targets[1:].sum()) for lesson in lessons)
    return result


def _known_to(lesson: Lesson, words: Vocabulary, names: Vocabulary) -> Lesson:
    """The lesson in the words of a checkpoint; a style that it has no word for is not told."""
    kept = [place for place, i in enumerate(lesson.ids) if names.words[i] in words.ids]
    ids = np.array([words.ids[names.words[lesson.ids[place]]] for place in kept], dtype=np.int64)
    return replace(lesson, ids=ids, targets=lesson.targets[kept])

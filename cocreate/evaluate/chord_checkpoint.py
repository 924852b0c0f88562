"""Making the checkpoint of the chord network: which pieces teach it chords, training, and its card.

Conventions:
    Pieces come by the same way as those of the one model (``evaluate.make``): read, cleaned, without duplicates, split
    by work; those without chords are left out. Charts without a melody teach how chords follow each other; they are
    heard less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cocreate.errors import InputError
from cocreate.evaluate.make import SPLIT, content_vector
from cocreate.files.output import check_folder, write_text
from cocreate.model.checkpoint import find, write_json
from cocreate.model.chord_clues import clues_of
from cocreate.model.chord_net import ChordPlan, load, parameters, save
from cocreate.model.chord_train import ChordPiece, nats, train_chord_net
from cocreate.model.chord_writer import WEIGHTS
from cocreate.model.corpus.build import read_sets, tiers_up_to
from cocreate.model.corpus.clean import Report, clean, deduplicate
from cocreate.model.corpus.piece import Piece
from cocreate.model.train import Progress
from cocreate.model.vocabulary import STYLES
from cocreate.music.song import Song

CHART_WEIGHT = 0.3  # of a piece without a melody
_CARD = """# {name}

A chord network of {millions:.2f} M parameters (`cocreate/model/chord_net.py`): an encoder hears a tune as a whole, a
decoder writes a chord or a hold for every beat. It writes the chords of `cocreate harmony`, and those that `vary`,
`fill` and `arrange` hear where a song has none.

Made {made}: seed {seed}, {minutes} minutes on one thread of a CPU, {passes} passes of up to a thousand
pieces{origin}. Validation: {validation_told} nats a chord where it is known when chords change, {validation_free} nats
a beat where not.

## What it was trained on

| set | licence | tier | pieces |
|---|---|---|---|
{table}

Tier accepted: {tier}. A: public domain or permissive. A*: an open licence on the transcription or annotation, while the
songs underneath are not the licensor's. B: share-alike.

Split: {split}. Tunes that occur in a held-out split, in any collection and key, are not trained.

Made by `{command}`.
"""


def read_chord_pieces(
    corpora: Sequence[str],
    *,
    tiers: Sequence[str],
    sets: Sequence[str] = (),
    watch: Callable[[str, int], None] = lambda _name, _count: None,
) -> list[Piece]:
    """Every piece with chords of the corpora, cleaned and without duplicates.

    Args:
        sets: of these sets alone; none for all.

    Raises:
        FileError: if a corpus cannot be used.
    """
    report = Report()
    pieces = [piece for piece in read_sets(corpora, watch=watch) if piece.tier in tiers]
    kept = deduplicate(clean(pieces, report), report)
    return [piece for piece in kept if piece.song.chords and (not sets or piece.dataset in sets)]


def chord_piece(piece: Piece) -> ChordPiece:
    """A piece as the network learns from it."""
    has_tune = _has_tune(piece.song)
    return ChordPiece(
        clues_of(piece.song, styles=tuple(style for style in piece.styles if style in STYLES)),
        piece.dataset,
        content_vector(piece.song),
        piece.weight * (1.0 if has_tune else CHART_WEIGHT),
    )


def make_chord_checkpoint(
    corpora: Sequence[str],
    out: Path,
    *,
    minutes: float,
    tier: str = "A*",
    sets: Sequence[str] = (),
    start: str | Path | None = None,
    rate: float | None = None,
    dropout: float | None = None,
    seed: int = 0,
    watch_reading: Callable[[str, int], None] = lambda _name, _count: None,
    watch_training: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Build the checkpoint folder ``out``; returns its card. A stopped run goes on from ``out/training``.

    Args:
        corpora: folders of sets, or "music21".
        tier: "A", "A*" or "B": what may train.
        sets: of these sets alone; none for all.
        start: a chord checkpoint to begin from.
        rate: the highest learning rate; by default that of ``chord_train``.
        dropout: share of each block's answers that is withheld in training; by default that of the plan.

    Raises:
        InputError: if nothing is left to train on.
        FileError: if a corpus or ``out`` cannot be used.
        CheckpointError: if ``start`` is broken.
    """
    check_folder(out)
    if dropout is not None:
        ChordPlan(dropout=dropout)  # a wrong value is refused before minutes of reading
    before = None if start is None else load(find(start) / WEIGHTS)
    pieces = read_chord_pieces(corpora, tiers=tiers_up_to(tier), sets=sets, watch=watch_reading)
    chosen = {split: [p for p in pieces if p.split == split] for split in ("train", "validation")}
    if not chosen["train"]:
        raise InputError(f"training needs a piece with chords of tier {tier}, got none; check --corpus and --tier")
    lessons: dict[str, list[ChordPiece]] = {}
    for split, found in chosen.items():
        lessons[split] = []
        for count, piece in enumerate(found, start=1):
            watch_reading(f"listening ({split})", count)
            lessons[split].append(chord_piece(piece))
    heard = [lesson for lesson in lessons["validation"] if lesson.taste] or lessons["validation"]
    features = max(len(lesson.taste) for lesson in lessons["train"])
    plan = before.plan if before is not None else ChordPlan(features=features)
    plan = plan if dropout is None else replace(plan, dropout=dropout)
    state = out / "training" / "chords.safetensors"
    state.parent.mkdir(parents=True, exist_ok=True)
    last: list[Progress] = []

    def watch(news: Progress) -> None:
        last[:] = [news]
        watch_training(news)

    net = train_chord_net(
        lessons["train"], heard, plan, minutes=minutes, seed=seed, rate=rate,
        start=None if before is None else before.state_dict(), state=state, watch=watch,
    )  # fmt: skip
    card = {
        "name": out.name,
        "art": "chords under a melody",
        "made": datetime.now(UTC).date().isoformat(),
        "parameters": parameters(net),
        "seed": seed,
        "minutes": round(minutes, 1),
        "passes": last[0].step,
        "tier": tier,
        "started_from": None if start is None else Path(start).name,
        "validation_told": round(nats(net, heard), 4) if heard else None,
        "validation_free": round(nats(net, heard, is_told=False), 4) if heard else None,
        "pieces": {split: len(found) for split, found in chosen.items()},
        "sets": _sets(chosen["train"]),
        "split": SPLIT,
    }
    save(net.state_dict(), plan, out / WEIGHTS)
    write_json(out / "card.json", card)
    write_text(out / "README.md", card_text(card), force=True)
    return card


def card_text(card: dict[str, Any]) -> str:
    """The card for people, in Markdown."""
    rows = [
        f"| {name} | {row['licence']} | {row['tier']} | {row['pieces']:,} |"
        for name, row in sorted(card["sets"].items(), key=lambda item: -item[1]["pieces"])
    ]
    origin = f", from the weights of `{card['started_from']}`" if card["started_from"] else ""
    command = f"cocreate train harmony --corpus DIR --tier '{card['tier']}' --minutes {card['minutes']:g}"
    text = _CARD.format(
        **{**card, "millions": card["parameters"] / 1e6, "table": "\n".join(rows), "origin": origin, "command": command}
    )
    return text + (f"\n## Held-out numbers\n\n{card['held_out']}\n" if "held_out" in card else "")


def _has_tune(song: Song) -> bool:
    return any(part.role != "drums" and part.notes for part in song.parts)


def _sets(pieces: Sequence[Piece]) -> dict[str, dict[str, object]]:
    """For the card: each set's licences, tiers and number of pieces."""
    licences: dict[str, set[str]] = defaultdict(set)
    tiers: dict[str, set[str]] = defaultdict(set)
    counts: dict[str, int] = defaultdict(int)
    for piece in pieces:
        counts[piece.dataset] += 1
        licences[piece.dataset].add(piece.licence)
        tiers[piece.dataset].add(piece.tier)
    return {
        name: {"licence": "; ".join(sorted(licences[name])), "tier": ", ".join(sorted(tiers[name])), "pieces": count}
        for name, count in counts.items()
    }

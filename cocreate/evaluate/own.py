"""A person's own pieces: a folder of files becomes a style that a checkpoint knows.

Conventions:
    Every file is a piece (every tune of an ABC book); a fifth of them, chosen by the checksum of their names, is held
    out. The result is a whole checkpoint, which knows one word more: the style, named after the output folder. What
    others may do with it is for the owner of the pieces to say: their licence is "yours".
"""

from __future__ import annotations

import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cocreate.errors import CocreateError, FileError, InputError, UnmetError
from cocreate.evaluate.make import content_vector
from cocreate.evaluate.reference import melody_of, style_row
from cocreate.files import MIDI_SUFFIXES, SUFFIXES, read_song
from cocreate.files.output import check_folder, write_text
from cocreate.files.roles import is_one_voice
from cocreate.generate.melody import write_melodies
from cocreate.generate.request import ANY, MelodyRequest
from cocreate.judge.novelty import NoveltyIndex
from cocreate.model.checkpoint import Checkpoint, open_checkpoint, write_json
from cocreate.model.corpus.build import pack, shares
from cocreate.model.corpus.midis import full_first_bar, whole_bars, with_melody
from cocreate.model.corpus.pack import Entry, entry_of
from cocreate.model.corpus.piece import Piece, work_key
from cocreate.model.corpus.tunes import usable_tunes
from cocreate.model.decoder import Decoder
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Song

if TYPE_CHECKING:
    from cocreate.model.conditioning import TasteNetwork
    from cocreate.model.train import Plan, Progress, State

_CARD = """# {name}

`{started_from}`, trained further on {made}: {run[method]}, seed {seed}, {run[steps]:,} steps, {run[tokens]:,} tokens,
{run[minutes]} minutes. `curve.png` shows the run.

{held_out}

## What it was trained on

| set | licence | tier | pieces |
|---|---|---|---|
{table}

Split: {split}. Pieces whose licence is "yours" are for their owner to licence, and so is what this checkpoint adds.
"""
LICENCE = "yours"
DATASET = "own pieces"
HELD_OUT_SHARE = 0.2
FEW_PIECES, FEW_NOTES = 8, 1_000  # below, a style is learned by heart rather than learned
REHEARSAL_STYLES, REHEARSAL_IDEAS, REHEARSAL_BARS = 12, 48, 8  # what the checkpoint writes to remember itself by
_KEPT_FILES = ("card.json", "novelty.npz", "styles.json")
_SPLIT = "a fifth of the pieces, by the checksum of the file's name, held out; they also chose when training stopped"


@dataclass(slots=True)
class Reading:
    """What a folder holds: pieces, and files that could not be read with the reason."""

    pieces: list[Piece] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of fine-tuning. Losses are nats a melody note of the held-out pieces.

    ``before`` is heard without a style word, which the checkpoint did not have for them; ``left_out`` counts pieces
    that cannot train, by reason.
    """

    out: Path
    style: str
    pieces: int
    held_out: int
    notes: int
    before: float
    after: float
    steps: int
    best_step: int
    minutes: float
    unread: dict[str, str]
    left_out: dict[str, int]

    @property
    def is_small(self) -> bool:
        """True when there is less than a style needs."""
        return self.pieces + self.held_out < FEW_PIECES or self.notes < FEW_NOTES

    def as_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            **asdict(self),
            "out": str(self.out),
            "before": round(self.before, 4),
            "after": round(self.after, 4),
            "change": round(self.after / self.before - 1, 4),
            "is_small": self.is_small,
        }


def learn_style(
    folder: Path,
    out: Path,
    plan: Plan,
    *,
    start: str | Path = "music",
    full: bool = False,
    watch_reading: Callable[[str, int], None] = lambda _name, _count: None,
    watch_training: Callable[[Progress], None] = lambda _: None,
) -> Tuned:
    """Fine-tune the checkpoint ``start`` on the files in ``folder``; ``out`` becomes a whole checkpoint.

    Args:
        plan: ``minutes`` is for everything up to the last step, reading too.
        full: move every weight, instead of low-rank adapters.

    Raises:
        InputError: if fewer than two pieces can be used.
        FileError: if the folder is missing or ``out`` cannot be written.
        CheckpointError: if the checkpoint cannot be used.
    """
    from cocreate.model.conditioning import read_taste_network
    from cocreate.model.finetune import fine_tune, melody_lessons, nats_a_note, widened

    began = time.monotonic()
    check_folder(out)
    base = open_checkpoint(start)
    style = style_name(out)
    words = with_style(base.words, style)
    found = read_own(folder, style, watch=watch_reading)
    training, held_out, left_out = _entries(found, words)
    lines = [_line(entry) for entry in training if entry.sheet.others]  # the tune counts, whatever stands beside it
    rehearsal = remembered(base, words, seed=plan.seed, watch=watch_reading)
    net = widened(read_taste_network(base.folder, base.words), base.words, words)
    plain = [replace(entry, styles=()) for entry in held_out]
    before = nats_a_note(net, melody_lessons(plain, words))
    if plan.minutes is not None:
        plan = replace(plan, minutes=max(0.05, plan.minutes - (time.monotonic() - began) / 60))
    fresh = [words.ids[word] for word in words.words if word not in base.words.ids]
    net, state = fine_tune(
        net,
        words,
        [*training, *lines],
        held_out,
        plan,
        fresh=fresh,
        rehearsal=rehearsal,
        full=full,
        watch=watch_training,
    )
    after = nats_a_note(net, melody_lessons(held_out, words))
    best_step = min(state.checks, key=lambda check: check[1])[0]
    notes = sum(len(melody_of(entry, words).melody.notes) for entry in (*training, *held_out))
    tuned = Tuned(
        out, style, len(training), len(held_out), notes, before, after, state.step, best_step,
        round(state.elapsed_s / 60, 2), found.unread, left_out,
    )  # fmt: skip
    watch_reading("index of known melodies", len(training))
    derive(base, out, net, words, state)
    _add_style(base, out, training, words, style)
    write_card(base, out, plan, state, training=training, split=_SPLIT, told=_held_out_text(tuned), full=full)
    return tuned


def style_name(out: Path) -> str:
    """The style's name after the folder's: lower case, with spaces for what joins words.

    Raises:
        InputError: if nothing is left of it, or it stands for no style in particular.
    """
    letters = "".join(c if c.isalnum() else " " for c in out.resolve().name.lower())
    name = " ".join(letters.split())
    if not name or name == ANY:
        raise InputError(f"--out must end in a name for the style, got {str(out)!r}; choose one such as my_style")
    return name


def with_style(words: Vocabulary, style: str) -> Vocabulary:
    """The words of this version and, after them, what else the checkpoint knows, and ``style``."""
    wanted = dict.fromkeys((*Vocabulary().words, *words.words, f"Style_{style}"))
    return Vocabulary(tuple(wanted))


def read_own(folder: Path, style: str, *, watch: Callable[[str, int], None] = lambda _name, _count: None) -> Reading:
    """The pieces of the files in ``folder`` and the folders in it, in the order of their names.

    Raises:
        FileError: if it is no folder, or no file in it ends as a song does.
    """
    if not folder.is_dir():
        raise FileError(f"--data must be a folder of song files, got {folder}")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise FileError(f"--data must hold a file that ends in one of {', '.join(SUFFIXES)}; {folder} holds none")
    found = Reading()
    for count, path in enumerate(paths, start=1):
        watch("reading", count)
        name = str(path.relative_to(folder))
        try:
            songs = list(_songs(path))
        except CocreateError as error:
            found.unread[name] = str(error)
            continue
        if not songs:
            found.unread[name] = "no tune in it can be read"
        for number, song in enumerate(songs, start=1):
            label = name if len(songs) == 1 else f"{name} {number}"
            title = song.title or path.stem
            found.pieces.append(Piece(song, DATASET, work_key(title), label, LICENCE, "A", (style,), "train"))
    chosen = sorted(
        found.pieces, key=lambda piece: (zlib.crc32(piece.name.encode("utf-8", "surrogateescape")), piece.name)
    )
    held = {id(piece) for piece in chosen[: max(1, round(HELD_OUT_SHARE * len(chosen)))]}
    found.pieces = [replace(p, split="validation") if id(p) in held else p for p in found.pieces]
    return found


def remembered(
    base: Checkpoint,
    words: Vocabulary,
    *,
    count: int = REHEARSAL_IDEAS,
    seed: int = 0,
    watch: Callable[[str, int], None] = lambda _name, _count: None,
) -> list[Entry]:
    """Melodies that the checkpoint writes in the styles that it knows best, as pieces to rehearse."""
    net, table = Decoder(base), base.extra("styles.json")["styles"]
    ordered = sorted((name for name in table if name != ANY), key=lambda name: -table[name].get("pieces", 0))
    styles = ordered[:REHEARSAL_STYLES] or [ANY]
    each = -(-count // len(styles))
    found: list[Entry] = []
    for style in styles:
        watch("remembering", len(found))
        request = MelodyRequest(style=None if style == ANY else style, bars=REHEARSAL_BARS, n=each, seed=seed)
        try:
            drafts = write_melodies(net, table, request)
        except UnmetError:
            continue  # a style whose own table leaves no melody has nothing to remember
        for draft in drafts:
            piece = Piece(draft.song, "rehearsal", style, style, LICENCE, "A", (style,), "train")
            try:
                found.append(entry_of(piece, words, describe=content_vector))
            except InputError:
                continue
    return found


def derive(base: Checkpoint, out: Path, net: TasteNetwork, words: Vocabulary, state: State) -> None:
    """Write the network into ``out``, with what generation needs to know from ``base`` and the curve of the run."""
    from cocreate.files.picture import draw_training_curve
    from cocreate.model.tokenizer import save_tokenizer

    write_weights(base, out, net, words)
    save_tokenizer(words, out)
    draw_training_curve(
        [step for step, _ in state.curve],
        {"training, nats a token": state.curve, "held out, nats a note": state.checks},
        out / "curve.png",
        title="Loss while fine-tuning",
        ylabel="nats",
        force=True,
    )


def write_weights(base: Checkpoint, out: Path, net: TasteNetwork, words: Vocabulary) -> None:
    """Write as much as generation needs: the network, and the tables and card of ``base``."""
    from cocreate.model.finetune import write_network

    out.mkdir(parents=True, exist_ok=True)
    for name in _KEPT_FILES:
        if base.folder.resolve() != out.resolve():
            shutil.copyfile(base.folder / name, out / name)
    write_network(net, words, out)


def write_card(
    base: Checkpoint,
    out: Path,
    plan: Plan,
    state: State,
    *,
    training: Sequence[Entry],
    split: str,
    told: str,
    full: bool = False,
) -> None:
    """Write the card for programs and for people: that of ``base``, and what was learned since.

    Args:
        told: the held-out numbers, in Markdown.
    """
    card = {
        **base.card,
        "name": out.name,
        "made": datetime.now(UTC).date().isoformat(),
        "started_from": base.card.get("name", base.folder.name),
        "seed": plan.seed,
        "training": {
            "steps": state.step,
            "tokens": state.tokens,
            "minutes": round(state.elapsed_s / 60, 1),
            "batch_tokens": plan.batch_tokens,
            "method": "every weight" if full else "low-rank adapters, merged",
        },
        "validation_nats_a_token": None,
        "sets": {**base.card.get("sets", {}), **shares(training)},
        "split": split,
        "held_out": told,
    }
    write_json(out / "card.json", card)
    rows = [
        f"| {name} | {row.get('licence', '?')} | {row.get('tier', '?')} | {row.get('pieces', 0):,} |"
        for name, row in card["sets"].items()
    ]
    text = _CARD.format(**card, run=card["training"], table="\n".join(rows))
    write_text(out / "README.md", text, force=True)


def _songs(path: Path) -> Iterator[Song]:
    """The songs of a file, each with its melody found."""
    if path.suffix.lower() == ".abc":
        for tune in usable_tunes(path, None, top_line_only=False):
            yield tune.song
        return
    song = read_song(path)
    if all(part.role == "drums" for part in song.parts) or not song.melody.notes:
        raise InputError(f"a song must have a melody, got no notes for one in {path}")
    if path.suffix.lower() in MIDI_SUFFIXES:
        if not is_one_voice(song.melody):
            song = with_melody(song) or song
        # printed music that was rendered shows its pickup only in where the weight lies
        song = full_first_bar(song)
        song = replace(song, meters=whole_bars(song.meters, song.end_ticks))
    yield song


def _entries(found: Reading, words: Vocabulary) -> tuple[list[Entry], list[Entry], dict[str, int]]:
    """The pieces to learn from, those held out, and how many were left out for what reason."""
    entries, report = pack(iter(found.pieces), words, tiers=("A",), describe=content_vector)
    training = [entry for entry in entries if entry.split == "train"]
    held_out = [entry for entry in entries if entry.split != "train"]
    if not held_out and len(training) > 1:
        held_out = [training.pop()]
    if not training or not held_out:
        reasons = "; ".join(f"{count} {reason}" for reason, count in report.dropped.items())
        unread = f"; {len(found.unread)} could not be read" if found.unread else ""
        raise InputError(
            f"fine-tuning needs at least 2 pieces, got {len(entries)}" + (f" ({reasons})" if reasons else "") + unread
        )
    return training, held_out, dict(report.dropped)


def _line(entry: Entry) -> Entry:
    """A piece without the tracks beside its melody and chords."""
    bars = tuple(replace(bar, others=()) for bar in entry.sheet.bars)
    return replace(entry, sheet=replace(entry.sheet, bars=bars, others=()))


def _add_style(base: Checkpoint, out: Path, training: Sequence[Entry], words: Vocabulary, style: str) -> None:
    """The style's row in the table, and its melodies among those that are not to be copied."""
    table = base.extra("styles.json")
    row, _ = style_row(training, words, np.random.default_rng(0))
    table["styles"][style] = row
    write_json(out / "styles.json", table)
    known = NoveltyIndex.load(base.folder / "novelty.npz")
    known.extended((entry.name, melody_of(entry, words).melody.notes) for entry in training).save(out / "novelty.npz")


def _held_out_text(tuned: Tuned) -> str:
    return (
        f"{tuned.held_out} held-out pieces of {tuned.style!r}: {tuned.after:.3f} nats a melody note with the style's"
        f" word; before, without it, {tuned.before:.3f} ({tuned.after / tuned.before - 1:+.1%})."
    )

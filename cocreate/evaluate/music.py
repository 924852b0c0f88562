"""How well a checkpoint knows music it has never heard, and whether what it writes is new and keeps its form.

Conventions:
    Likelihood is in nats a note: the nats of every target id (bar lines, positions, pitches, lengths, the end) divided
    by the number of melody notes. Everybody predicts the same ids of the same sequences, with the same controls given:
    a piece is cut into consecutive lessons that fit the context, and nothing is remembered from one to the next.
    A style is a piece's general style. Baselines are fitted on the training pieces of the same data; ``uniform`` and
    ``unigram`` are even told the kind of each id (bar, position, pitch, length) before they guess it.

Metrics:
    *Longest match*: notes of an idea's longest run that a training melody has too (``judge.novelty``), before ideas
    that are copies are replaced; beside it the same for excerpts of held-out human pieces. *Leaked*: held-out pieces
    that are the same tune as a training piece by the measure of ``model.corpus.clean``; it must be 0.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import CheckpointError, InputError
from cocreate.evaluate.reference import EXCERPT_BARS, excerpt, melody_of
from cocreate.evaluate.requests import Ask, form_faults
from cocreate.generate.melody import write_melodies
from cocreate.generate.request import ANY, MelodyRequest
from cocreate.judge.novelty import NoveltyIndex
from cocreate.model.baselines import CachedNgram, Uniform, Unigram
from cocreate.model.batches import Exercise, Lesson, whole_lessons
from cocreate.model.checkpoint import Checkpoint, open_checkpoint
from cocreate.model.corpus.build import pack, read_sets, tiers_up_to
from cocreate.model.corpus.clean import COMMON_PIECES, SAME_TUNE, shingles
from cocreate.model.corpus.pack import Entry, load, of_split
from cocreate.model.corpus.piece import SPLITS
from cocreate.model.decoder import Decoder
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Note

TASKS = ("melody", "over")
ENOUGH_PIECES = 100  # training pieces from which a style must beat every baseline
NGRAM_TOKENS = 6_000_000  # that the n-gram is fitted on at most; under two minutes on one core
TUNING_TOKENS = 60_000  # of validation lessons, for the n-gram's shares
JSB, JSB_ROW = "jsb_chorales", "JSB soprano (standard split)"
TOTAL = "all"
STYLES_WRITTEN = 8
HUMAN_EXCERPTS = 400


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a likelihood table: nats a note of the checkpoint and of each baseline.

    ``ngram_blind`` is the n-gram that does not see the chords of the task "over" (None in other tasks): a small model
    may do better without them. ``beats_all`` is None where the style has fewer than ``ENOUGH_PIECES`` training pieces
    and claims nothing.
    """

    task: str
    style: str
    pieces: int
    notes: int
    training_pieces: int
    checkpoint: float
    ngram: float
    ngram_blind: float | None
    unigram: float
    uniform: float
    beats_all: bool | None


@dataclass(frozen=True, slots=True)
class Copies:
    """Longest matches with the training music, in notes, of some ideas; ``over_limit`` is the share that are copies."""

    who: str
    ideas: int
    mean_notes: float
    p95_notes: float
    over_limit: float


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured.

    ``form_met`` is the share of ideas that keep every rule; ``leaked`` counts held-out pieces that were left out, since
    a training piece is the same tune.
    """

    checkpoint: str
    parameters: int
    date: str
    split: str
    seed: int
    tiers: tuple[str, ...]
    machine: Mapping[str, str | int]
    rows: tuple[Row, ...]
    copies: tuple[Copies, ...]
    form_met: float
    leaked: int
    ngram_tokens: Mapping[str, int]
    training_tokens: Mapping[str, int]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def evaluate_music(
    data: str | Path,
    *,
    checkpoint: str | Path = "music",
    tiers: Sequence[str] = ("A", "A*"),
    split: str = "test",
    seed: int = 0,
    ideas: int = 64,
    ngram_tokens: int = NGRAM_TOKENS,
    watch: Callable[[str], None] = lambda _doing: None,
) -> Report:
    """Measure a checkpoint on the held-out works of ``data``.

    Args:
        data: a folder of sets, or a packed ``corpus.npz``.
        ideas: melodies written to look for copies and broken form; 0 for none.
        ngram_tokens: the n-gram is fitted on whole pieces drawn at random up to this many ids.
        watch: told what is being done.

    Raises:
        InputError: if the split is unknown or empty.
        FileError: if there is no corpus.
        CheckpointError: if the checkpoint is broken or has other words.
    """
    began = time.monotonic()
    if split not in SPLITS:
        raise InputError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    opened = open_checkpoint(checkpoint)
    words = opened.words
    watch("reading the music")
    entries = [entry for entry in read_entries(Path(data), words) if entry.sheet.has_melody]
    training, held_out = of_split(entries, "train", tiers=tiers), of_split(entries, split, tiers=tiers)
    validation = of_split(entries, "validation", tiers=tiers)
    if not training or not held_out:
        raise InputError(
            f"the data must hold training and {split} pieces of tier {', '.join(tiers)}; {data} lacks some"
        )
    watch("looking for leaks")
    leaked = leaked_pieces(held_out, training, words)
    names = {entry.name for entry in leaked}
    held_out = [entry for entry in held_out if entry.name not in names]
    rows: list[Row] = []
    used: dict[str, int] = {}
    available: dict[str, int] = {}
    for task in TASKS:
        groups = {
            name: [entry for entry in group if task == "melody" or entry.sheet.has_chords]
            for name, group in (("train", training), ("validation", validation), ("test", held_out))
        }
        if groups["train"] and groups["test"]:
            found, used[task], available[task] = _likelihood(
                task, groups, opened, seed=seed, ngram_tokens=ngram_tokens, watch=watch
            )
            rows += found
    watch("writing ideas")
    copies, form_met = _written(opened, held_out, ideas=ideas, seed=seed)
    return Report(
        checkpoint=str(opened.card.get("name", opened.folder.name)),
        parameters=parameters(opened),
        date=datetime.now(UTC).date().isoformat(),
        split=split,
        seed=seed,
        tiers=tuple(tiers),
        machine=machine(),
        rows=tuple(rows),
        copies=copies,
        form_met=form_met,
        leaked=len(leaked),
        ngram_tokens=used,
        training_tokens=available,
        seconds=round(time.monotonic() - began, 1),
    )


def read_entries(data: Path, words: Vocabulary) -> list[Entry]:
    """Every piece of a packed corpus, or of a folder of sets, cleaned and de-duplicated as for training.

    Raises:
        FileError: if there is no corpus.
        CheckpointError: if the checkpoint has other words than this version packs.
    """
    own = Vocabulary().words
    if words.words[: len(own)] != own:  # a checkpoint fine-tuned to a style has a word more
        raise CheckpointError("the checkpoint must have this version's words; train it again, or use its own version")
    if data.suffix == ".npz":
        return load(data)
    return pack(read_sets([str(data)]), words, tiers=tiers_up_to("B"))[0]


def leaked_pieces(held_out: Sequence[Entry], training: Sequence[Entry], words: Vocabulary) -> list[Entry]:
    """Held-out pieces of which a training piece is the same tune, up to transposition and speed."""
    prints = [shingles(melody_of(entry, words).melody.notes) for entry in (*training, *held_out)]
    spread = Counter(shingle for found in prints for shingle in found)
    holders: dict[int, list[int]] = defaultdict(list)
    for place, found in enumerate(prints[: len(training)]):
        for shingle in found:
            holders[shingle].append(place)
    leaked = []
    for entry, found in zip(held_out, prints[len(training) :], strict=True):
        shared: Counter[int] = Counter()
        for shingle in found:
            if spread[shingle] <= COMMON_PIECES:
                shared.update(holders.get(shingle, ()))
        if any(n >= SAME_TUNE * max(1, min(len(found), len(prints[other]))) for other, n in shared.items()):
            leaked.append(entry)
    return leaked


def machine() -> dict[str, str | int]:
    """What the numbers were measured on; the torch version is looked up without importing it."""
    return {
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "torch": importlib.metadata.version("torch"),
    }


def parameters(checkpoint: Checkpoint) -> int:
    """Weights of a checkpoint: as its card says, else counted."""
    known = checkpoint.card.get("parameters")
    if isinstance(known, int):
        return known
    from cocreate.model.decoder import read_safetensors

    return sum(tensor.size for tensor in read_safetensors(checkpoint.weights).values())


def format_table(report: Report) -> str:
    """The report as plain text."""
    lines = [
        (
            f"{report.checkpoint}: {report.parameters / 1e6:.2f} M parameters, {report.split} split, tiers"
            f" {', '.join(report.tiers)}, seed {report.seed}, {report.date}"
        ),
        ", ".join(f"{name} {value}" for name, value in report.machine.items()) + f"; {report.seconds:.0f} s",
    ]
    for task in TASKS:
        rows = [row for row in report.rows if row.task == task]
        if not rows:
            continue
        title = {"melody": "Melody", "over": "Melody over given chords"}[task]
        lines += [
            "",
            (
                f"{title}: nats a note (n-gram fitted on {report.ngram_tokens[task]:,} of"
                f" {report.training_tokens[task]:,} training ids)"
            ),
            (
                f"{'style':<30}{'pieces':>7}{'notes':>9}{'trained':>9}{'checkpoint':>12}{'n-gram+cache':>14}"
                f"{'same, blind':>13}{'unigram':>9}{'uniform':>9}  beats all"
            ),
        ]
        lines += [
            f"{row.style:<30}{row.pieces:>7}{row.notes:>9,}{row.training_pieces:>9,}{row.checkpoint:>12.3f}"
            f"{row.ngram:>14.3f}{'-' if row.ngram_blind is None else f'{row.ngram_blind:.3f}':>13}"
            f"{row.unigram:>9.3f}{row.uniform:>9.3f}"
            f"  {'-' if row.beats_all is None else 'yes' if row.beats_all else 'NO'}"
            for row in rows
        ]
    if report.copies:
        lines += ["", f"{'Longest match with training':<30}{'ideas':>7}{'mean':>8}{'95th':>8}{'over the limit':>16}"]
        lines += [
            f"{row.who:<30}{row.ideas:>7}{row.mean_notes:>8.1f}{row.p95_notes:>8.0f}{row.over_limit:>16.1%}"
            for row in report.copies
        ]
        lines.append(f"Ideas that keep every rule of form: {report.form_met:.1%}")
    lines.append(f"Held-out pieces left out because a training piece is the same tune: {report.leaked}")
    return "\n".join(lines)


def _likelihood(
    task: str,
    groups: Mapping[str, Sequence[Entry]],
    checkpoint: Checkpoint,
    *,
    seed: int,
    ngram_tokens: int,
    watch: Callable[[str], None],
) -> tuple[list[Row], int, int]:
    """Rows of one task, ids the n-gram was fitted on, ids there were."""
    from cocreate.model.conditioning import read_taste_network
    from cocreate.model.train import sequence_nats

    words = checkpoint.words
    pieces = [list(whole_lessons(entry, Exercise(task), words)) for entry in groups["test"]]
    lessons = [lesson for piece in pieces for lesson in piece]
    watch(f"{task}: the checkpoint")
    nats = {"checkpoint": sequence_nats(read_taste_network(checkpoint.folder, words), lessons)}
    watch(f"{task}: baselines")
    rng = np.random.default_rng(seed)
    known = [list(whole_lessons(entry, Exercise(task), words)) for entry in groups["train"]]
    total = sum(len(lesson.ids) for piece in known for lesson in piece)
    chosen = up_to(known, ngram_tokens, rng)
    kinds = sorted(words.type_ids)
    types = np.array([kinds.index(kind) for kind in words.types])
    size = len(words)
    tuning = up_to(
        [list(whole_lessons(entry, Exercise(task), words)) for entry in groups["validation"]], TUNING_TOKENS, rng
    )
    asked = [lesson.ids[lesson.targets] for piece in known for lesson in piece]  # given ids are not guessed by anybody
    baselines: dict[str, Unigram | CachedNgram] = {
        "uniform": Uniform(size, types=types),
        "unigram": Unigram.fit(asked, size, types=types),
        "ngram": fit_ngram(chosen, tuning, words, types),
    }
    for name, model in baselines.items():
        nats[name] = [model.nats(lesson.ids, lesson.targets) for lesson in lessons]
    if task == "over":
        blind = fit_ngram([_hidden(x, words) for x in chosen], [_hidden(x, words) for x in tuning], words, types)
        nats["ngram_blind"] = [blind.nats(x.ids, x.targets) for x in (_hidden(lesson, words) for lesson in lessons)]
    return _rows(task, groups, pieces, nats), sum(len(lesson.ids) for lesson in chosen), total


def _hidden(lesson: Lesson, words: Vocabulary) -> Lesson:
    """The lesson without what is given after its controls; its targets are the same."""
    keep = lesson.targets | (np.arange(len(lesson.ids)) < int(np.argmax(lesson.ids == words.id("Ahead"))))
    return Lesson(lesson.ids[keep], lesson.targets[keep], lesson.notes)


def fit_ngram(
    lessons: Sequence[Lesson], tuning: Sequence[Lesson], words: Vocabulary, types: np.ndarray[Any, Any]
) -> CachedNgram:
    """The n-gram of ``lessons``, its shares learned from ``tuning`` where there is some. ``types``: kind of each id."""
    # a bar line that counts down is another word in every bar; as a context it is just a bar line
    bars = words.type_ids["Bar"]
    alike = np.arange(len(words))
    alike[bars] = bars[0]
    model = CachedNgram.fit([lesson.ids for lesson in lessons], len(words), types=types, alike=alike)
    if tuning:
        model.tune([lesson.ids for lesson in tuning], [lesson.targets for lesson in tuning])
    return model


def up_to(pieces: Sequence[Sequence[Lesson]], tokens: int, rng: np.random.Generator) -> list[Lesson]:
    """Whole pieces in random order, as many as fit."""
    found: list[Lesson] = []
    for place in rng.permutation(len(pieces)):
        piece = pieces[int(place)]
        tokens -= sum(len(lesson.ids) for lesson in piece)
        if tokens < 0 and found:
            break
        found += piece
    return found


def _rows(
    task: str,
    groups: Mapping[str, Sequence[Entry]],
    pieces: Sequence[Sequence[Lesson]],
    nats: Mapping[str, Sequence[float]],
) -> list[Row]:
    trained = Counter(entry.style for entry in groups["train"])
    members: dict[str, list[int]] = defaultdict(list)
    for place, entry in enumerate(groups["test"]):
        members[entry.style].append(place)
    order = sorted(members, key=lambda style: -trained[style])
    table = [(style, members[style], trained[style]) for style in order]
    chorales = [place for place, entry in enumerate(groups["test"]) if entry.dataset == JSB]
    if chorales:
        table.append((JSB_ROW, chorales, sum(entry.dataset == JSB for entry in groups["train"])))
    table.append((TOTAL, list(range(len(pieces))), len(groups["train"])))
    first = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    sums = {name: [sum(values[int(a) : int(b)]) for a, b in pairwise(first)] for name, values in nats.items()}
    rows: list[Row] = []
    for style, places, count in table:
        notes = sum(lesson.notes for place in places for lesson in pieces[place])
        mean = {name: sum(values[place] for place in places) / max(1, notes) for name, values in sums.items()}
        beats = all(mean["checkpoint"] < value for name, value in mean.items() if name != "checkpoint")
        enough = count >= ENOUGH_PIECES
        rounded: dict[str, float | None] = {"ngram_blind": None}
        rounded |= {name: round(value, 4) for name, value in mean.items()}
        rows.append(Row(task, style, len(places), notes, count, beats_all=beats if enough else None, **rounded))  # type: ignore[arg-type]
    return rows


def _written(
    checkpoint: Checkpoint, held_out: Sequence[Entry], *, ideas: int, seed: int
) -> tuple[tuple[Copies, ...], float]:
    """Copies among ideas as they were drawn and among human excerpts; share of the ideas that keep their form."""
    if ideas < 1:
        return (), 1.0
    styles = checkpoint.extra("styles.json")["styles"]
    index = NoveltyIndex.load(checkpoint.folder / "novelty.npz")
    names = sorted(set(styles) - {ANY}, key=lambda name: (-styles[name].get("pieces", 0), name))[:STYLES_WRITTEN] or [
        None
    ]
    net = Decoder(checkpoint)
    melodies: list[tuple[Note, ...]] = []
    kept = 0
    for place in range(min(ideas, len(names))):
        n = len(range(place, ideas, len(names)))
        request = MelodyRequest(style=names[place], bars=EXCERPT_BARS, n=n, seed=seed)
        asked: dict[str, Any] = dict.fromkeys(("key", "meter", "tempo", "range", "chords"))
        ask = Ask(place, asked | {"style": names[place], "bars": EXCERPT_BARS, "n": n})
        for draft in write_melodies(net, styles, request):
            melodies.append(draft.song.melody.notes)
            kept += not any(faults for _, faults in form_faults(draft.song, ask, styles))
    rng = np.random.default_rng(seed)
    drawn = [held_out[int(place)] for place in rng.permutation(len(held_out))[:HUMAN_EXCERPTS]]
    human = [song.melody.notes for entry in drawn if (song := excerpt(entry, checkpoint.words, rng)) is not None]
    found = [count_copies(f"ideas in {len(names)} styles", melodies, index)]
    found += [count_copies("held-out human excerpts", human, index)] if human else []
    return tuple(found), kept / len(melodies)


def count_copies(who: str, melodies: Sequence[Sequence[Note]], index: NoveltyIndex) -> Copies:
    """Longest matches of ``melodies``, at least one, with the music of ``index``."""
    matches = [index.longest_match(notes) for notes in melodies]
    lengths = [match.notes for match in matches]
    over = sum(index.is_copy(match, len(notes)) for match, notes in zip(matches, melodies, strict=True))
    return Copies(
        who=who,
        ideas=len(melodies),
        mean_notes=round(float(np.mean(lengths)), 2),
        p95_notes=round(float(np.percentile(lengths, 95)), 1),
        over_limit=round(over / len(melodies), 4),
    )

"""Making a checkpoint: read the corpora, train, and write down everything that generation and people need to know.

Conventions:
    The output folder is complete at the end and resumable before: ``training/`` holds the packed corpus and the state
    of the run. ``card.json`` is for programs, ``README.md`` the same for people.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cocreate.errors import InputError
from cocreate.evaluate.reference import describe_styles, novelty_index
from cocreate.files.output import check_folder, write_text
from cocreate.model.checkpoint import write_json
from cocreate.model.corpus.build import pack, read_sets, shares, tiers_up_to
from cocreate.model.corpus.pack import Entry, load, of_split, save
from cocreate.model.ranks import joined
from cocreate.model.train import Plan, Progress, State, train
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Song
from cocreate.taste.features import features, scaled

_CARD = """# {name}

A {millions:.2f} M parameter Llama-style transformer over bar, position, pitch, duration, chord and drum tokens. One
model, all tasks by masking: melodies from controls or over chords, chords under melodies, lead sheets, missing voices
and accompaniment parts under any given tracks, and any bars of any track anew. `taste.safetensors` lets a content
vector steer it.

Made {made} on {machine}: preset `{preset}`, seed {seed}, {run[steps]:,} steps, {run[tokens]:,} tokens,
{run[minutes]} minutes. Validation: {validation_nats_a_token} nats a token. `curve.png` shows the run.

## What it was trained on

| set | licence | tier | pieces | tokens | share |
|---|---|---|---|---|---|
{table}

Tier accepted: {tier}. A: public domain or permissive. A*: an open licence on the transcription or annotation, while the
songs or solos underneath are not the licensor's; the originality guard watches them with the rest. B: share-alike.

Split: {split}. Tunes that occur in a held-out split, in any collection and key, are not trained.

## Limits

Styles are as good as their share: the table says how much was heard of each. What it writes
may by chance be near a known tune; the longest match with the training music is reported with every idea, and ideas
over the human limit are not shown.
"""
SPLIT = 'standard for JSB Chorales; elsewhere crc32("cocreate:" + work) % 20: 0 test, 1 validation, else train'


def make_checkpoint(
    corpora: Sequence[str],
    out: Path,
    plan: Plan,
    *,
    tier: str = "A*",
    resume: bool = False,
    start: Path | None = None,
    watch_reading: Callable[[str, int], None] = lambda _name, _count: None,
    watch_training: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any] | None:
    """Build the checkpoint folder ``out``; returns its card, None where another process of the run writes it.

    Started by ``torchrun`` or ``accelerate launch``, the processes share the training; the first does all else.

    Args:
        corpora: folders of sets, or "music21".
        tier: "A", "A*" or "B": what may train.
        resume: go on with the run in ``out`` (its packed corpus is reused).
        start: a checkpoint folder to begin from.

    Raises:
        InputError: if nothing is left to train on.
        FileError: if a corpus or ``out`` cannot be used.
    """
    tiers = tiers_up_to(tier)
    check_folder(out)
    words, path = Vocabulary(), out / "training" / "corpus.npz"
    with joined() as ranks:
        if ranks.is_first:
            entries = packed(corpora, path, words, reuse=resume, watch=watch_reading)
        ranks.wait()
        if not ranks.is_first:
            entries = load(path)
        training, validation = (of_split(entries, split, tiers=tiers) for split in ("train", "validation"))
        if not training:
            raise InputError(f"training needs a piece of tier {', '.join(tiers)}, got none; check --corpus and --tier")
        state = train(
            training, validation, out, plan,
            words=words, resume=resume, start=start, ranks=ranks, watch=watch_training,
        )  # fmt: skip
    if not ranks.is_first:
        return None
    return finish(
        out, training, validation, plan, state,
        words=words, tier=tier, start=start, processes=ranks.world, watch=watch_reading,
    )  # fmt: skip


def packed(
    corpora: Sequence[str],
    path: Path,
    words: Vocabulary,
    *,
    reuse: bool = False,
    watch: Callable[[str, int], None] = lambda _name, _count: None,
) -> list[Entry]:
    """The corpora as entries of every tier; kept at ``path``, and read from there when ``reuse`` and it is there."""
    if reuse and path.is_file():
        return load(path)
    entries, report = pack(
        read_sets(corpora, watch=watch), words, tiers=tiers_up_to("B"), describe=content_vector, watch=watch
    )
    save(entries, path)
    write_json(path.with_name("corpus.json"), {"kept": dict(report.kept), "dropped": dict(report.dropped)})
    return load(path)  # the file rounds content vectors: a resumed run and other processes must read the same ones


def content_vector(song: Song) -> tuple[float, ...]:
    """Where a song lies in the space of taste, (F,) in -3..3; empty when it has no melody."""
    if all(part.role == "drums" or not part.notes for part in song.parts):
        return ()
    return tuple(scaled(features(song)).tolist())


def finish(
    out: Path,
    training: Sequence[Entry],
    validation: Sequence[Entry],
    plan: Plan,
    state: State,
    *,
    words: Vocabulary,
    tier: str,
    start: Path | None = None,
    processes: int = 1,
    watch: Callable[[str, int], None] = lambda _name, _count: None,
) -> dict[str, Any]:
    """Write the style table, the novelty index, the training curve and the card beside the weights."""
    from cocreate.files.picture import draw_training_curve
    from cocreate.model.tokenizer import save_tokenizer

    tunes = [entry for entry in training if entry.sheet.has_melody]
    write_json(out / "styles.json", describe_styles(tunes, words, watch=lambda style: watch(f"style {style}", 1)))
    watch("index of known melodies", len(tunes))
    held_out = [entry for entry in validation if entry.sheet.has_melody]
    novelty_index(tunes, held_out, words).save(out / "novelty.npz")
    save_tokenizer(words, out)
    smooth = _smoothed(state.curve)
    draw_training_curve(
        [step for step, _ in smooth],
        {"training": smooth, "validation (averaged weights)": state.checks},
        out / "curve.png",
        title="Loss while training",
        ylabel="nats a token",
        force=True,
    )
    card = {
        "name": out.name,
        "art": "music",
        "made": datetime.now(UTC).date().isoformat(),
        "preset": plan.preset,
        "parameters": _parameters(out / "model.safetensors"),
        "tier": tier,
        "started_from": None if start is None else start.name,
        "seed": plan.seed,
        "machine": f"{platform.machine()}, {platform.system()}",
        "training": {
            "steps": state.step,
            "tokens": state.tokens,
            "minutes": round(state.elapsed_s / 60, 1),
            "batch_tokens": plan.batch_tokens * plan.accumulate * processes,
            "processes": processes,
            "muon_rate": plan.muon_rate,
            "adam_rate": plan.adam_rate,
        },
        "validation_nats_a_token": round(state.checks[-1][1], 4) if state.checks else None,
        "pieces": {"train": len(training), "validation": len(validation)},
        "sets": shares(training),
        "split": SPLIT,
    }
    write_json(out / "card.json", card)
    write_text(out / "README.md", card_text(card), force=True)
    return card


def card_text(card: dict[str, Any]) -> str:
    """The card for people, in Markdown."""
    total = sum(row["ids"] for row in card["sets"].values()) or 1
    rows = [
        f"| {name} | {row['licence']} | {row['tier']} | {row['pieces']:,} | {row['ids']:,} | {row['ids'] / total:.1%} |"
        for name, row in sorted(card["sets"].items(), key=lambda item: -item[1]["ids"])
    ]
    text = _CARD.format(**card, millions=card["parameters"] / 1e6, run=card["training"], table="\n".join(rows))
    return text + (f"\n## Held-out numbers\n\n{card['held_out']}\n" if "held_out" in card else "")


def _parameters(path: Path) -> int:
    from cocreate.model.decoder import read_safetensors

    return int(sum(tensor.size for tensor in read_safetensors(path).values()))


def _smoothed(curve: Sequence[tuple[int, float]], *, keep: float = 0.95) -> list[tuple[float, float]]:
    """Running mean of the noisy training loss."""
    found: list[tuple[float, float]] = []
    mean = None
    for step, loss in curve:
        mean = loss if mean is None else keep * mean + (1 - keep) * loss
        found.append((float(step), mean))
    return found[:: max(1, len(found) // 1000)]

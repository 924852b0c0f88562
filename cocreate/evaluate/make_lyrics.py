"""From sets of verse to a lyric checkpoint: words, network, vectors, second opinion, guard, and the card."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import InputError
from cocreate.files.output import check_folder, write_text
from cocreate.model.batches import Batch, batch_of
from cocreate.model.checkpoint import write_json
from cocreate.model.chinese import SHARES as CHINESE_SHARES
from cocreate.model.chinese import HanTable, chinese_rhymes, choose_characters, read_chinese
from cocreate.model.lyric_corpus import Case, Poem, read_corpus
from cocreate.model.lyric_data import (
    VECTOR_WIDTH,
    Prepared,
    back_opinion,
    english_rhymes,
    guard,
    prepare,
    second_opinion,
    word_vectors_of,
)
from cocreate.model.lyric_lessons import NOTHING_TOLD, LyricLessons, PackedVerse, Told
from cocreate.model.lyric_seat import BACK_FILE, save_seat
from cocreate.model.lyric_words import WordTable, choose_words
from cocreate.model.spans import SPAN_CHARACTERS, SPAN_WORDS
from cocreate.model.train import Plan, Progress, train_lessons

LICENCES = {
    "verse_en": "public domain (USA)", "verse_en/prose": "public domain (USA)", "gutenberg_songs": "public domain",
    "pd_song_lyrics": "public domain", "rhymedata": "public domain",
}  # fmt: skip
SPLIT = 'crc32("cocreate:" + first line of the work) % 20: 0 test, 1 validation, else train; shared lines make one work'
CHINESE_TOLD = Told(mask=0, syllables=0.85)
_CHECKS = 160  # validation lessons, half of them without controls


def read_poems(folders: Sequence[Path], *, language: str) -> tuple[list[Poem], Case]:
    """The poems of the sets in ``folders``.

    Raises:
        InputError: if there is none.
    """
    case = Case()
    if language == "en":
        return read_corpus(folders, case=case), case
    places = [place for folder in folders for place in (folder / "chinese_poetry", folder) if place.is_dir()]
    poems = next((found for place in places if (found := read_chinese(place))), [])
    if not poems:
        raise InputError("a Chinese lyric corpus must hold chinese_poetry, got none in the folders given")
    return poems, case


def prepare_language(poems: Sequence[Poem], *, language: str) -> Prepared:
    """Words, vectors and packed splits of a language."""
    if language == "en":
        table = WordTable(choose_words(poems))
        return prepare(poems, table, word_vectors_of(poems, table), english_rhymes(table))
    table = HanTable(choose_characters(poems))
    return prepare(poems, table, word_vectors_of(poems, table), chinese_rhymes(table))


def make_lyric_checkpoint(
    folders: Sequence[Path],
    out: Path,
    plan: Plan,
    *,
    language: str = "en",
    resume: bool = False,
    start: Path | None = None,
    watch_reading: Callable[[str, int], None] = lambda _name, _count: None,
    watch_training: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Build the lyric checkpoint ``out`` and return its card; its network may begin with the weights of ``start``.

    Raises:
        InputError: if there is nothing to train on.
        FileError: if ``out`` cannot be written.
        CheckpointError: if there is nothing to resume, or the weights of ``start`` do not fit.
    """
    check_folder(out)
    poems, case = read_poems(folders, language=language)
    watch_reading("poems", len(poems))
    prepared = prepare_language(poems, language=language)
    verse = prepared.splits["train"]
    told = Told() if language == "en" else CHINESE_TOLD
    lessons = LyricLessons(verse, seed=plan.seed, told=told, shares=None if language == "en" else CHINESE_SHARES)
    state = train_lessons(
        lessons, check_batches(prepared.splits["validation"], told), out, plan,
        words=prepared.table.words, features=VECTOR_WIDTH, resume=resume, start=start,
        watch=watch_training,
    )  # fmt: skip
    run = {
        "preset": plan.preset,
        "seed": plan.seed,
        "training": {
            "steps": state.step, "tokens": state.tokens, "minutes": round(state.elapsed_s / 60, 1),
            "batch_tokens": plan.batch_tokens, "muon_rate": plan.muon_rate, "adam_rate": plan.adam_rate,
        },
        "validation_nats_a_target": round(state.checks[-1][1], 4) if state.checks else None,
    }  # fmt: skip
    return finish(out, (poems, case), prepared, run, language=language)


def make_ngram_checkpoint(
    folders: Sequence[Path],
    out: Path,
    *,
    language: str = "en",
    watch_reading: Callable[[str, int], None] = lambda _name, _count: None,
) -> dict[str, Any]:
    """Build a lyric checkpoint without a network, in minutes: n-grams write. Returns its card.

    Raises:
        InputError: if there is nothing to learn from.
        FileError: if ``out`` cannot be written.
    """
    check_folder(out)
    poems, case = read_poems(folders, language=language)
    watch_reading("poems", len(poems))
    prepared = prepare_language(poems, language=language)
    out.mkdir(parents=True, exist_ok=True)
    prepared.table.words.save(out / "vocab.json")
    writer = back_opinion(prepared.splits["train"])
    writer.save(out / BACK_FILE)
    named = f"interpolated Kneser-Ney {len(writer.orders)}-gram of words, lines back to front; no network"
    return finish(out, (poems, case), prepared, {"writer": named}, language=language)


def make_foreign_checkpoint(
    base: Path,
    folders: Sequence[Path],
    out: Path,
    plan: Plan,
    *,
    watch_reading: Callable[[str, int], None] = lambda _name, _count: None,
    watch_training: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Fine-tune a folder of another causal language model on English verse; see ``hugging_train``.

    Raises:
        InputError: if there is nothing to train on.
        CheckpointError: if ``base`` is no such model.
        FileError: if ``out`` cannot be written.
    """
    from cocreate.model.hugging_train import train_foreign

    check_folder(out)
    poems, _ = read_poems(folders, language="en")
    watch_reading("poems", len(poems))
    return train_foreign(base, out, poems, plan, watch=watch_training)


def check_batches(verse: PackedVerse, told: Told) -> list[Batch]:
    """Held-out lessons, every second one without any control."""
    lessons = LyricLessons(verse, seed=1)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(verse.kinds))[:_CHECKS]
    drawn = [
        lessons.lesson(int(poem), rng, told if place % 2 else NOTHING_TOLD, longest=320, first=0)
        for place, poem in enumerate(order)
    ]
    drawn.sort(key=lambda lesson: len(lesson.ids))
    return [batch_of(drawn[i : i + 12]) for i in range(0, len(drawn), 12)]


def finish(
    out: Path, corpus: tuple[Sequence[Poem], Case], prepared: Prepared, run: dict[str, Any], *, language: str
) -> dict[str, Any]:
    """Write what stands beside the weights, and the card with what is told of the ``run``."""
    verse, (poems, case) = prepared.splits["train"], corpus
    names = [word for word in case.names() if word in prepared.table.ids]
    second = second_opinion(verse, register="modern" if language == "en" else None)
    size = SPAN_WORDS if language == "en" else SPAN_CHARACTERS
    save_seat(out, vectors=prepared.vectors, names=names, second=second, spans=guard(verse, size=size))
    card = {
        "name": out.name,
        "art": "lyrics",
        "language": language,
        "made": datetime.now(UTC).date().isoformat(),
        "words": len(prepared.table.words),
        "machine": f"{platform.machine()}, {platform.system()}",
        **run,
        "sets": shares_of(poems),
        "split": SPLIT,
    }  # fmt: skip
    write_json(out / "card.json", card)
    write_text(out / "README.md", card_text(card), force=True)
    return card


def shares_of(poems: Sequence[Poem]) -> dict[str, dict[str, object]]:
    """Training poems and words of each set with its licence."""
    words: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for poem in poems:
        if poem.split == "train":
            words[poem.source] += sum(len(line.words) for line in poem.lines)
            count[poem.source] += 1
    total = max(1, sum(words.values()))
    return {
        name: {
            "licence": LICENCES.get(name, "MIT (texts public domain)"), "poems": count[name], "words": words[name],
            "share": round(words[name] / total, 4),
        }
        for name in sorted(words)
    }  # fmt: skip


def card_text(card: dict[str, Any]) -> str:
    """The card for people, in Markdown."""
    rows = [
        f"| {name} | {row['licence']} | {row['poems']:,} | {row['words']:,} | {row['share']:.1%} |"
        for name, row in sorted(card["sets"].items(), key=lambda item: -item[1]["words"])
    ]
    text = (
        f"# Lyrics, {card['language']}\n\nWords back to front, {card['words']:,} of them; {_run_text(card)}.\n\n"
        f"Split: {card['split']}.\n\n"
        "| set | licence | poems | words | share of the words |\n|---|---|---|---|---|\n"
    )
    tail = f"\n\n## Held-out numbers\n\n{card['held_out']}" if "held_out" in card else ""
    return text + "\n".join(rows) + tail + "\n"


def _run_text(card: dict[str, Any]) -> str:
    if "writer" in card:
        return str(card["writer"])
    run = card["training"]
    return (
        f"preset {card['preset']}, seed {card['seed']}; {run['steps']:,} steps, {run['tokens']:,} tokens,"
        f" {run['minutes']} minutes on one processor thread ({card['machine']}). Validation:"
        f" {card['validation_nats_a_target']} nats a word or line end, half of it without controls"
    )

"""Verse is read clean, every work falls on one side of the split, and lessons tell what they say they tell."""

from __future__ import annotations

import json

import numpy as np
import pytest
from lyric_seat import tiny_stanzas

from cocreate.errors import InputError
from cocreate.model.lyric_corpus import Case, clean_line, read_corpus
from cocreate.model.lyric_data import english_rhymes, guard, prepare, second_opinion, sung_texts, word_vectors_of
from cocreate.model.lyric_lessons import (
    ALL_TOLD,
    NOTHING_TOLD,
    LyricLessons,
    mask_ids,
    rhyme_partners,
    scheme_of,
)
from cocreate.model.lyric_words import WordTable, choose_words


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set of thirty poems, one of them printed twice and one sung on in another."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "verse_en").mkdir()
    rows = [{"dialect": False, "register": "modern", "stanzas": tiny_stanzas(seed)} for seed in range(30)]
    rows.append({**rows[4], "stanzas": [["A Title In Small Print", "by nobody"], *rows[4]["stanzas"]]})
    rows.append({**rows[7], "stanzas": [*tiny_stanzas(7)[:1], *tiny_stanzas(99)]})  # a verse of it in another song
    rows.append({"dialect": True, "register": "modern", "stanzas": [["De rain cum down", "an' den it stop"]]})
    text = "\n".join(json.dumps(row) for row in rows)
    (root / "verse_en" / "verse.jsonl").write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def poems(folder):
    return read_corpus([folder])


@pytest.fixture(scope="module")
def prepared(poems):
    table = WordTable(choose_words(poems))
    return prepare(poems, table, word_vectors_of(poems, table), english_rhymes(table))


@pytest.mark.parametrize(
    ("text", "words", "end"),
    [
        ("The rain to-day, and Mary’s gone!", "the rain today and mary's gone", "stop"),
        ("A stumbl'd knock--who’s there?", "a stumbled knock who's there", "ask"),
        ("the end of it _all_,", "the end of it all", "comma"),
        ("and then", "and then", "run"),
    ],
)
def test_a_line_of_print_becomes_words_and_an_end(text, words, end):
    line = clean_line(text)
    assert " ".join(line.words) == words
    assert line.end == end


@pytest.mark.parametrize("text", ["CHAPTER ONE", "[Footnote]", "12", "", "word " * 17])
def test_what_is_no_line_of_verse_is_left_out(text):
    assert clean_line(text) is None


def test_words_that_stand_capital_inside_lines_are_names():
    case = Case()
    for _ in range(9):
        clean_line("we saw London and the river", case)
    assert case.names() == ["london"]


def test_prints_of_one_work_are_one_and_no_line_is_on_two_sides_of_the_split(poems):
    assert len(poems) == 31  # the second print and the dialect are gone
    assert poems[30].work == poems[7].work
    assert poems[30].split == poems[7].split
    assert {poem.split for poem in poems} == {"train", "validation", "test"}


def test_a_folder_without_verse_is_refused(tmp_path):
    with pytest.raises(InputError, match="must hold one of"):
        read_corpus([tmp_path])


def test_second_opinion_and_guard_know_the_training_split_alone(prepared):
    for name, known in (("train", True), ("test", False)):
        verse = prepared.splits[name]
        spans = guard(prepared.splits["train"])
        texts = [text for text in sung_texts(verse, breaks=False) if len(text) >= spans.size]
        assert texts
        assert all(spans.holds_any(text[: spans.size]) == known for text in texts)
    opinion = second_opinion(prepared.splits["train"])
    seen, unseen = (
        np.mean([opinion.nats_each(text).mean() for text in sung_texts(prepared.splits[name], breaks=True)])
        for name in ("train", "test")
    )
    assert seen < unseen


def test_a_lesson_that_tells_all_has_the_mask_and_rhyme_of_each_line_and_its_words_back_to_front(prepared):
    verse = prepared.splits["train"]
    lessons = LyricLessons(verse, seed=0)
    lesson = lessons.lesson(0, np.random.default_rng(0), ALL_TOLD, longest=900, first=0, most=1)
    words = [verse.table.words.words[i] for i in lesson.ids]
    first = verse.ids[verse.lines[0] : verse.lines[1]]
    lines = int(verse.stanzas[1] - verse.stanzas[0])
    assert words.count("Line_None") == lines
    assert sum(word.startswith("Rhyme_") for word in words) == lines
    assert any(word.startswith("Mask_") for word in words)
    at = words.index("Line_None")
    assert lesson.ids[at - len(first) : at].tolist() == first[::-1].tolist()
    assert lesson.taste.any()
    told = {verse.table.words.words[i].split("_")[0] for i, hit in zip(lesson.ids, lesson.targets, strict=True) if hit}
    assert told == {"Word", "Line"}


def test_a_bare_lesson_tells_nothing_and_the_same_seed_draws_the_same(prepared):
    verse = prepared.splits["train"]
    lessons = LyricLessons(verse, seed=3)
    lesson = lessons.lesson(1, np.random.default_rng(0), NOTHING_TOLD, longest=900, first=0)
    kinds = {verse.table.words.words[i].split("_")[0] for i in lesson.ids}
    assert kinds == {"BOS", "Section", "Word", "Line"}
    assert not lesson.taste.any()
    pools = [LyricLessons(verse, seed=seed).pool(0, tokens=512) for seed in (3, 3, 4)]
    texts = [[batch.ids.tolist() for batch in pool] for pool in pools]
    assert texts[0] == texts[1] != texts[2]


def test_masks_are_cut_from_the_lines_end_and_rhymes_are_counted_back():
    words = choose_words([])
    names = [words.words[i] for i in mask_ids("wswsws", words)]
    assert names == ["Mask_wsws", "Mask_ws"]
    rhymes = np.array([[0, 0], [0, 0], [1, 1], [2, 2], [1, 3], [-1, -1]])
    assert rhyme_partners([0, 2, 1, 4], rhymes) == ["new", "new", "2", "2"]
    assert rhyme_partners([0, 3, 5], rhymes) == ["free", "free", "free"]
    assert scheme_of(["new", "new", "2", "2"]) == "ABAB"
    assert scheme_of(["free", "free", "free"]) == "other"

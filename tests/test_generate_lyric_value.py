"""What makes a draft better: a verb, a whole sentence, the theme in time, words that mean something on the beat."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lyric_seat import make_seat

from cocreate.generate.lyric_request import LinePlan, LyricRequest
from cocreate.generate.lyric_value import Desk, Ear, Taste
from cocreate.generate.lyrics import title_of, write_lyrics
from cocreate.model.lyric_seat import open_seat
from cocreate.model.pens import LineDraft
from cocreate.model.word_ngrams import WordNgrams
from cocreate.music.lyric import LyricLine, LyricSection, SungWord
from cocreate.music.prosody import words_rhyme
from cocreate.music.singing import pattern
from cocreate.music.song import Note, Part, Song

TALK = ["i see the sea", "you see the rain", "they know the road", "he will fall down", "we stand on the hill"]


@pytest.fixture(scope="module")
def seat(tmp_path_factory):
    seat = open_seat(make_seat(tmp_path_factory.mktemp("seats") / "lyrics", chinese=True))
    end = seat.table.words.id("Line")
    texts = [[end, *(seat.table.id(word) for word in line.split()), end] for line in TALK]
    return replace(seat, second=WordNgrams.fit(texts, size=len(seat.table.words), order=3))


@pytest.fixture
def ear(seat):
    return Ear(seat, LyricRequest(theme="sea"), Taste(), lean=None)


def ids(seat, text):
    return tuple(seat.lexicon.ids[word] for word in text.split())


def line(number=2, **marks):
    return LinePlan(number, pattern(6), "A0", **marks)


def worth(ear, text, *before, **marks):
    """What a line is worth after others, counted by what is weighed of its sentence alone."""
    alone = Taste(**{name: 0.0 for name in Taste.__slots__ if name not in ear_weights})
    bare = Ear(ear.seat, ear.request, alone, lean=None)
    desk = Desk(pen=None)
    for number, earlier in enumerate(before, start=1):
        desk.ids[number] = ids(ear.seat, earlier)
    return bare.value(desk, LineDraft(ids(ear.seat, text), 0.0), line(len(before) + 1, **marks))


ear_weights = ("no_verb", "no_verb_again", "hanging", "person", "own_object", "headless")


def test_verbs_are_known_by_what_they_follow(ear, seat):
    assert ear.has_verb(ids(seat, "i see the sea"))
    assert ear.has_verb(ids(seat, "the road was down"))
    assert not ear.has_verb(ids(seat, "the sea and the rain"))


@pytest.mark.parametrize(
    ("better", "worse", "before", "marks"),
    [
        ("you see the sea", "the sea and the rain", (), {}),
        ("you see the sea", "when you see the sea", (), {"is_last": True}),
        ("you see the sea", "when you see the sea", ("when he will fall",), {}),
        ("i see the sea", "i see me", (), {}),
        ("i know you see me", "i see me", (), {}),
        ("you know the rain", "was the rain", (), {}),
        ("you know the rain", "and you know the rain", (), {"is_first": True}),
    ],
)
def test_whole_sentences_are_worth_more(ear, better, worse, before, marks):
    assert worth(ear, better, *before, **marks) > worth(ear, worse, *before, **marks)


def test_lines_without_a_verb_cost_more_one_after_another(ear):
    alone = worth(ear, "the sea and the rain", "you see the sea")
    again = worth(ear, "the sea and the rain", "the road and the hill")
    assert again < alone


def test_the_theme_is_wanted_more_the_longer_it_was_silent(ear, seat):
    desk = Desk(pen=None)
    assert ear.pressure(desk, line(1)) == 1  # a song tells at once what it is about
    desk.ids = {1: ids(seat, "you see the sea")}
    assert ear.pressure(desk, line(2)) == 0
    desk.ids |= {2: ids(seat, "you know the road"), 3: ids(seat, "you know the road")}
    assert ear.pressure(desk, line(4)) == 2
    (wave,) = ids(seat, "wave")
    near, far = (ear.now(desk, line(number)) for number in (4, 2))
    assert near[wave] > far[wave]


def test_a_word_that_means_something_is_worth_more_on_the_beat(seat, ear):
    bare = Ear(seat, ear.request, Taste(**{name: 0.0 for name in Taste.__slots__ if name != "beat"}), lean=None)
    good, bad = (ids(seat, text) for text in ("the sea the rain", "sea the rain the"))
    plan = LinePlan(1, pattern(4), "A0")
    values = [bare.value(Desk(pen=None), LineDraft(words, 0.0), plan) for words in (good, bad)]
    assert values[0] - values[1] == pytest.approx(Taste().beat)


def test_another_letter_has_another_sound(seat):
    for draft in write_lyrics(seat, LyricRequest(n=4, scheme="AABB", syllables=(6, 6, 6, 6), seed=2), rows=6):
        first, _, third, _ = (one.words[-1].text for one in draft.lyric.own_lines)
        assert words_rhyme(first, third) != "perfect"


def test_chinese_tones_go_the_way_of_the_tune(seat):
    chinese = open_seat(seat.folder, language="zh")
    notes = tuple(Note((n + 8 * bar) * 480, 60 + (n * 5 + bar) % 9, 480) for bar in range(4) for n in range(5))
    request = LyricRequest(n=3, song=Song((Part(notes),)), scheme="XXXX", language="zh", seed=1)
    tones = [one.tones for draft in write_lyrics(chinese, request, rows=12) for one in draft.lyric.own_lines]
    assert sum(tones) / len(tones) > 0.85  # by chance 0.69


def test_a_title_does_not_begin_in_the_middle_of_a_sentence():
    def titled(text):
        words = tuple(SungWord(word, (1,)) for word in text.split())
        return title_of((LyricSection("chorus", (LyricLine(1, words, pattern(len(words))),)),))

    assert titled("my eyes were sitting in my bed") == "Sitting In My Bed"
    assert titled("and we'll go home today") == "We'll Go Home Today"
    assert titled("and was") == "And Was"

"""Words as a singer meets them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.music.chinese import read_pinyin, readings, rhymes, simplified, tone_agreement
from cocreate.music.g2p import spell_out
from cocreate.music.hyphens import split_syllables
from cocreate.music.prosody import dictionary_words, look_up, pronounce, split_words, syllable_counts, words_rhyme
from cocreate.music.wordlists import BLOCKED, CLICHES, STRONG

INNOCENT = """cocoon spicy Scunthorpe crazy god hell gay virgin naked cock crowed class grass pass assassin bass Essex
sussex cockpit peacock dickens therapist grape drape analysis title button shuttle raccoon Niger snigger pawn swap lap
japan kitten spice chinkara mistress hello shell night knight harbour""".split()


@pytest.mark.parametrize(
    ("first", "second", "tier"),
    [
        ("night", "light", "perfect"), ("love", "above", "perfect"), ("here", "near", "perfect"),
        ("more", "for", "perfect"),
        ("singing", "ringing", "perfect"), ("home", "stone", "family"), ("memory", "sea", "family"),
        ("time", "light", "assonance"), ("love", "prove", None), ("night", "knight", None), ("night", "night", None),
        ("cat", "moon", None),
    ],
)  # fmt: skip
def test_rhymes_have_tiers_and_no_word_rhymes_with_its_own_sound(first, second, tier):
    assert words_rhyme(first, second) == tier
    assert words_rhyme(second, first) == tier


def test_words_are_found_with_their_endings_and_their_variants():
    assert pronounce("harbour")[0].stresses == (1, 0)
    assert pronounce("begin")[0].primary == 1
    assert syllable_counts("fire") == {1, 2}
    assert look_up("harbour's")[0].phones[-1] == "Z"
    assert look_up("walkin'")[0].phones[-1] == "N"
    assert look_up("xqzzt") == ()


def test_an_unknown_word_is_spelled_out_and_no_word_is_refused():
    assert spell_out("blorptastic").syllables == 3
    assert spell_out("brightside").syllables == 2
    assert pronounce("zoë")[0].syllables >= 1
    for text in ("", "123", "x" * 41, "a b"):
        with pytest.raises(InputError, match="a word must be"):
            pronounce(text)


def test_lines_are_split_into_words_with_their_apostrophes():
    assert split_words("Don't go, it's o'er -- now!") == ["Don't", "go", "it's", "o'er", "now"]


@given(st.sampled_from(sorted(dictionary_words())[::37]))
def test_syllables_of_a_word_are_as_many_as_it_has_and_spell_it(word):
    said = look_up(word)
    for count in {one.syllables for one in said}:
        pieces = split_syllables(word, count)
        assert "".join(pieces) == word
        assert len(pieces) == min(count, len(word))
        assert all(pieces)


def test_lists_of_words_spare_the_innocent():
    assert not {word.lower() for word in INNOCENT} & (BLOCKED | STRONG)
    assert len(INNOCENT) > 40
    assert "whispers" in CLICHES


def test_chinese_is_read_by_final_tone_and_group():
    said = [read_pinyin(text) for text in ("xióng", "yuè", "zhī", "jū")]
    assert [(one.final, one.tone) for one in said] == [("iong", 2), ("ve", 4), ("ii", 1), ("v", 1)]
    assert readings("长")[0].final == "ang"
    assert rhymes("光", "霜") == "perfect"  # both level, both ang
    assert rhymes("光", "上") == "family"
    assert rhymes("光", "光") is None
    assert rhymes("光", "月") is None
    assert simplified("憂鬱風") == "忧郁风"


def test_tones_agree_with_a_tune_that_moves_as_they_do():
    assert tone_agreement("妈马", (67, 60)) == 1.0  # high level, then low
    assert tone_agreement("妈马", (60, 67)) == 0.0
    assert tone_agreement("妈", (60,)) == 1.0

"""Form holds whatever the network thinks: a random network writes lines that fit, rhyme and keep their stress."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lyric_seat import make_seat

from cocreate.errors import CheckpointError, FileError, InputError
from cocreate.files import read_song
from cocreate.files.lrc import lrc_of
from cocreate.generate.lyric_request import (
    LyricRequest,
    letters,
    parse_form,
    parse_keep,
    parse_scheme,
    parse_syllables,
    plan_sections,
)
from cocreate.generate.lyric_writer import SongWriter
from cocreate.generate.lyrics import parse_word, write_lyrics
from cocreate.judge.lyrics import judge
from cocreate.lyricist import compose_lyrics, lean_of, read_lines, save_lyrics, tune_for
from cocreate.model.line_rules import Manner, can_end, line_table
from cocreate.model.lyric_seat import open_seat
from cocreate.model.pens import LineAsk
from cocreate.music.prosody import words_rhyme
from cocreate.music.song import Note, Part, Section, Song
from cocreate.music.wordlists import BLOCKED
from cocreate.studio import Studio
from cocreate.taste.crowd import crowd_of
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.profile import Profile
from cocreate.taste.store import Store

NOBODY = Profile.from_events("me", [])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_seat(tmp_path_factory.mktemp("lyrics") / "lyrics")


@pytest.fixture(scope="module")
def seat(folder):
    return open_seat(folder)


def hymn(lines: int = 4, *, sections: tuple[Section, ...] = ()) -> Song:
    """Eight quarters and a long rest, again and again."""
    notes = []
    for line in range(lines):
        notes += [Note((line * 12 + n) * 480, 60 + (n * 3 + line) % 12, 480) for n in range(8)]
    return Song((Part(tuple(notes)),), sections=sections)


def drawn(seat, rows=6, **asked):
    (draft,) = write_lyrics(seat, LyricRequest(n=1, **asked), rows=rows)
    return draft


def findings(lyric):
    return {finding.name: finding for finding in judge([lyric])}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    seed=st.integers(0, 10_000), scheme=st.sampled_from(["ABAB", "AABB", "ABCB", "AAAA", "ABBA", "XXXX"]),
    syllables=st.lists(st.integers(4, 12), min_size=2, max_size=6),
    metre=st.sampled_from(["iambic", "trochaic", "anapestic", "dactylic"]),
)  # fmt: skip
def test_whatever_is_asked_every_line_fits_and_rhymes(seat, seed, scheme, syllables, metre):
    lyric = drawn(seat, seed=seed, scheme=scheme, syllables=tuple(syllables), metre=metre).lyric
    found = findings(lyric)
    assert found["syllables_exact"].value == 1
    assert found["stress_match"].value in (None, 1)
    assert found["unstressed_down"].value in (None, 0)
    assert found["rhyme_same"].value in (None, 0)
    for line in lyric.own_lines:
        assert len(line.syllables) == len(line.phrase)
        if line.partner and not line.relaxed:
            assert line.tier in ("perfect", "family")
            other = next(one for one in lyric.own_lines if one.number == line.partner)
            assert words_rhyme(other.words[-1].text, line.words[-1].text) in ("perfect", "family")
        assert not {word.text.lower() for word in line.words} & BLOCKED


def test_the_same_seed_writes_the_same_words_and_another_seed_others(seat):
    first, again, other = (drawn(seat, seed=seed).lyric.text for seed in (1, 1, 2))
    assert first == again != other


def test_a_lyric_is_ranked_with_what_other_listeners_say_of_its_tune(seat, folder, tmp_path):
    store = Store(tmp_path)
    (alone,) = compose_lyrics(hymn(), NOBODY, scheme="ABAB", n=1, seed=4, checkpoint=folder)
    tune, other = HeardItem.of(alone.song), HeardItem.named("", "another")
    for place in range(6):
        store.add_events(f"other{place}", [Event("keep", item) for item in ((tune, other) if place % 2 else (other,))])
    store.add_event("me", Event("keep", other))
    me = Profile.from_events("me", store.events("me"))
    (best,) = compose_lyrics(hymn(), me, scheme="ABAB", n=1, seed=4, checkpoint=folder, crowd=crowd_of(store, me))
    assert abs(best.parts["crowd"]) > 1e-3


def test_a_tune_gets_a_syllable_on_every_slot_and_all_files_reopen(seat, folder, tmp_path):
    (best,) = compose_lyrics(hymn(), NOBODY, scheme="ABAB", n=1, seed=4, checkpoint=folder)
    (saved,) = save_lyrics([best], tmp_path / "out")
    sung = best.song.melody.syllables
    assert len(sung) == 32
    for ending in (".mid", ".musicxml"):
        again = read_song(saved.path.with_suffix(ending)).melody
        assert [(s.start_ticks, s.text, s.joins_next) for s in again.syllables] == [
            (s.start_ticks, s.text, s.joins_next) for s in sung
        ]
    lrc = saved.path.with_suffix(".lrc").read_text(encoding="utf-8").splitlines()
    assert [row.partition("]")[2] for row in lrc[-4:]] == [line.text for line in best.lyric.lines]
    assert lrc[-4].startswith("[00:00.00]")
    sidecar = json.loads(saved.path.with_suffix(".json").read_text(encoding="utf-8"))
    assert all(row["syllables"] == row["slots"] == 8 for row in sidecar["certificate"])
    with pytest.raises(FileError, match="exists already"):
        save_lyrics([best], tmp_path / "out")


def test_the_chorus_is_written_once_around_its_title_and_the_bridge_has_rhymes_of_its_own(seat):
    lyric = drawn(
        seat, form=parse_form("V,C,V,C,B,C"), title="river light", scheme="ABAB", syllables=(8, 8, 8, 8), seed=3
    ).lyric
    choruses = [section for section in lyric.sections if section.kind == "chorus"]
    assert len({tuple(line.text for line in section.lines) for section in choruses}) == 1
    assert [section.is_copy for section in choruses] == [False, True, True]
    assert choruses[0].lines[-1].text.lower().endswith("river light")
    verses = [tuple(line.text for line in s.lines) for s in lyric.sections if s.kind == "verse"]
    assert len(set(verses)) == 2
    (bridge,) = [section for section in lyric.sections if section.kind == "bridge"]
    others = [line for section in lyric.sections if section.kind != "bridge" for line in section.lines]
    for line in bridge.lines:
        assert all(words_rhyme(line.words[-1].text, other.words[-1].text) != "perfect" for other in others)


def test_a_kept_line_stays_and_the_others_rhyme_with_it(seat):
    kept = parse_keep(["2: the river runs behind the rain"])
    lyric = drawn(seat, keep=kept, scheme="AABB", syllables=(8, 8, 8, 8), seed=1).lyric
    assert lyric.own_lines[1].text == "the river runs behind the rain"
    assert words_rhyme(lyric.own_lines[0].words[-1].text, "rain") in ("perfect", "family")
    with pytest.raises(InputError, match="line 2 must have 8 syllables, got"):
        drawn(seat, keep={2: "too short"}, syllables=(8, 8))
    with pytest.raises(InputError, match=r"a line to keep must be in 1\.\.2, got 7"):
        drawn(seat, keep={7: "too far"}, syllables=(8, 8))


def test_a_name_is_added_without_training_and_its_phones_count(seat):
    kept = {1: "Cobie was in the window light"}
    lyric = drawn(seat, words=("Cobie=K OW1 B IY0",), keep=kept, syllables=(8, 8), seed=2).lyric
    assert lyric.own_lines[0].words[0].stresses == (1, 0)
    assert parse_word("Brightside").pronunciations[0].syllables == 2
    with pytest.raises(InputError, match="ARPAbet"):
        parse_word("Cobie=ko bee")


def test_a_rhyme_that_no_word_has_is_given_up_by_name(seat):
    draft = drawn(seat, keep={1: "the heat was always month"}, scheme="AA", syllables=(6, 6), seed=1)
    assert draft.lyric.own_lines[1].relaxed in (("rhyme: assonance",), ("rhyme: no rhyme",))


def test_before_a_rhyme_is_given_up_one_syllable_is_sung_on_two_notes(seat, monkeypatch):
    whole = SongWriter._endings

    def only_shorter(writer, desk, place, line, table):
        rungs = whole(writer, desk, place, line, table)
        return [(step, last & (len(line.phrase) < 8 or step == "no rhyme"), cost) for step, last, cost in rungs]

    monkeypatch.setattr(SongWriter, "_endings", only_shorter)
    draft = drawn(seat, song=hymn(2), keep={1: "the river runs behind the rain"}, scheme="AA", seed=1)
    line = draft.lyric.own_lines[1]
    assert line.relaxed == ("notes: two on one syllable",)
    assert line.tier in ("perfect", "family")
    assert len(line.syllables) == 7
    assert len(draft.song.melody.syllables) == 15
    assert sum(slot.notes for slot in line.phrase.slots) == 8
    assert judge([draft.lyric])[0].value == 1


def test_a_line_whose_drafts_were_all_refused_is_tried_again_and_says_so(seat, monkeypatch):
    whole = SongWriter._allowed

    def later(writer, *given, twice=False, **more):
        return twice and whole(writer, *given, twice=twice, **more)

    monkeypatch.setattr(SongWriter, "_allowed", later)
    lyric = drawn(seat, scheme="XX", syllables=(6, 6), seed=1).lyric
    assert all(line.relaxed == ("words: one may be said twice",) for line in lyric.own_lines)


def test_what_eight_words_of_a_known_text_say_is_not_written_again(tmp_path):
    text = "the light the light the light the light the light"
    seat = open_seat(make_seat(tmp_path / "guarded", copied=text))
    ids = [seat.table.id(word) for word in text.split()]
    assert seat.spans.longest(ids) == len(ids)
    assert seat.spans.longest(ids[::-1][:8]) in (0, 8)
    lyric = drawn(seat, syllables=(8, 8, 8, 8), seed=5).lyric
    spoken = [seat.lexicon.ids[word.text.lower()] for line in lyric.own_lines for word in line.words]
    assert seat.spans.longest(spoken) == 0


def test_sections_of_the_file_are_sung_to_their_own_bars(seat):
    song = hymn(8, sections=(Section(0, "Verse"), Section(8 * 3 * 960 // 2 * 2, "Chorus")))
    plan = plan_sections(LyricRequest(song=song, form=("verse", "chorus", "verse")))
    assert [len(section.lines) for section in plan] == [4, 4, 4]
    assert plan[0].bars == plan[2].bars != plan[1].bars
    draft = drawn(seat, song=song, form=("verse", "chorus", "verse"), seed=1)
    assert len(draft.song.melody.syllables) == 12 * 8
    assert {s.start_ticks for s in draft.song.melody.syllables} <= {n.start_ticks for n in draft.song.melody.notes}
    assert len(lrc_of(draft.lyric, draft.song).splitlines()) == 2 + 12


def test_requests_are_read_and_checked():
    assert parse_form("V,C,verse") == ("verse", "chorus", "verse")
    assert parse_syllables("8, 6") == (8, 6)
    assert parse_scheme("ab-b") == "ABXB"
    assert letters("AB", 4) == ["A0", "B0", "A1", "B1"]
    for wrong, match in [
        ({"scheme": "A1"}, "rhyme scheme"), ({"form": ("refrain",)}, "section"), ({"mood": "blue"}, "mood"),
        ({"tier": "eye"}, "tier"), ({"n": 0}, "n must be"), ({"temperature": 0}, "temperature"), ({"seed": -1}, "seed"),
        ({"syllables": ()}, "at least one line"), ({"language": "fr"}, "language"), ({"tones": "ab"}, "tones"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=match):
            LyricRequest(**wrong)
    for text in ("The rain", "x: rain", "1:"):
        with pytest.raises(InputError, match="a line to keep"):
            parse_keep([text])
    with pytest.raises(InputError, match="numbers"):
        parse_syllables("8,six")


def test_a_music_checkpoint_or_a_missing_language_is_refused(folder, tmp_path):
    with pytest.raises(CheckpointError, match="zh"):
        open_seat(folder, language="zh")
    (tmp_path / "music").mkdir()
    for path in folder.iterdir():
        if path.name != "words.npz":
            (tmp_path / "music" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CheckpointError, match=r"words\.npz"):
        open_seat(tmp_path / "music")


def test_what_a_listener_kept_pulls_its_topics(seat, tmp_path):
    from cocreate.taste.events import Event, HeardItem
    from cocreate.taste.features import FeatureVector
    from cocreate.taste.text_features import plain_words, text_features

    sea = FeatureVector.from_dict(text_features(plain_words("the ship and the sea and the waves on the shore")))
    profile = Profile.from_events("me", [Event("keep", HeardItem(id="a" * 16, features=sea, title="Sea", style=""))])
    lean = lean_of(profile, seat)
    ids = seat.lexicon.ids
    assert lean[ids["sea"]] > 0.5
    assert lean[ids["sea"]] > lean[ids["street"]]
    assert lean_of(NOBODY, seat) is None


def test_a_file_of_lyrics_is_read_line_by_line(tmp_path):
    path = tmp_path / "verse.txt"
    path.write_text("[verse]\nThe rain came down\n\nAnd so did I\n", encoding="utf-8")
    assert read_lines(path) == ["The rain came down", "And so did I"]
    path.write_text("[verse]\n", encoding="utf-8")
    with pytest.raises(InputError, match="must have lines"):
        read_lines(path)
    with pytest.raises(FileError, match="readable"):
        read_lines(tmp_path / "none.txt")


def test_a_tune_for_words_has_a_note_for_every_syllable(tiny_checkpoint):
    studio = Studio(profile="nobody", checkpoint=tiny_checkpoint)
    plan = tune_for(["The rain came down on Harbour Street", "And all the lights were low"], meter="3/4", key="D minor")
    (idea,) = studio.vary(plan, keep="rhythm", n=1, seed=1)
    assert str(idea.song.meter) == "3/4"
    part = idea.song.melody
    assert [s.text for s in part.syllables][:2] == ["The", "rain"]
    assert {s.start_ticks for s in part.syllables} == {n.start_ticks for n in part.notes}
    assert np.unique([n.pitch for n in part.notes]).size > 1


def test_a_title_that_fits_no_line_is_not_forced_into_one(seat):
    lyric = drawn(seat, title="remember december remember december", syllables=(4, 4), seed=1).lyric
    assert lyric.title == "remember december remember december"
    assert all(len(line.syllables) == 4 for line in lyric.own_lines)


def test_a_word_that_the_model_loves_stands_once_in_a_line(seat):
    strengths = (3, 1, 2, 1, 3, 1, 2)
    loved, small = (seat.lexicon.text.index(word) for word in ("rain", "the"))
    bias = np.zeros(len(seat.lexicon), dtype=np.float32)
    bias[[loved, small]] = 20
    table = line_table(strengths, seat.lexicon, Manner())
    ask = LineAsk(strengths, table, can_end(table, seat.lexicon.sung), bias, np.zeros_like(bias))
    drafts = seat.pen([seat.table.words.id("BOS")], taste=None, rows=8).drafts(ask, np.random.default_rng(0))
    assert all(draft.words.count(loved) == 1 for draft in drafts)
    assert max(draft.words.count(small) for draft in drafts) > 1
    assert all(a != b for draft in drafts for a, b in pairwise(draft.words))

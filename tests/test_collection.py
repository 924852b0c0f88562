"""The catalogue: one scorer for files and ideas, reasons, lists without twins, the example that is installed."""

from __future__ import annotations

import json
from dataclasses import replace
from math import fsum
from pathlib import Path

import numpy as np
import pytest

import cocreate
from cocreate.cli import main
from cocreate.collection import Collection
from cocreate.generate.melody import Draft
from cocreate.generate.request import MelodyRequest
from cocreate.judge.novelty import Match
from cocreate.ranking import ranked
from cocreate.taste.comments import opinions
from cocreate.taste.content import mood_fit
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.scorer import Scorer


def tune(path: Path, *, busy: bool, seed: int, bass: bool = False) -> Path:
    length, base, step = (120, 76, 4) if busy else (960, 62, 2)
    pitches = [base + (place * (seed + 3) % 5) * step for place in range(4 * 1920 // length)]
    parts = [cocreate.Part(tuple(cocreate.Note(i * length, p, length) for i, p in enumerate(pitches)), role="melody")]
    if bass:
        walk = tuple(cocreate.Note(i * 480, 40 + i % 5 * 2, 480) for i in range(16))
        parts.append(cocreate.Part(walk, name="Bass", role="bass", program=33))
    song = cocreate.Song(parts=tuple(parts), keys=(cocreate.Key(0, 0),), title=path.stem)
    cocreate.write_midi(song, path)
    return path


@pytest.fixture
def filled(home: Path) -> Collection:
    """Four busy and four calm tunes; a busy one and a busy one with a bass are kept, a calm one is skipped."""
    files = [tune(home / f"busy{n}.mid", busy=True, seed=n, bass=n > 1) for n in range(4)]
    files += [tune(home / f"calm{n}.mid", busy=False, seed=n) for n in range(4)]
    collection = Collection()
    assert collection.add([home]).new == 8
    kept = [collection.hear(files[place]) for place in (0, 2)]
    collection.store.add_events("me", [Event("keep", item) for item in kept])
    collection.store.add_event("me", Event("skip", collection.hear(files[4])))
    return collection


def test_a_catalogue_file_and_the_same_music_as_a_fresh_candidate_get_the_same_score(filled, home):
    by_title = {one.item.title: one for one in filled.recommend(n=20, diversity=0.0)}
    for name in ("busy1", "busy3", "calm3"):
        song = cocreate.read_song(home / f"{name}.mid")
        match = filled._known.longest_match(song.melody.notes)
        (fresh,) = ranked(
            [song], filled.profile, matches=[match], style=None, row=filled._row, scale=filled.scale, most=1
        )
        assert fresh.score == pytest.approx(by_title[name].score, abs=1e-6)
        assert dict(fresh.parts) == pytest.approx(dict(by_title[name].parts), abs=1e-6)
        (as_file,) = cocreate.Studio().rank([home / f"{name}.mid"])
        assert as_file.score == pytest.approx(fresh.score, abs=1e-9)


@pytest.fixture
def shared(filled: Collection, home: Path) -> Collection:
    """Six others in the same database: half of them keep a busy and a calm tune, all of them lists with a bass."""
    for place in range(6):
        liked = [HeardItem.named("", f"song {n}", tags=("bass", "piano")) for n in range(place % 3, 6)]
        liked += [filled.hear(home / f"{name}.mid") for name in ("busy0", "busy1", "calm1")[: place % 3 + 1]]
        filled.store.add_events(f"other{place}", [Event("keep", item) for item in liked])
    return filled


@pytest.mark.parametrize("name", ["busy1", "busy3"])  # the others met it; nobody met it, but its bass is known
def test_the_same_music_gets_the_same_score_everywhere_when_others_share_the_database(shared, home, name):
    path = home / f"{name}.mid"
    (listed,) = [one for one in shared.recommend(n=20, diversity=0.0) if one.item.title == name]
    assert abs(listed.parts["crowd"]) > 1e-3
    _, explained = shared.explain(path)
    studio = cocreate.Studio()
    (as_file,) = studio.rank([path])
    song = replace(cocreate.read_song(path), title="an idea")
    drafts = [Draft(song, "", 0.0, song.melody.notes)]
    (fresh,) = studio._ideas(MelodyRequest(n=1), lambda *_: drafts, style=None, recipe={})
    for other in (explained, as_file, fresh):
        assert other.score == pytest.approx(listed.score, abs=1e-6)
        assert dict(other.parts) == pytest.approx(dict(listed.parts), abs=1e-6)


def test_what_a_table_told_of_a_track_counts_wherever_its_music_is_scored(filled, home):
    table = home / "tracks.csv"
    table.write_text("file,title,artist,style\nbusy1.mid,Rattle,Ann,reel\nbusy0.mid,Clatter,Ann,reel\n")
    filled.add([home], metadata=table)
    (listed,) = [one for one in filled.recommend(n=20, diversity=0.0) if one.item.title == "Rattle"]
    assert listed.parts["words"] > 1e-3  # Ann made what was kept
    item, explained = filled.explain(home / "busy1.mid")
    (as_file,) = cocreate.Studio().rank([home / "busy1.mid"])
    for other in (explained, as_file):
        assert dict(other.parts) == pytest.approx(dict(listed.parts), abs=1e-6)
    assert (explained.item.artist, item.id) == ("Ann", listed.item.id)


def test_an_idea_keeps_its_score_when_it_is_saved_and_ranked_explained_or_recommended(shared, home):
    others = [HeardItem.named("", f"reel {n}", style="jazz") for n in range(3)]
    for place in range(6):
        shared.store.add_events(f"other{place}", [Event("keep", item) for item in others[: 2 + place % 2]])
    shared.store.add_event("me", Event("keep", others[0]))
    studio = cocreate.Studio()
    (idea,) = studio.save(studio.melody(style="jazz", n=1, bars=4), home / "ideas")
    assert idea.path is not None
    assert idea.parts["crowd"]
    (ranked_file,) = studio.rank([idea.path], style="jazz")
    assert dict(ranked_file.parts) == pytest.approx(dict(idea.parts), abs=1e-6)
    (any_style,) = studio.rank([idea.path])
    assert dict(shared.explain(idea.path)[1].parts) == pytest.approx(dict(any_style.parts), abs=1e-6)
    shared.add([idea.path])
    (listed,) = [one for one in shared.recommend(n=20, diversity=0.0) if one.item.path == str(idea.path.resolve())]
    assert dict(listed.parts) == pytest.approx(dict(studio.rank([idea.path])[0].parts), abs=1e-6)


def test_rank_recommend_and_ideas_are_scored_by_one_class(filled, home, monkeypatch):
    calls = []
    real = Scorer.log_odds
    monkeypatch.setattr(Scorer, "log_odds", lambda self, table: (calls.append(len(table)), real(self, table))[1])
    filled.recommend(n=3)
    assert calls
    calls.clear()
    song = cocreate.read_song(home / "busy1.mid")
    ranked([song], filled.profile, matches=[Match(0, "", 0, 0.0)], style=None, row={}, scale=filled.scale, most=1)
    assert calls == [1]


def test_the_liked_kind_comes_first_with_reasons_and_parts_that_add_up(filled):
    found = filled.recommend(n=20, diversity=0.0)
    assert {one.item.title[:4] for one in found[:4]} == {"busy"}
    assert all(one.score == fsum(one.parts.values()) for one in found)
    assert "calm0" not in {one.item.title for one in found}  # skipped
    (best,) = [one for one in found if one.item.title == "busy3"]
    assert "which you kept" in best.reason


def test_new_leaves_out_what_was_met_and_a_twin_is_shown_once(filled, home):
    met = {"busy0", "busy2", "calm0"}
    assert not met & {one.item.title for one in filled.recommend(n=20, new=True)}
    song = cocreate.read_song(home / "busy1.mid")
    cocreate.write_midi(cocreate.Song(song.parts, song.meters, song.tempos, title="twin"), home / "twin.mid")
    filled.add([home / "twin.mid"])
    titles = [one.item.title for one in filled.recommend(n=20)]
    assert len({"twin", "busy1"} & set(titles)) == 1


def test_a_comment_moves_its_own_feature_and_only_that(filled, home):
    before = filled.profile
    filled.comment([home / "busy1.mid"], text="太密了")
    after = filled.profile
    assert after.pulls["notes_per_beat"] < 0
    assert not before.pulls
    assert "tempo" not in after.pulls


@pytest.mark.parametrize(
    ("text", "aspect", "feature", "sign"),
    [
        ("too busy in the middle", "density", "notes_per_beat", -1), ("中间太吵", "density", "notes_per_beat", -1),
        ("too slow", "tempo", "tempo", 1), ("太快了", "tempo", "tempo", -1), ("not fast enough", "tempo", "tempo", 1),
        ("love the walking bass", "bass", "bass_walks", 1), ("love the syncopation", "rhythm", "syncopation", 1),
        ("not enough syncopation", "rhythm", "syncopation", 1), ("切分很棒", "rhythm", "syncopation", 1),
    ],
)  # fmt: skip
def test_words_of_direction_pull_their_feature(text, aspect, feature, sign):
    (found,) = opinions(text)
    assert found.aspect == aspect
    assert found.pulls[feature] * sign > 0


def test_aspects_without_a_direction_are_named_and_liking_is_not_mood():
    assert [(one.aspect, one.polarity > 0) for one in opinions("贝斯很好听，和弦难听")] == [
        ("bass", True),
        ("harmony", False),
    ]
    assert opinions("so sad, I love it")[-1].polarity > 0
    assert opinions("3/4 in D") == ()


def test_scenes_and_moods_prefer_what_suits_them():
    calm, lively = (0.5, -0.8), (0.5, 0.9)
    assert mood_fit(calm, scene="sleep") > mood_fit(lively, scene="sleep")
    assert mood_fit(lively, scene="party") > mood_fit(calm, scene="party")
    assert mood_fit(calm, mood="calm") > mood_fit(calm, mood="tense")
    assert mood_fit(None, mood="calm") == 0.5


def test_the_example_works_right_after_installation(home, capsys):
    assert main(["recommend", "--profile", "example", "-n", "5", "--new", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["recommended"]
    assert len(found) == 5
    assert np.mean([one["style"] in ("reel", "hornpipe") for one in found]) >= 0.6


def test_the_example_can_be_shown_and_ranks_ideas_too_but_is_never_stored(home, capsys):
    assert main(["profile", "show", "example", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"]["keep"] >= 5
    studio = cocreate.Studio(profile="example")
    assert studio.profile.describe() == Collection(profile="example").profile.describe()
    assert studio.profile.liked
    assert main(["profile", "forget", "example", "--all"]) == 2
    assert "no profile yet" in capsys.readouterr().err


def test_the_commands_of_the_catalogue(filled, home, capsys):
    (home / "words.txt").write_text("la la la")
    (home / "t.csv").write_text("file,artist,style,year\nbusy3.mid,Ann,jazz,1999\n,,,\n")
    (home / "lists.csv").write_text("title,artist,style\nSo What,Miles Davis,jazz\n")
    assert main(["catalog", "add", "words.txt", "busy3.mid", "--metadata", "t.csv"]) == 0
    assert main(["catalog", "add", "--metadata", "lists.csv"]) == 0
    for words in (["similar", "busy1.mid", "-n", "2"], ["explain", "busy1.mid"], ["recommend", "--artists"],
                  ["recommend", "--scene", "study", "--mood", "calm", "-n", "2"], ["profile", "export", "me"],
                  ["profile", "show", "me", "--plot"], ["profile", "like", "me", "busy1.mid", "--comment", "太快"],
                  ["profile", "forget", "me", "1"], ["profile", "forget", "me", "--all"]):  # fmt: skip
        assert main(words) == 0, capsys.readouterr().err
    assert (home / "me_taste.png").stat().st_size > 5_000
    assert main(["recommend", "--scene", "moon"]) == 2
    assert main(["catalog", "add", "none.mid"]) == 1

"""Events, profiles, the store: facts in, a listener out."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from cocreate.errors import FileError, InputError
from cocreate.music.song import Meter, Note, Part, Song
from cocreate.taste.comments import comment_polarity
from cocreate.taste.events import Event, HeardItem, check_profile_name
from cocreate.taste.home import has_profile, home_folder
from cocreate.taste.profile import Profile
from cocreate.taste.store import Store

DAY = "2026-01-01T12:00:00+00:00"
COMMON = Meter(0, 4, 4)
HALF_YEAR_LATER = "2026-06-30T12:00:00+00:00"


def item(shift: int = 0, *, ticks: int = 240, meter: Meter = COMMON) -> HeardItem:
    pitches = [60, 62, 64, 65, 67, 65, 64, 62] * 4
    notes = tuple(Note(i * ticks, p + shift, ticks) for i, p in enumerate(pitches))
    return HeardItem.of(Song((Part(notes),), meters=(meter,), title=f"tune {shift}", style="folk"), path="a.mid")


def weight_of(*events: Event) -> float:
    (preference,) = Profile.from_events("ann", events).preferences
    return preference.weight


def test_an_event_is_checked():
    with pytest.raises(InputError, match="one of play, favourite"):
        Event("burn", item())
    with pytest.raises(InputError, match=r"rating must be in 1\.\.5, got 6"):
        Event("rate", item(), rating=6)
    with pytest.raises(InputError, match="rating belongs"):
        Event("keep", item(), rating=3)
    with pytest.raises(InputError, match="rating belongs"):
        Event("rate", item())
    with pytest.raises(InputError, match="text belongs"):
        Event("comment", item())
    with pytest.raises(InputError, match="zone"):
        Event("keep", item(), at="2026-01-01T12:00:00")
    with pytest.raises(InputError, match="ISO 8601"):
        Event("keep", item(), at="yesterday")
    assert Event("keep", item(), at="2026-01-01T14:00:00+02:00").at == DAY


@pytest.mark.parametrize(
    ("text", "polarity"),
    [
        ("I love this", 1), ("not good", -1), ("I don't like it", -1), ("boring", -1), ("too loud", -1), ("3/4", 0),
        ("nice but too fast", 0), ("很好听", 1), ("我喜欢", 1), ("不喜欢", -1), ("太吵了", -1), ("不错", 1),
        ("不好听", -1), ("", 0),
    ],
)  # fmt: skip
def test_plain_comments_are_read_in_english_and_chinese(text, polarity):
    found = comment_polarity(text)
    assert abs(found) < 0.3 if polarity == 0 else found * polarity > 0.3


def test_the_last_verdict_stands_and_plays_add_a_little():
    assert weight_of(Event("keep", item(), at=DAY)) == 1.0
    assert weight_of(Event("keep", item(), at=DAY), Event("skip", item(), at=DAY)) == -1.0
    assert weight_of(Event("rate", item(), rating=4, at=DAY)) == 0.5
    assert weight_of(*[Event("play", item(), at=DAY)] * 2) == pytest.approx(0.4)
    assert weight_of(*[Event("play", item(), at=DAY)] * 50) == pytest.approx(0.6)
    assert weight_of(Event("comment", item(), text="喜欢", at=DAY)) == pytest.approx(0.5, abs=0.2)
    assert weight_of(Event("rate", item(), rating=3, at=DAY)) == 0.0


def test_a_fact_fades_by_half_in_180_days_counted_from_the_latest_event():
    old, new = Event("keep", item(), at=DAY), Event("skip", item(1), at=HALF_YEAR_LATER)
    profile = Profile.from_events("ann", [new, old])
    assert [p.weight for p in profile.preferences] == [pytest.approx(0.5), -1.0]
    assert Profile.from_events("ann", [old]).preferences[0].weight == 1.0


def test_counts_likes_and_dislikes_are_kept_apart():
    profile = Profile.from_events("ann", [Event("keep", item()), Event("play", item(1)), Event("skip", item(2))])
    assert dict(profile.counts) == {"play": 1, "favourite": 0, "keep": 1, "skip": 1, "rate": 0, "comment": 0}
    assert [p.item.title for p in profile.liked] == ["tune 0", "tune 1"]
    assert [p.item.title for p in profile.disliked] == ["tune 2"]
    assert not profile.is_empty
    assert Profile.from_events("ann", []).is_empty


def test_a_profile_describes_itself_in_musical_words():
    kept = [Event("keep", item(i, ticks=120)) for i in range(5)]
    skipped = [Event("skip", item(i, ticks=480, meter=Meter(0, 6, 8))) for i in range(5)]
    told = Profile.from_events("ann", kept + skipped).describe()
    likes, _, avoids = told.partition("; avoids: ")
    assert likes.startswith("likes: ")
    assert "sixteenths" in likes
    assert "compound metre (6/8)" in avoids
    assert Profile.from_events("ann", []).describe() == "no likes or dislikes yet"


@pytest.mark.parametrize("name", ["", "a" * 65, "a b", "../x", "a;b", "名 字"])
def test_bad_profile_names_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="profile name must be"):
        check_profile_name(name)
    with pytest.raises(InputError, match="profile name must be"):
        Store(tmp_path).add_event(name, Event("keep", item()))


def test_events_come_back_as_they_went_in(tmp_path):
    events = [
        Event("keep", item(), at=DAY),
        Event("rate", item(1), rating=5, at=DAY),
        Event("comment", item(), text="太吵", at=DAY),
    ]
    store = Store(tmp_path / "new" / "home")
    for event in events:
        store.add_event("小明", event)
    assert Store(tmp_path / "new" / "home").events("小明") == tuple(events)
    assert store.events("nobody") == ()
    assert store.profiles() == ("小明",)


def test_deleting_a_profile_erases_it_and_leaves_the_others(tmp_path):
    store = Store(tmp_path)
    store.add_event("ann", Event("keep", item(), at=DAY))
    store.add_event("ann", Event("keep", item(1), at=DAY))
    store.add_event("bob", Event("skip", item(), at=DAY))
    store.delete_profile("ann")
    assert store.profiles() == ("bob",)
    assert store.events("bob") == (Event("skip", item(), at=DAY),)
    assert b"tune 1" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    with pytest.raises(InputError, match="'ann'; there are: bob"):
        store.delete_profile("ann")


def test_eight_writers_at_once_lose_nothing(tmp_path):
    heard = item()

    def write(number: int) -> None:
        store = Store(tmp_path)
        for _ in range(5):
            store.add_event(f"p{number % 2}", Event("play", heard))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    store = Store(tmp_path)
    assert [len(store.events(name)) for name in store.profiles()] == [20, 20]


def test_a_broken_database_is_one_clear_line(tmp_path):
    (tmp_path / "taste.db").write_bytes(b"this is no database, " * 100)
    with pytest.raises(FileError, match=r"taste\.db cannot be used: .*not a database; move it away") as caught:
        Store(tmp_path).profiles()
    assert "\n" not in str(caught.value)
    assert has_profile(tmp_path)


def test_a_home_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="COCREATE_HOME"):
        Store(tmp_path / "file" / "home")


def test_whether_there_is_a_profile_is_known_without_the_database_library(tmp_path):
    assert not has_profile(tmp_path)
    store = Store(tmp_path)
    assert not has_profile(tmp_path)
    store.add_event("ann", Event("keep", item()))
    assert has_profile(tmp_path)
    assert has_profile(tmp_path, "ann")
    assert not has_profile(tmp_path, "bob")
    code = (
        "import sys; from pathlib import Path; import cocreate.taste.scorer, cocreate.judge.melody;"
        "from cocreate.taste.home import has_profile; assert has_profile(Path(sys.argv[1]), 'ann');"
        "assert not {'sqlalchemy', 'torch', 'music21', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_the_environment_moves_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("COCREATE_HOME", str(tmp_path))
    assert home_folder() == tmp_path
    monkeypatch.delenv("COCREATE_HOME")
    assert "cocreate" in str(home_folder())

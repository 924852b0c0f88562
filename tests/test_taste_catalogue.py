"""The catalogue is read once and never stale: by whom it was changed does not matter, nor who asks, nor how often."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from math import erf, log
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from cocreate.collection import Collection
from cocreate.errors import FileError
from cocreate.ranking import item_of
from cocreate.taste import packed, store
from cocreate.taste.about import text_traits
from cocreate.taste.catalogue import read_catalogue
from cocreate.taste.content import AUDIO, TRAITS, mood_fit, mood_place
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.feature_table import FEATURES
from cocreate.taste.features import FeatureVector
from cocreate.taste.scorer import Scorer, style_fit
from cocreate.taste.store import Store
from cocreate.taste.table import ItemTable

ROW = {"feature_mean": [f.centre for f in FEATURES[:-2]], "feature_sd": [f.spread for f in FEATURES[:-2]]}


def made_tracks(count: int) -> list[HeardItem]:
    """Tracks of every kind: with and without notes, chords, other parts, a recording, words and verdicts."""
    rng = np.random.default_rng(0)

    def drawn(table: tuple, share: float = 1.0) -> dict[str, float]:
        return {f.name: f.centre + f.spread * float(rng.normal()) for f in table if rng.random() < share}

    found = []
    for n in range(count):
        traits = {}
        if n % 3 == 0:
            traits |= drawn(TRAITS, 0.8)
        if n % 5 == 0:
            traits |= drawn(AUDIO)
        if n % 7 == 0:
            traits |= text_traits(f"the sea and the moon {n}")
        if n % 2:
            traits |= {"quality": float(rng.random()), "novelty": float(rng.random())}
        item = HeardItem.named(
            f"Artist {n // 3}", f"title {n}", style=("jazz", "folk", "")[n % 3], album=f"album {n // 4}",
            year=1980 + n % 30 if n % 4 else None, tags=("piano", "Two  Words", "piano")[: n % 4],
        )  # fmt: skip
        features = drawn(FEATURES, 1.0 if n % 2 else 0.7) if n % 6 else {}
        found.append(replace(item, features=FeatureVector.from_dict(features), traits=traits))
    return found


@pytest.fixture
def filled(home: Path) -> Collection:
    """Sixty tracks, of which a few were kept, skipped or spoken of; the tiny checkpoint gets a style reference."""
    collection = Collection()
    collection._styles["styles"]["any"] = {**collection._row, **ROW}
    tracks = made_tracks(60)
    collection.store.list_items(tracks)
    events = [Event("keep" if n % 3 else "skip", tracks[n]) for n in range(1, 40, 6)]
    collection.store.add_events("me", [*events, Event("comment", tracks[3], text="too busy")])
    return collection


def again(collection: Collection) -> Collection:
    """The same, as in a program that starts now."""
    found = Collection()
    found._styles["styles"]["any"] = collection._row
    return found


def asked(collection: Collection, **more) -> list[dict]:
    return [one.as_dict() for one in collection.recommend(n=60, **more)]


@pytest.fixture
def statements(filled: Collection) -> list[str]:
    """What the collection's store asks the database, while the test runs."""
    found: list[str] = []
    sa.event.listen(filled.store._engine, "before_cursor_execute", lambda *args: found.append(args[2]))
    return found


def test_the_columns_of_the_catalogue_are_those_of_its_items_to_the_last_digit(filled):
    items = filled.store.catalogue()
    wanted = ItemTable.of([item_of(item, filled._row) for item in items], filled.scale)
    for time in ("packed now", "packed before"):
        found = read_catalogue(filled.store, scale=filled.scale, row=filled._row)
        table = found.table
        assert table.ids == wanted.ids, time
        assert table.vocabulary == wanted.vocabulary
        assert (table.words != wanted.words).nnz == 0
        for one, other in [(table.wide, wanted.wide), (table.known, wanted.known), (table.heard, wanted.heard)]:
            assert one.tobytes() == other.tobytes()
        for name, column in wanted.parts.items():
            assert table.parts[name].tobytes() == column.tobytes(), name
        assert found.works == [item.work for item in items]
        assert found.items([5, 2]) == [items[5], items[2]]
    for asked_for in ({"scene": "party", "mood": None}, {"scene": "sleep", "mood": "sad"}):
        fits = [mood_fit(mood_place(item.features, item.traits), **asked_for) for item in items]
        assert found.suited(**asked_for).parts["scene"].tobytes() == np.array(fits, dtype=np.float32).tobytes()
    assert not np.isnan(wanted.parts["style"]).all()


def test_many_style_fits_are_each_as_alone(filled):
    rng = np.random.default_rng(1)
    rows = [
        tuple(v if rng.random() < 0.9 else None for v in rng.normal(size=len(FEATURES)).tolist()) for _ in range(50)
    ]
    found = [style_fit(FeatureVector(row), ROW["feature_mean"], ROW["feature_sd"]) for row in rows]
    centre, spread = np.array(ROW["feature_mean"]), np.array(ROW["feature_sd"])
    for row, fit in zip(rows, found, strict=True):
        far = [min(9.0, ((v - c) / s) ** 2) for v, c, s in zip(row, centre, spread, strict=False) if v is not None]
        log_far = (log(np.mean(far)) + 0.3) / 0.36
        assert fit == pytest.approx(0.5 * (1 - erf(log_far / 2**0.5)), abs=1e-12)


def test_a_list_is_what_scoring_every_item_says_now_again_and_in_a_new_program(filled):
    profile = filled.profile
    skipped = {p.item.id for p in profile.disliked}
    items = [item for item in filled.store.catalogue() if item.id not in skipped]
    scores = Scorer(profile, scale=filled.scale).score([item_of(item, filled._row) for item in items])
    wanted = {one.id: one for one in scores}
    found = filled.recommend(n=60, diversity=0.0)
    assert len(found) > 40
    for one in found:
        assert one.score == pytest.approx(wanted[one.item.id].value, abs=1e-6)
        assert one.reason == wanted[one.item.id].reason
        assert dict(one.parts) == pytest.approx(dict(wanted[one.item.id].parts), abs=1e-6)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for more in ({}, {"kind": "artists"}, {"new": True}, {"scene": "work"}, {"diversity": 0.0}):
        once = asked(filled, **more)
        assert once
        assert asked(filled, **more) == once
        assert asked(again(filled), **more) == once


def test_after_a_keep_the_listener_is_read_and_not_the_catalogue(filled, statements, monkeypatch):
    before = filled.recommend(n=3)
    read: list[str] = []
    real = store.item_of
    monkeypatch.setattr(store, "item_of", lambda row, name: (read.append(name), real(row, name))[1])
    filled.store.add_event("me", Event("skip", before[0].item))
    statements.clear()
    after = filled.recommend(n=3)
    assert before[0].item.id not in {one.item.id for one in after}
    assert [text for text in statements if "events" in text]
    assert not [text for text in statements if "packed" in text or "listed IS NOT NULL ORDER" in text]
    own = {event.item.id for event in filled.store.events("me")}
    assert set(read) <= own | {one.item.id for one in after}
    assert asked(again(filled)) == asked(filled)


def test_a_track_that_another_program_adds_is_in_the_next_list(filled, python):
    assert "new one" not in str(asked(filled))
    code = (
        "from cocreate.taste.events import HeardItem; from cocreate.taste.store import Store;"
        "print(Store().list_items([HeardItem.named('Somebody', 'new one', style='jazz')]))"
    )
    assert python(["-c", code]).stdout.strip() == b"1"
    assert "new one" in str(asked(filled))
    assert asked(again(filled)) == asked(filled)


def test_what_another_program_changes_is_in_the_next_list_and_nothing_else_is_packed_again(filled, statements):
    (changed,) = [item for item in filled.store.catalogue() if item.title == "title 20"]
    before = {one["id"]: one for one in asked(filled)}
    Store().list_items([replace(changed, style="polka", title="another title")])
    statements.clear()
    after = {one["id"]: one for one in asked(filled)}
    assert after[changed.id]["title"] == "another title"
    assert after[changed.id]["style"] == "polka"
    assert before[changed.id]["title"] == "title 20"
    assert len([text for text in statements if text.startswith("INSERT INTO packed")]) == 1
    assert asked(again(filled)) == asked(filled)
    styles = [one["group"] for one in asked(again(filled), kind="styles")]
    assert "polka" in styles


def test_meeting_a_track_as_it_stands_changes_nothing_and_a_fresh_idea_neither(filled):
    stamp = packed.stamp_of(filled.store)
    listed = filled.store.catalogue()
    filled.store.add_events("me", [Event("keep", listed[0]), Event("keep", HeardItem.named("", "an idea"))])
    assert packed.stamp_of(filled.store) == stamp
    filled.store.add_event("me", Event("keep", replace(listed[0], title="better")))
    assert packed.stamp_of(filled.store) != stamp


@pytest.mark.parametrize("how", ["cut", "older"])
def test_what_is_packed_is_made_anew_where_it_is_damaged_or_of_another_version(filled, how):
    before = asked(filled)
    change = {"cut": "melody = substr(melody, 1, 80)", "older": "layout = 'older', melody = NULL"}[how]
    connection = sqlite3.connect(filled.store.place)
    connection.execute(f"UPDATE packed SET {change} WHERE melody IS NOT NULL")
    connection.commit()
    assert asked(again(filled)) == before
    sound = f"layout = '{packed.LAYOUT}' AND (melody IS NULL OR length(melody) = {8 * len(FEATURES)})"
    assert connection.execute(f"SELECT count(*) FROM packed WHERE {sound}").fetchone() == (60,)
    connection.close()


def test_where_nothing_can_be_packed_the_list_is_the_same(filled):
    def refused(*_):
        raise FileError("busy")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "_packed_and_kept", refused)
        once = asked(filled)
    assert asked(again(filled)) == once


def test_an_emptied_listener_of_an_empty_catalogue_hears_the_samples_until_a_track_is_added(home):
    collection = Collection()
    assert len(collection.recommend(n=3)) == 3
    collection.store.list_items([HeardItem.named("A", "B")])
    assert [one.item.title for one in collection.recommend(n=3)] == ["B"]

"""Songs: sections return as the same material, another one differs, and the ends are cadences."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cocreate.errors import InputError
from cocreate.generate.form import SongRequest, parse_form, write_songs
from cocreate.judge.form import cadence, same_material, spans
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.music.song import Key, Meter
from cocreate.music.theory import parse_progression


@pytest.fixture(scope="module")
def net(tiny_checkpoint: Path) -> Decoder:
    return Decoder(open_checkpoint(tiny_checkpoint))


@pytest.fixture(scope="module")
def table(tiny_checkpoint: Path) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((tiny_checkpoint / "styles.json").read_text())["styles"]
    return rows


def test_a_form_returns_contrasts_and_closes(net: Decoder, table: dict[str, Any]) -> None:
    for draft in write_songs(net, table, SongRequest(style="jazz", key=Key(0, 7), meter=Meter(0, 4, 4), n=3, seed=1)):
        song = draft.song
        assert len(song.bars()) == 32
        assert [(s.label, s.start_ticks) for s in song.sections] == [(x, 8 * 1920 * n) for n, x in enumerate("AABA")]
        equal, other = same_material(song)
        assert equal is not None
        assert other is not None
        assert equal >= 0.7
        assert other <= 0.3
        assert [cadence(song, span) for span in spans(song)] == ["half", "half", "half", "full"]
        assert song.key == Key(0, 7)
        assert song.melody.is_monophonic


def test_the_shipped_model_returns_contrasts_and_closes() -> None:
    checkpoint = open_checkpoint("music")
    request = SongRequest(style="pop", key=Key(0, 7), meter=Meter(0, 4, 4), section_bars=4, n=1, seed=2)
    song = write_songs(Decoder(checkpoint), checkpoint.extra("styles.json")["styles"], request)[0].song
    equal, other = same_material(song)
    assert equal is not None
    assert other is not None
    assert equal >= 0.7
    assert other <= 0.3
    assert [cadence(song, span) for span in spans(song)] == ["half", "half", "half", "full"]


def test_chords_that_are_given_are_kept_in_every_section(net: Decoder, table: dict[str, Any]) -> None:
    meter = Meter(0, 3, 4)
    chords = parse_progression("Dm7 | G7 | Cmaj7 | A7", meter=meter, bars=4)
    request = SongRequest(style="jazz", form=parse_form("ABAC"), meter=meter, section_bars=4, chords=chords, n=1)
    song = write_songs(net, table, request)[0].song
    assert [(c.root, c.quality) for c in song.chords] == [(c.root, c.quality) for c in chords] * 4
    assert len(song.bars()) == 16


def test_a_single_section_closes(net: Decoder, table: dict[str, Any]) -> None:
    song = write_songs(net, table, SongRequest(form=("A",), key=Key(0, 2, "minor"), section_bars=4, n=1))[0].song
    assert cadence(song, spans(song)[0]) == "full"


def test_the_same_seed_writes_the_same_song(net: Decoder, table: dict[str, Any]) -> None:
    request = SongRequest(style="folk", form=parse_form("ABA"), section_bars=4, n=2, seed=6)
    first, again = write_songs(net, table, request), write_songs(net, table, request)
    assert [draft.song for draft in first] == [draft.song for draft in again]
    assert write_songs(net, table, replace(request, n=1))[0].song == first[0].song


def test_what_a_form_may_be() -> None:
    assert parse_form("AABA") == ("A", "A", "B", "A")
    assert parse_form("a b a c") == ("A", "B", "A", "C")
    assert parse_form("verse-chorus, Verse chorus") == ("verse", "chorus", "verse", "chorus")
    for text, rule in (("AXA", "letters A to H"), ("verse solo", "letters A to H"), ("A" * 13, "1..12 sections")):
        with pytest.raises(InputError, match=rule):
            parse_form(text)


@pytest.mark.parametrize(
    ("asked", "rule"),
    [({"section_bars": 3}, r"in 4\.\.16, got 3"), ({"n": 0}, r"n must be in 1\.\.64"), ({"seed": -1}, "seed must be")],
)
def test_a_request_refuses_what_breaks_a_rule(asked: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        SongRequest(**asked)

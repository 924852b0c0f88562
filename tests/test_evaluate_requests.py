"""The checks from outside: they pass what the rules write, and see every kind of fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cocreate.evaluate.reopen import READERS, as_written
from cocreate.evaluate.requests import Ask, check_requests, draw_request, form_faults, format_request_table, write_riff
from cocreate.files.midi import write_midi
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song, Tempo
from cocreate.studio import Studio

STYLES = {"any": {"chromatic_share": 0.1}, "plain": {"chromatic_share": 0.0}}


def test_random_requests_on_random_weights_keep_their_form(tiny_checkpoint: Path, home: Path) -> None:
    report = check_requests(Studio(checkpoint=tiny_checkpoint), count=10, seed=4, folder=home)
    assert report.failures == ()
    assert report.met == 1
    assert report.checks["music21"] == report.ideas > 0
    assert "requests without any fault: 100.0%" in format_request_table(report)
    assert report.as_dict()["requests"] == 10


def test_a_request_can_be_made_again_by_its_number(tiny_checkpoint: Path, tmp_path: Path) -> None:
    styles = Studio(checkpoint=tiny_checkpoint).styles
    one, two = (draw_request(np.random.default_rng([0, 7]), 7, styles, folder=tmp_path) for _ in range(2))
    assert str(one) == str(two)


def test_the_draw_covers_every_option(tiny_checkpoint: Path, tmp_path: Path) -> None:
    styles = Studio(checkpoint=tiny_checkpoint).styles
    asks = [draw_request(np.random.default_rng([1, n]), n, styles, folder=tmp_path) for n in range(150)]
    for option in ("style", "key", "meter", "tempo", "range", "density", "mood", "chords"):
        named = [ask.options[option] for ask in asks if ask.options[option] is not None]
        assert 10 < len(named) < 150
    assert any(ask.start for ask in asks)
    assert {ask.options["bars"] for ask in asks} >= {1, 32}
    assert any("/" in (ask.options["chords"] or "") for ask in asks)
    assert any(not ask.is_meetable for ask in asks)


def good() -> Song:
    notes = tuple(Note(480 * n, 60 + p, 480) for n, p in enumerate((0, 2, 4, 5, 7, 5, 2, 0)))
    return Song(
        (Part(notes),),
        (Meter(0, 4, 4),),
        (Tempo(0, 100.0),),
        (Key(0, 0),),
        (Chord(0, 1920, 0), Chord(1920, 1920, 7, "7")),
    )


def ask(**options: Any) -> Ask:
    named: dict[str, Any] = {
        "style": None, "key": "C major", "meter": "4/4", "tempo": 100.0, "bars": 2, "range": "C4-G4",
        "chords": "C | G7", "n": 1,
    }  # fmt: skip
    return Ask(0, named | options)


def broken(song: Song, request: Ask) -> set[str]:
    return {rule for rule, faults in form_faults(song, request, STYLES) if faults}


def test_a_good_song_has_no_fault() -> None:
    assert broken(good(), ask()) == set()


def with_note(place: int, **change: int) -> Callable[[Song], Song]:
    def changed(song: Song) -> Song:
        notes = list(song.melody.notes)
        notes[place] = replace(notes[place], **change)
        return replace(song, parts=(replace(song.melody, notes=tuple(notes)),))

    return changed


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (with_note(3, pitch=72), "range"),
        (with_note(4, pitch=64), "chords"),  # E on the downbeat of G7
        (with_note(7, pitch=62), None),  # D is in G7: an ending
        (with_note(7, pitch=69), "ending"),
        (with_note(7, start_ticks=480 * 7 + 120, length_ticks=360), "ending"),
        (with_note(7, length_ticks=100), "ending"),
        (with_note(2, length_ticks=700), "overlap"),
        (lambda song: replace(song, meters=(Meter(0, 2, 4),)), "metre"),
        (lambda song: replace(song, meters=(Meter(0, 2, 4),)), "bars"),
        (lambda song: replace(song, tempos=(Tempo(0, 90.0),)), "tempo"),
        (lambda song: replace(song, keys=(Key(0, 5),)), "signature"),
        (lambda song: replace(song, chords=song.chords[:1]), "symbols"),
        (lambda song: replace(song, parts=(Part(()),)), "empty"),
    ],
)
def test_a_fault_is_seen(change: Callable[[Song], Song], rule: str | None) -> None:
    found = broken(change(good()), ask())
    assert (rule in found) if rule else not found


def test_chromatic_notes_are_counted_against_the_styles_share() -> None:
    song = with_note(1, pitch=61)(good())
    assert broken(song, ask()) == set()  # one is free where the style has any
    assert broken(song, ask(style="plain")) == {"key"}
    assert broken(with_note(3, pitch=66)(song), ask()) == {"key"}


def test_a_changed_note_of_the_users_bars_is_seen() -> None:
    song = good()
    request = Ask(0, dict(ask(meter=None, key=None, chords=None, bars=1).options), start=song.slice_bars(0, 1))
    assert broken(song, request) == set()
    assert broken(with_note(1, pitch=64)(song), request) == {"kept"}


def test_four_readers_find_the_notes_that_were_written(tmp_path: Path) -> None:
    riff = Song((Part((Note(0, 60, 480), Note(480, 60, 475), Note(960, 62, 40), Note(1000, 65, 920))),))
    for number, song in enumerate([riff, write_riff(np.random.default_rng(3))]):
        path = tmp_path / f"{number}.mid"
        write_midi(song, path)
        for name, reader in READERS.items():
            assert reader(path) == as_written(song.melody.notes), name
    assert as_written(riff.melody.notes)[0] == (0, 60, 479)

"""The checks of the partners: what they write passes, and what is spoilt by hand does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cocreate import Studio
from cocreate.errors import InputError
from cocreate.evaluate.partner_requests import (
    KINDS,
    PartnerAsk,
    check_partner_requests,
    draw_partner_request,
    judge_partner,
    usable,
)
from cocreate.evaluate.satb import BACH, CHORDS_KEPT, DRAWN, evaluate_satb, format_satb
from cocreate.evaluate.variation import AMOUNTS, edit_distance, evaluate_vary, format_vary, rank_correlation
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.corpus.piece import Piece
from cocreate.model.decoder import Decoder
from cocreate.music.song import Chord, Key, Note, Part, Song

BAR = 1920


def song(bars: int = 8) -> Song:
    pitches = (67, 71, 74, 72, 71, 69, 66, 67)
    notes = tuple(Note(480 * n, pitches[n % 8] - 2 * (n // 8 % 3), 480) for n in range(4 * bars))
    low = tuple(Note(BAR * bar, 43, BAR) for bar in range(bars))
    chords = tuple(Chord(BAR * bar, BAR, (7, 2)[bar % 2], ("maj", "7")[bar % 2]) for bar in range(bars))
    return Song((Part(notes), Part(low, name="Bass", role="bass")), keys=(Key(0, 7),), chords=chords)


def pieces() -> list[Piece]:
    return [
        Piece(song(8 + n), "toys", f"work {n}", f"tune {n}", "CC0-1.0", "A", (style,), "test")
        for n, style in enumerate(("jazz", "folk", "folk"))
    ]


@pytest.fixture(scope="module")
def studio(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(profile="t", checkpoint=tiny_checkpoint, home=tmp_path_factory.mktemp("home"))


def test_what_the_partners_write_passes_every_check(studio: Studio, tmp_path: Path) -> None:
    report = check_partner_requests(studio, pieces(), count=16, seed=1, folder=tmp_path)
    assert report.failures == ()
    assert report.ideas + report.refused == 16
    assert {"untouched", "chords", "bars"} <= set(report.checks)


def test_requests_are_made_again_by_their_number() -> None:
    known = usable(pieces())
    asks = [draw_partner_request(np.random.default_rng([0, n]), n, known) for n in range(40)]
    assert {ask.kind for ask in asks} == set(KINDS)
    assert asks == [draw_partner_request(np.random.default_rng([0, n]), n, known) for n in range(40)]
    assert any(ask.kept for ask in asks)
    with pytest.raises(InputError, match="got none"):
        check_partner_requests(None, [], folder=Path())  # type: ignore[arg-type]


def rules_broken(studio: Studio, ask: PartnerAsk, spoil) -> set[str]:
    (candidate,) = getattr(studio, ask.kind)(ask.song, **ask.options)
    assert judge_partner(candidate, ask) == []
    return {rule for rule, _ in judge_partner(replace(candidate, song=spoil(candidate.song)), ask)}


def test_a_spoilt_harmony_is_caught(studio: Studio) -> None:
    kept = (Chord(2 * BAR, BAR, 2, "m7"),)
    options = {"n": 1, "seed": 3, "style": None, "voices": "satb", "rhythm": "bar", "complexity": 0.1, "keep": "3:Dm7"}
    ask = PartnerAsk(0, "harmony", song(), "tune", options, kept)

    def with_part(place: int, change):
        def spoil(found: Song) -> Song:
            parts = list(found.parts)
            parts[place] = replace(parts[place], notes=change(parts[place].notes))
            return replace(found, parts=tuple(parts))

        return spoil

    def with_chords(change):
        return lambda found: replace(found, chords=tuple(change(chord) for chord in found.chords))

    assert rules_broken(studio, ask, with_part(0, lambda notes: notes[1:])) == {"untouched"}
    assert "voices" in rules_broken(studio, ask, with_part(2, lambda notes: (replace(notes[0], pitch=100), *notes[1:])))
    assert "voices" in rules_broken(studio, ask, lambda found: replace(found, parts=found.parts[:-1] * 2))
    spoilt = with_chords(lambda c: replace(c, root=5) if c.start_ticks == 2 * BAR else c)
    assert "kept chords" in rules_broken(studio, ask, spoilt)
    assert "complexity" in rules_broken(studio, ask, with_chords(lambda c: replace(c, quality="13")))
    late = with_chords(lambda c: replace(c, start_ticks=c.start_ticks + 480, length_ticks=max(1, c.length_ticks - 480)))
    assert {"rhythm", "chords"} <= rules_broken(studio, ask, late)


def test_a_spoilt_variation_is_caught(studio: Studio) -> None:
    options = {"n": 1, "seed": 3, "style": None, "bars": "3-4", "amount": 0.5, "keep": "rhythm", "range": "D4-A5"}
    ask = PartnerAsk(0, "vary", song(), "tune", options)

    def moved(start: int, end: int, **changes: int):
        def spoil(found: Song) -> Song:
            notes = tuple(
                replace(n, **changes) if start <= n.start_ticks < end else n for n in found.parts[0].notes
            )  # fmt: skip
            return replace(found, parts=(replace(found.parts[0], notes=notes), *found.parts[1:]))

        return spoil

    assert rules_broken(studio, ask, moved(0, 480, velocity=1)) == {"untouched"}
    assert {"range", "amount"} <= rules_broken(studio, ask, moved(2 * BAR, 4 * BAR, pitch=40))
    assert "kept rhythm" in rules_broken(studio, ask, moved(2 * BAR, 4 * BAR, length_ticks=100))
    assert "untouched" in rules_broken(studio, ask, lambda found: replace(found, chords=found.chords[1:]))


def test_more_is_farther(tiny_checkpoint: Path) -> None:
    opened = open_checkpoint(tiny_checkpoint)
    report = evaluate_vary(Decoder(opened), opened.extra("styles.json")["styles"], pieces(), each=1)
    assert report.untouched == 1
    assert set(report.distances) == set(AMOUNTS)
    assert report.distances[0.0] == 0
    assert min(report.spearman.values()) > 0.9
    assert "Spearman" in format_vary(report)


def test_ranks_and_edits_are_counted() -> None:
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 20, 90])) == pytest.approx(1)
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([2.0, 2, 2])) == 0
    assert rank_correlation(np.array([1.0, 2, 2, 3]), np.array([1.0, 2, 2, 3])) == pytest.approx(1)
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "ab") == 2


def test_bach_is_his_own_measure(tmp_path: Path, tiny_checkpoint: Path) -> None:
    chord = [[67, 62, 59, 43]] * 4 + [[69, 62, 54, 50]] * 4
    grids = {"train": [], "valid": [], "test": [chord * 4]}
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(grids), encoding="utf-8")
    opened = open_checkpoint(tiny_checkpoint)
    report = evaluate_satb(Decoder(opened), opened.extra("styles.json")["styles"], tmp_path)
    rows = {row.who: row for row in report.rows}
    assert rows[BACH].exact == {"alto": 1, "tenor": 1, "bass": 1}
    assert set(rows) >= {DRAWN, CHORDS_KEPT}
    assert rows[DRAWN].faults["crossing"] == rows[DRAWN].faults["range"] == 0
    assert "Bach" in format_satb(report)
    with pytest.raises(InputError, match="split"):
        evaluate_satb(Decoder(opened), {}, tmp_path, split="train")

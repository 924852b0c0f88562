"""Forms, blends and requests, checked from outside; and the checks find what is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cocreate.evaluate import ensemble
from cocreate.evaluate.ensemble import check_ensemble, format_ensemble_table, measure_blends, measure_forms, spearman
from cocreate.evaluate.requests import write_riff
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.music.song import Note, Part, Song
from cocreate.studio import Studio


def test_random_requests_are_kept(home: Path) -> None:
    report = check_ensemble(Studio(home=home), count=9, seed=3, folder=home)
    assert report.failures == ()
    assert report.met == 1.0
    assert set(report.requests.values()) == {3}
    assert "requests without any fault: 100.0%" in format_ensemble_table(report)


def test_a_changed_lead_and_a_third_hand_are_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrange = Studio.arrange

    def spoiled(self: Studio, *asked: object, **more: object) -> object:
        found = arrange(self, *asked, **(more | {"parts": "drums"}))  # type: ignore[arg-type]
        song = found[0].song
        hit = tuple(Note(0, key, 30) for key in (38, 42, 46, 51))
        lead = replace(song.parts[0], notes=(*song.parts[0].notes[1:], Note(0, 99, 20)))
        parts = (lead, *song.parts[1:-1], Part(hit, name="Drums", role="drums"))
        return (replace(found[0], song=replace(song, parts=parts)),)

    monkeypatch.setattr(Studio, "arrange", spoiled)
    report = check_ensemble(Studio(home=home), only=(0,), seed=3, folder=home)
    assert {"lead", "hands"} <= {failure.rule for failure in report.failures}
    assert report.met == 0.0


def test_forms_and_blends_are_measured(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = open_checkpoint(tiny_checkpoint)
    net, table = Decoder(checkpoint), checkpoint.extra("styles.json")["styles"]
    forms = measure_forms(net, table, each=1)
    assert (forms.songs, forms.inner_half, forms.last_full) == (2, 1.0, 1.0)
    assert forms.same >= forms.other + 0.3  # random weights write few notes, of which an ending is a large share
    monkeypatch.setattr(ensemble, "WAY", (0.0, 0.25, 0.5, 0.75, 1.0))
    riff = next(song for song in riffs() if len(song.bars()) >= 4)
    other = replace(riff, parts=(replace(riff.parts[0], notes=mirrored(riff)),))
    blends = measure_blends(net, table, [(riff, other)])
    assert blends.exact_ends == 1.0
    assert blends.to_first >= 0.9
    assert blends.to_second >= 0.9


def riffs() -> list[Song]:
    return [write_riff(np.random.default_rng(seed)) for seed in range(30)]


def mirrored(song: Song) -> tuple[Note, ...]:
    return tuple(replace(note, pitch=127 - note.pitch) for note in song.parts[0].notes)


def test_ranks_are_compared() -> None:
    assert spearman([1, 2, 3], [4, 5, 9]) == pytest.approx(1.0)
    assert spearman([1, 2, 3], [9, 5, 4]) == pytest.approx(-1.0)
    assert spearman([1, 2, 3], [1, 1, 1]) == 0.0
    assert spearman([1, 2, 3, 4], [1, 2, 2, 3]) == pytest.approx(0.9486, abs=1e-3)

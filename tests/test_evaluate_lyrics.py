"""What is measured of the lyric partner, on a tiny seat: every table has its rows, and the counters count right."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from lyric_seat import make_seat

from cocreate.errors import InputError
from cocreate.evaluate import lyrics as evaluation
from cocreate.evaluate.lyrics import (
    UnboundWriter,
    cost_table,
    evaluate_lyrics,
    form_table,
    ipa_syllables,
    people_table,
    theme_table,
)
from cocreate.generate.lyric_request import LyricRequest
from cocreate.generate.lyrics import write_lyrics
from cocreate.model.lyric_seat import open_seat
from cocreate.music.song import Note, Part, Song


@pytest.fixture(autouse=True)
def few_drafts(monkeypatch):
    monkeypatch.setattr(evaluation, "write_lyrics", partial(write_lyrics, rows=4))


@pytest.fixture(scope="module")
def seat(tmp_path_factory):
    return open_seat(make_seat(tmp_path_factory.mktemp("seats") / "lyrics"))


def tune() -> Song:
    notes = tuple(Note((line * 12 + n) * 480, 60 + n, 480) for line in range(3) for n in range(8))
    return Song((Part(notes),))


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("f_l_ˈaʊ_ɚ", {2}), ("h_ˈɛ_v_ə_n", {2}), ("f_ˈaɪɚ", {1, 2}), ("ɡ_l_ˈoː_ɹ_iə_s", {2, 3}), ("b_ˈʌ_ʔ_n̩", {2}),
        ("m", {1}), ("ɹ_ˈiː__ə_l\n", {2}),
    ],
)  # fmt: skip
def test_syllables_are_counted_phoneme_by_phoneme(said, counts):
    assert ipa_syllables(said) == counts


def test_form_is_printed_beside_people_and_chance_and_a_second_counter(seat, monkeypatch):
    monkeypatch.setattr(evaluation, "independent_counter", lambda: lambda _word: frozenset({1}))
    rows = {row[0]: row[1:] for row in form_table(seat, [("tune", tune())], seed=1).rows}
    assert rows["syllables_exact"][0] == "1.000"
    assert rows["stress_match"][2:] == ("0.978", "0.502")
    assert "syllables, counted by espeak-ng" in rows
    assert rows["lyrics with a copied span of 8 words"][0] == "0"


def test_lines_without_form_end_where_the_network_ends_them(seat):
    request = LyricRequest(n=1, form=("verse",), syllables=(8, 8, 8, 8), scheme="ABAB", seed=1)
    writer = UnboundWriter(seat, request)
    writer.write(0)
    assert len(writer.drafts) == 4
    assert all(1 <= len(draft.words) <= 14 for draft in writer.drafts)
    assert any(sum(len(seat.lexicon.patterns[w][0]) for w in draft.words) != 8 for draft in writer.drafts)
    assert all(np.isfinite(draft.nats) and draft.nats > 0 for draft in writer.drafts)


def test_the_cost_of_form_is_told_against_lines_without(seat, monkeypatch):
    monkeypatch.setattr(evaluation, "COST_THEMES", ("rain",))
    table = cost_table(seat, seed=0)
    values = [float(row[1]) for row in table.rows]
    for row, value in zip(table.rows, values, strict=True):
        assert float(row[3].rstrip("%")) == pytest.approx(100 * (value / values[0] - 1), abs=0.2)
    assert table.rows[0][3] == "+0.0%"
    assert "| syllables alone |" in table.text()


def test_a_theme_is_found_again_by_vectors_that_know_it(seat, monkeypatch):
    monkeypatch.setattr(evaluation, "THEMES", ("sea ship", "mother kitchen"))
    found = theme_table(seat, seat.vectors, seed=0, each=1)
    assert found.rows[0][2:] == ("2", "10 %")
    blind = theme_table(seat, np.zeros_like(seat.vectors) + 1, seed=0, each=1)
    assert blind.rows[0][1] == "50.0%"  # all themes look alike: always the first


def test_shuffled_words_keep_their_stress_less_than_the_song_did(seat):
    drafts = write_lyrics(seat, LyricRequest(n=3, song=tune(), scheme="XXX", seed=2), rows=4)
    rows = {
        row[0]: (float(row[1]), float(row[2]))
        for row in people_table([d.lyric for d in drafts]).rows
        if "-" not in row[1:3]
    }
    assert rows["stress_match"][0] == 1 > rows["stress_match"][1]


def test_an_unknown_part_is_refused(tmp_path):
    with pytest.raises(InputError, match="a part must be one of likelihood, chinese, form"):
        evaluate_lyrics(tmp_path, parts=["taste"])

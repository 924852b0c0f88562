"""From a few poems to a checkpoint that writes: every file, the card, a run that begins with another's weights."""

from __future__ import annotations

import json

import pytest
from lyric_seat import QUATRAINS, tiny_stanzas

from cocreate.cli import main
from cocreate.errors import InputError
from cocreate.evaluate.make_lyrics import make_lyric_checkpoint, make_ngram_checkpoint, read_poems
from cocreate.generate.lyric_request import LyricRequest
from cocreate.generate.lyrics import write_lyrics
from cocreate.judge.lyrics import judge
from cocreate.model.lyric_seat import open_seat
from cocreate.model.train import Plan


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    (root / "verse_en").mkdir()
    rows = [{"dialect": False, "register": "modern", "stanzas": tiny_stanzas(seed)} for seed in range(40)]
    (root / "verse_en" / "verse.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    (root / "chinese_poetry").mkdir()
    lines = [f"{a}，{b}。" for a, b in zip(QUATRAINS[::2], QUATRAINS[1::2], strict=True)]
    poems = [{"paragraphs": [lines[n % len(lines)], lines[n // len(lines)]]} for n in range(len(lines) ** 2)]
    text = "\n".join(json.dumps(poem, ensure_ascii=False) for poem in poems)
    (root / "chinese_poetry" / "quantangshi.jsonl").write_text(text, encoding="utf-8")
    return root


def test_a_few_poems_become_a_network_that_writes_and_another_that_goes_on_from_it(corpus, tmp_path):
    plan = Plan("tiny", steps=2, batch_tokens=512, threads=1)
    card = make_lyric_checkpoint([corpus], tmp_path / "first", plan)
    assert card["training"]["steps"] == 2
    assert card["sets"]["verse_en"]["poems"] == sum(p.split == "train" for p in read_poems([corpus], language="en")[0])
    text = (tmp_path / "first" / "README.md").read_text(encoding="utf-8")
    assert "2 steps" in text
    assert "| verse_en | public domain (USA) |" in text
    (draft,) = write_lyrics(open_seat(tmp_path / "first"), LyricRequest(n=1, scheme="XXXX", seed=1), rows=3)
    assert judge([draft.lyric])[0].value == 1
    again = make_lyric_checkpoint([corpus], tmp_path / "second", plan, start=tmp_path / "first")
    assert again["validation_nats_a_target"] < card["validation_nats_a_target"]


def test_a_chinese_network_is_measured_beside_its_n_gram(corpus, tmp_path, capsys):
    out = tmp_path / "lyrics"
    make_lyric_checkpoint([corpus], out / "zh", Plan("tiny", steps=2, batch_tokens=512, threads=1), language="zh")
    asked = ["evaluate", "lyrics", "--data", str(corpus), "--checkpoint", str(out), "--part", "chinese", "--json"]
    assert main(asked) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert table["heading"].startswith("Perplexity a character")
    values = [float(row[1]) for row in table["rows"]]
    assert len(values) == 3
    assert values[0] < values[1]  # two steps are nothing, the n-gram has read all


@pytest.mark.parametrize("language", ["en", "zh"])
def test_n_grams_write_where_there_is_no_network(corpus, tmp_path, language, capsys):
    out = tmp_path / "grams" / ("zh" if language == "zh" else "")
    asked = ["train", "lyrics", "--corpus", str(corpus), "--preset", "ngram", "--lang", language, "--out", str(out)]
    assert main([*asked, "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert "Kneser-Ney 4-gram" in card["writer"]
    seat = open_seat(tmp_path / "grams", language=language)
    assert seat.checkpoint is None
    request = LyricRequest(n=1, scheme="XX", syllables=(4, 4), seed=1, language=language)
    (draft,) = write_lyrics(seat, request, rows=8)
    assert judge([draft.lyric])[0].value == 1


def test_nothing_to_learn_from_is_refused(tmp_path):
    with pytest.raises(InputError, match="must hold one of"):
        make_ngram_checkpoint([tmp_path], tmp_path / "out")
    with pytest.raises(InputError, match="chinese_poetry"):
        make_ngram_checkpoint([tmp_path], tmp_path / "out", language="zh")

"""A tiny random GPT-2 in the lyric seat: form holds for any causal language model of Hugging Face."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from lyric_seat import make_seat, tiny_stanzas

from cocreate.cli import main
from cocreate.errors import CheckpointError
from cocreate.generate.lyric_request import LyricRequest
from cocreate.generate.lyrics import write_lyrics
from cocreate.judge.lyrics import judge
from cocreate.model.hugging_train import poem_text
from cocreate.model.lyric_corpus import Poem, VerseLine
from cocreate.model.lyric_seat import open_seat


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    root = tmp_path_factory.mktemp("seats")
    make_seat(root / "lyrics")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytewise = Tokenizer(models.BPE(vocab={"<end>": 0, **{c: n for n, c in enumerate(letters, start=1)}}, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<end>").save_pretrained(root / "gpt2")
    config = GPT2Config(
        vocab_size=257, n_positions=512, n_embd=32, n_layer=1, n_head=2, eos_token_id=0, bos_token_id=0, pad_token_id=0
    )
    GPT2LMHeadModel(config).save_pretrained(root / "gpt2")
    return root


def test_a_foreign_model_writes_lines_that_fit_and_rhyme(folders, monkeypatch):
    monkeypatch.setenv("COCREATE_CHECKPOINTS", str(folders))
    seat = open_seat(folders / "gpt2")
    request = LyricRequest(n=1, syllables=(6, 6), scheme="AA", theme="rain", seed=3)
    (draft,) = write_lyrics(seat, request, rows=4)
    (again,) = write_lyrics(seat, request, rows=4)
    assert draft.lyric.text == again.lyric.text
    found = {finding.name: finding.value for finding in judge([draft.lyric])}
    assert found["syllables_exact"] == 1
    assert found["stress_match"] in (None, 1)
    assert found["rhyme_kept"] == 1
    kept = LyricRequest(n=1, syllables=(6, 6), scheme="AA", keep={1: "the river in the rain"}, seed=3)
    (beside,) = write_lyrics(seat, kept, rows=4)
    assert beside.lyric.own_lines[0].text == "the river in the rain"
    assert beside.lyric.own_lines[1].tier in ("perfect", "family")


def test_a_foreign_model_learns_verse_with_the_rhyme_word_first_and_writes_so(folders, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COCREATE_CHECKPOINTS", str(folders))
    (tmp_path / "verse_en").mkdir()
    rows = [{"dialect": False, "register": "modern", "stanzas": tiny_stanzas(seed)} for seed in range(30)]
    (tmp_path / "verse_en" / "verse.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    asked = ["train", "lyrics", "--corpus", str(tmp_path), "--out", str(tmp_path / "tuned"), "--threads", "1"]
    assert main([*asked, "--base", str(folders / "gpt2"), "--steps", "6", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["held_out"]["after"] < card["held_out"]["before"]
    request = LyricRequest(n=1, syllables=(6, 6), scheme="AA", theme="rain", keep={1: "I saw it in the rain"}, seed=3)
    (draft,) = write_lyrics(open_seat(tmp_path / "tuned"), request, rows=4)
    assert {finding.name: finding.value for finding in judge([draft.lyric])}["syllables_exact"] == 1
    assert draft.lyric.own_lines[1].tier in ("perfect", "family")
    assert main([*asked, "--base", str(tmp_path / "none"), "--steps", "1", "--force"]) == 1
    assert "causal language model" in capsys.readouterr().err
    assert main([*asked, "--base", str(folders / "gpt2"), "--steps", "1", "--force", "--lang", "zh"]) == 2
    assert "--base" in capsys.readouterr().err


def test_a_song_is_read_with_each_lines_last_word_before_it():
    lines = (VerseLine(("i", "saw", "the", "rain")), VerseLine(("and", "i'll", "remain")))
    poem = Poem("x", "song", "modern", (lines,))
    text = poem_text(poem, np.random.default_rng(0))
    head, *rest = text.split("\n")
    assert head == "A song:" or set(head.removeprefix("A song about ")[:-1].split(", ")) == {"saw", "rain", "remain"}
    assert rest == ["rain > I saw the rain", "remain > and I'll remain", ""]


def test_a_broken_foreign_model_is_refused_in_one_line(folders, monkeypatch, tmp_path):
    monkeypatch.setenv("COCREATE_CHECKPOINTS", str(folders))
    shutil.copytree(folders / "gpt2", tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="causal language model"):
        write_lyrics(open_seat(tmp_path / "broken"), LyricRequest(n=1, syllables=(6, 6)), rows=2)
    with pytest.raises(CheckpointError, match="English"):
        open_seat(folders / "gpt2", language="zh")

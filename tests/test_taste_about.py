"""What a text is about: alike where it says alike, by its words or by a sentence model's folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from cocreate.collection import Collection
from cocreate.errors import FileError
from cocreate.model.sentences import FOLDER_VARIABLE, embedded, sentence_model
from cocreate.taste.about import text_traits

SEA, STORM, LOVE = "the sailor on the stormy sea", "a stormy night, a sailor at sea", "my heart is yours, darling"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence model of random weights: two layers, a word a token."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", *sorted({w for t in (SEA, STORM, LOVE) for w in t.replace(",", "").split()})]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    path = tmp_path_factory.mktemp("sentences")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(path)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **shape)).save_pretrained(path)
    return path


def near(a: dict[str, float], b: dict[str, float]) -> float:
    return float(np.dot(list(a.values()), list(b.values()))) / len(a)


def test_texts_with_the_same_words_are_near_and_a_text_that_says_nothing_has_no_place():
    assert near(text_traits(SEA), text_traits(STORM)) > 0.5 > near(text_traits(SEA), text_traits(LOVE))
    assert near(text_traits("大海 风暴"), text_traits("风暴大海")) == pytest.approx(1.0, abs=1e-3)
    assert text_traits("the of and") == {}


def test_a_projected_embedding_keeps_what_is_near_near():
    rng = np.random.default_rng(1)
    one, other = rng.standard_normal((2, 384))
    close = text_traits("", (one + 0.3 * other).tolist())
    assert near(text_traits("", one.tolist()), close) > 0.8
    assert abs(near(text_traits("", one.tolist()), text_traits("", other.tolist()))) < 0.6


def test_a_folder_embeds_lyrics_and_what_is_no_model_is_refused(folder, monkeypatch, home):
    monkeypatch.setenv(FOLDER_VARIABLE, os.fspath(folder))
    assert sentence_model() == folder
    values = embedded(SEA, folder)
    assert len(values) == 16
    assert np.linalg.norm(values) == pytest.approx(1.0, abs=1e-4)
    (home / "sea.txt").write_text(SEA)
    heard = Collection().hear(home / "sea.txt")
    assert dict(heard.traits) == text_traits(SEA, values)
    with pytest.raises(FileError, match="no sentence model"):
        embedded(SEA, home)


def test_lyrics_in_the_catalogue_are_like_lyrics_of_the_same_thing(home, monkeypatch):
    monkeypatch.setattr("cocreate.model.sentences._PACKAGE", "no_such_package")
    for name, text in (("sea", SEA), ("storm", STORM), ("love", LOVE)):
        (home / f"{name}.txt").write_text(text)
    collection = Collection()
    assert collection.add([home / "storm.txt", home / "love.txt"]).new == 2
    assert next(item.title for item, _ in collection.similar(home / "sea.txt")) == "storm"

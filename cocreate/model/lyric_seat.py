"""Who sits in the lyric seat: a checkpoint's network with its words, vectors, second opinion and guard.

Conventions:
    A lyric checkpoint is a checkpoint folder with ``words.npz`` (word vectors, names, language) and, where they are
    there, ``second.npz`` (an n-gram model of words in singing order) and ``spans.npz`` (the guard). For Chinese the
    folder is ``zh`` inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from cocreate.errors import CheckpointError
from cocreate.model.checkpoint import Checkpoint, find, open_checkpoint
from cocreate.model.chinese import HanTable, chinese_lexicon
from cocreate.model.decoder import Decoder
from cocreate.model.lexicon import Addition, FloatArray, Lexicon, english_lexicon, new_rows
from cocreate.model.lyric_words import WordTable
from cocreate.model.pens import NetPen, NgramPen, Pen, end_id
from cocreate.model.spans import SpanIndex
from cocreate.model.vocabulary import Vocabulary
from cocreate.model.word_ngrams import Bonds, WordNgrams
from cocreate.model.word_vectors import Vectors, unit

WORDS_FILE, SECOND_FILE, SPANS_FILE = "words.npz", "second.npz", "spans.npz"
BACK_FILE = "back.npz"  # an n-gram model of lines written back to front, which writes where there is no network
CHINESE, DEFAULT = "zh", "lyrics"
_TOKENIZERS = ("tokenizer_config.json", "merges.txt", "spiece.model")  # what only other models' folders hold


@dataclass(frozen=True)
class LyricSeat:
    """Everything that writes lyrics in one language."""

    folder: Path
    checkpoint: Checkpoint | None  # None where an n-gram model writes
    table: WordTable
    lexicon: Lexicon
    vectors: Vectors
    mean: FloatArray
    language: str
    second: WordNgrams | None
    spans: SpanIndex | None
    base: Path | None = None
    back: WordNgrams | None = None

    @cached_property
    def bonds(self) -> Bonds | None:
        """The second opinion while words are drawn."""
        return None if self.second is None else Bonds(self.second)

    def with_words(self, additions: Sequence[Addition], names: Sequence[str]) -> LyricSeat:
        """The seat with words added; they have no company yet, so their vectors are zero."""
        if self.language == CHINESE or not additions:
            return self
        lexicon = english_lexicon(self.table, additions, names=names)
        more = np.zeros((len(lexicon) - len(self.vectors), self.vectors.shape[1]), dtype=np.float32)
        return replace(self, lexicon=lexicon, vectors=np.concatenate([self.vectors, more]))

    def pen(self, head: Sequence[int], *, taste: FloatArray | None, rows: int, theme: str = "") -> Pen:
        """A fresh pen whose text begins with the ids of ``head`` (or, for a foreign model, with the theme)."""
        if self.base is not None:
            from cocreate.model.hugging import HuggingPen

            return HuggingPen(self.base, self.lexicon, theme=theme, rows=rows)
        if self.back is not None:
            return NgramPen(self.back, self.lexicon, end=end_id(self.table), rows=rows, second=self.bonds)
        assert self.checkpoint is not None, "a seat has a network or an n-gram model"
        net = Decoder(self.checkpoint)
        known = len(self.table.words)
        if len(self.lexicon) > known:
            net.embedding = np.concatenate([net.embedding, new_rows(net.embedding, self.lexicon, known)])
        return NetPen(net, self.lexicon, end=end_id(self.table), rows=rows, head=head, taste=taste, second=self.bonds)

    def theme_vector(self, ids: Sequence[int]) -> FloatArray | None:
        """What words are about, as the network is told it; None where no word has company."""
        own = [i for i in ids if self.vectors[i].any()]
        if not own:
            return None
        mean = self.vectors[own].mean(axis=0) - self.mean
        return np.asarray(unit(mean) * np.sqrt(len(mean)), dtype=np.float32)

    def near(self, ids: Sequence[int]) -> FloatArray:
        """(V,): cosine of each word with the nearest of ``ids``; 0 for words without company."""
        own = [i for i in ids if self.vectors[i].any()]
        if not own:
            return np.zeros(len(self.lexicon), dtype=np.float32)
        return np.asarray((self.vectors @ self.vectors[own].T).max(axis=1), dtype=np.float32)


def open_seat(name: str | Path = DEFAULT, *, language: str = "en") -> LyricSeat:
    """The seat of a checkpoint folder; a folder of another causal language model writes with the shipped one's words.

    Raises:
        CheckpointError: if the folder has no words in this language, or a file is broken.
    """
    folder = find(name)
    if not (folder / WORDS_FILE).is_file() and any((folder / file).is_file() for file in _TOKENIZERS):
        if language == CHINESE:
            raise CheckpointError(f"a foreign language model must write English, got --lang {language} for {folder}")
        return replace(open_seat(DEFAULT), base=folder)
    if language == CHINESE:
        folder = folder / CHINESE
        if not folder.is_dir():
            raise CheckpointError(
                f"a lyric checkpoint must hold a folder {CHINESE} to write Chinese, got none in {name}"
            )
    bare = (folder / BACK_FILE).is_file() and not (folder / "model.safetensors").is_file()
    checkpoint = None if bare else open_checkpoint(folder)
    words = Vocabulary.load(folder / "vocab.json") if checkpoint is None else checkpoint.words
    path = folder / WORDS_FILE
    if not path.is_file():
        raise CheckpointError(f"a lyric checkpoint must hold {WORDS_FILE}, got none in {folder}; is it a music one?")
    with np.load(path, allow_pickle=False) as file:
        vectors = file["vectors"].astype(np.float32) / np.float32(127)
        names = [str(word) for word in file["names"]]
    if language == CHINESE:
        table: WordTable = HanTable(words)
        lexicon = chinese_lexicon(table)
    else:
        table = WordTable(words)
        lexicon = english_lexicon(table, names=names)
    mean = unit(vectors[lexicon.content & vectors.any(axis=1)]).mean(axis=0)
    second, spans = folder / SECOND_FILE, folder / SPANS_FILE
    return LyricSeat(
        folder, checkpoint, table, lexicon, np.asarray(unit(vectors), dtype=np.float32),
        np.asarray(mean, dtype=np.float32), language, WordNgrams.load(second) if second.is_file() else None,
        SpanIndex.load(spans) if spans.is_file() else None,
        back=WordNgrams.load(folder / BACK_FILE) if bare else None,
    )  # fmt: skip


def save_seat(
    folder: Path, *, vectors: Vectors, names: Sequence[str], second: WordNgrams | None, spans: SpanIndex | None
) -> None:
    """Write what stands beside the weights."""
    small = np.round(np.clip(vectors, -1, 1) * 127).astype(np.int8)
    np.savez_compressed(folder / WORDS_FILE, vectors=small, names=np.array(sorted(names), dtype=np.str_))
    if second is not None:
        second.save(folder / SECOND_FILE)
    if spans is not None:
        spans.save(folder / SPANS_FILE)

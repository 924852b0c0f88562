"""Pens: what draws the words of one line, back to front, under its rules.

Conventions:
    A pen is told ids (controls, or lines that are given), and asked for drafts of a line: many at once, of which the
    caller keeps one. A draft's ``nats`` are what the bare model thinks of its words and of the line's beginning, with
    no wish added; lower is likelier. Drafts depend on the generator, the rules and what was told alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cocreate.model.decoder import Cache, Decoder
from cocreate.model.lexicon import BoolArray, FloatArray, IntArray, Lexicon
from cocreate.model.line_rules import chosen_pattern
from cocreate.model.lyric_words import WordTable
from cocreate.model.word_ngrams import Bonds, WordNgrams

_TINY = np.float32(1e-9)
LYRIC_CONTEXT = 1024  # ids; forty lines with their controls take about 450


@dataclass(frozen=True, slots=True)
class LineAsk:
    """What a line must be and should be.

    Args:
        strengths: of its slots, from the first.
        table: ``line_rules.line_table`` of them.
        last: which words may end it, (V,).
        bias: nats added to each word, (V,); ``last_bias`` to the last word.
        control: ids told before it.
        suffix: words that end it whatever the model thinks, the last first.
        free: only syllables count, stress does not.
        heights: how high each word is spoken, (V,), and ``moves``: which way the tune goes from each slot to the next
            (-1, 0, 1); a word whose step to the next word goes the other way costs nats. For one-syllable words.
        unbound: no form at all; a line ends where the model ends it. For measuring what form costs.
    """

    strengths: tuple[int, ...]
    table: FloatArray
    last: BoolArray
    bias: FloatArray
    last_bias: FloatArray
    control: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    free: bool = False
    heights: FloatArray | None = None
    moves: tuple[int, ...] = ()
    unbound: bool = False
    temperature: float = 0.85
    top_p: float = 0.92


@dataclass(frozen=True, slots=True)
class LineDraft:
    """Words in singing order, what the model thinks of them, and which row of the pen wrote them."""

    words: tuple[int, ...]
    nats: float
    row: int = 0


class Pen(Protocol):
    """What writes lines."""

    def tell(self, ids: Sequence[int]) -> None:
        """Let the model know ids that come next in the text."""
        ...

    def drafts(self, ask: LineAsk, rng: np.random.Generator) -> list[LineDraft]:
        """Different drafts of the next line; empty when no word may end it."""
        ...

    def keep(self, draft: LineDraft) -> None:
        """Go on from one of the last drafts."""
        ...


class NetPen:
    """The shipped network; ``rows`` drafts are written side by side.

    Args:
        end: id that stands for the beginning of a line, after its first word.
        second: an n-gram model of words in singing order; it leans on every word that is drawn.
        context: ids that may be told and written in all.
    """

    def __init__(
        self, net: Decoder, lexicon: Lexicon, *, end: int, rows: int = 24, head: Sequence[int] = (),
        taste: FloatArray | None = None, second: Bonds | None = None, context: int = LYRIC_CONTEXT,
    ) -> None:  # fmt: skip
        net.context = min(net.context, context)
        self._lexicon, self._end, self._rows, self._second = lexicon, end, rows, second
        # the text so far stands in one row; drafts fan out from its end
        self._text: Cache = net.start(1, taste=None if taste is None or not net.features else taste[None, :])
        self._fan: Cache = net.start(rows)
        self._waiting: list[int] = list(head)
        self._base = self._shared = 0

    def tell(self, ids: Sequence[int]) -> None:
        """See ``Pen``."""
        self._waiting += ids

    def drafts(self, ask: LineAsk, rng: np.random.Generator) -> list[LineDraft]:
        """See ``Pen``."""
        if not ask.suffix and not (ask.last & np.isfinite(ask.table[-1])).any():
            return []
        self._text.length = self._base  # whoever asks twice did not like the first drafts
        logits = self._text.feed(np.array([[*self._waiting, *ask.control]], dtype=np.int64))
        self._fan.spread(self._text, since=self._shared)
        self._shared = self._base
        return _draw(
            self._step, np.repeat(logits, self._rows, axis=0), ask, self._lexicon, rng, end=self._end,
            rows=self._rows, second=self._second,
        )  # fmt: skip

    def keep(self, draft: LineDraft) -> None:
        """See ``Pen``."""
        before = self._text.length
        self._fan.length = before + len(draft.words)
        self._text.spread(self._fan, row=draft.row, since=before)
        self._base, self._shared = self._text.length, before
        self._waiting = [self._end]

    def _step(self, ids: IntArray) -> FloatArray:
        return self._fan.feed(ids[:, None])


class NgramPen:
    """The same lattice with an n-gram model of words written back to front."""

    def __init__(
        self, model: WordNgrams, lexicon: Lexicon, *, end: int, rows: int = 8, second: Bonds | None = None
    ) -> None:
        self._model, self._lexicon, self._end, self._rows, self._second = model, lexicon, end, rows, second
        self._text: list[int] = [end]
        self._lines: list[list[int]] = []

    def tell(self, ids: Sequence[int]) -> None:
        """See ``Pen``; only words and line ends count here."""
        self._text += [i for i in ids if i == self._end or self._lexicon.text[i]]

    def drafts(self, ask: LineAsk, rng: np.random.Generator) -> list[LineDraft]:
        """See ``Pen``."""
        if not ask.suffix and not (ask.last & np.isfinite(ask.table[-1])).any():
            return []
        self._lines = [list(self._text) for _ in range(self._rows)]
        return _draw(
            self._step, self._scores(), ask, self._lexicon, rng, end=self._end, rows=self._rows, second=self._second
        )

    def keep(self, draft: LineDraft) -> None:
        """See ``Pen``."""
        self._text += [*draft.words[::-1], self._end]

    def _scores(self) -> FloatArray:
        order = len(self._model.orders)
        known = [self._model.distribution(line[-order:]) for line in self._lines]
        found = np.full((self._rows, len(self._lexicon)), _TINY)
        found[:, : self._model.size] = np.maximum(np.array(known), _TINY)
        return np.log(found).astype(np.float32)

    def _step(self, ids: IntArray) -> FloatArray:
        for line, word in zip(self._lines, ids.tolist(), strict=True):
            line.append(word)
        return self._scores()


def _draw(
    step: object, logits: FloatArray, ask: LineAsk, lexicon: Lexicon, rng: np.random.Generator, *, end: int, rows: int,
    second: Bonds | None,
) -> list[LineDraft]:  # fmt: skip
    """Fill the lines of all rows together; rows that are done wait."""
    assert callable(step)
    left = np.full(rows, 1 if ask.unbound else len(ask.strengths))
    words: list[list[int]] = [[] for _ in range(rows)]
    nats = np.zeros(rows)
    done = np.zeros(rows, dtype=np.bool_)
    while True:
        logs = _log_softmax(logits)
        closing = (left == 0) & ~done
        nats[closing] -= logs[closing, end]
        done |= closing
        if done.all():
            break
        at = max(len(line) for line in words)
        if at < len(ask.suffix):
            chosen = np.full(rows, ask.suffix[at], dtype=np.int64)
        else:
            scores = logs + ask.bias + (_unbound(lexicon, end, at) if ask.unbound else ask.table[left])
            if not at:
                scores = np.where(ask.last, scores + ask.last_bias, -np.inf)
            if at and ask.heights is not None:
                steps = ask.heights[[line[-1] for line in words]][:, None] - ask.heights
                scores -= _AGAINST * (steps * np.array([(*ask.moves, 0)[n - 1] for n in left])[:, None] < 0)
            _forbid_again(scores, words, lexicon)
            after = None if second is None else [[*line[::-1], end] for line in words]
            chosen = _sample(scores, ask, rng, active=~done, fallback=end, second=second, after=after)
        for row in np.flatnonzero(~done).tolist():
            word = int(chosen[row])
            nats[row] -= logs[row, word]
            if word == end:
                done[row] = True
                continue
            words[row].append(word)
            if not ask.unbound:
                pattern = chosen_pattern(lexicon, word, ask.strengths, int(left[row]), free=ask.free)
                assert pattern is not None, "the table allows only words that fit"
                left[row] -= len(pattern)
        logits = step(chosen)
    found: dict[tuple[int, ...], LineDraft] = {}
    for row in range(rows):
        line = tuple(words[row][::-1])
        found.setdefault(line, LineDraft(line, float(nats[row]), row))
    return list(found.values())


def _unbound(lexicon: Lexicon, end: int, at: int) -> FloatArray:
    """Any word that can be sung, or the line's end once it has a word; nothing else when it is long enough."""
    found = np.where(lexicon.sung & (at < _LONGEST_LINE), 0, -np.inf).astype(np.float32)
    found[end] = 0 if at else -np.inf
    return found


def _forbid_again(scores: FloatArray, words: Sequence[Sequence[int]], lexicon: Lexicon) -> None:
    """No word of its own twice in a line, and none twice running, unless nothing else is left."""
    for row, line in enumerate(words):
        used = [*line[-1:], *(word for word in line if lexicon.content[word])]
        own = scores[row, used]
        scores[row, used] = -np.inf
        if not np.isfinite(scores[row]).any():
            scores[row, used] = own


def _sample(
    scores: FloatArray, ask: LineAsk, rng: np.random.Generator, *, active: BoolArray, fallback: int,
    second: Bonds | None, after: list[list[int]] | None,
) -> IntArray:  # fmt: skip
    """One id a row by temperature and top-p; rows that are done take ``fallback``.

    Args:
        after: what comes after each row's next word, in singing order; the second opinion weighs how they go together.
    """
    draws = rng.random(len(scores))
    chosen = np.full(len(scores), fallback, dtype=np.int64)
    most = _MOST_OPEN if second is None else _MOST_WEIGHED
    for row in np.flatnonzero(active):
        open_ids = np.flatnonzero(np.isfinite(scores[row]))
        values = scores[row][open_ids].astype(np.float64)
        if len(open_ids) > most:
            best = np.argpartition(values, -most)[-most:]
            open_ids, values = open_ids[best], values[best]
        if second is not None and after is not None:
            values += _LEAN * second.nats(open_ids, after[row])
        values /= ask.temperature
        order = np.argsort(-values, kind="stable")
        chances = np.exp(values[order] - values[order[0]])
        sums = np.cumsum(chances / chances.sum())
        stop = int(np.searchsorted(sums, ask.top_p)) + 1
        place = int(np.searchsorted(sums[:stop], draws[row] * sums[min(stop, len(sums)) - 1]))
        chosen[row] = open_ids[order[min(place, stop - 1, len(order) - 1)]]
    return chosen


_AGAINST = np.float32(4)  # nats for a step of the voice against the step of the tune
_LONGEST_LINE = 14  # words, where no form says so
_MOST_OPEN = 400  # words a row looks at; what is beyond them has no chance that counts
_MOST_WEIGHED = 96  # with a second opinion on each
_LEAN = 0.7  # of the second opinion's nats


def _log_softmax(logits: FloatArray) -> FloatArray:
    top = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(top - np.log(np.exp(top).sum(axis=-1, keepdims=True)), dtype=np.float32)


def end_id(table: WordTable) -> int:
    """Id of the beginning of a line, which comes after its first word."""
    return table.words.id("Line")

"""Any causal language model of Hugging Face in the lyric seat: the rhyme first, then left to right under a trie.

Conventions:
    The folder is read from disk only. For each draft the last word is drawn first, among those the rules allow; then
    the model writes from the left, and a logits processor lets through only tokens that go on with a word which fits
    the slots that are left before the last word. Nothing is asked of the model but that it has a tokenizer whose tokens
    can spell the words (byte-level ones can spell them all). A folder that ``hugging_train`` wrote is told each line's
    last word before the line, as it learned to be, and has its say in which word that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList

from cocreate.errors import CheckpointError
from cocreate.model.hugging_train import MARK, RHYME_FIRST, spelled
from cocreate.model.lexicon import Lexicon
from cocreate.model.line_rules import NEVER, chosen_pattern
from cocreate.model.pens import LineAsk, LineDraft
from cocreate.music.singing import fits

_MOST_TOKENS = 96  # of a line
_CONTEXT_LINES = 12  # of the text so far that are shown


class Trie:
    """Tokens of every word, each with a space before it, as nested tables; ``words`` under a node are its id's."""

    def __init__(self, spelled: dict[int, list[int]]) -> None:
        self.root: dict[int, Any] = {}
        for word, tokens in spelled.items():
            node = self.root
            for token in tokens:
                node = node.setdefault(token, {})
                node.setdefault(_UNDER, set()).add(word)
            node.setdefault(_HERE, set()).add(word)


_UNDER, _HERE = -1, -2  # keys of a node that are no tokens


class TrieRules(LogitsProcessor):  # type: ignore[misc]
    """Lets a row write only words that fit, up to its last word, which is spelled out as it was drawn.

    Args:
        prompt: tokens before the line.
        last: each row's last word; its tokens come when its slots are all that is left.
    """

    def __init__(
        self, trie: Trie, ask: LineAsk, lexicon: Lexicon, *, prompt: int, last: Sequence[int],
        spelled: dict[int, list[int]], end: int,
    ) -> None:  # fmt: skip
        self.trie, self.ask, self.lexicon, self.prompt, self.end = trie, ask, lexicon, prompt, end
        self.last, self.spelled = last, spelled
        count = len(ask.strengths)
        self._sizes = []
        for word in last:
            pattern = chosen_pattern(lexicon, word, ask.strengths, count, free=ask.free)
            assert pattern is not None, "a last word fits the line's end"
            self._sizes.append(len(pattern))
        self._memo: dict[tuple[int, int], set[int]] = {}

    def words_at(self, place: int, room: int) -> set[int]:
        """Words that may begin at slot ``place`` with ``room`` slots before the last word."""
        key = (place, room)
        if key not in self._memo:
            fit = np.zeros(len(self.lexicon), dtype=np.bool_)
            for number, pattern in enumerate(self.lexicon.known_patterns):
                if len(pattern) <= room and (
                    self.ask.free or fits(pattern, self.ask.strengths[place : place + len(pattern)])
                ):
                    fit |= self.lexicon.has_pattern[number]
            fit &= self.ask.bias > NEVER
            self._memo[key] = set(np.flatnonzero(fit).tolist()) & set(self.spelled)
        return self._memo[key]

    def parse(self, tokens: Sequence[int], row: int) -> tuple[list[int], set[int]]:
        """The words a row has written, and the tokens that may come next."""
        limit = len(self.ask.strengths) - self._sizes[row]
        words: list[int] = []
        place, node, at = 0, self.trie.root, 0
        while at < len(tokens):
            if place == limit:  # the last word is being spelled
                spell = self.spelled[self.last[row]]
                done = len(tokens) - at
                return [*words, self.last[row]], {self.end if done >= len(spell) else spell[done]}
            child = node.get(tokens[at])
            word = (
                None
                if child is not None and self._open(child, place, limit - place)
                else self._whole(node, place, limit)
            )
            if word is None:
                assert child is not None, "only tokens that go on with a word were let through"
                node, at = child, at + 1
            else:
                words.append(word)
                place += self._length(word, place, limit - place)
                node = self.trie.root
        return self._next(words, node, place, limit, row)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:
        """Forbid every token that goes on with no word that fits."""
        kept = torch.full_like(scores, -float("inf"))
        for row, ids in enumerate(input_ids.tolist()):
            tokens = ids[self.prompt :]
            allowed = {self.end} if self.end in tokens else self.parse(tokens, row)[1]
            places = list(allowed)
            kept[row, places] = scores[row, places]
        return kept

    def _next(
        self, words: list[int], node: dict[int, Any], place: int, limit: int, row: int
    ) -> tuple[list[int], set[int]]:
        if place == limit:
            return words, {self.spelled[self.last[row]][0]}
        room = limit - place
        tokens = {token for token, child in node.items() if token >= 0 and self._open(child, place, room)}
        whole = self._whole(node, place, limit)
        if whole is not None:
            after = place + self._length(whole, place, room)
            start = {self.spelled[self.last[row]][0]} if after == limit else self._starts(after, limit - after)
            tokens |= start
        return words, tokens

    def _starts(self, place: int, room: int) -> set[int]:
        return {token for token, child in self.trie.root.items() if token >= 0 and self._open(child, place, room)}

    def _open(self, child: dict[int, Any], place: int, room: int) -> bool:
        return not child[_UNDER].isdisjoint(self.words_at(place, room))

    def _whole(self, node: dict[int, Any], place: int, limit: int) -> int | None:
        found = node.get(_HERE, set()) & self.words_at(place, limit - place)
        return min(found) if found else None

    def _length(self, word: int, place: int, room: int) -> int:
        for pattern in self.lexicon.patterns[word]:
            under = self.ask.strengths[place : place + len(pattern)]
            if len(pattern) <= room and (self.ask.free or fits(pattern, under)):
                return len(pattern)
        raise AssertionError("a word that may begin here has a pattern that fits")


class HuggingPen:
    """A Hugging Face folder as a pen; ``theme`` opens its prompt."""

    def __init__(self, folder: Path, lexicon: Lexicon, *, theme: str = "", rows: int = 8) -> None:
        try:
            self._net = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
            self._tokens = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{folder} must be a causal language model with its tokenizer: {error}") from None
        self._net.eval()
        self._lexicon, self._rows = lexicon, rows
        self._spelled = {
            word: tokens
            for word, text in enumerate(lexicon.text)
            if text
            and len({len(p) for p in lexicon.patterns[word]}) == 1  # one that all count alike
            and (tokens := self._tokens.encode(f" {spelled(text)}", add_special_tokens=False))
        }
        self._trie = Trie(self._spelled)
        end = self._tokens.eos_token_id
        self._end = int(self._net.config.eos_token_id if end is None else end)
        self._told = (folder / RHYME_FIRST).is_file()
        self._lines: list[str] = [f"A song about {theme}:" if theme else "A song:"]

    def tell(self, ids: Sequence[int]) -> None:
        """See ``Pen``; given lines come back to front, controls say nothing to this model."""
        words = [self._lexicon.text[i] for i in ids if i < len(self._lexicon.text) and self._lexicon.text[i]]
        if words:
            self._note(words[::-1])

    def drafts(self, ask: LineAsk, rng: np.random.Generator) -> list[LineDraft]:
        """See ``Pen``. A title (``ask.suffix``) decides the last word alone."""
        open_ids = np.flatnonzero(ask.last & np.isfinite(ask.table[-1]) & np.isfinite(ask.bias))
        open_ids = np.array([i for i in open_ids if i in self._spelled], dtype=np.int64)
        if ask.suffix:
            open_ids = np.array(ask.suffix[:1], dtype=np.int64)
        if not open_ids.size:
            return []
        text = "\n".join(self._lines[:1] + self._lines[1:][-_CONTEXT_LINES:]) + "\n"
        wish = (ask.bias + ask.last_bias)[open_ids].astype(np.float64)
        if self._told:
            wish += self._begins(text)[[self._spoken[int(word)] for word in open_ids]]
        chances = np.exp(wish - wish.max())
        last = rng.choice(open_ids, size=self._rows, p=chances / chances.sum()).tolist()
        return self._write(text, ask, last, int(rng.integers(2**31)))

    def keep(self, draft: LineDraft) -> None:
        """See ``Pen``."""
        self._note([self._lexicon.text[word] for word in draft.words])

    def _note(self, words: Sequence[str]) -> None:
        words = [spelled(word) for word in words]
        self._lines.append((f"{words[-1]}{MARK}" if self._told else "") + " ".join(words))

    def _begins(self, text: str) -> npt.NDArray[np.float64]:
        """Log chance of each token after a text."""
        with torch.inference_mode():
            logits = self._net(torch.tensor([self._prompt(text)])).logits[0, -1].double()
        return np.asarray(torch.log_softmax(logits, dim=-1).numpy())

    @cached_property
    def _spoken(self) -> dict[int, int]:
        """First token of each word at a line's beginning."""
        return {
            word: self._tokens.encode(spelled(self._lexicon.text[word]), add_special_tokens=False)[0]
            for word in self._spelled
        }

    def _prompt(self, text: str) -> list[int]:
        room = max(1, int(getattr(self._net.config, "max_position_embeddings", 1024)) - _MOST_TOKENS)
        return (self._tokens.encode(text, add_special_tokens=False) or [self._end])[-room:]

    def _write(self, text: str, ask: LineAsk, last: Sequence[int], seed: int) -> list[LineDraft]:
        heads = [f"{spelled(self._lexicon.text[word])}{MARK.rstrip()}" if self._told else "" for word in last]
        prompts = [self._prompt(text + head) for head in heads]
        width = max(map(len, prompts))
        rules = TrieRules(self._trie, ask, self._lexicon, prompt=width, last=last, spelled=self._spelled, end=self._end)
        ids = torch.tensor([[self._end] * (width - len(prompt)) + prompt for prompt in prompts])
        seen = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(seed)
            found = self._net.generate(
                ids, attention_mask=seen, do_sample=True, temperature=ask.temperature, top_p=ask.top_p,
                max_new_tokens=_MOST_TOKENS, logits_processor=LogitsProcessorList([rules]), pad_token_id=self._end,
                eos_token_id=self._end, output_scores=True, return_dict_in_generate=True,
            )  # fmt: skip
            sure = self._net.compute_transition_scores(found.sequences, found.scores, normalize_logits=True)
        drafts: dict[tuple[int, ...], LineDraft] = {}
        for row, sequence in enumerate(found.sequences.tolist()):
            tokens = sequence[width:]
            if self._end not in tokens:
                continue  # cut off in the middle of a very long spelling
            words = tuple(rules.parse(tokens[: tokens.index(self._end)], row)[0])
            own = sure[row][: tokens.index(self._end)]
            nats = -float(own[torch.isfinite(own)].sum())
            drafts.setdefault(words, LineDraft(words, nats, row))
        return list(drafts.values())

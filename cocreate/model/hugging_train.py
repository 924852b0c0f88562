"""A foreign causal language model learns verse in the order in which ``hugging`` lets it write: the rhyme word first.

Conventions:
    A text is ``A song about rain, road:`` (a few words of the poem, or ``A song:``) and then every line as
    ``night > I saw you standing in the night``: left to right, so that nothing it learned before is lost, its last
    word told before it. The folder gets ``rhyme_first.json``, by which the pen knows how to ask. Losses are nats a
    token.

Source:
    The order: Pasini et al. 2024, arXiv 2405.05176.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cocreate.errors import CheckpointError, InputError
from cocreate.files.output import check_folder
from cocreate.model.checkpoint import write_json
from cocreate.model.lyric_corpus import Poem
from cocreate.model.train import Plan, Progress
from cocreate.music.prosody import is_function_word

RHYME_FIRST = "rhyme_first.json"  # marks a folder whose model was told each line's last word before the line
MARK = " > "
RATE = 5e-5  # of AdamW
WARMUP_STEPS = 20
CLIP = 1.0
ROWS, WIDTH = 8, 256  # texts of a step, tokens of a text
_CHECKS = 24  # held-out texts that are measured before and after
_THEME_WORDS = 3
_SONGS = 3.0  # how often a song is read for each time that a poem is; prose is not


def song_text(lines: Sequence[str], theme: Sequence[str] = ()) -> str:
    r"""The text of a song as the model reads it.

    >>> song_text(["the rain is gone", "I go on"], ["rain"])
    'A song about rain:\ngone > the rain is gone\non > I go on\n'
    """
    head = f"A song about {', '.join(theme)}:" if theme else "A song:"
    return "\n".join([head, *(f"{line.split()[-1]}{MARK}{line}" for line in lines), ""])


def poem_text(poem: Poem, rng: np.random.Generator) -> str:
    """A poem as a song's text; of three poems two tell a few of their words."""
    lines = [" ".join(spelled(word) for word in line.words) for line in poem.lines]
    content = sorted({word for line in poem.lines for word in line.words if not is_function_word(word)})
    told = content and rng.random() < 2 / 3
    picked = [content[int(i)] for i in rng.permutation(len(content))[:_THEME_WORDS]] if told else []
    return song_text(lines, picked)


def spelled(word: str) -> str:
    """A word as these models meet it: lower case but for I."""
    return "I" + word[1:] if word == "i" or word.startswith("i'") else word


def train_foreign(
    base: Path, out: Path, poems: Sequence[Poem], plan: Plan, *, watch: Callable[[Progress], None] = lambda _: None
) -> dict[str, Any]:
    """Fine-tune the model folder ``base`` on the modern verse and songs of the training split; write it to ``out``.

    Returns:
        What was done: steps, tokens, minutes, and held-out nats a token before and after.

    Raises:
        CheckpointError: if ``base`` is no causal language model with its tokenizer, or the loss is no number.
        FileError: if ``out`` cannot be written.
    """
    check_folder(out)
    try:
        net = AutoModelForCausalLM.from_pretrained(base, local_files_only=True).float()
        tokens = AutoTokenizer.from_pretrained(base, local_files_only=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{base} must be a causal language model with its tokenizer: {error}") from None
    if plan.threads:
        torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    heard = [poem for poem in poems if poem.register == "modern" and poem.kind != "prose"]
    checks = [poem_text(poem, np.random.default_rng(0)) for poem in heard if poem.split == "validation"][:_CHECKS]
    before = _held_out(net, tokens, checks)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01)
    began, steps, seen = time.monotonic(), 0, 0
    texts = _endless([poem for poem in heard if poem.split == "train"], np.random.default_rng(plan.seed))
    while (share := _share_done(plan, steps, time.monotonic() - began)) < 1:
        ids = _batch(tokens, [next(texts) for _ in range(ROWS)])
        loss = net.train()(input_ids=ids.clamp(min=0), attention_mask=(ids != _PAD).long(), labels=ids).loss
        if not math.isfinite(float(loss.detach())):
            raise CheckpointError(f"the loss must stay finite, got {float(loss.detach())}; {base} is broken")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (steps + 1) / WARMUP_STEPS) * (1 - share)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        steps, seen = steps + 1, seen + int((ids != _PAD).sum())
        watch(Progress(steps, share, float(loss.detach()), seen / (time.monotonic() - began), None))
    net.save_pretrained(out)
    tokens.save_pretrained(out)
    card = {
        "steps": steps, "tokens": seen, "minutes": round((time.monotonic() - began) / 60, 1),
        "held_out": {"before": before, "after": _held_out(net, tokens, checks)},
    }  # fmt: skip
    write_json(out / RHYME_FIRST, card)
    return card


_PAD = -100  # a label that no loss is taken of


def _batch(tokens: Any, texts: Sequence[str]) -> torch.Tensor:
    rows = [tokens.encode(text, add_special_tokens=False)[:WIDTH] for text in texts]
    width = max(len(row) for row in rows)
    return torch.tensor([row + [_PAD] * (width - len(row)) for row in rows])


def _endless(poems: Sequence[Poem], rng: np.random.Generator) -> Iterator[str]:
    """Texts of random poems, songs more often than verse."""
    if not poems:
        raise InputError("a corpus must hold modern verse or songs to train on, got none")
    chances = np.array([_SONGS if poem.kind == "song" else 1.0 for poem in poems])
    while True:
        yield poem_text(poems[int(rng.choice(len(poems), p=chances / chances.sum()))], rng)


def _share_done(plan: Plan, steps: int, seconds: float) -> float:
    return steps / plan.steps if plan.steps else seconds / 60 / (plan.minutes or 1)


def _held_out(net: Any, tokens: Any, texts: Sequence[str]) -> float | None:
    """Mean nats a token of some texts; None where there is none."""
    found = []
    with torch.inference_mode():
        for text in texts:
            ids = _batch(tokens, [text])
            found.append(float(net.eval()(input_ids=ids, labels=ids).loss))
    return round(float(np.mean(found)), 4) if found else None

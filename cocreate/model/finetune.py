"""Fine-tuning: a checkpoint learns a person's own pieces in minutes, and keeps the rest of what it knows.

Conventions:
    Low-rank adapters (LoRA, through peft) stand beside every matrix of the layers and are merged at the end, so that
    the result is an ordinary checkpoint. Of the embedding only the rows of new words move. Losses are nats a token,
    held-out figures nats a melody note. What the network was before is its *reference*.

Source:
    Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021. Robins, Catastrophic forgetting, rehearsal
    and pseudorehearsal, 1995: in between, the network is held to its reference on music that the reference wrote.
"""

from __future__ import annotations

import copy
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from cocreate.errors import CheckpointError, InputError
from cocreate.model.batches import IGNORED, Batch, Exercise, Lesson, Lessons, whole_lessons
from cocreate.model.checkpoint import write_json
from cocreate.model.conditioning import TasteNetwork
from cocreate.model.corpus.pack import Entry
from cocreate.model.precision import mixed
from cocreate.model.train import Plan, Progress, State, sequence_nats
from cocreate.model.vocabulary import Vocabulary
from cocreate.model.weights import write_checkpoint_weights

RANK, ALPHA, DROPOUT = 16, 32, 0.1
MATRICES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
LORA_RATE, FULL_RATE, ROW_RATE = 5e-4, 2e-4, 3e-3  # of AdamW; the last for the rows of new words
WEIGHT_DECAY = 0.01
WARMUP_STEPS = 20
LAST_RATE = 0.1  # share of the rate that is left when the budget ends
CLIP = 1.0
REHEARSE_EVERY = 4  # every so many steps, one is about what the reference wrote
REHEARSAL_WEIGHT = 1.0
PATIENCE = 8  # checks without a better held-out loss after which a run stops
CHECK_PIECES = 24  # held-out pieces that a check listens to, at most


class Learner:
    """A network that learns beside its reference.

    Args:
        net: taken over and changed.
        fresh: ids of new words, whose embedding rows move with the adapters.
        full: every weight moves, instead of adapters.
        seed: of the adapters' first weights.
    """

    def __init__(self, net: TasteNetwork, *, fresh: Sequence[int] = (), full: bool = False, seed: int = 0) -> None:
        self.net, self.reference = net, copy.deepcopy(net).requires_grad_(requires_grad=False).eval()
        self._adapted: Any = None
        if not full:
            self._adapted = _with_adapters(net, fresh, seed=seed)
        rows = [p for name, p in net.named_parameters() if p.requires_grad and "embed" in name]
        others = [p for name, p in net.named_parameters() if p.requires_grad and "embed" not in name]
        rate = FULL_RATE if full else LORA_RATE
        self.weights: list[torch.nn.Parameter] = [*others, *rows]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": others, "lr": rate, "weight_decay": WEIGHT_DECAY},
                {"params": rows, "lr": FULL_RATE if full else ROW_RATE, "weight_decay": 0.0},
            ],
            betas=(0.9, 0.98),
        )
        for group in self.optimiser.param_groups:
            group["peak_lr"] = group["lr"]

    def update(self, loss: torch.Tensor, *, rate: float) -> float:
        """One step down ``loss`` at ``rate``, a share of the peak; the loss.

        Raises:
            CheckpointError: if the loss is no longer a number.
        """
        value = float(loss.detach())
        if not math.isfinite(value):
            raise CheckpointError(f"the loss must stay finite, got {value}; the checkpoint to begin from is broken")
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.weights, CLIP)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak_lr"] * rate
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return value

    def snapshot(self) -> list[torch.Tensor]:
        """What has been learned so far."""
        return [weight.detach().clone() for weight in self.weights]

    def restore(self, found: Sequence[torch.Tensor]) -> None:
        """Go back to a snapshot."""
        with torch.no_grad():
            for weight, value in zip(self.weights, found, strict=True):
                weight.copy_(value)

    def merged(self) -> TasteNetwork:
        """The network with its adapters merged into its matrices; the learner is done then."""
        if self._adapted is not None:
            self.net.net = self._adapted.merge_and_unload()
            self._adapted = None
        return self.net.requires_grad_(requires_grad=False).eval()


def fine_tune(
    net: TasteNetwork,
    words: Vocabulary,
    training: Sequence[Entry],
    held_out: Sequence[Entry],
    plan: Plan,
    *,
    fresh: Sequence[int] = (),
    rehearsal: Sequence[Entry] = (),
    full: bool = False,
    watch: Callable[[Progress], None] = lambda _: None,
) -> tuple[TasteNetwork, State]:
    """The network after learning ``training``, as it was when ``held_out`` was heard best, and how the run went.

    Args:
        net: taken over and changed.
        fresh: ids of words that the network has only just been given.
        rehearsal: pieces that the network wrote itself, on which it is held to what it was.
        full: move every weight, instead of adapters.

    Raises:
        InputError: if there is nothing to learn or nothing held out.
    """
    if not held_out:
        raise InputError("fine-tuning needs a held-out piece to know when to stop, got none; give at least 2 files")
    if plan.threads:
        torch.set_num_threads(plan.threads)
    learner = Learner(net, fresh=fresh, full=full, seed=plan.seed)
    own, memory = _batches(training, words, plan), _batches(rehearsal, words, plan) if rehearsal else None
    checks = melody_lessons(held_out[:CHECK_PIECES], words)
    state = State(checks=[(0, nats_a_note(net, checks))])
    best, best_check, since_best = learner.snapshot(), state.checks[0][1], 0
    began = time.monotonic()
    net.train()
    while (share := share_of(state, plan)) < 1 and since_best < PATIENCE:
        batch = next(own)
        loss = target_loss(net, batch)
        news = float(loss.detach())
        if memory is not None and state.step % REHEARSE_EVERY == 0:
            loss = loss + REHEARSAL_WEIGHT * drift(net, learner.reference, next(memory))
        learner.update(loss, rate=rate_at(share, state.step))
        state.step += 1
        state.tokens += int((batch.ids != 0).sum())
        state.curve.append((state.step, news))
        check = None
        if state.step % plan.check_every == 0:
            check = nats_a_note(net, checks)
            net.train()
            state.checks.append((state.step, check))
            since_best += 1
            if check < best_check:
                best, best_check, since_best = learner.snapshot(), check, 0
        state.elapsed_s = time.monotonic() - began
        speed = state.tokens / max(1e-9, state.elapsed_s)
        watch(Progress(state.step, share_of(state, plan), news, speed, check))
    learner.restore(best)
    return learner.merged(), state


def widened(net: TasteNetwork, old: Vocabulary, words: Vocabulary) -> TasteNetwork:
    """The network with the rows of its words where ``words`` has them; a new style begins at the mean of all styles.

    Other new words begin at the mean of all words. ``net`` is taken over and changed.
    """
    rows = net.net.get_input_embeddings().weight.detach()  # (V, D)
    styles = rows[torch.from_numpy(old.type_ids["Style"])].mean(dim=0)
    begin = {"Style": styles}
    made = torch.stack(
        [
            rows[old.ids[word]] if word in old.ids else begin.get(kind, rows.mean(dim=0))
            for word, kind in zip(words.words, words.types, strict=True)
        ]
    )
    net.net.resize_token_embeddings(len(words), mean_resizing=False)
    with torch.no_grad():
        net.net.get_input_embeddings().weight.copy_(made)
    found = TasteNetwork(net.net, words, features=net.projection.shape[1])
    with torch.no_grad():
        found.projection.copy_(net.projection)
    return found


def between(reference: TasteNetwork, tuned: TasteNetwork, share: float) -> TasteNetwork:
    """The network at ``share`` of the way, 0..1, from the reference to the tuned one: adapters that much weaker."""
    found = copy.deepcopy(reference)
    with torch.no_grad():
        for weight, other in zip(found.parameters(), tuned.parameters(), strict=True):
            weight.lerp_(other, share)
    return found


def write_network(net: TasteNetwork, words: Vocabulary, folder: Path) -> None:
    """Write the network, its configuration and its words into a checkpoint folder; what is there is replaced."""
    words.save(folder / "vocab.json")
    config = json.loads(net.net.config.to_json_string(use_diff=False))
    write_json(folder / "config.json", {**config, "dtype": "bfloat16"})
    write_checkpoint_weights(net.state_dict(), folder)


def melody_lessons(entries: Sequence[Entry], words: Vocabulary) -> list[Lesson]:
    """The melodies of whole pieces, every control given."""
    return [
        lesson
        for entry in entries
        if entry.sheet.has_melody
        for lesson in whole_lessons(entry, Exercise("melody"), words)
    ]


def nats_a_note(net: TasteNetwork, lessons: Sequence[Lesson]) -> float:
    """Mean nats a melody note, all ids of a note together, teacher-forced."""
    return math.fsum(sequence_nats(net, lessons)) / max(1, sum(lesson.notes for lesson in lessons))


def target_loss(net: TasteNetwork, batch: Batch) -> torch.Tensor:
    """Mean nats a target token of a batch, ()."""
    logits, wanted = target_logits(net, batch)
    return functional.cross_entropy(logits, wanted)


def drift(net: TasteNetwork, reference: TasteNetwork, batch: Batch) -> torch.Tensor:
    """Mean Kullback-Leibler divergence of the network from its reference at the targets of a batch, nats a token."""
    with torch.no_grad():
        known = target_logits(reference, batch)[0].log_softmax(dim=-1)
    now = target_logits(net, batch)[0].log_softmax(dim=-1)
    return functional.kl_div(now, known, reduction="batchmean", log_target=True)


def target_logits(net: TasteNetwork, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, V), fp32, at the N targets of a batch, and the ids wanted there (N,)."""
    device = next(net.parameters()).device
    ids, taste, labels = (torch.from_numpy(part).to(device) for part in (batch.ids, batch.taste, batch.labels))
    with mixed(device.type):
        logits = net(ids, taste)  # (B, T, V)
    wanted = labels != IGNORED
    return logits[wanted].float(), labels[wanted]


def _with_adapters(net: TasteNetwork, fresh: Sequence[int], *, seed: int) -> Any:
    """Adapters put into ``net``; all other weights stand still, but for the rows ``fresh`` of the embedding."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=DROPOUT, target_modules=list(MATRICES), task_type="CAUSAL_LM"
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers in the words of its last version
        torch.manual_seed(seed)
        found = get_peft_model(net.net, config)
    net.projection.requires_grad = False
    if fresh:
        embedding = net.net.get_input_embeddings().weight
        embedding.requires_grad = True
        moves = torch.zeros(len(embedding), 1)
        moves[list(fresh)] = 1
        embedding.register_hook(lambda slope: slope * moves)
    return found


def _batches(entries: Sequence[Entry], words: Vocabulary, plan: Plan) -> Iterator[Batch]:
    lessons, pool = Lessons(entries, words, seed=plan.seed), 0
    while True:
        yield from lessons.pool(pool, tokens=plan.batch_tokens)
        pool += 1


def share_of(state: State, plan: Plan) -> float:
    """Share of the budget that is spent, 0..1 and a little over."""
    return state.step / plan.steps if plan.steps else state.elapsed_s / ((plan.minutes or 0) * 60)


def rate_at(share: float, step: int) -> float:
    """Rate as a share of its peak: up over the first steps, then down along half a cosine."""
    down = LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * min(1.0, share))) / 2
    return min(1.0, (step + 1) / WARMUP_STEPS) * down

"""Training: a resumable loop under a time or step budget.

Conventions:
    Matrices are trained by Muon, embeddings and norms by AdamW; the rate is a trapezoid over the share of the budget
    that is spent. The weights that are kept are an exponential moving average. ``training/`` in the output folder
    holds what a resumed run needs; everything is safetensors and JSON, replaced atomically. Losses are nats a token.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from cocreate.errors import CheckpointError, InputError
from cocreate.model.batches import IGNORED, Batch, Lesson, Lessons, batch_of, whole_lessons
from cocreate.model.checkpoint import write_json
from cocreate.model.corpus.pack import Entry
from cocreate.model.network import build, network_config
from cocreate.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

MUON_RATE, ADAM_RATE = 4e-3, 3e-3
WEIGHT_DECAY = 0.02
WARMUP_STEPS = 40
DECAY_FROM = 0.55  # share of the budget after which the rate falls to zero
EMA_DECAY = 0.998
CLIP = 1.0
CHECK_SEQUENCES = 96  # validation sequences watched during training


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked to do. Exactly one of ``minutes`` and ``steps`` is given."""

    preset: str = "small"
    minutes: float | None = None
    steps: int | None = None
    batch_tokens: int = 4096
    accumulate: int = 1
    seed: int = 0
    check_every: int = 100
    save_every_s: float = 300.0
    threads: int | None = None
    muon_rate: float = MUON_RATE
    adam_rate: float = ADAM_RATE

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.steps is None):
            raise InputError("a training run needs --minutes or --steps, one of the two")
        if (self.minutes or self.steps or 0) <= 0:
            raise InputError(f"a training budget must be above 0, got {self.minutes or self.steps}")


@dataclass(slots=True)
class State:
    """Where a run is. ``pool`` and ``batch`` name the next batch; ``elapsed_s`` is time spent over all its lives."""

    step: int = 0
    tokens: int = 0
    pool: int = 0
    batch: int = 0
    elapsed_s: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)
    checks: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """One step's news: share of the budget spent (0..1), loss in nats a token, tokens a second."""

    step: int
    share: float
    loss: float
    tokens_per_s: float
    check: float | None


def train(
    training: Sequence[Entry],
    validation: Sequence[Entry],
    out: Path,
    plan: Plan,
    *,
    words: Vocabulary,
    resume: bool = False,
    start: Path | None = None,
    watch: Callable[[Progress], None] = lambda _: None,
) -> State:
    """Train on ``training`` and write weights, words and configuration into ``out``; the caller writes the card.

    Args:
        resume: go on from ``out/training`` (with an unfinished budget, exactly where it stopped).
        start: a checkpoint folder whose weights begin the run.

    Raises:
        CheckpointError: if there is nothing to resume, or ``start`` has other words.
    """
    if plan.threads:
        torch.set_num_threads(plan.threads)
    run = _Run.begin(out, plan, words=words, resume=resume, start=start)
    state, checks = run.state, _check_batches(validation, words, plan)
    source = _stream(Lessons(training, words, seed=plan.seed), state, plan)
    began, base, saved = time.monotonic(), state.elapsed_s, time.monotonic()
    while (share := _share(state, plan)) < 1:
        value = run.step(source, plan, rate=_rate(share, state.step))
        if not math.isfinite(value):
            raise CheckpointError(f"the loss must stay finite, got {value} at step {state.step}; lower the rate")
        check = run.check(checks) if checks and state.step % plan.check_every == 0 else None
        state.elapsed_s = base + time.monotonic() - began
        speed = state.tokens / max(1e-9, state.elapsed_s)
        watch(Progress(state.step, _share(state, plan), value, speed, check))
        if time.monotonic() - saved > plan.save_every_s:
            run.save()
            saved = time.monotonic()
    if checks and (not state.checks or state.checks[-1][0] != state.step):
        run.check(checks)
    run.save()
    return state


def sequence_nats(net: LlamaForCausalLM, lessons: Sequence[Lesson], *, batch_tokens: int = 8192) -> list[float]:
    """Total nats of the targets of each lesson, teacher-forced, in fp32."""
    device = next(net.parameters()).device
    order = sorted(range(len(lessons)), key=lambda place: len(lessons[place].ids))
    totals = [0.0] * len(lessons)
    net.eval()
    group: list[int] = []

    def flush() -> None:
        batch = batch_of([lessons[place] for place in group])
        ids, labels = torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.labels).to(device)
        with torch.inference_mode():
            logits = net(input_ids=ids, use_cache=False).logits.float()  # (B, T, V)
            nats = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none", ignore_index=IGNORED)
        for row, place in zip(nats.sum(dim=1).tolist(), group, strict=True):
            totals[place] = row

    for place in order:
        if group and len(lessons[place].ids) * (len(group) + 1) > batch_tokens:
            flush()
            group = []
        group.append(place)
    if group:
        flush()
    return totals


def _stream(lessons: Lessons, state: State, plan: Plan) -> Iterator[tuple[Batch, int, int]]:
    """Batches from where ``state`` stands, each with the place of the one after it."""
    pool, first = state.pool, state.batch
    while True:
        batches = lessons.pool(pool, tokens=plan.batch_tokens)
        for place in range(first, len(batches)):
            last = place + 1 == len(batches)
            yield batches[place], pool + last, 0 if last else place + 1
        pool, first = pool + 1, 0


def _loss(net: Any, batch: Batch, device: torch.device) -> torch.Tensor:
    ids, labels = torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.labels).to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        logits = net(input_ids=ids, use_cache=False).logits  # (B, T, V)
    wanted = labels != IGNORED
    return functional.cross_entropy(logits[wanted].float(), labels[wanted])


def _share(state: State, plan: Plan) -> float:
    if plan.steps is not None:
        return state.step / plan.steps
    assert plan.minutes is not None
    return state.elapsed_s / (plan.minutes * 60)


def _rate(share: float, step: int) -> float:
    """Rate as a share of its peak: up over the first steps, flat, then straight down to zero."""
    up = min(1.0, (step + 1) / WARMUP_STEPS)
    down = min(1.0, max(0.0, (1 - share) / (1 - DECAY_FROM)))
    return min(up, max(down, 0.01))


def _check_batches(validation: Sequence[Entry], words: Vocabulary, plan: Plan) -> list[Batch]:
    if not validation:
        return []
    rng = np.random.default_rng(0)
    order = rng.permutation(len(validation))[:CHECK_SEQUENCES]
    tasks = ("melody", "over")
    lessons = [
        next(iter(whole_lessons(entry, tasks[place % 2] if entry.sheet.has_chords else "melody", words)))
        for place, entry in enumerate(validation[i] for i in order)
    ]
    lessons.sort(key=lambda lesson: len(lesson.ids))
    size = max(1, plan.batch_tokens // max(len(lesson.ids) for lesson in lessons))
    return [batch_of(lessons[i : i + size]) for i in range(0, len(lessons), size)]


@dataclass(slots=True)
class _Run:
    """What a run holds: the network, its averaged weights, the optimisers, and where it stands."""

    out: Path
    net: LlamaForCausalLM
    runner: Any
    average: dict[str, torch.Tensor]
    optimisers: list[torch.optim.Optimizer]
    state: State
    words: Vocabulary
    device: torch.device

    @classmethod
    def begin(cls, out: Path, plan: Plan, *, words: Vocabulary, resume: bool, start: Path | None) -> _Run:
        """A fresh run, or the one that ``out/training`` holds."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        net = build(network_config(plan.preset, vocab_size=len(words)), seed=plan.seed).to(device)
        if start is not None:
            _load_weights(net, start / "model.safetensors")
        average = {name: value.detach().clone() for name, value in net.state_dict().items()}
        runner: Any = torch.compile(net, dynamic=True) if device.type == "cuda" else net
        run = cls(out, net, runner, average, _optimisers(net, plan), State(), words, device)
        if resume:
            run.resume()
        out.mkdir(parents=True, exist_ok=True)
        net.train()
        return run

    def step(self, source: Iterator[tuple[Batch, int, int]], plan: Plan, *, rate: float) -> float:
        """One update at ``rate`` (a share of the peak); the mean loss of its batches."""
        state = self.state
        losses: list[torch.Tensor] = []
        for _ in range(plan.accumulate):
            batch, state.pool, state.batch = next(source)
            loss = _loss(self.runner, batch, self.device)
            (loss / plan.accumulate).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
            state.tokens += int((batch.ids != 0).sum())
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group.setdefault("peak_lr", group["lr"])
                group["lr"] = group["peak_lr"] * rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        state.step += 1
        decay = min(EMA_DECAY, (1 + state.step) / (10 + state.step))
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)
        mean = float(torch.stack(losses).mean())
        state.curve.append((state.step, mean))
        return mean

    def check(self, batches: Sequence[Batch]) -> float:
        """Mean nats a target token of the averaged weights; noted in the state."""
        own = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
        self.net.load_state_dict(self.average)
        self.net.eval()
        total, count = 0.0, 0
        with torch.inference_mode():
            for batch in batches:
                wanted = int((batch.labels != IGNORED).sum())
                total += float(_loss(self.net, batch, self.device)) * wanted
                count += wanted
        self.net.load_state_dict(own)
        self.net.train()
        found = total / max(1, count)
        self.state.checks.append((self.state.step, found))
        return found

    def save(self) -> None:
        """Write the checkpoint and what a resumed run needs."""
        home = self.out / "training"
        home.mkdir(parents=True, exist_ok=True)
        self.words.save(self.out / "vocab.json")
        write_json(self.out / "config.json", json.loads(self.net.config.to_json_string(use_diff=False)))
        _write_tensors(self.average, self.out / "model.safetensors")
        _write_tensors(self.net.state_dict(), home / "weights.safetensors")
        moments = {
            f"{number}.{place}.{name}": value
            for number, optimiser in enumerate(self.optimisers)
            for place, slots in optimiser.state_dict()["state"].items()
            for name, value in slots.items()
            if isinstance(value, torch.Tensor)
        }
        _write_tensors(moments, home / "optimiser.safetensors")
        write_json(home / "state.json", asdict(self.state))

    def resume(self) -> None:
        """Take up the run that ``save`` wrote."""
        home = self.out / "training"
        if not (home / "state.json").is_file():
            raise CheckpointError(f"nothing to resume: {home} holds no state.json; start without --resume")
        _load_weights(self.net, home / "weights.safetensors")
        averaged = load_file(self.out / "model.safetensors")
        for name, value in self.average.items():
            value.copy_(averaged[name if name in averaged else "model.embed_tokens.weight"])
        moments = load_file(home / "optimiser.safetensors")
        for number, optimiser in enumerate(self.optimisers):
            whole = optimiser.state_dict()
            slots: dict[int, dict[str, torch.Tensor]] = {}
            for name, value in moments.items():
                owner, place, slot = name.split(".")
                if int(owner) == number:
                    slots.setdefault(int(place), {})[slot] = value
            whole["state"] = slots
            optimiser.load_state_dict(whole)
        raw = json.loads((home / "state.json").read_text(encoding="utf-8"))
        raw["curve"] = [(int(step), float(loss)) for step, loss in raw["curve"]]
        raw["checks"] = [(int(step), float(loss)) for step, loss in raw["checks"]]
        self.state = State(**raw)


def _optimisers(net: LlamaForCausalLM, plan: Plan) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in net.named_parameters() if p.ndim == 2 and "embed" not in name]  # noqa: PLR2004
    others = [p for name, p in net.named_parameters() if p.ndim != 2 or "embed" in name]  # noqa: PLR2004
    return [
        torch.optim.Muon(matrices, lr=plan.muon_rate, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=plan.adam_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def _write_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    scratch = path.with_suffix(".tmp")
    plain = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in tensors.items()
        if name != "lm_head.weight"  # tied to the embedding
    }
    save_file(plain, scratch, metadata={"format": "pt"})
    scratch.chmod(0o644)  # safetensors makes private files; a checkpoint is to be shared
    scratch.replace(path)


def _load_weights(net: LlamaForCausalLM, path: Path) -> None:
    weights = load_file(path)
    weights.setdefault("lm_head.weight", weights["model.embed_tokens.weight"])
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{path} must fit the preset: {str(error).splitlines()[0]}") from None

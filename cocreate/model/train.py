"""Training: a resumable loop under a time or step budget.

Conventions:
    Matrices are trained by Muon, embeddings and norms by AdamW; the rate is a trapezoid over the share of the budget
    that is spent. The weights that are kept are an exponential moving average, written as bf16. Losses: nats a token.
    ``training/state.safetensors`` in the output folder is all that a resumed run needs beside the corpus: one file, so
    that a kill in the middle of saving leaves the old state or the new one, never half of each.
    Rank r of W processes takes every W-th batch of the one stream from batch r on: W processes at ``accumulate`` A take
    the steps of one process at A * W.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from cocreate.errors import CheckpointError, InputError
from cocreate.model.attention import use_blocks
from cocreate.model.batches import IGNORED, Batch, Exercise, Lesson, Lessons, batch_of, whole_lessons
from cocreate.model.checkpoint import write_json
from cocreate.model.conditioning import TasteNetwork
from cocreate.model.corpus.pack import Entry
from cocreate.model.feed import Place, Pools, Portion, default_workers, stream
from cocreate.model.logbook import Logbook
from cocreate.model.network import build, network_config
from cocreate.model.precision import Fp32Muon, has_bf16, mixed
from cocreate.model.ranks import Ranks, alone
from cocreate.model.vocabulary import Vocabulary
from cocreate.model.weights import (
    Tensors,
    moments_of,
    read_tensors,
    set_moments,
    set_weights,
    start_from,
    with_head,
    write_checkpoint_weights,
    write_tensors,
)

MUON_RATE, ADAM_RATE = 4e-3, 3e-3
WEIGHT_DECAY = 0.02
WARMUP_STEPS = 40
DECAY_FROM = 0.55  # share of the budget after which the rate falls to zero
EMA_DECAY = 0.998
CLIP = 1.0
CHECK_SEQUENCES = 96  # validation sequences watched during training
_STATE_FILE = "training/state.safetensors"
_LOGS = "training/logs"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked to do. Exactly one of ``minutes`` and ``steps`` is given.

    Args:
        batch_tokens: ids in a batch, at most.
        accumulate: batches of each process in a step, >= 1.
        workers: processes that make lessons, 0 for none beside; by default some where a GPU would wait.
        tasks: what is practised, of ``vocabulary.TASKS``; empty for all.
    """

    preset: str = "small"
    minutes: float | None = None
    steps: int | None = None
    batch_tokens: int = 4096
    accumulate: int = 1
    seed: int = 0
    check_every: int = 100
    save_every_s: float = 300.0
    threads: int | None = None
    workers: int | None = None
    tasks: tuple[str, ...] = ()
    muon_rate: float = MUON_RATE
    adam_rate: float = ADAM_RATE

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.steps is None):
            raise InputError("a training run needs --minutes or --steps, one of the two")
        if (self.minutes or self.steps or 0) <= 0:
            raise InputError(f"a training budget must be above 0, got {self.minutes or self.steps}")
        if self.accumulate < 1:
            raise InputError(f"--accumulate must be at least 1 batch, got {self.accumulate}")
        if self.workers is not None and self.workers < 0:
            raise InputError(f"--workers must be 0 or more, got {self.workers}")


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
    ranks: Ranks | None = None,
    watch: Callable[[Progress], None] = lambda _: None,
) -> State:
    """Train on ``training`` and write weights, words and configuration into ``out``; the caller writes the card.

    Args:
        resume: go on from ``out/training`` (with an unfinished budget, exactly where it stopped).
        start: a checkpoint folder whose weights begin the run.
        ranks: the processes of the run, all of which call this; by default this one alone. Only the first of them
            writes, checks and calls ``watch``.

    Raises:
        CheckpointError: if there is nothing to resume, or ``start`` has other words.
    """
    features = max(len(entry.content) for entry in training)
    checks = _check_batches(validation, words, plan)
    lessons = Lessons(training, words, seed=plan.seed, tasks=plan.tasks)
    return train_lessons(
        lessons, checks, out, plan, words=words, features=features, resume=resume, start=start, ranks=ranks, watch=watch
    )


def train_lessons(
    lessons: Pools,
    checks: Sequence[Batch],
    out: Path,
    plan: Plan,
    *,
    words: Vocabulary,
    features: int,
    resume: bool = False,
    start: Path | None = None,
    ranks: Ranks | None = None,
    watch: Callable[[Progress], None] = lambda _: None,
) -> State:
    """Train on any source of batches, as ``train`` does on music; ``checks`` are watched during the run.

    Args:
        features: numbers in a lesson's content vector, 0 for none.

    Raises:
        CheckpointError: as ``train``.
    """
    if plan.threads:
        torch.set_num_threads(plan.threads)
    ranks = ranks or alone()
    run = _Run.begin(out, plan, ranks, words=words, features=features, resume=resume, start=start)
    place = Place(run.state.pool, run.state.batch)
    workers = plan.workers
    if workers is None:
        workers = default_workers(processes=ranks.here) if ranks.device.type == "cuda" else 0
    with stream(lessons, place, tokens=plan.batch_tokens, workers=workers) as source:
        if ranks.is_first:
            _lead(run, source, plan, checks, watch)
        else:
            _follow(run, source, plan)
    return run.state


def _lead(
    run: _Run, source: Iterator[Portion], plan: Plan, checks: Sequence[Batch], watch: Callable[[Progress], None]
) -> None:
    """The loop of the first rank, which keeps the time, checks, saves and tells."""
    state, log = run.state, Logbook(run.out / _LOGS, done_steps=run.state.step)
    began, base, saved = time.monotonic(), state.elapsed_s, time.monotonic()
    try:
        while (share := _share(state, plan)) < 1:
            value = run.step(source, plan, share, clock=lambda: base + time.monotonic() - began)
            check = run.check(checks) if checks and state.step % plan.check_every == 0 else None
            speed = state.tokens / max(1e-9, state.elapsed_s)
            log.note(state.step, loss=value, validation=check, rate=run.rate, tokens_per_s=speed)
            watch(Progress(state.step, _share(state, plan), value, speed, check))
            if time.monotonic() - saved > plan.save_every_s:
                run.save()
                log.flush()
                saved = time.monotonic()
        if checks and (not state.checks or state.checks[-1][0] != state.step):
            log.note(state.step, validation=run.check(checks))
        run.save()
    finally:
        log.close()


def _follow(run: _Run, source: Iterator[Portion], plan: Plan) -> None:
    """The loop of the other ranks, which take the first one's time."""
    while (share := _share(run.state, plan)) < 1:
        run.step(source, plan, share)


def sequence_nats(net: TasteNetwork, lessons: Sequence[Lesson], *, batch_tokens: int = 8192) -> list[float]:
    """Total nats of the targets of each lesson, teacher-forced, in fp32."""
    device = next(net.parameters()).device
    order = sorted(range(len(lessons)), key=lambda place: len(lessons[place].ids))
    totals = [0.0] * len(lessons)
    net.eval()
    group: list[int] = []

    def flush() -> None:
        batch = batch_of([lessons[place] for place in group])
        ids, taste, labels = (torch.from_numpy(part).to(device) for part in (batch.ids, batch.taste, batch.labels))
        with torch.inference_mode():
            logits = net(ids, taste).float()  # (B, T, V)
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


def _loss(net: Any, batch: Batch, device: torch.device) -> torch.Tensor:
    ids, taste, labels = (torch.from_numpy(part).to(device) for part in (batch.ids, batch.taste, batch.labels))
    wanted = labels != IGNORED
    with mixed(device.type):
        # with many words the head is most of the work; a compiled graph wants one shape
        logits = net(ids, taste, wanted) if device.type == "cpu" else net(ids, taste)[wanted]  # (N, V)
    return functional.cross_entropy(logits.float(), labels[wanted])


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
        next(
            whole_lessons(
                entry, Exercise(tasks[place % 2] if entry.sheet.has_chords else "melody"), words, context=1024
            )
        )
        for place, entry in enumerate(validation[i] for i in order if validation[i].sheet.has_melody)
    ]
    lessons.sort(key=lambda lesson: len(lesson.ids))
    size = max(1, plan.batch_tokens // max(len(lesson.ids) for lesson in lessons))
    return [batch_of(lessons[i : i + size]) for i in range(0, len(lessons), size)]


@dataclass(slots=True)
class _Run:
    """What a run holds: the network, its averaged weights, the optimisers, and where it stands."""

    out: Path
    net: TasteNetwork
    runner: Any
    average: Tensors
    optimisers: list[torch.optim.Optimizer]
    state: State
    words: Vocabulary
    ranks: Ranks

    @classmethod
    def begin(
        cls, out: Path, plan: Plan, ranks: Ranks, *, words: Vocabulary, features: int, resume: bool, start: Path | None
    ) -> _Run:
        """A fresh run, or the one that ``out/training`` holds."""
        plain = build(network_config(plan.preset, vocab_size=len(words)), seed=plan.seed)
        if ranks.device.type == "cpu":
            use_blocks(plain)
        net = TasteNetwork(plain, words, features=features).to(ranks.device)
        if start is not None:
            start_from(net, start, words)
        average = {name: value.detach().clone() for name, value in net.state_dict().items()}
        runner: Any = torch.compile(net, dynamic=True) if ranks.device.type == "cuda" else net
        run = cls(out, net, runner, average, _optimisers(net, plan), State(), words, ranks)
        if resume:
            run.resume()
        elif ranks.is_first:
            (out / _STATE_FILE).unlink(missing_ok=True)  # a run that is replaced is not to be taken up again
            shutil.rmtree(out / _LOGS, ignore_errors=True)
        net.train()
        return run

    @property
    def rate(self) -> float:
        """The matrices' rate in the last step."""
        return float(self.optimisers[0].param_groups[0]["lr"])

    def step(
        self, source: Iterator[Portion], plan: Plan, share: float, *, clock: Callable[[], float] = lambda: 0.0
    ) -> float:
        """One update with ``share`` of the budget spent; the mean loss of its batches, those of all ranks.

        Args:
            clock: seconds the run has taken; only that of the first rank counts.

        Raises:
            CheckpointError: if the loss is not finite.
        """
        state, ranks = self.state, self.ranks
        loss_sum, tokens = torch.zeros((), dtype=torch.float64, device=ranks.device), 0
        for turn in range(plan.accumulate * ranks.world):
            portion = next(source)
            state.pool, state.batch = portion.after.pool, portion.after.batch
            if turn % ranks.world == ranks.rank:
                loss = _loss(self.runner, portion.batch, ranks.device)
                (loss / plan.accumulate).backward()  # type: ignore[no-untyped-call]
                loss_sum += loss.detach()
                tokens += int((portion.batch.ids != 0).sum())
        ranks.average_gradients(self.net.parameters())
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        rate = _rate(share, state.step)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak_lr"] * rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        state.step += 1
        if ranks.is_first:
            decay = min(EMA_DECAY, (1 + state.step) / (10 + state.step))
            with torch.no_grad():
                for name, value in self.net.state_dict().items():
                    self.average[name].lerp_(value, 1 - decay)
        total, heard, state.elapsed_s = ranks.sums((float(loss_sum), tokens, clock()))
        mean = total / (plan.accumulate * ranks.world)
        if not math.isfinite(mean):
            raise CheckpointError(f"the loss must stay finite, got {mean} at step {state.step}; lower the rate")
        state.tokens += int(heard)
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
                total += float(_loss(self.net, batch, self.ranks.device)) * wanted
                count += wanted
        self.net.load_state_dict(own)
        self.net.train()
        found = total / max(1, count)
        self.state.checks.append((self.state.step, found))
        return found

    def save(self) -> None:
        """Write what a resumed run needs, then the checkpoint as it would be now."""
        path = self.out / _STATE_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        kinds = {"weights": self.net.state_dict(), "average": self.average, "moments": moments_of(self.optimisers)}
        tensors = {f"{kind}/{name}": value for kind, group in kinds.items() for name, value in group.items()}
        write_tensors(tensors, path, notes={"state": json.dumps(asdict(self.state))})
        self.words.save(self.out / "vocab.json")
        config = json.loads(self.net.net.config.to_json_string(use_diff=False))
        write_json(self.out / "config.json", {**config, "dtype": "bfloat16"})
        write_checkpoint_weights(self.average, self.out)

    def resume(self) -> None:
        """Take up the run that ``save`` wrote."""
        path = self.out / _STATE_FILE
        if not path.is_file():
            raise CheckpointError(f"nothing to resume: there is no {path}; start without --resume")
        tensors, notes = read_tensors(path)
        kinds: dict[str, Tensors] = {"weights": {}, "average": {}, "moments": {}}
        for name, value in tensors.items():
            kind, _, rest = name.partition("/")
            kinds[kind][rest] = value
        set_weights(self.net, kinds["weights"], origin=path)
        averaged = with_head(kinds["average"])
        for name, value in self.average.items():
            value.copy_(averaged[name])
        set_moments(self.optimisers, kinds["moments"])
        raw = json.loads(notes["state"])
        raw["curve"] = [(int(step), float(loss)) for step, loss in raw["curve"]]
        raw["checks"] = [(int(step), float(loss)) for step, loss in raw["checks"]]
        self.state = State(**raw)


def _optimisers(net: TasteNetwork, plan: Plan) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in net.named_parameters() if p.ndim == 2 and "embed" not in name]  # noqa: PLR2004
    others = [p for name, p in net.named_parameters() if p.ndim != 2 or "embed" in name]  # noqa: PLR2004
    kind = torch.optim.Muon if has_bf16(next(net.parameters()).device.type) else Fp32Muon
    muon = kind(matrices, lr=plan.muon_rate, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.AdamW(others, lr=plan.adam_rate, betas=(0.9, 0.98), weight_decay=0.0)
    found: list[torch.optim.Optimizer] = [muon, adam]
    for optimiser in found:
        for group in optimiser.param_groups:
            group["peak_lr"] = group["lr"]
    return found

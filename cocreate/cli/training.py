"""``cocreate train music`` and ``train adapt``: from scratch, on your own files, or towards a listener."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cocreate.cli.ideas import CheckpointOption, JsonOption, ProfileOption
from cocreate.cli.show import WIDE, print_json, print_table, say
from cocreate.errors import FileError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cocreate.evaluate.own import Tuned
    from cocreate.model.train import Plan
    from cocreate.model.train import Progress as TrainingProgress

WEIGHTS = "model.safetensors"
DEFAULT_CHECKPOINT = "music"
TUNING_MINUTES, TUNING_TOKENS, TUNING_CHECK_STEPS = 5.0, 2048, 20  # of fine-tuning, where nothing else is asked for
ADAPTING_CHECK_STEPS = 5
CORPUS_TOKENS = 4096
_BUDGET_PARTS = 1000  # a training budget is minutes or steps; its bar counts thousandths of either
_NAMED_FILES = 5  # unreadable files that are named; of more the number is told

MinutesOption = Annotated[float | None, typer.Option(help="Time budget.")]
StepsOption = Annotated[int | None, typer.Option(help="Budget in steps, instead of minutes.")]
ThreadsOption = Annotated[int | None, typer.Option(help="Processor threads; else all.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the checkpoint in --out.")]


def train_music(
    *,
    corpus: Annotated[
        list[str] | None, typer.Option(metavar="DIR|music21", help="Folder of sets; may be given again.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Your own MIDI, MusicXML or ABC files: fine-tune on them.")
    ] = None,
    preset: Annotated[str, typer.Option(help="tiny, small or base.")] = "small",
    minutes: MinutesOption = None,
    steps: StepsOption = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The checkpoint.")] = Path("checkpoints/mine"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    start: Annotated[str | None, typer.Option("--from", metavar="CHECKPOINT", help="Begin with its weights.")] = None,
    full: Annotated[bool, typer.Option("--full", help="With --data: move every weight, not adapters.")] = False,
    tier: Annotated[str, typer.Option(help="Licences that may train: A, A* or B (most).")] = "A*",
    seed: Annotated[int, typer.Option(help="Of the weights and the order of the pieces.")] = 0,
    threads: ThreadsOption = None,
    batch_tokens: Annotated[int | None, typer.Option(help="Tokens in a batch.")] = None,
    accumulate: Annotated[int, typer.Option(help="Batches of each process in a step.")] = 1,
    task: Annotated[
        list[str] | None,
        typer.Option(help="With --corpus: practise this task alone, such as under."),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that prepare batches; else some for a GPU.")] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a checkpoint on a corpus, or fine-tune one on your files; several GPUs: torchrun -m."""
    if (data is None) == (not corpus):
        raise InputError("training needs --corpus (sets, from scratch) or --data (your own files), one of the two")
    if resume and data is not None:
        raise InputError("--resume is for --corpus; fine-tuning on --data takes minutes and begins anew")
    if not resume:
        _check_free(out, force=force, or_give="--resume or --force" if data is None else "--force")
    from cocreate.model.train import Plan

    if data is not None:
        plan = Plan(
            minutes=TUNING_MINUTES if minutes is None and steps is None else minutes, steps=steps, seed=seed,
            batch_tokens=batch_tokens or TUNING_TOKENS, threads=threads, check_every=TUNING_CHECK_STEPS,
        )  # fmt: skip
        _learn_style(data, out, plan, start=start or DEFAULT_CHECKPOINT, full=full, as_json=as_json)
        return
    from cocreate.evaluate.make import make_checkpoint
    from cocreate.model.checkpoint import find

    plan = Plan(
        preset, minutes, steps, batch_tokens or CORPUS_TOKENS, accumulate, seed=seed, threads=threads,
        workers=workers, tasks=tuple(task or ()),
    )  # fmt: skip
    origin = None if start is None else find(start)
    with _bars() as (reading, learning):
        card = make_checkpoint(
            corpus or (), out, plan, tier=tier, resume=resume, start=origin, watch_reading=reading,
            watch_training=learning,
        )  # fmt: skip
    if card is None:
        return  # one of several processes; the first one speaks
    if as_json:
        print_json(card)
        return
    pieces, run = card["pieces"], card["training"]
    say(f"{card['parameters'] / 1e6:.2f} M parameters, {pieces['train']} pieces, {run['steps']} steps in {out}")
    say(f"Next: `cocreate melody --checkpoint {out}`; curve and card are in the folder.")


def train_harmony(
    *,
    corpus: Annotated[list[str], typer.Option(metavar="DIR", help="Folder of sets, or music21; may be given again.")],
    minutes: Annotated[float, typer.Option(help="Time budget of training.")] = 40.0,
    tier: Annotated[str, typer.Option(help="Licences that may train: A, A* or B (most).")] = "A*",
    only: Annotated[list[str] | None, typer.Option("--set", help="Of these sets alone; may be given again.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Chord checkpoint to begin with.")] = None,
    rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    dropout: Annotated[float | None, typer.Option(help="0 to 1; small sets need more.")] = None,
    seed: Annotated[int, typer.Option(help="Of the weights and of what is heard when.")] = 0,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The checkpoint.")] = Path("checkpoints/my_harmony"),
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train the network that puts chords under melodies; a stopped run goes on."""
    from cocreate.model.chord_writer import WEIGHTS as CHORDS

    if (out / CHORDS).exists() and not force:
        raise FileError(f"{out} holds a checkpoint already; choose another --out, or give --force")
    from cocreate.evaluate.chord_checkpoint import make_chord_checkpoint

    with _bars() as (reading, learning):
        card = make_chord_checkpoint(
            corpus, out, minutes=minutes, tier=tier, sets=tuple(only or ()), start=start, rate=rate,
            dropout=dropout, seed=seed, watch_reading=reading, watch_training=learning,
        )  # fmt: skip
    if as_json:
        print_json(card)
        return
    say(
        f"{card['parameters'] / 1e6:.2f} M parameters, {card['pieces']['train']} pieces, {card['passes']} passes"
        f" in {out}"
    )
    say(
        f"Validation: {card['validation_told']} nats a chord."
        f" Next: `cocreate evaluate music --part chords --chords {out} --data DIR`."
    )


def train_band(
    *,
    corpus: Annotated[list[str], typer.Option(metavar="DIR", help="Folder of sets; may be given again.")],
    minutes: Annotated[float, typer.Option(help="Time budget of training.")] = 60.0,
    start: Annotated[str, typer.Option("--from", help="Checkpoint to go on from.")] = "music",
    tier: Annotated[str, typer.Option(help="Licences that may train: A or A*.")] = "A*",
    seed: Annotated[int, typer.Option(help="Of what is heard when.")] = 0,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The checkpoint.")] = Path("checkpoints/my_band"),
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train the network that writes bass, comping parts and drums."""
    _check_free(out, force=force)
    from cocreate.evaluate.band import make_band

    with _bars() as (reading, learning):
        card = make_band(
            corpus, out, minutes=minutes, start=start, tier=tier, seed=seed, watch_reading=reading,
            watch_training=learning,
        )  # fmt: skip
    if as_json:
        print_json(card)
        return
    say(f"{card['pieces']['train']} pieces in {out}. Held out, nats a token before and after: {card['held_out']}")


def train_lyrics(
    *,
    corpus: Annotated[
        list[Path], typer.Option(metavar="DIR", help="Folder of sets, or a set of verse; may be given again.")
    ],
    language: Annotated[str, typer.Option("--lang", help="en or zh.")] = "en",
    preset: Annotated[str, typer.Option(help="lyric, tiny, small or base; ngram: no network, in minutes.")] = "lyric",
    minutes: MinutesOption = None,
    steps: StepsOption = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The checkpoint.")] = Path("checkpoints/my_lyrics"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    start: Annotated[
        str | None, typer.Option("--from", metavar="CHECKPOINT", help="Lyric checkpoint to begin with.")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A Hugging Face causal LM to fine-tune instead.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights and the order of the poems.")] = 0,
    threads: ThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a lyric checkpoint on verse: words, network, vectors, guard against copying."""
    if not resume:
        _check_free(out, force=force, or_give="--resume or --force")
    from cocreate.evaluate.make_lyrics import make_foreign_checkpoint, make_lyric_checkpoint, make_ngram_checkpoint
    from cocreate.generate.lyric_request import LANGUAGES
    from cocreate.model.train import Plan

    if language not in LANGUAGES:
        raise InputError(f"--lang must be one of {', '.join(LANGUAGES)}, got {language!r}")
    if preset == "ngram":
        with _bars() as (reading, _):
            card = make_ngram_checkpoint(corpus, out, language=language, watch_reading=reading)
        _tell_lyrics(card, out, as_json=as_json)
        return
    plan = Plan(preset, minutes, steps, CORPUS_TOKENS, seed=seed, threads=threads, check_every=150, save_every_s=240)
    if base is not None:
        if language != "en" or resume or start is not None:
            raise InputError("--base fine-tunes a model on English verse, and goes with no --lang, --resume or --from")
        with _bars() as (reading, learning):
            card = make_foreign_checkpoint(base, corpus, out, plan, watch_reading=reading, watch_training=learning)
        if as_json:
            print_json(card)
            return
        told = card["held_out"]
        say(f"{card['steps']} steps in {out}. Held out, nats a token: {told['before']} before, {told['after']} after.")
        say(f"Next: `cocreate lyrics --checkpoint {out} --theme rain`.")
        return
    from cocreate.model.checkpoint import find

    origin = None if start is None else find(start)
    with _bars() as (reading, learning):
        card = make_lyric_checkpoint(
            corpus, out, plan, language=language, resume=resume, start=origin, watch_reading=reading,
            watch_training=learning,
        )  # fmt: skip
    _tell_lyrics(card, out, as_json=as_json)


def _tell_lyrics(card: dict[str, Any], out: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(card)
        return
    how = f"{card['training']['steps']} steps" if "training" in card else "n-grams"
    say(f"{card['words']:,} words, {how} in {out}")
    say(f"Next: `cocreate lyrics --checkpoint {out} --theme rain`; the card is in the folder.")


def train_adapt(
    *,
    profile: ProfileOption = "me",
    checkpoint: CheckpointOption = DEFAULT_CHECKPOINT,
    minutes: MinutesOption = None,
    steps: StepsOption = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The checkpoint.")] = Path("checkpoints/my_music"),
    seed: Annotated[int, typer.Option(help="Of the adapters, the order of the pairs and what is written.")] = 0,
    threads: ThreadsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fit a checkpoint to a listener, from what they kept and skipped."""
    _check_free(out, force=force)
    from cocreate.evaluate.listener import adapt
    from cocreate.model.train import Plan

    plan = Plan(
        minutes=TUNING_MINUTES if minutes is None and steps is None else minutes, steps=steps, seed=seed,
        threads=threads, check_every=ADAPTING_CHECK_STEPS,
    )  # fmt: skip
    with _bars() as (reading, learning):
        found = adapt(profile, out, plan, start=checkpoint, watch_reading=reading, watch_training=learning)
    if as_json:
        print_json(found.as_dict())
    else:
        rows = [
            ("kept, skipped", f"{found.kept}, {found.skipped}"),
            ("held-out pairs that come out right", f"{found.right:.0%} of {found.pairs}"),
            ("margin, nats a token", f"{found.margin:+.4f}"),
            ("drift from what it was, nats a token", f"{found.drift:.4f}"),
            ("of what was learned, kept", f"{found.scale:.0%}"),
            ("spread of what it writes, before and after", f"{found.spread_before:.3f}, {found.spread_after:.3f}"),
        ]
        print_table(("measured", "value"), rows, whole=("measured", "value"))
    if found.gone:
        say(f"{found.gone} pieces of {profile!r} were left out: their files are gone or hold another melody now.")
    say(f"{found.steps} steps, ended: {found.ended}. Next: `cocreate melody --checkpoint {out} --profile {profile}`.")


def _learn_style(data: Path, out: Path, plan: Plan, *, start: str, full: bool, as_json: bool) -> None:
    """Fine-tune on a folder, and tell what came of it."""
    from cocreate.evaluate.own import learn_style

    with _bars() as (reading, learning):
        found = learn_style(data, out, plan, start=start, full=full, watch_reading=reading, watch_training=learning)
    _tell_warnings(found)
    if as_json:
        print_json(found.as_dict())
    else:
        rows = [
            ("before, no style word", f"{found.before:.3f}", ""),
            (f"after, style {found.style!r}", f"{found.after:.3f}", f"{found.after / found.before - 1:+.1%}"),
        ]
        print_table((f"{found.held_out} held-out pieces", "nats a note", "change"), rows)
    say(f"{found.pieces} pieces, {found.steps} steps in {found.minutes} min, the best at {found.best_step}, in {out}")
    say(f"Next: `cocreate melody --checkpoint {out} --style {out.name}`; curve and card are in the folder.")


def _tell_warnings(found: Tuned) -> None:
    if found.unread:
        names = ", ".join(list(found.unread)[:_NAMED_FILES]) + (", ..." if len(found.unread) > _NAMED_FILES else "")
        say(f"{len(found.unread)} files could not be read: {names}")
    if found.left_out:
        say(f"left out: {'; '.join(f'{count} {reason}' for reason, count in found.left_out.items())}")
    if found.is_small:
        say(
            f"{found.pieces + found.held_out} pieces with {found.notes:,} notes are few: expect ideas that lean towards"
            " yours, and a held-out figure that may be chance; from 20 pieces on a style is learned."
        )


def _check_free(out: Path, *, force: bool, or_give: str = "--force") -> None:
    if (out / WEIGHTS).exists() and not force:
        raise FileError(f"{out} holds a checkpoint already; choose another --out, or give {or_give}")


@contextmanager
def _bars() -> Iterator[tuple[Callable[[str, int], None], Callable[[TrainingProgress], None]]]:
    """Bars on stderr for reading and for training, as two functions to call with the news."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    screen = Console(stderr=True)
    if not screen.is_terminal:
        screen = Console(stderr=True, width=WIDE)
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[news]}"), TimeElapsedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    bars = Progress(*columns, console=screen)
    sets: dict[str, TaskID] = {}
    learning: list[TaskID] = []

    def read(name: str, count: int) -> None:
        if name not in sets:
            bars.start()  # with the first news: an error before it is a line of its own
            sets[name] = bars.add_task(name, total=None, news="")
        bars.update(sets[name], completed=count, news=f"{count} pieces")

    def learn(news: TrainingProgress) -> None:
        if not learning:
            bars.start()
            for task in sets.values():
                bars.update(task, total=bars.tasks[task].completed)
            learning.append(bars.add_task("training", total=_BUDGET_PARTS, news=""))
        text = f"step {news.step}, loss {news.loss:.3f}, {news.tokens_per_s:,.0f} tokens/s"
        bars.update(learning[0], completed=min(1.0, news.share) * _BUDGET_PARTS, news=text)

    try:
        yield read, learn
    finally:
        if bars.tasks:
            bars.stop()

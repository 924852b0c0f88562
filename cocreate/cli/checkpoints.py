"""``cocreate styles``, ``info``, ``train music`` and ``evaluate music``: what has learned, and how well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cocreate.cli.ideas import CheckpointOption, JsonOption, open_studio
from cocreate.cli.show import WIDE, print_json, print_table, say
from cocreate.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cocreate.model.train import Progress as TrainingProgress

WEIGHTS = "model.safetensors"
_BUDGET_PARTS = 1000  # a training budget is minutes or steps; its bar counts thousandths of either


def styles(*, checkpoint: CheckpointOption = "music", as_json: JsonOption = False) -> None:
    """List the styles a checkpoint knows."""
    table = {name: row for name, row in open_studio(checkpoint=checkpoint).styles.items() if name != "any"}
    rows = [
        {
            "style": name,
            "pieces": row.get("pieces"),
            "tempo_bpm": round(row["tempo"][2]),
            "meters": [meter for meter, _ in row["meters"]],
        }
        for name, row in sorted(table.items(), key=lambda item: (-item[1].get("pieces", 0), item[0]))
    ]
    if as_json:
        print_json({"styles": rows})
        return
    shown = [(r["style"], r["pieces"] or "", r["tempo_bpm"], ", ".join(r["meters"])) for r in rows]
    print_table(("style", "training pieces", "usual tempo", "metres"), shown, whole=("style",))


def info(
    checkpoint: Annotated[str, typer.Argument(metavar="[CHECKPOINT]", help="A name or a folder.")] = "music",
    *,
    as_json: JsonOption = False,
) -> None:
    """Show a checkpoint's card: sets, licences, numbers."""
    from cocreate.model.checkpoint import open_checkpoint

    found = open_checkpoint(checkpoint)
    card = found.card
    if as_json:
        print_json({"folder": str(found.folder), **card})
        return
    _print_facts(found.folder, card)
    sets: dict[str, dict[str, Any]] = card.get("sets", {})
    total = sum(row.get("notes", 0) for row in sets.values()) or 1
    ordered = sorted(sets.items(), key=lambda item: -item[1].get("notes", 0))
    rows = [
        (
            name,
            row.get("licence", "?"),
            row.get("tier", "?"),
            row.get("pieces", 0),
            f"{row.get('notes', 0) / total:.1%}",
        )
        for name, row in ordered
    ]
    if rows:
        print_table(
            ("training set", "licence", "tier", "pieces", "share of notes"), rows, whole=("training set", "tier")
        )
    typer.echo(
        f"\n{card.get('held_out') or 'No held-out numbers in the card: `cocreate evaluate music` measures them.'}"
    )


def train_music(
    *,
    corpus: Annotated[list[str], typer.Option(metavar="DIR|music21", help="Folder of sets; may be given again.")],
    preset: Annotated[str, typer.Option(help="tiny, small or base.")] = "small",
    minutes: Annotated[float | None, typer.Option(help="Time budget.")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget in steps, instead of minutes.")] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The checkpoint.")] = Path("checkpoints/mine"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    start: Annotated[str | None, typer.Option("--from", metavar="CHECKPOINT", help="Begin with its weights.")] = None,
    tier: Annotated[str, typer.Option(help="Licences that may train: A, A* or B (most).")] = "A*",
    seed: Annotated[int, typer.Option(help="Of the weights and the order of the pieces.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Processor threads; else all.")] = None,
    batch_tokens: Annotated[int, typer.Option(help="Tokens in a step.")] = 4096,
    force: Annotated[bool, typer.Option("--force", help="Replace the checkpoint in --out.")] = False,
) -> None:
    """Train a checkpoint on your own corpus, or on music21's."""
    if (out / WEIGHTS).exists() and not (resume or force):
        raise FileError(f"{out} holds a checkpoint already; choose another --out, or give --resume or --force")
    from cocreate.model.checkpoint import find
    from cocreate.model.train import Plan

    plan = Plan(preset, minutes, steps, batch_tokens, seed=seed, threads=threads)
    origin = None if start is None else find(start)
    from cocreate.evaluate.make import make_checkpoint

    with _bars() as (reading, learning):
        card = make_checkpoint(
            corpus, out, plan, tier=tier, resume=resume, start=origin, watch_reading=reading, watch_training=learning
        )
    pieces, run = card["pieces"], card["training"]
    say(f"{card['parameters'] / 1e6:.2f} M parameters, {pieces['train']} pieces, {run['steps']} steps in {out}")
    say(f"Next: `cocreate melody --checkpoint {out}`; curve and card are in the folder.")


def evaluate_music(
    *,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of sets; their held-out works are measured.")],
    checkpoint: CheckpointOption = "music",
    tier: Annotated[str, typer.Option(help="Licences that are measured: A, A* or B (most).")] = "A*",
    seed: Annotated[int, typer.Option(help="Of the ideas that are written and of what the n-gram sees.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure nats a note on held-out works, form kept and copies, beside baselines."""
    from cocreate.evaluate.music import evaluate_music, format_table
    from cocreate.model.corpus.build import tiers_up_to

    found = evaluate_music(data, checkpoint=checkpoint, tiers=tiers_up_to(tier), seed=seed, watch=say)
    if as_json:
        print_json(found.as_dict())
    else:
        typer.echo(format_table(found))


def _print_facts(folder: Path, card: dict[str, Any]) -> None:
    run = card.get("training", {})
    facts = {
        "checkpoint": f"{card.get('name', folder.name)} in {folder}",
        "made": card.get("made"),
        "parameters": f"{card['parameters']:,}" if "parameters" in card else None,
        "preset": card.get("preset"),
        "trained": f"{run['steps']:,} steps, {run['tokens']:,} tokens, {run['minutes']} minutes" if run else None,
        "tier": card.get("tier"),
        "validation": f"{card['validation_nats_a_token']} nats a token"
        if card.get("validation_nats_a_token")
        else None,
    }
    for name, value in facts.items():
        if value is not None:
            typer.echo(f"{name:<12}{value}")
    typer.echo("")


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

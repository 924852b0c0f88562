"""``cocreate evaluate music``, ``lyrics``, ``files``, ``taste`` and ``train chorales``: all that is measured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cocreate.cli.ideas import CheckpointOption, JsonOption
from cocreate.cli.show import print_json, say
from cocreate.errors import FileError

DataOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder of sets; their held-out works are measured.")]


def evaluate_music(
    *,
    data: DataOption,
    checkpoint: CheckpointOption = "music",
    part: Annotated[
        list[str] | None,
        typer.Option(
            help="likelihood, chorales, chords, voices, vary, ideas, styles or taste; again for more. Else all."
        ),
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The packed corpus.npz of a training run on --data: saves time.")
    ] = None,
    chords: Annotated[
        list[str] | None, typer.Option(help="Chord checkpoint for the part chords; may be given again. Else harmony.")
    ] = None,
    tier: Annotated[str, typer.Option(help="Licences that are measured: A, A* or B (most).")] = "A*",
    seed: Annotated[int, typer.Option(help="Of the ideas that are written and of what the n-gram sees.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure a checkpoint on held-out works, each table beside its baselines."""
    from cocreate.evaluate.suite import evaluate_all
    from cocreate.model.checkpoint import HARMONY
    from cocreate.model.corpus.build import tiers_up_to

    found = evaluate_all(
        data, checkpoint=checkpoint, parts=part, corpus=corpus, harmony=tuple(chords or (HARMONY,)),
        tiers=tiers_up_to(tier), seed=seed, watch=say,
    )  # fmt: skip
    if as_json:
        print_json(found.as_dict())
    else:
        typer.echo(found.text())


def evaluate_lyrics(
    *,
    data: DataOption,
    checkpoint: CheckpointOption = "lyrics",
    part: Annotated[
        list[str] | None,
        typer.Option(help="likelihood, chinese, form, cost, people, theme or speed; may be given again. Else all."),
    ] = None,
    songs: Annotated[int, typer.Option(help="Held-out tunes that words are written to.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the lyrics that are written.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure the lyric partner: likelihood, form and its cost, theme, novelty, speed, beside people and chance."""
    from cocreate.evaluate.lyrics import evaluate_lyrics as evaluate

    tables = evaluate(data, checkpoint=checkpoint, parts=part or (), songs=songs, seed=seed, watch=say)
    if as_json:
        print_json({"tables": [{"heading": t.heading, "head": t.head, "rows": t.rows} for t in tables]})
    else:
        typer.echo("\n".join(table.text() for table in tables))


def evaluate_taste(
    *,
    data: DataOption,
    part: Annotated[
        list[str] | None,
        typer.Option(help="warm, cold, unseen, symbolic or comments; may be given again. Else all that can be."),
    ] = None,
    splits: Annotated[int, typer.Option(help="Random splits of HetRec Last.fm-2k, 1 to 20.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Measure the recommenders, the symbolic listeners and the reading of comments, beside baselines."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from cocreate.evaluate.taste_suite import evaluate_all_taste

    found = evaluate_all_taste(data, parts=part, splits=splits, watch=say)
    if as_json:
        print_json(found.as_dict())
    else:
        typer.echo(found.text())


def train_chorales(
    *,
    data: DataOption,
    minutes: Annotated[float, typer.Option(help="Time budget.")] = 60.0,
    epochs: Annotated[int, typer.Option(help="Times that the chorales are heard, in all keys.")] = 26,
    seed: Annotated[int, typer.Option(help="Of the weights and the order of the pieces.")] = 0,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The weights, .safetensors.")] = Path(
        "chorales.safetensors"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Train a network on the JSB Chorales alone, for the benchmark; a stopped run goes on."""
    if out.exists() and not force:
        raise FileError(f"{out} exists already; choose another --out, or give --force")
    from cocreate.evaluate.chorales import train_chorales as train
    from cocreate.evaluate.suite import JSB_FOLDER
    from cocreate.model.grid import GridPlan
    from cocreate.model.grid_train import GridProgress

    def tell(news: GridProgress) -> None:
        check = "" if news.validation is None else f", validation {news.validation:.4f}"
        say(f"epoch {news.epoch} of {epochs}: {news.training:.4f} nats a note{check}, {news.elapsed_s:.0f} s")

    train(data / JSB_FOLDER, out, GridPlan(epochs=epochs, minutes=minutes, seed=seed), watch=tell)
    say(f"Weights in {out}; `cocreate evaluate music --part chorales` measures those of checkpoints/chorales.")


def evaluate_files(
    *,
    data: DataOption,
    count: Annotated[int, typer.Option(help="Files, spread evenly over the folder.")] = 2000,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help=".mid, .musicxml, .abc or .krn; may be given again. Else all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send real files through each format and count what survives."""
    from cocreate.evaluate.roundtrip import FORMATS, format_round_trip, round_trip

    found = round_trip(data, count=count, formats=formats or FORMATS, watch=say)
    if as_json:
        print_json(found.as_dict())
    else:
        typer.echo(format_round_trip(found))

"""The commands, and where each is written."""

from __future__ import annotations

from typing import Annotated

import typer

import cocreate
from cocreate.cli import checkpoints, doctor, ideas, taste


def _group() -> typer.Typer:
    # plain help: rich's would cost a third of the time budget of `cocreate --help`
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the shape typer asks of a callback
    if wanted:
        typer.echo(f"cocreate {cocreate.__version__}")
        raise typer.Exit


app, train, evaluate = _group(), _group(), _group()


@app.callback()
def _begin(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Co-create music: melodies sorted by your taste, as MIDI for your DAW, offline."""


@train.callback()
def _begin_training() -> None:
    """Train a checkpoint."""


@evaluate.callback()
def _begin_evaluation() -> None:
    """Measure a checkpoint."""


app.command("melody")(ideas.melody)
app.command("rank")(ideas.rank)
app.command("keep")(taste.keep)
app.command("skip")(taste.skip)
app.command("profile")(taste.profile)
app.command("styles")(checkpoints.styles)
app.command("info")(checkpoints.info)
app.command("doctor")(doctor.doctor)
train.command("music")(checkpoints.train_music)
evaluate.command("music")(checkpoints.evaluate_music)
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")

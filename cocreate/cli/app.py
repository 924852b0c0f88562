"""The commands, and where each is written."""

from __future__ import annotations

from typing import Annotated

import typer

import cocreate
from cocreate.cli.arrangement import arrange, blend, song
from cocreate.cli.catalogue import catalog, explain, recommend, similar
from cocreate.cli.checkpoints import info, styles
from cocreate.cli.desk import export, import_, render
from cocreate.cli.doctor import doctor
from cocreate.cli.evaluation import evaluate_files, evaluate_lyrics, evaluate_music, evaluate_taste, train_chorales
from cocreate.cli.harmony import harmony
from cocreate.cli.ideas import melody, rank
from cocreate.cli.listen import play, show
from cocreate.cli.lyrics import lyrics
from cocreate.cli.partners import continue_, fill, vary
from cocreate.cli.profiles import profile
from cocreate.cli.taste import keep, skip
from cocreate.cli.training import train_adapt, train_band, train_harmony, train_lyrics, train_music


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


app.command("melody")(melody)
app.command("harmony")(harmony)
app.command("arrange")(arrange)
app.command("song")(song)
app.command("blend")(blend)
app.command("lyrics")(lyrics)
app.command("fill")(fill)
app.command("vary")(vary)
app.command("continue")(continue_)
app.command("rank")(rank)
app.command("play")(play)
app.command("show")(show)
app.command("export")(export)
app.command("render")(render)
app.command("import")(import_)
app.command("keep")(keep)
app.command("skip")(skip)
app.command("recommend")(recommend)
app.command("explain")(explain)
app.command("similar")(similar)
app.command("styles")(styles)
app.command("info")(info)
app.command("doctor")(doctor)
train.command("music")(train_music)
train.command("harmony")(train_harmony)
train.command("band")(train_band)
train.command("lyrics")(train_lyrics)
train.command("adapt")(train_adapt)
train.command("chorales")(train_chorales)
evaluate.command("music")(evaluate_music)
evaluate.command("lyrics")(evaluate_lyrics)
evaluate.command("files")(evaluate_files)
evaluate.command("taste")(evaluate_taste)
app.add_typer(profile, name="profile")
app.add_typer(catalog, name="catalog")
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")

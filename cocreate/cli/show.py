"""Printing: tables for people, one JSON object for programs, and lines about either on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 120  # columns; what a file or a pipe gets


def say(line: str) -> None:
    """A line about the result, on stderr."""
    typer.echo(line, err=True)


def print_json(value: object) -> None:
    """One JSON object on stdout; letters beyond ASCII stay readable where stdout can show them."""
    can_show = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(value, ensure_ascii=not can_show, indent=1))


def console() -> Console:
    """Stdout, as wide as the terminal; lines that go elsewhere are not broken at 80."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False, emoji=False)


@contextmanager
def share_bar(doing: str) -> Iterator[Callable[[float], None]]:
    """A progress bar on stderr while a long task runs; what it gives is told the share that is done, 0..1."""
    if not sys.stderr.isatty():
        yield lambda _share: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=1.0)
        yield lambda share: progress.update(task, completed=share)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, whole: Sequence[str] = ()) -> None:
    """A table; the columns named in ``whole`` are never broken, so that they can be copied."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name in whole, overflow="ignore" if name in whole else "fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # Text: a "[b]" in a title is no markup
    console().print(table)

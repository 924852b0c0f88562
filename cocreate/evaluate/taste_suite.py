"""Everything that is measured of taste, in one report: recommenders, made listeners, comments.

Conventions:
    Parts: ``warm``, ``cold`` and ``unseen`` (HetRec Last.fm-2k), ``symbolic`` (listeners made of labelled pieces) and
    ``comments`` (Chinese liking across domains; a profile of comments alone). What the data does not allow is left
    out, and said, unless it was asked for by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocreate.errors import FileError, InputError
from cocreate.evaluate.taste import PARTS as LISTENING
from cocreate.evaluate.taste import evaluate_taste
from cocreate.evaluate.taste_hetrec import FOLDER
from cocreate.evaluate.taste_listeners import comment_orders, labelled, measure_listeners
from cocreate.evaluate.taste_text import format_text, measure_text, read_reviews
from cocreate.model.corpus.build import read_sets

PARTS = (*LISTENING, "symbolic", "comments")


@dataclass(frozen=True, slots=True)
class TasteSuite:
    """Part -> its numbers, and its table as text."""

    reports: Mapping[str, Any]
    texts: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dict(self.reports)

    def text(self) -> str:
        """All tables."""
        return "\n\n".join(self.texts.values())


def evaluate_all_taste(  # noqa: C901 - part by part
    data: Path,
    *,
    parts: Sequence[str] | None = None,
    splits: int = 5,
    watch: Callable[[str], None] = lambda _doing: None,
) -> TasteSuite:
    """Measure ``parts``; None for all that the data allows.

    Raises:
        InputError: if a part is unknown.
        FileError: if what a part needs is not there.
    """
    if unknown := [part for part in parts or () if part not in PARTS]:
        raise InputError(f"parts must be of {', '.join(PARTS)}, got {', '.join(unknown)}")
    if not data.is_dir():
        raise FileError(f"the data must be a folder of sets, but there is no folder {data}")
    wanted = list(PARTS if parts is None else parts)
    reports: dict[str, Any] = {}
    texts: dict[str, str] = {}
    listening = [part for part in wanted if part in LISTENING]
    if parts is None and not ((data / FOLDER).is_dir() or (data / "user_artists.dat").is_file()):
        watch(f"left out: {', '.join(listening)} need {FOLDER}")
        listening = []
    if listening:
        found = evaluate_taste(data, parts=listening, splits=splits, watch=watch)
        reports["listening"], texts["listening"] = found.as_dict(), found.text()
    if {"symbolic", "comments"} & set(wanted):
        watch("reading labelled music")
        try:
            for name, report in _on_pieces(data, wanted):
                reports[name], texts[name] = report.as_dict(), report.text()
        except (FileError, InputError) as error:
            if parts is not None:
                raise
            watch(f"left out: {error}")
    if "comments" in wanted:
        try:
            text = measure_text(read_reviews())
            reports["comments"], texts["comments"] = text.as_dict(), format_text(text)
        except FileError as error:
            watch(f"left out: {error}")
    return TasteSuite(reports, texts)


def _on_pieces(data: Path, wanted: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """What is measured on labelled pieces."""
    pieces = labelled(read_sets([str(data)]))
    if "symbolic" in wanted:
        yield "symbolic", measure_listeners(pieces)
    if "comments" in wanted:
        yield "comment profiles", comment_orders(pieces)

"""The example catalogue and listener that are installed with the program, so that there is something to recommend.

Conventions:
    One JSON file beside the tunes: the items as they were heard, and what the example listener kept, skipped and said.
    The listener is marked as an example and is never stored; a profile of the same name of your own comes first.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cocreate.taste.events import Event, HeardItem
from cocreate.taste.features import FeatureVector

NAME = "example"
_DAY = "2026-01-01T12:00:00+00:00"
_FILE = "example.json"
_DIGITS = 5


def example_items() -> tuple[HeardItem, ...]:
    """The tunes of the example catalogue."""
    folder, found = _read()
    return tuple(
        HeardItem(
            row["id"], FeatureVector.from_dict(row["features"]), row["title"], row["style"], str(folder / row["file"]),
            row["artist"], row["album"], row["year"], tuple(row["tags"]), MappingProxyType(row["traits"]),
        )
        for row in found["items"]
    )  # fmt: skip


def example_events() -> tuple[Event, ...]:
    """What the example listener did."""
    _, found = _read()
    items = {item.id: item for item in example_items()}
    events = [Event(kind, items[name], at=_DAY) for kind in ("keep", "skip") for name in found[kind]]
    said = found["comment"]
    if not said:
        return ()
    return (*events, Event("comment", items[said["item"]], text=said["text"], at=_DAY))


def unstored_events(name: str) -> tuple[Event, ...]:
    """What is known of a listener of whom nothing is stored: the example's events under its name, else nothing."""
    return example_events() if name == NAME else ()


def described(item: HeardItem) -> dict[str, Any]:
    """An item as the file keeps it."""
    heard = {name: None if v is None else round(v, _DIGITS) for name, v in item.features.as_dict().items()}
    return {
        "id": item.id, "title": item.title, "artist": item.artist, "album": item.album, "style": item.style,
        "year": item.year, "file": Path(item.path).name, "tags": list(item.tags),
        "traits": {name: round(v, _DIGITS) for name, v in item.traits.items()}, "features": heard,
    }  # fmt: skip


@cache
def _read() -> tuple[Path, dict[str, Any]]:
    here = Path(__file__).resolve().parent.parent
    for folder in (here / "samples", here.parent / "samples" / "catalogue"):
        if (folder / _FILE).is_file():
            found: dict[str, Any] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            return folder, found
    return here, {"items": [], "keep": [], "skip": [], "comment": {}}

"""From data folders to a packed corpus: which sets there are, and the one way through reading, cleaning and packing.

Conventions:
    A corpus folder holds one folder a set, named as in ``SETS``; what is absent is skipped. ``music21`` names the
    corpus that comes inside the music21 package, for people who have no folder.
"""

from __future__ import annotations

import importlib
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cocreate.errors import FileError, InputError
from cocreate.model.corpus.clean import Report, clean, deduplicate
from cocreate.model.corpus.pack import Describe, Entry, entry_of
from cocreate.model.corpus.piece import TIERS, Piece
from cocreate.model.vocabulary import Vocabulary

_log = logging.getLogger(__name__)

# set -> (folder, module, reader); first come first kept when a tune is in several
SETS: dict[str, tuple[str, str, str]] = {
    "jsb_chorales": ("jsb_chorales", "chorales", "read_jsb_chorales"),
    "wjazzd": ("wjazzd", "tables", "read_wjazzd"),
    "openewld_pd": ("openewld_pd", "scores", "read_openewld_pd"),
    "pop909": ("pop909", "pop", "read_pop909"),
    "fiddle_tunes_pd": ("fiddle_tunes_pd", "scores", "read_fiddle_tunes_pd"),
    "openhymnal_pd": ("openhymnal_pd", "scores", "read_openhymnal_pd"),
    "openscore_lieder": ("openscore_lieder", "scores", "read_openscore_lieder"),
    "openscore_quartets": ("openscore_quartets", "scores", "read_openscore_quartets"),
    "gutenberg_cowboy": ("gutenberg_songs", "midis", "read_gutenberg_cowboy"),
    "mutopia": ("mutopia", "midis", "read_mutopia"),
    "rock_corpus_rs200": ("rock_corpus_rs200", "rock", "read_rock_corpus_rs200"),
    "nottingham": ("nottingham", "scores", "read_nottingham"),
    # no melody of their own: they teach chords and drums
    "mcgill_billboard": ("mcgill_billboard", "charts", "read_mcgill_billboard"),
    "improvisor_jazz": ("improvisor_jazz", "charts", "read_improvisor_jazz"),
    "groove_midi": ("groove_midi", "drums", "read_groove_midi"),
    "js_fakes": ("js_fakes", "chorales", "read_js_fakes"),
}


def tiers_up_to(tier: str) -> tuple[str, ...]:
    """The tiers a person accepts: "A" alone, "A*" with A, "B" with both.

    Raises:
        InputError: for any other word.
    """
    if tier not in TIERS:
        raise InputError(f"tier must be one of {', '.join(TIERS)}, got {tier!r}")
    return TIERS[: TIERS.index(tier) + 1]


def read_sets(
    corpora: Sequence[str],
    *,
    only: Sequence[str] = (),
    watch: Callable[[str, int], None] = lambda _name, _count: None,
) -> Iterator[Piece]:
    """Every piece of the named corpora: folders of sets, or ``music21``.

    Args:
        only: of these sets alone; none for all.
        watch: called with the set's name and the pieces read of it so far.

    Raises:
        FileError: if a folder is not there or holds no set we know.
    """
    for corpus in corpora:
        if corpus == "music21":
            readers = {"music21": _reader("scores", "read_music21_corpus")}
        else:
            root = Path(corpus).expanduser()
            if not root.is_dir():
                raise FileError(f"a corpus must be a folder or 'music21', got {corpus!r}")
            readers = {
                name: (lambda path=root / folder, module=module, reader=reader: _reader(module, reader)(path))
                for name, (folder, module, reader) in SETS.items()
                if (root / folder).is_dir() and (not only or name in only)
            }
            if not readers:
                raise FileError(f"a corpus folder must hold one of {', '.join(only or SETS)}; {root} holds none")
        for name, read in readers.items():
            for count, piece in enumerate(read(), start=1):
                watch(name, count)
                yield piece


def pack(
    pieces: Iterator[Piece],
    words: Vocabulary,
    *,
    tiers: Sequence[str],
    describe: Describe = lambda _song: (),
    watch: Callable[[str, int], None] = lambda _name, _count: None,
) -> tuple[list[Entry], Report]:
    """Clean, de-duplicate and tokenise; what does not fit the vocabulary is counted as dropped.

    Args:
        describe: the content vector of a song, for the model that is conditioned on taste.
    """
    report = Report()
    allowed: list[Piece] = []
    for piece in pieces:
        if piece.tier in tiers:
            allowed.append(piece)
        else:
            report.dropped[f"tier {piece.tier}"] += 1
    entries: list[Entry] = []
    for count, piece in enumerate(deduplicate(clean(allowed, report), report), start=1):
        watch("tokenising", count)
        try:
            entries.append(entry_of(piece, words, describe=describe))
        except InputError as error:
            report.dropped[str(error).split(",")[0]] += 1
            _log.info("%s left out: %s", piece.name, error)
            continue
        report.kept[piece.dataset] += 1
    return entries, report


def shares(entries: Sequence[Entry]) -> dict[str, dict[str, object]]:
    """For the card: each set's licences, tiers and number of training pieces and ids, all tracks counted."""
    licences: dict[str, set[str]] = defaultdict(set)
    tiers: dict[str, set[str]] = defaultdict(set)
    ids: Counter[str] = Counter()
    pieces: Counter[str] = Counter()
    for entry in entries:
        pieces[entry.dataset] += 1
        ids[entry.dataset] += sum(
            len(bar.melody) + len(bar.chords) + sum(map(len, bar.others)) for bar in entry.sheet.bars
        )
        licences[entry.dataset].add(entry.licence)
        tiers[entry.dataset].add(entry.tier)
    return {
        name: {
            "licence": "; ".join(sorted(licences[name])),
            "tier": ", ".join(sorted(tiers[name])),
            "pieces": pieces[name],
            "ids": ids[name],
        }
        for name in pieces
    }


def _reader(module: str, name: str) -> Callable[..., Iterator[Piece]]:
    found: Callable[..., Iterator[Piece]] = getattr(importlib.import_module(f"cocreate.model.corpus.{module}"), name)
    return found

"""The catalogue: a musician's files and lists in, recommendations out, by the scorer that ranks ideas.

Conventions:
    A file is heard once, when it is added; a track that is only named in a list is known by its words. The same music
    as a file and as a fresh idea gets the same score. Recommending reads the catalogue, never the files, and reads it
    once: a `Collection` keeps it until it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import CocreateError, FileError, InputError
from cocreate.files import SUFFIXES
from cocreate.generate.request import ANY
from cocreate.judge.novelty import NoveltyIndex
from cocreate.model.checkpoint import Checkpoint, open_checkpoint
from cocreate.music.song import Song
from cocreate.ranking import about, heard_of, item_of
from cocreate.shelf import read_styled
from cocreate.taste.catalogue import Catalogue, read_catalogue
from cocreate.taste.content import mood_fit
from cocreate.taste.diversity import Choice, choose
from cocreate.taste.events import Event, HeardItem, check_profile_name
from cocreate.taste.example import unstored_events
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale
from cocreate.taste.packed import stamp_of
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import Scorer
from cocreate.taste.store import Store
from cocreate.taste.table import Item, ItemTable

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
TEXT_SUFFIXES = (".txt", ".lrc")
KINDS = ("tracks", "artists", "styles", "albums")
DIVERSITY = 0.2
_BATCH = 64  # items stored at a time
_MOST_WORDS = 20_000  # letters of lyrics that are kept


@dataclass(slots=True)
class Added:
    """What became of the files and rows: ``new`` of ``read`` were not in the catalogue; the rest says why."""

    read: int = 0
    new: int = 0
    skipped: dict[str, str] = field(default_factory=dict)  # file -> why it cannot be used

    def as_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {"read": self.read, "new": self.new, "skipped": self.skipped}


class Collection:
    """The catalogue and one listener.

    Args:
        profile: whose taste recommends; a name that is not stored yet is an empty profile.
        checkpoint: knows what is usual in a style and which tunes are known.
        home: where profiles are kept; by default the user's data folder, ``COCREATE_HOME`` or ``COCREATE_DB``.
    """

    def __init__(self, *, profile: str = "me", checkpoint: str | Path = "music", home: Path | None = None) -> None:
        self.profile_name = check_profile_name(profile)
        self._checkpoint_name = checkpoint
        self.store = Store(home)
        self._kept: Catalogue | None = None

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return open_checkpoint(self._checkpoint_name)

    @cached_property
    def _styles(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._checkpoint.extra("styles.json")
        return found

    @cached_property
    def _known(self) -> NoveltyIndex:
        return NoveltyIndex.load(self._checkpoint.folder / "novelty.npz")

    @cached_property
    def scale(self) -> FeatureScale:
        """How features compare: the checkpoint's."""
        table = self._styles.get("feature_scale")
        return FeatureScale.from_mapping(table) if table else DEFAULT_SCALE

    @property
    def _row(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._styles["styles"].get(ANY, {})
        return found

    @property
    def profile(self) -> Profile:
        """The listener as the stored events have made them; the example where it was asked for and is nobody's own."""
        if self.profile_name not in self.store.profiles():
            return Profile.from_events(self.profile_name, unstored_events(self.profile_name))
        return Profile.from_events(self.profile_name, self.store.events(self.profile_name))

    def hear(self, path: Path) -> HeardItem:
        """What is heard or read in a file of any kind that a catalogue takes.

        Raises:
            InputError: if the kind is unknown or there is no melody.
            FileError: if the file is missing or broken.
        """
        ending = path.suffix.lower()
        if ending in AUDIO_SUFFIXES:
            from cocreate.files.recordings import listen

            heard = listen(path)
            return HeardItem(
                f"a{heard.digest}", HeardItem.named("", path.stem).features, heard.title or path.stem, heard.style,
                str(path.resolve()), heard.artist, heard.album, heard.year, traits=heard.traits,
            )  # fmt: skip
        if ending in TEXT_SUFFIXES:
            try:
                words = path.read_text(encoding="utf-8-sig")[:_MOST_WORDS].strip()
            except (OSError, UnicodeDecodeError) as error:
                raise FileError(f"{path} must be a text in UTF-8: {error}") from error
            if not words:
                raise InputError(f"lyrics must have words, got an empty file {path}")
            named = HeardItem.named("", path.stem)
            return replace(named, path=str(path.resolve()), words=words, traits=about(words, is_all=True))
        song = read_styled(path)
        heard_song = heard_of(song, self._known.longest_match(song.melody.notes), self._row, path=str(path.resolve()))
        return replace(heard_song, title=song.title or path.stem)

    def add(
        self,
        paths: Iterable[Path],
        *,
        metadata: Path | None = None,
        watch: Callable[[int], None] = lambda _count: None,
    ) -> Added:
        """Hear files and put them into the catalogue; a file that cannot be used is told and left out.

        Args:
            paths: files, and folders that are searched through.
            metadata: a table with a column ``file`` or ``path`` (matched by name) or ``title``, and any of artist,
                album, style, year, tags; rows that match no file become tracks that are known by their words.
            watch: told how many files were heard.

        Raises:
            InputError: if there is nothing to add.
            FileError: if the table or the database cannot be read.
        """
        files = list(_files(paths))
        rows = _metadata(metadata) if metadata is not None else []
        if not files and not rows:
            raise InputError(f"a catalogue needs files ending in {', '.join((*SUFFIXES, *AUDIO_SUFFIXES))}, got none")
        told, named = _by_file(rows)
        added = Added()
        batch: list[HeardItem] = []
        for count, path in enumerate(files, start=1):
            try:
                heard = self.hear(path)
            except CocreateError as error:
                added.skipped[str(path)] = str(error)
                continue
            row = told.pop(path.name.casefold(), None) or told.pop(path.stem.casefold(), None)
            batch.append(_with_metadata(heard, row) if row else heard)
            added.read += 1
            watch(count)
            if len(batch) >= _BATCH:
                added.new += self.store.list_items(batch)
                batch = []
        for row in (*named, *told.values()):
            try:
                batch.append(_with_metadata(HeardItem.named(row.get("artist", ""), row.get("title", "")), row))
                added.read += 1
            except InputError as error:
                added.skipped[" ".join(filter(None, row.values()))[:60] or "an empty row"] = str(error)
        added.new += self.store.list_items(batch)
        return added

    def recommend(
        self,
        *,
        n: int = 20,
        kind: str = "tracks",
        scene: str | None = None,
        mood: str | None = None,
        new: bool = False,
        diversity: float = DIVERSITY,
    ) -> tuple[Choice, ...]:
        """The ``n`` tracks (or artists, styles, albums) of the catalogue that suit the listener best, best first.

        What the listener skipped is left out; with ``new`` so is everything that they ever met.

        Raises:
            InputError: if a value breaks its rule or the catalogue is empty.
        """
        if kind not in KINDS:
            raise InputError(f"a kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if not 1 <= n <= 1000:  # noqa: PLR2004 - a list for a person
            raise InputError(f"n must be in 1..1000, got {n}")
        mood_fit(None, scene=scene, mood=mood)  # refuses unknown words before anything is read
        catalogue, profile = self._catalogue, self.profile
        met = profile.preferences if new else profile.disliked
        left_out = [catalogue.places[p.item.id] for p in met if p.item.id in catalogue.places]
        if len(left_out) == len(catalogue):
            raise InputError("nothing is left to recommend: everything in the catalogue was met or skipped")
        return choose(
            self._scorer(profile), catalogue.suited(scene=scene, mood=mood), catalogue, profile,
            left_out=left_out, n=n, kind=kind, diversity=diversity,
        )  # fmt: skip

    def explain(self, path: Path) -> tuple[HeardItem, Choice]:
        """The score of one file for the listener, with its parts and the features that made it."""
        heard = self.hear(path)
        return heard, self._choice(heard)

    def similar(self, path: Path, *, n: int = 20) -> tuple[tuple[HeardItem, float], ...]:
        """The tracks of the catalogue that are most like a file, with their likeness in [0, 1]; itself left out.

        Raises:
            InputError: if the catalogue is empty.
        """
        heard, catalogue = self.hear(path), self._catalogue
        mine = ItemTable.of([Item.of(heard)], self.scale)
        likeness = catalogue.table.some_alike(mine.wide[0], mine.known[0])
        order = np.argsort(-likeness, kind="stable")[: n + 1]
        rows = [int(row) for row in order if likeness[row] > 0 and catalogue.table.ids[row] != heard.id][:n]
        return tuple((item, float(likeness[row])) for row, item in zip(rows, catalogue.items(rows), strict=True))

    def comment(self, paths: Sequence[Path], *, text: str) -> Profile:
        """Store that the listener likes these files and, if there is a text, said it of them.

        Raises:
            InputError: if the text is too long.
            FileError: if a file cannot be read; nothing is stored then.
        """
        items = [self.hear(path) for path in paths]
        events = [Event("favourite", item) for item in items]
        if text.strip():
            events += [Event("comment", item, text=text.strip()) for item in items]
        self.store.add_events(self.profile_name, events)
        return self.profile

    def _choice(self, heard: HeardItem) -> Choice:
        (heard,) = self.store.completed([heard])
        table = ItemTable.of([item_of(heard, self._row)], self.scale)
        (score,) = self._scorer(self.profile).explained(table, [0])
        return Choice(1, heard, score.value, score.parts, score.reason)

    @property
    def _catalogue(self) -> Catalogue:
        """The catalogue as it is now; read again only where it has changed, be it by another program."""
        if self._kept is None or self._kept.stamp != stamp_of(self.store):
            self._kept = read_catalogue(self.store, scale=self.scale, row=self._row)
        if not len(self._kept):
            raise InputError("the catalogue is empty; `cocreate catalog add FOLDER` fills it")
        return self._kept

    def _scorer(self, profile: Profile) -> Scorer:
        """The one scorer, with what the histories of the other listeners in the database say."""
        from cocreate.taste.crowd import crowd_of

        return Scorer(profile, scale=self.scale, crowd=crowd_of(self.store, profile))


def song_item(song: Song, collection: Collection) -> HeardItem:
    """The item of a fresh song, as a catalogue would hear it."""
    return heard_of(song, collection._known.longest_match(song.melody.notes), collection._row)  # noqa: SLF001


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    endings = {*SUFFIXES, *AUDIO_SUFFIXES, *TEXT_SUFFIXES}
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in endings and p.is_file())
        elif not path.exists():
            raise FileError(f"{path} is not there; check the path")
        elif path.suffix.lower() in endings:
            yield path
        else:
            raise InputError(f"a catalogue takes {', '.join(sorted(endings))}, got {path}")


def _metadata(path: Path) -> list[dict[str, str]]:
    from cocreate.taste.histories import read_table

    rows = read_table(path)
    if not rows or not {"title", "file"} & set(rows[0]):
        raise InputError(f"{path} must be a table with a column file or title")
    return rows


def _by_file(rows: Sequence[dict[str, str]]) -> tuple[dict[str, dict[str, str]], list[dict[str, str]]]:
    """Rows by the file they name, folded, and those that name none."""
    by_file: dict[str, dict[str, str]] = {}
    named = []
    for row in rows:
        if row.get("file"):
            by_file[Path(row["file"]).name.casefold()] = row
        else:
            by_file.setdefault(row.get("title", "").casefold(), row) if row.get("title") else named.append(row)
    return by_file, named


def _with_metadata(item: HeardItem, row: Mapping[str, str]) -> HeardItem:
    year = row.get("year", "").strip()
    tags = tuple(t.strip() for t in row.get("tags", "").replace(";", ",").replace("|", ",").split(",") if t.strip())
    return replace(
        item,
        title=row.get("title", "").strip() or item.title,
        artist=row.get("artist", "").strip() or item.artist,
        album=row.get("album", "").strip() or item.album,
        style=row.get("style", "").strip().lower() or item.style,
        year=int(year) if year.isdecimal() else item.year,
        tags=tuple(dict.fromkeys((*item.tags, *tags))),
        words=row.get("words", "").strip() or item.words,
    )

"""Write the example catalogue again, from the fiddle books: `python samples/make_catalogue.py DATA`."""

import csv
import json
import sys
import tempfile
from pathlib import Path
from string import capwords

from cocreate.collection import Collection
from cocreate.errors import CocreateError
from cocreate.files import read_song
from cocreate.files.midi import write_midi

HERE = Path(__file__).resolve().parent / "catalogue"
BOOKS = {
    "ryansMammoth": ("Ryan's Mammoth Collection", 1883),
    "oneills1850": ("O'Neill's Music of Ireland", 1903),
    "airdsAirs": ("Aird's Airs", 1782),
}
RHYTHMS = ("reel", "jig", "hornpipe", "strathspey", "march", "waltz")
EACH = 8
FEWEST_NOTES, MOST_NOTES = 60, 160
LIKES, SKIPS = ("reel", "hornpipe"), ("waltz", "march")


def main() -> None:
    """Eight tunes of each rhythm, our own MIDI of the printed notes, the table of sources, and the example listener."""
    data = Path(sys.argv[1]) / "fiddle_tunes_pd"
    HERE.mkdir(exist_ok=True)
    counts = dict.fromkeys(RHYTHMS, 0)
    rows = []
    with (data / "manifest.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rhythm = row["rhythm"].strip().lower()
            source = data / row["file"]
            if (
                counts.get(rhythm, EACH) >= EACH
                or not FEWEST_NOTES <= int(row["n_notes"]) <= MOST_NOTES
                or not source.is_file()
            ):
                continue
            name = f"{rhythm}_{counts[rhythm] + 1}.mid"
            try:
                write_midi(read_song(source), HERE / name, force=True)
            except CocreateError:
                continue
            counts[rhythm] += 1
            book, year = BOOKS[row["collection"]]
            title = row["title"].split(" -- ")[0].split(", ")[0].strip(' "').lower()
            rows.append((name, capwords(title), "traditional", book, rhythm, year))
    with (HERE / "tracks.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("file", "title", "artist", "album", "style", "year"))
        table.writerows(rows)
    from cocreate.taste.example import described

    with tempfile.TemporaryDirectory() as home:
        collection = Collection(home=Path(home))
        collection.add([HERE], metadata=HERE / "tracks.csv")
        items = collection.store.catalogue()
    names = {Path(item.path).name: item for item in items}
    liked = [names[f"{rhythm}_{n}.mid"].id for rhythm in LIKES for n in (1, 2, 3) if f"{rhythm}_{n}.mid" in names]
    skipped = [names[f"{rhythm}_{n}.mid"].id for rhythm in SKIPS for n in (1, 2) if f"{rhythm}_{n}.mid" in names]
    found = {
        "what": "An example, not a person: somebody who keeps reels and hornpipes and passes over waltzes and marches.",
        "items": [described(item) for item in sorted(items, key=lambda item: item.path)],
        "keep": liked, "skip": skipped,
        "comment": {"text": "love how fast this is, but not enough syncopation", "item": liked[0]},
    }  # fmt: skip
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    (HERE / "example.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(rows)} tunes in {HERE}")


if __name__ == "__main__":
    main()

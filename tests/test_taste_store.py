"""The store: migrations, catalogue, forgetting, imports that survive a kill; the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from cocreate.errors import FileError, InputError
from cocreate.music.song import Note, Part, Song
from cocreate.taste import packed
from cocreate.taste.catalogue import Catalogue, read_catalogue
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.features import DEFAULT_SCALE
from cocreate.taste.home import has_profile
from cocreate.taste.imports import import_history
from cocreate.taste.packed import stamp_of
from cocreate.taste.profile import Profile
from cocreate.taste.schema import EVENTS, HEAD, META
from cocreate.taste.store import KeptFit, Store

DAY = "2026-01-01T12:00:00+00:00"
REPO = Path(__file__).resolve().parent.parent


def tune(shift: int = 0, **more) -> HeardItem:
    notes = tuple(Note(i * 240, 60 + shift + i % 5, 240) for i in range(32))
    item = HeardItem.of(Song((Part(notes),), title=f"tune {shift}"))
    return HeardItem(item.id, item.features, item.title, traits=item.traits, **more)


def server_programs() -> Path | None:
    """The folder with initdb, if there is one."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, started for these tests and stopped after them."""
    programs = server_programs()
    if programs is None:
        pytest.skip("needs the PostgreSQL server (Debian: postgresql)")
    pytest.importorskip("psycopg")
    folder = tmp_path_factory.mktemp("server")
    folder.chmod(0o777)
    for parent in folder.parents:
        if parent.stat().st_uid == os.getuid() and parent != Path("/") and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    # the server refuses to run as root
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*words: str) -> None:
        done = subprocess.run([*as_user, *words], capture_output=True, text=True, cwd="/", check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    data = str(folder / "data")
    run(str(programs / "initdb"), "-D", data, "-U", "cocreate", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run(str(programs / "pg_ctl"), "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql://cocreate@127.0.0.1:{port}/postgres"
    finally:
        run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store of either kind, which ``COCREATE_DB`` names."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'taste.db'}"
    else:
        server = request.getfixturevalue("postgres")
        name = f"t{time.time_ns()}"
        engine = sa.create_engine(server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        url = server.rsplit("/", 1)[0] + f"/{name}"
    monkeypatch.setenv("COCREATE_DB", url)
    return Store()


def test_events_come_back_as_they_went_in(store):
    events = [
        Event("keep", tune(), at=DAY),
        Event("rate", tune(1), rating=5, at=DAY),
        Event("comment", tune(2), text="太吵", at=DAY),
        Event("play", tune(3, artist="林", tags=("piano",), year=1999), at=DAY, count=3, seconds=20.5, place="家"),
    ]
    store.add_events("小明", events)
    assert Store().events("小明") == tuple(events)
    assert [event.id for event in store.events("小明")] == sorted(event.id for event in store.events("小明"))
    assert store.profiles() == ("小明",)
    assert has_profile()
    assert has_profile(name="小明")
    assert not has_profile(name="nobody")


def test_a_row_is_stored_once_and_an_item_keeps_what_was_known(store):
    named = HeardItem.named("A", "B", style="jazz", year=1960)
    assert store.add_events("ann", [Event("play", named, at=DAY)] * 2, ["x", "x"]) == 1
    assert store.add_events("ann", [Event("play", HeardItem.named("A", "B"), at=DAY)], ["x"]) == 0
    assert store.add_events("bob", [Event("play", named, at=DAY)], ["x"]) == 1
    (event,) = store.events("ann")
    assert (event.item.style, event.item.year) == ("jazz", 1960)


def test_a_name_in_a_history_is_joined_to_the_file_of_the_catalogue(store):
    file = tune(artist="Ann", style="folk")
    store.add_events("me", [Event("play", HeardItem.named("ANN", "Tune 0 (live)"), at=DAY)])
    assert not store.events("me")[0].item.is_heard
    assert store.list_items([file]) == 1
    assert store.list_items([file]) == 0
    assert store.events("me")[0].item == file
    assert store.catalogue() == (file,)


def read(store: Store) -> Catalogue:
    return read_catalogue(store, scale=DEFAULT_SCALE, row={})


def test_a_ranking_reads_the_catalogue_as_it_is_on_either_database(store):
    store.list_items([tune(place, artist="Ann", style="folk") for place in range(3)])
    first = read(store)
    assert read(Store()).table.wide.tobytes() == first.table.wide.tobytes()
    assert first.items([2, 0]) == [store.catalogue()[2], store.catalogue()[0]]
    store.add_event("me", Event("keep", tune(1, artist="Ann", style="folk")))
    store.add_event("me", Event("keep", tune(7)))
    assert stamp_of(store) == first.stamp
    Store().add_event("you", Event("keep", tune(1, artist="Bea")))
    assert stamp_of(store) != first.stamp
    assert sorted(read(store).artists) == ["Ann", "Ann", "Bea"]
    store.list_items([tune(7)])
    assert len(read(store)) == 4


def test_what_changes_while_it_is_packed_is_not_kept_as_it_was(store, monkeypatch):
    store.list_items([tune()])
    others: list[threading.Thread] = []
    real = packed.packed

    def slow(item):
        change = threading.Thread(target=lambda: Store().list_items([replace(tune(), style="polka")]))
        change.start()
        change.join(0.5)  # it waits for us: the row is locked
        others.append(change)
        return real(item)

    monkeypatch.setattr(packed, "packed", slow)
    first = read(store)
    for change in others:
        change.join(20)
    monkeypatch.setattr(packed, "packed", real)
    assert list(read(store).styles) == ["polka"]
    assert stamp_of(store) != first.stamp


def test_what_is_forgotten_is_gone_and_the_catalogue_stays(store):
    store.list_items([tune(5)])
    store.add_events("ann", [Event("keep", tune(), at=DAY), Event("skip", tune(5), at=DAY)])
    first, second = store.events("ann")
    store.forget("ann", first.id)
    assert [event.id for event in store.events("ann")] == [second.id]
    with pytest.raises(InputError, match="must have event"):
        store.forget("ann", first.id)
    store.delete_profile("ann")
    assert store.profiles() == ()
    assert store.catalogue() == (tune(5),)


def test_a_fit_is_kept_whole_until_anything_is_forgotten_or_a_newer_one_is_begun(store):
    store.add_events("ann", [Event("keep", tune(place), at=DAY) for place in range(3)])
    store.add_event("bob", Event("keep", tune(), at=DAY))
    store.make_profile("eve")
    assert store.told() == {"ann": 3, "bob": 1, "eve": 0}
    first = store.begin_fit("ann", listeners=1, events=1)
    assert store.kept_fit("ann") is None
    second = Store().begin_fit("ann", listeners=2, events=5)  # another program
    assert not store.keep_fit(first, b"first")
    assert Store().keep_fit(second, b"second")
    assert store.kept_fit("ann") == KeptFit(second, 2, 5)
    assert (store.fit_body(first), store.fit_body(second)) == (None, b"second")
    store.add_event("ann", Event("keep", tune(9), at=DAY))
    assert store.fit_body(second) == b"second"
    for forget in (
        lambda: store.forget("bob", store.events("bob")[0].id),
        lambda: store.delete_profile("bob"),
        lambda: store.list_items([tune(5)]),
        lambda: store.delete_profile("ann"),
    ):
        stamp = store.begin_fit("ann", listeners=1, events=1)
        begun = store.begin_fit("eve", listeners=1, events=1)
        assert store.keep_fit(stamp, b"body")
        forget()
        assert store.kept_fit("ann") is None
        assert store.fit_body(stamp) is None
        assert not store.keep_fit(begun, b"learned before it was forgotten")
    store.begin_fit("nobody", listeners=1, events=1)
    assert store.kept_fit("nobody") is None


def test_fits_go_in_the_transaction_that_forgets(store, monkeypatch):
    monkeypatch.setattr(Store, "_drop_fits", lambda _self: None)
    for forget in (
        lambda: store.forget("ann", store.events("ann")[0].id),
        lambda: store.delete_profile("ann"),
    ):
        store.add_events("ann", [Event("keep", tune(place), at=DAY) for place in range(3)])
        store.add_event("bob", Event("keep", tune(), at=DAY))
        assert store.keep_fit(store.begin_fit("bob", listeners=1, events=1), b"body")
        forget()
        assert store.kept_fit("bob") is None


def test_a_fit_begun_on_a_server_while_another_program_forgets_cannot_be_kept(store, monkeypatch):
    if store._engine.dialect.name == "sqlite":
        pytest.skip("SQLite lets one program write at a time")
    store.add_event("ann", Event("keep", tune(), at=DAY))
    store.add_event("bob", Event("keep", tune(1), at=DAY))
    begun = []
    real = Store._sweep
    monkeypatch.setattr(
        Store,
        "_sweep",
        staticmethod(lambda c: (begun.append(Store().begin_fit("bob", listeners=1, events=1)), real(c))),
    )
    store.forget("ann", store.events("ann")[0].id)  # its transaction is open while the other begins
    assert not store.keep_fit(begun[0], b"with what ann said")


def test_the_steps_make_the_tables_of_the_schema(store):
    with store._engine.connect() as connection:
        look = sa.inspect(connection)
        for table in META.sorted_tables:
            columns = {column["name"]: column["nullable"] for column in look.get_columns(table.name)}
            assert columns == {column.name: column.nullable or False for column in table.c}, table.name
            indexes = {index["name"] for index in look.get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= indexes
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == HEAD


def test_a_database_of_the_first_version_becomes_a_new_one_with_its_events(tmp_path):
    connection = sqlite3.connect(tmp_path / "taste.db")
    connection.executescript(
        "CREATE TABLE profiles (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, created VARCHAR NOT NULL);"
        "CREATE TABLE items (id VARCHAR PRIMARY KEY, title VARCHAR NOT NULL, style VARCHAR NOT NULL,"
        " path VARCHAR NOT NULL, features TEXT NOT NULL);"
        "CREATE TABLE events (id INTEGER PRIMARY KEY, profile INTEGER NOT NULL REFERENCES profiles (id),"
        " item VARCHAR NOT NULL REFERENCES items (id), kind VARCHAR NOT NULL, rating INTEGER, text TEXT NOT NULL,"
        " at VARCHAR NOT NULL);"
        "CREATE INDEX events_by_profile ON events (profile);"
    )
    item = tune()
    connection.execute("INSERT INTO profiles VALUES (1, 'old', ?)", (DAY,))
    row = (item.id, item.title, "", "", json.dumps(item.features.as_dict()))
    connection.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?)", row)
    connection.execute("INSERT INTO events VALUES (1, 1, ?, 'keep', NULL, '', ?)", (item.id, DAY))
    connection.commit()
    connection.close()
    store = Store(tmp_path)
    assert [(event.kind, event.item) for event in store.events("old")] == [("keep", item)]
    store.add_event("old", Event("play", tune(1), count=2))
    assert len(Store(tmp_path).events("old")) == 2


def test_a_newer_database_is_refused_in_one_line(tmp_path):
    store = Store(tmp_path)
    with store.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(FileError, match="newer than"):
        Store(tmp_path)


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite://"])
def test_a_url_that_names_no_database_of_ours_is_refused(url, monkeypatch):
    monkeypatch.setenv("COCREATE_DB", url)
    with pytest.raises(InputError, match="COCREATE_DB must be a URL"):
        Store()


def test_a_server_that_does_not_answer_is_one_line(monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.setenv("COCREATE_DB", "postgresql://me:secret@127.0.0.1:1/music")
    with pytest.raises(FileError, match="check the server and COCREATE_DB") as caught:
        Store()
    assert "secret" not in str(caught.value)


def test_an_import_stores_every_row_once_on_either_database(store, tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("artist,title,time\n" + "".join(f"A,song {i},2024-01-01 10:{i % 60:02}\n" for i in range(70)))
    assert import_history(store, "me", path).stored == 70
    again = import_history(store, "me", path)
    assert (again.stored, again.duplicates) == (0, 70)
    assert Profile.from_events("me", store.events("me")).counts["play"] == 70


def test_a_kill_in_the_middle_of_an_import_loses_nothing_that_was_reported(tmp_path):
    path, home = tmp_path / "history.jsonl", tmp_path / "home"
    rows = [{"artist": f"a{i % 97}", "title": f"song {i}", "listened_at": 1_700_000_000 + i} for i in range(6_000)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code = (
        "import sys; from pathlib import Path; from cocreate.taste.store import Store;"
        "from cocreate.taste.imports import import_history;"
        "import_history(Store(Path(sys.argv[1])), 'me', Path(sys.argv[2]),"
        " watch=lambda n: print(n, flush=True))"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    words = [sys.executable, "-c", code, str(home), str(path)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    reported = [int(child.stdout.readline()) for _ in range(3)][-1]
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=20)
    child.stdout.close()
    store = Store(home)
    with store.transaction(writes=False) as connection:
        kept = connection.execute(sa.select(sa.func.count()).select_from(EVENTS)).scalar_one()
    assert reported <= kept < len(rows)
    assert import_history(store, "me", path).stored == len(rows) - kept
    assert len({event.item.title for event in store.events("me")}) == len(rows)

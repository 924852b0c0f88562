"""What a shared server's other listeners say, how lists are measured, and how listeners are made."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
import pytest
import scipy.sparse as sp

from cocreate.errors import FileError, InputError
from cocreate.evaluate.taste_hetrec import split_items
from cocreate.evaluate.taste_listeners import Labelled, draw_listeners, measure_listeners
from cocreate.evaluate.taste_metrics import measure, with_exposure
from cocreate.evaluate.taste_relevance import LEAST, calibrate, learn_relevance
from cocreate.taste import crowd as crowd_module
from cocreate.taste.crowd import FEWEST_LISTENERS, crowd_of
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.factors import ImplicitALS
from cocreate.taste.feature_table import FEATURE_NAMES, FEATURES
from cocreate.taste.features import FeatureVector
from cocreate.taste.hybrid import Hybrid
from cocreate.taste.profile import Profile
from cocreate.taste.recommenders import by_rank
from cocreate.taste.store import Store
from cocreate.taste.table import Item, ItemTable


def named(style: str, number: int) -> HeardItem:
    return HeardItem.named(f"{style} artist {number}", f"{style} {number}", style=style)


@pytest.fixture
def house(home) -> Store:
    """Three who like jazz, three who like folk; "me" likes two pieces of jazz."""
    store = Store()
    for place in range(6):
        style = ("jazz", "folk")[place % 2]
        liked = [named(style, number) for number in range(6) if number != place // 2]
        store.add_events(f"other{place}", [Event("keep", item) for item in liked])
    store.add_events("me", [Event("keep", named("jazz", number)) for number in (0, 1)])
    return store


@pytest.fixture
def fitted(monkeypatch) -> list[int]:
    """How many listeners there were at each fit, while the test runs."""
    calls: list[int] = []
    real = Hybrid.fit
    monkeypatch.setattr(
        Hybrid, "fit", lambda self, plays, facts=None: (calls.append(plays.shape[0]), real(self, plays, facts))[1]
    )
    return calls


def asked(store: Store, items: list[HeardItem], *, anew: bool = False) -> list[float | None]:
    """What the others say to "me", as one program or (``anew``) as another that starts now; empty for nothing."""
    if anew:
        crowd_module._ready.clear()
    crowd = crowd_of(store, Profile.from_events("me", store.events("me")))
    if crowd is None:
        return []
    values = crowd.values(ItemTable.of([Item.of(item) for item in items]))
    return [None if np.isnan(value) else float(value) for value in values]


def kept(store: Store) -> dict[str, np.ndarray]:
    """What the database holds of the fit for "me"; a checksum stands before it."""
    return dict(np.load(BytesIO(store.fit_body(store.kept_fit("me").stamp)[32:])))


BOTH = [named(style, number) for style in ("jazz", "folk") for number in (3, 9)]  # met and not met


def test_the_crowd_says_what_those_with_the_same_likes_like_met_or_not(house):
    jazz, new_jazz, folk, new_folk, unknown = asked(house, [*BOTH, HeardItem.named("", "unknown")])
    assert jazz > 0.5 > folk
    assert new_jazz > 0.5 > new_folk
    assert new_jazz - new_folk < jazz - folk  # what nobody met is believed less: of six, as 6 to 20
    assert max(new_jazz - 0.5, 0.5 - new_folk) < 0.5 * 6 / 26
    assert unknown is None


def test_a_value_does_not_depend_on_what_else_is_asked_about_or_listed(house):
    together = asked(house, BOTH)
    crowd = [named(style, number) for style in ("blues", "jazz") for number in range(40)]
    assert asked(house, [*crowd, *BOTH])[-4:] == together
    assert [asked(house, [item])[0] for item in BOTH] == together


def test_a_crowd_that_is_too_small_or_shares_no_like_says_nothing(house):
    house.add_events("stranger", [Event("keep", named("noise", 1))])
    assert crowd_of(house, Profile.from_events("nobody", ())) is None
    assert crowd_of(house, Profile.from_events("stranger", house.events("stranger"))) is None
    house.delete_profile("stranger")
    for place in range(7 - FEWEST_LISTENERS):
        house.delete_profile(f"other{place}")
    assert asked(house, BOTH) == []


def test_a_house_that_knows_no_facts_speaks_of_what_was_met_alone(home):
    store = Store()
    bare = [HeardItem.named("", f"piece {number}") for number in range(8)]
    for place in range(6):
        half = bare[:4] if place % 2 else bare[4:]
        store.add_events(f"other{place}", [Event("keep", item) for item in half])
    store.add_event("me", Event("keep", bare[0]))
    near, far, new = asked(store, [bare[1], bare[5], HeardItem.named("", "another")])
    assert near > far
    assert new is None


def test_a_keep_counts_at_once_and_fits_nothing_again(house, fitted):
    before = asked(house, BOTH)
    house.add_events("me", [Event("skip", named("jazz", n)) for n in (0, 1)])
    house.add_events("me", [Event("keep", named("folk", n)) for n in (1, 2)])
    after = asked(house, BOTH)
    assert after[0] < before[0]
    assert after[2] > before[2]
    assert asked(house, BOTH, anew=True) == after
    assert fitted == [6]


def test_it_is_fitted_again_when_the_others_have_really_changed(house, fitted):
    asked(house, BOTH)
    new = [named("jazz", number) for number in range(20, 24)]
    house.add_events("other0", [Event("keep", item) for item in new[:3]])  # 30 events were learned from
    asked(house, BOTH)
    assert fitted == [6]
    house.add_event("other0", Event("keep", new[3]))
    asked(house, BOTH)
    assert fitted == [6, 6]
    house.add_event("other6", Event("keep", new[0]))
    asked(house, BOTH)
    assert fitted == [6, 6, 7]
    house.list_items([named("jazz", 30)])
    asked(house, BOTH)
    house.list_items([named("jazz", 30)])
    asked(house, BOTH)
    assert fitted == [6, 6, 7, 7]


@pytest.mark.parametrize("forget", ["profile", "event"])
def test_what_is_forgotten_is_forgotten_by_what_was_learned_too(house, fitted, forget):
    secret = HeardItem.named("A secret love", "of other1", style="folk")
    house.add_event("other1", Event("keep", secret))
    asked(house, BOTH)
    stamp = house.kept_fit("me").stamp
    assert secret.id in kept(house)["names"].tobytes().decode()
    if forget == "profile":
        house.delete_profile("other1")
    else:
        house.forget("other1", house.events("other1")[-1].id)
    assert house.kept_fit("me") is None
    assert house.fit_body(stamp) is None
    asked(house, BOTH)
    assert len(fitted) == 2
    assert not any(secret.id in fit.met for fit in crowd_module._ready.values())
    assert secret.id not in kept(house)["names"].tobytes().decode()


def test_what_is_forgotten_while_a_fit_is_learned_is_not_kept(house, monkeypatch):
    real = Hybrid.fit

    def slow(self, plays, facts=None):
        if "other5" in house.profiles():
            house.delete_profile("other5")
        return real(self, plays, facts)

    monkeypatch.setattr(Hybrid, "fit", slow)
    assert asked(house, BOTH)
    assert house.kept_fit("me") is None
    assert asked(house, BOTH)
    assert house.kept_fit("me").listeners == 5


@pytest.mark.parametrize("busy", ["begin_fit", "keep_fit"])
def test_where_nothing_can_be_kept_the_others_are_heard_all_the_same(house, fitted, monkeypatch, busy):
    def refused(*_, **__):
        raise FileError("busy")

    monkeypatch.setattr(Store, busy, refused)
    before = asked(house, BOTH)
    assert house.kept_fit("me") is None
    monkeypatch.undo()
    assert before == asked(house, BOTH) != []


@pytest.mark.parametrize("broken", ["cut", "noise", "odd", "older"])
def test_a_kept_fit_that_cannot_be_read_is_learned_anew(house, fitted, broken):
    before = asked(house, BOTH)
    stamp = house.kept_fit("me").stamp
    body = house.fit_body(stamp)
    if broken == "older":
        file = BytesIO()
        np.savez(file, **{name: value for name, value in kept(house).items() if name != "cold_factor"})
        house.keep_fit(stamp, hashlib.sha256(file.getvalue()).digest() + file.getvalue())
    else:
        place = body.rfind(b"PK\x01\x02") + 10  # where the last array says how it is compressed
        odd = body[:place] + b"\x63" + body[place + 1 :]
        house.keep_fit(stamp, {"cut": body[: len(body) // 2], "noise": b"noise", "odd": odd}[broken])
    assert asked(house, BOTH, anew=True) == before
    assert fitted == [6, 6]
    assert asked(house, BOTH, anew=True) == before
    assert fitted == [6, 6]


def test_strengths_go_by_rank_and_equal_counts_are_equally_strong():
    found = by_rank(
        sp.csr_matrix(np.array([[5, 0, 1, 9], [1, 1, 1, 0], [0, 0, 0, 0]], dtype=np.float32)), 1.0
    ).toarray()
    assert found[0].tolist() == pytest.approx([1.0, 0.0, 2 / 3, 4 / 3])
    assert found[1].tolist() == [1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("factors", [2, 12])
def test_factors_solve_the_equations_of_implicit_als_for_short_rows_and_long(factors):
    rng = np.random.default_rng(0)
    weights = sp.random(9, 30, 0.25, format="csr", random_state=1, dtype=np.float32)
    other = rng.standard_normal((30, factors)).astype(np.float32)
    model = ImplicitALS(factors=factors, unheard=0.1, ridge=0.02)
    found = model._solved(weights, other)
    for row in range(9):
        heard, values = other[weights[row].indices], weights[row].data
        left = 0.1 * other.T @ other + heard.T @ (heard * values[:, None])
        left += 0.02 * (len(values) + 0.1 * 30) * np.eye(factors)
        assert found[row] == pytest.approx(np.linalg.solve(left, heard.T @ (values + 0.1)), abs=1e-3)


def test_lists_are_measured_as_by_hand():
    scores = np.array([[0.9, 0.8, 0.7, -np.inf], [0.1, 0.2, 0.3, -np.inf]], dtype=np.float32)
    heard = sp.csr_matrix(np.array([[0, 0, 0, 1], [0, 0, 0, 1]], dtype=np.float32))
    content = sp.csr_matrix(np.array([[1, 0], [1, 0], [0, 1], [1, 0]], dtype=np.float32))
    found = measure(scores, [np.array([1]), np.array([], np.int64)], heard=heard, content=content, k=2)
    assert found.mean("ndcg") == pytest.approx(1 / np.log2(3))
    assert [found.mean(name) for name in ("recall", "precision", "map", "hit")] == [1.0, 0.5, 0.5, 1.0]
    assert found.mean("diversity") == pytest.approx(0.0)
    assert found.mean("calibration") == pytest.approx(0.0)
    assert found.coverage == pytest.approx(3 / 3)


def test_exposure_shows_what_nobody_was_shown_and_keeps_the_first_place():
    scores = np.tile(np.arange(10, 0, -1, dtype=np.float32), (6, 1))
    lists = np.tile(np.arange(3), (6, 1))
    lists[0, 2] = 9  # shown here alone
    found = with_exposure(scores, lists, least=0.8)
    assert len(np.unique(found)) == 8
    assert 9 in found
    assert (found[:, 0] == 0).all()


def test_held_out_items_have_as_many_listeners_as_was_asked():
    plays = sp.csr_matrix((np.random.default_rng(0).random((20, 50)) < 0.2).astype(np.float32))
    counts = np.asarray(plays.sum(axis=0)).ravel()
    assert counts[split_items(plays, 0, fewest=4)].min() >= 4
    assert len(split_items(plays, 0)) == 10


def made_pieces(count: int = 120) -> list[Labelled]:
    """Three styles that differ in the tempo, and in nothing else."""
    rng = np.random.default_rng(0)
    pieces = []
    for place in range(count):
        style = place % 3
        values = [f.centre + f.spread * rng.normal() for f in FEATURES]
        tempo = FEATURE_NAMES.index("tempo")
        values[tempo] = FEATURES[tempo].centre + FEATURES[tempo].spread * (2.5 * (style - 1) + 0.2 * rng.normal())
        pieces.append(Labelled(HeardItem(f"p{place}", FeatureVector(tuple(values))), (f"style{style}",)))
    return pieces


def test_relevance_and_calibration_are_learned_from_made_listeners():
    pieces = made_pieces()
    found = learn_relevance(pieces, listeners=30)
    assert found["tempo"] > 3 * found.get("arch", 0.15)
    assert min(found.values()) >= LEAST
    slopes = calibrate(pieces, listeners=10)
    assert set(slopes) == {"both", "one"}
    report = measure_listeners(pieces, listeners=10)
    assert report.styles == 3
    assert report.style_accuracy > 1 / 3
    assert "mood: by rule alone" in report.text()
    with pytest.raises(InputError, match="three styles"):
        list(draw_listeners(pieces[:20], 1, np.random.default_rng(0)))

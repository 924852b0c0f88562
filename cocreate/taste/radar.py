"""The taste of a listener on a few axes, for a picture that is read at a glance.

Conventions:
    An axis is the mean of a few scaled features (-3..3 spreads from the ordinary), signed so that outward is more of
    its name, put on 0..1: 0.5 is ordinary.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cocreate.errors import InputError
from cocreate.taste.feature_table import FEATURE_NAMES
from cocreate.taste.profile import Profile

AXES: Mapping[str, Mapping[str, float]] = {
    "speed": {"tempo": 1, "notes_per_second": 1},
    "busyness": {"notes_per_beat": 1, "rests": -1},
    "syncopation": {"syncopation": 1, "off_beat_long": 0.5},
    "swing": {"triplets": 1, "triplet_quarters": 0.5, "ratio_2_to_1": 0.5},
    "leaps": {"mean_interval": 1, "broken_chords": 0.5},
    "chromatic": {"chromatic": 1, "blue_notes": 0.5},
    "minor": {"minor_key": 1},
    "rich chords": {"seventh_chords": 1, "altered_chords": 0.5},
    "height": {"mean_pitch": 1},
    "repetition": {"motif_repeats": 1, "bar_repeats": 1, "rhythm_repeats": 0.5},
    "long lines": {"phrase_beats": 1},
}
_REACH = 1.5  # spreads from the middle to the rim


def axes_of(profile: Profile) -> dict[str, float]:
    """Each axis with its value in [0, 1].

    Raises:
        InputError: if nothing is known of what the listener likes.
    """
    vector = profile.vector()
    if not vector:
        raise InputError(f"a picture needs something liked, got none in {profile.name!r}; `cocreate keep FILE`")
    values = dict(zip(FEATURE_NAMES, vector, strict=True))
    found = {}
    for axis, weights in AXES.items():
        mean = sum(weight * values[name] for name, weight in weights.items()) / sum(map(abs, weights.values()))
        found[axis] = float(np.clip(0.5 + mean / (2 * _REACH), 0.0, 1.0))
    return found

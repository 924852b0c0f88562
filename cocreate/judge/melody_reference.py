"""The built-in reference of `judge.melody.quality`: what human melodies measure.

Conventions:
    Metric name to (mean, standard deviation) over 960 excerpts (8 to 16 bars) of training pieces: jazz solos, fiddle
    tunes, hymns and pop songs, a quarter each. Made by `judge.melody.summarise`; checkpoints carry one for each style.
"""

from __future__ import annotations

DEFAULT_REFERENCE: dict[str, tuple[float, float]] = {
    "pitch_range": (16.7, 5.52),
    "pitch_class_entropy": (2.7, 0.378),
    "in_key_share": (0.935, 0.106),
    "chromatic_share": (0.0651, 0.106),
    "scale_consistency": (0.941, 0.0992),
    "stepwise_rate": (0.513, 0.147),
    "leap_rate": (0.135, 0.0832),
    "repeated_note_rate": (0.137, 0.114),
    "mean_interval": (2.48, 0.603),
    "rhythm_variety": (6.91, 4.86),
    "rhythm_entropy": (1.67, 0.818),
    "syncopation": (0.297, 0.343),
    "off_beat_share": (0.494, 0.252),
    "note_density": (1.7, 0.944),
    "rest_share": (0.143, 0.161),
    "motif_repetition": (0.112, 0.134),
    "bar_repetition": (0.119, 0.152),
    "rhythm_repetition": (0.382, 0.306),
    "phrase_repetition_4": (0.171, 0.195),
    "phrase_repetition_8": (0.114, 0.214),
    "climax_position": (0.443, 0.303),
    "contour_arc": (0.158, 2.75),
    "ends_on_tonic": (0.408, 0.492),
    "ends_on_strong_beat": (0.201, 0.401),
    "final_note_beats": (1.05, 1.04),
    "strong_chord_tone_rate": (0.62, 0.164),
}

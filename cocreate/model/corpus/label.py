"""Labels that no collection carries and the model wants: the mood of a piece.

Conventions:
    Moods are the four quadrants of Russell's circumplex: happy (+valence +arousal), tense (-+), sad (--), calm (+-).
"""

from __future__ import annotations

from cocreate.music.song import TICKS_PER_QUARTER, Song
from cocreate.music.theory import estimate_key

MIDDLE_NOTES_A_SECOND = 2.6  # median of the training melodies; splits arousal in two halves
MIDDLE_PITCH = 69.0  # their median mean pitch
_BRIGHT = {
    "major": 1.0,
    "lydian": 1.0,
    "mixolydian": 0.5,
    "dorian": -0.5,
    "minor": -1.0,
    "phrygian": -1.0,
    "locrian": -1.0,
}


def mood_of(song: Song) -> str | None:
    """The mood a listener would most likely name, by mode, height, speed and busyness; None without a melody.

    Source:
        Russell, A circumplex model of affect, 1980; the cues (mode for valence, tempo and event rate for arousal)
        are those of Gabrielsson and Lindstroem, The role of structure in the musical expression of emotions, 2010.
        We differ: two hard cues a side, no learned weights, since no symbolic set we may use has ratings.
    """
    if all(part.role == "drums" for part in song.parts):
        return None
    notes = song.melody.notes
    key = song.key or estimate_key(song)
    seconds = max(1e-3, song.end_ticks / TICKS_PER_QUARTER * 60 / song.tempo_bpm)
    mean_pitch = sum(note.pitch for note in notes) / max(1, len(notes))
    valence = _BRIGHT[key.mode] + 0.05 * (mean_pitch - MIDDLE_PITCH)
    arousal = len(notes) / seconds - MIDDLE_NOTES_A_SECOND
    if arousal >= 0:
        return "happy" if valence >= 0 else "tense"
    return "calm" if valence >= 0 else "sad"

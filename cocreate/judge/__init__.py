"""How good, and how new: measures of songs, without torch."""

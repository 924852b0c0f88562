"""Chinese verse: placeholder until below."""

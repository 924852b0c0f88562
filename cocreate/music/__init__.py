"""What a song is: pure values and functions; standard library and numpy only."""

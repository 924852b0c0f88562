"""The partners: one art, one file, one public function."""

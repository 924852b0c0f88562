"""The steps, oldest first; a step that was shipped is never changed."""

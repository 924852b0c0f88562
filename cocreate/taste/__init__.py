"""Who it is for: what listeners did, what that says about them, and the one scorer."""

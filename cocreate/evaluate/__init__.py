"""How well it does: numbers on held-out works beside baselines, and the making of a checkpoint."""

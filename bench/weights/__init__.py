"""Released weights: fetched once, checked, and imported as checkpoints."""

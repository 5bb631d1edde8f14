"""A cell and its result as they are stored."""

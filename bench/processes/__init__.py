"""Processes that bench starts, and what becomes of them when the one that started them is gone."""

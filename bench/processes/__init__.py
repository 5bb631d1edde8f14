"""Processes that bench starts, and their end when the process that started them has gone."""

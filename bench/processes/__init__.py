"""Processes that bench starts, their end when the process that started them has gone, and the energy that they take."""

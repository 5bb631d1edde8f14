"""Validation of result cards: checks against the task, the method, the split and the predictions."""

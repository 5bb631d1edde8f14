"""Choosing settings on validation data: spaces as data, Optuna's samplers, one study that many workers may share.

Optuna takes a second to import, so that it is imported where it is used.
"""

"""Choose settings on validation data: spaces as data, Optuna's samplers, one study shared by many workers.

Optuna takes a second to import, so that it is imported where it is used.
"""

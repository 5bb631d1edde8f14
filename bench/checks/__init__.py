"""Checks of the three contracts, for every registered method, task and dataset: ``bench check`` and the tests share them.

A check is a function of a *subject* (a method, task or dataset made ready to be looked at). It returns if the promise is
kept, raises :class:`Broken` with the fix if it is not, and :class:`DoesNotApply` where the plugin need not keep it.
"""

from bench.checks.check import Broken, Check, DoesNotApply, Verdict, judge
from bench.checks.suite import check_dataset, check_method, check_named, check_task

__all__ = [
    "Broken",
    "Check",
    "DoesNotApply",
    "Verdict",
    "check_dataset",
    "check_method",
    "check_named",
    "check_task",
    "judge",
]

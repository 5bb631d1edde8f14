"""Contract of methods, checked on everything registered; no method is named here."""

import pytest

from bench import registry
from bench.checks.check import Check, DoesNotApply
from bench.checks.method_checks import CHECKS, MethodSubject

METHODS = tuple(registry.entries(registry.METHODS))


@pytest.fixture(scope="module", params=METHODS)
def subject(request, tmp_path_factory) -> MethodSubject:
    """At smoke size, ready to be pretrained. Checks that change it work on a copy."""
    return MethodSubject.of(registry.load(registry.METHODS, request.param), tmp_path_factory.mktemp("example"))


@pytest.mark.parametrize(
    "check", [pytest.param(c, marks=pytest.mark.slow if c.slow else (), id=c.name) for c in CHECKS]
)
def test_keeps_the_contract(subject: MethodSubject, check: Check):
    try:
        check.run(subject)
    except DoesNotApply as reason:
        pytest.skip(str(reason))

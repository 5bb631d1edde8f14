"""Names and shapes of published files against a method's."""

from bench.method.published_names import PublishedNames, Rules, compare

RULES: Rules = ((r"weight_g$", "gain"), (r"original0$", "gain"))


def test_a_tensor_under_two_names_is_refused():
    names = PublishedNames(RULES, ())
    assert compare({"weight_g": [3]}, {"gain": [3]}, names).fits
    assert compare({"original0": [3]}, {"gain": [3]}, names).fits
    report = compare({"weight_g": [3], "original0": [3]}, {"gain": [3]}, names)
    assert report.matched == {"weight_g": "gain"} and report.left_over == ["original0"] and not report.fits

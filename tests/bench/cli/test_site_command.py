"""``bench leaderboard site``: with and without pictures."""

from bench.explain import site_pictures
from bench.leaderboard.site.pictures import Drawing, Pictures, SitePictures

SITE = ("leaderboard", "site", "--board", "ptbxl_super", "--no-compare")


def test_pictures_are_drawn_on_request_and_otherwise_the_option_is_named(bench, tmp_path, monkeypatch):
    drawing = tmp_path / "drawn.svg"
    drawing.write_text("<svg/>")
    drawn = SitePictures({"simclr": Pictures([Drawing(drawing, "Lead II of a simulated recording.")])})
    monkeypatch.setattr(site_pictures, "site_pictures", lambda workspace: drawn)
    folders = ("--workspace", str(tmp_path / "workspace"), "--output", str(tmp_path / "site"))
    plain = bench(*SITE, *folders)
    page = tmp_path / "site" / "methods" / "simclr.html"
    assert plain.code == 0 and "--pictures draws them" in plain.err and "<img" not in page.read_text()
    with_pictures = bench(*SITE, "--pictures", *folders)
    assert with_pictures.code == 0 and "--pictures" not in with_pictures.err
    assert 'src="pictures/simclr-1.svg"' in page.read_text()

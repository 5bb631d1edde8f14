import pytest
import torch

from bench.errors import ConfigError, UnknownName
from methods.nets.backbones import backbone, names, serves_one_length


@pytest.mark.parametrize("name", names())
def test_every_name_builds_an_encoder(name):
    deep = name.startswith("vit-") or name == "mmcl-vit"
    narrow = None if name == "fcn-wang" else 24
    encoder = backbone(name, samples=600, leads=3, width=narrow, depth=1 if deep else None).eval()
    with torch.no_grad():
        vectors = encoder(torch.randn(2, 3, 600))
    assert vectors.shape == (2, encoder.dim)
    assert torch.isfinite(vectors).all()


@pytest.mark.parametrize("name", names())
def test_knows_which_encoders_serve_one_length(name):
    narrow = None if name == "fcn-wang" else 24
    encoder = backbone(name, samples=600, width=narrow).eval()
    longer = torch.randn(1, 12, 800)
    with torch.no_grad():
        if serves_one_length(name):
            with pytest.raises(ConfigError):
                encoder(longer)
        else:
            assert encoder(longer).shape == (1, encoder.dim)


def test_a_wrong_name_or_size_is_refused():
    with pytest.raises(UnknownName, match="resnet18"):
        backbone("resnet-18")
    with pytest.raises(ConfigError, match="depth"):
        backbone("resnet18", depth=3)
    with pytest.raises(ConfigError, match="width"):
        backbone("fcn-wang", width=3)

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench.errors import ConfigError
from bench.method.published_names import Rules, within
from methods.nets.crt import CRT, CRTEncoder, time_magnitude_phase, token_discrimination

PRE_NORM_BLOCK = {
    "0.norm": "norm1",
    "0.fn.to_qkv": "attn.qkv",
    "0.fn.to_out.0": "attn.proj",
    "1.norm": "norm2",
    "1.fn.net.0": "mlp.fc1",
    "1.fn.net.3": "mlp.fc2",
}

CRT_ENCODER: Rules = (
    (r"pos_embedding$", "positions"),
    (r"modal_embedding$", "domain_embedding"),
    (r"cls_token$", "class_tokens"),
    *(
        (rf"transformer\.layers\.(\d+)\.{re.escape(theirs)}\.", rf"blocks.\1.{ours}.")
        for theirs, ours in PRE_NORM_BLOCK.items()
    ),
    *(
        (
            rf"cnn{domain + 1}\.cnn\.feature_extractor\.{stage + 4}\.{i}\.{theirs}\.",
            f"patch_cnns.{domain}.{4 + 2 * stage + i}.{ours}.",
        )
        for domain in range(3)
        for stage in range(4)
        for i in range(2)
        for theirs, ours in {
            "conv1": "body.0",
            "bn1": "body.1",
            "conv2": "body.3",
            "bn2": "body.4",
            "downsample": "shortcut",
        }.items()
    ),
    *((rf"cnn{domain + 1}\.cnn\.feature_extractor\.(0|1)\.", rf"patch_cnns.{domain}.\1.") for domain in range(3)),
)
"""CRT's encoder, for :class:`methods.nets.crt.CRTEncoder`."""

CRT_MODEL: Rules = (
    *within("encoder.", "encoder.", CRT_ENCODER),
    (r"crt\.encoder\.", None),  # the same encoder, listed twice
    (r"crt\.modal_embedding$", None),
    (r"crt\.mask_token$", "mask_tokens"),
    *(
        (rf"crt\.decoder\.layers\.(\d+)\.{re.escape(theirs)}\.", rf"blocks.\1.{ours}.")
        for theirs, ours in PRE_NORM_BLOCK.items()
    ),
    (r"crt\.decoder_pos_emb\.", "positions."),
    (r"crt\.to_pixels\.", "rebuild."),
    (r"crt\.projs\.0\.", "project_tokens."),
    (r"crt\.projs\.1\.", "project_encoded."),
    (r"classifier\.", None),  # the classifier of whatever task it was tuned on
)
"""CRT's whole model, for :class:`methods.nets.crt.CRT`."""

WHOLE = Path(__file__).parents[4] / "shared" / "golden" / "crt.npz"


@pytest.fixture(scope="module")
def whole():
    if not WHOLE.exists():
        pytest.skip("../shared/golden/crt.npz is absent (1.2 MB, not kept in the repository)")
    with np.load(WHOLE) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture
def loaded(whole, load_published):
    def load(**options) -> CRT:
        net = CRT(CRTEncoder(80, 3, 4, 16), **options).eval()
        weights = {n.removeprefix("w_").replace("__", "."): t for n, t in whole.items() if n.startswith("w_")}
        load_published(net, weights, CRT_MODEL)
        return net

    return load


def test_domains_and_constraint(golden):
    stored = golden("crt_parts.npz")
    torch.testing.assert_close(time_magnitude_phase(stored["signal"]), stored["time_mag_phase"])
    constraint = token_discrimination(stored["tokens"], stored["encoded_tokens"])
    assert constraint.item() == pytest.approx(stored["idc_loss"], abs=1e-9)


def test_pretraining_loss_of_the_release_needs_its_crossed_targets(whole, loaded):
    orders = (whole["perm_time"], whole["perm_freq"])
    released = loaded(crossed_targets=True)(whole["x"], whole["mask_ratio"].item(), orders)
    assert sum(released.values()).item() == pytest.approx(whole["total_loss"].item(), rel=1e-6)
    straight = loaded()(whole["x"], whole["mask_ratio"].item(), orders)
    assert straight["constraint"] == released["constraint"]
    assert straight["reconstruction"].item() != pytest.approx(released["reconstruction"].item(), rel=1e-6)


def test_fine_tuned_logits_of_the_release_need_its_wrong_axis(whole, loaded):
    net = loaded()
    net.encoder.batch_sliced_domains = True
    w = {name.removeprefix("w_classifier__"): t for name, t in whole.items()}
    hidden = torch.relu(F.linear(net.encoder.encode_domains(whole["x"]), w["fc1__weight"], w["fc1__bias"]))
    hidden = F.batch_norm(hidden, w["bn__running_mean"], w["bn__running_var"], w["bn__weight"], w["bn__bias"])
    logits = F.linear(hidden, w["fc2__weight"], w["fc2__bias"])
    torch.testing.assert_close(logits.detach(), whole["finetune_logits"], atol=1e-5, rtol=1e-5)


def test_parameter_counts():
    with torch.device("meta"):
        encoder = CRTEncoder()
        net = CRT(encoder)
    classifier = 128 * 64 + 64 + 2 * 64 + 64 * 5 + 5
    assert sum(p.numel() for p in encoder.parameters()) == 2_567_776
    assert sum(p.numel() for p in net.parameters()) + classifier == 3_358_773


def small() -> CRT:
    torch.manual_seed(0)
    return CRT(CRTEncoder(80, 3, 4, 16, depth=1, heads=2, head_dim=8, dropout=0.0, embedding_dropout=0.0), depth=1)


def test_records_do_not_depend_on_their_place_in_the_batch():
    encoder = small().encoder.eval()
    ecg = torch.randn(4, 3, 80)
    torch.testing.assert_close(encoder(ecg)[2:3], encoder(ecg[2:3]))
    assert encoder(ecg).shape == (4, 16)


def test_each_prediction_meets_its_own_patch_unless_targets_are_crossed():
    """With one constant level for hidden patches and another for shown ones, the decoder need only tell these apart."""
    net = small().eval()
    orders = net.draw(torch.Generator().manual_seed(0))
    domains = torch.zeros(2, 3, 160)
    for patch in orders[0][:10].tolist():
        domains[..., 4 * patch : 4 * patch + 4] = 1.0
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(40):
        loss = net(domains, 0.5, orders)["reconstruction"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    net.crossed_targets = True
    assert net(domains, 0.5, orders)["reconstruction"].item() > 0.2


def test_hidden_patches_are_not_seen():
    net = small().eval()
    domains = time_magnitude_phase(torch.randn(2, 3, 80))
    orders = net.draw(torch.Generator().manual_seed(0))
    changed = domains.clone()
    patch = int(orders[0][0])
    changed[..., 4 * patch : 4 * patch + 4] += 5.0
    first, second = (net(x, 0.5, orders) for x in (domains, changed))
    assert first["constraint"] == second["constraint"]
    assert first["reconstruction"] != second["reconstruction"]


def test_lengths_that_do_not_divide_are_refused():
    with pytest.raises(ConfigError, match="90"):
        CRTEncoder(samples=90, patch=20)

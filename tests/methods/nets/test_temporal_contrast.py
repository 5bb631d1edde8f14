import re

import torch

from methods.losses.contrastive import nt_xent
from methods.nets.temporal_contrast import TemporalContrast
from methods.ts_tcc import TSTCC

NAMES = (
    (r"^Wk\.", "predict."),
    (r"^projection_head", "project"),
    (r"^seq_transformer\.c_token", "summary_token"),
    (r"^seq_transformer\.patch_to_embedding", "embed"),
    (r"^seq_transformer\.transformer\.layers\.(\d)\.0\.fn\.norm", r"blocks.\1.norm1"),
    (r"^seq_transformer\.transformer\.layers\.(\d)\.1\.fn\.norm", r"blocks.\1.norm2"),
    (r"^seq_transformer\.transformer\.layers\.(\d)\.0\.fn\.fn\.to_qkv", r"blocks.\1.qkv"),
    (r"^seq_transformer\.transformer\.layers\.(\d)\.0\.fn\.fn\.to_out\.0", r"blocks.\1.proj"),
    (r"^seq_transformer\.transformer\.layers\.(\d)\.1\.fn\.fn\.net\.0", r"blocks.\1.fc1"),
    (r"^seq_transformer\.transformer\.layers\.(\d)\.1\.fn\.fn\.net\.3", r"blocks.\1.fc2"),
)


def ours(name: str) -> str:
    name = name.removeprefix("w_").replace("__", ".")
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def test_it_reproduces_ts_tcc(golden):
    stored = golden("tstcc_tc.npz")
    net = TemporalContrast(12, stored["timesteps"], stored["hidden_dim"], projection=3).double().eval()
    weights = {ours(name): value for name, value in stored.items() if name.startswith("w_")}
    net.load_state_dict(weights | {"project.1.num_batches_tracked": torch.tensor(0)})
    now1, now2 = stored["t_samples"].tolist()
    loss1, summary1 = net(stored["features1"], stored["features2"], now1)
    loss2, summary2 = net(stored["features2"], stored["features1"], now2)
    expected = torch.tensor([stored["nce_1"], stored["nce_2"]]).double()
    torch.testing.assert_close(torch.stack([loss1, loss2]).detach(), expected)
    torch.testing.assert_close(summary1, stored["proj_1"])
    torch.testing.assert_close(summary2, stored["proj_2"])
    config = TSTCC.Config()
    contextual = nt_xent(summary1, summary2, config.temperature)
    total = loss1 + loss2 + config.contextual * contextual
    torch.testing.assert_close(total.item(), stored["total"])


def test_the_past_alone_decides_the_summary():
    net = TemporalContrast(8, steps=3, dim=8).eval()
    first, second = torch.randn(2, 4, 8, 20)
    changed = first.clone()
    changed[:, :, 11:] = torch.randn(4, 8, 9)
    assert torch.equal(net(first, second, 10)[1], net(changed, second, 10)[1])
    assert net(first, second)[0].isfinite()

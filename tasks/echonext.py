"""The task on EchoNext: structural heart disease and its parts, unknown where the echocardiogram did not measure them."""

from __future__ import annotations

from bench.task import ColumnTask


class EchoNextFindings(ColumnTask):
    """Structural heart disease on echocardiography, and eleven findings. What was not measured is unknown, not absent."""

    name = "echonext"
    dataset = "echonext"
    split = "echonext"
    classes = {  # noqa: RUF012
        "shd_moderate_or_greater": "structural heart disease",
        "lvef_lte_45": "left ventricular ejection fraction of 45 % or less",
        "lvwt_gte_13": "left ventricular wall 13 mm or thicker",
        "aortic_stenosis_moderate_or_greater": "moderate or severe aortic stenosis",
        "aortic_regurgitation_moderate_or_greater": "moderate or severe aortic regurgitation",
        "mitral_regurgitation_moderate_or_greater": "moderate or severe mitral regurgitation",
        "tricuspid_regurgitation_moderate_or_greater": "moderate or severe tricuspid regurgitation",
        "pulmonary_regurgitation_moderate_or_greater": "moderate or severe pulmonary regurgitation",
        "rv_systolic_dysfunction_moderate_or_greater": "moderate or severe right ventricular dysfunction",
        "pericardial_effusion_moderate_large": "moderate or large pericardial effusion",
        "pasp_gte_45": "pulmonary artery pressure of 45 mmHg or more",
        "tr_max_gte_32": "tricuspid jet velocity of 3.2 m/s or more",
    }
    source = "Poterucha et al., Nature 644:221, 2025; EchoNext 1.1.0"

"""Keys leave no trace in what is printed or stored, and what is none stays as it is."""

import pytest

from bench.redaction import redact

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("az: https://a.blob.core.windows.net/c/f?sv=2024&sig=ab%2Bc%3D&se=1", "sv=2024&sig=***&se=1"),
        (
            "https://h/f?X-Amz-Signature=abc&X-Amz-Credential=AKIA/2026&x=1",
            "X-Amz-Signature=***&X-Amz-Credential=***&x=1",
        ),
        ("https://h/f?AWSAccessKeyId=abc&x=1", "f?AWSAccessKeyId=***&x=1"),
        ("DefaultEndpointsProtocol=https;AccountKey=abc==", "https;AccountKey=***"),
        (f"https://host/AKIAIOSFODNN7EXAMPLE/{SECRET}/data/", "https://host/***"),
        ("GET https://host/me:pa55/data failed", "https://host/***/data failed"),
        ("GET https://host/me%3Apa55/data failed", "https://host/***/data failed"),
        ("https://host/v1/hf_abcdefghijABCDEFGHIJ12/x", "https://host/v1/***/x"),
        ("s3://bucket/aB3dEfGhIjKlMnOpQrStUvWxYz0123456789/x.npy", "s3://bucket/***/x.npy"),
        ("key ghp_abcdefghijABCDEFGHIJ12 found", "key *** found"),
    ],
)
def test_keys_are_masked(text, expected):
    assert expected in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://physionet.org/files/ptb-xl/1.0.3/records500/00000/00001_hr.dat",
        "s3://bucket/results/a3786604601b6bb0ed3628957e363380/predictions.parquet",
        "http://127.0.0.1:5000/#/experiments/1",
        "sqlite:////home/me@lab/mlflow.db",
        "https://huggingface.co/emilyalsentzer/Bio_ClinicalBERT/resolve/d5892b39a4adaed74b92212a44081509db72f87b/x.json",
        "--set linear.lr=0.01 max_tokens=64 significance=0.05 design=1",
    ],
)
def test_what_is_no_key_stays(text):
    assert redact(text) == text

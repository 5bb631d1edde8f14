"""Credentials leave no trace: what may be printed, logged or stored of a text that may hold a URI or a key."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

_USER_INFO = re.compile(r"(?i)\b(?!sqlite|file)([a-z][a-z0-9+.-]*://)[^\s'\"<>]*@")
_PASSWORD = re.compile(r"://[^/\s:@'\"]+:[^/\s@'\"]+@")
_ASSIGNED = re.compile(
    r"(?i)\b((?:[a-z0-9]+[_-])*(?:password|passwd|pwd|token|secret|api[_-]?key|signature)=)[^&\s'\"]+"
)
_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_NAMES = re.compile(r"(?i)(^|[._-])(password|passwd|token|secret|credentials?|api_?key)$")


def redact(text: str) -> str:
    """The text with ``user:password@`` of any URL, ``token=...`` and the like, and MLflow's own secrets as ``***``."""
    text = _USER_INFO.sub(r"\1***@", text)
    text = _ASSIGNED.sub(r"\1***", text)
    for name in _VARIABLES:
        value = os.environ.get(name)
        if value:
            text = text.replace(value, "***")
    return text


def redact_of(uri: str, text: str) -> str:
    """A text about what is at a URI, also where it quotes the URI's password by itself."""
    password = urlsplit(uri).password if "://" in uri else None
    for secret in {password, unquote(password or "")} - {None, ""}:
        text = text.replace(str(secret), "***")
    return redact(text)


def holds_password(text: str) -> bool:
    """Whether a URL in the text is of the form ``scheme://user:password@host``."""
    return bool(_PASSWORD.search(text))


def is_secret(name: str) -> bool:
    """Whether a field of this (dotted) name holds a credential: ``extractor.api_key`` does, ``max_tokens`` does not."""
    return bool(_NAMES.search(name))

"""Remove credentials from text that is printed, logged or stored and may hold a URI or a key."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

_USER_INFO = re.compile(r"(?i)\b(?!sqlite|file)([a-z][a-z0-9+.-]*://)[^\s'\"<>]*@")
_PASSWORD = re.compile(r"://[^/\s:@'\"]+:[^/\s@'\"]+@")
_ASSIGNED = re.compile(
    r"(?i)(?<![a-z0-9])((?:[a-z0-9]+[_-])*(?:password|passwd|pwd|token|secret|api[_-]?key|(?:aws)?access[_-]?key(?:[_-]?id)?|"
    r"account[_-]?key|signature|sig|credential)(?:=|%3D))[^&\s'\"]+"
)
_URL = re.compile(r"(?i)\b(?!sqlite|file|journal)([a-z][a-z0-9+.-]*://[^\s'\"<>/]*/)([^\s'\"<>?#]+)")
_KEYS = re.compile(
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{12,}(?:/[^\s'\"?#]*)?"  # Amazon; its secret may follow, and may hold slashes
    r"|gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_[A-Za-z0-9]{20,}|sk-[\w-]{20,}|xox[abeprs]-[\w-]{10,}"
    r"|AIza[\w-]{30,}|eyJ[\w-]+\.[\w-]+\.[\w-]+)"
)
"""Keys that are known by how they begin, wherever they appear."""
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[\w+=~.-]{32,}")
"""A component of a path that is neither a word nor a digest in hexadecimal."""
_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_NAMES = re.compile(r"(?i)(^|[._-])(password|passwd|token|secret|credentials?|api_?key)$")


def redact(text: str) -> str:
    """The text with the keys in any URL (``user:password@``, ``?sig=``, components of its path), ``token=...`` and the
    like, and MLflow's own secrets as ``***``."""
    text = _USER_INFO.sub(r"\1***@", text)
    text = _ASSIGNED.sub(r"\1***", text)
    text = _KEYS.sub("***", text)
    text = _URL.sub(lambda url: url[1] + "/".join(map(_component, url[2].split("/"))), text)
    for name in _VARIABLES:
        value = os.environ.get(name)
        if value:
            text = text.replace(value, "***")
    return text


def _component(text: str) -> str:
    plain = unquote(text)
    user, colon, password = plain.partition(":")
    return "***" if (user and colon and password) or _MIXED.fullmatch(plain) else text


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

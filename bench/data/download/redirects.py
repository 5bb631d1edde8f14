"""Redirects of ``urllib``: headers with credentials are not sent to another host."""

from __future__ import annotations

import urllib.request
from typing import Any
from urllib.parse import urlsplit


class _KeysStayHome(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: urllib.request.Request, *arguments: Any) -> urllib.request.Request | None:
        new = super().redirect_request(req, *arguments)
        if new is not None and _origin(new.full_url) != _origin(req.full_url):
            for name in ("Authorization", "Cookie", "Proxy-authorization"):
                new.remove_header(name)
        return new


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def open_url(request: urllib.request.Request, timeout: float) -> Any:
    """``urllib.request.urlopen``, whose authorization goes to no other host, port or scheme than the request's own.

    ``requests``, ``httpx`` and ``aiohttp`` do so by themselves.
    """
    return urllib.request.build_opener(_KeysStayHome).open(request, timeout=timeout)

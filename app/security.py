"""Who may talk to the server: the page it served itself, on the address it was started on.

A page on another site can make a browser send requests to 127.0.0.1 (cross-site posts), or point its own
name at 127.0.0.1 (DNS rebinding). The Host and Origin headers tell both apart from our own page. When other
machines may connect, a password stands in front of everything.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import Settings, is_loopback

CUSTOM_HEADER = "x-sdpt"
LOGIN_PATH = "/sdpt/login"
MAX_BODY_BYTES = 8 * 2**20
_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})
_ALWAYS_SENT = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """The rules of one server start. `token` is what the login cookie must hold."""

    host: str
    port: int
    password: str | None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @staticmethod
    def of(settings: Settings) -> Gate:
        return Gate(settings.host, settings.port, settings.password)

    @property
    def cookie_name(self) -> str:
        # Cookies are shared by all ports of a host; two servers must not log each other out.
        return f"sdpt_session_{self.port}"

    def is_known_host(self, header: str) -> bool:
        """Whether the Host header names this server.

        A tunnel may change the port of a loopback address, which no rebinding site can profit from.
        Bound to every address, the server cannot know its names; there the cookie guards it.
        """
        name, port = _split_host(header)
        if is_loopback(name):
            return True
        if self.host in _ANY_ADDRESS:
            return bool(name) and self.password is not None
        return name == self.host.lower() and port in (None, self.port)

    def is_password(self, given: str) -> bool:
        expected = (self.password or "").encode()
        return self.password is not None and secrets.compare_digest(given.encode(), expected)

    def is_logged_in(self, headers: Headers) -> bool:
        if self.password is None:
            return True
        cookie = cookie_parser(headers.get("cookie", "")).get(self.cookie_name, "")
        return secrets.compare_digest(cookie.encode(), self.token.encode())


class SecurityMiddleware:
    """Refuses foreign hosts and origins, oversized bodies and people who did not log in."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http":
            await refusal(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if not self._gate.is_known_host(host):
            return _refused(403, f"This server does not answer to the host name '{host[:100]}'.")
        changes = scope["type"] == "websocket" or scope["method"] not in _READING_METHODS
        if changes and not _comes_from_own_page(headers, host):
            return _refused(403, "This request comes from another site and was refused.")
        if _body_is_too_large(headers) and scope["path"].startswith("/sdpt/"):
            return _refused(413, f"A request may hold {MAX_BODY_BYTES // 2**20} MB at most.")
        if scope["path"] != LOGIN_PATH and not self._gate.is_logged_in(headers):
            return _ask_for_password(headers)
        return None


def _split_host(header: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{header}")
        return (parts.hostname or "").lower(), parts.port
    except ValueError:  # a port that is no number, half a bracket
        return "", None


def _comes_from_own_page(headers: Headers, host: str) -> bool:
    """Same Origin; or none at all, as scripts send, with the header that a foreign form cannot set."""
    if headers.get("sec-fetch-site", "same-origin") in ("cross-site", "same-site"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return CUSTOM_HEADER in headers
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _body_is_too_large(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    return not length.isdecimal() or int(length) > MAX_BODY_BYTES


def _ask_for_password(headers: Headers) -> Response:
    if "text/html" in headers.get("accept", ""):
        return RedirectResponse(LOGIN_PATH, status_code=303)
    return _refused(401, "Log in first: open the page of this server in the browser.")


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": {"kind": "Refused", "message": message}}, status_code=status)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _ALWAYS_SENT.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers

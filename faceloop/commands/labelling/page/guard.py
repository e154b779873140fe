"""Who may ask for what: a link's token becomes a cookie, and nothing is given without it.

Faces are personal data. The server listens on this machine alone, but so does every web page that
somebody on this machine opens: hence the host check, the strict cookie and the header on POST.
"""

import secrets
from collections.abc import Iterable

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp

HOSTS = ["127.0.0.1", "localhost"]
POST_HEADER = "x-faceloop"  # no form and no other site's script can send it
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# A page that goes on by itself: a strict cookie is not sent after a redirect from another site,
# such as a chat in which somebody got their link.
WELCOME = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>faceloop</title>'
    '<link rel="icon" href="icon.svg"><meta http-equiv="refresh" content="0;url=./">'
    '<a href="./">Start</a></html>'
)


class Keys:
    """The secrets of one run of the server: a token for each person's link, and its cookie."""

    def __init__(self, annotators: Iterable[str]) -> None:
        self._keys = {
            name: (secrets.token_urlsafe(24), secrets.token_urlsafe(24)) for name in annotators
        }
        # Browsers do not tell ports apart: two servers must not take each other's cookie.
        self.cookie = f"faceloop-{secrets.token_hex(4)}"

    def link(self, annotator: str) -> str:
        """Return the path, with its token, that lets a person in."""
        return f"/{annotator}/?token={self._keys[annotator][0]}"

    def lets_in(self, annotator: str, token: str) -> bool:
        """Tell whether this is the token of that person's link."""
        return annotator in self._keys and _same(token, self._keys[annotator][0])

    def knows(self, annotator: str, cookie: str) -> bool:
        """Tell whether this is the cookie of that person."""
        return annotator in self._keys and _same(cookie, self._keys[annotator][1])

    def give_cookie(self, response: Response, annotator: str) -> None:
        """Give a person their cookie, for their part of the server alone."""
        response.set_cookie(
            self.cookie,
            self._keys[annotator][1],
            path=f"/{annotator}/",
            httponly=True,
            samesite="strict",
        )


class Guard(BaseHTTPMiddleware):
    """Answers 403 to whoever holds no cookie, whatever they ask for; sets the headers on all."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        super().__init__(app)
        self._keys = keys

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Let a request through, exchange its token, or refuse it."""
        annotator = request.scope["path"].lstrip("/").partition("/")[0]
        token = request.query_params.get("token", "")
        if request.method == "GET" and self._keys.lets_in(annotator, token):
            response: Response = HTMLResponse(WELCOME)
            self._keys.give_cookie(response, annotator)
        elif not self._keys.knows(annotator, request.cookies.get(self._keys.cookie, "")):
            response = PlainTextResponse("Open the link that faceloop has printed.\n", 403)
        elif request.method not in ("GET", "HEAD") and POST_HEADER not in request.headers:
            response = PlainTextResponse("Only the labelling page may do that.\n", 403)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())

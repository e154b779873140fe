"""Who may ask for what: a link's token becomes a cookie, once, and nothing is given without it.

A link stands where others on this machine can read it, such as in the words that started the
browser: once it was opened, it is worth nothing. Faces are personal data. The server listens on
this machine alone, but so does every web page that somebody on this machine opens: hence the host
check, the strict cookie and the header on POST.
"""

import hashlib
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


REFUSED = (
    "Open the link that faceloop has printed. A link works once, in one browser: if yours was "
    "used, end faceloop with Ctrl-C and start it again for a new one; no answer is lost.\n"
)


class Keys:
    """The secrets of one run of the server: a cookie a person, and tokens of links not yet used."""

    def __init__(self, annotators: Iterable[str]) -> None:
        self._cookies = {name: secrets.token_urlsafe(24) for name in annotators}
        self._tokens: dict[str, str] = {}
        # Browsers do not tell ports apart: two servers must not take each other's cookie.
        self.cookie = f"faceloop-{secrets.token_hex(4)}"

    def link(self, annotator: str) -> str:
        """Return a path, with a new token, that lets a person in once."""
        token = secrets.token_urlsafe(24)
        self._tokens[_digest(token)] = annotator
        return f"/{annotator}/?token={token}"

    def lets_in(self, annotator: str, token: str) -> bool:
        """Tell whether this is the token of a link of that person's; it is none from then on."""
        if self._tokens.get(_digest(token)) != annotator:
            return False
        del self._tokens[_digest(token)]
        return True

    def knows(self, annotator: str, cookie: str) -> bool:
        """Tell whether this is the cookie of that person."""
        return annotator in self._cookies and secrets.compare_digest(
            cookie.encode(), self._cookies[annotator].encode()
        )

    def give_cookie(self, response: Response, annotator: str) -> None:
        """Give a person their cookie, for their part of the server alone."""
        response.set_cookie(
            self.cookie,
            self._cookies[annotator],
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
            response = PlainTextResponse(REFUSED, 403)
        elif request.method not in ("GET", "HEAD") and POST_HEADER not in request.headers:
            response = PlainTextResponse("Only the labelling page may do that.\n", 403)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response


def _digest(token: str) -> str:
    """Return what a token is looked up by, in a time that tells nothing of the token."""
    return hashlib.sha256(token.encode()).hexdigest()

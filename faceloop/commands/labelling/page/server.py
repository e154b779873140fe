"""The labelling server: five routes a person, behind the guard."""

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import uvicorn
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from faceloop.base.errors import FaceloopError
from faceloop.commands.labelling.page.guard import HOSTS, Guard, Keys
from faceloop.commands.labelling.page.pictures import Pictures
from faceloop.commands.labelling.page.session import Refused, Sitting
from faceloop.commands.rounds.drafts import Action
from faceloop.faces.media import Unreadable

STATIC = {
    "": ("index.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
}
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="#1f5fbf" '
    'stroke-width="2" stroke-linecap="round"><path d="M2 5V3.5A1.5 1.5 0 0 1 3.5 2H5M11 2'
    "h1.5A1.5 1.5 0 0 1 14 3.5V5M14 11v1.5A1.5 1.5 0 0 1 12.5 14H11M5 14H3.5A1.5"
    ' 1.5 0 0 1 2 12.5V11M6 7v0M10 7v0M6 10q2 1.5 4 0"/></svg>'
)
ACTIONS = TypeAdapter(list[Action])
LARGEST_POST_BYTES = 1_000_000
# What the page shows people when something goes wrong, and the status it comes with.
REFUSALS: dict[type[Exception], int] = {
    Unreadable: 404,
    FaceloopError: 409,
    Refused: 422,
    ValidationError: 422,
    OSError: 507,
}


def make_app(sessions: Mapping[str, Sitting], pictures: Pictures, keys: Keys) -> Starlette:
    """Return the app: each person's page under `/<name>/`, and nothing else."""

    def session(request: Request) -> Sitting:
        return sessions[request.path_params["name"]]  # the guard let only these through

    def task(request: Request) -> Response:
        return JSONResponse(session(request).task())

    async def crop(request: Request) -> Response:
        return Response(pictures.crop(request.path_params["face"]), media_type="image/jpeg")

    def source(request: Request) -> Response:
        return Response(pictures.source(request.path_params["face"]), media_type="image/jpeg")

    async def icon(request: Request) -> Response:
        return Response(ICON, media_type="image/svg+xml")

    async def votes(request: Request) -> Response:
        if int(request.headers.get("content-length", LARGEST_POST_BYTES)) >= LARGEST_POST_BYTES:
            return PlainTextResponse("Too much at once.\n", 413)
        actions = ACTIONS.validate_json(await request.body())
        await run_in_threadpool(session(request).save, actions)
        return JSONResponse({"saved": len(actions)})

    return Starlette(
        routes=[
            *(static_route(name, *found) for name, found in STATIC.items()),
            Route("/{name}/icon.svg", icon),
            Route("/{name}/task", task),
            Route("/{name}/crops/{face}.jpg", crop),
            Route("/{name}/sources/{face}.jpg", source),
            Route("/{name}/votes", votes, methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS),
            Middleware(Guard, keys=keys),
        ],
        exception_handlers={kind: in_words(status) for kind, status in REFUSALS.items()},
    )


def serve(app: Starlette, listening: socket.socket) -> None:
    """Serve until Ctrl-C; what is under way then is finished."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def static_route(name: str, file: str, media_type: str) -> Route:
    """Return the route of one of the page's own three files."""
    content = Path(__file__).with_name(file).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return Route(f"/{{name}}/{name}", answer)


def in_words(status: int) -> Callable[[Request, Exception], Response]:
    """Return a handler that answers with an error's own words."""

    def answer(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{error}\n", status)

    return answer

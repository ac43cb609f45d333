"""``python explore.py``: the app on this machine's own address."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from explorer.app.safety import (
    CACHE_AGE_S,
    CACHE_SWEEP_S,
    MAX_UPLOAD_BYTES,
    Headers,
    check_bind,
    close_doors,
    hosts,
    password_check,
    read_password,
)
from explorer.runs_folder import RUNS, runs_folder

MISSING = (
    "The explorer in the browser needs {name}: pip install 'jepakit[explorer]'. "
    "Without a browser: python explore.py export --out DIR."
)
EXTRA = ("gradio", "plotly", "umap")
PLOTLY_ADDRESS = "/explorer/plotly.js"


def serve(
    *,
    runs: str = RUNS,
    host: str = "127.0.0.1",
    port: int = 7860,
    password_file: str | None = None,
    artifacts: str = "runs/explorer",
) -> None:
    """Look inside a video model in the browser; works at once, with no weights and no video.

    Args:
        runs: Folder of run folders; models are read from there only.
        host: Address to listen on. Others than this machine's own need a password.
        port: To listen on.
        password_file: File with a password; the environment variable JEPAKIT_EXPLORER_PASSWORD is
            read if not given. Any user name goes with it.
        artifacts: Folder of saved latents and of uploads; old files in it are deleted by age.
    """
    password = read_password(password_file)
    check_bind(host, password)
    folder = Path(artifacts).resolve()
    served = folder / "served"
    served.mkdir(parents=True, exist_ok=True)
    close_doors(served)
    for name in EXTRA:  # importing them takes seconds, which only their views should cost
        if find_spec(name) is None:
            sys.exit(f"explore.py: {MISSING.format(name=name)}")
    print("Starting; the first time takes longest.", flush=True)  # noqa: T201
    _listen(runs_folder(runs), folder, host=host, port=port, password=password)


def _listen(runs: Path | None, folder: Path, *, host: str, port: int, password: str | None) -> None:
    from explorer.app.page import build_page
    from explorer.app.studio import Studio
    from explorer.app.theme import head, theme

    studio = Studio(runs, folder)
    for work in (studio.open_first, lambda: _tidy(studio.remove_old)):
        threading.Thread(target=work, daemon=True).start()
    page = build_page(studio, delete_cache=(CACHE_SWEEP_S, CACHE_AGE_S))
    page.queue(max_size=8, default_concurrency_limit=1, api_open=False)
    try:
        page.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            show_error=False,
            auth=password_check(password) if password else None,
            auth_message="Any name, and the password that the explorer was started with.",
            allowed_paths=[],
            max_file_size=MAX_UPLOAD_BYTES,
            enable_monitoring=False,
            run_history=False,
            mcp_server=False,
            ssr_mode=False,
            pwa=False,
            footer_links=[],
            state_session_capacity=64,
            theme=theme(),
            head=head(),
            app_kwargs={**_routes(host), "docs_url": None, "redoc_url": None, "openapi_url": None},
        )
    except OSError as error:
        sys.exit(f"explore.py: port {port} cannot be used ({error}); give another by --port.")
    if password:
        print("Beyond this machine the connection is not encrypted: use a tunnel.")  # noqa: T201
    print(f"Latent explorer: http://{host}:{port} (Ctrl-C ends it)", flush=True)  # noqa: T201
    page.block_thread()


def _tidy(remove_old: Callable[[], None]) -> None:
    """Delete old files now and then, for as long as the program runs."""
    while True:
        time.sleep(CACHE_SWEEP_S)
        remove_old()


def _routes(host: str) -> dict[str, Any]:
    """plotly.js from its package, and what every request and answer is checked for."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from explorer.pictures import plotly_js

    script = plotly_js().encode()
    kept = {"Cache-Control": "public, max-age=86400"}

    def plotly_script(_request: Request) -> Response:
        return Response(script, media_type="text/javascript", headers=kept)

    return {
        "routes": [Route(PLOTLY_ADDRESS, plotly_script)],
        "middleware": [
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts(host))),
            Middleware(Headers),
        ],
    }

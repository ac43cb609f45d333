"""What keeps the app to itself: loopback, a password beyond it, no telemetry, no other address."""

from __future__ import annotations

import hmac
import ipaddress
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PASSWORD_VARIABLE = "JEPAKIT_EXPLORER_PASSWORD"
SHORTEST_PASSWORD = 8
MAX_UPLOAD_BYTES = 200 * 1024**2
CACHE_AGE_S = 86_400
CACHE_SWEEP_S = 3_600
SETTINGS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_ALLOWED_PATHS": "",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""Read by gradio and its libraries while they are imported."""

# Gradio's page runs inline scripts and makes functions of its templates; nothing may come from, or
# go to, any other place.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def close_doors(served: Path) -> None:
    """Turn telemetry, sharing and hub access off; to be called before gradio is imported.

    Args:
        served: folder of uploads and downloads, the only one that the app hands files out of.
    """
    os.environ.update(SETTINGS)
    os.environ["GRADIO_TEMP_DIR"] = str(served)
    for name in ("NO_PROXY", "no_proxy"):  # gradio asks its own address at the start
        known = os.environ.get(name)
        os.environ[name] = ",".join([*([known] if known else []), "127.0.0.1,localhost,::1"])


def sweep(folder: Path, max_age_s: float) -> int:
    """Delete what lies directly in a folder and was last changed longer ago; returns how much.

    Links are deleted themselves, never followed.
    """
    latest, gone = time.time() - max_age_s, 0
    for entry in folder.iterdir():
        if entry.lstat().st_mtime >= latest:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
        gone += 1
    return gone


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_password(file: str | None) -> str | None:
    """The password in a file, or in the environment; None where neither is given.

    Raises:
        ValueError: it is too short.
        OSError: the file cannot be read.
    """
    password = Path(file).read_text().strip() if file else os.environ.get(PASSWORD_VARIABLE)
    if password is None:
        return None
    if len(password) < SHORTEST_PASSWORD:
        raise ValueError(
            f"The password has {len(password)} characters; give it at least {SHORTEST_PASSWORD}."
        )
    return password


def check_bind(host: str, password: str | None) -> None:
    """Refuse to listen beyond this machine without a password.

    Raises:
        ValueError: the address is not loopback and there is no password.
    """
    if password is None and not is_loopback(host):
        raise ValueError(
            f"Other machines reach {host}, and uploads cost memory and time: give a password by "
            f"--password_file FILE or {PASSWORD_VARIABLE}, or stay on --host 127.0.0.1."
        )


def password_check(password: str) -> Callable[[str, str], bool]:
    """Whether a name and a password may come in: any name, this password."""

    def allowed(_name: str, given: str) -> bool:
        return hmac.compare_digest(given.encode(), password.encode())

    return allowed


def hosts(host: str) -> Sequence[str]:
    """Host names that requests may carry; of loopback only its own, against rebinding."""
    return ["127.0.0.1", "localhost", "[::1]", "::1"] if is_loopback(host) else ["*"]


class Headers:
    """ASGI middleware that adds :data:`HEADERS` to every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.headers = [(name.lower().encode(), text.encode()) for name, text in HEADERS.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on, with the headers."""

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self.headers]
            await send(message)

        await self.app(scope, receive, sent if scope["type"] == "http" else send)

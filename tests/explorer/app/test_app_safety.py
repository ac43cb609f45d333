"""What keeps the app to itself."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from explorer.app.safety import (
    HEADERS,
    MAX_UPLOAD_BYTES,
    PASSWORD_VARIABLE,
    SETTINGS,
    Headers,
    check_bind,
    close_doors,
    hosts,
    is_loopback,
    password_check,
    read_password,
    sweep,
)
from explorer.app.serve import serve


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.7", False),
        ("example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_only_loopback_is_loopback(host: str, inside: bool) -> None:
    assert is_loopback(host) == inside
    if inside:
        check_bind(host, None)
    else:
        with pytest.raises(ValueError, match=f"Other machines reach {host}"):
            check_bind(host, None)
        check_bind(host, "a long password")


def test_loopback_answers_to_its_own_names_only() -> None:
    assert "*" not in hosts("127.0.0.1")
    assert hosts("0.0.0.0") == ["*"]


class TestPassword:
    def test_of_a_file_or_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
        assert read_password(None) is None
        monkeypatch.setenv(PASSWORD_VARIABLE, "from the environment")
        assert read_password(None) == "from the environment"
        file = tmp_path / "password"
        file.write_text("from the file\n")
        assert read_password(str(file)) == "from the file"

    @pytest.mark.parametrize("short", ["", "1234567"])
    def test_a_short_one_is_refused(self, tmp_path: Path, short: str) -> None:
        file = tmp_path / "password"
        file.write_text(short)
        with pytest.raises(ValueError, match="at least 8"):
            read_password(str(file))

    def test_any_name_and_the_password(self) -> None:
        allowed = password_check("öffne dich bitte")
        assert allowed("anybody", "öffne dich bitte")
        assert not allowed("anybody", "öffne dich")
        assert not allowed("öffne dich bitte", "")


def test_doors_are_closed_before_gradio_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*SETTINGS, "GRADIO_TEMP_DIR", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "True")
    close_doors(tmp_path)
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert os.environ["GRADIO_SHARE"] == "False"
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)
    assert "127.0.0.1" in os.environ["NO_PROXY"].split(",")


def test_what_gradio_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Mock()
    monkeypatch.setattr("explorer.app.page.build_page", lambda *_args, **_options: page)
    monkeypatch.setattr("explorer.app.serve.close_doors", lambda _served: None)
    monkeypatch.setattr("explorer.app.studio.Studio.open_first", lambda _studio: None)
    serve(artifacts=str(tmp_path))
    told = page.launch.call_args.kwargs
    assert page.queue.call_args.kwargs["api_open"] is False
    assert told["server_name"] == "127.0.0.1"
    assert told["share"] is False
    assert told["allowed_paths"] == []
    assert told["show_error"] is False
    assert told["max_file_size"] == MAX_UPLOAD_BYTES
    assert told["enable_monitoring"] is False
    assert told["auth"] is None


def test_old_files_go_and_links_are_not_followed(tmp_path: Path) -> None:
    served, outside = tmp_path / "served", tmp_path / "outside"
    for name in ("old", "new"):
        (served / name).mkdir(parents=True)
        (served / name / "file.csv").write_text("1")
    outside.mkdir()
    (outside / "kept.txt").write_text("1")
    (served / "link").symlink_to(outside)
    past = time.time() - 100
    os.utime(served / "old", (past, past))
    os.utime(served / "link", (past, past), follow_symlinks=False)
    assert sweep(served, 50.0) == 2
    assert [entry.name for entry in served.iterdir()] == ["new"]
    assert (outside / "kept.txt").exists()


def test_every_answer_carries_the_headers() -> None:
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Headers(app)({"type": "http"}, None, send))
    headers = dict(sent[0]["headers"])
    assert headers[b"a"] == b"b"
    assert headers[b"content-security-policy"].decode() == HEADERS["Content-Security-Policy"]
    policy = HEADERS["Content-Security-Policy"]
    assert "http:" not in policy
    assert "https:" not in policy
    assert "*" not in policy

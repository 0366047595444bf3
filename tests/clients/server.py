"""The server under test, for every client: started on a free port in a folder of its own, with tenants to ask as."""

import contextlib
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

START_SECONDS = 30


class Mismatch(Exception):
    """An answer that isn't the expected one."""


class Server:
    """A running server: its address, and the operator's key."""

    def __init__(self, url: str, operator_key: str) -> None:
        self.url = url
        self.operator_key = operator_key

    def create_tenant(self, name: str) -> str:
        """The new tenant's owner key."""
        status, body = send("POST", f"{self.url}/v1/tenants", self.operator_key, {"id": name})
        if status != 201 or body["id"] != name:
            raise Mismatch(f"POST /v1/tenants: {status} {body}")
        return body["owner_key"]["key"]


def send(method: str, url: str, key: str | None, body: Any = None) -> tuple[int, Any]:
    """One request as plain as it gets, for what the clients don't do. The status, and the answer as JSON or text."""
    request = urllib.request.Request(url, method=method)
    if key is not None:
        request.add_header("api-key", key)
    if body is not None:
        request.add_header("content-type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            status, text = response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode(errors="replace")
    try:
        return status, json.loads(text)
    except json.JSONDecodeError:
        return status, text


@contextlib.contextmanager
def serving(binary: str) -> Iterator[Server]:
    """Starts the server, waits until it is ready, and sees that it leaves well. Shows its log when the caller fails."""
    with tempfile.TemporaryDirectory(prefix="locule-clients-") as name:
        folder = pathlib.Path(name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Server(f"http://127.0.0.1:{port}", secrets.token_urlsafe(36))
        # Nothing of the caller's own configuration may reach the server under test.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCULE_")}
        environment["LOCULE_OPERATOR_KEY"] = server.operator_key
        log_path = folder / "server.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [pathlib.Path(binary).resolve(), "serve", "--data", folder / "data", "--listen", f"127.0.0.1:{port}"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until_ready(server.url, process)
            yield server
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=30)
            if code != 0:
                raise Mismatch(f"the server left with exit code {code} after SIGTERM")
        except BaseException:
            process.kill()
            process.wait()
            sys.stderr.write("the server's last words:\n" + log_path.read_text(errors="replace")[-4000:])
            raise


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Mismatch(f"the server left with exit code {process.returncode} before it was ready")
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):
                return
        time.sleep(0.05)
    raise Mismatch(f"the server wasn't ready after {START_SECONDS} s")

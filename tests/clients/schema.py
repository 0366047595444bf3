#!/usr/bin/env python3
"""Asks the server what /openapi.json says it can be asked, in ways nobody thought of: with schemathesis.

    tests/clients/schema.py PATH-TO-LOCULE PATH-TO-SCHEMATHESIS [SECONDS]

As a tenant's owner, and as the operator. No answer may be a 5xx, have a status or a content type that the document
doesn't name, or a body other than the document says.
"""

import pathlib
import subprocess
import sys
import tempfile

from server import Mismatch, Server, send, serving

SECONDS = 20
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Names that are there, so that not every request is about something that isn't.
CONFIG = """
[parameters]
name = ["docs", "nowhere"]
"""


def main() -> int:
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    seconds = int(sys.argv[3]) if len(sys.argv) == 4 else SECONDS
    try:
        with serving(sys.argv[1]) as server, tempfile.TemporaryDirectory(prefix="locule-schema-") as folder:
            status, document = send("GET", f"{server.url}/openapi.json", None)
            if status != 200 or not document["paths"]:
                raise Mismatch(f"/openapi.json: {status}")
            (pathlib.Path(folder) / "schemathesis.toml").write_text(CONFIG)
            # The operator last: it deletes tenants.
            keys = {"owner": prepared(server), "operator": server.operator_key}
            failed = [role for role, key in keys.items() if not asks(sys.argv[2], server, key, role, seconds, folder)]
    except Mismatch as mismatch:
        print(f"FAILED  {mismatch}", file=sys.stderr)
        return 1
    if failed:
        print(f"FAILED  the answers aren't as /openapi.json says, asked as: {', '.join(failed)}", file=sys.stderr)
        return 1
    print(f"schemathesis: {len(document['paths'])} paths hold")
    return 0


def prepared(server: Server) -> str:
    """A tenant with a collection and a few points; its owner key."""
    key = server.create_tenant("acme")
    docs = f"{server.url}/collections/docs"
    points = [{"id": number, "vector": [0.1 * number, 0.5, -0.2, 1.0], "payload": {"n": number}} for number in range(5)]
    for url, body in ((docs, {"vectors": {"size": 4, "distance": "Cosine"}}), (f"{docs}/points", {"points": points})):
        status, answer = send("PUT", url, key, body)
        if status != 200:
            raise Mismatch(f"PUT {url}: {status} {answer}")
    return key


def asks(schemathesis: str, server: Server, key: str, role: str, seconds: int, folder: str) -> bool:
    print(f"as the {role}, {seconds} s", flush=True)
    command = [
        schemathesis, "run", f"{server.url}/openapi.json",
        "--header", f"api-key: {key}",
        "--checks", CHECKS,
        "--phases", "examples,coverage,fuzzing",
        "--max-time", str(seconds),
        "--continue-on-failure",
        "--warnings", "off",
        "--no-color",
    ]  # fmt: skip
    if role == "owner":
        # A key that revokes itself would see nothing but 401, and one that closes its tenant nothing but 403.
        command += ["--exclude-path-regex", "^/v1/(keys/.*|contain)$"]
    done = subprocess.run(command, cwd=folder, timeout=seconds * 4 + 120, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-12_000:] + done.stderr[-2_000:], flush=True)
    status, answer = send("GET", f"{server.url}/v1/self", key)
    if status != 200:
        raise Mismatch(f"the {role}'s key ended while it asked: {status} {answer}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())

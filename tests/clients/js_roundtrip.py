#!/usr/bin/env python3
"""Starts the server for js/roundtrip.mjs, and then looks whether anything crossed between its two tenants.

tests/clients/js_roundtrip.py PATH-TO-LOCULE NODE FOLDER-WITH-node_modules
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from checks import Mismatch, Run, only_expected_warnings, two_tenants
from crossing import nothing_crosses
from server import serving

SCRIPT = pathlib.Path(__file__).parent / "js" / "roundtrip.mjs"


def main() -> int:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    binary, node, packages = sys.argv[1:]
    version = json.loads((pathlib.Path(packages) / "node_modules/@qdrant/js-client-rest/package.json").read_text())[
        "version"
    ]
    only_expected_warnings()
    print(f"@qdrant/js-client-rest {version}", flush=True)
    try:
        with serving(binary) as server, tempfile.TemporaryDirectory(prefix="locule-js-") as folder:
            tenants = two_tenants(server)
            # Node looks for packages beside the script, and nothing may be installed into the clone.
            script = shutil.copy(SCRIPT, folder)
            (pathlib.Path(folder) / "node_modules").symlink_to(pathlib.Path(packages).resolve() / "node_modules")
            given = {
                "LOCULE_URL": server.url,
                "TENANTS": json.dumps([{"name": one.name, "key": one.key} for one in tenants]),
            }
            if subprocess.run(
                [node, "--preserve-symlinks", script], env={**os.environ, **given}, timeout=300
            ).returncode:
                raise Mismatch("@qdrant/js-client-rest: see above")
            run = Run(tenants)
            nothing_crosses(run, server, "js")
    except Mismatch as mismatch:
        print(f"FAILED  {mismatch}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

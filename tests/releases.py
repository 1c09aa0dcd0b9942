"""An etcd release as it is published: an archive, its digest beside it, on a web server of the test's own."""

from __future__ import annotations

import hashlib
import http.server
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.etcd_versions import Etcd

ARCHITECTURE = "amd64"


class Release:
    """An archive laid out as etcd's releases are."""

    def __init__(self, folder: Path, etcd: Etcd) -> None:
        self.folder, self.address = folder, ""
        self.version = etcd.version
        self.name = f"etcd-v{self.version}-linux-{ARCHITECTURE}"
        self.archive = folder / f"v{self.version}" / f"{self.name}.tar.gz"
        self.archive.parent.mkdir(parents=True)
        with tarfile.open(self.archive, "w:gz", compresslevel=1) as archive:
            for program in ("etcd", "etcdctl", "etcdutl"):
                archive.add(etcd.directory / program, f"{self.name}/{program}")
            archive.add(__file__, f"{self.name}/README.md")
            archive.add(__file__, f"{self.name}/../../escaped")
        self.digest = hashlib.sha256(self.archive.read_bytes()).hexdigest()

    @property
    def url(self) -> str:
        return f"{self.address}/v{{version}}/etcd-v{{version}}-linux-{{arch}}.tar.gz"

    def publish(self, digest: str) -> None:
        (self.archive.parent / "SHA256SUMS").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  {self.name}.tar.gz\n")

    @contextmanager
    def served(self) -> Iterator[None]:
        """On the loopback of where this is called."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(self.folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{server.server_port}"
        yield
        server.shutdown()
        server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

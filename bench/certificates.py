"""Leaves a second: ours in process against `cfssl gencert | cfssljson -bare` a leaf, in turns within one run.

    python -m bench.certificates [--leaves 1000] [--rsa 40]

Exit 1 where a budget is missed: 1,000 ECDSA leaves in one second, 28 times cfssl; RSA 3 times cfssl.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from etcdpilot.model.certificates import CLIENT_AUTHORITY, AuthoritySpec, CertificateSpec
from etcdpilot.pki.authority import issue, make_authority
from etcdpilot.pki.cfssl.issuing import generate, init_authority, load_signer
from tests.local.pki.real_cfssl import Cfssl, find_cfssl

HOSTS = ["localhost", "10.78.0.11", "10.78.0.12", "10.78.0.13"]
ROUNDS = 5


def main() -> int:
    options = parse()
    cfssl = find_cfssl()
    if cfssl is None:
        print("no cfssl here: install golang-cfssl, or run lab/binaries --others", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        ecdsa = compare(cfssl, Path(folder), {"algo": "ecdsa", "size": 256}, options.leaves)
        rsa = compare(cfssl, Path(folder), {"algo": "rsa", "size": 2048}, options.rsa)
    product = cluster_leaves(options.leaves)
    # A cluster's own leaf needs no request. From cfssl's JSON we make one all the same, and it costs a signature more.
    rows = {"a cluster's leaf, ECDSA": (product, ecdsa[1]), "from JSON, ECDSA P-256": ecdsa, "from JSON, RSA 2048": rsa}
    print(f"{'':24}{'ours':>12}{'cfssl':>12}{'ratio':>8}   (ms a leaf)")
    for name, (ours, theirs) in rows.items():
        print(f"{name:24}{ours * 1000:12.3f}{theirs * 1000:12.3f}{theirs / ours:8.1f}")
    kept = product * 1000 <= 1 and ecdsa[1] / product >= 28 and rsa[1] / rsa[0] >= 3
    print("within the budgets" if kept else "a budget is missed")
    return 0 if kept else 1


def compare(cfssl: Cfssl, folder: Path, key: dict[str, object], count: int) -> tuple[float, float]:
    """Seconds a leaf, ours and theirs: turns of a fifth of the count each, summed."""
    ca = init_authority(json.dumps({"CN": "bench", "key": {"algo": "ecdsa", "size": 256}}), datetime.now(UTC))
    for file in ca.files("ca"):
        (folder / file.name).write_bytes(file.content)
    request = json.dumps({"CN": "etcd-0", "hosts": HOSTS, "key": key})
    (folder / "request.json").write_text(request)
    signer = load_signer(ca.certificate, ca.key)
    ours = theirs = 0.0
    for _ in range(ROUNDS):
        ours += timed(count // ROUNDS, lambda: generate(request, signer, datetime.now(UTC)))
        theirs += timed(count // ROUNDS, lambda: by_cfssl(cfssl, folder))
    made = count // ROUNDS * ROUNDS
    return ours / made, theirs / made


def by_cfssl(cfssl: Cfssl, folder: Path) -> None:
    """The tutorials' own pipe."""
    make = [str(cfssl.folder / "cfssl"), "gencert", "-ca=ca.pem", "-ca-key=ca-key.pem", "request.json"]
    write = [str(cfssl.folder / "cfssljson"), "-bare", "leaf"]
    common = {"cwd": folder, "env": cfssl.environment, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(make, stdout=subprocess.PIPE, **common) as first:  # type: ignore[call-overload]
        subprocess.run(write, stdin=first.stdout, check=True, **common)  # type: ignore[call-overload]
    assert first.returncode == 0


def cluster_leaves(count: int) -> float:
    """Seconds a leaf of a cluster's own PKI."""
    now = datetime.now(UTC)
    authority = make_authority(AuthoritySpec(CLIENT_AUTHORITY, "bench"), now)
    spec = CertificateSpec.of_server("etcd-0", HOSTS)
    return timed(count, lambda: issue(authority, spec, now)) / count


def timed(count: int, make: Callable[[], object]) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        make()
    return time.perf_counter() - begin


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=1000)
    parser.add_argument("--rsa", type=int, default=40)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

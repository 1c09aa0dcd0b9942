"""What clusters on hosts find each other through, on the controller's side of the lab: services, an etcd, DNS."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from lab.names import Address, Service
from lab.network import CONTROLLER
from lab.probes import until
from tests.etcd_versions import Etcd, all_versions
from tests.hosts.site import ETCDPILOT, Site

DOMAIN = "example.test"
HERE = CONTROLLER.address
LINES = ("3.4.23", "3.5.30", "3.6.16", "3.7.3")
HAD = {each.version: each for each in all_versions()}
CACHE = Path(os.environ.get("ETCDPILOT_LAB_CACHE") or Path.home() / ".cache" / "etcdpilot-lab")
DEBIANS = CACHE / "tools" / "etcd-discovery" / "usr" / "bin" / "discovery.etcd.io"


def had(version: str) -> Etcd:
    if version not in HAD:
        pytest.skip(f"needs etcd {version} (lab/binaries)")
    return HAD[version]


def init(site: Site, version: str, bootstrap: str, scheme: str = "https", hosts: tuple[str, ...] = ()) -> None:
    site.init(*hosts, etcd=had(version).version)
    lines = [each for each in site.file.read_text().splitlines() if not each.startswith("bootstrap:")]
    if scheme == "http":
        lines = [*without(lines, "tls:"), "tls: {mode: off}"]
    site.write("\n".join([*lines, f"bootstrap: {bootstrap}", ""]))


def without(lines: list[str], section: str) -> list[str]:
    kept, inside = [], False
    for line in lines:
        inside = line.startswith(section) or (inside and line.startswith((" ", "#")) and bool(line.strip()))
        if not inside:
            kept.append(line)
    return kept


def records(site: Site, scheme: str, *, reverse: bool = True) -> list[Address | Service]:
    kind = "_etcd-server-ssl" if scheme == "https" else "_etcd-server"
    found: list[Address | Service] = []
    for place, host in enumerate(site.lab.hosts):
        found.append(Address(f"infra{place}.{DOMAIN}", host.address, reverse=reverse))
        found.append(Service(f"{kind}._tcp.{DOMAIN}", f"infra{place}.{DOMAIN}", 2380))
    return found


def require_it_starts_alone(site: Site) -> None:
    """Every host loses its power at once, and boots into a cluster that asks nobody who its members are."""
    for host in site.lab.hosts:
        words = host.read("/etc/etcd/etcd.env") + host.read("/etc/systemd/system/etcd.service")
        assert 'ETCD_INITIAL_CLUSTER_STATE="existing"' in words and "DISCOVERY" not in words, words
        assert words.count("=http") >= 3
    site.lab.power_cut_all()
    site.lab.power_on_all()
    assert until(site.healthy, 60)


@contextmanager
def running(site: Site, argv: Sequence[str | Path], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process on the controller's side, once it listens; ended at the end of the block."""
    log = site.folder.parent / f"{port}.log"
    with log.open("ab") as output:
        process = site.lab.start(argv, cwd=site.folder, stdout=output, stderr=output)
    try:
        assert until(lambda: process.poll() is not None or listens(site, port), 30), log.read_text()
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.terminate()
        process.wait(10)


def listens(site: Site, port: int) -> bool:
    try:
        site.lab.connect(HERE, port).close()
    except OSError:
        return False
    return True


@contextmanager
def our_service(site: Site, *words: str, scheme: str = "http") -> Iterator[str]:
    argv = [ETCDPILOT, "discovery", "serve", "--listen", f"{HERE}:2381", *words]
    with running(site, argv, 2381):
        yield f"{scheme}://{HERE}:2381"


@contextmanager
def keeper(site: Site, version: str, *words: str, keys: Path | None = None, clients: bool = False) -> Iterator[str]:
    """One etcd by itself. `keys`: https; `clients`: they must show a certificate of the same authority."""
    scheme = "https" if keys else "http"
    url, peer = f"{scheme}://{HERE}:2379", f"http://{HERE}:2380"
    flags = [f"--listen-client-urls={url}", f"--advertise-client-urls={url}", f"--listen-peer-urls={peer}"]
    flags += [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=keeper={peer}", "--name=keeper"]
    flags += [f"--data-dir={site.folder.parent / 'keeper'}", *words]
    if keys:
        flags += [f"--cert-file={keys / 'cert.pem'}", f"--key-file={keys / 'key.pem'}"]
    if clients:
        flags += [f"--trusted-ca-file={keys}/ca.pem", "--client-cert-auth"]
    with running(site, [had(version).directory / "etcd", *flags], 2379):
        yield url


@contextmanager
def debians(site: Site) -> Iterator[str]:
    """Debian's etcd-discovery, which keeps its tokens in an etcd with the v2 API."""
    if not DEBIANS.exists():
        pytest.skip("needs Debian's etcd-discovery (lab/binaries --tools)")
    public = f"http://{HERE}:2381"
    etc = site.folder.parent / "etc"
    (etc / "etcd-discovery").mkdir(parents=True)
    with keeper(site, "3.4.23", "--enable-v2") as behind:
        (etc / "etcd-discovery" / "etcd-discovery.conf").write_text(
            f"[server]\nprefix_url = {public}\nweb_service_address = {HERE}:2381\n\n"
            f"[etcd]\nendpoint_location = {behind}\n"
        )
        # It reads its file in /etc alone: it gets an /etc of its own, which ends with it.
        argv = ["unshare", "--mount", "sh", "-c", f"mount --bind {etc} /etc && exec {DEBIANS}"]
        with running(site, argv, 2381):
            yield public


def make_keys(folder: Path) -> trustme.CA:
    """ca.pem, cert.pem and key.pem, for the controller's address; the pair serves clients as well."""
    authority = trustme.CA()
    leaf = authority.issue_cert(HERE)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    return authority


def believed_by_hosts(site: Site, folder: Path) -> None:
    """etcd believes the system's authorities alone: ours becomes one of them on every host."""
    for host in site.lab.hosts:
        host.put(folder / "ca.pem", "/etc/ssl/certs/ca-certificates.crt")

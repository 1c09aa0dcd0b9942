"""Every way to find each other with every line of etcd, on hosts; each cluster then boots with all helpers gone.

The table in docs/guide/bootstrap.md is what this found. The normal run takes three of these; the rest is for
ETCDPILOT_LONG=1.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from etcdpilot.model.identity import as_hex, member_id
from lab import Lab
from lab.names import Address
from tests.hosts import bootstrapping as ways
from tests.hosts.bootstrapping import DOMAIN, LINES
from tests.hosts.site import Site

LONG = bool(os.environ.get("ETCDPILOT_LONG"))
USUAL = {
    ("own service, https", "3.5.30"),
    ("endpoints", "3.7.3"),
    ("DNS, http", "3.4.23"),
}
LISTED = "the members are listed"
OWN_TRUST = "stay on this machine"


@dataclass
class Meeting:
    """Where the members meet: a line of the cluster file, the environment of apply, what it says where it helps."""

    bootstrap: str
    scheme: str = "https"
    environment: dict[str, str] = field(default_factory=dict)
    said: str = ""


@contextmanager
def meeting(way: str, site: Site, version: str) -> Iterator[Meeting]:
    """Everything that helps is gone at the end of the block."""
    folder = site.folder.parent
    line = tuple(int(part) for part in version.split(".")[:2])
    helped = "does not speak this discovery" if line < (3, 6) else ""
    match way:
        case "own service, http":
            with ways.our_service(site) as url:
                yield Meeting(f"{{discovery: {{url: '{url}'}}}}")
        case "own service, https":
            ways.make_keys(folder)
            ways.believed_by_hosts(site, folder)
            files = ("--cert", str(folder / "cert.pem"), "--key", str(folder / "key.pem"))
            with ways.our_service(site, *files, scheme="https") as url:
                yield Meeting(f"{{discovery: {{url: '{url}', cacert: {folder}/ca.pem}}}}")
        case "etcd with the v2 API":
            with ways.keeper(site, "3.5.30" if line == (3, 5) else "3.4.23", "--enable-v2") as url:
                yield Meeting(f"{{discovery: {{url: '{url}/v2/keys/discovery'}}}}")
        case "Debian's service":
            with ways.debians(site) as url:
                yield Meeting(f"{{discovery: {{url: '{url}'}}}}")
        case "endpoints":
            with ways.keeper(site, "3.7.3") as url:
                yield Meeting(f"{{discovery: {{endpoints: ['{url}']}}}}", said=helped)
        case "endpoints, https":
            ways.make_keys(folder)
            ways.believed_by_hosts(site, folder)
            with ways.keeper(site, "3.7.3", keys=folder) as url:
                trusting = {"SSL_CERT_FILE": str(folder / "ca.pem")}
                yield Meeting(f"{{discovery: {{endpoints: ['{url}']}}}}", environment=trusting, said=helped)
        case "endpoints, client certificates":
            ways.make_keys(folder)
            with ways.keeper(site, "3.7.3", keys=folder, clients=True) as url:
                files = ", ".join(f"{name}: {folder}/{file}.pem" for name, file in FILES)
                yield Meeting(f"{{discovery: {{endpoints: ['{url}'], {files}}}}}", said=OWN_TRUST)
        case "DNS, http" | "DNS, https":
            scheme = way.rpartition(" ")[2]
            site.lab.dns(ways.records(site, scheme))
            broken = scheme == "http" and line == (3, 4)
            yield Meeting(f"{{dns: {{domain: {DOMAIN}}}}}", scheme, said="cannot read SRV records" if broken else "")
            # A name in a peer URL must go on resolving; the SRV records are needed once.
            site.lab.dns([each for each in ways.records(site, scheme) if isinstance(each, Address)])


FILES = (("cacert", "ca"), ("cert", "cert"), ("key", "key"))
WAYS = (
    "own service, http",
    "own service, https",
    "etcd with the v2 API",
    "Debian's service",
    "endpoints",
    "endpoints, https",
    "endpoints, client certificates",
    "DNS, http",
    "DNS, https",
)


def combinations() -> list[pytest.param]:
    skip = pytest.mark.skip(reason="one of many: set ETCDPILOT_LONG=1")
    return [
        pytest.param(way, version, id=f"{way}-{version}", marks=[] if LONG or (way, version) in USUAL else [skip])
        for way in WAYS
        for version in LINES
    ]


@pytest.fixture
def site(three_hosts: Lab, tmp_path: Path) -> Site:
    return Site(three_hosts, tmp_path / "site")


@pytest.mark.parametrize(("way", "version"), combinations())
def test_three_members_form_a_cluster_and_boot_again_with_all_helpers_gone(site: Site, way: str, version: str) -> None:
    with meeting(way, site, version) as found:
        ways.init(site, version, found.bootstrap, found.scheme)
        if "url:" in found.bootstrap and version.startswith("3.7"):
            refused = site.apply(code=2)
            assert "knows discovery by endpoints alone" in refused
            assert site.lab.hosts[0].run("test -e /etc/etcd/etcd.env", check=False).returncode != 0
            return
        said = site.apply(env=found.environment)
        assert (LISTED in said or "are listed" in said) == bool(found.said) and found.said in said, said
        assert site.healthy()
        require_own_members(site)
        assert site.settled()
    ways.require_it_starts_alone(site)


def require_own_members(site: Site) -> None:
    """Three voters with the IDs that the token and the peer URLs foretell: nobody else's members, and none twice."""
    token = json.loads((site.state / "identity.json").read_text())["token"]
    rows = site.says("status")["members"]
    assert [row["state"] for row in rows] == ["voting"] * 3
    assert [row["id"] for row in rows] == [as_hex(member_id(row["peer_urls"], token)) for row in rows]

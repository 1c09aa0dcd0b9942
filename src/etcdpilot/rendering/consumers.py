"""The parameters by which others find this cluster: kube-apiserver, flannel, Patroni."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from etcdpilot.model.versions import Version


class Consumer(Enum):
    KUBE_APISERVER = "kube-apiserver"
    FLANNEL = "flannel"
    PATRONI = "patroni"


@dataclass(frozen=True, slots=True)
class Access:
    """Client URLs, and the paths of CA, certificate and key; no paths where the cluster speaks plain http."""

    urls: tuple[str, ...]
    ca: str = ""
    certificate: str = ""
    key: str = ""


# The oldest etcd by release of Kubernetes: (since, of the lines up to 3.4, of 3.5 and later). Sources:
# - kubeadm's constant MinExternalEtcdVersion (cmd/kubeadm/app/constants/constants.go): 3.0.14 before 1.10, 3.1.12, 3.2.18
#   from 1.12 on; 3.5.24 where etcd 3.6 is the default and 3.5.24 stands in its map for what came before (kubernetes pull
#   request 134779, October 2025, for 1.35).
# - "Operating etcd clusters for Kubernetes" (kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd): the
#   oldest for production are 3.4.22 and 3.5.6 as it read for 1.26, and 3.4.29 and 3.5.11 as it reads now; when that
#   changed is not said, so the newer pair is taken from the first release on that came after 3.5.11 had been out for long.
FLOORS = (
    ((1, 0), Version(3, 0, 14), Version(3, 0, 14)),
    ((1, 10), Version(3, 1, 12), Version(3, 1, 12)),
    ((1, 12), Version(3, 2, 18), Version(3, 2, 18)),
    ((1, 26), Version(3, 4, 22), Version(3, 5, 6)),
    ((1, 31), Version(3, 4, 29), Version(3, 5, 11)),
    ((1, 35), Version(3, 5, 24), Version(3, 5, 24)),
)
RELEASE = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?")
FLANNEL_PREFIX = "/k8s/network"


def consumer_lines(consumer: Consumer, access: Access) -> tuple[str, ...]:
    urls = ",".join(access.urls)
    match consumer:
        case Consumer.KUBE_APISERVER:
            pairs = {"etcd-servers": urls, "etcd-cafile": access.ca}
            return flags(pairs | {"etcd-certfile": access.certificate, "etcd-keyfile": access.key})
        case Consumer.FLANNEL:
            pairs = {"etcd-endpoints": urls, "etcd-prefix": FLANNEL_PREFIX, "etcd-cafile": access.ca}
            return flags(pairs | {"etcd-certfile": access.certificate, "etcd-keyfile": access.key})
        case Consumer.PATRONI:
            return patroni(access)


def flags(pairs: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in pairs.items() if value)


def patroni(access: Access) -> tuple[str, ...]:
    """Its section `etcd3`: the API of every etcd that etcdpilot knows."""
    hosts = [url.split("://", 1)[1] for url in access.urls]
    lines = ["etcd3:", "  hosts:", *(f"    - {host}" for host in hosts)]
    if access.ca:
        paths = {"protocol": "https", "cacert": access.ca, "cert": access.certificate, "key": access.key}
        lines += [f"  {name}: {value}" for name, value in paths.items()]
    return tuple(lines)


def too_old_for(version: Version, kubernetes: str) -> str:
    """Why this etcd is below what that Kubernetes wants; empty when it is not. ValueError for no release."""
    match = RELEASE.fullmatch(kubernetes)
    if match is None:
        raise ValueError(f"{kubernetes} is no release of Kubernetes; write 1.29")
    release = (int(match[1]), int(match[2]))
    _, older, newer = next(floors for floors in reversed(FLOORS) if release >= floors[0])
    floor = newer if version.line >= (3, 5) else older
    if version >= floor:
        return ""
    return f"etcd {version} is older than {floor}, the oldest that Kubernetes {match[1]}.{match[2]} is to be run with"

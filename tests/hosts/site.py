"""A controller's folder with a cluster file in it (`lab.site`), with the etcd that tests on hosts run, and what a second
apply must not change."""

from __future__ import annotations

from typing import Self

from lab.host import Host
from lab.site import ETCDPILOT
from lab.site import Site as LabSite
from tests.etcd_versions import all_versions, every_line

__all__ = ["ETCD", "ETCDPILOT", "Site", "fingerprint", "pid"]
ETCD = next((each for each in all_versions() if each.version == "3.5.30"), every_line()[-1] if every_line() else None)


class Site(LabSite):
    def init(self, *hosts: str, options: tuple[str, ...] = (), etcd: str | None = None) -> Self:
        """A cluster file for these hosts (all of the lab's by address) and this version."""
        chosen = next(each for each in all_versions() if each.version == etcd) if etcd else ETCD
        assert chosen is not None
        self.init_with(chosen.directory, *hosts, options=options)
        return self


def pid(host: Host, unit: str = "etcd") -> str:
    return host.show(unit, "MainPID")


def fingerprint(host: Host) -> str:
    """What a second apply must not change: times of files, the process, how often it was started."""
    files = host.says(
        "stat -c '%n %Y %Z %i' /etc/etcd /etc/etcd/* /etc/etcd/tls/* /etc/systemd/system/etcd.service "
        "/usr/local/bin/etcd* /usr/local/lib/etcdpilot/* /usr/local/lib/etcdpilot/*/*"
    )
    return (
        f"{files}\n{pid(host)} {host.show('etcd', 'NRestarts')} {host.show('etcd', 'ExecMainStartTimestampMonotonic')}"
    )

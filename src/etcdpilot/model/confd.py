"""confd's words: what a template resource asks for, and how the whole program is set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """One `[template]` table. Times are seconds, 0 for none; `mode` is None to keep what the file has.

    `paths` are the keys in etcd with the prefix in front, clean; `prefix` is what templates do not see.
    """

    file: str
    src: str
    dest: str
    prefix: str
    paths: tuple[str, ...]
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    owner: str = ""
    group: str = ""
    check_cmd: str = ""
    reload_cmd: str = ""
    check_timeout: float = 60.0
    reload_timeout: float = 60.0
    debounce: float = 0.0
    min_reload_interval: float = 0.0

    @property
    def template_name(self) -> str:
        return self.src.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Settings:
    """confd.toml and the command line together. `compat`: be wrong exactly where confd is wrong."""

    nodes: tuple[str, ...] = ()
    confdir: str = "/etc/confd"
    backend: str = "etcdv3"
    interval: float = 600.0
    prefix: str = ""
    onetime: bool = False
    watch: bool = False
    noop: bool = False
    sync_only: bool = False
    keep_stage_file: bool = False
    log_level: str = "info"
    scheme: str = "http"
    srv_domain: str = ""
    srv_record: str = ""
    client_cert: str = ""
    client_key: str = ""
    client_cakeys: str = ""
    client_insecure: bool = False
    basic_auth: bool = False
    username: str = ""
    password: str = ""
    compat: bool = False

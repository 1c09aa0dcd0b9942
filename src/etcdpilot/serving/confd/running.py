"""The whole program: settings in, exit code out."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from etcdpilot.model.confd import Settings
from etcdpilot.model.errors import EtcdpilotError
from etcdpilot.serving.confd.connecting import client_of, nodes_of
from etcdpilot.serving.confd.etcd_source import EtcdSource
from etcdpilot.serving.confd.log import Log
from etcdpilot.serving.confd.loops import Confd, one_line
from etcdpilot.serving.confd.machine import this_machine
from etcdpilot.spec.confd_settings import CommandLine, read_settings

_SIGNALS = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminated"}


def settings_of(line: CommandLine, environment: Mapping[str, str]) -> Settings:
    """Raises SpecError. A confd.toml that is not there is no mistake."""
    file = Path(line.config_file)
    text = file.read_text() if file.is_file() else None
    return read_settings(line, text, environment)


def with_cluster(
    settings: Settings, endpoints: tuple[str, ...], certificates: tuple[Path, Path, Path] | None
) -> Settings:
    """Nodes and certificates (CA, certificate, key) of a cluster file, where nobody said otherwise."""
    if settings.nodes or settings.srv_domain or settings.srv_record:
        return settings
    settings = replace(settings, nodes=endpoints)
    if certificates is None or settings.client_cakeys or settings.client_cert:
        return settings
    ca, certificate, key = (str(path) for path in certificates)
    return replace(settings, client_cakeys=ca, client_cert=certificate, client_key=key)


async def run(settings: Settings, log: Log) -> int:
    """confd's exit codes: 0, or 1 when something went wrong. A signal ends it well."""
    world = this_machine()
    log.info(f"Backend set to {settings.backend}")
    nodes = nodes_of(settings, world)
    log.info("Starting confd")
    log.info(f"Backend source(s) set to {', '.join(nodes)}")
    if settings.client_insecure:
        log.warning("client-insecure is not known here: etcd's certificate is always verified")
    async with client_of(settings, nodes) as client:
        confd = Confd(settings, EtcdSource(client), world, log)
        if settings.onetime:
            return await _once(confd)
        return await _until_signal(confd)


async def _once(confd: Confd) -> int:
    try:
        well = await confd.once()
    except EtcdpilotError as error:
        confd.log.fatal(one_line(error))
        return 1
    if not well:
        confd.log.fatal(confd.failures[-1] if confd.failures else "Not every resource could be read")
    return 0 if well else 1


async def _until_signal(confd: Confd) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number, name in _SIGNALS.items():
        loop.add_signal_handler(number, _end, confd.log, ended, name)
    serving = asyncio.create_task(confd.on_change() if confd.settings.watch else confd.at_intervals())
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    if ended.is_set():
        serving.cancel()
        await asyncio.wait((serving,))
        return 0
    waiting.cancel()
    await serving
    return 0


def _end(log: Log, ended: asyncio.Event, name: str) -> None:
    log.info(f"Captured {name}. Exiting...")
    ended.set()

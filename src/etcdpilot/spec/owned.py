"""Options and settings that etcdpilot writes itself, and the key of the cluster file that says the same.

The same option in two places is fatal to etcd (`conflicting environment variable … is shadowed`), and a value that goes
past the plan could cost a member its identity or its data.
"""

from __future__ import annotations

OWNED_OPTIONS = {
    "name": "members[].name",
    "data-dir": "hosts.paths.data",
    "wal-dir": "",
    "config-file": "",
    "force-new-cluster": "",
    "listen-peer-urls": "members[].listen-peer-urls",
    "listen-client-urls": "members[].listen-client-urls",
    "initial-advertise-peer-urls": "members[].advertise-peer-urls",
    "advertise-client-urls": "members[].advertise-client-urls",
    "initial-cluster": "members",
    "initial-cluster-state": "",
    "initial-cluster-token": "token",
    "cert-file": "tls.files.server-cert",
    "key-file": "tls.files.server-key",
    "client-cert-auth": "tls.mode",
    "trusted-ca-file": "tls.files.client-ca",
    "auto-tls": "tls.mode",
    "client-cert-file": "tls.files.server-cert",
    "client-key-file": "tls.files.server-key",
    "peer-cert-file": "tls.files.peer-cert",
    "peer-key-file": "tls.files.peer-key",
    "peer-client-cert-auth": "tls.mode",
    "peer-trusted-ca-file": "tls.files.peer-ca",
    "peer-auto-tls": "tls.mode",
    "peer-client-cert-file": "tls.files.peer-cert",
    "peer-client-key-file": "tls.files.peer-key",
    "proxy": "",
    "discovery": "bootstrap.discovery.url",
    "discovery-srv": "bootstrap.dns.domain",
    "discovery-srv-name": "bootstrap.dns.name",
    "discovery-endpoints": "bootstrap.discovery.endpoints",
    "discovery-token": "bootstrap.discovery.token",
}

WHY_NOT = {
    "wal-dir": "a member's data is watched, moved aside and restored as one directory",
    "config-file": "etcd ignores unknown keys of its own file in silence; write the options here",
    "force-new-cluster": "it forgets the other members, and a start with it left in place does so again",
    "initial-cluster-state": "it follows from what is seen: new for the first start, existing ever after",
    "proxy": "a member is not a proxy; put the other members in `members`",
}

OWNED_SETTINGS = {
    "Type": "",
    "NotifyAccess": "",
    "User": "hosts.service.user",
    "Group": "hosts.service.user",
    "EnvironmentFile": "hosts.service.env-file",
    "Environment": "etcd.options",
    "PassEnvironment": "etcd.options",
    "UnsetEnvironment": "etcd.options",
    "WorkingDirectory": "hosts.service.working-directory",
    "RootDirectory": "",
    "RootImage": "",
    "DynamicUser": "hosts.service.user",
    "StateDirectory": "hosts.paths.data",
    "LoadCredential": "",
}
OTHER_SECTIONS = {
    "After",
    "Before",
    "Wants",
    "Requires",
    "Conflicts",
    "Description",
    "Documentation",
    "WantedBy",
    "Alias",
}


def why_option_is_owned(option: str) -> str:
    """Why the option may not stand under `options`, and what to write instead; empty when it may."""
    if option not in OWNED_OPTIONS:
        return ""
    key = OWNED_OPTIONS[option]
    if key:
        return f"etcdpilot writes {option} itself; use {key}"
    return f"{option} cannot be set: {WHY_NOT[option]}"


def why_setting_is_owned(setting: str) -> str:
    if setting.startswith("Exec"):
        return f"{setting} cannot be set: what the unit runs is decided by the rest of the file"
    if setting in OTHER_SECTIONS:
        return f"{setting} does not stand in the [Service] section, the only one that takes settings"
    if setting not in OWNED_SETTINGS:
        return ""
    key = OWNED_SETTINGS[setting]
    return f"etcdpilot writes {setting} itself; use {key}" if key else f"{setting} cannot be set: the unit relies on it"

"""The systemd unit of a member.

Restart=on-failure, because a removed member exits with 0 and `always` would bring it back for ever. No start timeout
and no start limit: without a quorum, or while a large log is replayed, a start rightly takes as long as it takes. The
guard runs before every start.
"""

from __future__ import annotations

from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.rendering.guard import guard_path
from etcdpilot.rendering.options import Options, flag
from etcdpilot.rendering.sandbox import Settings, sandbox
from etcdpilot.rendering.unit_quoting import bare_path, command_word, glob_path, text

HEADER = "# Written by etcdpilot from the cluster file; changes by hand are found and put back.\n"
PROXIES = "HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy"  # etcd would dial its peers through them

# Settings that the cluster file lists with the service's and systemd reads from the [Unit] section.
OF_THE_UNIT_SECTION = frozenset(
    """After Before Wants Requires Requisite BindsTo PartOf Upholds Conflicts Description Documentation OnFailure
    OnSuccess RequiresMountsFor StartLimitIntervalSec StartLimitBurst StartLimitAction""".split()  # noqa: SIM905
)


def unit_path(member: MemberSpec) -> str:
    """Beside what a distribution brings in /lib/systemd/system, and before it in order."""
    return f"/etc/systemd/system/{member.service.unit}.service"


def unit(spec: ClusterSpec, member: MemberSpec, environment: Options, flags: Options) -> str:
    """Its text. ValueError for a path or a setting that a unit file cannot carry."""
    theirs = [(key, one_line(key, value)) for key, value in member.service.settings]
    of_unit = [(key, value) for key, value in theirs if key in OF_THE_UNIT_SECTION]
    of_service = [(key, value) for key, value in theirs if key not in OF_THE_UNIT_SECTION]
    sections = (
        ("Unit", merged(unit_section(spec, member), of_unit)),
        ("Service", merged(service_section(member, environment, flags), of_service)),
        ("Install", [("WantedBy", "multi-user.target")]),
    )
    return HEADER + "".join(section(name, settings) for name, settings in sections)


def unit_section(spec: ClusterSpec, member: MemberSpec) -> Settings:
    return [
        ("Description", text(f"etcd member {member.name} of cluster {spec.name}")),
        ("Documentation", "https://etcd.io/docs/"),
        ("After", "network-online.target time-sync.target local-fs.target remote-fs.target"),
        ("Wants", "network-online.target"),
        ("StartLimitIntervalSec", "0"),
    ]


def service_section(member: MemberSpec, environment: Options, flags: Options) -> Settings:
    settings: Settings = [("Type", "notify"), ("User", text(member.service.user))]
    if member.service.working_directory:
        # The dash: where it is missing, the guard says what that means; systemd would only say CHDIR.
        settings.append(("WorkingDirectory", f"-{bare_path(member.service.working_directory)}"))
    if environment:
        settings.append(("EnvironmentFile", glob_path(member.paths.env_file)))
    settings += [
        ("UnsetEnvironment", PROXIES),
        ("ExecStartPre", guard_command(member)),
        ("ExecStart", start_command(member, flags)),
        ("Restart", "on-failure"),
        ("RestartSec", "5"),
        ("TimeoutStartSec", "infinity"),
        ("LimitNOFILE", "65536"),
    ]
    return settings + (sandbox(member) if member.service.sandbox else [])


def guard_command(member: MemberSpec) -> str:
    wal = dict(member.options).get("wal-dir", "")
    words = (guard_path(member), member.paths.data, member.paths.marker, member.name, *([wal] if wal else []))
    return " ".join(("/bin/sh", *(command_word(word) for word in words)))


def start_command(member: MemberSpec, flags: Options) -> str:
    words = [command_word(flag(option, value)) for option, value in flags.items()]
    return " \\\n  ".join((command_word(f"{member.paths.bin}/etcd", first=True), *words))


def merged(ours: Settings, theirs: Settings) -> Settings:
    """What the cluster file sets takes the place of all our lines of that name."""
    named = {key for key, _ in theirs}
    kept = [(key, value) for key, value in ours if key not in named]
    return kept + theirs


def section(name: str, settings: Settings) -> str:
    return f"\n[{name}]\n" + "".join(f"{key}={value}\n" for key, value in settings)


def one_line(key: str, value: str) -> str:
    """A setting of the cluster file, in systemd's own syntax; ValueError where it would reach beyond its line."""
    if any(part != part.strip() or "\n" in part or "\r" in part or part.endswith("\\") for part in (key, value)):
        raise ValueError(f"the service setting {key}={value!r} must be one line and not end with a backslash")
    if not key.isalnum():
        raise ValueError(f"{key!r} is not a name of a systemd setting")
    return value

"""Backups that come by themselves: a systemd service and its timer, a line for cron, and the script of a member."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import timedelta

from etcdpilot.model.backups import OnMembers, interval_of
from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.files import FileSpec, Text
from etcdpilot.rendering.unit_quoting import command_word, glob_path, text

HEADER = "# Written by etcdpilot; `etcdpilot backup schedule` writes it anew.\n"
UNITS = "/etc/systemd/system"
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
# Clusters of one file shall not all begin at one second; a machine that was off takes its backup when it is back.
SPREAD_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Job:
    """What a timer starts: the words of a command, who runs it (empty: root), and a file with its secrets."""

    unit: str  # name of both units, without ending
    cluster: str
    command: tuple[str, ...]
    schedule: str
    user: str = ""
    environment_file: str = ""


def service_text(job: Job) -> str:
    lines = [
        HEADER.rstrip("\n"),
        "",
        "[Unit]",
        f"Description={text(f'Backup of the etcd cluster {job.cluster}')}",
        "After=network-online.target",
        "Wants=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        *([f"User={text(job.user)}"] if job.user else []),
        *([f"EnvironmentFile={glob_path(job.environment_file)}"] if job.environment_file else []),
        "ExecStart=" + " ".join(command_word(word, first=not place) for place, word in enumerate(job.command)),
        "TimeoutStartSec=6h",
        "Nice=10",
        "NoNewPrivileges=yes",
        "ProtectSystem=full",
        "PrivateDevices=yes",
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectControlGroups=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
        "UMask=0077",
    ]
    return "\n".join(lines) + "\n"


def timer_text(job: Job) -> str:
    lines = [
        HEADER.rstrip("\n"),
        "",
        "[Unit]",
        f"Description={text(f'Backups of the etcd cluster {job.cluster}, {job.schedule}')}",
        "",
        "[Timer]",
        *moments(job.schedule),
        f"RandomizedDelaySec={SPREAD_SECONDS}",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join(lines) + "\n"


def moments(schedule: str) -> tuple[str, ...]:
    """By the calendar where the interval divides a day, so that one that was missed is made up for; else by counting."""
    every = interval_of(schedule)
    if schedule in ("hourly", "daily", "weekly"):
        return (f"OnCalendar={schedule}", "Persistent=true")
    if every <= DAY and every % HOUR == timedelta(0) and DAY % every == timedelta(0):
        return (f"OnCalendar=*-*-* 00/{every // HOUR}:00:00" if every < DAY else "OnCalendar=daily", "Persistent=true")
    if every < HOUR and HOUR % every == timedelta(0):
        return (f"OnCalendar=*-*-* *:00/{every // MINUTE}:00", "Persistent=true")
    seconds = int(every.total_seconds())
    return (f"OnActiveSec={min(seconds, 600)}", f"OnUnitActiveSec={seconds}")


def cron_line(job: Job, minute: int) -> str:
    """For crontab. ValueError for an interval that cron cannot count."""
    when = cron_moments(job.schedule, minute)
    # cron reads % as the end of the line, also within quotes
    return f"{when} {shlex.join(job.command)} >/dev/null".replace("%", "\\%")


def cron_moments(schedule: str, minute: int) -> str:
    every = interval_of(schedule)
    if every == timedelta(weeks=1):
        return f"{minute} 3 * * 0"
    if every == DAY:
        return f"{minute} 3 * * *"
    if every == HOUR:
        return f"{minute} * * * *"
    if HOUR < every < DAY and every % HOUR == timedelta(0) and DAY % every == timedelta(0):
        return f"{minute} */{every // HOUR} * * *"
    if every < HOUR and HOUR % every == timedelta(0):
        return f"*/{every // MINUTE} * * * *"
    raise ValueError(f"cron cannot count {schedule}; write hourly, daily, weekly, or an interval that divides a day")


# sh, coreutils and etcdctl are all that it needs. Values come as arguments and are never anything but words.
SCRIPT = r"""#!/bin/sh
# Written by etcdpilot. A snapshot of this member, proved by the SHA-256 that etcd puts at its end:
# backup.sh DIRECTORY KEEP NAME ETCDCTL OPTION...
# X.db is whole when X.db.sha256 stands beside it, which is written last. The newest KEEP stay.
set -eu
export LC_ALL=C ETCDCTL_API=3
umask 077
directory=$1 keep=$2 name=$3
shift 3

fail() {
    printf 'the snapshot was not kept: %s\n' "$1" >&2
    exit 1
}

mkdir -p -- "$directory"
rm -f -- "$directory"/.etcdpilot-*
new=$directory/.etcdpilot-new
trap 'rm -f -- "$directory"/.etcdpilot-*' EXIT
"$@" snapshot save "$new" >/dev/null || fail "etcdctl ended with status $?"

size=$(wc -c <"$new")
[ "$((size % 512))" = 32 ] || fail "its $size bytes are no database with a checksum behind it"
said=$(tail -c 32 -- "$new" | od -A n -v -t x1 | tr -d ' \n')
found=$(head -c "$((size - 32))" -- "$new" | sha256sum)
[ "${found%% *}" = "$said" ] || fail "its SHA-256 is not the one that etcd sent with it"
digest=$(sha256sum <"$new")

file=$name-$(date -u +%Y%m%dT%H%M%SZ).db
[ ! -e "$directory/$file" ] || fail "$file is there already"
sync -- "$new"
mv -- "$new" "$directory/$file"
printf '%s  %s\n' "${digest%% *}" "$file" >"$directory/.etcdpilot-sum"
sync -- "$directory/.etcdpilot-sum"
mv -- "$directory/.etcdpilot-sum" "$directory/$file.sha256"
sync -- "$directory"

set -- "$directory/$name"-*.db.sha256
while [ "$#" -gt "$keep" ]; do
    rm -f -- "$1" "${1%.sha256}"
    shift
done
for old in "$directory/$name"-*.db; do
    [ ! -e "$old" ] || [ -e "$old.sha256" ] || rm -f -- "$old"
done
"""


def member_job(spec: ClusterSpec, member: MemberSpec) -> Job:
    there = on_members(spec)
    command = ("/bin/sh", script_path(member), there.directory, str(there.keep), member.name, *etcdctl(spec, member))
    return Job(timer_unit(member), spec.name, command, there.schedule)


def on_members(spec: ClusterSpec) -> OnMembers:
    return spec.backup.on_members if spec.backup else OnMembers()


def etcdctl(spec: ClusterSpec, member: MemberSpec) -> list[str]:
    """As the member itself, or as the operator where the file puts a client certificate on the hosts."""
    reached = [f"{member.paths.bin}/etcdctl", f"--endpoints={member.advertise_client_urls[0]}"]
    if not spec.encrypted:
        return reached
    files, tls = spec.tls.files, member.paths.tls
    cert, key = files.server_cert, files.server_key
    if spec.tls.client_file and spec.tls.given is None:
        stem = spec.tls.client_file
        cert, key = (f"{stem}.pem", f"{stem}-key.pem") if cert.endswith(".pem") else (f"{stem}.crt", f"{stem}.key")
    return [*reached, f"--cacert={tls}/{files.client_ca}", f"--cert={tls}/{cert}", f"--key={tls}/{key}"]


def timer_unit(member: MemberSpec) -> str:
    return f"{member.service.unit}-backup"


def script_path(member: MemberSpec) -> str:
    return f"{member.paths.config}/backup.sh"


def member_schedule(spec: ClusterSpec, member: MemberSpec) -> tuple[FileSpec, ...]:
    """The script before the units that name it."""
    job = member_job(spec, member)
    return (
        FileSpec(script_path(member), 0o755, "root", Text(SCRIPT)),
        FileSpec(f"{UNITS}/{job.unit}.service", 0o644, "root", Text(service_text(job))),
        FileSpec(f"{UNITS}/{job.unit}.timer", 0o644, "root", Text(timer_text(job))),
    )

"""One look at a host: a script that says everything in one round trip, and the reader of what it says.

It prints pairs of a word and a value, each ended by a NUL, and last the checksums as `sha256sum -z` prints them.
Whatever may hold a NUL itself comes as base64. sh, coreutils and systemctl are all it needs; `ip` where there is one.
"""

from __future__ import annotations

import base64
import stat
from collections import defaultdict

from etcdpilot.hosts.data import data_seen, is_stranger
from etcdpilot.hosts.port import Answer, Question
from etcdpilot.hosts.processes import started
from etcdpilot.model.files import FileSeen
from etcdpilot.model.observation import DataSeen, Machine, Process, ServiceSeen

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# $1 unit, $2 etcd, $3 data, $4 ports in hex, $5 numbers of the files whose text is wanted, $6 `log` where
# the log of a unit that is active is wanted too, $7 addresses of peers; then the files.
LOOK = r"""
say() { printf '%s\0' "$@"; }
unit=$1.service etcd=$2 data=$3 ports=$4 texts=$5 log=$6 peers=$7
shift 7

read -r uptime _ </proc/uptime
say clock "$(date +%s.%N)" uptime "$uptime" machine "$(uname -m)" system "$(uname -s)" cores "$(nproc)"
read -r _ memory _ </proc/meminfo
say memory "$memory" systemd "$(systemctl --version)"
ip=$(ip -o addr show scope global 2>/dev/null) && say ip "$ip"
for peer in $peers; do
    route=$(ip -o route get "$peer" 2>/dev/null) && say route "$route"
done

place=$data
until [ -e "$place" ] || [ "$place" = / ]; do place=$(dirname -- "$place"); done
say free "$(stat -f -c '%a %S' -- "$place")"
device=$(stat -L -c %d -- "$place")
block=/sys/dev/block/$((device >> 8 & 4095)):$((device & 255 | device >> 12 & 1048320))
for queue in "$block/queue" "$block/../queue"; do
    [ -r "$queue/rotational" ] && read -r turns <"$queue/rotational" && say rotating "$turns" && break
done
for other in /var/lib/docker /var/lib/containerd; do
    [ -d "$other" ] && [ "$(stat -L -c %d -- "$other")" = "$device" ] && say shares "$other"
done

shown=$(systemctl show -p MainPID,FragmentPath,UnitFileState,ActiveState,Result,NRestarts -- "$unit") || exit
say service "$shown"
pid=${shown#*MainPID=}
pid=${pid%%[!0-9]*}
case $log:$shown in
:*ActiveState=active*) ;;
*FragmentPath=/*) say log "$(journalctl -q -o cat --no-pager -n 40 -u "$unit" 2>/dev/null)" ;;
esac

if [ "${pid:-0}" -gt 0 ] && exe=$(readlink "/proc/$pid/exe"); then
    say pid "$pid" exe "$exe"
    say arguments "$(base64 -w 0 "/proc/$pid/cmdline")" environment "$(base64 -w 0 "/proc/$pid/environ")"
    read -r life <"/proc/$pid/stat" && say life "${life##*) }"
else
    for table in /proc/net/tcp /proc/net/tcp6; do
        [ -r "$table" ] && while read -r _ local _ state _; do
            [ "$state" = 0A ] || continue
            case $ports in *" ${local##*:} "*) say port "${local##*:}" ;; esac
        done <"$table"
    done
fi

[ -e "$data" ] && say there yes
for ready in "$data.restoring/ready/mark" "$data/member.restoring/ready/mark"; do
    [ -r "$ready" ] && say prepared "$(cat -- "$ready")"
done
if [ -d "$data" ]; then
    say folder yes
    for name in "$data"/member/wal/*.wal "$data"/member/snap/*.snap; do
        [ -e "$name" ] && say indexed "${name##*/}"
    done
    for name in "$data"/member/wal/*.wal; do
        [ -e "$name" ] && say head "$(head -c 256 -- "$name" | base64 -w 0)"
        break
    done
    for name in "$data"/* "$data"/.[!.]*; do
        [ -e "$name" ] && say entry "${name##*/}"
    done
fi

# What an install of ours left untouched need not be run to know its version: that costs more than half of all the rest.
if [ -x "$etcd" ]; then
    program=$(readlink -- "$etcd") && home=${program%/etcd}
    if [ -f "${home:-}/SHA256SUMS" ] && [ ! "$program" -nt "$home/SHA256SUMS" ]; then
        say version "etcd Version: ${home##*/etcd-}"
    elif [ -f "${home:-}/SHA256SUMS" ]; then
        say version 'a binary that was changed after it was installed'
    else
        say version "$("$etcd" --version 2>&1)"
    fi
fi

[ "$#" -gt 0 ] || exit 0
for number in $texts; do
    eval "path=\${$number}"
    [ -f "$path" ] && say text "$number $(base64 -w 0 -- "$path")"
done
stat -L --printf 'file\0%f %s %.Y %U %n\0' -- "$@" 2>/dev/null
say sums ''
sha256sum -z -- "$@" 2>/dev/null
exit 0
"""


def arguments(question: Question) -> tuple[str, ...]:
    ports = "".join(f" {port:04X} " for port in question.ports)
    texts = " ".join(str(number) for number, path in enumerate(question.files, 1) if path in question.texts)
    log = "log" if question.log else ""
    return (question.unit, question.etcd, question.data, ports, texts, log, " ".join(question.peers), *question.files)


def answer(question: Question, printed: bytes) -> Answer:
    """ValueError where it is not what the script prints."""
    said, sums = pairs(printed)
    version = said["version"][0].splitlines()[0] if said["version"] and said["version"][0] else ""
    return Answer(
        machine=machine(said),
        files=files(question, said, sums),
        version=version,
        service=service(said),
        process=process(said),
        data=data(said),
        busy_ports=tuple(sorted({int(port, 16) for port in said["port"]})),
        interface_addresses=interface_addresses(said),
        sources=sources(said),
    )


Said = dict[str, list[str]]


def pairs(printed: bytes) -> tuple[Said, dict[str, str]]:
    """All values by their word, and the checksums by path."""
    tokens = printed.decode(errors="surrogateescape").split("\0")
    said: Said = defaultdict(list)
    at = 0
    while at + 1 < len(tokens) and tokens[at] != "sums":
        said[tokens[at]].append(tokens[at + 1])
        at += 2
    if not said["service"] or not said["machine"]:
        raise ValueError("the host did not say what it was asked")
    lines = (token.partition("  ") for token in tokens[at + 2 :] if token)
    return said, {path: digest for digest, _, path in lines}


def machine(said: Said) -> Machine:
    free, size = (int(number) for number in said["free"][0].split())
    first = said["systemd"][0].split()
    return Machine(
        architecture=ARCHITECTURES.get(said["machine"][0], said["machine"][0]),
        system=said["system"][0],
        systemd=int(first[1]) if len(first) > 1 and first[1].isdigit() else 0,
        cores=int(said["cores"][0]),
        memory=int(said["memory"][0]) * 1024,
        clock=float(said["clock"][0]),
        rotating_disk=said["rotating"] == ["1"],
        shares_disk_with=tuple(said["shares"]),
        free_bytes=free * size,
    )


def files(question: Question, said: Said, sums: dict[str, str]) -> tuple[FileSeen, ...]:
    texts = {
        question.files[int(number) - 1]: body for number, _, body in (each.partition(" ") for each in said["text"])
    }
    seen = []
    for line in said["file"]:
        mode, size, modified, owner, path = line.split(" ", 4)
        if stat.S_ISREG(int(mode, 16)) and path in sums:
            text = base64.b64decode(texts.get(path, "")).decode(errors="replace")
            seen.append(FileSeen(path, int(mode, 16) & 0o7777, owner, int(size), sums[path], text, float(modified)))
    return tuple(seen)


def service(said: Said) -> ServiceSeen:
    shown = dict(line.partition("=")[::2] for line in said["service"][0].splitlines())
    return ServiceSeen(
        fragment=shown.get("FragmentPath", ""),
        enabled=shown.get("UnitFileState", "") in ("enabled", "enabled-runtime", "alias"),
        active=shown.get("ActiveState", ""),
        result=shown.get("Result", ""),
        restarts=int(shown.get("NRestarts") or 0),
        log_tail=tuple(said["log"][0].splitlines()) if said["log"] else (),
    )


def process(said: Said) -> Process | None:
    if not said["pid"]:
        return None
    words = zero_ended(said["arguments"][0])
    variables = (word.partition("=")[::2] for word in zero_ended(said["environment"][0]))
    return Process(
        pid=int(said["pid"][0]),
        executable=said["exe"][0].removesuffix(" (deleted)"),
        arguments=words[1:],
        environment=tuple((name, value) for name, value in variables if name.startswith("ETCD_")),
        started=started(float(said["clock"][0]), float(said["uptime"][0]), said["life"][0]) if said["life"] else 0.0,
    )


def zero_ended(encoded: str) -> tuple[str, ...]:
    text = base64.b64decode(encoded).decode(errors="replace")
    return tuple(text.removesuffix("\0").split("\0")) if text else ()


def data(said: Said) -> DataSeen:
    """The same judgement as of a directory of this machine."""
    prepared = said["prepared"][0] if said["prepared"] else ""
    if not said["folder"]:
        return DataSeen(bool(said["there"]), False, bool(said["there"]), 0, prepared=prepared)
    has_log = any(name.endswith(".wal") for name in said["indexed"])
    strangers = [name for name in said["entry"] if is_stranger(name)]
    head = base64.b64decode(said["head"][0]) if said["head"] else b""
    return data_seen(True, said["indexed"], has_log, strangers, head, prepared)


def sources(said: Said) -> tuple[str, ...]:
    """The word behind `src` in lines of `ip -o route get`: `10.0.0.2 dev eth0 src 10.0.0.1 uid 0 …`."""
    words = (route.split() for route in said["route"])
    return tuple(dict.fromkeys(line[line.index("src") + 1] for line in words if "src" in line[:-1]))


def interface_addresses(said: Said) -> tuple[tuple[str, str], ...]:
    """(interface, address) of every global address; lines of `ip -o addr`: `2: eth0    inet 10.0.0.1/24 …`."""
    words = (line.split() for text in said["ip"] for line in text.splitlines())
    return tuple((line[1].partition("@")[0], line[3].partition("/")[0]) for line in words if len(line) > 3)

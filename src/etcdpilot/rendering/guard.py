"""The script that runs before every start and keeps a member from starting without its data.

A voter that comes back with an empty disk under its old name and ID loses acknowledged writes in silence: it may vote
for a leader that never had them. So it is not started at all, and says what to do instead.
"""

from __future__ import annotations

from etcdpilot.model.cluster import MemberSpec

# sh and coreutils are all that a host has. Paths come as arguments and are never anything but words.
GUARD = r"""#!/bin/sh
# Written by etcdpilot. Runs before every start of this member: guard.sh DATA MARKER MEMBER [WAL]
# Where the marker says that the member has run in its cluster, it must find the data of that cluster.
export LC_ALL=C
data=$1 marker=$2 member=$3 wal=${4:-$1/member/wal}

refuse() {
    printf 'etcdpilot keeps %s from starting: %s. Without its own data it could lose acknowledged writes. %s\n' \
        "$member" "$1" "If a disk is not mounted, mount it; if the data is lost: etcdpilot member replace $member" >&2
    exit 1
}

[ -r "$marker" ] || exit 0
identity='' last=0
while IFS= read -r line; do
    value=${line#*: }
    value=${value%,}
    value=${value#\"}
    value=${value%\"}
    case $line in
    '  "wal_identity": '*) identity=$value ;;
    '  "last_index": '*) last=$value ;;
    esac
done <"$marker"
[ -n "$identity" ] || exit 0

found='' ours='' newest=0000000000000000
for file in "$wal"/*.wal; do
    [ -f "$file" ] || continue
    found=yes
    case $(od -A n -v -t x1 -N 256 -- "$file" | tr -d ' \n') in
    *"$identity"*) ours=yes ;;
    esac
done

case $identity in
08*)
    [ -d "$data" ] || refuse "its data directory $data is missing"
    [ -n "$found" ] || refuse "its data directory $data holds no write-ahead log, though it has run before"
    ;;
esac
[ -n "$found" ] || exit 0
[ -n "$ours" ] || refuse "the data in $data is of another cluster or another member"

for file in "$wal"/*.wal "$data"/member/snap/*.snap; do
    index=${file##*-}
    index=${index%.*}
    [ "${#index}" = 16 ] && newest=$(printf '%s\n%s\n' "$newest" "$index" | sort | tail -n 1)
done
noted=$(printf '%016x' "$last") || exit 0
[ "$(printf '%s\n%s\n' "$noted" "$newest" | sort | tail -n 1)" = "$newest" ] ||
    refuse "the data in $data is older than what was seen of it before"
exit 0
"""


def guard_path(member: MemberSpec) -> str:
    return f"{member.paths.config}/guard.sh"

"""The lock on a host: a directory that one controller makes, kept fresh by its connection, checked by all that it does.

It stands in /run, so a host that restarts has none; its keeper makes it again, for it holds those of the other hosts.
"""

from __future__ import annotations

from dataclasses import dataclass

STALE_SECONDS = 30  # by the host's own clock, without a sign of its owner
LOST = 75  # exit status of a script whose lock is somebody else's


@dataclass(frozen=True, slots=True)
class Lock:
    """`owner` is one line that tells who, since when, and for what; no two runs have the same."""

    cluster: str
    owner: str


# $1 the cluster, $2 the owner, $3 seconds after which a silent owner is dead. Prints `ours`, `took WHO` or `held WHO`.
# A stale lock is renamed away and its owner compared: of two that find it stale, one gets it.
ACQUIRE = r"""
set -u
umask 077
mkdir -p /run/etcdpilot || exit
lock=/run/etcdpilot/$1.lock
claim() { mkdir "$lock" 2>/dev/null && printf '%s\n' "$1" >"$lock/owner"; }
if claim "$2"; then echo ours; exit 0; fi
read -r who <"$lock/owner" 2>/dev/null || who='somebody who has just begun'
[ "$who" = "$2" ] && { touch "$lock/owner"; echo ours; exit 0; }
touched=$(stat -c %Y "$lock/owner" 2>/dev/null || stat -c %Y "$lock" 2>/dev/null || date +%s)
if [ $(($(date +%s) - touched)) -lt "$3" ]; then echo "held $who"; exit 0; fi
mv -T "$lock" "$lock.stale.$$" 2>/dev/null || { echo "held $who"; exit 0; }
read -r moved <"$lock.stale.$$/owner" 2>/dev/null || moved='somebody who has just begun'
if [ "$moved" != "$who" ]; then mv -T -n "$lock.stale.$$" "$lock"; echo "held $moved"; exit 0; fi
rm -r "$lock.stale.$$"
if claim "$2"; then echo "took $who"; else echo "held somebody who was quicker"; fi
"""

# $1 the cluster, $2 the owner. A lock that is gone is made again; one of somebody else's is left alone.
KEEP = r"""
umask 077
lock=/run/etcdpilot/$1.lock
mkdir -p /run/etcdpilot
if mkdir "$lock" 2>/dev/null; then printf '%s\n' "$2" >"$lock/owner"; exit 0; fi
read -r who <"$lock/owner" && [ "$who" = "$2" ] && touch "$lock/owner"
"""

RELEASE = r"""
lock=/run/etcdpilot/$1.lock
read -r who <"$lock/owner" 2>/dev/null && [ "$who" = "$2" ] && mv -T "$lock" "$lock.gone.$$" && rm -r "$lock.gone.$$"
exit 0
"""

# Before everything that changes something. `etcdpilot_lock` is set from an argument, never written into a script.
CHECK = rf"""
read -r etcdpilot_owner <"/run/etcdpilot/$1.lock/owner" 2>/dev/null || etcdpilot_owner=nobody
if [ "$etcdpilot_owner" != "$2" ]; then echo "the lock on this host is held by $etcdpilot_owner" >&2; exit {LOST}; fi
shift 2
"""

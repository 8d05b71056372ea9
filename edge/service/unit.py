"""The systemd unit, as text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

NAME = "traffic-sign-edge"
USER = NAME
WATCHDOG_S = 30  # the loop turns at least once a second; a slow disk may hold it up for some

_UNIT = """\
# Written by: {command}
[Unit]
Description=Traffic signs, read at the edge
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={start}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=5
# What the app ends with after SIGTERM: it was asked to.
SuccessExitStatus=143
# Wrong use and a broken setting do not mend themselves.
RestartPreventExitStatus=2
WatchdogSec={watchdog}
TimeoutStartSec=180
TimeoutStopSec=30

User={user}
SupplementaryGroups=video {groups}
StateDirectory={name}
CacheDirectory={name}
WorkingDirectory=%S/{name}
UMask=0027
Environment=PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
Environment=HOME=%S/{name} XDG_STATE_HOME=%S XDG_CACHE_HOME=%C
# Such as EDGE_MQTT_PASSWORD=…, readable by root only.
EnvironmentFile=-{folder}/environment

# Everything is read-only but the state and the cache directory{and_outputs}.
ProtectSystem=strict
{write}ProtectHome=read-only
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
# ProtectClock= and PrivateDevices= would take the cameras away, ProcSubset=pid what LiteRT reads
# about the processor, MemoryDenyWriteExecute= the code that its kernels may make.
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit_text(
    config: Path,
    groups: Sequence[str] = (),
    write: Sequence[Path] = (),
    python: str = sys.executable,
) -> str:
    """The unit that runs the app with these settings.

    `groups`: more groups whose devices it may use; `write`: folders it may write to besides its
    own.
    """
    start = [python, "-m", "edge.run", "--config", str(config)]
    writable = f"ReadWritePaths={' '.join(_quoted('-' + str(path)) for path in write)}\n"
    return _UNIT.format(
        command=f"python -m edge.service install --config {config}",
        start=" ".join(_quoted(word) for word in start),
        name=NAME,
        user=USER,
        folder=str(config.parent).replace("%", "%%"),
        groups=" ".join(groups),
        watchdog=WATCHDOG_S,
        write=writable if write else "",
        and_outputs=" and the folders of the outputs" if write else "",
    ).replace("video \n", "video\n")


def _quoted(word: str) -> str:
    """A word as systemd.syntax(7) wants it: no variable, no specifier, no end of line in it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = escaped.replace("$", "$$").replace("\n", "\\n")
    return f'"{escaped}"' if escaped != word or not word or set(word) & set(" \t'") else word

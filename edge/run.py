"""Read road signs from a camera, a video or pictures.

  python -m edge.run --camera 0                        watch a camera
  python -m edge.run --video drive.mp4 -o out.mp4      annotate a video
  python -m edge.run --source 'shots/*.jpg' -o out/    annotate pictures into a folder
  python -m edge.run --source demo: --events -         events of the bundled drive on stdout

Ctrl-C and SIGTERM finish the output and the event log properly; the exit code then says which one
it was (130, 143), so that a script can tell a whole result from a part of one. A second Ctrl-C
quits at once. SIGHUP reads the settings again where there is no terminal (under systemd).
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.app import DEMO, Result, run
from edge.config import CHOICES, SETTINGS, Config, Value, load, meaning, to_toml
from edge.demo import load_truth, report, score
from edge.logs import set_up_logs
from edge.outputs import METRICS, check_places
from edge.sinks.growing import STDOUT
from edge.sources.usb import camera_table
from edge.web.address import DEFAULT as WEB_ADDRESS
from models.command import CommandParser, Once
from models.errors import UsageError, run_command

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run, sum up; the exit code."""
    flags = parse(arguments)
    config = load(flags.config, settings(flags))
    if flags.print_config:
        print(to_toml(config), end="")
        return 0
    if flags.list_cameras:
        print("\n".join(camera_table()) or "no cameras found")
        return 0
    if not config.source:
        raise UsageError(
            "no source given: expected --camera N, --video FILE or --source URI; "
            "--source demo: shows the bundled drive"
        )
    check_places(config)  # before the log is opened
    set_up_logs(config)
    result = run(config, rereads(flags))
    sum_up(result, config)
    return 0 if result.signal is None else 128 + result.signal


def rereads(flags: argparse.Namespace) -> Callable[[], Config] | None:
    """How SIGHUP reads the settings again; None at a terminal, whose closing is a SIGHUP, too."""
    if sys.stdin is not None and sys.stdin.isatty():
        return None
    return lambda: load(flags.config, settings(flags))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The flags; those that were not given are not there, so that `edge.toml` can set them."""
    parser = CommandParser("edge.run", __doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--camera", type=int, action=Once, metavar="N", help="the camera of this number"
    )
    source.add_argument("--video", action=Once, metavar="FILE", help="a video file")
    source.add_argument("--source", action=Once, metavar="URI", help=meaning("source"))
    parser.add_argument("-o", "--output", metavar="PATH", help=meaning("output"))
    parser.add_argument("--events", metavar="FILE.jsonl", help=meaning("events"))
    parser.add_argument("--show", action="store_true", default=None, help=meaning("show"))
    parser.add_argument("--csv", metavar="FILE.csv", help=meaning("csv"))
    for name in ("crops", "snapshots"):
        parser.add_argument(f"--{name}", metavar="DIR", help=meaning(name))
    parser.add_argument("--pictures-mb", type=int, metavar="N", help=meaning("pictures_mb"))
    parser.add_argument("--pictures-hours", type=int, metavar="N", help=meaning("pictures_hours"))
    parser.add_argument("--mqtt", metavar="URL", help=meaning("mqtt"))
    for name in ("mqtt_password_file", "mqtt_ca", "mqtt_spool"):
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, metavar="FILE", help=meaning(name))
    parser.add_argument(
        "--metrics", nargs="?", const=METRICS, metavar="HOST:PORT", help=meaning("metrics")
    )
    parser.add_argument("--store", metavar="FILE.sqlite", help=meaning("store"))
    for name in ("store-days", "store-mb"):
        parser.add_argument(
            f"--{name}", type=int, metavar="N", help=meaning(name.replace("-", "_"))
        )
    parser.add_argument(
        "--web", nargs="?", const=WEB_ADDRESS, metavar="HOST:PORT", help=meaning("web")
    )
    parser.add_argument("--web-token", metavar="TOKEN|@FILE", help=meaning("web_token"))
    parser.add_argument("--web-names", metavar="NAME,NAME", help=meaning("web_names"))
    how = CHOICES["announce"][1:]
    parser.add_argument(
        "--announce", nargs="?", const=how[0], choices=how, help=meaning("announce")
    )
    for name in ("detector", "classifier"):
        parser.add_argument(f"--{name}", metavar="NAME", help=meaning(name))
    parser.add_argument("--threads", type=int, metavar="N", help=meaning("threads"))
    parser.add_argument("--conf", type=float, metavar="SCORE", help=meaning("conf"))
    parser.add_argument("--roi", nargs="+", metavar="EDGE", help=meaning("roi"))
    parser.add_argument("--detect-every", type=int, metavar="N", help=meaning("detect_every"))
    parser.add_argument("--log-file", metavar="FILE", help=meaning("log_file"))
    parser.add_argument("--max-frames", type=int, metavar="N", help=meaning("max_frames"))
    parser.add_argument("--resolution", metavar="WxH", help=meaning("resolution"))
    parser.add_argument("--fps", type=float, metavar="N", help=meaning("fps"))
    parser.add_argument("--rotate", type=int, metavar="DEGREES", help=meaning("rotate"))
    parser.add_argument("--flip", metavar="HOW", help=meaning("flip"))
    parser.add_argument("--loop", action="store_true", default=None, help=meaning("loop"))
    parser.add_argument(
        "--list-cameras", action="store_true", help="print the cameras there are and stop"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE.toml", help="settings; flags win over them"
    )
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print the settings as TOML, with passwords in addresses but no token, and stop",
    )
    return parser.parse(arguments)


def settings(flags: argparse.Namespace) -> dict[str, Value]:
    """The flags that were given, by the names of Config."""
    given = {name: value for name, value in vars(flags).items() if value is not None}
    if "camera" in given:
        if flags.camera < 0:
            raise UsageError(f"--camera: expected 0 or more, found {flags.camera}")
        given["source"] = str(flags.camera)
    if "video" in given:
        # A file may be called 0 or demo: as well; with a folder in front it is only a file.
        plain = Path(flags.video).name == flags.video
        given["source"] = f"./{flags.video}" if plain and flags.video else flags.video
    if "roi" in given:
        given["roi"] = ",".join(flags.roi)
    return {name: value for name, value in given.items() if name in SETTINGS}


def sum_up(result: Result, config: Config) -> None:
    """What was done, in a line; for a whole demo drive, how it was read and what it cost."""
    tally = result.tally
    rate = tally.frames / result.seconds if result.seconds else 0.0
    frames = f"{tally.frames} frame{'s' * (tally.frames != 1)}"
    done = f"{frames} in {result.seconds:.1f} s, {rate:.1f} frames/s"
    outputs = [config.output, config.events, config.csv]
    outputs += [config.store, config.crops, config.snapshots]
    written = [path for path in outputs if path not in ("", STDOUT) and _is_there(Path(path))]
    wrote = f"; wrote {', '.join(written)}" if written else ""
    if config.source != DEMO or config.max_frames or result.signal is not None:
        log.info("%s, %d sign%s%s", done, tally.signs, "s" * (tally.signs != 1), wrote)
        return
    file = sys.stderr if STDOUT in (config.events, config.csv) else sys.stdout
    print(report(score(tally.events, load_truth())), file=file)
    print(f"speed              {done}{wrote}", file=file)
    print(tally.stages.table((50, 95)), file=file)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # it could not be written, either
        return False


if __name__ == "__main__":
    run_command(main)

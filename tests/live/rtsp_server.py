"""An RTSP server for the tests, to be run by the system's Python, which has GStreamer's bindings.

  /usr/bin/python3 rtsp_server.py [--size WxH] [--then WxH] [--user NAME --password WORD]

It prints the port that it listens on. The stream is at /live: a ball that moves, in H.264, or the
pictures `--pictures DIR` 00000.jpg, 00001.jpg … again and again, in their own size. `--then` is the
size that the ball's picture changes to at SIGUSR1.
"""

from __future__ import annotations

import argparse
import signal
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - the versions come first


def ball(size: str, fps: int) -> str:
    """GStreamer's words for a ball that moves, as a camera would film it."""
    return f"videotestsrc is-live=true pattern=ball ! capsfilter name=size caps={caps(size, fps)}"


def played(pictures: str, fps: int) -> str:
    """GStreamer's words for a folder of pictures, one after the other, for ever."""
    files = f'multifilesrc location="{pictures}/%05d.jpg" loop=true'
    return f"{files} caps=image/jpeg,framerate={fps}/1 ! jpegdec ! videoconvert"


def encoded(source: str, fps: int) -> str:
    """GStreamer's words for what it serves: the source in H.264, encoded without delay."""
    return (
        f"( {source} ! "
        f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} ! "
        "rtph264pay name=pay0 pt=96 config-interval=-1 )"
    )


def caps(size: str, fps: int) -> str:
    width, height = (int(part) for part in size.split("x"))
    return f"video/x-raw,width={width},height={height},framerate={fps}/1"


def change_size(media: Any, flags: argparse.Namespace) -> None:
    """Give the running picture its second size, once, when the signal comes."""

    def change() -> bool:
        element = media.get_element().get_by_name("size")
        element.set_property("caps", Gst.Caps.from_string(caps(flags.then, flags.fps)))
        return False

    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGUSR1, change)


def protect(server: Any, factory: Any, flags: argparse.Namespace) -> None:
    """Let only the named user in."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(flags.user, flags.password), token)
    server.set_auth(auth)
    roles = GstRtspServer.RTSPPermissions()
    for right in ("media.factory.access", "media.factory.construct"):
        roles.add_permission_for_role("viewer", right, True)
    factory.set_permissions(roles)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any that is free")
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--pictures", default="")
    parser.add_argument("--then", default="")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    flags = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(flags.port))
    factory = GstRtspServer.RTSPMediaFactory()
    source = played(flags.pictures, flags.fps) if flags.pictures else ball(flags.size, flags.fps)
    factory.set_launch(encoded(source, flags.fps))
    factory.set_shared(True)
    if flags.then:
        factory.connect("media-configure", lambda _, media: change_size(media, flags))
    if flags.user:
        protect(server, factory, flags)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()

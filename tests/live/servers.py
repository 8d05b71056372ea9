"""Real servers of streams, each a process that can be killed, restarted and frozen."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")
READY_S = 60.0  # for a server to start, on a machine that is busy
PICTURE = "testsrc=size=320x240:rate=25"

H264 = (
    *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"),
    *("-g", "25", "-pix_fmt", "yuv420p"),
)


def ffmpeg_missing() -> str:
    """Why nothing can be made by ffmpeg; empty where it can."""
    return "" if shutil.which("ffmpeg") else "needs ffmpeg (tools/live_setup.sh)"


def rtsp_missing() -> str:
    """Why there can be no RTSP server; empty where there can."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if not Path(SYSTEM_PYTHON).exists():
        return f"needs {SYSTEM_PYTHON}"
    done = subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True, check=False)
    return "needs GStreamer's RTSP server (tools/live_setup.sh)" if done.returncode else ""


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A process that serves. `ready` waits until it does; it is started at once."""

    def __init__(
        self, command: Sequence[str], ready: Callable[[subprocess.Popen[str]], None]
    ) -> None:
        self._command = command
        self._ready = ready
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._ready(self._process)

    def kill(self) -> None:
        """At once, as by a power cut."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def freeze(self) -> None:
        """It keeps its connections and says nothing any more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def change(self) -> None:
        """The picture takes on its second size."""
        self._signal(signal.SIGUSR1)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def rtsp_server(port: int, *flags: str) -> Server:
    """GStreamer's server, in H.264 at rtsp://127.0.0.1:port/live; `flags` as in its own file."""

    def ready(process: subprocess.Popen[str]) -> None:
        out: IO[str] | None = process.stdout
        assert out is not None
        assert out.readline().strip() == str(port), "the RTSP server did not start"

    return Server([SYSTEM_PYTHON, str(RTSP_SERVER), "--port", str(port), *flags], ready)


def ffmpeg(*arguments: str) -> Server:
    """ffmpeg with these arguments, without a wait: whoever reads tries until it is there."""
    return Server(["ffmpeg", "-hide_banner", "-loglevel", "error", *arguments], lambda _: None)


def udp_sender(port: int, size: str = "320x240") -> Server:
    """A test picture in MPEG-TS to udp://127.0.0.1:port."""
    target = f"udp://127.0.0.1:{port}?pkt_size=1316"
    source = ("-re", "-f", "lavfi", "-i", f"testsrc=size={size}:rate=25")
    return ffmpeg(*source, *H264, "-f", "mpegts", target)


def mjpeg_server(port: int) -> Server:
    """One viewer's MJPEG at http://127.0.0.1:port/, as cameras serve it."""
    kind = "multipart/x-mixed-replace;boundary=ffmpeg"
    source = ("-re", "-f", "lavfi", "-i", PICTURE)
    target = f"http://127.0.0.1:{port}/"
    return ffmpeg(
        *source, "-q:v", "5", "-f", "mpjpeg", "-content_type", kind, "-listen", "1", target
    )


def make(*arguments: str) -> None:
    """Run ffmpeg to its end."""
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=READY_S)


def make_ts(path: Path, size: str, seconds: float) -> bytes:
    """An MPEG-TS file of a test picture."""
    source = ("-f", "lavfi", "-i", f"testsrc=size={size}:rate=25")
    make(*source, "-t", f"{seconds}", *H264, "-f", "mpegts", str(path))
    return path.read_bytes()


@contextmanager
def folder_server(folder: Path) -> Iterator[str]:
    """A web server of the files in a folder; its address."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: object) -> None:
            pass

    with _serving(Handler) as address:
        yield address


@contextmanager
def body_server(kind: str, body: Callable[[], Iterable[bytes]]) -> Iterator[str]:
    """A web server that answers every request with the pieces of a body, then hangs up."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            try:
                for piece in body():
                    self.wfile.write(piece)
            except OSError:  # the viewer has gone
                pass

        def log_message(self, *_: object) -> None:
            pass

    with _serving(Handler) as address:
        yield address


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def paced(data: bytes, seconds: float, pieces: int = 50) -> Iterator[bytes]:
    """The data in so many pieces, spread over that time."""
    step = max(1, len(data) // pieces)
    for start in range(0, len(data), step):
        yield data[start : start + step]
        time.sleep(seconds / pieces)

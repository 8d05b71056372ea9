"""Small data sets in the official layouts, written to disk as a folder or a zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

GTSRB_HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"


def picture(width: int = 40, height: int = 30, suffix: str = ".jpg", seed: int = 0) -> bytes:
    """A picture file: smooth noise, different for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    ok, data = cv2.imencode(suffix, cv2.resize(noise, (width, height)))
    assert ok
    return data.tobytes()


def turned_picture(width: int, height: int) -> bytes:
    """A JPEG stored as height × width whose EXIF says that it is to be shown as width × height."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    Image.new("RGB", (height, width), (9, 9, 200)).save(data, format="JPEG", exif=exif)
    return data.getvalue()


def store(files: Mapping[str, bytes | str], path: Path) -> Path:
    """The files in a zip if the path ends so, else in a folder."""
    content = {n: d.encode() if isinstance(d, str) else d for n, d in files.items()}
    if path.suffix == ".zip":
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in content.items():
                packed.writestr(name, data)
    else:
        for name, data in content.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    return path


def gtsrb_training(
    classes: Mapping[int, int], frames: int = 2, suffix: str = ".ppm"
) -> dict[str, bytes | str]:
    """`classes`: class → number of tracks. The tables name `.ppm` whatever the suffix is."""
    files: dict[str, bytes | str] = {}
    for label, tracks in classes.items():
        folder = f"GTSRB/Final_Training/Images/{label:05d}"
        rows = [GTSRB_HEADER]
        for track in range(tracks):
            for frame in range(frames):
                name = f"{track:05d}_{frame:05d}"
                files[f"{folder}/{name}{suffix}"] = picture(40, 30, suffix, track)
                rows.append(f"{name}.ppm;40;30;5;4;34;25;{label}")
        files[f"{folder}/GT-{label:05d}.csv"] = "\r\n".join((*rows, ""))
    return files


def gtsrb_test_rows(labels: list[int]) -> str:
    rows = [f"{n:05d}.ppm;40;30;5;4;34;25;{label}" for n, label in enumerate(labels)]
    return "\r\n".join((GTSRB_HEADER, *rows, ""))


def gtsrb_test_pictures(
    count: int, folder: str = "", suffix: str = ".ppm"
) -> dict[str, bytes | str]:
    return {f"{folder}{n:05d}{suffix}": picture(suffix=suffix, seed=n) for n in range(count)}


GTSDB_TRUTH = "00000.ppm;10;5;19;14;11\n00001.ppm;0;0;39;29;40\n00001.ppm;3;4;5;6;38\n"


def gtsdb(
    folder: str = "TrainIJCNN2013/", suffix: str = ".ppm", count: int = 3
) -> dict[str, bytes | str]:
    """Picture 0 has one sign, picture 1 two, all others none."""
    files: dict[str, bytes | str] = {
        f"{folder}{n:05d}{suffix}": picture(suffix=suffix, seed=n) for n in range(count)
    }
    return files | {f"{folder}gt.txt": GTSDB_TRUTH}


def yolo() -> dict[str, bytes | str]:
    """Two parts; one picture with two signs, one with an empty label file, one without any."""
    return {
        "set/data.yaml": "path: .\ntrain: train/images\nnames:\n  0: sign\n",
        "set/train/images/a.jpg": picture(200, 100),
        "set/train/labels/a.txt": "0 0.5 0.5 0.1 0.2\n0 0.05 0.1 0.1 0.2\n",
        "set/train/images/b.png": picture(200, 100, ".png"),
        "set/train/labels/b.txt": "",
        "set/val/images/c.webp": picture(200, 100, ".webp"),
    }

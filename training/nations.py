"""The same signs as other countries draw them: styles for training, and a drawn set to measure.

    python -m training.nations --output data/nations
    python -m calibration.evaluate classifier --data data/nations

Every country that signed the Vienna Convention on Road Signs (1968) has these signs, but chooses
the ground (article 7 allows yellow), the widths of the rims and the pictograms itself.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.command import CommandParser
from models.errors import OutputError, UsageError, run_command
from models.signs import COUNT
from training.artwork import sign_art
from training.noise import fractal
from training.plates import BLUE, RED, WHITE, YELLOW, Style
from training.vector import Colour

Image = NDArray[np.uint8]

PALE_YELLOW: Colour = (40, 190, 245)
STYLES = {  # by what is different, with countries that have it
    "yellow dangers": Style(danger=YELLOW, edge=0.03, border=0.075),  # Poland, Greece
    "all yellow": Style(danger=PALE_YELLOW, ban=PALE_YELLOW, border=0.1, framed=False),  # Sweden
    "thin rims": Style(edge=0.005, ring=0.09, border=0.075, pictogram=0.9, stripes=1),  # Britain
    "broad rims": Style(edge=0.03, ring=0.15, border=0.115, pictogram=0.86, digits=0.9),  # Spain
    "heavy digits": Style(digits=1.1, weight=1.25, blue=(190, 100, 20), turned=True),  # France
}
PLAIN = 0.5  # of a random style's grounds are white
SIZES = (14, 96)  # px across of the drawn set's signs
ROOM = 0.3  # of street around a sign, in its own size


def random_style(rng: np.random.Generator) -> Style:
    """A style that no country needs to have, to learn from; it covers those of `STYLES`."""
    yellow = tuple(int(v) for v in rng.normal((25, 175, 244), (12, 14, 6)).clip(0, 255))
    danger, ban = WHITE, WHITE
    if rng.random() > PLAIN:
        danger = yellow
        ban = yellow if rng.random() < PLAIN else WHITE
    return Style(
        danger=danger,
        ban=ban,
        red=_near(RED, rng),
        blue=_near(BLUE, rng),
        edge=float(rng.uniform(0, 0.035)),
        ring=float(rng.uniform(0.08, 0.155)),
        border=float(rng.uniform(0.07, 0.125)),
        stripes=int(rng.choice([1, 3, 5])),
        pictogram=float(rng.uniform(0.82, 1.06)),
        turned=bool(rng.random() < 0.5),
        digits=float(rng.uniform(0.85, 1.15)),
        weight=float(rng.uniform(0.75, 1.3)),
        framed=bool(rng.random() < 0.5),
    )


def _near(colour: Colour, rng: np.random.Generator) -> Colour:
    blue, green, red = (int(v) for v in rng.normal(colour, 14).clip(0, 255))
    return blue, green, red


class Shown(NamedTuple):
    """A drawn sign before a blurred ground, BGR, and the edges of its box in it."""

    image: Image
    edges: tuple[int, int, int, int]  # left, top, right, bottom; the last two inside, as GTSRB's


def shown(art: Image, rng: np.random.Generator) -> Shown:
    """A sign (S, S, 4) as a camera might see it: turned, shaded, soft, grainy, on drawn ground."""
    size = art.shape[0]
    room = max(2, round(ROOM * size))
    side = size + 2 * room
    base = rng.uniform(40, 200) + rng.normal(0, 12, 3)
    ground = base + 60 * fractal(rng, side, side, max(2, side // 3), 3)[..., None]
    placed = np.zeros((side, side, 4), np.float32)
    placed[room:-room, room:-room] = art
    placed[..., :3] *= placed[..., 3:] / 255
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), rng.normal(0, 4), 1.0)
    placed = cv2.warpAffine(placed, matrix, (side, side))
    light = rng.uniform(0.35, 1.0) * (1 + rng.uniform(-0.3, 0.3) * np.linspace(-1, 1, side))
    out = ground * (1 - placed[..., 3:] / 255) + placed[..., :3] * light[:, None, None]
    out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 0.9))
    out += rng.normal(0, rng.uniform(1, 6), out.shape)
    image = np.clip(np.rint(out), 0, 255).astype(np.uint8)
    return Shown(image, (room, room, side - room - 1, side - room - 1))


def write(folder: Path, count: int, seed: int) -> int:
    """Draw every class `count` times in each style, in GTSRB's layout; how many pictures.

    A style of a class is a track. OutputError where the folder cannot be written.
    """
    rng = np.random.default_rng(seed)
    written = 0
    for label in range(COUNT):
        place = folder / f"{label:05d}"
        rows = []
        try:
            place.mkdir(parents=True, exist_ok=True)
            for title, style in STYLES.items():
                for number in range(count):
                    size = round(float(np.exp(rng.uniform(*np.log(SIZES)))))
                    drawn = shown(sign_art(label, size, style), rng)
                    name = f"{title.replace(' ', '-')}_{number:05d}.png"
                    (place / name).write_bytes(cv2.imencode(".png", drawn.image)[1].tobytes())
                    side = drawn.image.shape[0]
                    rows.append([name, side, side, *drawn.edges, label])
                    written += 1
            with (place / f"GT-{label:05d}.csv").open("w", newline="") as file:
                table = csv.writer(file, delimiter=";")
                table.writerow(HEADER)
                table.writerows(rows)
        except OSError as error:
            raise OutputError(f"cannot write {place}: {error.strerror}") from error
    return written


HEADER = ("Filename", "Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("training.nations", __doc__)
    parser.add_argument("--output", type=Path, required=True, help="the folder to write")
    parser.add_argument("--count", type=int, default=8, help="of a class and style (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse(arguments)
    for name, least in (("count", 1), ("seed", 0)):
        if (found := getattr(options, name)) < least:
            raise UsageError(f"--{name}: expected {least} or more, found {found}")
    print(f"{write(options.output, options.count, options.seed)} pictures in {options.output}")


if __name__ == "__main__":
    run_command(main)

"""Road signs outside the 43 classes: they must be found, and read as unknown."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from training import pictograms as pic
from training.glyphs import text
from training.plates import (
    BLACK,
    BLUE,
    GREY,
    RED,
    WHITE,
    YELLOW,
    blue_disc,
    end_disc,
    end_stripes,
    number,
    red_ring,
    red_triangle,
)
from training.vector import Colour, PathLike, Pen, arc, chain, circle, rectangle

CENTRE = (0.5, 0.5)


def _panel(pen: Pen, colour: Colour, box: tuple[float, float, float, float], rim: Colour) -> None:
    """A plate with round corners and a rim just inside its edge."""
    x1, y1, x2, y2 = box
    edge = WHITE if rim == BLACK else rim
    pen.plate(edge, rectangle(x1, y1, x2, y2, 0.04))
    pen.fill(rim, rectangle(x1 + 0.012, y1 + 0.012, x2 - 0.012, y2 - 0.012, 0.03))
    pen.fill(colour, rectangle(x1 + 0.03, y1 + 0.03, x2 - 0.03, y2 - 0.03, 0.025))


def _square(pen: Pen, colour: Colour = BLUE) -> None:
    _panel(pen, colour, (0, 0, 1, 1), WHITE)


def _straight_arrow(pen: Pen, colour: Colour, tip: float, tail: float, width: float) -> None:
    """A solid arrow along the pen's x axis."""
    head = tip - 2.2 * width
    half = width / 2
    low: PathLike = [(tail, -half), (head, -half), (head, -1.7 * width), (tip, 0)]
    high: PathLike = [(head, 1.7 * width), (head, half), (tail, half)]
    pen.fill(colour, chain(low, high))


def _limit(digits: str, pen: Pen) -> None:
    red_ring(pen)
    number(pen, BLACK, digits)


def _end_of_limit(digits: str, pen: Pen) -> None:
    end_disc(pen)
    number(pen, GREY, digits)
    end_stripes(pen)


def _minimum_speed(pen: Pen) -> None:
    blue_disc(pen)
    number(pen, WHITE, "30")


def _zone_30(pen: Pen) -> None:
    _panel(pen, WHITE, (0.0, 0.0, 1.0, 1.0), BLACK)
    _limit("30", pen.at(0.16, 0.04, 0.68))
    text(pen, BLACK, "ZONE", (0.5, 0.845), 0.16, stroke=0.14)


def _no_parking(pen: Pen, both: bool = False) -> None:
    blue_disc(pen, RED)
    pen.fill(BLUE, circle(CENTRE, 0.36))
    for turn in (45, -45) if both else (45,):
        pen.at(0.5, 0.5, turn=turn).fill(RED, rectangle(-0.4, -0.055, 0.4, 0.055))


def _parking(pen: Pen) -> None:
    _square(pen)
    text(pen, WHITE, "P", CENTRE, 0.66, width=0.62, stroke=0.19)


def _motorway(pen: Pen) -> None:
    _square(pen)
    for x in (0.3, 0.7):
        side = 1 if x > 0.5 else -1
        foot, top = x + side * 0.08, x - side * 0.09
        road = [(foot - 0.12, 0.9), (foot + 0.12, 0.9), (top + 0.055, 0.13), (top - 0.055, 0.13)]
        pen.fill(WHITE, road)
    pen.fill(BLUE, rectangle(0.05, 0.34, 0.95, 0.36))
    pen.fill(WHITE, rectangle(0.16, 0.29, 0.84, 0.345))


def _crossing(pen: Pen) -> None:
    _square(pen)
    pen.fill(WHITE, [(0.5, 0.09), (0.93, 0.86), (0.07, 0.86)])
    for x in (0.22, 0.36, 0.5, 0.64, 0.78):
        foot = 0.5 + (x - 0.5) * 1.15
        stripe = [(x - 0.03, 0.73), (x + 0.03, 0.73), (foot + 0.04, 0.84), (foot - 0.04, 0.84)]
        pen.fill(BLACK, stripe)
    pic.pedestrian(pen.at(0.1, -0.06, 0.92), BLACK)


def _bus_stop(pen: Pen) -> None:
    green: Colour = (62, 112, 0)
    pen.plate(green, circle(CENTRE, 0.5))
    pen.fill(YELLOW, circle(CENTRE, 0.42))
    text(pen, green, "H", CENTRE, 0.46, width=0.72, stroke=0.2)


def _one_way(pen: Pen) -> None:
    _panel(pen, BLUE, (0, 0.34, 1, 0.66), WHITE)
    _straight_arrow(pen.at(0.5, 0.5), WHITE, 0.43, -0.42, 0.07)


def _dead_end(pen: Pen) -> None:
    _square(pen)
    pen.fill(WHITE, rectangle(0.42, 0.36, 0.58, 0.93))
    pen.fill(RED, rectangle(0.22, 0.14, 0.78, 0.33))


def _bicycle_path(pen: Pen) -> None:
    blue_disc(pen)
    pic.bicycle(pen.at(-0.17, -0.31, 1.34), WHITE)


def _footpath(pen: Pen) -> None:
    blue_disc(pen)
    pic.pedestrian(pen.at(-0.15, -0.22, 1.3), WHITE)


def _shared_path(pen: Pen) -> None:
    blue_disc(pen)
    pic.pedestrian(pen.at(0.12, -0.12, 0.78), WHITE)
    pen.fill(WHITE, rectangle(0.06, 0.535, 0.94, 0.555))
    pic.bicycle(pen.at(0.1, 0.2, 0.8), WHITE)


def _weight_limit(pen: Pen) -> None:
    red_ring(pen)
    text(pen, BLACK, "5,5t", CENTRE, 0.28, width=0.55, stroke=0.145)


def _height_limit(pen: Pen) -> None:
    red_ring(pen)
    text(pen, BLACK, "3,8m", CENTRE, 0.24, width=0.52, stroke=0.145)
    pen.fill(BLACK, [(0.5, 0.33), (0.43, 0.22), (0.57, 0.22)])
    pen.fill(BLACK, [(0.5, 0.67), (0.43, 0.78), (0.57, 0.78)])


def _width_limit(pen: Pen) -> None:
    red_ring(pen)
    text(pen, BLACK, "2m", CENTRE, 0.28, width=0.52, stroke=0.145)
    pen.fill(BLACK, [(0.30, 0.5), (0.2, 0.43), (0.2, 0.57)])
    pen.fill(BLACK, [(0.70, 0.5), (0.8, 0.43), (0.8, 0.57)])


def _no_u_turn(pen: Pen) -> None:
    red_ring(pen)
    bow = arc((0.5, 0.42), 0.11, 360, 180)
    pen.stroke(BLACK, chain([(0.61, 0.72)], bow, [(0.39, 0.55)]), 0.07)
    pen.fill(BLACK, [(0.39, 0.70), (0.29, 0.54), (0.49, 0.54)])
    pen.at(0.5, 0.5, turn=45).fill(RED, rectangle(-0.37, -0.045, 0.37, 0.045))


def _no_left_turn(pen: Pen) -> None:
    red_ring(pen)
    bow = arc((0.49, 0.53), 0.1, 360, 270)
    pen.stroke(BLACK, chain([(0.59, 0.72)], bow, [(0.4, 0.43)]), 0.075)
    pen.fill(BLACK, [(0.26, 0.43), (0.42, 0.33), (0.42, 0.53)])
    pen.at(0.5, 0.5, turn=45).fill(RED, rectangle(-0.37, -0.045, 0.37, 0.045))


def _no_pedestrians(pen: Pen) -> None:
    red_ring(pen)
    pic.pedestrian(pen.at(-0.02, -0.115, 1.03), BLACK)


def _no_cyclists(pen: Pen) -> None:
    red_ring(pen)
    pic.bicycle(pen.at(0, -0.11), BLACK)


def _no_motor_vehicles(pen: Pen) -> None:
    red_ring(pen)
    pic.car_rear(pen, BLACK, 0.5, 0.62, 0.36)
    pic.bicycle(pen.at(0.2, -0.02, 0.6), BLACK)


def _oncoming_first(pen: Pen) -> None:
    red_ring(pen)
    _straight_arrow(pen.at(0.38, 0.5, turn=90), RED, 0.25, -0.25, 0.07)
    _straight_arrow(pen.at(0.62, 0.5, turn=-90), BLACK, 0.25, -0.25, 0.07)


def _two_way(pen: Pen) -> None:
    red_triangle(pen)
    _straight_arrow(pen.at(0.43, 0.64, turn=90), BLACK, 0.17, -0.19, 0.05)
    _straight_arrow(pen.at(0.57, 0.64, turn=-90), BLACK, 0.19, -0.17, 0.05)


def _level_crossing(pen: Pen) -> None:
    red_triangle(pen)
    for x in (0.35, 0.45, 0.55, 0.65):
        pen.fill(BLACK, rectangle(x - 0.018, 0.57, x + 0.018, 0.80))
    for y in (0.63, 0.73):
        pen.fill(BLACK, rectangle(0.29, y - 0.014, 0.71, y + 0.014))


def _crosswind(pen: Pen) -> None:
    red_triangle(pen)
    pen.fill(BLACK, rectangle(0.34, 0.45, 0.36, 0.80))
    sock: PathLike = [(0.36, 0.46), (0.66, 0.56), (0.66, 0.63), (0.36, 0.62)]
    pen.fill(BLACK, sock)
    for x in (0.43, 0.53):
        pen.fill(WHITE, rectangle(x, 0.45, x + 0.045, 0.66))


def _junction(pen: Pen) -> None:
    red_triangle(pen)
    for turn in (45, -45):
        pen.at(0.5, 0.63, turn=turn).fill(BLACK, rectangle(-0.17, -0.035, 0.17, 0.035))


def _steep(pen: Pen) -> None:
    red_triangle(pen)
    pen.fill(BLACK, [(0.27, 0.60), (0.73, 0.80), (0.27, 0.80)])
    text(pen, BLACK, "12", (0.52, 0.54), 0.15)


def _narrow_both(pen: Pen) -> None:
    red_triangle(pen)
    for mirror in (False, True):
        half = pen.at(1, 0, mirror=True) if mirror else pen
        bar: PathLike = [(0.535, 0.44), (0.575, 0.44), (0.575, 0.56), (0.64, 0.65), (0.64, 0.80)]
        half.fill(BLACK, chain(bar, [(0.60, 0.80), (0.60, 0.67), (0.535, 0.58)]))


def _town(pen: Pen) -> None:
    _panel(pen, YELLOW, (0, 0.17, 1, 0.83), BLACK)
    text(pen, BLACK, "ELMTAL", (0.5, 0.40), 0.2, stroke=0.14)
    text(pen, BLACK, "KREIS NORD", (0.5, 0.66), 0.1, stroke=0.14)


def _direction(pen: Pen) -> None:
    y1, y2, point = 0.35, 0.65, 0.13
    for colour, d in ((WHITE, 0.0), (BLACK, 0.012), (YELLOW, 0.03)):
        x1, x2 = d, 1 - d * 1.3
        plate: PathLike = [(x1, y1 + d), (x2 - point, y1 + d), (x2, 0.5), (x2 - point, y2 - d)]
        contour = chain(plate, [(x1, y2 - d)])
        if d == 0:
            pen.plate(colour, contour)
        else:
            pen.fill(colour, contour)
    text(pen, BLACK, "HAFEN 12", (0.46, 0.5), 0.15, stroke=0.14)


def _motorway_direction(pen: Pen) -> None:
    _panel(pen, BLUE, (0, 0.1, 1, 0.9), WHITE)
    for row, word in enumerate(("ALTSTADT", "MESSE", "NORD")):
        text(pen, WHITE, word, (0.41, 0.26 + 0.22 * row), 0.12, stroke=0.14)
    _straight_arrow(pen.at(0.87, 0.5, turn=-60), WHITE, 0.13, -0.13, 0.045)


def _distance(pen: Pen) -> None:
    _panel(pen, WHITE, (0, 0.27, 1, 0.73), BLACK)
    text(pen, BLACK, "100 m", CENTRE, 0.26, stroke=0.14)


def _arrows_plate(pen: Pen) -> None:
    _panel(pen, WHITE, (0, 0.27, 1, 0.73), BLACK)
    _straight_arrow(pen.at(0.5, 0.5), BLACK, 0.40, 0.0, 0.06)
    _straight_arrow(pen.at(0.5, 0.5, turn=180), BLACK, 0.40, 0.0, 0.06)


def _chevrons(pen: Pen) -> None:
    pen.plate(WHITE, rectangle(0, 0.33, 1, 0.67, 0.02))
    for x in (0.04, 0.37, 0.70):
        arrow: PathLike = [(x, 0.35), (x + 0.13, 0.35), (x + 0.26, 0.5), (x + 0.13, 0.65)]
        pen.fill(RED, chain(arrow, [(x, 0.65), (x + 0.13, 0.5)]))


def _living_street(pen: Pen) -> None:
    _panel(pen, BLUE, (0, 0.17, 1, 0.83), WHITE)
    house: PathLike = [(0.66, 0.72), (0.66, 0.42), (0.79, 0.3), (0.92, 0.42), (0.92, 0.72)]
    pen.fill(WHITE, house, rectangle(0.75, 0.5, 0.83, 0.6))
    pic.pedestrian(pen.at(-0.12, -0.05, 0.9), WHITE)
    pic.car_rear(pen, WHITE, 0.53, 0.64, 0.17)


FOREIGN_SIGNS: dict[str, Callable[[Pen], None]] = {
    **{f"speed limit {value}": partial(_limit, value) for value in ("10", "40", "90", "130")},
    **{f"end of speed limit {value}": partial(_end_of_limit, value) for value in ("50", "60")},
    "minimum speed 30": _minimum_speed,
    "zone 30": _zone_30,
    "no parking": _no_parking,
    "no stopping": partial(_no_parking, both=True),
    "parking": _parking,
    "motorway": _motorway,
    "pedestrian crossing": _crossing,
    "bus stop": _bus_stop,
    "one way": _one_way,
    "dead end": _dead_end,
    "bicycle path": _bicycle_path,
    "footpath": _footpath,
    "shared path": _shared_path,
    "living street": _living_street,
    "weight limit": _weight_limit,
    "height limit": _height_limit,
    "width limit": _width_limit,
    "no u-turn": _no_u_turn,
    "no left turn": _no_left_turn,
    "no pedestrians": _no_pedestrians,
    "no cyclists": _no_cyclists,
    "no motor vehicles": _no_motor_vehicles,
    "oncoming traffic first": _oncoming_first,
    "two-way traffic": _two_way,
    "level crossing": _level_crossing,
    "crosswind": _crosswind,
    "junction": _junction,
    "steep descent": _steep,
    "road narrows": _narrow_both,
    "town": _town,
    "direction": _direction,
    "motorway direction": _motorway_direction,
    "distance plate": _distance,
    "arrows plate": _arrows_plate,
    "chevrons": _chevrons,
}

"""The pictograms on the signs: each draws itself in the coordinates of the whole sign."""

from __future__ import annotations

import numpy as np

from training.vector import Colour, Pen, arc, chain, circle, rectangle, smooth


def arrow_head(pen: Pen, colour: Colour, span: float, shaft: float, barb: float = 0.11) -> None:
    """The open head of blue signs at the pen's origin, pointing to the pen's right."""
    upper = [(0, 0), (-span, -span), (-span - barb, -span), (-barb - shaft / 2, -shaft / 2)]
    lower = [(x, -y) for x, y in reversed(upper[1:])]
    pen.fill(colour, [*upper, *lower])


def ahead(pen: Pen, colour: Colour) -> None:
    pen.fill(colour, rectangle(0.447, 0.28, 0.553, 0.865))
    arrow_head(pen.at(0.5, 0.135, turn=-90), colour, 0.22, 0.106)


def turn_right(pen: Pen, colour: Colour) -> None:
    bow = arc((0.56, 0.52), 0.17, 180, 270)
    pen.stroke(colour, chain([(0.39, 0.84)], bow, [(0.68, 0.35)]), 0.105)
    arrow_head(pen.at(0.815, 0.35), colour, 0.175, 0.105)


def ahead_or_right(pen: Pen, colour: Colour) -> None:
    pen.fill(colour, rectangle(0.375, 0.25, 0.46, 0.875))
    arrow_head(pen.at(0.4175, 0.135, turn=-90), colour, 0.155, 0.085, 0.10)
    bow = arc((0.565, 0.72), 0.145, 180, 270)
    pen.stroke(colour, chain(bow, [(0.76, 0.575)]), 0.085)
    arrow_head(pen.at(0.87, 0.575), colour, 0.145, 0.085, 0.10)


def keep_right(pen: Pen, colour: Colour) -> None:
    local = pen.at(0.745, 0.75, turn=45)
    local.fill(colour, rectangle(-0.70, -0.055, -0.14, 0.055))
    arrow_head(local, colour, 0.235, 0.11, 0.105)


def roundabout(pen: Pen, colour: Colour) -> None:
    for tip in (165, 45, 285):
        local = pen.at(0.5, 0.5, turn=tip)
        local.stroke(colour, arc((0, 0), 0.285, 22, 88), 0.075)
        arrow_head(local.at(0.295, -0.02, turn=-75), colour, 0.12, 0.075, 0.075)


def exclamation(pen: Pen, colour: Colour) -> None:
    top = arc((0.5, 0.365), 0.042, 180, 360)
    foot = arc((0.5, 0.66), 0.022, 0, 180)
    pen.fill(colour, chain(top, foot))
    pen.disc(colour, 0.5, 0.757, 0.048)


def bend_left(pen: Pen, colour: Colour) -> None:
    outer = arc((0.47, 0.62), 0.11, 270, 360)
    inner = arc((0.455, 0.635), 0.04, 360, 270)
    tail = [(0.58, 0.79), (0.5375, 0.765), (0.495, 0.79)]
    pen.fill(colour, chain([(0.315, 0.55), (0.385, 0.51)], outer, tail, inner, [(0.385, 0.595)]))


def double_bend(pen: Pen, colour: Colour) -> None:
    """The road of a double bend that starts to the left: it runs from the bottom upwards."""
    upper = [(0.432, 0.388), (0.466, 0.44), (0.466, 0.573), (0.55, 0.535)]
    tail = [(0.645, 0.79), (0.612, 0.768), (0.58, 0.79), (0.58, 0.617)]
    lower = [(0.49, 0.66), *arc((0.449, 0.622), 0.048, 60, 180), (0.401, 0.45)]
    pen.fill(colour, chain(upper, arc((0.597, 0.575), 0.048, 240, 360), tail, lower))


def crossing_priority(pen: Pen, colour: Colour) -> None:
    pen.fill(
        colour,
        [(0.5, 0.38), (0.58, 0.455), (0.58, 0.80), (0.5, 0.725), (0.42, 0.80), (0.42, 0.455)],
    )
    pen.fill(colour, rectangle(0.335, 0.575, 0.665, 0.618))


def uneven_road(pen: Pen, colour: Colour) -> None:
    x = np.linspace(0.275, 0.725, 91)
    bumps = sum(np.exp(-(((x - at) / 0.058) ** 2)) for at in (0.40, 0.60))
    top = np.column_stack([x, 0.748 - 0.082 * np.asarray(bumps)])
    pen.fill(colour, chain(top, [(0.735, 0.79), (0.265, 0.79)]))


def narrow_right(pen: Pen, colour: Colour) -> None:
    pen.fill(colour, rectangle(0.415, 0.435, 0.465, 0.80))
    pen.fill(
        colour,
        [
            (0.515, 0.435),
            (0.565, 0.435),
            (0.565, 0.56),
            (0.645, 0.645),
            (0.645, 0.80),
            (0.595, 0.80),
            (0.595, 0.665),
            (0.515, 0.58),
        ],
    )


def traffic_lights(pen: Pen, lamps: tuple[Colour, Colour, Colour]) -> None:
    for lamp, y in zip(lamps, (0.435, 0.582, 0.728), strict=True):
        pen.disc(lamp, 0.5, y, 0.06)


def snowflake(pen: Pen, colour: Colour) -> None:
    for turn in range(0, 360, 60):
        local = pen.at(0.5, 0.625, turn=turn)
        local.stroke(colour, [(0, 0), (0, -0.172)], 0.04)
        local.stroke(colour, [(-0.068, -0.155), (0, -0.088), (0.068, -0.155)], 0.036)


def pedestrian(pen: Pen, colour: Colour) -> None:
    pen.disc(colour, 0.475, 0.378, 0.036)
    torso = [(0.462, 0.432), (0.52, 0.432), (0.547, 0.46), (0.532, 0.53), (0.53, 0.595)]
    pen.fill(colour, smooth([*torso, (0.472, 0.595), (0.472, 0.52), (0.44, 0.485)], 4))
    pen.stroke(colour, [(0.458, 0.455), (0.415, 0.52), (0.385, 0.60)], 0.032)
    pen.stroke(colour, [(0.525, 0.452), (0.575, 0.52), (0.57, 0.60)], 0.032)
    pen.stroke(colour, [(0.488, 0.61), (0.452, 0.70), (0.395, 0.81)], 0.038)
    pen.stroke(colour, [(0.514, 0.61), (0.56, 0.70), (0.605, 0.80)], 0.038)


def children(pen: Pen, colour: Colour) -> None:
    pen.disc(colour, 0.555, 0.448, 0.034)
    pen.fill(colour, [(0.527, 0.495), (0.59, 0.495), (0.587, 0.66), (0.53, 0.66)])
    pen.stroke(colour, [(0.54, 0.51), (0.495, 0.55), (0.44, 0.575)], 0.032, caps=True)
    pen.stroke(colour, [(0.58, 0.51), (0.625, 0.522), (0.655, 0.58)], 0.032, caps=True)
    pen.stroke(colour, [(0.55, 0.64), (0.545, 0.71), (0.53, 0.805)], 0.038)
    pen.stroke(colour, [(0.57, 0.64), (0.61, 0.708), (0.69, 0.73)], 0.038)
    pen.disc(colour, 0.38, 0.562, 0.029)
    pen.fill(colour, [(0.357, 0.603), (0.41, 0.603), (0.406, 0.70), (0.36, 0.70)])
    pen.stroke(colour, [(0.365, 0.615), (0.335, 0.645), (0.30, 0.67)], 0.026, caps=True)
    pen.stroke(colour, [(0.403, 0.615), (0.44, 0.625), (0.46, 0.662)], 0.026, caps=True)
    pen.stroke(colour, [(0.375, 0.69), (0.375, 0.74), (0.367, 0.805)], 0.03)
    pen.stroke(colour, [(0.392, 0.69), (0.42, 0.732), (0.48, 0.727)], 0.03)


def bicycle(pen: Pen, colour: Colour) -> None:
    line = 0.021
    rear, front, pedals = (0.635, 0.70), (0.365, 0.70), (0.505, 0.705)
    for wheel in (rear, front):
        pen.stroke(colour, circle(wheel, 0.094), 0.018, closed=True)
    pen.stroke(colour, [front, (0.425, 0.505)], line, caps=True)
    pen.stroke(colour, [(0.455, 0.497), (0.415, 0.50), (0.39, 0.525)], line, caps=True)
    pen.stroke(colour, [(0.415, 0.56), (0.58, 0.56)], line, caps=True)
    pen.stroke(colour, [(0.415, 0.57), pedals, rear], line, caps=True)
    pen.stroke(colour, [pedals, (0.59, 0.515)], line, caps=True)
    pen.stroke(colour, [rear, (0.585, 0.56)], 0.014)
    pen.stroke(colour, [(0.555, 0.505), (0.625, 0.505)], 0.026, caps=True)
    pen.disc(colour, *pedals, 0.026)


def deer(pen: Pen, colour: Colour) -> None:
    body = [
        (0.365, 0.474),
        (0.40, 0.452),
        (0.425, 0.443),
        (0.445, 0.452),
        (0.458, 0.48),
        (0.468, 0.515),
        (0.49, 0.543),
        (0.54, 0.56),
        (0.60, 0.578),
        (0.645, 0.60),
        (0.675, 0.635),
        (0.685, 0.665),
        (0.70, 0.70),
        (0.735, 0.74),
        (0.752, 0.79),
        (0.757, 0.825),
        (0.742, 0.83),
        (0.728, 0.785),
        (0.70, 0.75),
        (0.665, 0.72),
        (0.64, 0.69),
        (0.60, 0.672),
        (0.55, 0.668),
        (0.495, 0.665),
        (0.455, 0.66),
        (0.43, 0.655),
        (0.405, 0.662),
        (0.425, 0.70),
        (0.413, 0.705),
        (0.39, 0.67),
        (0.378, 0.645),
        (0.41, 0.637),
        (0.44, 0.628),
        (0.443, 0.59),
        (0.428, 0.54),
        (0.42, 0.50),
        (0.405, 0.487),
        (0.375, 0.487),
    ]
    pen.fill(colour, smooth(body, 5))
    pen.stroke(colour, [(0.65, 0.67), (0.665, 0.745), (0.70, 0.79), (0.712, 0.815)], 0.016)
    pen.stroke(colour, [(0.44, 0.65), (0.395, 0.625), (0.365, 0.63), (0.36, 0.645)], 0.018)
    pen.stroke(colour, [(0.435, 0.45), (0.475, 0.43), (0.488, 0.39)], 0.013)
    pen.stroke(colour, [(0.425, 0.45), (0.437, 0.415), (0.43, 0.385)], 0.013)
    pen.stroke(colour, [(0.458, 0.437), (0.455, 0.405)], 0.011)
    pen.stroke(colour, [(0.445, 0.455), (0.475, 0.455)], 0.016, caps=True)


def roadworker(pen: Pen, colour: Colour) -> None:
    pen.disc(colour, 0.515, 0.452, 0.038)
    pen.fill(
        colour,
        smooth(
            [
                (0.385, 0.495),
                (0.43, 0.475),
                (0.47, 0.495),
                (0.475, 0.55),
                (0.455, 0.615),
                (0.37, 0.625),
                (0.385, 0.56),
            ],
            4,
        ),
    )
    pen.stroke(colour, [(0.395, 0.50), (0.345, 0.545), (0.355, 0.60)], 0.034, caps=True)
    pen.stroke(colour, [(0.455, 0.51), (0.48, 0.585), (0.505, 0.645)], 0.032, caps=True)
    pen.stroke(colour, [(0.345, 0.585), (0.60, 0.735)], 0.013)
    pen.stroke(colour, [(0.395, 0.61), (0.35, 0.70), (0.285, 0.81)], 0.046)
    pen.stroke(colour, [(0.43, 0.61), (0.465, 0.70), (0.46, 0.81)], 0.046)
    pen.fill(
        colour,
        smooth(
            [
                (0.52, 0.81),
                (0.565, 0.74),
                (0.62, 0.665),
                (0.66, 0.66),
                (0.715, 0.735),
                (0.78, 0.81),
                (0.65, 0.81),
            ],
            4,
        ),
    )


def skidding_car(pen: Pen, colour: Colour) -> None:
    car = pen.at(0.50, 0.56, turn=11)
    car.stroke(colour, [(-0.10, -0.01), (-0.075, -0.10), (0.075, -0.10), (0.10, -0.01)], 0.014)
    car.fill(colour, rectangle(-0.125, -0.02, 0.125, 0.065, 0.02))
    for side in (-1, 1):
        car.fill(colour, rectangle(side * 0.09 - 0.02, 0.05, side * 0.09 + 0.02, 0.11, 0.008))
    for dx in (-0.10, 0.10):
        marks = pen.at(dx, 0)
        bow = [
            (0.50, 0.685),
            (0.42, 0.70),
            (0.40, 0.72),
            (0.43, 0.74),
            (0.49, 0.75),
            (0.495, 0.772),
            (0.45, 0.80),
            (0.40, 0.81),
        ]
        marks.stroke(colour, bow[: 8 if dx < 0 else 5], 0.017, caps=True)
    pen.stroke(colour, [(0.59, 0.75), (0.66, 0.765), (0.71, 0.79)], 0.017, caps=True)


def car_rear(pen: Pen, colour: Colour, x: float, y: float, width: float) -> None:
    """A car from behind; (x, y) is the middle of its body."""
    car = pen.at(x, y, width)
    roof = [
        (-0.43, -0.1),
        (-0.36, -0.40),
        (-0.31, -0.43),
        (0.31, -0.43),
        (0.36, -0.40),
        (0.43, -0.1),
    ]
    car.stroke(colour, roof, 0.065)
    car.fill(colour, rectangle(-0.5, -0.14, 0.5, 0.2, 0.05))
    for side in (-0.36, 0.36):
        car.fill(colour, rectangle(side - 0.075, 0.15, side + 0.075, 0.36, 0.03))


def truck_rear(pen: Pen, colour: Colour, x: float, y: float, width: float) -> None:
    """A truck from behind; (x, y) is the middle of its box."""
    truck = pen.at(x, y, width)
    truck.fill(colour, rectangle(-0.5, -0.5, 0.5, 0.5))
    truck.fill(colour, rectangle(-0.46, 0.57, 0.46, 0.66))
    for side in (-0.30, 0.30):
        truck.fill(colour, rectangle(side - 0.13, 0.6, side + 0.13, 0.86, 0.04))


def truck_side(pen: Pen, colour: Colour, ground: Colour) -> None:
    pen.fill(colour, rectangle(0.395, 0.375, 0.785, 0.57))
    pen.fill(colour, rectangle(0.35, 0.595, 0.785, 0.635))
    cab = np.array([(0.245, 0.445), (0.365, 0.445), (0.365, 0.635), (0.215, 0.635), (0.215, 0.56)])
    window = np.array([(0.263, 0.468), (0.325, 0.468), (0.325, 0.545), (0.242, 0.545)])
    pen.fill(colour, cab, window)
    for x in (0.30, 0.665):
        pen.disc(ground, x, 0.645, 0.062)
        pen.disc(colour, x, 0.645, 0.048)

"""Pictures of tracks and cars from above, by Pillow: north is up, west is left.

Pictures are uint8 arrays of shape (480, 640, 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium.error import DependencyNotInstalled

from hotlap.cars import Cars
from hotlap.protocol import Array
from hotlap.track import Track

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as error:
    raise DependencyNotInstalled('pictures want Pillow: pip install "hotlap[render]"') from error

Picture = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 640, 480
_FINER = 2  # drawn so many times as large, for smooth edges
_MARGIN, _HEAD, _FOOT = 24, 40, 44  # pixels of the map of a track
_FOLLOW_PX_PER_M = 4.0
_LEAD_S, _LEAD_MOST_M = 0.4, 35.0  # the view is ahead of the car
_QUAD_M, _QUAD_PX = 2.0, 3.0  # of road, drawn as one piece: at least so long
_KMH_PER_MPS = 3.6

_GROUND, _EDGE, _WALL, _TEXT, _DIM = '#161e27', '#54667a', '#93a4b5', '#f2f6fa', '#93a4b5'
_SURFACES = {2: '#2c4a2e', 3: '#4d6d85', 6: '#4d3b2a', 7: '#5d5320', 16: '#303c49', 26: '#6d3b20', 29: '#4a2f59'}
_GATE, _FINISH, _DARK = '#e8eef5', '#ffffff', '#10161d'
_CAR, _GLASS, _START, _BRAKE = '#ffb326', '#10161d', '#3ddc84', '#ff5c8a'
_CAR_SHAPE_M = np.array([[1.0, -2.0], [1.0, 1.0], [0.6, 2.1], [-0.6, 2.1], [-1.0, 1.0], [-1.0, -2.0]])  # left, forward
_GLASS_SHAPE_M = np.array([[0.7, -0.6], [0.6, 0.7], [-0.6, 0.7], [-0.7, -0.6]])
# Speed as colour: blue is slow, red is fast.
_SPEED_STOPS = np.array([[72, 92, 255], [30, 160, 255], [38, 214, 168], [188, 226, 66], [255, 179, 38], [255, 72, 66]])


class Line(NamedTuple):
    """Where a car has been: positions (k, 3) in m, speeds (k,) in m/s."""

    positions: Array
    speeds_mps: Array


class _Plan:
    """From the world seen from above to pixels, north up, or all of that turned by a quarter."""

    def __init__(self, middle: Array, at: tuple[float, float], px_per_m: float, turned: bool = False) -> None:
        self.px_per_m = px_per_m
        self._middle, self._at, self._turned = middle, np.asarray(at), turned

    def __call__(self, world: Array) -> Array:
        """Of positions (..., 3): pixels (..., 2)."""
        away = (self._middle[[0, 2]] - world[..., [0, 2]]) * self.px_per_m
        if self._turned:
            away = np.stack([-away[..., 1], away[..., 0]], axis=-1)
        moved: Array = (self._at + away) * _FINER
        return moved


def follow(track: Track, cars: Cars, row: int) -> Picture:
    """One car and the road around it; the view moves with the car, a little ahead of it."""
    is_known = bool(cars.known[row])
    car = cars.positions[row].astype(np.float64) if is_known else track.points[0].astype(np.float64)
    lead = cars.velocities[row].astype(np.float64) * _LEAD_S
    lead *= min(1.0, _LEAD_MOST_M / max(1e-6, float(np.linalg.norm(lead))))
    plan = _Plan(car + lead, (WIDTH / 2, HEIGHT / 2), _FOLLOW_PX_PER_M)
    image, draw = _canvas()
    _draw_road(draw, plan, track)
    _draw_gates(draw, plan, track)
    if is_known:
        axes = cars.rotations[row].astype(np.float64)
        for shape, colour in ((_CAR_SHAPE_M, _CAR), (_GLASS_SHAPE_M, _GLASS)):
            draw.polygon(_corners(plan(car + shape @ axes.T[[0, 2]])), fill=colour)
        _draw_pedals(draw, float(cars.steer[row]), float(cars.gas[row]))
    _write(draw, (16, 12), f'{cars.speeds_mps[row] * _KMH_PER_MPS:.0f} km/h', 20)
    _write(draw, (WIDTH - 16, 12), _standing(track, cars, row), 14, _DIM, 'ra')
    return _finished(image)


def whole(track: Track, cars: Cars, row: int, line: Line) -> Picture:
    """All of the track, and a driven line coloured by speed."""
    image, draw = _canvas()
    plan = _fitted(track, line)
    _draw_road(draw, plan, track)
    _draw_gates(draw, plan, track)
    start = plan(track.points[0].astype(np.float64))
    _draw_disc(draw, start, 4, _START)
    top_kmh = max(50.0, 50.0 * np.ceil(line.speeds_mps.max(initial=0) * _KMH_PER_MPS / 50.0))
    pixels = plan(line.positions.astype(np.float64))
    shares = line.speeds_mps * _KMH_PER_MPS / top_kmh
    for one, other, share in zip(pixels[:-1], pixels[1:], shares[1:], strict=True):
        draw.line([*one, *other], fill=_speed_colour(float(share)), width=3 * _FINER)
    if cars.known[row]:
        _draw_disc(draw, plan(cars.positions[row].astype(np.float64)), 5, _CAR)
    _write(draw, (16, 12), track.name, 18)
    _write(draw, (WIDTH - 16, 14), _standing(track, cars, row), 14, _DIM, 'ra')
    _draw_legend(draw, int(top_kmh))
    return _finished(image)


def _canvas() -> tuple[Image.Image, Any]:
    image = Image.new('RGB', (WIDTH * _FINER, HEIGHT * _FINER), _GROUND)
    return image, ImageDraw.Draw(image)


def _finished(image: Image.Image) -> Picture:
    return np.array(image.reduce(_FINER))


def _corners(pixels: Array) -> list[tuple[float, float]]:
    return [(x, y) for x, y in pixels.tolist()]


def _fitted(track: Track, line: Line) -> _Plan:
    """All of it in the picture, on its side where it is larger so."""
    shown = np.concatenate([track.points, line.positions.reshape(-1, 3)]).astype(np.float64)
    reach = float(track.half_widths.max(initial=0))
    low, high = shown.min(axis=0) - reach, shown.max(axis=0) + reach
    size = np.maximum(high - low, 1.0)
    wide, tall = WIDTH - 2 * _MARGIN, HEIGHT - _HEAD - _FOOT
    upright, on_its_side = min(wide / size[0], tall / size[2]), min(wide / size[2], tall / size[0])
    return _Plan((low + high) / 2, (WIDTH / 2, _HEAD + tall / 2), max(upright, on_its_side), on_its_side > upright)


def _draw_road(draw: Any, plan: _Plan, track: Track) -> None:
    """Lower pieces first: a bridge lies over the road under it."""
    p = len(track.points)
    spacing_m = track.length_m / max(1, p - (not track.closed))
    stride = max(1, round(max(_QUAD_M, _QUAD_PX / plan.px_per_m) / spacing_m))
    first = np.arange(0, p if track.closed else p - 1, stride)
    last = np.minimum(first + stride, p if track.closed else p - 1) % p
    points = track.points.astype(np.float64)
    left, right = (plan(points + sign * track.lefts * track.half_widths[:, [side]]) for side, sign in ((0, 1), (1, -1)))
    quads = np.stack([left[first], left[last], right[last], right[first]], axis=1)
    low, high = quads.min(axis=1), quads.max(axis=1)
    is_seen = ((high >= 0) & (low <= np.array([WIDTH, HEIGHT]) * _FINER)).all(axis=1) & (track.surfaces[first] != 0)
    heights = points[first, 1] + points[last, 1]
    for piece in np.flatnonzero(is_seen)[np.argsort(heights[is_seen], kind='stable')].tolist():
        corners = _corners(quads[piece])
        colour = _SURFACES.get(int(track.surfaces[first[piece]]), _SURFACES[16])
        draw.polygon(corners, fill=colour, outline=colour)
        for side, edge in ((0, corners[:2]), (1, corners[2:])):
            is_wall = track.walls[first[piece], side] > 0
            draw.line(edge, fill=_WALL if is_wall else _EDGE, width=_FINER * (1 + is_wall))


def _draw_gates(draw: Any, plan: _Plan, track: Track) -> None:
    directions = track.gate_directions.astype(np.float64)
    across = np.stack([directions[:, 2], np.zeros(len(directions)), -directions[:, 0]], axis=1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    for gate in range(len(across)):
        left, right = track.gate_reaches[gate].tolist()
        ends = plan(track.gate_points[gate] + np.stack([across[gate] * left, across[gate] * -right]))
        is_finish = gate == len(across) - 1
        draw.line(_corners(ends), fill=_FINISH if is_finish else _GATE, width=_FINER * (4 if is_finish else 1))
        if is_finish:
            squares = ends[0] + (ends[1] - ends[0]) * np.linspace(0, 1, 13)[:, np.newaxis]
            for one, other in zip(squares[::2], squares[1::2], strict=False):
                draw.line(_corners(np.stack([one, other])), fill=_DARK, width=_FINER * 4)


def _draw_pedals(draw: Any, steer: float, gas: float) -> None:
    """Two bars at the foot: what is steered, right is right; gas upwards, brake downwards."""
    middle, foot, long = WIDTH / 2, HEIGHT - 20, 60

    def box(x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        draw.rectangle([_FINER * value for value in (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))], fill=colour)

    box(middle - long, foot - 4, middle + long, foot + 4, _DARK)
    box(middle, foot - 4, middle + long * steer, foot + 4, _CAR)
    box(middle + long + 12, foot - 24, middle + long + 20, foot + 8, _DARK)
    if gas != 0:
        box(middle + long + 12, foot - 8, middle + long + 20, foot - 8 - 16 * gas, _START if gas > 0 else _BRAKE)


def _draw_disc(draw: Any, at: Array, radius: float, colour: str) -> None:
    x, y = at.tolist()
    r = radius * _FINER
    draw.ellipse([x - r, y - r, x + r, y + r], fill=colour, outline=_DARK, width=_FINER)


def _draw_legend(draw: Any, top_kmh: int) -> None:
    left, top, long, high = 16, HEIGHT - 34, 240, 8
    for pixel in range(long):
        x = (left + pixel) * _FINER
        draw.rectangle([x, top * _FINER, x + _FINER - 1, (top + high) * _FINER], fill=_speed_colour(pixel / (long - 1)))
    for kmh in range(0, top_kmh + 1, 100 if top_kmh > 300 else 50):
        _write(draw, (left + long * kmh / top_kmh, top + high + 4), str(kmh), 11, _DIM, 'ma' if kmh else 'la')
    _write(draw, (left + long + 16, top - 3), 'km/h', 11, _DIM)


def _write(draw: Any, at: Sequence[float], text: str, size: int, colour: str = _TEXT, anchor: str = 'la') -> None:
    draw.text([_FINER * value for value in at], text, fill=colour, font=ImageFont.load_default(size * _FINER), anchor=anchor)


def _standing(track: Track, cars: Cars, row: int) -> str:
    gates = len(track.gate_points) * track.laps - 1
    return f'{cars.race_times_ms[row] / 1000:.2f} s    checkpoint {min(gates, cars.checkpoints[row])} of {gates}'


def _speed_colour(share: float) -> tuple[int, int, int]:
    at = min(1.0, max(0.0, share)) * (len(_SPEED_STOPS) - 1)
    r, g, b = (round(float(np.interp(at, np.arange(len(_SPEED_STOPS)), _SPEED_STOPS[:, channel]))) for channel in range(3))
    return r, g, b

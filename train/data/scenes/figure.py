"""An articulated person, drawn as parts.

A pose is a set of joint angles; forward kinematics gives joints; parts are thick rounded bones,
polygons and ellipses, drawn back to front into a picture of part numbers. Materials are laid on
afterwards. Lengths are fractions of the standing height, from common drawing proportions (a head is
1/7.5 of the height), varied from person to person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from train.data.scenes import texture

SKIN, HAIR, TOP, BOTTOM, SHOES, DARK, LIGHT, EXTRA = range(1, 9)
Point = tuple[float, float]

# linear-light skin and hair, dark to light
SKINS = ((0.03, 0.015, 0.01), (0.09, 0.045, 0.025), (0.2, 0.11, 0.065), (0.4, 0.24, 0.16),
         (0.62, 0.42, 0.32), (0.75, 0.55, 0.45))  # fmt: skip
HAIRS = ((0.005, 0.004, 0.004), (0.02, 0.01, 0.006), (0.08, 0.04, 0.02), (0.35, 0.22, 0.09),
         (0.45, 0.43, 0.42), (0.2, 0.05, 0.02))  # fmt: skip


@dataclass
class Sheet:
    """Two pictures drawn at once: part numbers, and a shade (0..255) that tells parts apart."""

    size: int
    parts: Image.Image = field(init=False)
    shades: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Image.new("L", (self.size, self.size), 0)
        self.shades = Image.new("L", (self.size, self.size), 0)
        self._pens = ((ImageDraw.Draw(self.parts), 0), (ImageDraw.Draw(self.shades), 1))

    def polygon(self, points: list[Point], part: int, shade: int) -> None:
        for pen, which in self._pens:
            pen.polygon(points, fill=(part, shade)[which])

    def ellipse(self, center: Point, rx: float, ry: float, part: int, shade: int) -> None:
        box = (center[0] - rx, center[1] - ry, center[0] + rx, center[1] + ry)
        for pen, which in self._pens:
            pen.ellipse(box, fill=(part, shade)[which])

    def bone(self, a: Point, b: Point, ra: float, rb: float, part: int, shade: int) -> None:
        """A limb from a to b that tapers from radius ra to rb, with round ends."""
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = math.hypot(dx, dy) or 1.0
        nx, ny = -dy / length, dx / length
        self.polygon(
            [
                (a[0] + nx * ra, a[1] + ny * ra),
                (b[0] + nx * rb, b[1] + ny * rb),
                (b[0] - nx * rb, b[1] - ny * rb),
                (a[0] - nx * ra, a[1] - ny * ra),
            ],
            part,
            shade,
        )
        self.ellipse(a, ra, ra, part, shade)
        self.ellipse(b, rb, rb, part, shade)


@dataclass(frozen=True)
class Pose:
    """Angles in degrees from straight down; positive turns towards the side the person faces."""

    thighs: tuple[float, float]
    knees: tuple[float, float]  # bend of the shin against the thigh, backwards
    arms: tuple[float, float]
    elbows: tuple[float, float]  # bend of the forearm against the upper arm, forwards
    lean: float


def random_pose(rng: np.random.Generator) -> Pose:
    """Standing, walking, running, sitting, waving, arms up, bending or crouching."""
    u = rng.uniform
    kind = rng.choice(8, p=[0.28, 0.22, 0.08, 0.14, 0.1, 0.06, 0.06, 0.06])
    hang = (float(u(-12, 12)), float(u(-12, 12)))
    bent = (float(u(0, 40)), float(u(0, 40)))
    if kind == 0:
        return Pose((u(-6, 6), u(-6, 6)), (u(0, 6), u(0, 6)), hang, bent, u(-4, 4))
    if kind in (1, 2):
        stride = u(12, 30) if kind == 1 else u(30, 55)
        swing = stride * u(0.6, 1.2)
        back = u(15, 45) if kind == 1 else u(40, 90)
        return Pose((stride, -stride), (u(0, 12), back), (-swing, swing), bent, u(0, 12))
    if kind == 3:
        return Pose(
            (u(70, 95), u(70, 95)), (u(75, 100), u(75, 100)), (u(5, 45), u(5, 45)),
            (u(20, 80), u(20, 80)), u(-8, 12),
        )  # fmt: skip
    if kind == 4:
        return Pose((u(-5, 5), u(-5, 5)), (0, 0), (u(100, 170), hang[1]), (u(10, 60), 10), u(-4, 4))
    if kind == 5:
        return Pose(
            (u(-8, 8), u(-8, 8)), (0, 0), (u(140, 178), u(140, 178)), (u(0, 40), u(0, 40)), 0
        )
    if kind == 6:
        return Pose((u(-8, 12), u(-8, 12)), (u(0, 20), 0), (u(10, 60), u(10, 60)), bent, u(35, 70))
    return Pose(
        (u(60, 110), u(40, 100)), (u(90, 130), u(90, 130)), (u(10, 70), u(10, 70)), bent, u(10, 40)
    )


@dataclass(frozen=True)
class Figure:
    """A person at rest in nobody's scene: draw() puts it somewhere.

    view: 0 from the front, 1 from the back, 2 and 3 from the side.
    """

    pose: Pose
    view: int
    head: float  # half the head's height
    shoulder: float  # half the shoulders' width seen from the front
    hip: float
    limb: float  # girth factor
    hair: int  # 0 bald, 1 short, 2 long, 3 hat, 4 hood
    skirt: bool
    sleeves: bool
    shorts: bool
    bag: bool


def random_figure(rng: np.random.Generator) -> Figure:
    u = rng.uniform
    return Figure(
        pose=random_pose(rng),
        view=int(rng.choice(4, p=[0.45, 0.15, 0.2, 0.2])),
        head=float(u(0.062, 0.082)),
        shoulder=float(u(0.095, 0.14)),
        hip=float(u(0.075, 0.115)),
        limb=float(u(0.8, 1.35)),
        hair=int(rng.choice(5, p=[0.08, 0.42, 0.28, 0.16, 0.06])),
        skirt=bool(rng.random() < 0.18),
        sleeves=bool(rng.random() < 0.65),
        shorts=bool(rng.random() < 0.2),
        bag=bool(rng.random() < 0.15),
    )


def _step(start: Point, angle: float, length: float, facing: float) -> Point:
    """The end of a bone that hangs down turned by `angle` degrees towards `facing` (-1 or 1)."""
    a = math.radians(angle)
    return start[0] + facing * math.sin(a) * length, start[1] + math.cos(a) * length


def _leg(sheet: Sheet, f: Figure, hip: Point, side: int, height: float, facing: float) -> None:
    spread = 0.35 if f.view < 2 else 1.0  # seen from the front, strides foreshorten
    thigh = f.pose.thighs[side]
    drop = math.cos(math.radians(thigh)) if f.view < 2 else 1.0
    knee = _step(hip, thigh * spread, height * 0.245 * max(0.35, abs(drop)), facing)
    ankle = _step(knee, (thigh - f.pose.knees[side]) * spread, height * 0.245, facing)
    r = 0.042 * height * f.limb
    shade = 200 if side == 0 else 255
    shin = SKIN if (f.shorts or f.skirt) else BOTTOM
    sheet.bone(knee, ankle, r * 0.72, r * 0.45, shin, shade - 10)
    sheet.bone(hip, knee, r * 1.15, r * 0.8, SKIN if f.skirt else BOTTOM, shade)
    toe = (ankle[0] + (facing * 0.045 * height if f.view >= 2 else 0.0), ankle[1] + 0.018 * height)
    sheet.bone(ankle, toe, r * 0.55, r * 0.5, SHOES, shade)


def _arm(sheet: Sheet, f: Figure, shoulder: Point, side: int, height: float, facing: float) -> None:
    outward = (-1.0 if side == 0 else 1.0) if f.view < 2 else facing
    angle = f.pose.arms[side] if f.view >= 2 else abs(f.pose.arms[side]) * 0.8 + 6.0
    elbow = _step(shoulder, angle, height * 0.165, outward)
    bend = f.pose.elbows[side] * (1.0 if f.view >= 2 or angle > 90 else -0.4)
    hand = _step(elbow, angle + bend, height * 0.15, outward)
    r = 0.03 * height * f.limb
    shade = 190 if side == 0 else 235
    sheet.bone(elbow, hand, r * 0.8, r * 0.55, TOP if f.sleeves else SKIN, shade)
    sheet.bone(shoulder, elbow, r * 1.1, r * 0.85, TOP, shade)
    sheet.ellipse(hand, r * 0.8, r * 0.9, SKIN, 255)


def _head(sheet: Sheet, f: Figure, neck: Point, height: float, facing: float, tilt: float) -> None:
    ry, rx = f.head * height, f.head * height * 0.78
    c = (neck[0] + math.sin(math.radians(tilt)) * ry * facing, neck[1] - ry * 1.12)
    if f.hair == 2:  # long hair falls behind the head and the neck
        sheet.ellipse((c[0], c[1] + ry * 0.35), rx * 1.25, ry * 1.45, HAIR, 220)
    if f.hair == 4:
        sheet.ellipse(c, rx * 1.35, ry * 1.25, TOP, 215)
    sheet.bone(c, neck, rx * 0.45, rx * 0.5, SKIN, 215)
    sheet.ellipse(c, rx, ry, SKIN, 255)
    if f.view == 1:
        if f.hair in (1, 2, 3):
            sheet.ellipse((c[0], c[1] - ry * 0.06), rx * 1.02, ry * 0.98, HAIR, 245)
    else:
        look = 0.0 if f.view == 0 else facing * 0.45 * rx
        _face(sheet, c, rx, ry, look, f.view == 0)
        if f.hair in (1, 2, 3):
            back = -facing * 0.18 * rx if f.view >= 2 else 0.0
            arc = [math.pi * (1.0 + k / 10.0) for k in range(11)]
            cap = [
                (c[0] + back + math.cos(a) * rx * 1.08, c[1] + math.sin(a) * ry * 1.1) for a in arc
            ]
            brow = c[1] - ry * 0.38
            sheet.polygon([*cap, (c[0] + rx * 0.95, brow), (c[0] - rx * 0.95, brow)], HAIR, 245)
            if f.view >= 2:
                sheet.ellipse(
                    (c[0] - facing * rx * 0.45, c[1] - ry * 0.2), rx * 0.62, ry * 0.75, HAIR, 240
                )
    if f.hair == 3:
        sheet.ellipse((c[0], c[1] - ry * 0.55), rx * 1.12, ry * 0.55, EXTRA, 250)
        brim = rx * (1.6 if f.view != 1 else 1.2)
        sheet.ellipse((c[0], c[1] - ry * 0.42), brim, ry * 0.14, EXTRA, 220)


def _face(sheet: Sheet, c: Point, rx: float, ry: float, look: float, both: bool) -> None:
    if ry < 4.0:
        return
    sides = (-1.0, 1.0) if both else (math.copysign(0.7, look),)
    for s in sides:
        eye = (c[0] + s * rx * 0.4 + look * 0.4, c[1] - ry * 0.08)
        sheet.ellipse(eye, rx * 0.19, ry * 0.075, LIGHT, 250)
        sheet.ellipse(eye, rx * 0.09, ry * 0.07, DARK, 255)
        sheet.ellipse((eye[0], eye[1] - ry * 0.17), rx * 0.22, ry * 0.035, HAIR, 200)
    nose = (c[0] + look * 1.1, c[1] + ry * 0.2)
    sheet.ellipse(nose, rx * 0.13, ry * 0.14, SKIN, 205)
    sheet.ellipse((c[0] + look * 0.7, c[1] + ry * 0.52), rx * 0.3, ry * 0.05, DARK, 255)


def draw(f: Figure, size: int, feet: Point, height: float, facing: float, roll: float) -> Sheet:
    """Draw the figure with the hip's rest point above `feet`; roll in degrees about the hip."""
    sheet = Sheet(size)
    seated = 0.25 * height * (1.0 - math.cos(math.radians(min(90.0, max(f.pose.thighs)))))
    hip = (feet[0], feet[1] - 0.51 * height + seated)
    lean = f.pose.lean if f.view >= 2 else f.pose.lean * 0.3
    trunk = (
        0.30 * height * (1.0 if f.view >= 2 else math.cos(math.radians(f.pose.lean)) * 0.5 + 0.5)
    )
    chest = _step(hip, 180.0 - lean, trunk, facing)
    across = 1.0 if f.view < 2 else 0.35
    sw, hw = f.shoulder * height * across, f.hip * height * (1.0 if f.view < 2 else 0.6)
    left, right = (
        (chest[0] - sw, chest[1] + 0.02 * height),
        (chest[0] + sw, chest[1] + 0.02 * height),
    )
    hips = ((hip[0] - hw * 0.55, hip[1]), (hip[0] + hw * 0.55, hip[1]))

    _arm(sheet, f, left, 0, height, facing)
    _leg(sheet, f, hips[0], 0, height, facing)
    _leg(sheet, f, hips[1], 1, height, facing)
    if f.bag and f.view == 1:
        sheet.ellipse((chest[0], chest[1] + 0.14 * height), sw * 0.9, 0.13 * height, EXTRA, 235)
    round_ = 0.035 * height
    waist = (hip[0] * 0.6 + chest[0] * 0.4, hip[1] * 0.6 + chest[1] * 0.4)
    sheet.polygon([left, right, (waist[0] + hw * 0.95, waist[1]),
                   (hip[0] + hw, hip[1] + 0.02 * height), (hip[0] - hw, hip[1] + 0.02 * height),
                   (waist[0] - hw * 0.95, waist[1])], TOP, 255)  # fmt: skip
    sheet.bone(left, right, round_, round_, TOP, 255)
    sheet.bone(
        (hip[0] - hw * 0.7, hip[1]), (hip[0] + hw * 0.7, hip[1]), round_, round_, BOTTOM, 240
    )
    if f.skirt:
        flare = hw * 1.6
        sheet.polygon([(hip[0] - hw, hip[1] - 0.04 * height), (hip[0] + hw, hip[1] - 0.04 * height),
                       (hip[0] + flare, hip[1] + 0.2 * height),
                       (hip[0] - flare, hip[1] + 0.2 * height)], BOTTOM, 245)  # fmt: skip
    if f.bag and f.view != 1:
        sheet.bone(left, (hip[0] + hw, hip[1]), 0.012 * height, 0.012 * height, EXTRA, 200)
    _head(sheet, f, (chest[0], chest[1] - 0.02 * height), height, facing, lean)
    _arm(sheet, f, right, 1, height, facing)
    if roll:
        for name in ("parts", "shades"):
            turned = getattr(sheet, name).rotate(roll, Image.Resampling.NEAREST, center=hip)
            setattr(sheet, name, turned)
    return sheet


def paint(
    sheet: Sheet, rng: np.random.Generator, scale: float
) -> tuple[texture.Field, npt.NDArray[np.bool_]]:
    """Lay materials on: linear-light colour [size, size, 3] and the person's mask."""
    size = sheet.size
    parts = np.asarray(sheet.parts)
    color = np.zeros((size, size, 3), np.float32)
    skin = SKINS[int(rng.integers(len(SKINS)))]
    hair = HAIRS[int(rng.integers(len(HAIRS)))]
    materials: dict[int, texture.Field | texture.Color] = {
        SKIN: skin,
        HAIR: hair,
        TOP: texture.cloth(rng, size, scale),
        BOTTOM: texture.cloth(rng, size, scale),
        SHOES: texture.random_color(rng, 0.2),
        DARK: (skin[0] * 0.15, skin[1] * 0.12, skin[2] * 0.12),
        LIGHT: (0.75, 0.75, 0.75),
        EXTRA: texture.random_color(rng),
    }
    for part, material in materials.items():
        where = parts == part
        if where.any():
            color[where] = (
                np.asarray(material, np.float32)[where]
                if isinstance(material, np.ndarray)
                else np.asarray(material, np.float32)
            )
    mask = parts > 0
    shade = np.asarray(sheet.shades.filter(ImageFilter.GaussianBlur(scale * 0.008)), np.float32)
    # light from one side: the blurred silhouette, shifted, darkens the far edge of every limb
    silhouette = Image.fromarray((mask * 255).astype(np.uint8))
    radius = max(1.0, scale * 0.03)
    soft = np.asarray(silhouette.filter(ImageFilter.BoxBlur(radius)), np.float32) / 255.0
    shift = round(radius) * int(rng.choice([-1, 1]))
    side = np.roll(soft, shift, axis=1)
    light = (0.45 + 0.55 * shade / 255.0) * (0.55 + 0.6 * side)
    return (color * light[..., None]).astype(np.float32), mask

"""Who a synthetic face is, how it is turned and lit, and which facial action units its expression activates.

Expressions are sums of action units of the Facial Action Coding System (Ekman & Friesen, 1978), in the usual
prototypes (EMFACS).
"""

from dataclasses import dataclass, field

import numpy as np

ACTION_UNITS = {  # expression -> active units and their strength
    "anger": {4: 1.0, 5: 0.5, 7: 0.9, 23: 1.0},
    "disgust": {4: 0.4, 7: 0.6, 9: 1.0, 15: 0.5, 16: 0.9},
    "fear": {1: 1.0, 2: 0.5, 4: 0.5, 5: 1.0, 20: 1.0, 26: 0.4},
    "happiness": {6: 1.0, 12: 1.0, 25: 0.6},
    "neutral": {},
    "sadness": {1: 1.0, 4: 0.4, 7: 0.3, 15: 1.0, 17: 0.6},
    "surprise": {1: 1.0, 2: 1.0, 5: 0.9, 26: 1.0},
}
EXPRESSIONS = tuple(ACTION_UNITS)
UNITS = (1, 2, 4, 5, 6, 7, 9, 12, 15, 16, 17, 20, 23, 25, 26)

_SKIN = ((255, 224, 196), (241, 194, 160), (224, 172, 125), (198, 134, 90), (141, 85, 52), (92, 56, 36))
_HAIR = ((20, 16, 14), (58, 38, 26), (110, 72, 40), (170, 130, 70), (140, 60, 30), (150, 150, 150))


@dataclass
class Identity:
    """What stays the same in all images of one person."""

    skin: np.ndarray
    hair: np.ndarray
    hair_style: int  # 0 bald, 1 short, 2 long
    width: float
    jaw: float
    eye_gap: float
    eye_size: float
    brow_weight: float
    nose: float
    mouth: float
    glasses: bool
    beard: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Identity":
        """A random person."""
        return cls(
            skin=np.clip(np.array(_SKIN[rng.integers(len(_SKIN))]) + rng.normal(0, 6, 3), 30, 255),
            hair=np.clip(np.array(_HAIR[rng.integers(len(_HAIR))]) + rng.normal(0, 8, 3), 0, 255),
            hair_style=int(rng.choice(3, p=(0.12, 0.48, 0.40))),
            width=rng.uniform(0.70, 0.80),
            jaw=rng.uniform(0.75, 1.0),
            eye_gap=rng.uniform(0.29, 0.34),
            eye_size=rng.uniform(0.12, 0.15),
            brow_weight=rng.uniform(0.035, 0.065),
            nose=rng.uniform(0.8, 1.2),
            mouth=rng.uniform(0.24, 0.30),
            glasses=bool(rng.random() < 0.2),
            beard=bool(rng.random() < 0.12),
        )


@dataclass
class Appearance:
    """What changes from image to image: pose in radians, light, action units between 0 and 1."""

    yaw: float
    pitch: float
    roll: float
    zoom: float
    light_angle: float
    light_strength: float
    brightness: float
    background: np.ndarray
    units: dict[int, float] = field(default_factory=dict)

    @classmethod
    def draw(cls, expression: str, rng: np.random.Generator) -> "Appearance":
        """A random view of `expression`, aligned as face crops are.

        Its units are active at 65-100 % of their strength, every other one at up to 8 %.
        """
        active = ACTION_UNITS[expression]
        return cls(
            yaw=rng.normal(0, 0.12),
            pitch=rng.normal(0, 0.07),
            roll=rng.normal(0, 0.04),
            zoom=rng.uniform(0.96, 1.04),
            light_angle=rng.uniform(0, 2 * np.pi),
            light_strength=rng.uniform(0.0, 0.30),
            brightness=rng.uniform(0.8, 1.1),
            background=rng.uniform(70, 210, 3),
            units={u: active[u] * rng.uniform(0.65, 1) if u in active else rng.uniform(0, 0.08) for u in UNITS},
        )

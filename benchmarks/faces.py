"""How well faces are found: real photographs pasted before other backgrounds, by finder and by what makes it hard.

    python -m benchmarks.faces --data DIR [--finders yunet retinaface] [--kinds upright ...] [--faces 200] [--seed 0]

DIR is a data set of nearly aligned photographs. A face counts as found where a box has its centre within a quarter of its side
and a side from half to twice as long; every other box is a false one. Eyes: how far, in parts of the distance between the eyes,
the points lie from those that the same finder gives in the photograph itself, enlarged and upright (own), and from those that
the other finder gives there. Times are processor time of one thread.
"""

import argparse
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.face_scenes import HEIGHT, KINDS, WIDTH, Kind, Pasted, Scene, background, make_scene, photographs, scrambled
from data_preprocessing.common.command_line import path
from data_preprocessing.faces import FINDERS, Face, Finder, main_face, make_finder, placed
from data_preprocessing.loading.occlusion import HeadsetOcclusion
from data_preprocessing.sources.images import load_image
from data_preprocessing.sources.kinds import is_image_name

_EMPTY = 100  # images without a face, of each kind
_ENLARGED = 2  # times, of the photographs that the reference points are found in
_EYES_OF_FRAME = (0.33, 0.40)  # x and y of the left eye in the frame that a headset is drawn in


def matches(face: Face, pasted: Pasted) -> bool:
    """Whether a found box is that of a pasted face."""
    side = math.sqrt(face.area)
    return math.dist(face.centre, pasted.centre) <= pasted.side / 4 and 0.5 <= side / pasted.side <= 2


def read_faces(folder: Path, count: int, rng: np.random.Generator) -> list[tuple[Path, Image.Image]]:
    """`count` photographs below `folder`, drawn at random."""
    files = sorted(file for file in folder.rglob("*") if is_image_name(file.name))
    return [(file, load_image(file)) for file in rng.permutation(files)[:count]]


def reference_points(finder: Finder, faces: Sequence[tuple[Path, Image.Image]]) -> dict[Path, np.ndarray]:
    """The five points (5, 2) of the main face of each photograph, in its pixels."""
    points = {}
    for file, image in faces:
        found = finder.find(image.resize([_ENLARGED * side for side in image.size], Image.Resampling.BICUBIC))
        if found:
            points[file] = main_face(found, [_ENLARGED * side for side in image.size]).points / _ENLARGED
    return points


def covered(image: Image.Image, points: np.ndarray) -> Image.Image:
    """The photograph with a headset over the eyes of `points`."""
    side = math.dist(points[0], points[1]) / (1 - 2 * _EYES_OF_FRAME[0])
    left, top = (points[0] + points[1]) / 2 - (side / 2, side * _EYES_OF_FRAME[1])
    frame = [round(value) for value in (left, top, left + side, top + side)]
    result = image.copy()
    result.paste(HeadsetOcclusion()(image.crop(frame)), frame[:2])
    return result


def scenes_of(kind: Kind, faces: Sequence[tuple[Path, Image.Image]], points: dict[Path, np.ndarray], seed: int) -> list[Scene]:
    """Every photograph once, three to a scene where they find room."""
    rng, photos = np.random.default_rng(seed), photographs()
    torch.manual_seed(seed)  # of the headsets
    if kind.covered:
        faces = [(file, covered(image, points[file])) for file, image in faces if file in points]
    return [make_scene(rng, photos, faces[start : start + 3], kind) for start in range(0, len(faces), 3)]


def eye_error(face: Face, pasted: Pasted, points: dict[Path, np.ndarray]) -> float:
    """The mean distance of both eyes from where `points` says, in parts of the distance between the eyes; NaN without any."""
    if pasted.source not in points or face.points is None:
        return math.nan
    true = points[pasted.source][:2] @ pasted.matrix[:, :2].T + pasted.matrix[:, 2]
    return float(np.linalg.norm(face.points[:2] - true, axis=1).mean() / math.dist(*true))


def measure(finder: Finder, scenes: Sequence[Scene], own: dict, others: dict) -> dict[str, float]:
    """The figures of one finder and kind."""
    hits = total = false = by_points = 0
    errors: dict[str, list[float]] = {"own": [], "others": []}
    for scene in scenes:
        found = finder.find(scene.image)
        total += len(scene.faces)
        false += sum(not any(matches(face, pasted) for pasted in scene.faces) for face in found)
        for pasted in scene.faces:
            face = next((face for face in found if matches(face, pasted)), None)
            if face is None:
                continue
            hits += 1
            by_points += placed(face, "points", 112, scene.image.size).how == "points"
            errors["own"].append(eye_error(face, pasted, own))
            errors["others"].append(eye_error(face, pasted, others))
    median, high = (np.nanquantile(errors["own"], share) for share in (0.5, 0.9))
    other = np.nanmedian(errors["others"]) if others else math.nan
    return {"faces": total, "hits": hits, "false": false, "points": by_points, "own": median, "own90": high, "other": other}


def cpu_ms(finder: Finder, image: Image.Image, repeats: int) -> float:
    """Processor time of one search, the median of some."""
    taken = []
    for _ in range(repeats + 1):
        begin = time.process_time()
        finder.find(image)
        taken.append(1000 * (time.process_time() - begin))
    return statistics.median(taken[1:])


def main() -> None:
    """`python -m benchmarks.faces`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faces", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=path, required=True)
    parser.add_argument("--finders", nargs="+", choices=FINDERS, default=list(FINDERS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    faces = read_faces(args.data, args.faces, np.random.default_rng(args.seed))
    finders = {name: make_finder(name, threads=1) for name in args.finders}
    points = {name: reference_points(finder, faces) for name, finder in finders.items()}
    print("| finder | faces | found | false | by points | eyes off, own: median | 90 % | other finder's: median |")
    print("|---|---|---|---|---|---|---|---|")
    for title in args.kinds:
        scenes = scenes_of(KINDS[title], faces, points[args.finders[0]], args.seed)
        for name, finder in finders.items():
            others = next((points[other] for other in finders if other != name), {})
            m = measure(finder, scenes, points[name], others)
            hits = f"{m['hits']} ({m['hits'] / m['faces']:.1%})"
            print(
                f"| {name}, {title} | {m['faces']} | {hits} | {m['false']} | {m['points']} | "
                f"{m['own']:.1%} | {m['own90']:.1%} | {m['other']:.1%} |",
                flush=True,
            )
    scene = scenes_of(KINDS["upright"], faces[:1], {}, args.seed)[0].image
    rng, images = np.random.default_rng(args.seed), [image for _, image in faces]
    empty = {
        "backgrounds": [background(np.random.default_rng(k), photographs()) for k in range(_EMPTY)],
        "scrambled photographs": [
            scrambled(rng, [images[k] for k in rng.integers(len(images), size=4)]) for _ in range(_EMPTY)
        ],
    }
    large = scene.resize((4000, 3000), Image.Resampling.BICUBIC)
    for name, finder in finders.items():
        false = [f"{sum(len(finder.find(image)) for image in each)} boxes in {_EMPTY} {what}" for what, each in empty.items()]
        print(f"{name}: {', '.join(false)} without a face; CPU of an image with one face:")
        print(f"  {cpu_ms(finder, scene, 20):.0f} ms at {WIDTH} × {HEIGHT}, {cpu_ms(finder, large, 5):.0f} ms at 4000 × 3000")


if __name__ == "__main__":
    main()

"""How well faces are followed in videos, and how long a frame takes: real photographs moved before other backgrounds.

    python -m benchmarks.face_videos --data DIR --checkpoint FILE [--videos 4] [--frames 150] [--out DIR] [--seed 0]

Each video (640 × 480, 25 frames/s) shows a face all the time and another in its middle half; they move by up to a face's side
in a second, and turn and grow. Every frame is searched whole, or as `--predict --faces` does it: whole every 0.2 s, and
followed between. A face counts as found as in benchmarks.faces; every other box is a false one. Times are processor time of
one thread.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.face_scenes import FACE_OF_CROP, HEIGHT, WIDTH, Pasted, background, paste, photographs, placing
from benchmarks.faces import matches, read_faces
from data_preprocessing.common.command_line import path
from data_preprocessing.sources.videos import Video
from engine.prediction.faces.sources import Look, View, views
from engine.prediction.faces.tracks import Tracker
from engine.prediction.faces.video_writer import VideoWriter
from models import load_model, predict
from models.faces import FaceCropper

_RATE = 25
_PERIODS = np.array([4.0, 5.0, 3.0, 6.0])  # seconds of the faces' moves across, down, of their turns, of their growth
_SIDES = (80, 140)  # pixels of the faces' boxes


def moving(
    rng: np.random.Generator, faces: Sequence[tuple[Path, Image.Image]], count: int
) -> Iterator[tuple[np.ndarray, list]]:
    """Frames (HEIGHT, WIDTH, 3) with the faces in them, each a Pasted: the first in all, the second in the middle half."""
    still, phases = background(rng, photographs()), rng.uniform(0, 2 * math.pi, (len(faces), 4))
    sides = rng.uniform(*_SIDES, len(faces))
    for number in range(count):
        frame, pasted = still.copy(), []
        for k, (source, image) in enumerate(faces):
            if k and not count / 4 <= number < 3 * count / 4:
                continue
            x, y, turn, growth = np.sin(2 * math.pi * number / _RATE / _PERIODS + phases[k])
            side = sides[k] * (1 + 0.15 * growth)
            centre = WIDTH * (0.27 + 0.46 * k) + 0.6 * sides[k] * x, HEIGHT / 2 + 0.6 * sides[k] * y
            scale = side / FACE_OF_CROP / max(image.size)
            matrix = placing(image.size, scale, math.radians(15 * turn), centre)
            paste(frame, image, matrix, scale)
            pasted.append(Pasted(source, matrix, centre, side))
        yield np.asarray(frame), pasted


def write(target: Path, frames: Iterator[tuple[np.ndarray, list[Pasted]]]) -> list[list[Pasted]]:
    """The video's file; returns the faces of each frame."""
    writer, truth = VideoWriter(target, _RATE), []
    for number, (pixels, pasted) in enumerate(frames):
        writer.add(pixels, number / _RATE)
        truth.append(pasted)
    writer.close()
    return truth


def measured(video: Path, truth: Sequence[Sequence[Pasted]], look: Look) -> np.ndarray:
    """Faces, those found, false boxes, tracks of true faces, and processor seconds, as `look` sees the video."""
    begin = time.process_time()
    seen = [view for view in views([str(video)], look, 1, 0) if isinstance(view, View)]
    seconds = time.process_time() - begin
    tracker, faces, found, false, tracks = Tracker(1 / _RATE), 0, 0, 0, set()
    for view, pasted in zip(seen, truth, strict=True):
        boxes = [crop.face for crop in view.found]
        numbers = tracker.update([face.box for face in boxes], view.time)
        is_true = [any(matches(face, each) for each in pasted) for face in boxes]
        faces, false = faces + len(pasted), false + is_true.count(False)
        found += sum(any(matches(face, each) for face in boxes) for each in pasted)
        tracks |= {number for number, is_face in zip(numbers, is_true) if is_face}
    return np.array([faces, found, false, len(tracks), seconds])


def milliseconds(work: Callable[[], object], count: int) -> float:
    """Processor time of one of the `count` things that work() does."""
    begin = time.process_time()
    work()
    return 1000 * (time.process_time() - begin) / count


def main() -> None:
    """`python -m benchmarks.face_videos`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.face_videos", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=path, required=True)
    parser.add_argument("--checkpoint", type=path, required=True)
    parser.add_argument("--videos", type=int, default=4)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--out", type=path, help="where the videos are kept")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, cropper = load_model(args.checkpoint), FaceCropper()
    cropper.size = model.crop_size
    ways = {"every frame searched": lambda image, last: cropper(image), "followed": cropper}
    figures, rng = {name: np.zeros(5) for name in ways}, np.random.default_rng(args.seed)
    faces = read_faces(args.data, 2 * args.videos, rng)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(args.videos):
            video = folder / f"{k + 1}.mp4"
            truth = write(video, moving(rng, faces[2 * k : 2 * k + 2], args.frames))
            for name, look in ways.items():
                figures[name] += measured(video, truth, look)
        with Video(video) as opened:
            decode = milliseconds(lambda: [frame.pixels() for frame in opened.frames()], args.frames)
        with Video(video) as opened:
            crops = [crop.image for frame in opened.frames(5) for crop in cropper(frame.image())]
        predicting = milliseconds(lambda: predict(model, crops), len(crops))
    print("| search | faces | found | false | tracks | ms per frame: decode, find, crop |\n|---|---|---|---|---|---|")
    for name, (count, found, false, tracks, seconds) in figures.items():
        taken = 1000 * seconds / args.videos / args.frames
        print(f"| {name} | {count:.0f} | {found:.0f} ({found / count:.1%}) | {false:.0f} | {tracks:.0f} | {taken:.1f} |")
    print(f"of these decode {decode:.1f} ms; predict {predicting:.1f} ms per face")


if __name__ == "__main__":
    main()

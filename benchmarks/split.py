"""What a random split hides: the same images split at random and by subject, the same network, both accuracies.

python -m benchmarks.split [--seeds 0 1 2] [--epochs 40]

The images are drawn, in CK+'s own layout: 118 people, two or three sequences each, whose last three frames are labelled
and hardly differ; expressions are faint. They go through `data_preprocessing.prepare` twice and train Deep-Emotion.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.defects import shown, spread, train
from data_preprocessing.prepare import command as prepare
from data_preprocessing.synthetic.drawing import draw_face
from data_preprocessing.synthetic.parameters import Identity

SUBJECTS = 118
STRENGTH = 0.3  # of the expressions
LABELS = {1: "anger", 3: "disgust", 4: "fear", 5: "happiness", 6: "sadness", 7: "surprise"}  # the data set's numbers


def write_sequences(folder: Path) -> None:
    """Draw cohn-kanade-images/ and Emotion/ below `folder`: frame 1 neutral, frames 2 to 4 of the sequence's emotion."""
    for person in range(SUBJECTS):
        rng = np.random.default_rng([0, person])
        who, subject = Identity.draw(rng), f"S{person + 5:03d}"
        for sequence, label in enumerate(rng.permutation(list(LABELS))[: rng.integers(2, 4)], 1):
            place, name = Path(subject, f"{sequence:03d}"), f"{subject}_{sequence:03d}"
            for top in ("cohn-kanade-images", "Emotion"):
                (folder / top / place).mkdir(parents=True)
            for frame in range(1, 5):
                # the same pose and light throughout, and a faint expression: people differ by far more than emotions do
                neutral, emotion = (
                    draw_face(who, expression, np.random.default_rng([0, person, sequence]), 96)
                    for expression in ("neutral", LABELS[label])
                )
                image = Image.blend(neutral, emotion, STRENGTH if frame > 1 else 0.0)
                noise = rng.normal(0, 8, (96, 96, 3))
                image = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
                image.save(folder / "cohn-kanade-images" / place / f"{name}_{frame:08d}.png")
            (folder / "Emotion" / place / f"{name}_{frame:08d}_emotion.txt").write_text(f"   {label:.7e}\n")


def main() -> None:
    """Draw, prepare twice, train, and print both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.split", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N", help="(default: 0 1 2)")
    parser.add_argument("--epochs", type=int, default=40, metavar="N", help="(default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sequences(folder / "source")
        for way in ("random", "subject"):
            out, accuracies = str(folder / way), []
            flags = ["--source", str(folder / "source"), "--out", out, "--split-by", way, "--no-neutral", "--size", "96"]
            if prepare.main(["ck+", *flags]):
                raise SystemExit(2)
            for seed in args.seeds:
                run = dict(data=out, model="deep_emotion", seed=seed, lr=1e-3, batch_size=32, workers=0, epochs=args.epochs)
                curve = train(**run)
                metrics = curve.test[curve.best_epoch]
                print(f"split by {way}, seed {seed}: {shown(metrics)} on {metrics.support.sum()} test images", flush=True)
                accuracies.append(metrics.accuracy)
            print(f"split by {way}: {spread(accuracies)}", flush=True)


if __name__ == "__main__":
    main()

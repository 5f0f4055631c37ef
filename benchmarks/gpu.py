"""Everything that is to be known of a GPU, in one command: is it right, is it repeatable, how fast is it, how much fits.

    python -m benchmarks.gpu --out results [--data DIR] [--minutes 20] [--device cuda] [--quick]

Each part runs in a process of its own and is written to results/gpu.json as soon as it is done: the same command goes on after
a break, and leaves out what is there already. results/gpu.md has it as tables. --quick and --device cpu try the command itself.
The speed of the loader: python -m benchmarks.data. A GPU beside the plain network: python -m benchmarks.speed.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import measure
from benchmarks.gpu_parts import PARTS, Work
from data_preprocessing.common.files import replacing


def in_a_process(args: argparse.Namespace, part: str, seconds: float) -> dict:
    """What `part` found; {"failed": why} where it did not end well."""
    flags = ["--out", args.out, "--device", args.device, "--part", part]
    flags += ["--quick"] * args.quick + (["--data", args.data] if args.data else [])
    command = [sys.executable, "-m", "benchmarks.gpu", *flags]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds, cwd=Path(__file__).parents[1])
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {seconds:.0f} s"}
    if run.returncode:
        return {"failed": (run.stderr.strip().splitlines() or [f"status {run.returncode}"])[-1]}
    return json.loads(run.stdout.splitlines()[-1])


def go_through(results: dict, run: Callable[[str, float], dict], keep: Callable[[dict], None], seconds: float) -> None:
    """Have every part that `results` lacks or that failed run, and kept at once, as long as there is time."""
    end = time.monotonic() + seconds
    for part in PARTS:
        left = end - time.monotonic()
        if "failed" not in results.get(part, {"failed": ""}):
            continue
        results[part] = run(part, left) if left > 0 else {"failed": "no time was left"}
        print(f"{part}: {json.dumps(results[part])}", flush=True)
        keep(results)


def as_markdown(results: dict) -> str:
    """Tables: a row for each figure of each part."""
    lines = [f"# {results['machine']}, torch {results['torch']}", ""]
    for part in PARTS:
        lines += [f"## {part}", "", "| what | value |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in _flat(results.get(part, {}))]
        lines.append("")
    return "\n".join(lines)


def _flat(values: dict, before: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in values.items():
        title = f"{before}{name}"
        rows += (
            _flat(value, f"{title}: ")
            if isinstance(value, dict)
            else [(title, f"{value:.4g}" if isinstance(value, float) else str(value))]
        )
    return rows


def main() -> int:
    """Run what is left, write both files; the exit status is 1 where a part failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the results")
    parser.add_argument("--data", metavar="DIR", help="photographs in train/, valid/ and test/, for a run from end to end")
    parser.add_argument("--minutes", type=float, default=20, metavar="X", help="after which no part is begun (default: 20)")
    parser.add_argument("--device", default="cuda", help="(default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="Deep-Emotion and few images: to see that all parts run")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out, device = str(Path(args.out).resolve()), torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: no CUDA GPU is available; --device cpu --quick tries the command")
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    if args.part:
        print(json.dumps(PARTS[args.part](Work(device, args.quick, folder, args.data))))
        return 0
    path = folder / "gpu.json"
    about = {"machine": measure.machine(device), "torch": torch.__version__, "quick": args.quick}
    results = json.loads(path.read_text()) if path.exists() else about
    if any(results.get(name) != value for name, value in about.items()):
        parser.error(f"{path} is of {results.get('machine')}, torch {results.get('torch')}: give another --out")

    def keep(results: dict) -> None:
        for file, text in ((path, json.dumps(results, indent=1)), (folder / "gpu.md", as_markdown(results))):
            with replacing(file) as partial:
                Path(partial).write_text(text, encoding="utf-8")

    go_through(results, lambda part, seconds: in_a_process(args, part, seconds), keep, 60 * args.minutes)
    return int(any("failed" in results[part] for part in PARTS))


if __name__ == "__main__":
    sys.exit(main())

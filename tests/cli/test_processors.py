"""The whole program on lesser processors, as environment variables make them of this one: bf16 works on each."""

import csv
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import main
from models.cpu.operators import missing_arithmetic

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the variables are of x86 processors")
ROOT = Path(main.__file__).parent
PROCESSORS = [
    {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    {"ATEN_CPU_CAPABILITY": "default"},
    {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
]
UNITS = ("models/cpu/test_kernels.py", "models/cpu/test_convolution.py", "models/cpu/test_cpu_operators.py",
         "models/test_inference.py", "engine/test_precision.py", "engine/training/test_sam.py")  # fmt: skip
HELD = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS")


def environment(processor: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in HELD} | processor


@pytest.fixture(params=PROCESSORS, ids=lambda processor: " ".join(processor.values()))
def processor(request) -> dict[str, str]:
    return request.param


@pytest.fixture
def cli(tmp_path, processor):
    """Run main.py on that processor, on six images of two classes per split; returns what it prints."""
    for split in ("train", "valid", "test"):
        for k in range(6):
            path = tmp_path / "d" / split / "ab"[k % 2] / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 64), (40 * k, 255 - 40 * k, 10 * len(split))).save(path)

    def run(*arguments: object) -> str:
        command = [sys.executable, ROOT / "main.py", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, env=environment(processor), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    return run


def probabilities(path: Path) -> torch.Tensor:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return torch.tensor([[float(row["p_a"]), float(row["p_b"])] for row in rows])


@pytest.mark.full
def test_bf16_trains_tests_and_predicts_on_every_processor(cli, processor, tmp_path):
    held = "ONEDNN_MAX_CPU_ISA" in processor or bool(missing_arithmetic(torch.bfloat16))
    common = ("--cache", "off", "-j", 0)
    new = ("--data", "d", "--model", "poster_v1_small", "--pretrained", "none", "--epochs", 1, "-b", 3, "--rho", 0)
    said = cli(*new, *common, "--precision", "bf16", "--run", "r")
    assert said.count("warning: --precision bf16 is imitated") == int(held or processor.get("ATEN_CPU_CAPABILITY") == "default")
    best = "checkpoint/r/best.pth"
    for precision in ("bf16", "fp32", "auto"):
        said = cli("--evaluate", best, *common, "--precision", precision, "--run", precision)
        if precision == "auto" and held:
            assert "precision: fp32 (" in said
    expected, found = (probabilities(tmp_path / f"log/{name}/predictions.csv") for name in ("fp32", "bf16"))
    assert (found - expected).abs().max() < 0.05
    cli("--evaluate", best, "--predict", "d/test", "--precision", "bf16", "--run", "p", "-j", 0)
    assert (probabilities(tmp_path / "log/p/predictions.csv") - expected).abs().max() < 0.05


@pytest.mark.full
def test_unit_tests_pass_on_every_processor(processor):
    units = [ROOT / "tests" / name for name in UNITS]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *units, "-k", "not logits_are_the_plain and not poster_v2"]
    done = subprocess.run(command, cwd=ROOT, env=environment(processor), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]

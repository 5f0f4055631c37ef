"""Without its packages every command ends in one line with the remedy; what is imported is what is declared."""

import ast
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import environment

ROOT = Path(environment.__file__).parent
OPTIONAL = {"tensorboard", "safetensors"}  # imported where a user has installed them
# of single commands, in requirements-extras.txt; requests comes with gdown
EXTRAS = {"gdown", "requests", "onnx", "onnxruntime", "openvino", "yaml"}
FACES = {"cv2": "opencv-python-headless", "av": "av"}  # in requirements-faces.txt
COMMANDS = [
    ["main.py", "--data", "faces"],
    ["main.py", "--evaluate", "best.pth"],
    ["main_no_augmentation.py"],
    ["-m", "data_preprocessing.prepare", "folder"],
    ["-m", "data_preprocessing.audit", "faces"],
    ["-m", "data_preprocessing.synthetic", "faces"],
    ["-m", "engine.compare", "log/a", "log/b"],
    ["-m", "benchmarks.speed"],
]


def bare(*arguments: str) -> subprocess.CompletedProcess:
    """Python without any installed package."""
    return subprocess.run([sys.executable, "-S", *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_without_packages_names_the_remedy(command):
    done = bare(*command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: torch, torchvision, ") and done.stderr.count("\n") == 1
    assert done.stderr.endswith("make .venv sets up: source .venv/bin/activate\n")


def test_help_and_wrong_flags_need_no_package():
    assert "--data" in bare("main.py", "--help").stdout
    assert bare("main.py", "--lr", "0").stderr.startswith("error: --lr 0")


def test_one_missing_package_is_named_and_a_font_is_not_needed(monkeypatch):
    monkeypatch.setattr(environment, "find_spec", lambda name: None if name in ("scipy", "koreanize_matplotlib") else name)
    assert environment.missing_packages().startswith("scipy not installed")


def test_importing_a_package_without_its_requirements_is_no_command(monkeypatch):
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    environment.require_packages_of_a_command()
    monkeypatch.setattr(sys, "argv", ["-m"])
    with pytest.raises(SystemExit):
        environment.require_packages_of_a_command()


def imported() -> set[str]:
    """Modules that the program imports from outside the standard library and itself."""
    found = set()
    for top in ("models", "engine", "data_preprocessing", "benchmarks", "."):
        for path in (ROOT / top).rglob("*.py") if top != "." else ROOT.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
                found |= {name.partition(".")[0] for name in names}
    own = {path.stem for path in ROOT.glob("*.py")} | {path.parent.name for path in ROOT.glob("*/__init__.py")}
    return found - set(sys.stdlib_module_names) - own - {"tests"}


def test_requirements_are_what_is_imported():
    lines = (ROOT / "requirements.txt").read_text("ascii").split()
    declared = dict(re.fullmatch(r"([\w-]+)==([\d.]+)", line).groups() for line in lines)
    assert declared.keys() == set(environment.REQUIRED.values())
    assert imported() - OPTIONAL - EXTRAS - FACES.keys() == environment.REQUIRED.keys() - {
        "koreanize_matplotlib"
    }  # which is found, not imported
    extras = (ROOT / "requirements-extras.txt").read_text("utf-8")
    assert all(re.search(rf"\b{name}==", extras) for name in EXTRAS - {"requests", "yaml"} | {"pyyaml"})
    faces = (ROOT / "requirements-faces.txt").read_text("utf-8")
    assert all(f"\n{name}==" in faces for name in FACES.values())
    assert all(version(name).partition("+")[0] == number for name, number in declared.items())

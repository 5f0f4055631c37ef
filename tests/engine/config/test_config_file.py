"""--config: what a file of flags may hold, and what is refused in one line."""

import json

import pytest

import main
from engine.config.config_file import with_config
from engine.config.settings import resolve
from engine.errors import UsageError


def read(path, content, given: dict | None = None, augmentation: bool = True) -> dict:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return with_config({"config": str(path), **(given or {})}, main.get_args_parser(), augmentation)


def test_flags_are_read_as_typed_and_the_command_line_goes_first(tmp_path):
    content = {"learning-rate": 1e-3, "--batch-size": 8, "data_type": "VR", "compile": True, "sync_bn": False, "epochs": None}
    flags = read(tmp_path / "c.json", content, {"batch_size": 4})
    assert flags == {"config": str(tmp_path / "c.json"), "lr": 1e-3, "batch_size": 4, "data_type": "VR", "compile": True}


def test_yaml_is_read(tmp_path):
    pytest.importorskip("yaml")
    assert read(tmp_path / "c.yaml", "lr: 0.5\nmodel: deep_emotion\n")["model"] == "deep_emotion"


def test_the_settings_of_a_run_are_given_back_without_those_of_its_command(tmp_path):
    arguments = {"lr": 0.5, "run": "x", "resume": "y", "scale": 64.0, "augmentation": True, "variant": "rafdb", "workers": 0}
    flags = read(tmp_path / "args.json", {"command": ["main.py"], "arguments": arguments})
    assert flags == {"config": str(tmp_path / "args.json"), "lr": 0.5, "workers": 0}


def test_a_setting_is_given_back_where_the_recipe_has_another_default_than_the_flag(tmp_path):
    typed = {"init": "reference", "precision": "fp32", "feature_lr_scale": 1.0}
    recorded = {"model": "poster_v2", "data_type": "synthetic", "augmentation": True, **typed}
    flags = read(tmp_path / "args.json", {"command": ["main.py"], "arguments": recorded})
    for name, value in typed.items():
        assert flags[name] == value and getattr(resolve({}, {}), name) != value


def test_the_seeds_of_a_file_give_way_to_the_one_seed_of_a_run_and_the_other_way_round(tmp_path):
    assert "seeds" not in read(tmp_path / "c.json", {"seeds": "0,1", "lr": 0.5}, {"seed": 1})
    assert "seed" not in read(tmp_path / "c.json", {"seed": 4, "lr": 0.5}, {"seeds": "0,1"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"epoch": 3}, "'epoch' is no flag; did you mean epochs?"),
        ({"zzzz": 3}, "'zzzz' is no flag; python main.py --help lists them"),
        ({"config": "a.json"}, "a file of flags names no other one; take 'config' out"),
        ('{"lr": 1, "epochs": 1, "epochs": 2}', "'epochs' stands there twice"),
        ({"lr": 1, "learning_rate": 2}, "--lr stands there twice"),
        ({"lr": "x"}, "invalid float value"),
        ({"lr": [1, 2]}, "--lr takes one value"),
        ({"lr": {"a": 1}}, "--lr takes one value"),
        ({"model": "resnet"}, "invalid choice: 'resnet'"),
        ({"compile": "yes"}, "--compile is true or false"),
        ({"data": ""}, "the path is empty"),
        ([1], "is no table of flags and values"),
        ("{", "is no JSON (line 1"),
        ("[" * 100000, "is no JSON"),
        ({"arguments": {"colour": 1}}, "'colour' is no flag"),
        ({"arguments": {"augmentation": False}}, "is of a run of main_no_augmentation.py; use that script"),
    ],
)
def test_wrong_files_are_refused_in_a_line(tmp_path, content, words):
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "c.json", content)
    assert words in str(caught.value) and str(caught.value).startswith(f"--config {tmp_path / 'c.json'}: ")
    assert "\n" not in str(caught.value)

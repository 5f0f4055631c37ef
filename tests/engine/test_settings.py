"""Flags that make no sense are refused; what is left open is filled in by checkpoint, protocol and defaults."""

import math

import pytest

from engine.errors import UsageError
from engine.protocols import DEFAULTS, PROTOCOLS, SYNTHETIC
from engine.settings import check_flags, resolve


def refusal(flags: dict) -> str:
    """The message of the UsageError that `flags` raise: one line."""
    with pytest.raises(UsageError) as caught:
        check_flags(flags)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ("name", "flag", "value"),
    [
        *(("lr", "--lr", value) for value in (0.0, -1e-5, math.nan, math.inf)),
        *(("rho", "--rho", value) for value in (-1.0, math.nan, math.inf)),
        *(("weight_decay", "--wd", value) for value in (-1.0, math.nan, math.inf)),
        *(("momentum", "--momentum", value) for value in (-0.1, 1.0, 2.0, math.nan, math.inf)),
        *(("epochs", "--epochs", value) for value in (0, -3)),
        *(("batch_size", "--batch-size", value) for value in (0, -1)),
        ("workers", "--workers", -1),
        ("start_epoch", "--start-epoch", -1),
        ("seed", "--seed", -1),
        ("print_freq", "--print-freq", 0),
        ("gpu", "--gpu", -1),
    ],
)
def test_value_out_of_range_is_refused_by_its_flag(name, flag, value):
    assert refusal({name: value}).startswith(f"{flag} {value}: ")


@pytest.mark.parametrize("name", ["a/b", "/run", "../run", "..", ".", ".hidden", "a\\b", ""])
def test_run_name_that_is_no_plain_folder_name_is_refused(name):
    assert refusal({"run": name}).startswith("--run ")


def test_resume_and_evaluate_exclude_each_other():
    message = refusal({"resume": "last.pth", "evaluate": "best.pth"})
    assert "--resume" in message and "--evaluate" in message


def test_split_without_evaluate_is_refused():
    assert "--split" in refusal({"split": "test"})


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"lr": 1e-9},
        {"rho": 0.0, "weight_decay": 0.0, "momentum": 0.0},
        {"momentum": 0.999},
        {"epochs": 1, "batch_size": 1, "workers": 0, "start_epoch": 0, "seed": 0, "print_freq": 1, "gpu": 0},
        {"resume": "last.pth"},
        {"evaluate": "best.pth", "split": "valid"},
        {"run": "poster_v2 seed0, 기쁨"},
    ],
)
def test_sensible_flags_pass(flags):
    check_flags(flags)


def test_without_data_the_synthetic_protocol_is_used():
    settings = resolve({}, {})
    assert (settings.data, settings.data_type) == (None, SYNTHETIC)
    protocol = PROTOCOLS[SYNTHETIC]
    assert (settings.lr, settings.batch_size, settings.epochs) == (protocol.lr, protocol.batch_size, protocol.epochs)
    assert (settings.rho, settings.pretrained) == (0.0, "none")


def test_with_data_raf_db_is_used():
    settings = resolve({"data": "faces"}, {})
    assert (settings.data, settings.data_type) == ("faces", "RAF-DB")
    assert (settings.lr, settings.batch_size, settings.epochs, settings.rho) == (3.5e-5, 144, 200, 0.05)


def test_data_type_is_kept_from_the_resumed_run():
    assert resolve({}, {"data": "faces", "data_type": "VR"}).data_type == "VR"
    assert resolve({"data": "moved"}, {"data": "faces", "data_type": "VR"}).data_type == "VR"
    assert resolve({"data_type": "CAER-S"}, {"data": "faces", "data_type": "VR"}).data_type == "CAER-S"


def test_data_type_may_be_given_without_data():
    settings = resolve({"data_type": "VR"}, {})
    assert (settings.data, settings.data_type, settings.batch_size) == (None, "VR", 64)


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_fill_what_nothing_else_says(name):
    assert getattr(resolve({"data": "faces"}, {}), name) == DEFAULTS[name]


@pytest.mark.parametrize(
    ("flags", "stored", "expected"),
    [
        ({}, {}, 3.5e-5),
        ({}, {"lr": 2e-4}, 2e-4),
        ({"lr": 1e-3}, {}, 1e-3),
        ({"lr": 1e-3}, {"lr": 2e-4}, 1e-3),
    ],
)
def test_flag_wins_over_resumed_run_over_protocol(flags, stored, expected):
    assert resolve({"data": "faces", **flags}, stored).lr == expected


@pytest.mark.parametrize(
    ("flags", "stored", "expected"), [({}, {}, 0.0), ({}, {"rho": 0.1}, 0.1), ({"rho": 0.2}, {"rho": 0.1}, 0.2)]
)
def test_flag_wins_over_resumed_run_over_protocol_over_default(flags, stored, expected):
    assert resolve(flags, stored).rho == expected


def test_resumed_run_wins_with_values_that_are_false():
    settings = resolve({}, {"data": "faces", "data_type": "RAF-DB", "rho": 0.0, "workers": 0, "augmentation": False})
    assert (settings.rho, settings.workers, settings.augmentation) == (0.0, 0, False)


def test_augmentation_is_on_unless_switched_off():
    assert resolve({}, {}).augmentation is True
    assert resolve({"augmentation": False}, {}).augmentation is False


@pytest.mark.parametrize("name", ["resume", "evaluate", "split", "run", "start_epoch", "gpu"])
def test_what_belongs_to_one_command_is_not_taken_from_the_resumed_run(name):
    assert getattr(resolve({}, {name: 1}), name) is None


def test_inputs_are_left_unchanged():
    flags, stored = {"lr": 1.0}, {"rho": 0.1}
    resolve(flags, stored)
    assert (flags, stored) == ({"lr": 1.0}, {"rho": 0.1})


@pytest.mark.parametrize(
    ("name", "lr", "batch_size", "train_transform", "eval_transform", "balanced"),
    [
        ("RAF-DB", 3.5e-5, 144, "flip-erase", "plain", False),
        ("AffectNet-7", 1e-6, 144, "flip-erase-always", "plain", True),
        ("AffectNet-8", 1e-6, 144, "flip-erase-always", "plain", True),
        ("CAER-S", 4e-5, 144, "flip-erase-always", "plain", False),
        ("VR", 3.5e-5, 64, "jitter-affine-erase", "pad", False),
    ],
)
def test_published_protocols(name, lr, batch_size, train_transform, eval_transform, balanced):
    protocol = PROTOCOLS[name]
    assert (protocol.lr, protocol.batch_size) == (lr, batch_size)
    assert (protocol.train_transform, protocol.eval_transform) == (train_transform, eval_transform)
    assert protocol.balanced_sampling is balanced

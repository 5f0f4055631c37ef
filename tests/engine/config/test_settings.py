"""Flags that make no sense are refused; what is left open is filled in by checkpoint, protocol and defaults."""

import dataclasses
import math

import pytest

from data_preprocessing import faces
from data_preprocessing.loading import transforms
from engine.config import recipes
from engine.config.flag import COMMAND, MACHINE, RUN
from engine.config.flags import DEFAULTS, FLAGS, GROUPS, configures
from engine.config.recipes import DATA_TYPES, RECIPES, SYNTHETIC, Recipe, find_recipe
from engine.config.settings import check_flags, resolve
from engine.errors import UsageError
from engine.training import losses
from models import HEADS, MODELS


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
        ("accumulate", "--accumulate", 0),
        *(("lr_decay", "--lr-decay", value) for value in (0.0, -1.0, math.nan, math.inf)),
        *(("scale", "--scale", value) for value in (0.0, -64.0, math.nan)),
        *((name, f"--{name}", value) for name in ("margin", "h") for value in (-0.1, math.nan, math.inf)),
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
        {"epochs": 1, "batch_size": 1, "workers": 0, "start_epoch": 0, "seed": 0, "print_freq": 1, "accumulate": 1},
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
    protocol = RECIPES["poster_v2"][SYNTHETIC]
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


# model, data type, lr, batch, epochs, loss, rho, decay of the rate, transform, sampler, channel order
PUBLISHED = [
    ("poster_v2", "RAF-DB", 3.5e-5, 144, 200, "ce", 0.05, 0.98, "flip-erase", "shuffled", "rgb"),
    ("poster_v2", "AffectNet-7", 1e-6, 144, 200, "ce", 0.05, 0.98, "flip-erase-always", "balanced", "rgb"),
    ("poster_v2", "AffectNet-8", 1e-6, 144, 200, "ce", 0.05, 0.98, "flip-erase-always", "balanced", "rgb"),
    ("poster_v2", "CAER-S", 4e-5, 144, 200, "ce", 0.05, 0.98, "flip-erase-always", "shuffled", "rgb"),
    ("poster_v2", "VR", 3.5e-5, 64, 50, "ce", 0.05, 0.98, "jitter-affine-erase", "shuffled", "rgb"),
    ("poster_v2", "AI-Hub", 3.5e-5, 64, 50, "ce", 0.05, 0.98, "jitter-affine-erase", "shuffled", "rgb"),
    ("poster_v1_small", "RAF-DB", 4e-5, 200, 300, "2ls+ce", 0.05, 0.98, "flip-noise-erase", "shuffled", "bgr"),
    ("poster_v1_large", "RAF-DB", 4e-5, 200, 300, "2ls+ce", 0.05, 0.98, "flip-noise-erase", "shuffled", "bgr"),
    ("poster_v1_base", "AffectNet-7", 4e-5, 200, 300, "2ls+ce", 0.05, 0.98, "flip-noise-erase", "shuffled", "rgb"),
    ("deep_emotion", "FER2013", 5e-3, 128, 100, "ce", 0.0, 1.0, "plain", "shuffled", "rgb"),
    ("deep_emotion_paper", "FER2013", 5e-3, 128, 100, "ce", 0.0, 1.0, "plain", "shuffled", "rgb"),
]
FIELDS = ("lr", "batch_size", "epochs", "loss", "rho", "lr_decay", "transform", "sampler", "channel_order")


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row[0]} {row[1]}")
def test_published_recipes(row):
    model, data_type, *values = row
    settings = resolve({"data": "faces", "model": model, "data_type": data_type}, {})
    assert [getattr(settings, name) for name in FIELDS] == values
    assert settings.eval_transform == ("pad" if data_type in ("VR", "AI-Hub") else "plain")
    assert settings.optimizer == "adam"
    assert settings.weight_decay == (1e-3 if model == "deep_emotion_paper" else 0.0)
    assert settings.variant == ("affectnet" if data_type.startswith("AffectNet") else "rafdb")


@pytest.mark.parametrize("name", [*FIELDS, "optimizer", "weight_decay"])
def test_every_field_of_a_recipe_gives_way_to_a_flag_and_to_a_checkpoint(name):
    given = {"lr": 1.0, "batch_size": 3, "epochs": 9, "loss": "2ls+ce", "rho": 0.5, "lr_decay": 0.5, "transform": "flip",
             "sampler": "balanced", "channel_order": "bgr", "optimizer": "sgd", "weight_decay": 0.1}[name]  # fmt: skip
    assert getattr(resolve({"data": "faces", name: given}, {}), name) == given
    assert getattr(resolve({"data": "faces"}, {name: given}), name) == given


def test_every_network_has_a_recipe_for_every_data_type():
    for model in MODELS:
        for data_type in DATA_TYPES:
            recipe = find_recipe(model, data_type)
            assert recipe.loss in losses.LOSSES and {recipe.transform, recipe.eval_transform} <= set(transforms.TRANSFORMS)
    assert {kind for rows in RECIPES.values() for kind in rows} <= {*DATA_TYPES, recipes.OTHER}


def test_names_offered_on_the_command_line_are_those_that_exist():
    assert set(recipes.LOSSES) == set(losses.LOSSES)
    assert set(recipes.TRANSFORMS) == set(transforms.TRANSFORMS)
    assert set(recipes.FINDERS) == set(faces.FINDERS) and recipes.FINDERS[0] == faces.DEFAULT_FINDER


def test_a_csv_is_taken_as_fer2013():
    assert resolve({"data": "x/fer2013.CSV"}, {}).data_type == "FER2013"


@pytest.mark.parametrize("head", HEADS)
def test_margin_is_the_heads_own_unless_given(head):
    assert resolve({"data": "faces", "head": head}, {}).margin == HEADS[head]
    if HEADS[head]:
        assert resolve({"data": "faces", "head": head, "margin": 0.1}, {}).margin == 0.1


def test_each_flag_stands_once_with_one_lifetime():
    names = [name for flag in FLAGS.values() for name in flag.names]
    assert len(set(names)) == len(names)
    assert {flag.lifetime for flag in FLAGS.values()} == {COMMAND, RUN, MACHINE}
    assert {flag.group for flag in FLAGS.values()} == set(GROUPS)


def test_the_recipe_gives_every_default_that_the_table_says_it_gives():
    fields = {field.name for field in dataclasses.fields(Recipe)} - {"more", "eval_transform"}
    assert {name for name, flag in FLAGS.items() if flag.by_recipe} == fields


def test_a_default_is_of_its_flags_type_and_within_its_choices_and_bounds():
    for name, value in DEFAULTS.items():
        flag = FLAGS[name]
        assert value is None or type(value) is flag.kind, name
        assert not flag.choices or value in flag.choices, name
        assert value is None or not flag.problem(value), name


@pytest.mark.parametrize("name", ["explain", "draw", "predict", "seed", "data", "workers", "device"])
def test_what_changes_no_figure_of_a_run_makes_no_other_configuration(name):
    assert not configures(name)


@pytest.mark.parametrize("name", ["lr", "margin_at_eval", "precision", "augmentation", "eval_transform"])
def test_what_changes_the_figures_makes_another_configuration(name):
    assert configures(name)

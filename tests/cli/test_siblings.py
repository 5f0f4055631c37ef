"""POSTER V1, margin heads and Deep-Emotion through the command line: trained, tested, resumed, in published files too."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch

from data_preprocessing.audit import command as audit
from data_preprocessing.synthetic.command import write_synthetic
from engine.checkpoints.format import load_checkpoint
from models import create_model
from tests.command_line import refused, run
from tests.published import write_published_v1
from tests.short_poster import short_poster

SMALL = ["--data", "few", "--pretrained", "none", "--epochs", 1, "-b", 3, "-j", 0]


def rows(name: str, table: str = "predictions") -> list[dict]:
    with open(f"log/{name}/{table}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def arguments_of(name: str) -> dict:
    with open(f"log/{name}/args.json", encoding="utf-8") as file:
        return json.load(file)["arguments"]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with drawn faces of three classes in data/, one of each in few/, and a run on these, of one step of SAM, of
    a short POSTER-small with AdaFace, `ada`."""
    folder = tmp_path_factory.mktemp("siblings")
    write_synthetic(folder / "data", people={"train": 3, "valid": 2, "test": 2}, views=1)
    write_synthetic(folder / "few", people={"train": 1, "valid": 1, "test": 1}, views=1)
    with short_poster(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(*SMALL, "--model", "poster_v1_small", "--head", "adaface", "--h", 0.3, "--run", "ada") == 0
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


@pytest.mark.parametrize("model", ["deep_emotion", "deep_emotion_paper"])
def test_deep_emotion_trains_resumes_and_is_tested_on_grey_images(model, capsys):
    flags = ["--data", "data", "--model", model, "-b", 4, "-j", 0, "--wd", 1e-3]
    assert run(*flags, "--epochs", 2, "--run", model) == 0
    assert run(*flags, "--epochs", 1, "--run", f"{model}-half") == 0
    assert run("--resume", f"checkpoint/{model}-half/last.pth", "--epochs", 2) == 0
    whole, half = (torch.load(f"checkpoint/{n}/last.pth", weights_only=True)["state_dict"] for n in (model, f"{model}-half"))
    assert all(torch.equal(whole[key], half[key]) for key in whole)
    capsys.readouterr()
    assert run("--evaluate", f"checkpoint/{model}/best.pth", "--run", f"{model}-test") == 0
    assert rows(f"{model}-test") == rows(model)
    settings = arguments_of(model)
    assert (settings["rho"], settings["lr"], settings["lr_decay"], settings["transform"]) == (0.0, 5e-3, 1.0, "plain")


def test_a_v1_run_records_its_recipe_and_its_head(work):
    settings = arguments_of("ada")
    assert settings["loss"] == "2ls+ce" and settings["channel_order"] == "bgr" and settings["transform"] == "flip-noise-erase"
    assert (settings["head"], settings["margin"], settings["scale"], settings["h"]) == ("adaface", 0.4, 64.0, 0.3)
    saved = load_checkpoint("checkpoint/ada/last.pth", "--resume")
    assert saved.model_options["head"] == "adaface" and saved.model_options["h"] == 0.3
    assert {"head.kernel", "head.batch_mean", "head.batch_std"} <= set(saved.state_dict)
    assert saved.state_dict["head.batch_std"] != 100  # the statistics moved and are kept


def test_evaluation_uses_no_labels_unless_asked_to_and_then_says_so(short_poster, capsys):
    for name in ("plain1", "plain2"):
        assert run("--evaluate", "checkpoint/ada/best.pth", "--run", name) == 0
    assert "labels" not in capsys.readouterr().out
    assert rows("plain1") == rows("plain2") == rows("ada")
    assert run("--evaluate", "checkpoint/ada/best.pth", "--margin-at-eval", "--run", "labelled") == 0
    assert "these figures use the labels" in capsys.readouterr().out
    assert "these figures use the labels" in Path("log/labelled/log.txt").read_text(encoding="utf-8")
    for plain, labelled in zip(rows("plain1"), rows("labelled")):
        assert float(labelled[f"p_{plain['true']}"]) <= float(plain[f"p_{plain['true']}"])
    assert rows("labelled") != rows("plain1")


def test_a_margin_head_goes_on_where_it_was(short_poster, capsys):
    shutil.copy("checkpoint/ada/last.pth", "copy.pth")
    assert run("--resume", "copy.pth", "--epochs", 2, "--rho", 0, "--run", "ada-on") == 0
    assert arguments_of("ada-on")["head"] == "adaface" and "moments" not in capsys.readouterr().out


def test_heads_that_do_not_fit_are_refused(short_poster, capsys):
    ada, data = "checkpoint/ada/best.pth", ["--data", "data"]
    assert "--head linear: checkpoint/ada/best.pth has the head adaface" in refused(
        capsys, "--evaluate", ada, "--head", "linear"
    )
    assert "has the head adaface" in refused(capsys, "--resume", ada, "--head", "cosface", "--epochs", 3)
    assert "--model poster_v2: " in refused(capsys, "--evaluate", ada, "--model", "poster_v2")
    assert "deep_emotion has no head" in refused(capsys, *data, "--model", "deep_emotion", "--head", "adaface")
    assert "--margin: the head is linear" in refused(capsys, *data, "--margin", 0.3)
    assert "--h: cosface has no h" in refused(capsys, *data, "--head", "cosface", "--h", 0.3)
    assert "--margin-at-eval belongs to --evaluate" in refused(capsys, *data, "--head", "adaface", "--margin-at-eval")
    assert "--margin -1.0" in refused(capsys, *data, "--head", "adaface", "--margin", -1)
    assert "--scale 0.0" in refused(capsys, *data, "--head", "adaface", "--scale", 0)
    torch.save(create_model("poster_v1_small", 3).state_dict(), "plain.pth")
    line = refused(capsys, *data, "--evaluate", "plain.pth", "--margin-at-eval")
    assert "--margin-at-eval: the head is linear" in line


def test_flags_that_a_model_has_no_use_for_are_refused(capsys):
    deep = ["--data", "data", "--model", "deep_emotion"]
    assert "no landmark network" in refused(capsys, *deep, "--freeze-landmark-bn")
    assert "--init positions: poster_v1_small" in refused(
        capsys, "--data", "data", "--model", "poster_v1_small", "--init", "positions"
    )
    assert "takes grey images" in refused(capsys, *deep, "--channel-order", "bgr")


@pytest.mark.parametrize(("variant", "order"), [("rafdb", "bgr"), ("affectnet", "rgb")])
def test_published_v1_files_are_tested_in_the_channel_order_of_their_code(variant, order, capsys):
    own = create_model("poster_v1_small", 3, variant=variant)
    write_published_v1("v1.pth", own.state_dict(), "poster_v1_small" + "_affectnet" * (variant == "affectnet"))
    capsys.readouterr()
    assert run("--evaluate", "v1.pth", "--data", "few", "--run", f"v1-{variant}") == 0
    out = capsys.readouterr().out
    assert f"{len(own.state_dict())} tensors loaded; " in out and "dropped that the published network stores" in out
    assert ("channel order: BGR" in out) is (order == "bgr")
    assert arguments_of(f"v1-{variant}")["channel_order"] == order
    assert arguments_of(f"v1-{variant}")["variant"] == variant


def test_a_published_adaface_file_is_tested_and_resumed(short_poster, capsys):
    own = create_model("poster_v1_small", 3, head="adaface")
    write_published_v1("adaface.pth", own.state_dict(), "poster_v1_small", epoch=5)
    capsys.readouterr()
    assert run("--evaluate", "adaface.pth", "--data", "few", "--run", "fada", "--margin-at-eval", "--margin", 0.75) == 0
    assert arguments_of("fada")["margin"] == 0.75
    assert run("--resume", "adaface.pth", "--data", "few", "--epochs", 6, "-b", 3, "-j", 0, "--rho", 0, "--run", "fada-on") == 0
    out = capsys.readouterr().out
    assert "after epoch 5; it lacks the moments of adam" in out
    assert load_checkpoint("checkpoint/fada-on/last.pth", "--resume").model_options["head"] == "adaface"
    shutil.rmtree("checkpoint/fada-on")


def test_a_margin_head_without_statistics_is_what_the_flag_says():
    torch.save(create_model("poster_v1_small", 3, head="arcface").state_dict(), "margin.pth")
    assert load_checkpoint("margin.pth", "--evaluate").model_options["head"] == "cosface"
    assert load_checkpoint("margin.pth", "--evaluate", {"head": "arcface"}).model_options["head"] == "arcface"


@pytest.mark.parametrize("model", ["deep_emotion", "deep_emotion_paper"])
def test_bare_deep_emotion_weights_are_tested_and_resumed(model, capsys):
    state = create_model(model, 3).state_dict()
    torch.save(state, "bare.pth")
    assert run("--evaluate", "bare.pth", "--data", "data", "--run", f"bare-{model}") == 0
    assert f"{len(state)} tensors loaded" in capsys.readouterr().out
    assert run("--resume", "bare.pth", "--data", "data", "--epochs", 1, "-b", 4, "-j", 0, "--run", f"bare-{model}-on") == 0
    assert arguments_of(f"bare-{model}-on")["model"] == model


def test_every_flag_of_a_recipe_overrides_it():
    flags = ["--loss", "2ls+ce", "--sampler", "balanced", "--transform", "flip", "--lr-decay", 0.5, "--optimizer", "sgd"]
    flags += ["--rho", 0.1, "-j", 0]
    assert run("--data", "data", "--model", "deep_emotion", "--epochs", 2, "-b", 4, *flags, "--run", "over") == 0
    settings = arguments_of("over")
    assert [settings[n] for n in ("loss", "sampler", "transform", "lr_decay", "optimizer", "rho")] == [
        "2ls+ce", "balanced", "flip", 0.5, "sgd", 0.1
    ]  # fmt: skip
    first, second = (float(row["learning_rate"]) for row in rows("over", "metrics"))
    assert second == pytest.approx(first / 2)


def test_a_run_warns_of_what_an_audit_found_and_keeps_it(capsys):
    shutil.copytree("data", "leaking")
    shutil.copy(next(Path("leaking/train/anger").iterdir()), "leaking/test/anger/copy.png")
    assert audit.main(["leaking", "--subject-regex", "s[0-9]+"]) == 0
    assert run("--data", "leaking", "--model", "deep_emotion", "--epochs", 1, "-b", 4, "-j", 0, "--run", "leaking") == 0
    warning = "warning: audit.json: leakage."
    assert warning in capsys.readouterr().out and "leakage" in json.loads(Path("log/leaking/args.json").read_text())["audit"]
    assert run("--data", "leaking", "--evaluate", "checkpoint/leaking/best.pth", "--run", "leaking-test") == 0
    assert warning in capsys.readouterr().out
    assert json.loads(Path("log/deep_emotion/args.json").read_text())["audit"] is None

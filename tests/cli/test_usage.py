"""Wrong usage and wrong data through the command line: one line, exit status 2, nothing written."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import main
import main_no_augmentation
from engine.checkpoints.writing import save_checkpoint
from models import create_model
from models.files.checkpoint_content import CheckpointContent
from tests.command_line import refused_untouched

ROOT = Path(main.__file__).parent
SPLITS = ("train", "valid", "test")


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "grey").save(path)


def tree(root: Path, classes=("a", "b"), splits=SPLITS) -> Path:
    for split in splits:
        for name in classes:
            image(root / split / name / "0.png")
    return root


def refused(capsys, *arguments: object, words: str) -> None:
    """Run the command line; it must end with status 2, one line that holds `words`, and no new file."""
    error = refused_untouched(capsys, *arguments)
    assert words in error and "Traceback" not in error


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lr", "0"], "--lr"),
        (["--lr", "-1e-4"], "--lr"),
        (["--lr", "nan"], "--lr"),
        (["--epochs", "0"], "--epochs"),
        (["-b", "0"], "--batch-size"),
        (["-j", "-1"], "--workers"),
        (["--momentum", "1"], "--momentum"),
        (["--gpu", "97"], "--gpu 97: unknown GPU"),
        (["--model", "vgg"], "invalid choice: 'vgg'"),
        (["--data_type", "FER"], "RAF-DB"),
        (["--epochs", "many"], "--epochs"),
        (["--nonsense"], "--nonsense"),
        (["--evaluate", "missing.pth"], "--evaluate missing.pth: no such file"),
        (["--resume", "missing.pth"], "--resume missing.pth: no such file"),
        (["--resume", "a.pth", "--evaluate", "b.pth"], "exclude"),
        (["--data", "nowhere"], "--data nowhere: no such folder"),
        (["--data", ".", "--run", "../up"], "--run"),
    ],
)
def test_wrong_flags(arguments, words, capsys):
    refused(capsys, *arguments, words=words)


def test_folder_without_splits_says_what_was_found(tmp_path, capsys):
    image(tmp_path / "d/photos/1.png")
    refused(capsys, "--data", "d", words="found photos/")


def test_folder_without_train_or_without_selection_split(tmp_path, capsys):
    tree(tmp_path / "d", splits=("test",))
    refused(capsys, "--data", "d", words="no train split")
    tree(tmp_path / "e", splits=("train",))
    refused(capsys, "--data", "e", words="neither valid nor test")


def test_flat_rafdb_says_what_to_do(tmp_path, capsys):
    for split, prefix in (("train", "train"), ("valid", "test")):
        image(tmp_path / f"d/{split}/{prefix}_00001_aligned.jpg")
    refused(capsys, "--data", "d", words="list_patition_label.txt")


def test_empty_class_single_class_and_differing_classes(tmp_path, capsys):
    (tree(tmp_path / "d") / "train/c").mkdir()
    refused(capsys, "--data", "d", words="d/train/c: no images")
    tree(tmp_path / "e", classes=("a",))
    refused(capsys, "--data", "e", words="only one class folder, a")
    image(tree(tmp_path / "f") / "test/c/0.png")
    refused(capsys, "--data", "f", words="adds c")


def test_unreadable_image_is_named(tmp_path, capsys):
    (tree(tmp_path / "d") / "valid/b/bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 not an image")
    refused(capsys, "--data", "d", "--pretrained", "none", words="d/valid/b/bad.jpg: unreadable image")


def test_broken_pretrained_file_is_named(tmp_path, capsys):
    tree(tmp_path / "d")
    (tmp_path / "ir50.pth").write_bytes(b"<html>")
    refused(capsys, "--data", "d", "--pretrained", ".", words="ir50.pth")


def test_what_is_named_and_not_there_is_refused(tmp_path, capsys, monkeypatch):
    tree(tmp_path / "d")
    for cuda in ("is_available", "device_count"):
        monkeypatch.setattr(torch.cuda, cuda, lambda: 0)
    for flags, words in (
        (["--device", "cuda"], "finds no CUDA device; use --device cpu or auto"),
        (["--gpu", "0"], "no CUDA GPU is available"),
        (["--gpu", "0,1"], "with --device cpu it starts 2 CPU processes"),
        (["--pretrained", "missing"], "--pretrained missing: no such folder"),
        (["--pretrained", "d"], "--pretrained d: holds neither ir50.pth nor mobilefacenet_model_best.pth.tar"),
        (["--pretrained", "d", "--model", "deep_emotion"], "deep_emotion has no pretrained backbones"),
        (["--feature-lr-scale", "0.1", "--model", "deep_emotion"], "deep_emotion has no backbones"),
    ):
        refused(capsys, "--data", "d", *flags, words=words)


def test_flags_that_change_nothing_are_said_once(tmp_path, capsys):
    tree(tmp_path / "d")
    deep = ("--data", "d", "--model", "deep_emotion", "--epochs", "1", "-b", "2", "-j", "0", "--cache", "off")
    assert main.main([*deep, "--sync-bn", "--run", "r"]) == 0
    assert capsys.readouterr().out.count("without effect: --sync-bn (one process") == 1
    test = ("--evaluate", "checkpoint/r/best.pth", "-j", "0", "--device", "cpu")
    assert main.main([*test, "--run", "t", "--lr", "1"]) == 0
    assert capsys.readouterr().out.count("without effect: --lr (nothing is trained)") == 1
    assert main.main([*test, "--run", "p", "--predict", "d/test", "--data", "d"]) == 0
    assert capsys.readouterr().out.count("without effect: --data (the images are those that --predict names)") == 1
    assert main.main([*test, "--run", "q"]) == 0  # what the checkpoint holds was not named
    assert "without effect" not in capsys.readouterr().out


def test_checkpoint_of_other_classes_outputs_or_format(tmp_path, capsys):
    tree(tmp_path / "d")
    state = create_model("deep_emotion", 2).state_dict()
    content = CheckpointContent(run="r", model="deep_emotion", classes=("a", "z"), state_dict=state, epoch=1).to_file()
    save_checkpoint(tmp_path / "other.pth", content)
    save_checkpoint(tmp_path / "three.pth", content | {"classes": ["a", "b", "c"]})
    save_checkpoint(tmp_path / "short.pth", content | {"classes": ["a", "b"], "state_dict": dict(list(state.items())[5:])})
    torch.save({"format": "poster-reproduction", "version": 99}, tmp_path / "newer.pth")
    torch.save({"format": "poster-reproduction", "version": 1}, tmp_path / "empty.pth")
    torch.save(create_model("deep_emotion", 4).state_dict(), tmp_path / "four.pth")
    for flag in ("--evaluate", "--resume"):
        differs = "trained on the classes a, z; d/train has a, b" if flag == "--resume" else "without z and with b instead"
        refused(capsys, flag, "other.pth", "--data", "d", "--epochs", 2, words=differs)
        differs = "trained on the classes a, b, c; d/train has a, b" if flag == "--resume" else "2 mis-shaped"
        refused(capsys, flag, "three.pth", "--data", "d", "--epochs", 2, words=differs)
        refused(capsys, flag, "short.pth", "--data", "d", "--epochs", 2, words="5 missing")
        refused(capsys, flag, "newer.pth", "--data", "d", words="newer version")
        refused(capsys, flag, "empty.pth", "--data", "d", words="damaged")
        refused(capsys, flag, "four.pth", "--data", "d", words="4 outputs")


def test_named_checkpoint_file_is_not_overwritten(tmp_path, capsys):
    tree(tmp_path / "d")
    (tmp_path / "mine.pth").write_bytes(b"precious")
    refused(capsys, "--data", "d", "--pretrained", "none", "--checkpoint_path", "mine.pth", words="mine.pth: exists")
    assert (tmp_path / "mine.pth").read_bytes() == b"precious"


def test_bad_images_are_dropped_and_counted_when_asked_for_and_a_lone_last_image_trains(tmp_path, capsys):
    for k in (1, 2):
        image(tree(tmp_path / "d") / f"train/a/{k}.png")
    (tmp_path / "d/train/b/bad.jpg").write_bytes(b"")
    arguments = ["--data", "d", "--model", "deep_emotion", "--epochs", "1", "-b", "3", "--run", "r"]
    assert main.main([*arguments, "--skip-bad-images"]) == 0
    out = capsys.readouterr().out
    assert "train: 1 unreadable images dropped: d/train/b/bad.jpg: the file is empty" in out
    assert "train: 4 images (a 3, b 1)" in out
    shutil.rmtree(tmp_path / "checkpoint")


def test_missing_pretrained_files_are_warned_of_once_and_none_silences_it(tmp_path, capsys):
    tree(tmp_path / "d")
    (tmp_path / "train.pth").touch()
    for extra, count in (([], 1), (["--pretrained", "none"], 0)):
        main.main(["--data", "d", "--checkpoint_path", "train.pth", *extra])
        out = capsys.readouterr().out
        assert out.count("warning: ir50.pth and mobilefacenet_model_best.pth.tar not found") == count


def test_help_imports_no_torch_and_names_every_default():
    code = "import sys, main; text = main.get_args_parser().format_help(); print(text); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    for flag in ("--data", "--data_type", "--checkpoint_path", "--best_checkpoint_path", "--workers", "--epochs",
                 "--start-epoch", "--batch-size", "--optimizer", "--learning-rate", "--momentum", "--weight-decay",
                 "--print-freq", "--resume", "--evaluate", "--gpu", "--model", "--seed", "--device"):  # fmt: skip
        assert flag in done.stdout
    assert done.stdout.count("(default") >= 20


def test_wrong_flag_of_the_plain_script_is_one_line_with_status_2():
    for script in ("main.py", "main_no_augmentation.py"):
        done = subprocess.run([sys.executable, ROOT / script, "--lr", "0"], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1


def test_the_script_without_augmentation_takes_no_transform(capsys):
    assert main_no_augmentation.main(["--transform", "flip"], augmentation=False) == 2
    assert capsys.readouterr().err.startswith("error: --transform flip: this script trains without any random")


def test_both_scripts_share_one_command_line():
    assert main_no_augmentation.main is main.main

"""Records of runs and the table that is made of them; those in docs/results.md must be up to date."""

import json
import re
import shutil

import pytest

from benchmarks import recording, results_table
from benchmarks.recording import command_of
from engine.compare.__main__ import main as compare
from engine.config.settings import check_flags, resolve
from main import get_args_parser
from tests.engine.compare.compare_runs import answers, change_json, write_run


def test_the_tables_of_the_results_page_are_those_of_the_records():
    assert results_table.main(["--check"]) == 0


def test_no_record_names_a_machine_or_a_folder_of_one():
    files = [path for path in recording.RECORDS.rglob("*") if path.is_file()]
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'(^|[",])(/|[A-Z]:\\)', text, re.MULTILINE) and '"host"' not in text, path
        assert path.stat().st_size < recording.MOST_DECISIONS


@pytest.mark.parametrize("folder", sorted(recording.RECORDS.iterdir()), ids=lambda folder: folder.name)
def test_the_command_of_a_record_gives_its_settings(folder):
    record = json.loads((folder / "args.json").read_text(encoding="utf-8"))
    flags = vars(get_args_parser().parse_args(record["command"].split()[2:]))
    check_flags(flags)
    settings = vars(resolve(flags, {}))
    assert {name: settings[name] for name in record["arguments"]} == record["arguments"]


@pytest.mark.parametrize(
    "flags",
    [
        "--data FACES --model poster_v2 --init positions --feature-lr-scale 0.1 --rho 0 --lr 1.2e-4 -b 8 --pretrained none",
        "--data FACES --model poster_v1_small --data_type AffectNet-7 --head adaface --margin 0.3 --h 0.4 --freeze-landmark-bn",
        "--data FACES --optimizer sgd --momentum 0.9 --wd 5e-4 --sampler balanced --precision bf16 --accumulate 4 --compile",
        "--data fer2013.csv --model deep_emotion_paper --transform flip --occlude vr --on-nan skip",
        "--epochs 3",
    ],
)
def test_any_command_comes_back_from_its_settings(flags):
    parse = get_args_parser().parse_args
    settings = vars(resolve(vars(parse(flags.split())), {}))
    words = command_of(settings, "7").split()
    assert words[:2] == ["python", "main.py"] and words[-2:] == ["--seed", "7"]
    assert vars(resolve(vars(parse(words[2:])), {})) == settings | {"seed": 7}
    assert command_of(settings | {"augmentation": False}, "0,1").endswith(" --seeds 0,1")


@pytest.fixture
def records(tmp_path, monkeypatch):
    """An empty place for records, beside a document with the two markers."""
    monkeypatch.setattr(recording, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(results_table, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(results_table, "DOCUMENT", tmp_path / "results.md")
    (tmp_path / "results.md").write_text(f"before\n{results_table.BEGIN}\nold\n{results_table.END}\nafter\n")
    return tmp_path / "records"


def full(seed: int) -> dict:
    """Settings as a run has them."""
    flags = get_args_parser().parse_args(["--data", "/private/faces", "--model", "deep_emotion", "--epochs", "2"])
    settings = vars(resolve(vars(flags), {})) | {"seed": seed, "pretrained": "/private/weights"}
    settings["root"] = "/private/images/"
    return {name: value for name, value in settings.items() if name != "split"}  # write_run has its own


def test_a_run_is_recorded_without_paths_and_comes_into_the_table(records, tmp_path, capsys):
    for seed in range(2):
        settings = full(seed) | {"class_weights": "/private/rare.csv"}
        write_run(tmp_path / f"log/r_seed{seed}", *answers(seed), **settings)
        assert recording.main([str(tmp_path / f"log/r_seed{seed}")]) == 0
    assert sorted(path.name for path in (records / "r_seed1").iterdir()) == [
        "args.json", "metrics.csv", "predictions.csv", "result.json"
    ]  # fmt: skip
    text = (records / "r_seed1/args.json").read_text()
    assert "private" not in text and "secret-host" not in text
    assert (
        json.loads(text)["command"]
        == "python main.py --data FACES --model deep_emotion --class-weights rare.csv --epochs 2 --pretrained weights "
        "--root images --seed 1"
    )
    assert results_table.main(["--check"]) == 1
    assert "is not that of the records" in capsys.readouterr().err
    assert results_table.main([]) == 0 and results_table.main(["--check"]) == 0
    document = (tmp_path / "results.md").read_text()
    assert document.startswith("before\n") and document.endswith("\nafter\n") and "old" not in document
    result = json.loads((records / "r_seed0/result.json").read_text())
    link = "[r_seed0](../benchmarks/records/r_seed0/result.json)"
    assert "\n## FACES\n" in document and f"{link} | 60 of test | - | 2 | {100 * result['accuracy']:.2f} %" in document
    assert "| *r*: mean, deviation (95 %) of these 2 |" in document and "--seeds 0,1\n" in document
    change_json(records / "r_seed0/result.json", balanced_accuracy=0.0123)
    (records / "r_seed0/predictions.csv").unlink()
    assert results_table.main(["--check"]) == 1


def test_records_can_be_compared_with_the_runs_themselves(records, tmp_path, capsys):
    write_run(tmp_path / "log/a", *answers(0), **full(0))
    write_run(tmp_path / "log/b", *answers(1), **full(1))
    assert recording.main([str(tmp_path / "log/a"), "--name", "kept"]) == 0
    assert compare([str(records / "kept"), str(tmp_path / "log/b")]) == 0
    assert "## Over seeds" in capsys.readouterr().out


def test_of_many_images_the_decisions_are_kept_and_of_very_many_nothing(records, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recording, "MOST_PREDICTIONS", 1000)
    for seed, name in enumerate("ab"):
        write_run(tmp_path / f"log/{name}", *answers(seed), **full(seed))
        assert recording.main([str(tmp_path / f"log/{name}")]) == 0
    assert (records / "a/predictions.csv").read_text().startswith("path,true,predicted\nanger/0.png,anger,")
    assert compare([str(records / "a"), str(records / "b")]) == 0
    monkeypatch.setattr(recording, "MOST_DECISIONS", 1000)
    assert recording.main([str(tmp_path / "log/a"), "--name", "c"]) == 0
    assert not (records / "c/predictions.csv").exists() and results_table.main([]) == 0


def test_configurations_of_one_data_set_are_tested_against_each_other(records, tmp_path):
    for name, seeds, lr in (("slow", (0, 1), 1e-3), ("fast", (1, 2), 5e-3), ("elsewhere", (0, 1), 1e-3)):
        for seed in seeds:
            settings = full(seed) | {"lr": lr} | ({"data": "/private/others"} if name == "elsewhere" else {})
            write_run(tmp_path / f"log/{name}_seed{seed}", *answers(seed + int(lr * 1e4)), **settings)
            (tmp_path / f"log/{name}_seed{seed}/timing.csv").write_text(
                "epoch,seconds,train_pictures_per_s,peak_memory_mib,peak_gpu_memory_mib\n1,60.0,9.0,9.0,\n2,65.0,9.0,9.0,\n"
            )
            assert recording.main([str(tmp_path / f"log/{name}_seed{seed}")]) == 0
    assert results_table.main([]) == 0
    document = (tmp_path / "results.md").read_text()
    assert document.count("| first | second |") == 1 and "| 2 min 5 s | cpu |" in document
    row = next(line for line in document.splitlines() if line.startswith("| fast | slow |"))
    assert re.fullmatch(r"\| fast \| slow \| [+-]\d+\.\d\d \([+-][\d.]+ to [+-][\d.]+\) \| [\d.e-]+ \| [\d.e-]+ \|", row)


def test_what_cannot_be_recorded_is_refused(records, tmp_path, capsys):
    def refused(*arguments: str, main=recording.main) -> str:
        capsys.readouterr()
        assert main([*arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1
        return error

    run = str(write_run(tmp_path / "log/a", *answers(0), **full(0)))
    tested = str(write_run(tmp_path / "log/tested", *answers(0), **full(0) | {"evaluate": "best.pth"}))
    assert "holds no records" in refused(main=results_table.main)
    assert "is an evaluation" in refused(tested)
    assert "--name 'x/y': must be a plain folder name" in refused(run, "--name", "x/y")
    odd = str(write_run(tmp_path / "log/odd", *answers(0), **full(0) | {"model": "vgg"}))
    assert "no known model" in refused(odd)
    assert recording.main([run]) == 0
    assert "benchmarks/records/a: exists" in refused(run)
    (records.parent / "results.md").write_text("no markers")
    assert "needs the lines" in refused(main=results_table.main)
    shutil.rmtree(records)

"""Lists of images: what columns are taken for what, and every way in which a list can be wrong, told by its line."""

from pathlib import Path

import pytest

from data_preprocessing.sources.list_file import read_image_list
from tests.data_preprocessing.refusals import failure


@pytest.fixture
def place(tmp_path, monkeypatch, make_image) -> Path:
    """A working directory with three images in faces/."""
    monkeypatch.chdir(tmp_path)
    Path("faces").mkdir()
    for seed, name in enumerate(("a.png", "b c.png", "d.png")):
        make_image(seed).save(f"faces/{name}")
    return Path()


def write(text: str, name: str = "faces/list.csv", encoding: str = "utf-8") -> Path:
    Path(name).write_bytes(text.encode(encoding))
    return Path(name)


def read(text: str, name: str = "faces/list.csv", **more):
    return [(r.source, r.label, r.split, r.subject, r.box) for r in read_image_list(write(text, name), **more).records]


PLAIN = [("a.png", "joy", None, None, None), ("b c.png", "fear", None, None, None)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("faces/list.csv", "path,label\na.png,joy\nb c.png,fear\n"),
        ("faces/list.csv", "Nr;Expression;FILE\r\n1;joy;./a.png\r\n2;fear;b c.png\r\n;;\r\n"),
        ("faces/list.csv", "sep=;\npath;label\na.png;joy\nb c.png;fear\n"),
        ("faces/list.csv", '"sep=,"\r\npath,label\r\na.png,joy\r\nb c.png,fear\r\n'),
        ("faces/list.tsv", "image\temotion\na.png\tjoy\nb c.png\tfear\n"),
        ("faces/list.txt", "a.png joy\n\nb c.png fear\n"),
        ("faces/list.txt", "a.png\tjoy\nb c.png\tfear\n"),
        ("faces/list.txt", "path label\na.png joy\nb c.png fear\n"),
        ("faces/list.csv", "a.png,joy\nb c.png,fear\n"),
        ("faces/list.csv", '\ufeffpath,class\n"a.png",joy\n"b c.png",fear\n'),
        ("faces/list.csv", "path,label\nsub\\..\\a.png,joy\nx/../b c.png,fear\n"),
    ],
)
def test_columns_are_found_by_their_names(place, name, text):
    assert read(text, name) == PLAIN


def test_numbers_lose_their_empty_decimals_and_names_nothing(place):
    assert [row[1] for row in read("path,label\na.png,3.0\nb c.png,1\n")] == ["3", "1"]
    assert [row[1] for row in read("path,label\na.png,v1.0\nb c.png,v1\n")] == ["v1.0", "v1"]


def test_spreadsheets_unicode_text_is_read(place):
    file = write("path\tlabel\na.png\tjoy\nb c.png\tfear\n", encoding="utf-16")
    assert [record.label for record in read_image_list(file).records] == ["joy", "fear"]


def test_columns_and_root_may_be_told(place):
    text = "label;Bild;Wer;Teil\n7;a.png;KA;Train\n3.0;d.png;MK;val\n"
    columns = "image=bild,label=label,subject=Wer,split=Teil"
    found = [("a.png", "7", "train", "KA", None), ("d.png", "3", "valid", "MK", None)]
    assert read(text, "list.csv", columns=columns, root=Path("faces")) == found
    text = f"path,label\n{Path('faces/a.png').resolve()},joy\nfaces/d.png,fear\n"
    assert [row[0] for row in read(text, "list.csv")] == ["faces/a.png", "faces/d.png"]


def test_a_role_without_a_name_takes_no_column(place):
    text = "path,label,split,subject\na.png,joy,train,x\n"
    assert read(text, columns="split=,subject=") == PLAIN[:1]


@pytest.mark.parametrize(
    ("header", "fields", "columns"),
    [
        ("box", '"1, 2, 30, 40"', None),
        ("bbox", "(1 2 30 40)", None),
        ("l,t,r,b", "1,2,30,40", "box=l+t+r+b"),
    ],
)
def test_boxes_are_one_column_or_four(place, header, fields, columns):
    assert read(f"path,label,{header}\na.png,joy,{fields}\n", columns=columns)[0][4] == (1, 2, 30, 40)


def test_boxes_of_a_manifest_are_of_other_images(place):
    found = read_image_list(write("path,source,class,box,sha256\na.png,big.png,joy,1 2 3 4,\n", "faces/manifest.csv"))
    assert found.records[0].box is None and "before prepare cropped them" in found.notes[0]


def test_rows_that_repeat_another_are_counted(place):
    found = read_image_list(write("path,label\na.png,joy\nd.png,fear\n./a.png,joy\n"))
    assert len(found.records) == 2 and found.notes == ("1 row left out that repeat another: line 4",)


def test_missing_images_are_counted(place):
    found = read_image_list(write("path,label\na.png,joy\ngone.png,fear\n"))
    assert found.notes[0].startswith("warning: 1 of its 2 images missing in faces: gone.png") and not found.missing


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("", None, "faces/list.csv: the list is empty"),
        (" \n\n", None, "the list is empty"),
        ("path,label\n", None, "the list is empty: no rows"),
        ("sep=;\n", None, "faces/list.csv: the list is empty"),
        ("path,label,Label\na.png,joy,joy\n", None, "2 columns are called label; rename all but one"),
        (
            "name of it,label\na.png,joy\n",
            None,
            "no column of images (found name of it, label); name it by --columns image=NAME",
        ),
        ("path,what\na.png,joy\n", None, "no column of labels (found path, what); name it by --columns label=NAME"),
        (
            "path,label,emotion\na.png,1,joy\n",
            None,
            "label and emotion could all be meant for label; choose by --columns label=label",
        ),
        ("path,label\na.png,joy\n", "image=img", "--columns image=img: no such column (found path, label)"),
        ("path,path,label\na.png,b,joy\n", "image=path", "2 columns are called so"),
        ("path,label\na.png,joy\n", "picture=path", "'picture=path' is not understood; write"),
        ("path,label\na.png,joy\n", "image", "'image' is not understood"),
        ("path,label\na.png\n", None, "line 2: 1 field instead of 2; mend the row"),
        ("path,label\na.png,\n", None, "line 2: no label"),
        ("path,label\n,joy\n", None, "line 2: no image"),
        ("path,label\na.png,-1\n", None, "line 2: -1 is no label"),
        ("path,label\na.png,joy\nd.png,3\n", None, "labels are names and numbers (joy in line 2, 3 in line 3)"),
        ("path,label\na.png,joy\nd.png,Joy\n", None, "labels joy (line 2) and Joy (line 3) differ in case alone"),
        ("path,label\na.png,joy\na.png,fear\n", None, "line 3: a.png: has another label in line 2; remove one"),
        ("path,label,split\na.png,joy,train\na.png,joy,test\n", None, "line 3: a.png: has another split in line 2"),
        ("path,label,subject\na.png,joy,x\na.png,joy,y\n", None, "line 3: a.png: has another subject in line 2"),
        ("path,label,split\na.png,joy,fold1\n", None, "line 2: 'fold1' is no split; write train, valid or test"),
        ("path,label,split\na.png,joy,train\nd.png,joy,\n", None, "line 3: no split, as in 1 row"),
        ("path,label,box\na.png,joy,1 2 3\n", None, "line 2: box '1 2 3' is not left, top, right, bottom"),
        ("path,label\n../a.png,joy\n", None, "line 2: ../a.png lies outside of faces; give a folder above it by --root"),
        ("path,label\n/etc/hostname,joy\n", None, "line 2: /etc/hostname lies outside of faces"),
        ("path,label\n.,joy\n", None, "line 2: . lies outside of faces"),
        ('path,label\n"a.png,joy\n', None, "is a quote left open?"),
        ("path,label\0\na.png,joy\n", None, "a NUL byte"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(place, text, columns, said):
    assert said in failure(read_image_list, write(text), columns)


def test_bytes_that_are_no_text_and_a_missing_root_are_named(place):
    Path("faces/list.csv").write_bytes(b"path,label\n\xff\xff.png,joy\n")
    assert "no UTF-8 text (byte 11); save it as UTF-8" in failure(read_image_list, Path("faces/list.csv"))
    assert failure(read_image_list, write("a.png joy"), None, Path("nowhere")).startswith("--root nowhere: no such folder")

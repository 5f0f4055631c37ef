"""Small lists of AI Hub's data set 82."""

import json


def annotation(emotion: str | None, box: tuple | None = (10.0, 20.0, 110.0, 170.5)) -> dict:
    corners = None if box is None else dict(zip(("minX", "minY", "maxX", "maxY"), box))
    return {"faceExp": emotion, "bg": "집", "boxes": corners}


def entry(file: str, uploader: str | None = "기쁨", seen: tuple = ("기쁨", "기쁨", "기쁨"), boxes: tuple | None = None) -> dict:
    """What a list says of one image: the emotions of the uploader and of the three annotators, and their boxes."""
    boxes = boxes or ((10.0, 20.0, 110.0, 170.5),) * 3
    annotations = {f"annot_{who}": annotation(emotion, box) for who, emotion, box in zip("ABC", seen, boxes)}
    person = {"filename": file, "gender": "남", "age": 30, "isProf": "전문인", "bg_uploader": "집"}
    return {**person, "faceExp_uploader": uploader, **annotations}


def dump(*entries: object, encoding: str = "utf-8") -> bytes:
    return json.dumps(entries, ensure_ascii=False, indent=1).encode(encoding)

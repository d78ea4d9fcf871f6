from pathlib import Path

import pytest

from core.datasets import DatasetError, load_boxes, load_nih

HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"


def test_boxes_are_read_from_the_official_list_as_fractions_of_the_image(tmp_path: Path) -> None:
    file = tmp_path / "BBox_List_2017.csv"
    file.write_text(HEADER + "00000001_000.png,Infiltrate,256,512,128,64,,,\n00000001_000.png,Mass,0,0,1024,1024,,,\n")
    boxes = load_boxes(file)
    assert boxes["study_id"].tolist() == ["00000001_000"] * 2
    assert boxes["label"].tolist() == ["Infiltration", "Mass"]
    assert boxes[["left", "top", "right", "bottom"]].to_numpy().tolist() == [[0.25, 0.5, 0.375, 0.5625], [0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "There is no file"),
        ("Image,Label\n", "lacks the column 'Image Index'"),
        (HEADER + "a.png,Masses,1,2,3,4,,,\n", "'Masses', which is not one of the 14"),
        (HEADER + "a.png,Mass,1,2,three,4,,,\n", "needs four numbers"),
        (HEADER + "a.png,Mass,1,2,3,4,,,\nb.png,Mass,900,2,300,4,,,\n", "The box in line 3"),
        (HEADER + "a.png,Mass,1,2,0,4,,,\n", "has no extent"),
    ],
)
def test_a_list_that_is_no_list_of_boxes_is_refused_in_one_sentence(
    tmp_path: Path, text: str | None, sentence: str
) -> None:
    file = tmp_path / "BBox_List_2017.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DatasetError, match=sentence):
        load_boxes(file)


@pytest.mark.real_data
def test_every_box_of_the_real_list_belongs_to_an_image_with_that_finding(shared_data: Path) -> None:
    boxes = load_boxes(shared_data / "nih" / "BBox_List_2017.csv")
    table = load_nih(shared_data / "nih").table.set_index("study_id")
    found = boxes[boxes["study_id"].isin(table.index)]
    assert len(found) > 600
    agree = [table.loc[study, label] == 1 for study, label in zip(found["study_id"], found["label"], strict=True)]
    assert sum(agree) / len(agree) > 0.95  # NIH revised some labels after the boxes were drawn

"""The same chest must come out of every way in which DICOM can store it; other content is refused by name."""

from pathlib import Path

import dicom_files as files
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from core.anatomy import upright
from core.imaging import ImagingError, RefusedImage, TooLarge, UnreadableImage, UnsupportedType
from core.imaging.reader import read_radiograph

EXACT = 0.005
LOSSY = 0.04


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian], ids=str
)
@pytest.mark.parametrize("bits", [8, 10, 12, 15, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_plain_files_give_the_same_pixels(syntax: str, bits: int, photometric: str) -> None:
    values = files.stored(bits, inverted=photometric == "MONOCHROME1")
    radiograph = read_radiograph(files.save(files.chest(values, bits, PhotometricInterpretation=photometric), syntax))
    assert files.distance(radiograph.pixels) < (0.01 if bits == 8 else EXACT)
    assert radiograph.pixels.dtype == np.float32
    assert radiograph.warnings == ()
    assert radiograph.view == "PA"
    assert radiograph.metadata["bits"] == str(bits)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless], ids=str)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_compression_changes_nothing(syntax: str, bits: int) -> None:
    plain = read_radiograph(files.save(files.chest(files.stored(bits), bits)))
    coded = read_radiograph(files.compressed(files.chest(files.stored(bits), bits), syntax))
    np.testing.assert_array_equal(coded.pixels, plain.pixels)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_jpeg2000_lossless_changes_nothing(bits: int) -> None:
    plain = read_radiograph(files.save(files.chest(files.stored(bits), bits)))
    coded = read_radiograph(files.jpeg2000(files.stored(bits), bits, JPEG2000Lossless))
    np.testing.assert_array_equal(coded.pixels, plain.pixels)


@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1], ids=str)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_jpeg_lossless_changes_nothing(syntax: str, bits: int, tmp_path: Path) -> None:
    data = files.save(files.chest(files.stored(bits), bits))
    coded = read_radiograph(files.transcoded(data, syntax, tmp_path))
    np.testing.assert_array_equal(coded.pixels, read_radiograph(data).pixels)


def test_lossy_compression_changes_little() -> None:
    coded = {
        "JPEG 2000": files.jpeg2000(files.stored(12), 12, JPEG2000),
        "JPEG Baseline": files.jpeg_baseline(files.stored(8)),
        "JPEG-LS Near-Lossless": _near_lossless(),
    }
    for name, data in coded.items():
        radiograph = read_radiograph(data)
        assert radiograph.metadata["transfer_syntax"] == name
        assert files.distance(radiograph.pixels) < LOSSY, name


@pytest.mark.parametrize("inverted", [False, True])
def test_12_bit_jpeg_extended_is_read(inverted: bool) -> None:
    # A ramp that libjpeg-turbo coded with 12 bits and quality 92; gdcm's own encoder writes 16 bits, which is invalid.
    stream = (Path(__file__).parent / "data" / "ramp_12bit.jpg").read_bytes()
    line = (np.arange(128) + 0.5) / 128
    ramp = np.clip(1.3 * line[:, None] * (1 - 0.5 * np.abs(2 * line[None, :] - 1)) - 0.1, 0, 1).astype(np.float32)
    tags = {"PhotometricInterpretation": "MONOCHROME1" if inverted else "MONOCHROME2"}
    dataset = files.chest(np.zeros((128, 128), np.uint16), 12, **tags)
    radiograph = read_radiograph(files.encapsulated(dataset, stream, JPEGExtended12Bit))
    assert radiograph.metadata["transfer_syntax"] == "JPEG Extended"
    assert files.distance(radiograph.pixels, 1 - ramp if inverted else ramp) < 0.01


def _near_lossless() -> bytes:
    import jpeg_ls

    stream = bytes(jpeg_ls.encode_array(files.stored(8), lossy_error=2))
    return files.encapsulated(files.chest(files.stored(8), 8), stream, JPEGLSNearLossless)


def test_big_endian_is_read() -> None:
    assert files.distance(read_radiograph(files.big_endian(files.chest(files.stored(12)))).pixels) < EXACT


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ids=str)
def test_a_file_without_preamble_is_read(syntax: str) -> None:
    data = files.headerless(files.chest(files.stored(12)), syntax)
    assert data[128:132] != b"DICM"
    assert files.distance(read_radiograph(data).pixels) < EXACT


def test_rle_of_signed_and_of_coloured_pixels_is_decoded_like_the_plain_file() -> None:
    signed = files.chest((files.stored(12).astype(np.int32) - 2048).astype(np.int16))
    tinted = np.stack([files.stored(8), files.stored(8) // 2, files.stored(8) // 4], axis=-1)
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    for dataset in (signed, files.chest(tinted, 8, **tags)):
        plain = read_radiograph(files.save(dataset))
        np.testing.assert_array_equal(read_radiograph(files.compressed(dataset, RLELossless)).pixels, plain.pixels)


@pytest.mark.parametrize("samples", ["RGB", "YBR_FULL"])
def test_colour_is_reduced_to_its_luma(samples: str) -> None:
    grey = files.stored(8)
    neutral = np.full_like(grey, 128)
    planes = [grey] * 3 if samples == "RGB" else [grey, neutral, neutral]
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": samples, "PlanarConfiguration": 0}
    data = files.save(files.chest(np.stack(planes, axis=-1), 8, **tags))
    assert files.distance(read_radiograph(data).pixels) < 0.015


def test_rescale_with_negative_slope_keeps_its_meaning() -> None:
    data = files.save(files.chest(files.stored(12, inverted=True), RescaleSlope="-2", RescaleIntercept="100"))
    radiograph = read_radiograph(data)
    assert files.distance(radiograph.pixels) < EXACT
    assert radiograph.warnings == ()


def test_modality_lut_is_applied() -> None:
    backwards = 4095 - np.arange(4096)
    data = files.save(files.chest(files.stored(12, inverted=True), ModalityLUTSequence=[files.lut(backwards)]))
    assert files.distance(read_radiograph(data).pixels) < EXACT


def test_voi_lut_is_applied_and_the_first_of_several_is_taken() -> None:
    curve = np.round(65535 * np.linspace(0, 1, 4096) ** 2)
    sequence = [files.lut(curve), files.lut(4095 - np.arange(4096))]
    data = files.save(files.chest(files.stored(12), VOILUTSequence=sequence, WindowCenter="1", WindowWidth="2"))
    np.testing.assert_allclose(read_radiograph(data).pixels, files.PHANTOM**2, atol=0.001)


def test_voi_lut_with_a_negative_first_value() -> None:
    signed = (files.stored(12).astype(np.int16) - 2048).astype(np.int16)
    table = files.lut(np.arange(4096) * 16, first=-2048)
    data = files.save(files.chest(signed, VOILUTSequence=[table]))
    assert files.distance(read_radiograph(data).pixels) < EXACT


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("LINEAR", lambda v: np.clip((v - 1999.5) / 1999 + 0.5, 0, 1)),
        ("LINEAR_EXACT", lambda v: np.clip((v - 2000) / 2000 + 0.5, 0, 1)),
        ("SIGMOID", lambda v: 1 / (1 + np.exp(-4 * (v - 2000) / 2000))),
    ],
)
def test_the_first_window_is_applied_by_the_formulas_of_the_standard(function: str, expected: object) -> None:
    tags = {"WindowCenter": ["2000", "5"], "WindowWidth": ["2000", "3"], "VOILUTFunction": function}
    pixels = read_radiograph(files.save(files.chest(files.stored(12), **tags))).pixels
    np.testing.assert_allclose(pixels, expected(files.stored(12).astype(float)), atol=1e-4)  # type: ignore[operator]


@pytest.mark.parametrize(("centre", "width"), [("60000", "100"), ("-5000", "10"), ("2000", "1"), ("2000", "0")])
def test_a_window_that_hides_the_image_is_ignored_with_a_warning(centre: str, width: str) -> None:
    radiograph = read_radiograph(files.save(files.chest(files.stored(12), WindowCenter=centre, WindowWidth=width)))
    assert files.distance(radiograph.pixels) < EXACT
    assert any("window" in sentence for sentence in radiograph.warnings)


def test_presentation_lut_shape_inverse_does_not_invert_monochrome1_twice() -> None:
    tags = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE", "Modality": "DX"}
    radiograph = read_radiograph(files.save(files.chest(files.stored(12, inverted=True), **tags)))
    assert files.distance(radiograph.pixels) < EXACT
    assert radiograph.warnings == ()


def test_a_false_monochrome1_tag_is_corrected_with_a_warning() -> None:
    read = read_radiograph(files.save(files.chest(files.stored(12), PhotometricInterpretation="MONOCHROME1")))
    radiograph = upright(read)
    assert files.distance(radiograph.pixels) < EXACT
    assert any("MONOCHROME1" in sentence for sentence in radiograph.warnings)


def test_signed_pixels_are_read() -> None:
    signed = (files.stored(12).astype(np.int32) - 2048).astype(np.int16)
    assert files.distance(read_radiograph(files.save(files.chest(signed))).pixels) < EXACT


def test_bits_above_the_stored_ones_are_dropped() -> None:
    dirty = files.stored(12).copy()
    dirty[60:80, 60:80] |= 0x8000  # an overlay of old kind
    assert files.distance(read_radiograph(files.save(files.chest(dirty))).pixels) < EXACT


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_left_out_of_the_stretch(photometric: str) -> None:
    values = (files.stored(10, inverted=photometric == "MONOCHROME1") + 100).astype(np.uint16)
    values[:, :20], values[:, -5:] = 4090, 4095
    tags = {"PhotometricInterpretation": photometric, "PixelPaddingValue": 4090, "PixelPaddingRangeLimit": 4095}
    pixels = read_radiograph(files.save(files.chest(values, **tags))).pixels
    assert pixels[:, :20].max() == 0
    assert pixels[:, -5:].max() == 0
    assert files.distance(pixels[:, 20:-5], files.PHANTOM[:, 20:-5]) < EXACT


def test_pixel_spacing_is_read_from_either_tag_and_zero_is_none() -> None:
    def spacing(**tags: object) -> tuple[float, float] | None:
        return read_radiograph(files.save(files.chest(files.stored(12), **tags))).pixel_spacing_mm

    assert spacing(PixelSpacing=[0.2, 0.2]) == (0.2, 0.2)
    assert spacing(PixelSpacing=[0.2, 0.25]) == (0.2, 0.2)  # made square by more columns
    assert spacing(ImagerPixelSpacing=[0.1, 0.1]) == (0.1, 0.1)
    assert spacing(PixelSpacing=["0.000", "0.000"], ImagerPixelSpacing=[0.1, 0.1]) == (0.1, 0.1)
    assert spacing() is None


def test_a_spacing_that_no_detector_has_is_taken_as_not_stated() -> None:
    def spacing(*sides: float) -> tuple[float, float] | None:
        return read_radiograph(files.save(files.chest(files.stored(12), PixelSpacing=list(sides)))).pixel_spacing_mm

    assert spacing(0.2, 0.1) == (0.1, 0.1)
    assert spacing(0.1, 90.0) is None


def test_nothing_that_is_shown_identifies_a_patient() -> None:
    radiograph = read_radiograph(files.save(files.chest(files.stored(12), StudyDescription="Chest for Jane Doe")))
    text = repr((radiograph.view, radiograph.warnings, radiograph.metadata))
    assert "Doe" not in text
    assert "SECRET" not in text
    assert set(radiograph.metadata) == {
        "format", "modality", "body_part", "rows", "columns", "bits", "photometric", "transfer_syntax"
    }  # fmt: skip


def test_doubts_become_warnings() -> None:
    tags = {"ViewPosition": None, "BurnedInAnnotation": "YES", "PatientOrientation": ["R", "F"]}
    sentences = " ".join(read_radiograph(files.save(files.chest(files.stored(12), **tags))).warnings)
    assert "PA or AP" in sentences
    assert "burned" in sentences
    assert "mirrored" in sentences


def _coded(meaning: str) -> list[Dataset]:
    item = Dataset()
    item.CodeMeaning = meaning
    return [item]


@pytest.mark.parametrize(
    ("tags", "kind", "word"),
    [
        ({"Modality": "CT"}, RefusedImage, "CT"),
        ({"Modality": "MG"}, RefusedImage, "MG"),
        ({"Modality": "OT", "BodyPartExamined": None}, RefusedImage, "OT"),
        ({"BodyPartExamined": "HIP"}, RefusedImage, "hip"),
        ({"BodyPartExamined": None, "AnatomicRegionSequence": _coded("Foot")}, RefusedImage, "foot"),
        ({"BodyPartExamined": None, "StudyDescription": "Left knee"}, RefusedImage, "knee"),
        ({"ViewPosition": "LL"}, RefusedImage, "lateral"),
        ({"ViewPosition": "LATERAL"}, RefusedImage, "lateral"),
        ({"ViewPosition": "RLD"}, RefusedImage, "decubitus"),
        ({"ViewPosition": None, "ViewCodeSequence": _coded("left lateral")}, RefusedImage, "lateral"),
        ({"ViewPosition": None, "PatientOrientation": ["A", "F"]}, RefusedImage, "lateral"),
        ({"NumberOfFrames": 96}, RefusedImage, "96 frames"),
        ({"Rows": 40000, "Columns": 40000}, TooLarge, "40000"),
        ({"Rows": 1, "Columns": 1}, RefusedImage, "too few"),
        ({"Rows": 300}, UnreadableImage, "truncated"),
        ({"Rows": 0}, UnreadableImage, "no image"),
        ({"BitsAllocated": 32}, UnsupportedType, "bits"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, UnsupportedType, "grey"),
    ],
)
def test_other_content_is_refused_with_the_reason(tags: dict, kind: type[ImagingError], word: str) -> None:
    with pytest.raises(kind, match=word):
        read_radiograph(files.save(files.chest(files.stored(12), **tags)))


def test_screen_captures_of_a_chest_are_read() -> None:
    assert read_radiograph(files.save(files.chest(files.stored(12), Modality="OT"))).metadata["modality"] == "OT"


def test_codes_of_the_view_are_understood() -> None:
    tags = {"ViewPosition": None, "ViewCodeSequence": _coded("postero-anterior")}
    assert read_radiograph(files.save(files.chest(files.stored(12), **tags))).view == "PA"


def test_a_file_without_pixels_is_refused() -> None:
    dataset = files.chest(files.stored(12))
    del dataset.PixelData
    with pytest.raises(UnreadableImage, match="no image"):
        read_radiograph(files.save(dataset))


def test_an_unknown_transfer_syntax_is_named_as_such() -> None:
    data = files.encapsulated(files.chest(files.stored(8), 8), b"\0\0\1\xba" * 8, "1.2.840.10008.1.2.4.100")
    with pytest.raises(UnsupportedType, match="transfer syntax"):
        read_radiograph(data)


def test_a_stream_of_another_size_than_stated_is_refused() -> None:
    data = files.jpeg_baseline(np.zeros((SIDE_OTHER, SIDE_OTHER), np.uint8), Rows=files.SIDE, Columns=files.SIDE)
    with pytest.raises(UnreadableImage, match="512 x 512"):
        read_radiograph(data)


SIDE_OTHER = 512
REAL = {
    "CR-MONO1-10-chest_nopreamble_implicit.dcm": None,
    "DX_chest_J2K_lossless_mono1_12bit_966_fixed.dcm": None,
    "NIH_chest_DX_implicit_8bit.dcm": None,
    "RG1_chest_J2K_lossy_mono1_15bit.dcm": None,
    "RSNA_chest_JPEGbaseline_mono2_8bit.dcm": None,
    "RSNA_chest_JPEGbaseline_fakeMONO1.dcm": None,
    "CR_teeth_modalityLUT_JPEGlossless_mono1.dcm": (RefusedImage, "teeth"),
    "DX_chest_J2K_lossless_mono1_12bit_966.dcm": (UnreadableImage, "damaged"),
    "MG_VOILUT_JPEGlossless_12bit.dcm": (RefusedImage, "MG"),
    "OT_VOILUT_test_8bit.dcm": (RefusedImage, "OT"),
    "OT_deflated_8bit.dcm": (RefusedImage, "OT"),
    "RG2_hip_JPEGlossless_SV1_10bit.dcm": (RefusedImage, "hip"),
    "RG3_extremity_RLE_mono1_10bit.dcm": (RefusedImage, "extremity"),
    "XA_multiframe96_JPEGbaseline.dcm": (RefusedImage, "XA"),
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read_upright_or_refused(name: str, shared_data: Path) -> None:
    from core.anatomy import admit

    data = (shared_data / "dicom" / name).read_bytes()
    if REAL[name] is None:
        admitted = admit(read_radiograph(data))
        assert admitted.gate.verdict == "accepted"
        radiograph = admitted.radiograph
        assert bool(radiograph.warnings) == ("fake" in name or "NIH" in name)
    else:
        kind, word = REAL[name]
        with pytest.raises(kind, match=word):
            read_radiograph(data)


@pytest.mark.real_data
def test_the_false_tag_gives_the_same_pixels_as_the_true_one(shared_data: Path) -> None:
    true, false = (
        upright(read_radiograph((shared_data / "dicom" / f"RSNA_chest_JPEGbaseline_{name}.dcm").read_bytes()))
        for name in ("mono2_8bit", "fakeMONO1")
    )
    np.testing.assert_allclose(false.pixels, true.pixels, atol=1e-6)

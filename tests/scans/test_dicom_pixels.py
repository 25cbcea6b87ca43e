import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_windowing
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from scans.dicom import read_dicom
from scans.dicom_pixels import presentation_table
from scans.errors import ScanFileError
from tests.dicom_files import (
    NATIVE,
    breast,
    compressed,
    mammogram,
    rle_frame,
    write_dicom,
)

LOSSLESS = [
    RLELossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
]


@pytest.fixture
def picture_of(tmp_path):
    def read(ds, *, transfer_syntax=ExplicitVRLittleEndian, frame=None):
        path = write_dicom(tmp_path / "file", ds, transfer_syntax=transfer_syntax, frame=frame)
        return read_dicom(path)

    return read


@pytest.fixture
def code_of(picture_of):
    def read(ds, **options):
        with pytest.raises(ScanFileError) as refused:
            picture_of(ds, **options)
        return refused.value.code

    return read


# Stored values


@pytest.mark.parametrize("transfer_syntax", NATIVE)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_native_pixels_come_back(picture_of, transfer_syntax, bits):
    pixels = breast(bits=bits)

    picture = picture_of(mammogram(pixels, bits=bits), transfer_syntax=transfer_syntax)

    assert picture.stored.dtype == pixels.dtype
    assert np.array_equal(picture.stored, pixels)


@pytest.mark.parametrize("transfer_syntax", LOSSLESS)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_compression_gives_the_same_pixels_and_hash(picture_of, transfer_syntax, bits):
    pixels = breast(97, 81, bits=bits)
    native = picture_of(mammogram(pixels, bits=bits))

    picture = picture_of(
        mammogram(pixels, bits=bits),
        transfer_syntax=transfer_syntax,
        frame=compressed(pixels, transfer_syntax, bits=bits),
    )

    assert np.array_equal(picture.stored, pixels)
    assert picture.pixel_sha256() == native.pixel_sha256()


@pytest.mark.parametrize(
    ("transfer_syntax", "bits", "tolerance"),
    [(JPEGBaseline8Bit, 8, 5), (JPEGExtended12Bit, 12, 5), (JPEG2000, 8, 5), (JPEG2000, 12, 40)],
)
def test_lossy_compression_is_close_and_flagged(picture_of, transfer_syntax, bits, tolerance):
    pixels = breast(bits=bits)

    picture = picture_of(
        mammogram(pixels, bits=bits),
        transfer_syntax=transfer_syntax,
        frame=compressed(pixels, transfer_syntax, bits=bits),
    )

    assert np.abs(picture.stored.astype(int) - pixels).max() <= tolerance
    assert picture.header.flags == ("lossy_compression",)


@pytest.mark.parametrize("transfer_syntax", [JPEG2000Lossless, JPEGLosslessSV1, RLELossless])
def test_signed_pixels_keep_their_order(picture_of, transfer_syntax):
    signed = breast(bits=12).astype(np.int16) - 2048
    patterns = signed.view(np.uint16) & 0x0FFF
    written = signed if transfer_syntax == JPEG2000Lossless else patterns

    picture = picture_of(
        mammogram(patterns, PixelRepresentation=1),
        transfer_syntax=transfer_syntax,
        frame=compressed(written, transfer_syntax, bits=12),
    )
    unsigned = picture_of(mammogram())

    assert np.array_equal(picture.presentation, unsigned.presentation)


def test_sign_may_be_extended_over_the_bits_above(picture_of):
    extended = (breast(bits=12).astype(np.int16) - 2048).view(np.uint16)

    picture = picture_of(mammogram(extended, PixelRepresentation=1))

    assert np.array_equal(picture.presentation, picture_of(mammogram()).presentation)


def test_value_above_the_bits_stored_is_refused(code_of):
    pixels = breast(bits=12)
    pixels[50, 10] = 4096

    assert code_of(mammogram(pixels)) == "pixel_data_mismatch"


def test_twelve_bits_in_a_lossless_stream_of_sixteen_are_read(picture_of):
    pixels = breast(bits=12)

    picture = picture_of(
        mammogram(pixels),
        transfer_syntax=JPEGLosslessSV1,
        frame=compressed(pixels, JPEGLosslessSV1, bits=16),
    )

    assert np.array_equal(picture.stored, pixels)


# Pixel data that contradicts its header


@pytest.mark.parametrize("change", [-2, 2])
def test_native_data_of_another_length(code_of, change):
    ds = mammogram()
    ds.PixelData = ds.PixelData[:change] if change < 0 else ds.PixelData + bytes(change)

    assert code_of(ds) == "pixel_data_mismatch"


def test_odd_number_of_bytes_is_padded(picture_of):
    pixels = breast(65, 65, bits=8)

    picture = picture_of(mammogram(pixels, bits=8, PixelData=pixels.tobytes() + b"\0"))

    assert np.array_equal(picture.stored, pixels)


@pytest.mark.parametrize("transfer_syntax", LOSSLESS)
@pytest.mark.parametrize(
    ("shape", "bits"), [((96, 82), 12), ((98, 80), 12), ((96, 80), 16), ((96, 80), 8)]
)
def test_stream_of_another_size_or_depth(code_of, transfer_syntax, shape, bits):
    frame = compressed(breast(*shape, bits=bits), transfer_syntax, bits=bits)

    assert code_of(mammogram(), transfer_syntax=transfer_syntax, frame=frame) == (
        "pixel_data_mismatch"
    )


@pytest.mark.parametrize("transfer_syntax", [JPEG2000Lossless, JPEGLosslessSV1])
def test_shallow_stream_in_a_deep_header(code_of, transfer_syntax):
    pixels = breast(bits=12)
    frame = compressed(pixels, transfer_syntax, bits=12)

    assert code_of(mammogram(pixels, bits=16), transfer_syntax=transfer_syntax, frame=frame) == (
        "pixel_data_mismatch"
    )


@pytest.mark.parametrize("side", [60_000, 65_535])
def test_stream_that_announces_a_giant_is_refused_undecoded(code_of, side):
    frame = bytearray(compressed(breast(64, 64), JPEG2000Lossless, bits=12))
    frame[8:16] = struct.pack(">II", side, side)
    frame[24:32] = struct.pack(">II", side, side)

    assert code_of(
        mammogram(breast(64, 64)), transfer_syntax=JPEG2000Lossless, frame=bytes(frame)
    ) == ("pixel_data_mismatch")


def test_stream_of_another_process(code_of):
    frame = compressed(breast(), JPEGLosslessSV1, bits=12)

    assert code_of(mammogram(), transfer_syntax=JPEGExtended12Bit, frame=frame) == (
        "pixel_data_mismatch"
    )


def test_signed_stream_in_an_unsigned_header(code_of):
    signed = breast().astype(np.int16) - 2048
    frame = compressed(signed, JPEG2000Lossless, bits=12)

    assert code_of(mammogram(), transfer_syntax=JPEG2000Lossless, frame=frame) == (
        "pixel_data_mismatch"
    )


@pytest.mark.parametrize("segments", [[], [b"\x00\x01"], [b"\x81\xff" * 50_000] * 2])
def test_rle_that_does_not_fit(code_of, segments):
    assert (
        code_of(mammogram(), transfer_syntax=RLELossless, frame=rle_frame(segments))
        == "pixel_data_mismatch"
    )


@pytest.mark.parametrize("transfer_syntax", [*LOSSLESS, JPEG2000, JPEGExtended12Bit])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_cut_stream_is_refused(code_of, transfer_syntax, part):
    frame = compressed(breast(), transfer_syntax, bits=12)
    cut = frame[: max(4, int(len(frame) * part)) & ~1]

    assert code_of(mammogram(), transfer_syntax=transfer_syntax, frame=cut) in {
        "truncated_file",
        "corrupt_pixel_data",
        "pixel_data_mismatch",
        "malformed_file",
    }


@pytest.mark.parametrize("missing", [3, 10, 3000])
def test_lossless_stream_that_is_cut_and_closed_is_refused(code_of, missing):
    frame = compressed(breast(), JPEGLosslessSV1, bits=12)

    closed = frame[:-missing] + b"\xff\xd9"

    assert code_of(mammogram(), transfer_syntax=JPEGLosslessSV1, frame=closed) == (
        "corrupt_pixel_data"
    )


def test_compressed_syntax_with_native_data(tmp_path):
    path = write_dicom(tmp_path / "file", mammogram())
    native, rle = (uid.encode() + b"\0" for uid in (ExplicitVRLittleEndian, RLELossless))
    path.write_bytes(path.read_bytes().replace(native, rle))

    with pytest.raises(ScanFileError) as refused:
        read_dicom(path)

    assert refused.value.code == "malformed_file"


# Presentation


def test_full_range_of_twelve_bits_becomes_the_full_range_of_sixteen():
    table = presentation_table(mammogram())

    assert table.dtype == np.uint16
    assert len(table) == 4096
    assert (table[0], table[2048], table[4095]) == (0, round(65535 * 2048 / 4095), 65535)


def test_eight_bits_stay_eight_bits(picture_of):
    pixels = breast(bits=8) // 2

    picture = picture_of(mammogram(pixels, bits=8))

    assert picture.presentation.dtype == np.uint8
    assert np.array_equal(picture.presentation, pixels)


def test_dark_picture_is_not_stretched_to_its_own_maximum(picture_of):
    dark = breast(bits=12) // 4

    whole, part = picture_of(mammogram()), picture_of(mammogram(dark))

    assert whole.presentation.max() == 65535
    assert part.presentation.max() == round(65535 * int(dark.max()) / 4095)


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 1800, "WindowWidth": 900}])
def test_inverted_twin_looks_the_same(picture_of, window):
    pixels = breast(bits=12)
    inverted_window = {"WindowCenter": 4095 - 1800 + 1, "WindowWidth": 900} if window else {}

    picture = picture_of(mammogram(pixels, **window))
    twin = picture_of(
        mammogram(4095 - pixels, PhotometricInterpretation="MONOCHROME1", **inverted_window)
    )

    assert np.array_equal(picture.presentation, twin.presentation)
    assert picture.presentation[48, 5] > picture.presentation[0, -1]
    assert twin.pixel_sha256() != picture.pixel_sha256()


def test_padding_is_black_in_an_inverted_picture(picture_of):
    pixels = 4095 - breast(bits=12)
    pixels[:10] = 0

    plain = picture_of(mammogram(pixels, PhotometricInterpretation="MONOCHROME1"))
    padded = picture_of(
        mammogram(
            pixels,
            PhotometricInterpretation="MONOCHROME1",
            PixelPaddingValue=0,
            PixelPaddingRangeLimit=3,
        )
    )

    assert (plain.presentation[:10] == 65535).all()
    assert (padded.presentation[pixels <= 3] == 0).all()
    assert np.array_equal(padded.presentation[pixels > 3], plain.presentation[pixels > 3])


def test_another_window_is_the_same_picture(picture_of):
    one = picture_of(mammogram(WindowCenter=1000, WindowWidth=500))
    other = picture_of(mammogram(WindowCenter=2000, WindowWidth=900))

    assert not np.array_equal(one.presentation, other.presentation)
    assert one.pixel_sha256() == other.pixel_sha256()


@pytest.mark.parametrize("bits", [8, 12])
@given(
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    center=st.integers(-500, 5000),
    width=st.integers(2, 5000),
    slope=st.sampled_from([0.5, 1.0, 2.0]),
    intercept=st.sampled_from([-100.0, 0.0, 1000.0]),
    signed=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_window_agrees_with_pydicom(*, bits, function, center, width, slope, intercept, signed):
    ds = mammogram(
        bits=bits,
        VOILUTFunction=function,
        WindowCenter=center,
        WindowWidth=width,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        PixelRepresentation=int(signed),
    )
    half = 2 ** (bits - 1)
    stored = np.arange(2**bits)
    stored = np.where(signed & (stored >= half), stored - 2**bits, stored)
    low, high = (edge * slope + intercept for edge in (stored.min(), stored.max()))

    table = presentation_table(ds)

    with np.errstate(over="ignore"):  # pydicom's sigmoid far from its centre
        reference = apply_windowing(apply_modality_lut(stored, ds), ds)
    expected = np.iinfo(table.dtype).max * (reference - low) / (high - low)
    assert np.abs(table - expected).max() <= 0.5 + 1e-6


def test_window_of_width_one_is_a_step():
    table = presentation_table(mammogram(WindowCenter=2000, WindowWidth=1))

    assert (table[:2000] == 0).all()
    assert (table[2000:] == 65535).all()


def test_first_of_several_windows_is_used():
    several = presentation_table(mammogram(WindowCenter=[2065, 2107], WindowWidth=[900, 750]))

    assert np.array_equal(
        several, presentation_table(mammogram(WindowCenter=2065, WindowWidth=900))
    )


def lookup_table(
    entries: list[int], *, first: int, bits: int, packed: bytes | None = None
) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = entries if packed is None else packed
    item["LUTData"].VR = "US" if packed is None else "OW"
    return Sequence([item])


def test_lookup_table_wins_over_the_window(picture_of):
    pixels = np.full((64, 64), 1000, np.uint16)
    pixels[0, :4] = [0, 1500, 1502, 4095]
    lut = lookup_table([0, 1023, 512], first=1500, bits=10)

    picture = picture_of(mammogram(pixels, VOILUTSequence=lut, WindowCenter=1, WindowWidth=1))

    half = round(65535 * 512 / 1023)
    assert picture.presentation[0, :5].tolist() == [0, 0, half, half, 0]


def test_lookup_table_of_bytes(picture_of):
    entries = list(range(0, 256, 2))
    lut = lookup_table(entries, first=0, bits=8, packed=bytes(entries))

    table = presentation_table(mammogram(VOILUTSequence=lut))

    assert table[:128].tolist() == [round(65535 * entry / 255) for entry in entries]
    assert (table[128:] == table[127]).all()


def test_modality_lookup_table_comes_before_the_window():
    lut = lookup_table([0, 100, 200, 300], first=0, bits=12)

    table = presentation_table(
        mammogram(ModalityLUTSequence=lut, WindowCenter=150.5, WindowWidth=301)
    )

    assert table[:5].tolist() == [0, 21845, 43690, 65535, 65535]


@pytest.mark.parametrize(
    "attributes",
    [
        {"WindowCenter": 100, "WindowWidth": 0},
        {"WindowCenter": 100, "WindowWidth": -5},
        {"WindowCenter": 100, "WindowWidth": 10, "VOILUTFunction": "CUBIC"},
        {"RescaleSlope": 0, "RescaleIntercept": 5},
        {"RescaleSlope": 1e308, "RescaleIntercept": 0},
        {"VOILUTSequence": lookup_table([1, 2], first=0, bits=20)},
        {"VOILUTSequence": lookup_table([1, 2, 3], first=0, bits=12, packed=b"\1\0")},
        {"VOILUTSequence": Sequence([Dataset()])},
    ],
)
def test_display_transform_that_cannot_be_applied(code_of, attributes):
    assert code_of(mammogram(**attributes)) == "invalid_window"


@pytest.mark.parametrize("value", ["nan", "inf", "wide"])
def test_window_that_is_no_number(tmp_path, value):
    path = write_dicom(tmp_path / "file", mammogram(WindowCenter=1, WindowWidth="7777"))
    path.write_bytes(path.read_bytes().replace(b"7777", value.ljust(4).encode()))

    with pytest.raises(ScanFileError) as refused:
        read_dicom(path)

    assert refused.value.code == "invalid_value"


def test_implicit_and_explicit_files_are_the_same_picture(picture_of):
    assert (
        picture_of(mammogram(), transfer_syntax=ImplicitVRLittleEndian).pixel_sha256()
        == picture_of(mammogram()).pixel_sha256()
    )

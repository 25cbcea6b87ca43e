import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from scans.decoder import decode
from scans.errors import ScanFileError
from tests.dicom_files import black_png, breast, compressed, jpeg, png, png_chunk

GRAY_8 = breast(bits=8)
COLOUR = np.stack([GRAY_8, GRAY_8 // 2, GRAY_8 // 3], axis=-1)


@pytest.fixture
def picture_of(tmp_path):
    def read(data: bytes):
        path = tmp_path / "picture"
        path.write_bytes(data)
        return decode(path)

    return read


@pytest.fixture
def code_of(picture_of):
    def read(data: bytes) -> str:
        with pytest.raises(ScanFileError) as refused:
            picture_of(data)
        return refused.value.code

    return read


def with_chunk(data: bytes, kind: bytes, payload: bytes) -> bytes:
    """Insert a chunk right after the header."""
    return data[:33] + png_chunk(kind, payload) + data[33:]


def test_gray_png_keeps_its_eight_bits(picture_of):
    picture = picture_of(png(GRAY_8))

    assert np.array_equal(picture.stored, GRAY_8)
    assert np.array_equal(picture.presentation, GRAY_8)
    header = picture.header
    assert (header.file_format, header.rows, header.columns, header.bits_stored) == (
        "PNG",
        96,
        80,
        8,
    )
    assert (header.laterality, header.view, header.exam_date, header.flags) == (
        None,
        None,
        None,
        (),
    )


def test_gray_png_keeps_its_sixteen_bits(picture_of):
    pixels = breast(bits=16)

    picture = picture_of(png(pixels))

    assert picture.presentation.dtype == np.uint16
    assert np.array_equal(picture.stored, pixels)
    assert np.array_equal(picture.presentation, pixels)
    assert (picture.header.bits_stored, picture.header.flags) == (16, ())


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_depth_of_a_detector_is_inferred_in_sixteen_bits(picture_of, bits):
    pixels = breast(bits=bits)

    picture = picture_of(png(pixels))

    assert np.array_equal(picture.stored, pixels)
    assert np.array_equal(
        picture.presentation, np.rint(pixels * (65535 / (2**bits - 1))).astype(np.uint16)
    )
    assert (picture.header.bits_stored, picture.header.flags) == (bits, ("inferred_depth",))


def test_png_and_dicom_of_one_picture_have_one_hash(picture_of, tmp_path):
    from tests.dicom_files import mammogram, write_dicom

    pixels = breast(bits=12)
    dicom = decode(write_dicom(tmp_path / "dicom", mammogram(pixels)))

    assert picture_of(png(pixels)).pixel_sha256() == dicom.pixel_sha256()


def test_gray_jpeg_is_read(picture_of):
    data = jpeg(GRAY_8)

    picture = picture_of(data)

    assert picture.header.file_format == "JPEG"
    assert picture.header.flags == ("lossy_compression",)
    assert np.abs(picture.stored.astype(int) - GRAY_8).max() <= 8


def test_gray_written_as_colour_is_gray(picture_of):
    same = np.stack([GRAY_8] * 3, axis=-1)

    picture = picture_of(png(same))

    assert np.array_equal(picture.stored, GRAY_8)
    assert picture.header.flags == ()


def test_colour_is_turned_to_luminance_and_flagged(picture_of):
    picture = picture_of(png(COLOUR))

    red, green, blue = (COLOUR[..., channel].astype(float) for channel in range(3))
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601
    assert np.abs(picture.stored - luminance).max() <= 1
    assert picture.header.flags == ("colour",)


def test_colour_jpeg_is_flagged(picture_of):
    assert picture_of(jpeg(COLOUR)).header.flags == ("lossy_compression", "colour")


def test_palette_png_is_read(picture_of, tmp_path):
    path = tmp_path / "palette.png"
    Image.fromarray(GRAY_8).convert("P").save(path)

    assert np.array_equal(picture_of(path.read_bytes()).stored, GRAY_8)


def test_opaque_alpha_is_dropped_and_transparency_refused(picture_of, code_of):
    opaque = np.dstack([GRAY_8, np.full_like(GRAY_8, 255)])
    through = np.dstack([GRAY_8, np.full_like(GRAY_8, 254)])

    assert np.array_equal(picture_of(png(opaque)).stored, GRAY_8)
    assert code_of(png(through)) == "unsupported_pixel_format"


@pytest.mark.parametrize("encode", [png, jpeg])
def test_exif_orientation_is_applied_and_flagged(picture_of, encode):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    plain = picture_of(encode(GRAY_8))

    turned = picture_of(encode(GRAY_8, exif=exif))

    assert np.array_equal(turned.stored, np.rot90(plain.stored, -1))
    assert turned.header.flags == (*plain.header.flags, "exif_orientation")
    assert (turned.header.rows, turned.header.columns) == (80, 96)


@pytest.mark.parametrize("encode", [png, jpeg])
@pytest.mark.parametrize("tail", [b"PK\x03\x04" + bytes(500), b"\0", b"\xff\xd9"])
def test_bytes_after_the_end_are_left_behind_and_flagged(picture_of, encode, tail):
    plain = picture_of(encode(GRAY_8))

    tailed = picture_of(encode(GRAY_8) + tail)

    assert np.array_equal(tailed.stored, plain.stored)
    assert tailed.header.flags == (*plain.header.flags, "trailing_bytes")


@pytest.mark.parametrize("encode", [png, jpeg])
@pytest.mark.parametrize("part", [0.02, 0.1, 0.6, 1.0])
def test_cut_picture_is_truncated(code_of, encode, part):
    data = encode(GRAY_8)

    assert code_of(data[: min(int(len(data) * part), len(data) - 1)]) == "truncated_file"


@pytest.mark.parametrize(("rows", "columns"), [(10_000, 10_000), (65_000, 65_000), (63, 900)])
def test_declared_size_beyond_the_limit_is_refused_undecoded(code_of, rows, columns):
    data = bytearray(png(GRAY_8))
    data[16:24] = struct.pack(">II", columns, rows)

    assert code_of(bytes(data)) == "pixel_limit"


def test_jpeg_of_a_giant_is_refused_undecoded(code_of):
    data = bytearray(jpeg(GRAY_8))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)

    assert code_of(bytes(data)) == "pixel_limit"


def test_animated_png_is_refused(code_of):
    animation = with_chunk(png(GRAY_8), b"acTL", struct.pack(">II", 10_000, 0))

    assert code_of(animation) == "multiframe_unsupported"


def test_several_jpegs_in_one_are_refused(code_of, tmp_path):
    path = tmp_path / "several"
    frame = Image.fromarray(GRAY_8)
    frame.save(path, "MPO", save_all=True, append_images=[frame])

    assert code_of(path.read_bytes()) == "multiframe_unsupported"


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_text_and_profile_bombs_are_refused(code_of, kind):
    bomb = zlib.compress(bytes(200_000_000), 1)

    assert code_of(with_chunk(png(GRAY_8), kind, b"name\0\0" + bomb)) == "corrupt_pixel_data"


def test_flood_of_chunks_is_refused(code_of):
    flood = png_chunk(b"tEXt", b"") * 20_000

    assert code_of(png(GRAY_8)[:33] + flood) == "too_many_elements"


def test_wrong_checksum_is_refused(code_of):
    data = bytearray(png(GRAY_8))
    data[data.index(b"IDAT") + 10] ^= 0xFF

    assert code_of(bytes(data)) == "corrupt_pixel_data"


def test_png_that_does_not_follow_its_format(code_of):
    data = png(GRAY_8)
    header, end = data[8:33], data[-12:]
    start = data[:8]

    assert code_of(start + end) == "malformed_file"
    assert code_of(start + header + header + end) == "malformed_file"
    assert code_of(start + png_chunk(b"IHDR", bytes(12)) + end) == "malformed_file"
    assert code_of(start + header + end) == "no_pixel_data"


def test_jpeg_that_does_not_follow_its_format(code_of):
    data = jpeg(GRAY_8)
    frame = data.index(b"\xff\xc0")
    scan = data.index(b"\xff\xda")
    header = data[frame : frame + 13]

    assert code_of(data[:frame] + header + data[frame:]) == "malformed_file"
    assert code_of(data[:frame] + data[scan:]) == "malformed_file"
    assert code_of(data[:2] + b"\xff\xe0\0\1" + data[2:]) == "malformed_file"
    assert code_of(data[:frame] + b"\0\0" + data[frame:]) == "malformed_file"
    assert code_of(data[:frame] + b"\xff\xc0\0\5abc" + data[scan:]) == "malformed_file"
    assert code_of(data[:frame] + b"\xff\xd9") == "malformed_file"


def test_sixteen_bit_colour_and_twelve_bit_jpeg_are_refused(code_of):
    data = bytearray(png(COLOUR))
    data[24] = 16  # bit depth
    twelve_bit = compressed(breast(bits=12), "1.2.840.10008.1.2.4.51", bits=12)

    assert code_of(bytes(data)) == "unsupported_pixel_format"
    assert code_of(twelve_bit) == "unsupported_pixel_format"


def test_four_colour_jpeg_is_refused(code_of, tmp_path):
    path = tmp_path / "cmyk"
    Image.fromarray(GRAY_8).convert("CMYK").save(path, "JPEG")

    assert code_of(path.read_bytes()) == "unsupported_pixel_format"


def test_saved_pictures_carry_nothing_that_came_along(picture_of, tmp_path):
    secret = b"Patient^Name"
    data = with_chunk(png(GRAY_8), b"tEXt", b"Comment\0" + secret) + secret

    picture_of(data).save(tmp_path)

    written = [tmp_path / name for name in ("pixels.png", "display.jpg", "thumbnail.jpg")]
    assert [secret in path.read_bytes() for path in written] == [False] * 3


def test_saved_pictures_have_their_sizes_and_depths(picture_of, tmp_path):
    pixels = breast(1700, 400, bits=16)

    picture_of(png(pixels)).save(tmp_path)

    with Image.open(tmp_path / "pixels.png") as whole:
        assert (whole.mode, whole.size) == ("I;16", (400, 1700))
        assert np.array_equal(np.asarray(whole), pixels)
    with Image.open(tmp_path / "display.jpg") as display:
        assert (display.mode, display.size) == ("L", (376, 1600))
    with Image.open(tmp_path / "thumbnail.jpg") as thumbnail:
        assert (thumbnail.mode, thumbnail.size) == ("L", (56, 240))


def test_small_picture_is_not_enlarged(picture_of, tmp_path):
    picture_of(png(GRAY_8)).save(tmp_path)

    with Image.open(tmp_path / "display.jpg") as display:
        assert display.size == (80, 96)


def test_black_png_builder_is_a_whole_png(picture_of):
    assert not picture_of(black_png(64, 80)).stored.any()

"""What a file may demand of us. Every figure is explained in docs/limits.md."""

from datetime import timedelta

from scans.errors import ScanFileError

MIB = 1024 * 1024

MAX_FILE_BYTES = 256 * MIB

MAX_REQUEST_BYTES = 4096 * MIB
MAX_PARTS = 500
MAX_PART_HEAD_BYTES = 16 * 1024
MAX_QUERY_ROWS = 500
MAX_QUERY_CHARACTERS = 256
MAX_JSON_VALUE_BYTES = 1024

MIN_SIDE_PX = 64
MAX_SIDE_PX = 8192
MAX_PIXELS = 40_000_000

MAX_SEQUENCE_DEPTH = 16
MAX_ELEMENTS = 20_000
MAX_TEXT_BYTES = 64 * 1024
MAX_CODESTREAM_TILES = 4096

DECODER_MEMORY_BYTES = 1536 * MIB
DECODER_CPU_S = 20
DECODER_WALL_S = 30
DECODER_OUTPUT_BYTES = 128 * MIB
DECODER_REPORT_BYTES = 64 * 1024

DISPLAY_HEIGHT_PX = 1600
THUMBNAIL_HEIGHT_PX = 240

STALE_UPLOAD_AGE = timedelta(hours=24)

TRANSFER_SYNTAXES = {
    "1.2.840.10008.1.2": "Implicit VR Little Endian",
    "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
    "1.2.840.10008.1.2.5": "RLE Lossless",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline (8 bit, lossy)",
    "1.2.840.10008.1.2.4.51": "JPEG Extended (12 bit, lossy)",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless, Process 14",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless, Process 14, Selection Value 1",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000 (lossy)",
}

SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.1.2": "Digital Mammography X-Ray Image Storage - For Presentation",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image Storage, with Modality MG",
}


def check_size(*, rows: int, columns: int) -> None:
    """Refuse a declared size outside the limits, before anything is decoded."""
    sides_fit = all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in (rows, columns))
    if not sides_fit or rows * columns > MAX_PIXELS:
        raise ScanFileError(
            "pixel_limit",
            f"A picture has {MIN_SIDE_PX} to {MAX_SIDE_PX} rows and columns and at "
            f"most {MAX_PIXELS} pixels; {rows} x {columns} arrived.",
            rows=rows,
            columns=columns,
        )

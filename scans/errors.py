"""Why a file is refused: one exception, and the closed list of its codes."""

ERROR_CODES = {
    "charset": "The character set is unknown, or a text does not fit the declared one.",
    "corrupt_pixel_data": "The compressed pixel data cannot be decoded.",
    "damaged_file": "A stored picture is not what was stored.",
    "decoder_failed": "The decoder process ended in a way that was not foreseen.",
    "decoder_limit": "Decoding needed more memory, processor time or wall time than allowed.",
    "empty_file": "The file has no bytes.",
    "file_too_large": "The file is larger than allowed.",
    "for_processing_unsupported": "The picture is raw detector data (FOR PROCESSING).",
    "inconsistent_bits": "Bits Allocated, Bits Stored and High Bit contradict each other.",
    "invalid_date": "A date or time does not exist or is not written as DICOM demands.",
    "invalid_uid": "A required UID is missing or is not a valid DICOM UID.",
    "invalid_value": "An attribute is missing or its value is not allowed.",
    "invalid_window": "Rescale, window or lookup table cannot be applied.",
    "malformed_file": "The bytes do not follow the rules of the file's own format.",
    "multiframe_unsupported": "The file holds several frames, such as a tomosynthesis series.",
    "no_pixel_data": "The file holds no picture.",
    "not_a_mammogram": "The modality is not MG.",
    "pixel_data_mismatch": "The pixel data contradicts the size or depth of the header.",
    "pixel_limit": "The picture has too few or too many rows, columns or pixels.",
    "storage_full": "The server has no room left on disk.",
    "text_limit": "A text value is longer than allowed.",
    "too_deep": "Sequences are nested deeper than allowed.",
    "too_many_elements": "The file holds more elements than allowed.",
    "truncated_file": "The file ends before what it announces, or an element's length is wrong.",
    "unsupported_file_type": "The content is neither DICOM nor PNG nor JPEG.",
    "unsupported_pixel_format": "Colour, palette, float or another sample format that is not read.",
    "unsupported_sop_class": "The DICOM object is not of a kind that is read.",
    "unsupported_transfer_syntax": "The DICOM transfer syntax is not one of those allowed.",
}
"""Each code with its meaning; codes are stable, callers depend on them."""


class ScanFileError(ValueError):
    """A file that is not taken in.

    ``detail`` is a sentence for the person who sent it; ``context`` holds limits, counts and
    attribute names as JSON values, never an identity.
    """

    def __init__(self, code: str, detail: str, **context: object) -> None:
        if code not in ERROR_CODES:
            raise KeyError(code)
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.context = context

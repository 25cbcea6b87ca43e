"""DICOMweb over HTTP: STOW-RS, QIDO-RS and WADO-RS."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, ClassVar

from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework.exceptions import NotAcceptable, UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.reverse import reverse
from rest_framework.viewsets import ViewSet

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission
from mammotrack.errors import (
    Forbidden,
    Inconsistent,
    MammoTrackError,
    NotFound,
    TooLarge,
    Unavailable,
)
from scans import arrivals, limits
from scans.dicom_structure import named_in
from scans.dicomweb import answers, media_types, queries
from scans.dicomweb.instances import Instance
from scans.dicomweb.media_types import DICOM, DICOM_JSON, MULTIPART, OCTETS
from scans.dicomweb.multipart import MalformedMultipart, Part, PartReader
from scans.media import stored_picture
from scans.models import Mammogram, UnmatchedFile
from scans.services import object_store

_LONGEST_BOUNDARY = 200  # RFC 2046 says 70, and Orthanc makes 73
_START_BYTES = 4096  # of a file, enough for its file meta information
_JSON = (DICOM_JSON, "application/json")
_PICTURES = {"image/jpeg": "display.jpg", "image/png": "pixels.png"}


class NoInstances(Inconsistent):
    code = "no_instances"


class ByMediaType(BaseContentNegotiation):
    """The views look at ``Accept`` themselves: it may name transfer syntaxes."""

    def select_parser(self, request: Request, parsers: Any) -> None:
        return None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class DicomWebViewSet(ViewSet):
    permissions: ClassVar[dict[str, Permission]] = {
        "store": Permission.UPLOAD_SCANS,
        **dict.fromkeys(
            ("studies", "series", "instances", "retrieve", "describe"), Permission.READ_SCANS
        ),
        **dict.fromkeys(("frames", "rendered", "thumbnail"), Permission.READ_SCANS),
    }
    http_method_names = ["get", "head", "post"]
    content_negotiation_class = ByMediaType
    schema = None  # the standard describes it

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]  # no other passes

    def address(self, *uids: str) -> str:
        """Of a study, a series or an instance."""
        keys = dict(zip(("study", "series", "instance"), uids, strict=False))
        name = ("study", "one-series", "instance")[len(uids) - 1]
        return reverse(f"dicomweb:{name}", kwargs=keys, request=self.request)

    # STOW-RS ---------------------------------------------------------------------------------

    def store(self, request: Request, study: str | None = None) -> HttpResponse:
        report = answers.StoreReport()
        arrivals.clinic_of(self.user)
        for part in _parts(request):
            if media_types.parse(part.headers.get("content-type", DICOM)).name != DICOM:
                raise UnsupportedMediaType(part.headers["content-type"][:80])
            self._take(part, study, report)
        if report.is_empty:
            raise NoInstances("The request holds no file.")
        where = self.address(study) if study else None
        return _json(report.as_json(where), status=report.status)

    def _take(self, part: Part, study: str | None, report: answers.StoreReport) -> None:
        start = bytearray()
        chunks = _noting(part.chunks, start)
        try:
            taken = arrivals.take_arrival(chunks, sent_by=self.user, study_instance_uid=study)
        except (Forbidden, TooLarge, Unavailable, MalformedMultipart):
            raise  # of the request, or of this server: nothing about the one file
        except MammoTrackError as error:
            report.refused(named_in(bytes(start)), error)
            return
        if isinstance(taken, UnmatchedFile):
            report.waits(named_in(bytes(start)), taken.reason)
        else:
            report.stored(taken.mammogram, self.address)

    # QIDO-RS ---------------------------------------------------------------------------------

    def studies(self, request: Request) -> HttpResponse:
        query = queries.read_query(request.query_params.dict(), queries.STUDY_KEYS)
        exams, more = _page(queries.studies(self.user, query), query)
        pictures = queries.with_pictures(exams)
        found = [
            answers.study(exam, pictures[exam.pk], self.address)
            for exam in exams
            if pictures[exam.pk]
        ]
        return _found(request, found, query, more)

    def series(self, request: Request, study: str | None = None) -> HttpResponse:
        query = self._query(queries.SERIES_KEYS, study=study)
        wanted = queries.values(query.keys, "SeriesInstanceUID")
        rows = queries.instances(self.user, query)[: limits.MAX_QUERY_ROWS]
        grouped = [
            group
            for group in answers.by_series(rows)
            if not wanted or group[0].series_uid in wanted
        ]
        page = grouped[query.offset : query.offset + query.limit]
        found = [answers.series(group, self.address) for group in page]
        more = len(grouped) > query.offset + query.limit or len(rows) == limits.MAX_QUERY_ROWS
        return _found(request, found, query, more)

    def instances(
        self, request: Request, study: str | None = None, series: str | None = None
    ) -> HttpResponse:
        query = self._query(queries.INSTANCE_KEYS, study=study, series=series)
        rows, more = _page(queries.instances(self.user, query), query)
        wanted = queries.values(query.keys, "SeriesInstanceUID")
        found = [
            answers.instance(row, self.address)
            for row in rows
            if not wanted or row.series_uid in wanted
        ]
        return _found(request, found, query, more)

    def _query(self, allowed: frozenset[str], **uids: str | None) -> queries.Query:
        """What the parameters ask for, below what the address names."""
        keywords = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID"}
        given = {keywords[name]: uid for name, uid in uids.items() if uid}
        parameters = self.request.query_params.dict()
        return queries.read_query(parameters | given, allowed)

    # WADO-RS ---------------------------------------------------------------------------------

    def retrieve(self, request: Request, **uids: str) -> HttpResponseBase:
        found = [Instance(row) for row in queries.instances_at(self.user, **uids)]
        header = _accept(request)
        encoded = []
        for instance in found:
            encoding = media_types.choose_encoding(
                header, content=DICOM, stored=instance.transfer_syntax
            )
            if encoding is None or not (encoding.in_parts or len(found) == 1):
                raise NotAcceptable
            encoded.append((encoding, instance.file(encoding.transfer_syntax)))
        if not encoded[0][0].in_parts:
            return _stream(encoded[0][1], content_type=DICOM)
        kinds = [f"{DICOM}; transfer-syntax={encoding.transfer_syntax}" for encoding, _ in encoded]
        return _multipart(zip(kinds, [pieces for _, pieces in encoded], strict=True), DICOM)

    def describe(self, request: Request, **uids: str) -> HttpResponse:
        found = queries.instances_at(self.user, **uids)
        _require_json(request)
        return _json([Instance(row).as_json() for row in found])

    def frames(self, request: Request, number: str, **uids: str) -> HttpResponseBase:
        instance = Instance(self._one(**uids))
        if set(number.split(",")) != {"1"}:
            raise NotFound("A mammogram has one frame, number 1.")
        encoding = media_types.choose_encoding(
            _accept(request), content=OCTETS, stored=instance.transfer_syntax
        )
        if encoding is None:
            raise NotAcceptable
        pieces = instance.frame(encoding.transfer_syntax)
        if not encoding.in_parts:
            return _stream(pieces, content_type=OCTETS)
        kind = f"{OCTETS}; transfer-syntax={encoding.transfer_syntax}"
        return _multipart([(kind, pieces)], OCTETS)

    def rendered(self, request: Request, **uids: str) -> FileResponse:
        """As a page shows it: a JPEG to look at, or every pixel as PNG."""
        chosen = media_types.choose(_accept(request), list(_PICTURES))
        return self._picture(_PICTURES.get(chosen or ""), **uids)

    def thumbnail(self, request: Request, **uids: str) -> FileResponse:
        """Of an instance; of a series or study, that of its first."""
        chosen = media_types.choose(_accept(request), ["image/jpeg"])
        return self._picture("thumbnail.jpg" if chosen else None, **uids)

    def _picture(self, name: str | None, **uids: str) -> FileResponse:
        mammogram = self._one(**uids)
        if name is None:
            raise NotAcceptable
        if unsupported := sorted(self.request.query_params.keys() - {"accept"}):
            raise queries.InvalidQuery(f"{unsupported[0][:40]} is not supported.")
        path = object_store().derived_path(mammogram.sha256, name)
        return stored_picture(path, name=str(mammogram.pk))

    def _one(self, **uids: str) -> Mammogram:
        return queries.instances_at(self.user, **uids)[0]


def _accept(request: Request) -> str:
    """The media types wanted; where the address names them, the header does not count.

    A viewer names them there that cannot set headers (PS3.18 section 8.3.3.1).
    """
    return request.query_params.get("accept") or request.headers.get("Accept", "")


def _parts(request: Request) -> Iterable[Part]:
    """The files of a STOW body, read from the connection as they come."""
    sent = media_types.parse(request.headers.get("Content-Type", ""))
    encoded = request.headers.get("Content-Encoding", "identity") != "identity"
    if sent.name != MULTIPART or sent.parameters.get("type", DICOM) != DICOM or encoded:
        raise UnsupportedMediaType(sent.name[:80])
    boundary = sent.parameters.get("boundary", "")
    if not (1 <= len(boundary) <= _LONGEST_BOUNDARY and boundary.isascii()):
        raise MalformedMultipart("The Content-Type names no boundary.")
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if int(announced) > limits.MAX_REQUEST_BYTES:
        raise TooLarge("The request is larger than allowed.", code="body_too_large")
    return PartReader(_reader(request), boundary)


def _reader(request: Request) -> Callable[[int], bytes]:
    """Of the body; one sent in chunks has no length, and the server says where it ends."""
    if request.META.get("wsgi.input_terminated") and not request.META.get("CONTENT_LENGTH"):
        return request.META["wsgi.input"].read
    return request._request.read


def _noting(chunks: Iterable[bytes], start: bytearray) -> Iterator[bytes]:
    """The same chunks; their first bytes are kept aside."""
    for chunk in chunks:
        if len(start) < _START_BYTES:
            start += chunk[: _START_BYTES - len(start)]
        yield chunk


def _page(rows: Any, query: queries.Query) -> tuple[list[Any], bool]:
    """The rows asked for, and whether there are more."""
    found = list(rows[query.offset : query.offset + query.limit + 1])
    return found[: query.limit], len(found) > query.limit


def _found(request: Request, rows: list[Any], query: queries.Query, more: bool) -> HttpResponse:
    _require_json(request)
    response = _json(rows) if rows else HttpResponse(status=204)
    warnings = list(query.warnings)
    if more:
        warnings.append("There are more results; ask for them with offset.")
    if warnings:
        response["Warning"] = ", ".join(f'299 MammoTrack "{text}"' for text in warnings)
    return response


def _require_json(request: Request) -> None:
    if media_types.choose(_accept(request), _JSON) is None:
        raise NotAcceptable


def _json(content: object, *, status: int = 200) -> HttpResponse:
    return HttpResponse(json.dumps(content), status=status, content_type=DICOM_JSON)


def _stream(pieces: Iterable[bytes], *, content_type: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type=content_type)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _multipart(parts: Iterable[tuple[str, Iterable[bytes]]], content: str) -> StreamingHttpResponse:
    boundary = uuid.uuid4().hex

    def pieces() -> Iterator[bytes]:
        for kind, part in parts:
            yield f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode()
            yield from part
            yield b"\r\n"
        yield f"--{boundary}--\r\n".encode()

    return _stream(
        chain(pieces()), content_type=f'{MULTIPART}; type="{content}"; boundary={boundary}'
    )

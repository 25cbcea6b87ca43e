"""Every address below /dicomweb/. As the standard has them, none ends with a slash."""

from typing import Any

from django.urls import URLPattern, path

from scans.dicomweb.views import DicomWebViewSet

app_name = "dicomweb"

STUDY = "studies/<str:study>"
SERIES = f"{STUDY}/series/<str:series>"
INSTANCE = f"{SERIES}/instances/<str:instance>"


def _at(address: str, name: str, **actions: Any) -> URLPattern:
    return path(address, DicomWebViewSet.as_view(actions), name=name)


urlpatterns = [
    _at("studies", "studies", get="studies", post="store"),
    _at(STUDY, "study", get="retrieve", post="store"),
    _at(f"{STUDY}/metadata", "study-metadata", get="describe"),
    _at("series", "series", get="series"),
    _at(f"{STUDY}/series", "study-series", get="series"),
    _at(SERIES, "one-series", get="retrieve"),
    _at(f"{SERIES}/metadata", "series-metadata", get="describe"),
    _at("instances", "instances", get="instances"),
    _at(f"{STUDY}/instances", "study-instances", get="instances"),
    _at(f"{SERIES}/instances", "series-instances", get="instances"),
    _at(INSTANCE, "instance", get="retrieve"),
    _at(f"{INSTANCE}/metadata", "metadata", get="describe"),
    _at(f"{INSTANCE}/frames/<str:number>", "frames", get="frames"),
    _at(f"{INSTANCE}/rendered", "rendered", get="rendered"),
    _at(f"{STUDY}/thumbnail", "study-thumbnail", get="thumbnail"),
    _at(f"{SERIES}/thumbnail", "series-thumbnail", get="thumbnail"),
    _at(f"{INSTANCE}/thumbnail", "thumbnail", get="thumbnail"),
]

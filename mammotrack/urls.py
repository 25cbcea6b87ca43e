"""Every address of the site. The apps' own lists say what lies below."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler429 = "mammotrack.middleware.too_many_attempts"  # allauth's
handler404 = "mammotrack.api.problems.page_not_found"
handler500 = "mammotrack.api.problems.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("mammotrack.accounts.urls")),
    path("audit/", include("mammotrack.audit.urls")),
    path("patients/", include("patients.urls")),
    path("", include("scans.urls")),
    path("", include("analysis.urls")),
    path("dicomweb/", include("scans.dicomweb.urls")),
    path("dicomweb/", include("analysis.dicom_out.urls")),
    path("fhir/R4/", include("analysis.fhir.urls")),
    path("api/v1/", include("mammotrack.api.router")),
    path("admin/", admin.site.urls),
]

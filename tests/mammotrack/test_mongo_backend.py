"""The backend's queries: right rows, and by index. Throwaway models, a real MongoDB."""

# ruff: noqa: DJ008 -- models without a text: nobody reads them

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, models
from django.db.models import Count, Exists, F, OuterRef, QuerySet
from django.test.utils import isolate_apps
from pytest_django import DjangoDbBlocker

from tests.mongo import collections_of

pytestmark = pytest.mark.django_db

CLINICS, PATIENTS_EACH, VISITS_EACH = 3, 20, 4
PATIENTS = CLINICS * PATIENTS_EACH
VISITS = PATIENTS * VISITS_EACH
PAGE = 7


class Keyed(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_column="_id")

    class Meta:
        abstract = True


with isolate_apps("tests"):

    class Clinic(Keyed):
        name = models.CharField(max_length=40, unique=True)

        class Meta:
            app_label = "tests"

    class Patient(Keyed):
        clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, db_index=False)
        number = models.IntegerField()
        nickname = models.CharField(max_length=40, unique=True, null=True)  # noqa: DJ001

        class Meta:
            app_label = "tests"
            constraints = [
                models.UniqueConstraint(fields=["clinic", "number"], name="number_in_clinic"),
            ]

    class Visit(Keyed):
        patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="visits")
        referred_by = models.ForeignKey(
            Patient, on_delete=models.PROTECT, null=True, related_name="+"
        )
        day = models.IntegerField()
        is_open = models.BooleanField(default=False)

        class Meta:
            app_label = "tests"
            constraints = [
                models.UniqueConstraint(
                    fields=["patient"],
                    condition=models.Q(is_open=True),
                    name="one_open_visit",
                ),
            ]
            indexes = [models.Index(fields=["day", "id"], name="visit_by_day")]


@pytest.fixture(scope="module", autouse=True)
def collections(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), collections_of(Clinic, Patient, Visit):
        yield


@pytest.fixture
def rows() -> None:
    """Visits of all patients interleaved: day n is the n-th visit of the whole world."""
    clinics = Clinic.objects.bulk_create(Clinic(name=f"Clinic {i}") for i in range(CLINICS))
    patients = Patient.objects.bulk_create(
        Patient(clinic=clinics[i % CLINICS], number=i, nickname=f"nick-{i}")
        for i in range(PATIENTS)
    )
    Visit.objects.bulk_create(Visit(patient=patients[i % PATIENTS], day=i) for i in range(VISITS))


class Plan:
    """What MongoDB says it did for a query."""

    def __init__(self, queryset: QuerySet) -> None:
        explained = json.loads(queryset.explain(verbosity="executionStats"))
        del explained["command"]  # the query itself, in which $sort stands in any case
        self._found = list(_walk(explained))

    def figures(self, name: str) -> list[int]:
        return [value for key, value in self._found if key == name]

    @property
    def documents(self) -> int:
        """Documents read from the collection itself; later figures are those of joins."""
        return self.figures("totalDocsExamined")[0]

    @property
    def joined_documents(self) -> int:
        return sum(self.figures("totalDocsExamined")[1:])

    def is_by_index(self) -> bool:
        """Neither the collection nor a joined one is read whole, and nothing is sorted."""
        stages = {value for key, value in self._found if key in ("stage", "strategy")}
        return (
            not {"COLLSCAN", "SORT"} & stages
            and not self.figures("$sort")
            and not any(self.figures("collectionScans"))
        )


def _walk(explained: object) -> Iterator[tuple[str, Any]]:
    if isinstance(explained, dict):
        for key, value in explained.items():
            if key != "rejectedPlans":
                yield key, value
                yield from _walk(value)
    elif isinstance(explained, list):
        for item in explained:
            yield from _walk(item)


@contextmanager
def profiled(model: type[models.Model]) -> Iterator[list[dict[str, Any]]]:
    """Filled, at the end, with what MongoDB's profiler noted of commands on that collection."""
    database, commands = connection.database, []
    database.command("profile", 2)
    try:
        yield commands
    finally:
        database.command("profile", 0)
    namespace = f"{database.name}.{model._meta.db_table}"
    commands += database["system.profile"].find({"ns": namespace})
    database.drop_collection("system.profile")


@pytest.mark.usefixtures("rows")
class TestPlans:
    def test_primary_key(self) -> None:
        plan = Plan(Patient.objects.filter(pk=Patient.objects.get(number=5).pk))
        assert plan.is_by_index()
        assert plan.documents == 1

    def test_unique_field(self) -> None:
        plan = Plan(Clinic.objects.filter(name="Clinic 1"))
        assert plan.is_by_index()
        assert plan.documents == 1

    def test_unique_constraint(self) -> None:
        clinic = Clinic.objects.get(name="Clinic 2")
        plan = Plan(Patient.objects.filter(clinic=clinic, number=5))
        assert plan.is_by_index()
        assert plan.documents == 1

    @pytest.mark.parametrize("order", [("day", "id"), ("-day", "-id")])
    def test_sorted_page(self, order: tuple[str, str]) -> None:
        page = Visit.objects.order_by(*order)[:PAGE]
        plan = Plan(page)
        assert plan.is_by_index()
        assert plan.documents == PAGE
        days = range(VISITS) if order[0] == "day" else range(VISITS - 1, 0, -1)
        assert [visit.day for visit in page] == list(days)[:PAGE]

    def test_second_page(self) -> None:
        page = Visit.objects.order_by("day", "id")[PAGE : 2 * PAGE]
        assert Plan(page).is_by_index()
        assert [visit.day for visit in page] == list(range(PAGE, 2 * PAGE))

    def test_page_of_values(self) -> None:
        page = Visit.objects.order_by("-day", "-id").values_list("day", "patient__number")[:PAGE]
        plan = Plan(page)
        assert plan.is_by_index()
        assert plan.documents == PAGE
        assert list(page) == [
            (day, day % PATIENTS) for day in range(VISITS - 1, VISITS - 1 - PAGE, -1)
        ]

    def test_page_with_exists(self) -> None:
        later = Visit.objects.filter(patient=OuterRef("patient"), day__gt=OuterRef("day"))
        page = Visit.objects.annotate(is_last=~Exists(later)).order_by("-day", "-id")
        page = page[PATIENTS - 2 : PATIENTS + 2]
        assert Plan(page).is_by_index()
        assert [visit.is_last for visit in page] == [True, True, False, False]

    def test_page_with_select_related(self) -> None:
        page = Visit.objects.select_related("patient__clinic", "referred_by").order_by("day", "id")
        page = page[:PAGE]
        plan = Plan(page)
        assert plan.is_by_index()
        assert plan.documents == PAGE
        assert plan.joined_documents <= 2 * PAGE
        assert [(v.patient.number, v.patient.clinic.name, v.referred_by) for v in page] == [
            (day, f"Clinic {day % CLINICS}", None) for day in range(PAGE)
        ]

    def test_prefetch_of_a_foreign_key(self) -> None:
        with profiled(Patient) as commands:
            visits = list(Visit.objects.order_by("day", "id")[:PAGE].prefetch_related("patient"))
        (prefetch,) = commands
        assert prefetch["planSummary"] == "IXSCAN { _id: 1 }"
        assert prefetch["docsExamined"] == PAGE
        assert [visit.patient.number for visit in visits] == list(range(PAGE))

    @pytest.mark.parametrize(
        ("visits", "sent"),
        [
            (Visit.objects.only("day"), {"_id", "day"}),
            (Visit.objects.defer("referred_by", "is_open"), {"_id", "patient_id", "day"}),
            (
                Visit.objects.select_related("patient").only("day", "patient__number"),
                {"_id", "patient_id", "day", "tests_patient"},
            ),
        ],
        ids=["only", "defer", "joined"],
    )
    def test_fields_left_out_are_not_sent(self, visits: QuerySet, sent: set[str]) -> None:
        page = visits.order_by("day", "id")[:PAGE]
        assert Plan(page).is_by_index()
        with profiled(Visit) as commands:
            assert [visit.day for visit in page] == list(range(PAGE))
        (asked,) = commands
        documents = connection.database[Visit._meta.db_table].aggregate(
            asked["command"]["pipeline"]
        )
        assert {name for document in documents for name in document} == sent

    def test_count_of_a_filter(self) -> None:
        with profiled(Visit) as commands:
            count = Visit.objects.filter(patient__in=list(Patient.objects.all()[:2])).count()
        (counted,) = commands
        assert count == 2 * VISITS_EACH
        assert counted["planSummary"].startswith("IXSCAN")


@pytest.mark.usefixtures("rows")
class TestRows:
    """Queries whose joins may not move after the limit give the same rows as ever."""

    def test_order_of_the_joined_row(self) -> None:
        page = Visit.objects.select_related("patient").order_by("-patient__number", "day")[:5]
        last = PATIENTS - 1
        assert [(v.patient.number, v.day) for v in page] == [
            (last, last),
            (last, last + PATIENTS),
            (last, last + 2 * PATIENTS),
            (last, last + 3 * PATIENTS),
            (last - 1, last - 1),
        ]

    def test_filter_on_the_joined_row(self) -> None:
        page = Visit.objects.select_related("patient").filter(patient__number__gte=PATIENTS - 2)
        page = page.order_by("day", "id")[:3]
        assert [visit.day for visit in page] == [58, 59, 118]

    def test_rows_of_a_reverse_join(self) -> None:
        page = Patient.objects.filter(number=1).order_by("number")
        page = page.values_list("number", "visits__day")[:3]
        assert sorted(page) == [(1, 1), (1, 61), (1, 121)]

    def test_order_by_annotation(self) -> None:
        page = Visit.objects.annotate(wrapped=F("day") % 100).order_by("wrapped", "day")[:4]
        assert [visit.day for visit in page] == [0, 100, 200, 1]

    def test_group(self) -> None:
        counted = Patient.objects.annotate(n=Count("visits")).order_by("number")[:2]
        assert [(patient.number, patient.n) for patient in counted] == [(0, 4), (1, 4)]

    def test_distinct(self) -> None:
        names = Patient.objects.order_by("clinic__name").values_list("clinic__name").distinct()
        assert list(names[:2]) == [("Clinic 0",), ("Clinic 1",)]

    def test_union(self) -> None:
        first = Visit.objects.filter(day__lt=2)
        last = Visit.objects.filter(day__gte=VISITS - 1)
        united = first.union(last).order_by("day")
        assert [visit.day for visit in united] == [0, 1, VISITS - 1]

    def test_subquery(self) -> None:
        first = Visit.objects.filter(patient=OuterRef("pk")).order_by("-day").values("day")[:1]
        latest = Patient.objects.annotate(latest=first).order_by("number").values_list("latest")
        assert list(latest[:2]) == [(180,), (181,)]

    def test_update_and_delete(self) -> None:
        assert Visit.objects.filter(day__lt=5).update(day=F("day") + 1000) == 5
        assert Visit.objects.filter(day__gte=1000).delete() == (5, {"tests.Visit": 5})
        assert Visit.objects.count() == VISITS - 5


class TestUniqueness:
    @pytest.fixture
    def clinic(self) -> Clinic:
        return Clinic.objects.create(name="North")

    def test_unique_field(self, clinic: Clinic) -> None:
        with pytest.raises(IntegrityError):
            Clinic.objects.create(name=clinic.name)

    def test_unique_constraint(self, clinic: Clinic) -> None:
        Patient.objects.create(clinic=clinic, number=1)
        with pytest.raises(IntegrityError):
            Patient.objects.create(clinic=clinic, number=1)

    def test_null_is_never_equal(self, clinic: Clinic) -> None:
        for number in (1, 2):
            Patient.objects.create(clinic=clinic, number=number, nickname=None)
        assert Patient.objects.count() == 2

    def test_conditional_constraint(self, clinic: Clinic) -> None:
        patient = Patient.objects.create(clinic=clinic, number=1)
        for day in (1, 2):
            Visit.objects.create(patient=patient, day=day)
        Visit.objects.create(patient=patient, day=3, is_open=True)
        with pytest.raises(IntegrityError):
            Visit.objects.create(patient=patient, day=4, is_open=True)

    def test_column_that_begins_to_allow_null(self, clinic: Clinic) -> None:
        before = Clinic._meta.get_field("name")
        after = models.CharField(max_length=40, unique=True, null=True)
        after.set_attributes_from_name("name")
        after.model = Clinic
        clinics = connection.database["tests_clinic"]
        with connection.schema_editor() as editor:
            editor.alter_field(Clinic, before, after)
        try:
            clinics.insert_many([{"_id": "a", "name": None}, {"_id": "b", "name": None}])
        finally:
            clinics.delete_many({"name": None})
            with connection.schema_editor() as editor:
                editor.alter_field(Clinic, after, before)
        assert Plan(Clinic.objects.filter(name="North")).documents == 1


class TestIexact:
    @pytest.fixture(autouse=True)
    def clinics(self) -> None:
        Clinic.objects.create(name="St. Mary (West)")
        Clinic.objects.create(name="Stx Mary")

    @pytest.mark.parametrize(
        ("text", "found"),
        [("st. mary (west)", ["St. Mary (West)"]), (".*", []), ("(", []), ("St. Mary", [])],
    )
    def test_compares_text(self, text: str, found: list[str]) -> None:
        names = Clinic.objects.filter(name__iexact=text).values_list("name", flat=True)
        assert list(names) == found

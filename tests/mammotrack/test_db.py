"""Transactions on a real MongoDB, failing commits and conflicts included."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress

import pytest
from django.db import DatabaseError, IntegrityError, connection, models
from django.db.transaction import TransactionManagementError
from django.test.utils import isolate_apps
from pymongo.errors import OperationFailure
from pytest_django import DjangoDbBlocker

from mammotrack import db
from mammotrack.db import atomic, is_transient, on_commit, retry_on_conflict
from tests.mongo import collections_of, fail_point

pytestmark = pytest.mark.django_db(transaction=True)

NO_SUCH_TRANSACTION = 251
HOST_UNREACHABLE = 6
OUT_OF_DISK_SPACE = 14031
CONFLICT = OperationFailure("met another", details={"errorLabels": ["TransientTransactionError"]})

with isolate_apps("tests"):

    class Counter(models.Model):  # noqa: DJ008
        id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_column="_id")
        name = models.CharField(max_length=20, unique=True)
        value = models.IntegerField(default=0)

        class Meta:
            app_label = "tests"


@pytest.fixture(scope="module", autouse=True)
def collections(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), collections_of(Counter):
        yield


class Failure(Exception):
    pass


def add(*names: str) -> None:
    for name in names:
        Counter.objects.create(name=name)


def add_together(*names: str) -> None:
    with atomic():
        add(*names)


def add_and_fail(*names: str) -> None:
    with atomic():
        add(*names)
        raise Failure


def names() -> list[str]:
    return list(Counter.objects.order_by("name").values_list("name", flat=True))


def failing_commit(
    uri: str, *, times: int, code: int, labels: list[str] | None = None
) -> AbstractContextManager[None]:
    """Without labels the server says itself whether trying again makes sense."""
    options = {} if labels is None else {"errorLabels": labels}
    commands = ["commitTransaction"]
    mode = {"times": times}
    return fail_point(
        uri, "failCommand", mode=mode, failCommands=commands, errorCode=code, **options
    )


class TestAtomic:
    def test_saves_the_whole_block(self) -> None:
        add_together("a", "b")
        assert names() == ["a", "b"]

    def test_saves_nothing_when_the_block_raises(self) -> None:
        def change_all_and_fail() -> None:
            with atomic():
                Counter.objects.filter(name="a").update(value=7)
                Counter.objects.filter(name="b").delete()
                add_and_fail("c")

        add("a", "b")
        with pytest.raises(Failure):
            change_all_and_fail()
        values = Counter.objects.order_by("name").values_list("name", "value")
        assert list(values) == [("a", 0), ("b", 0)]

    def test_is_not_seen_from_outside_before_the_end(self) -> None:
        with ThreadPoolExecutor(1) as other, atomic():
            add("a")
            assert names() == ["a"]
            assert other.submit(names).result() == []

    def test_inner_block_joins_the_outer(self) -> None:
        def fail_after_inner_block() -> None:
            with atomic():
                add_together("a")
                raise Failure

        with pytest.raises(Failure):
            fail_after_inner_block()
        assert names() == []

    def test_failed_inner_block_cannot_be_saved_in_part(self) -> None:
        def swallow() -> None:
            with atomic():
                add("a")
                with suppress(Failure):
                    add_and_fail("b")

        with pytest.raises(TransactionManagementError):
            swallow()
        assert names() == []
        add_together("c")
        assert names() == ["c"]

    def test_integrity_error_ends_the_transaction(self) -> None:
        add("a")
        with pytest.raises(IntegrityError):
            add_together("b", "a")
        assert names() == ["a"]

    def test_error_while_reading_on_is_a_database_error(self) -> None:
        with pytest.raises(DatabaseError), atomic():
            raise OperationFailure("the cursor was lost")

    @pytest.mark.parametrize("code", [NO_SUCH_TRANSACTION, OUT_OF_DISK_SPACE])
    def test_after_a_failed_commit_the_next_block_is_a_transaction(
        self, mongo_server: str, code: int
    ) -> None:
        with (
            failing_commit(mongo_server, times=1, code=code, labels=[]),
            pytest.raises(DatabaseError),
        ):
            add_together("a")
        assert connection.session is None
        with pytest.raises(Failure):
            add_and_fail("b")
        assert names() == []

    def test_commit_of_unknown_outcome_is_asked_again(self, mongo_server: str) -> None:
        labels = ["UnknownTransactionCommitResult"]
        with failing_commit(mongo_server, times=2, code=HOST_UNREACHABLE, labels=labels):
            add_together("a")
        assert names() == ["a"]


class TestOnCommit:
    def test_runs_after_the_outermost_block(self) -> None:
        seen: list[list[str]] = []
        with ThreadPoolExecutor(1) as other:
            with atomic():
                with atomic():
                    add("a")
                    on_commit(lambda: seen.append(other.submit(names).result()))
                assert seen == []
            assert seen == [["a"]]

    def test_runs_at_once_outside_of_a_transaction(self) -> None:
        called: list[int] = []
        on_commit(lambda: called.append(1))
        assert called == [1]

    def test_is_dropped_with_the_transaction(self, mongo_server: str) -> None:
        called: list[str] = []

        def add_with_hook(name: str, *, fail: bool) -> None:
            with atomic():
                add(name)
                on_commit(lambda: called.append(name))
                if fail:
                    raise Failure

        with pytest.raises(Failure):
            add_with_hook("a", fail=True)
        with (
            failing_commit(mongo_server, times=1, code=OUT_OF_DISK_SPACE, labels=[]),
            pytest.raises(DatabaseError),
        ):
            add_with_hook("b", fail=False)
        add_with_hook("c", fail=False)
        assert called == ["c"]


class TestRetryOnConflict:
    def test_loses_no_update(self) -> None:
        threads, each = 8, 25
        add("shared")

        @retry_on_conflict
        def increment() -> None:
            with atomic():
                value = Counter.objects.get(name="shared").value
                same = Counter.objects.filter(name="shared", value=value)
                assert same.update(value=value + 1) == 1

        def increment_many() -> None:
            for _ in range(each):
                increment()

        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(increment_many) for _ in range(threads)]:
                done.result()
        assert Counter.objects.get(name="shared").value == threads * each

    def test_repeats_a_conflict_at_commit(self, mongo_server: str) -> None:
        calls: list[str] = []

        @retry_on_conflict
        def add_once(name: str) -> str:
            calls.append(name)
            add_together(name)
            return name

        with failing_commit(mongo_server, times=2, code=NO_SUCH_TRANSACTION):
            assert add_once("a") == "a"
        assert calls == ["a"] * 3
        assert names() == ["a"]

    def test_gives_up_after_twelve_attempts(
        self, mongo_server: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(db, "FIRST_PAUSE_S", 0)
        calls: list[int] = []

        @retry_on_conflict
        def add_once() -> None:
            calls.append(1)
            add_together("a")

        with (
            failing_commit(mongo_server, times=100, code=NO_SUCH_TRANSACTION),
            pytest.raises(DatabaseError) as raised,
        ):
            add_once()
        assert is_transient(raised.value)
        assert len(calls) == 12
        assert names() == []

    def test_does_not_repeat_what_is_saved(self) -> None:
        def conflict() -> None:
            raise DatabaseError from CONFLICT

        @retry_on_conflict
        def add_once() -> None:
            with atomic():
                add(f"counter {Counter.objects.count()}")
                on_commit(conflict)

        with pytest.raises(DatabaseError):
            add_once()
        assert names() == ["counter 0"]

    def test_leaves_the_repetition_to_the_outer_transaction(self) -> None:
        calls: list[int] = []

        @retry_on_conflict
        def conflict() -> None:
            calls.append(1)
            raise DatabaseError from CONFLICT

        with pytest.raises(DatabaseError), atomic():
            conflict()
        assert len(calls) == 1

    def test_does_not_repeat_other_errors(self) -> None:
        calls: list[int] = []

        @retry_on_conflict
        def add_twice() -> None:
            calls.append(1)
            add_together("a", "a")

        with pytest.raises(IntegrityError) as raised:
            add_twice()
        assert not is_transient(raised.value)
        assert len(calls) == 1

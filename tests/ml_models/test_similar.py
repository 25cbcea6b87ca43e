"""The reference set, the search in it, and the measure of what it is worth."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis.demo.patients import PICTURES
from analysis.imaging.breast import prepare_breast
from analysis.imaging.decode import load_pixels
from analysis.imaging.likeness import structural_likeness
from ml_models.classifier import Classifier
from ml_models.dataset import Sample
from ml_models.errors import ModelError
from ml_models.registry import active_manifest
from ml_models.similar.build import stored_pixel_sha256
from ml_models.similar.measure import Labelled, worth
from ml_models.similar.reference import FOLDER, ReferenceSet
from ml_models.similar.search import (
    NO_REFERENCE,
    NOT_ASSESSABLE,
    OTHER_MODEL,
    SHOWN,
    find_similar,
)
from scans.sandbox import decode_file
from tests.phantoms import phantom

DEMO = PICTURES / "cdd107-L-CC.png"


@pytest.fixture(scope="module")
def shipped() -> ReferenceSet:
    return ReferenceSet.load()


class TestShipped:
    def test_it_speaks_of_its_sources(self, shipped):
        assert len(shipped.cases) == len(shipped.features) == 97
        assert {(c.dataset, c.licence) for c in shipped.cases} == {("CDD-CESM", "CC BY 4.0")}
        assert all("10.7937/29kw-ae92" in c.attribution for c in shipped.cases)
        assert len({c.case for c in shipped.cases}) == 97
        assert {c.pathology for c in shipped.cases} == {"benign", "malignant", "mixed", "normal"}

    def test_a_dozen_pictures_and_no_more(self, shipped):
        shown = [shipped.picture_path(c.case) for c in shipped.cases if c.picture]
        assert sorted(shown) == sorted((FOLDER / "pictures").glob("*.jpg"))
        assert len(shown) == 12

    def test_its_features_are_those_of_the_active_model(self, shipped):
        """Another active model needs ``python -m ml_models.similar.build``."""
        assert shipped.model_sha256 == active_manifest().sha256

    def test_features_that_are_not_the_released_ones_are_refused(self, tmp_path):
        shutil.copytree(FOLDER, tmp_path / "set")
        with (tmp_path / "set" / "features.npz").open("ab") as file:
            file.write(b"\0")
        with pytest.raises(ModelError) as refusal:
            ReferenceSet.load(tmp_path / "set")
        assert refusal.value.code == "hash_mismatch"

    def test_a_picture_that_is_not_shipped_has_no_path(self, shipped):
        absent = next(c.case for c in shipped.cases if not c.picture)
        assert shipped.picture_path(absent) is None
        assert shipped.picture_path("../manifest") is None

    def test_a_picture_of_the_set_is_known_again_when_it_is_uploaded(self, shipped, tmp_path):
        uploaded = decode_file(DEMO, tmp_path).pixel_sha256
        assert uploaded == stored_pixel_sha256(DEMO)
        assert uploaded in {c.pixel_sha256 for c in shipped.cases}


class TestNearest:
    def nearest(self, shipped, *, laterality="L", view="CC", known=frozenset(), count=97):
        return shipped.nearest(
            shipped.features[0],
            laterality=laterality,
            view=view,
            known_pixels=known,
            count=count,
        )

    @pytest.mark.parametrize("laterality", ["L", "R"])
    def test_only_the_same_breast_and_view(self, shipped, laterality):
        found = self.nearest(shipped, laterality=laterality)
        expected = [c for c in shipped.cases if c.laterality == laterality]
        assert {each.case for each in found} == set(expected)
        assert self.nearest(shipped, laterality=laterality, view="MLO") == []

    def test_nearest_first_and_never_more_than_asked(self, shipped):
        found = self.nearest(shipped, count=SHOWN)
        distances = [each.distance for each in found]
        assert len(found) == SHOWN
        assert distances == sorted(distances)
        assert all(0 <= distance <= 2 for distance in distances)

    def test_no_picture_of_the_same_woman(self, shipped):
        """Not even of her other breast, whose own hash nobody sent."""
        both = next(
            patient
            for patient in {c.patient for c in shipped.cases}
            if {c.laterality for c in shipped.cases if c.patient == patient} == {"L", "R"}
        )
        right = next(c for c in shipped.cases if (c.patient, c.laterality) == (both, "R"))

        found = self.nearest(shipped, known={right.pixel_sha256})

        assert both in {each.case.patient for each in self.nearest(shipped)}
        assert both not in {each.case.patient for each in found}


@pytest.fixture(scope="module")
def prepared():
    return prepare_breast(load_pixels(DEMO), spacing_mm=None, laterality="L", view="CC")


@pytest.fixture(scope="module")
def features(prepared):
    return Classifier.load().explain(prepared).features


@pytest.mark.model
class TestSearch:
    def find(self, prepared, features, reference, known=frozenset()):
        return find_similar(
            prepared,
            features=features,
            model_sha256=active_manifest().sha256,
            reference=reference,
            known_pixels=known,
        )

    def test_a_picture_of_the_set_finds_itself_unless_it_is_the_patients(
        self, shipped, features, prepared
    ):
        itself = self.find(prepared, features, shipped).cases[0].as_dict()
        others = self.find(prepared, features, shipped, {stored_pixel_sha256(DEMO)}).cases

        assert itself["case"] == "cdd107-L-CC"
        assert itself["distance"] == pytest.approx(0, abs=1e-3)
        assert len(others) == SHOWN
        assert all(each.neighbour.case.patient != "cdd107" for each in others)
        assert others[0].neighbour.distance > 0.05

    def test_similarity_is_measured_where_there_is_a_picture(self, shipped, features, prepared):
        for each in self.find(prepared, features, shipped).cases:
            told = each.as_dict()
            assert told["licence"] == "CC BY 4.0"
            if told["picture"]:
                assert told["ssim"] is None or -1 <= told["ssim"] <= 1
            else:
                assert told["ssim"] is None

    def test_reasons_for_finding_nothing(self, shipped, features, prepared):
        oblique = dataclasses.replace(prepared, view="MLO")
        foreign = dataclasses.replace(shipped, model_sha256="0" * 64)

        assert self.find(oblique, features, shipped).reason == NO_REFERENCE
        assert self.find(prepared, None, shipped).reason == NOT_ASSESSABLE
        assert self.find(prepared, features, foreign).reason == OTHER_MODEL

    def test_d17_further_cases_are_found_like_the_shipped_ones(self, shipped, features, prepared):
        """A copy of a shipped case, under another name: as near, with its own picture."""
        at, near = min(enumerate(shipped.cases), key=lambda each: each[1].case != "cdd107-L-CC")
        copied = dataclasses.replace(near, case="own", patient="other", pixel_sha256="0" * 64)
        joined = shipped.joined_by([copied], shipped.features[[at]], {"own": DEMO})

        first, second = self.find(prepared, features, joined).cases[:2]

        assert {first.neighbour.case.case, second.neighbour.case.case} == {"cdd107-L-CC", "own"}
        assert first.neighbour.distance == pytest.approx(second.neighbour.distance, abs=1e-6)
        assert {c.neighbour.case.case: c.ssim for c in (first, second)}["own"] > 0.98

    def test_a_picture_that_is_gone_stops_no_search(self, shipped, features, prepared, tmp_path):
        gone = dataclasses.replace(
            shipped, pictures={c.case: tmp_path / "gone.png" for c in shipped.cases}
        )
        assert all(each.ssim is None for each in self.find(prepared, features, gone).cases)


class TestLikeness:
    def prepared(self, seed: int, **options):
        return prepare_breast(
            phantom(seed, **options).pixels, spacing_mm=0.4, laterality="L", view="CC"
        )

    def test_a_breast_is_most_like_itself(self):
        itself = structural_likeness(self.prepared(1), self.prepared(1))
        other = structural_likeness(self.prepared(1), self.prepared(2))
        assert itself > 0.98
        assert other is None or other < itself


class TestWorth:
    def labelled(self, *, tells: bool) -> Labelled:
        rng = np.random.default_rng(1)
        positive = np.arange(60) % 3 == 0
        features = rng.normal(size=(60, 16))
        if tells:
            features[positive, 0] += 4
        samples = tuple(
            Sample(
                path=Path(),
                name=str(i),
                source="made",
                patient=str(i // 2),
                category="4" if positive[i] else "2",
                laterality="L",
                view="CC",
                exam=None,
                density=None,
                device=None,
                spacing_mm=None,
                file_sha256="",
                pixel_sha256="",
            )
            for i in range(60)
        )
        return Labelled(samples, features.astype(np.float32), positive)

    def test_neighbours_that_tell_are_told_from_those_that_do_not(self):
        telling, silent = (self.labelled(tells=tells) for tells in (True, False))

        found = worth(telling, telling, neighbours=5)
        nothing = worth(silent, silent, neighbours=5)

        assert found.auc.low > found.chance[1]
        assert nothing.auc.low < 0.5 < nothing.auc.high

    def test_a_womans_own_other_picture_does_not_help_her(self):
        """Twins are copies of each other: only a search that let them in would know the label."""
        once = self.labelled(tells=False)
        twins = dataclasses.replace(
            once,
            features=np.repeat(once.features[::2], 2, axis=0),
            positive=np.repeat(once.positive[::2], 2),
        )
        assert worth(twins, twins, neighbours=1).auc.low < 0.5

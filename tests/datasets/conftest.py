"""Small cohorts: nodules in an npz, and prepared scans both in a store and fresh."""

from dataclasses import replace

import numpy as np
import pytest

from lungnet.config.preparation import PreparationConfig
from lungnet.preprocessing import Candidate, PreparedScan
from lungnet.volume import to_patient_mm


@pytest.fixture
def nodule_file(tmp_path):
    """`nodule_file(**changes)` writes an npz of 6 nodules of 4 patients.

    A change of None leaves an array out.
    """

    def write(**changes):
        rng = np.random.default_rng(0)
        arrays = {
            "images": rng.integers(-1000, 300, (6, 12, 14), np.int16),
            "label": np.array([0, 1, 0, 1, -1, 0], np.int8),
            "patient_id": np.array(["a", "a", "b", "c", "d", ""]),
            "diameter_mm": np.arange(6, dtype=np.float32),
        }
        path = tmp_path / "nodules.npz"
        np.savez(
            path,
            **{name: value for name, value in {**arrays, **changes}.items() if value is not None},
        )
        return path

    return write


def prepared(uid="1.2.3", shape=(30, 41, 52)):
    """A scan of noise with candidates in the middle, at the edge, in the corner and outside."""
    rng = np.random.default_rng(len(uid))
    affine = np.array([[0, 0, 1.0, -20], [0, 1.0, 0, -30], [1.0, 0, 0, 100], [0, 0, 0, 1]])
    places = [
        (15.2, 20.5, 26.9),
        (0, 0, 0),
        (29, 40, 51),
        (15, 1, 50),
        (-40, 20, 20),
        (300, 300, 300),
        (14.5, 39.49, 0.5),
    ]
    candidates = tuple(
        Candidate(tuple(map(float, to_patient_mm(affine, place))), 3.0 + i, 10.0 - i)
        for i, place in enumerate(places)
    )
    hu = rng.integers(-1000, 300, shape, np.int16)
    return PreparedScan(
        hu, np.ones(shape, np.uint8), affine, candidates, 0.1, f"patient-{uid}", uid, ()
    )


@pytest.fixture(scope="session")
def prepared_scan():
    return prepared()


@pytest.fixture
def store_of(tmp_path):
    """`store_of(labels)`: a store with one prepared scan for each {uid: label}.

    Each is of a patient of its own, unless `patients` says of whom {uid: patient}.
    """
    from lungnet.intake import SeriesRow
    from lungnet.store import Labels, Store, read_labels
    from lungnet.store.manifest import store_labels, write_tables
    from lungnet.store.prepared_store import write_preparation
    from lungnet.store.stored_scan import write_scan

    def write(labels, spec=None, manufacturer="lungnet phantom", known=True, patients=None):
        spec = spec or PreparationConfig()
        path = tmp_path / "store"
        path.mkdir()
        write_preparation(path, spec)
        for uid in labels:
            patient = (patients or {}).get(uid, f"patient-{uid}")
            row = SeriesRow(
                path="",
                patient_id=patient,
                study_uid="",
                series_uid=uid,
                status="usable",
                reason=None,
                detail="",
                warnings=(),
                chosen=True,
                modality="CT",
                slices=30,
                shape=(30, 41, 52),
                spacing_mm=(1.0, 1.0, 1.0),
                origin_mm=(0.0, 0.0, 0.0),
                transfer_syntax="",
                manufacturer=manufacturer,
                kernel="",
            )
            write_scan(path, replace(prepared(uid), patient_id=patient), row, spec, 30)
        table = tmp_path / "labels.csv"
        table.write_text(
            "id,cancer\n"
            + "".join(
                f"patient-{uid},{label}\n" for uid, label in labels.items() if label is not None
            )
        )
        if known:
            found: Labels = read_labels(table)
            store_labels(path, found)
        write_tables(path, [])
        return Store.open(path), table

    return write

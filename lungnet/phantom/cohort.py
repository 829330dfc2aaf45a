"""A cohort in the layout of Kaggle's DSB2017.

A folder of DICOM per patient, `labels.csv`, and the truth beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lungnet.config.phantom import PhantomConfig
from lungnet.errors import UsageError
from lungnet.files import remove_unfinished, replacing, write_json, write_text
from lungnet.phantom import SYNTHETIC_MARK
from lungnet.phantom.patient import Plan, make_patient, patient_id_of, plan_patient
from lungnet.phantom.writing import dicom_files, is_whole
from lungnet.processes.worker_pool import map_in_processes
from lungnet.progress import track
from lungnet.version import __version__

SETTINGS, LABELS, TRUTH = "phantom.json", "labels.csv", "truth.csv"

TRUTH_COLUMNS = (
    "patient_id,nodule,x_mm,y_mm,z_mm,diameter_mm,malignancy,spiculation,lobulation,"
    "calcification,texture,site,label,synthetic"
)


@dataclass(frozen=True)
class Summary:
    """What a call of `make_cohort` leaves.

    Attributes:
        patients: in the cohort.
        positives: patients with cancer.
        nodules: in all patients.
        made: patients written by this call.
        reused: patients that were there already.
    """

    patients: int
    positives: int
    nodules: int
    made: int
    reused: int


@dataclass(frozen=True)
class _Written:
    index: int
    patient_id: str
    is_positive: bool
    rows: tuple[str, ...]
    is_new: bool


def make_cohort(
    out: Path, patients: int, seed: int, config: PhantomConfig, jobs: int = 1
) -> Summary:
    """Write, or complete, a synthetic cohort; the bytes depend on seed and settings only.

    Args:
        out: the folder; patients whose folders are whole already are kept.
        patients: how many, at least 1; a larger cohort of the same seed holds the smaller one, but
            for its labels.
        seed: decides everything random.
        config: what kind of chests.
        jobs: processes; 1 works in this one.

    Raises:
        UsageError: `out` holds a cohort of another seed or other settings, or a number is out of
            its bounds.
        MachineError: the disk is full or `out` cannot be written.
    """
    if patients < 1 or jobs < 1 or seed < 0:
        raise UsageError(
            f"a phantom needs at least 1 patient, 1 job and a seed of 0 or more, not {patients}, "
            f"{jobs} and {seed}"
        )
    _claim(out, seed, config)
    results = track(_written(out, patients, seed, config, jobs), "phantom", total=patients)
    ordered = sorted(results, key=lambda patient: patient.index)
    write_text(
        out / LABELS,
        "id,cancer\n"
        + "".join(f"{patient.patient_id},{int(patient.is_positive)}\n" for patient in ordered),
    )
    write_text(
        out / TRUTH,
        TRUTH_COLUMNS + "\n" + "".join(f"{row}\n" for patient in ordered for row in patient.rows),
    )
    made = sum(patient.is_new for patient in ordered)
    return Summary(
        patients=patients,
        positives=sum(patient.is_positive for patient in ordered),
        nodules=sum(len(patient.rows) for patient in ordered),
        made=made,
        reused=patients - made,
    )


def truth_rows(plan: Plan) -> tuple[str, ...]:
    """The rows of `truth.csv` for a patient, in the order of `TRUTH_COLUMNS`."""
    rows = []
    for number, nodule in enumerate(plan.nodules):
        centre = ",".join(f"{coordinate:.2f}" for coordinate in plan.centre_mm(nodule))
        ratings = (
            nodule.malignancy,
            nodule.spiculation,
            nodule.lobulation,
            nodule.calcification,
            nodule.texture,
        )
        looks = ",".join(map(str, ratings))
        rows.append(
            f"{plan.patient_id},{number},{centre},{nodule.diameter_mm:.2f},{looks},"
            f"{nodule.site},{int(nodule.is_malignant)},1"
        )
    return tuple(rows)


def _claim(out: Path, seed: int, config: PhantomConfig) -> None:
    """Leave the settings in the folder, or refuse a folder that was made with others."""
    import json

    marker = out / SETTINGS
    marker_content: dict[str, Any] = {
        "hash": config.phantom_hash(),
        "lungnet_version": __version__,
        "seed": seed,
        "settings": config.model_dump(),
        "synthetic": SYNTHETIC_MARK,
    }
    try:
        stored = json.loads(marker.read_text())
    except FileNotFoundError:
        write_json(marker, marker_content)
        return
    except ValueError as error:
        raise UsageError(
            f"{marker}: not the settings of a phantom cohort ({error}); choose another --out or "
            "delete the folder"
        ) from error
    if not isinstance(stored, dict) or (stored.get("hash"), stored.get("seed")) != (
        marker_content["hash"],
        seed,
    ):
        raise UsageError(
            f"{out}: holds a phantom cohort of another seed, other settings or another version of "
            "lungnet; "
            "choose another --out or delete the folder"
        )
    remove_unfinished(out)


def _written(
    out: Path, patients: int, seed: int, config: PhantomConfig, jobs: int
) -> Iterator[_Written]:
    missing = []
    for index in range(patients):
        done = _reuse(index, out, seed, config)
        if done is None:
            missing.append(index)
        else:
            yield done
    work = partial(_write, out=out, seed=seed, config=config)
    if jobs == 1 or len(missing) < 2:
        yield from map(work, missing)
    else:
        yield from map_in_processes(work, missing, min(jobs, len(missing)))


def _reuse(index: int, out: Path, seed: int, config: PhantomConfig) -> _Written | None:
    if not (out / patient_id_of(seed, index)).is_dir():
        return None
    plan = plan_patient(seed, index, config)
    if not is_whole(out / plan.patient_id, plan):
        return None
    return _Written(index, plan.patient_id, plan.is_positive, truth_rows(plan), is_new=False)


def _write(index: int, out: Path, seed: int, config: PhantomConfig) -> _Written:
    patient = make_patient(seed, index, config)
    with replacing(out / patient.patient_id, sync_each=False) as folder:
        folder.mkdir()
        for name, data in dicom_files(patient):
            (folder / name).write_bytes(data)
    plan = patient.plan
    return _Written(index, plan.patient_id, plan.is_positive, truth_rows(plan), is_new=True)

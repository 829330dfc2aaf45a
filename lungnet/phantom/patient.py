"""One synthetic patient, from (seed, index, settings): first the truth, then the picture.

No files.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lungnet.config.phantom import PhantomConfig
from lungnet.phantom.chest import Chest
from lungnet.phantom.findings import Nodule, findings
from lungnet.phantom.nodules import render_nodule
from lungnet.phantom.scanner import Scanner, acquire
from lungnet.phantom.torso import Torso
from lungnet.phantom.tubes import Plumbing, render_tubes
from lungnet.seeds import stream
from lungnet.volume import Triple


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything about a patient that is decided before a voxel is drawn.

    Cheap (a few milliseconds).
    """

    patient_id: str
    chest: Chest
    scanner: Scanner
    plumbing: Plumbing
    nodules: tuple[Nodule, ...]

    @property
    def is_positive(self) -> bool:
        """Any nodule is rated above 3 for malignancy."""
        return any(n.is_malignant for n in self.nodules)

    def centre_mm(self, nodule: Nodule) -> Triple:
        """A nodule's centre in LPS patient millimetres, rounded to a hundredth."""
        x, y, z = np.round(np.add(nodule.centre_mm, self.scanner.origin_mm), 2)
        return float(x), float(y), float(z)


@dataclass(frozen=True, eq=False)
class PhantomPatient:
    """A patient's scan and the truth about it.

    Attributes:
        patient_id: 32 hexadecimal digits.
        hu: `int16` (z, y, x) as a scanner would report it; below -1024 outside the field of view of
            vendors that pad.
        affine: 4x4 float64 from (z, y, x, 1) to LPS millimetres.
        mask: bool (z, y, x), true within the pleura: tissue, vessels and nodules of both lungs.
        plan: nodules, anatomy and acquisition.
    """

    patient_id: str
    hu: NDArray[np.int16]
    affine: NDArray[np.float64]
    mask: NDArray[np.bool_]
    plan: Plan

    @property
    def nodules(self) -> tuple[Nodule, ...]:
        """The nodules, in the chest's frame; `plan.centre_mm` gives patient millimetres."""
        return self.plan.nodules


def patient_id_of(seed: int, index: int) -> str:
    """32 hexadecimal digits, in the form of Kaggle's ids."""
    return hashlib.sha256(f"lungnet phantom {seed} {index}".encode()).hexdigest()[:32]


def plan_patient(seed: int, index: int, config: PhantomConfig) -> Plan:
    """Decide a patient: anatomy, acquisition, vessels and nodules."""
    chest = Chest.of(seed, index)
    plumbing = Plumbing.of(seed, index, chest, config.vessel_ends)
    return Plan(
        patient_id=patient_id_of(seed, index),
        chest=chest,
        scanner=Scanner.of(seed, index, config, chest),
        plumbing=plumbing,
        nodules=findings(seed, index, config, chest, plumbing),
    )


def make_patient(seed: int, index: int, config: PhantomConfig) -> PhantomPatient:
    """Draw a patient's scan; the same arguments give the same voxels.

    Args:
        seed: of the cohort.
        index: of the patient, from 0.
        config: what kind of phantom.
    """
    plan = plan_patient(seed, index, config)
    scanner = plan.scanner
    torso = Torso.of(plan.chest, scanner)
    shape = (scanner.slices, scanner.matrix, scanner.matrix)
    hu, mask = np.empty(shape, np.float32), np.empty(shape, np.bool_)
    for z, height in enumerate(scanner.zs()):
        hu[z], pleura = torso.slice_at(float(height))
        np.less(pleura, 0, out=mask[z])
    render_tubes(hu, scanner, plan.plumbing.vessels, plan.chest.blood_hu)
    render_tubes(hu, scanner, plan.plumbing.bronchi.thicker(1.0), -120.0)
    render_tubes(hu, scanner, plan.plumbing.bronchi, -985.0)
    for number, nodule in enumerate(plan.nodules):
        render_nodule(hu, scanner, nodule, stream(seed, "phantom", index, "nodule", number))
    scanned = acquire(hu, scanner, stream(seed, "phantom", index, "noise"))
    return PhantomPatient(plan.patient_id, scanned, scanner.affine, mask, plan)

"""HU and geometry held against SimpleITK (GDCM), an independent reader, on every real file both
can read."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom.data import get_testdata_files

from lungnet.config.intake import IntakeConfig
from lungnet.errors import SeriesRefused
from lungnet.intake import Series, find_series, read_series
from lungnet.intake.formats.nifti import write_nifti
from lungnet.intake.geometry.orientation import as_stack
from lungnet.intake.pixels.frames import decoded
from lungnet.intake.pixels.rescale import to_hu
from lungnet.intake.reasons import DERIVED, LOCALIZER, NOT_CT

pytestmark = pytest.mark.real_data

ONE_SLICE = IntakeConfig(fewest_slices=1)
LOSSY = (".4.50", ".4.51", ".4.53", ".4.55", ".4.81", ".4.91", ".4.203")

EXPLAINED = {
    # file: why SimpleITK's values are not the standard's
    "monochrome1.dcm": "inverts MONOCHROME1; PS3.3 C.7.6.3.1.2 changes the display only",
    "unsigned12_high_bit_15.dcm": "ignores High Bit; PS3.5 8.1.1 puts the value in the upper bits",
    "TOSHIBA_J2K_SIZ1_PixRep0.dcm": "takes a signed codestream as unsigned and wraps",
    "JPEGLossless_1s_1f_i_16_16_bad.dcm": "decodes a broken codestream to garbage",
    "corrupt_jpegls_middle.dcm": "broken in the middle",
    "examples_palette.dcm": "takes palette indices through the color table",
}


@pytest.fixture(autouse=True)
def quiet() -> None:
    sitk.ProcessObject.SetGlobalWarningDisplay(False)


def ours(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]] | str:
    """HU in the file's own order, origin, in-plane spacing; or why it was refused."""
    found = find_series([path], ONE_SLICE)
    if not found:
        return "no DICOM image"
    try:
        volume = read_series(found[0])
    except SeriesRefused as refusal:
        return refusal.reason
    grid = found[0].grid
    if grid is None:
        return "no DICOM image"
    stack = as_stack(volume.hu, grid.axes, grid.flips)
    return stack, np.array(found[0].slices[0].position), found[0].slices[0].pixel_spacing or ()


def theirs(path: Path) -> sitk.Image | None:
    if path.name == "huge_rows_columns.dcm":
        return None  # SimpleITK would take 7 GB and report success
    try:
        return sitk.ReadImage(str(path), imageIO="GDCMImageIO")
    except RuntimeError:
        return None


def compare(path: Path) -> str:
    mine, image = ours(path), theirs(path)
    if isinstance(mine, str) and image is not None and mine in (NOT_CT, DERIVED, LOCALIZER):
        return compare_pixels(path, image)
    if isinstance(mine, str):
        return f"refused here ({mine}), {'read' if image is not None else 'refused'} by SimpleITK"
    if image is None:
        return "read here, not by SimpleITK"
    stack, origin, spacing = mine
    expected = np.maximum(np.rint(sitk.GetArrayFromImage(image).astype(np.float64)), -1024)
    if path.name in EXPLAINED:
        return f"differs, explained: {EXPLAINED[path.name]}"
    header = find_series([path], ONE_SLICE)[0].slices[0]
    within = abs(header.slope or 1) if header.encoding.transfer_syntax.endswith(LOSSY) else 0
    assert stack.shape == expected.reshape(stack.shape).shape
    assert np.abs(stack - expected.reshape(stack.shape)).max() <= within, path.name
    np.testing.assert_allclose(image.GetOrigin()[:3], origin, atol=1e-4)
    np.testing.assert_allclose(image.GetSpacing()[:2], spacing[::-1], atol=1e-4)
    return "equal" if not within else "equal within one grey level (lossy)"


def compare_pixels(path: Path, image: sitk.Image) -> str:
    """Of what is refused for what it shows, the values of its first frame all the same.

    Decoders do not know what they decode.
    """
    one = find_series([path], ONE_SLICE)[0].slices[0]
    if (
        one.pixel_offset < 0
        or one.encoding.samples != 1
        or one.encoding.bits_allocated not in (8, 16, 32)
    ):
        return "refused here (no gray picture of 8, 16 or 32 bits), read by SimpleITK"
    if path.name in EXPLAINED:
        return f"differs, explained: {EXPLAINED[path.name]}"
    _, stored, _ = next(decoded([one], ONE_SLICE))
    hu = np.empty(stored.shape, np.int16)
    to_hu(stored, one.slope or 1, one.intercept or 0, hu)
    expected = sitk.GetArrayFromImage(image).reshape(-1, *stored.shape)[0].astype(np.float64)
    within = abs(one.slope or 1) if one.encoding.transfer_syntax.endswith(LOSSY) else 0
    assert np.abs(hu - np.clip(np.rint(expected), -1024, 32767)).max() <= within, path.name
    return "refused here for what it shows, values equal all the same"


def report(files: list[Path], least: int) -> None:
    outcomes: dict[str, list[str]] = {}
    for path in sorted(files):
        outcomes.setdefault(compare(path), []).append(path.name)
    for outcome, names in sorted(outcomes.items()):
        print(f"{outcome}: {len(names)}: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}")
    assert len(outcomes.get("equal", [])) >= least


def test_every_awkward_file_that_both_read_has_equal_values(shared_data: Path) -> None:
    report([p for p in (shared_data / "awkward").rglob("*") if p.suffix == ".dcm"], least=200)


def test_pydicoms_own_files_have_equal_values() -> None:
    """Those that come with the package; nothing is fetched."""
    report([Path(p) for p in get_testdata_files("**/*.dcm")], least=2)


def series_image(found: Series) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(found.path), found.series_uid))
    return reader.Execute()


@pytest.mark.parametrize("ending", ["nii.gz", "mha", "nrrd", "converted"])
def test_one_scan_is_the_same_volume_through_every_format(
    shared_data: Path, tmp_path: Path, ending: str
) -> None:
    """Written by SimpleITK, which read the DICOM itself; or by our own `convert`."""
    for found in find_series([shared_data / "lidc/dicom"]):
        volume = read_series(found)
        path = tmp_path / f"{found.patient_id}.{ending.replace('converted', 'nii.gz')}"
        if ending == "converted":
            write_nifti(volume, path)
        else:
            sitk.WriteImage(series_image(found), str(path))
        again = read_series(find_series([path])[0])
        np.testing.assert_array_equal(again.hu, volume.hu)
        # NIfTI keeps the affine in 32 bits (sform), MetaImage in 6 to 17 decimals.
        np.testing.assert_allclose(again.affine, volume.affine, rtol=0, atol=1e-4)


def test_the_lidc_series_equal_simpleitk(shared_data: Path) -> None:
    for found in find_series([shared_data / "lidc/dicom"]):
        volume = read_series(found)
        image = sitk.DICOMOrient(series_image(found), "LPS")
        np.testing.assert_array_equal(volume.hu, np.maximum(sitk.GetArrayFromImage(image), -1024))
        np.testing.assert_allclose(volume.origin_mm, image.GetOrigin(), atol=1e-4)
        np.testing.assert_allclose(volume.spacing_mm, image.GetSpacing()[::-1], atol=1e-4)
        directions = (volume.affine[:3, :3] / volume.spacing_mm)[:, ::-1]
        np.testing.assert_allclose(
            directions, np.array(image.GetDirection()).reshape(3, 3), atol=1e-4
        )

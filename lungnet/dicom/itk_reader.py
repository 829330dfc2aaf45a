"""A program of its own that reads one MetaImage or NRRD file with SimpleITK: a header can make its readers crash.

    python itk_reader.py FILE LARGEST_VOXELS LARGEST_BYTES OUT

Writes the values to OUT, in C order, and prints one JSON document: `kind`, `shape` (z, y, x) and `affine`; or `refused`.
It imports nothing of lungnet, so that it starts in half a second.
"""

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

# sitkUInt8 = 1 ... sitkFloat64 = 9, in the order of SimpleITK's PixelIDValues.
TYPES = {1: "u1", 2: "i1", 3: "u2", 4: "i2", 5: "u4", 6: "i4", 7: "u8", 8: "i8", 9: "f4", 10: "f8"}


def read(path: str, largest_voxels: int, largest_bytes: int, out: Path) -> dict[str, object]:
    """Read the file as far as its header allows."""
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetFileName(path)
    reader.ReadImageInformation()
    shape = [int(n) for n in reader.GetSize()[::-1]]
    if reader.GetNumberOfComponents() != 1 or len(shape) != 3 or reader.GetPixelID() not in TYPES:
        return {"refused": ["not-ct", f"{len(shape)} dimensions, {reader.GetNumberOfComponents()} values a voxel; a CT volume has 3 and 1"]}
    kind = np.dtype(TYPES[reader.GetPixelID()])
    voxels = int(np.prod(shape, dtype=object))
    if voxels > largest_voxels or voxels * kind.itemsize > largest_bytes:
        return {"refused": ["too-large", f"{voxels:,} voxels of {kind.itemsize} bytes are promised, more than the file can hold"]}
    affine = np.eye(4)
    affine[:3, :3] = (np.array(reader.GetDirection()).reshape(3, 3) * np.array(reader.GetSpacing()))[:, ::-1]
    affine[:3, 3] = reader.GetOrigin()
    image = reader.Execute()  # a name of its own: the view below does not keep it
    array = sitk.GetArrayViewFromImage(image)
    array.tofile(out)
    return {"kind": array.dtype.str, "shape": shape, "affine": affine.tolist()}


if __name__ == "__main__":
    json.dump(read(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])), sys.stdout)

"""Two files of nodules without a patient in common: one to train on, one to watch a model on.

    python -m scripts.studies.second_cohort NODULES.npz ATTRIBUTES.csv CROPS.npz --out DIR

NODULES.npz holds slices, CROPS.npz cubes of 1 mm voxels around other nodules, each rated by one
reader; what they share of patients is left out of the first. Writes `train.npz`,
`train_attributes.csv` and `second.npz` (the middle slice of each cube whose label is known).
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    """Write the three files, and say how many nodules are in each."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("nodules", "attributes", "crops"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with np.load(args.nodules) as nodules, np.load(args.crops) as crops:
        is_known = crops["label"] >= 0
        cubes = crops["crops"][is_known]
        second = {name: crops[name][is_known] for name in ("label", "patient_id", "diameter_mm")}
        second["images"] = cubes[:, cubes.shape[1] // 2]
        is_apart = ~np.isin(nodules["patient_id"], crops["patient_id"])
        n = len(is_apart)
        train = {
            name: values[is_apart]
            for name, values in nodules.items()
            if values.ndim and len(values) == n
        }
    np.savez_compressed(args.out / "second.npz", **second)
    np.savez_compressed(args.out / "train.npz", **train)
    attributes = pd.read_csv(args.attributes).set_index("row").reindex(np.flatnonzero(is_apart))
    attributes.reset_index(drop=True).rename_axis("row").to_csv(args.out / "train_attributes.csv")
    print(f"{int(is_apart.sum())} nodules to train on, {int(is_known.sum())} to watch")


if __name__ == "__main__":
    main()

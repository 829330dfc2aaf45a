"""The eight ratings that LIDC-IDRI's readers gave a nodule beside its malignancy."""

ATTRIBUTES: dict[str, tuple[int, int]] = {
    "subtlety": (1, 5),
    "internal_structure": (1, 4),
    "calcification": (1, 6),
    "sphericity": (1, 5),
    "margin": (1, 5),
    "lobulation": (1, 5),
    "spiculation": (1, 5),
    "texture": (1, 5),
}
"""Name -> lowest and highest rating (McNitt-Gray et al. 2007, doi:10.1016/j.acra.2007.07.021)."""

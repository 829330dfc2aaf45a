"""Air that is no lung: the room's, and gas in hollow organs.

Told apart from lung by density, by how wide it is open, and by the wall around it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lungnet.preprocessing.blocks import dilated, eroded, grown_within, widened
from lungnet.volume import AIR_HU

AIR_BELOW_HU = -400
"""Lung holds more than two fifths of air, soft tissue none: half way between (Hu et al. 2001,
doi:10.1109/42.929615, find -400 to -500)."""

ROOM_HU = (-1000.0, -940.0)
"""Free air by the definition of HU, and what scatter in a large body makes of it at most."""

NO_LUNG_BELOW_HU, DENSE_LUNG_HU = -900.0, -600.0
"""Air around the body lies below the first; a lung's most frequent density below the second."""

FEWEST_BLOCKS = 1000
"""Of air in a body, 64 ml, from which its most frequent density is known."""

LUNG_HU = -850.0
"""Density of lung where a scan shows too little of it to measure."""

PADDING_HU = -1020
"""What fills the corners of a round field of view, `AIR_HU` after intake, lies below; free air does
with noise alone."""

FREE_BELOW_HU, ROOM_IN_VIEW = -960.0, 0.01
"""A scan of which less than this share is free air shows nothing of the room."""

DARK_SHARE = 0.4
"""Air is free, not lung, where it is nearer to the room's density than this share of the way to the
lung's: noise of a mean over 4 mm stays within it."""

OPENING_BLOCKS = 2
"""Passages narrower than 5 blocks of 4 mm let no room in: tubes, drains and stomas end below
16 mm."""

WALLED_SHARE = 0.8
"""Gas with tissue at so much of its surface lies in a hollow organ; a bulla or a pneumothorax
borders on lung."""

LARGEST_GAS_LITRES = 1.2
"""Free air above this is no gut's: a lung that emphysema has emptied."""

CHEST_WALL_ABOVE_HU = -200.0
"""Fat, muscle and bone lie above, in blocks that they fill; a table's thin shell does not."""

TISSUE_ABOVE_HU = -500.0
"""A block that a wall of 3 mm crosses lies above."""

ENCLOSED_SIDES = 3
"""From lung, rays to front, back, right and left meet tissue, but for one where the image ends in
the lung; from a mattress or a blanket they leave to both sides."""

BRIDGE_SHARE = 1.0
"""Faces that a lung may share with the room's air through tubes and stomas, in squared cube roots
of its volume: a ball has 4.8 around it, a mattress or a fold of skin shares more than 2."""

UNBRIDGED_SHARE = 0.05
"""A lung that shares fewer faces with the room's air has no bridge worth a search."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Air:
    """Where a scan holds air, in blocks of about 4 mm.

    Attributes:
        inner: in the body, and not a hollow organ's; right and left lung, airways among it.
        hollow: of hollow organs: gut, stomach, trachea.
        dark_below_hu: free air lies below, lung above.
    """

    inner: Bools
    hollow: Bools
    dark_below_hu: float


def find_air(means: Floats, litre_per_block: float) -> Air:
    """Part a scan's air into the room's, hollow organs' and the rest.

    Args:
        means: mean HU of blocks of about 4 mm, shape (z, y, x).
        litre_per_block: volume of a block.
    """
    air, tissue = means < AIR_BELOW_HU, means > CHEST_WALL_ABOVE_HU
    # Noise leaves no mean of eight voxels on the very value.
    padding = np.abs(means - AIR_HU) < 0.5
    beside = dilated(padding, 1)
    if ((means < FREE_BELOW_HU) & ~beside).mean() < ROOM_IN_VIEW:
        # The round field of view ends in the patient: what pads it stands for the rest of the body.
        tissue |= padding
        padding = beside
    sides = _sides_with_tissue(tissue)
    dark_below = _dark_below(means, sides)
    dark = means < dark_below
    room = _open_to_room(dark | (air & (sides <= 1)))
    hollow = _in_hollow_organs(means, dark & ~room & (sides == 4), litre_per_block)
    # Where a round field of view ends in the lung, no room's air was measured.
    measured = room & ~padding
    inner = air & ~room & ~hollow
    # Half tissue, half padding looks like air: a sheet along the field's rim, thinner than lung.
    inner &= dilated(eroded(inner, 1), 1) | ~dilated(padding, 2)
    inner = _in_body(inner, sides, measured)
    return Air(inner, hollow, dark_below)


def _in_body(inner: Bools, sides: NDArray[np.uint8], room: Bools) -> Bools:
    """The air that a body encloses.

    Cut off from the rest where a tube or a stoma joins it with the room's; what borders widely on
    the room's air is none.
    """
    loose, share = _faces_shared(inner & (sides < ENCLOSED_SIDES), room)
    open_air = room | (share > BRIDGE_SHARE)[loose]
    labels, share = _faces_shared(inner & ~open_air, open_air)
    is_body, is_bridged = share <= BRIDGE_SHARE, share > UNBRIDGED_SHARE
    is_body[0] = is_bridged[0] = False
    result: Bools = is_body[labels]
    boxes = ndimage.find_objects(labels)
    for number in np.flatnonzero(is_body & is_bridged):
        # As far beyond the component as what is taken off it may reach.
        box = widened(boxes[number - 1], 2)
        result[box] &= ~_beyond_bridges(labels[box] == number, open_air[box])
    return result


def _beyond_bridges(air: Bools, open_air: Bools) -> Bools:
    """What a narrow bridge joins with a lung, and the room's air borders on."""
    cores, _ = ndimage.label(eroded(air, 1))
    beyond = np.zeros_like(air)
    for number, box in enumerate(ndimage.find_objects(cores), 1):
        wider = widened(box, 3)
        piece = dilated(cores[wider] == number, 1) & air[wider]
        _, share = _faces_shared(piece, open_air[wider])
        if share.max() > BRIDGE_SHARE:
            beyond[wider] |= dilated(piece, 1)
    return beyond


def _faces_shared(
    mask: Bools, open_air: Bools
) -> tuple[NDArray[np.signedinteger], NDArray[np.float64]]:
    """Components of `mask`, and the faces that each has with `open_air` in axial planes.

    In squared cube roots of its volume; index 0 stands for no component.
    """
    labels, n = ndimage.label(mask)
    sides = (
        labels[:, 1:][open_air[:, :-1]],
        labels[:, :-1][open_air[:, 1:]],
        labels[..., 1:][open_air[..., :-1]],
        labels[..., :-1][open_air[..., 1:]],
    )
    faces = np.bincount(np.concatenate(sides), minlength=n + 1)
    faces[0] = 0
    volumes = np.maximum(np.bincount(labels[mask], minlength=n + 1), 1)
    return labels, np.asarray(faces / volumes ** (2 / 3))


def _sides_with_tissue(tissue: Bools) -> NDArray[np.uint8]:
    """On how many of the four sides in its axial plane a block has tissue, 0..4."""
    bytes_ = tissue.view(np.uint8)
    sides = np.zeros(tissue.shape, np.uint8)
    for axis in (1, 2):
        sides += np.maximum.accumulate(bytes_, axis)
        sides += np.flip(np.maximum.accumulate(np.flip(bytes_, axis), axis), axis)
    return sides


def _dark_below(means: Floats, sides: NDArray[np.uint8]) -> float:
    """HU between free air and this scan's lung."""
    free = means[(sides == 0) & (means > PADDING_HU) & (means < NO_LUNG_BELOW_HU)]
    room = float(np.clip(np.median(free), *ROOM_HU)) if len(free) else ROOM_HU[0]
    bins = np.arange(room + 20, DENSE_LUNG_HU, 10)
    counts, edges = np.histogram(means[sides == 4], bins)
    if counts.sum() < FEWEST_BLOCKS:
        return room + DARK_SHARE * (LUNG_HU - room)
    # Neighboring bins count too: the mode of a few thousand blocks is noisy.
    counts = np.convolve(counts, np.ones(5), mode="same")
    return room + DARK_SHARE * (float(edges[int(np.argmax(counts))]) + 5 - room)


def _open_to_room(dark: Bools) -> Bools:
    """The free air that a wide passage joins with the image's sides, in blocks."""
    reach = OPENING_BLOCKS
    # Beyond the image's sides the room goes on; beyond its first and last slice, who knows.
    framed = np.pad(dark, ((0, 0), (reach, reach), (reach, reach)), constant_values=True)
    wide = eroded(framed, reach)
    labels, _ = ndimage.label(wide)
    rim = np.zeros_like(wide)
    rim[:, [0, -1], :] = rim[:, :, [0, -1]] = True
    reached = np.isin(labels, np.unique(labels[rim & wide]))
    room = dilated(reached & wide, reach) & framed
    return np.ascontiguousarray(room[:, reach:-reach, reach:-reach])


def _in_hollow_organs(means: Floats, dark: Bools, litre_per_block: float) -> Bools:
    """Free air in the body that has a wall around it: gut, stomach, airway."""
    labels, n = ndimage.label(eroded(dark, 1))
    organs = np.zeros_like(dark)
    if not n:
        return organs
    walled = dilated(means > TISSUE_ABOVE_HU, 1)
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        wider = widened(box, 3)
        core = labels[wider] == number
        gas = grown_within(dilated(core, 1) & dark[wider], dark[wider], 1)
        if gas.sum() * litre_per_block > LARGEST_GAS_LITRES:
            continue
        shell = dilated(gas, 1) & ~gas
        if walled[wider][shell].mean() >= WALLED_SHARE:
            organs[wider] |= gas
    return organs

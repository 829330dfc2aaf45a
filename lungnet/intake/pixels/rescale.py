"""From stored values to exact Hounsfield units, and everything outside the field of view to -1024.

HU = stored x Rescale Slope + Rescale Intercept (DICOM PS3.3 section C.11.1.1.2), in float64; where
that is no whole number, the nearest one, ties to even. From -1024 up this is what SimpleITK gives,
rounded. Below -1024 a CT measures nothing: such values are what scanners write outside their
circular field of view, with or without saying so, and become -1024, like the padding values
(section C.7.5.1.1.2). MONOCHROME1 changes how a picture is shown, not what a value means.
"""

import numpy as np
from numpy.typing import NDArray

from lungnet.intake.headers.slice_header import Encoding
from lungnet.volume import AIR_HU

HIGHEST_HU = 32767
"""Most that int16 holds; metal on an extended scale ends at about 30,000."""


def native_values(data: bytes, encoding: Encoding) -> NDArray[np.generic]:
    """The words of one uncompressed frame, shape (rows, columns)."""
    if encoding.is_swapped:
        data = np.frombuffer(data, np.uint16, len(data) // 2).byteswap().tobytes()
    dtype = np.dtype(
        f"{encoding.order}{'i' if encoding.is_signed else 'u'}{encoding.bits_allocated // 8}"
    )
    return np.frombuffer(data, dtype, encoding.rows * encoding.columns).reshape(
        encoding.rows, encoding.columns
    )


def stored_values(values: NDArray[np.generic], encoding: Encoding) -> NDArray[np.generic]:
    """Keep the stored bits of each word, with their sign (DICOM PS3.5 section 8.1.1).

    What lies above High Bit is overlays of old, or noise; what lies below the stored bits is not
    part of the value.
    """
    width = values.dtype.itemsize * 8
    if encoding.bits_stored == width and encoding.high_bit == width - 1:
        return values
    # Up until the sign bit is on top, then down again: the shift of a signed type copies the sign.
    dtype = np.dtype(f"{'i' if encoding.is_signed else 'u'}{values.dtype.itemsize}")
    high_bit = min(encoding.high_bit, width - 1)
    up = values.astype(values.dtype.newbyteorder("="), copy=False).view(dtype) << (
        width - 1 - high_bit
    )
    return up >> (width - min(encoding.bits_stored, width))


def to_hu(
    stored: NDArray[np.generic], slope: float, intercept: float, out: NDArray[np.int16]
) -> tuple[bool, bool]:
    """Write HU, never below -1024, into `out`.

    Args:
        stored: values of shape (rows, columns).
        slope: HU for each unit.
        intercept: HU of stored 0.
        out: int16 of the same shape.

    Returns:
        Whether values were rounded, and whether values were clipped at 32,767.
    """
    if (
        slope == 1
        and intercept == int(intercept)
        and stored.dtype.itemsize <= 2
        and abs(intercept) < 1 << 20
    ):
        return False, _offset(stored, int(intercept), out)
    hu = stored.astype(np.float64)
    hu *= slope
    hu += intercept
    whole = np.rint(hu)
    is_whole = (
        stored.dtype.kind in "iu" and float(slope).is_integer() and float(intercept).is_integer()
    )
    is_rounded = not is_whole and bool((whole != hu).any())
    is_clipped = bool(whole.max(initial=0) > HIGHEST_HU)
    np.clip(whole, AIR_HU, HIGHEST_HU, out=whole)
    out[...] = whole
    return is_rounded, is_clipped


def _offset(stored: NDArray[np.generic], intercept: int, out: NDArray[np.int16]) -> bool:
    """The common case without a detour over floats; returns whether values were clipped above."""
    lowest, highest = AIR_HU - intercept, HIGHEST_HU - intercept
    info = np.iinfo(stored.dtype.name)
    if (
        -32768 <= lowest <= 32767
        and intercept >= -32768
        and highest >= info.max
        and info.min < 0
        and stored.dtype.isnative
    ):
        np.maximum(stored, np.int16(lowest), out=out, casting="unsafe")
        out += np.int16(intercept)
        return False
    wide = stored.astype(np.int32)
    wide += intercept
    is_clipped = bool(wide.max(initial=0) > HIGHEST_HU)
    np.clip(wide, AIR_HU, HIGHEST_HU, out=out, casting="unsafe")
    return is_clipped


def declared_padding(stored: NDArray[np.generic], encoding: Encoding) -> NDArray[np.bool_]:
    """Where stored values lie between Pixel Padding Value (0028,0120) and its limit (0028,0121)."""
    if encoding.padding is None:
        return np.zeros(stored.shape, bool)
    low, high = encoding.padding_range
    inside: NDArray[np.bool_] = (stored >= low) & (stored <= high)  # type: ignore[operator]
    return inside


def mark_padding(
    stored: NDArray[np.generic],
    encoding: Encoding,
    scale: tuple[float, float],
    out: NDArray[np.int16],
) -> bool:
    """Turn padding pixels to -1024 where the rescale has not done so already.

    A padding value below -1024 HU is gone by then. One that tissue may have as well (0 with
    intercept 0 is water) is believed only where it touches the edge of the slice: a field of view
    ends there, a vessel does not.

    Returns:
        Whether such an ambiguous value was met.
    """
    if encoding.padding is None:
        return False
    slope, intercept = scale
    if max(bound * slope for bound in encoding.padding_range) + intercept <= AIR_HU:
        return False
    is_padding = declared_padding(stored, encoding)
    if not is_padding.any():
        return False
    out[_touching_the_edge(is_padding)] = AIR_HU
    return True


def _touching_the_edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import label

    labels, _ = label(mask)
    edge = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.isin(labels, edge[edge > 0])

"""Sizes by formula: how many voxels along an axis a layer leaves.

Dumoulin and Visin 2016, arXiv:1603.07285.
"""


def convolution_size(
    length: int, kernel: int, stride: int = 1, padding: str = "same", dilation: int = 1
) -> int:
    """Voxels that a convolution leaves of `length`.

    `same`: `ceil(length / stride)`. `valid`: `floor((length - reach) / stride) + 1` with `reach =
    dilation * (kernel - 1) + 1`, and 0 where the kernel does not fit.
    """
    if padding == "same":
        return -(-length // stride)
    return max(0, (length - _reach(kernel, dilation)) // stride + 1)


def transposed_convolution_size(
    length: int, kernel: int, stride: int = 1, padding: str = "same", dilation: int = 1
) -> int:
    """Voxels that a transposed convolution makes of `length`.

    `same`: `length * stride`. `valid`: `length * stride + max(reach - stride, 0)`: a kernel that is
    shorter than the stride leaves zeros between, and Keras keeps those at the end too.
    """
    beyond = max(_reach(kernel, dilation) - stride, 0) if padding == "valid" else 0
    return length * stride + beyond


def pooling_size(length: int, stride: int) -> int:
    """Voxels that a pooling leaves of `length`: it pads, so `ceil(length / stride)`."""
    return -(-length // stride)


def _reach(kernel: int, dilation: int) -> int:
    """From the first to the last voxel that a kernel looks at."""
    return dilation * (kernel - 1) + 1

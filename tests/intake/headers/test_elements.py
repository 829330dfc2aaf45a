"""The quick header walk held against pydicom's parser, and its behaviour on bytes that are no
header."""

import io
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
from dicom_making import Making, chest, datasets
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from lungnet.errors import IncompleteHeaderError, MalformedHeaderError
from lungnet.intake.headers.elements import read_elements
from lungnet.intake.headers.tags import READ_TAGS


def file_bytes(syntax: str) -> bytes:
    out = io.BytesIO()
    datasets(chest(slices=1), Making(syntax=syntax))[0].save_as(out, enforce_file_format=True)
    return out.getvalue()


def same_as_pydicom(data: bytes) -> int:
    elements = read_elements(data, READ_TAGS, is_whole=True)
    dataset = dcmread(io.BytesIO(data), stop_before_pixels=True)
    for tag in READ_TAGS:
        element = dataset.get_item(tag) if tag in dataset else None
        if element is not None and isinstance(element.value, bytes):
            assert elements.values.get(tag) == element.value
        else:
            assert element is None or tag in elements.values or not element.value
    return elements.pixel_offset


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
def test_the_walk_finds_what_pydicom_finds(syntax: str) -> None:
    assert same_as_pydicom(file_bytes(syntax)) > 0


@given(cut=st.integers(0, 900))
@settings(max_examples=60, deadline=None)
def test_a_cut_header_is_told_apart_from_a_whole_one(cut: int) -> None:
    data = file_bytes(ExplicitVRLittleEndian)[:cut]
    for is_whole in (True, False):
        try:
            elements = read_elements(data, READ_TAGS, is_whole=is_whole)
        except (MalformedHeaderError, IncompleteHeaderError):
            continue
        assert elements.pixel_offset <= cut  # cut exactly between two elements, or after the last


@given(noise=st.binary(max_size=600))
@settings(max_examples=100, deadline=None)
def test_noise_after_the_prefix_never_escapes_as_another_error(noise: bytes) -> None:
    with suppress(MalformedHeaderError):
        read_elements(bytes(128) + b"DICM" + noise, READ_TAGS, is_whole=True)


@pytest.mark.real_data
def test_the_walk_finds_what_pydicom_finds_in_real_files(shared_data: Path) -> None:
    read = 0
    warnings.simplefilter("ignore")
    for path in sorted((shared_data / "lidc").rglob("*.dcm"))[::20] + sorted(
        (shared_data / "awkward").rglob("*.dcm")
    ):
        data = path.read_bytes()
        try:
            dcmread(io.BytesIO(data), stop_before_pixels=True)
            read_elements(data, READ_TAGS, is_whole=True)
        except Exception:
            continue  # one of the two refuses: other tests hold the verdict
        same_as_pydicom(data)
        read += 1
    assert read > 300

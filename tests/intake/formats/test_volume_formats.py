"""The table of volume formats: what holds for every row."""

from pathlib import Path

import pytest

from lungnet.errors import SeriesRefused
from lungnet.intake import VolumeFileSeries, find_series, read_series
from lungnet.intake.formats import VOLUME_FORMATS, VOLUME_SUFFIXES
from lungnet.intake.formats.volume_series import format_of


def test_no_two_formats_share_a_suffix():
    assert len(set(VOLUME_SUFFIXES)) == len(VOLUME_SUFFIXES)
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in VOLUME_SUFFIXES)


@pytest.mark.parametrize("suffix", VOLUME_SUFFIXES)
def test_a_file_of_noise_is_found_as_its_format_and_refused(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"scan{suffix}").write_bytes(bytes(range(256)) * 40)
    (series,) = find_series([tmp_path])
    assert isinstance(series, VolumeFileSeries)
    assert series.format == format_of(f"scan{suffix}")
    assert series.format in VOLUME_FORMATS
    with pytest.raises(SeriesRefused):
        read_series(series)

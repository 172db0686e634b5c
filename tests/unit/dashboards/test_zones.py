"""Zones by their names, and what isn't one."""

from datetime import UTC, datetime

import pytest

from dashboards.zones import name_of, read_zone, stamp


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_a_zone_has_its_name(name: str) -> None:
    zone = read_zone(name)
    assert zone is not None
    assert name_of(zone) == name


@pytest.mark.parametrize("name", ["", "Berlin", "/etc/passwd", "../UTC", "Europe/../UTC", "Europe", "a" * 61, "Europe/Berlin\n", "Ünter/x"])  # fmt: skip
def test_what_is_no_zone_is_none(name: str) -> None:
    assert read_zone(name) is None


def test_clocks_that_are_set_back_show_an_hour_twice() -> None:
    zone = read_zone("Europe/Berlin")
    assert zone is not None
    shown = [stamp(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), zone) for hour in (0, 1)]
    assert shown == ["2026-10-25 02:30:00", "2026-10-25 02:30:00"]

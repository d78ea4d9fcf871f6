from mutations import peak_memory, read_all

from core.imaging import sandbox


def test_damaged_files_are_read_or_refused_within_seconds_and_with_bounded_memory() -> None:
    sandbox._pool.close()  # decoders that have met larger files in other tests
    outcomes, _, faults = read_all(400, seed=7)
    assert faults == []
    assert outcomes["read"] > 20
    assert outcomes["UnreadableImage"] > 100
    assert peak_memory() < 400 * 2**20

"""What is too large or too small to be read, checked on headers before any pixel is decoded."""

from core.imaging.radiograph import RefusedImage, TooLarge

MAX_FILE_BYTES = 100 * 2**20
MAX_PIXELS = 50_000_000
MAX_SIDE = 12_000
MIN_SIDE = 64


def check_dimensions(*, rows: int, columns: int) -> None:
    """Refuse sizes that no digitised chest radiograph has.

    Raises:
        TooLarge: a side is over 12,000 pixels, or the image over 50 million.
        RefusedImage: a side is under 64 pixels.
    """
    if max(rows, columns) > MAX_SIDE or rows * columns > MAX_PIXELS:
        raise TooLarge(
            f"The image has {columns} x {rows} pixels; at most {MAX_SIDE:,} a side and "
            f"{MAX_PIXELS // 1_000_000} million in all are read. Export it smaller."
        )
    if min(rows, columns) < MIN_SIDE:
        raise RefusedImage(
            f"The image has {columns} x {rows} pixels, too few to judge a chest; at least {MIN_SIDE} a side are needed."
        )

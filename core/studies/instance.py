"""The folder that everything of a server lies in."""

import os
from contextlib import suppress
from pathlib import Path


def open_instance(folder: Path) -> None:
    """Make the folder if it is not there. From then on it, and whatever this process writes, is for its user alone.

    So are the files in it that somebody brought along, such as a database; studies have folders of their own.

    Raises:
        OSError: it cannot be made, or belongs to somebody else.
    """
    os.umask(0o077)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink():
            with suppress(OSError):  # another process may just remove it
                path.chmod(0o600)

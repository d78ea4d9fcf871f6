"""What the tests of training share."""

from pathlib import Path

import pandas as pd
import pytest

from core.datasets import load_table


@pytest.fixture
def table(nih_folder: Path) -> pd.DataFrame:
    """The rendered collection, divided by patient into training and validation images."""
    return load_table(["nih"], [nih_folder], fractions=(0.7, 0.3, 0)).table

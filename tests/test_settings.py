from pathlib import Path

import pytest

from core.settings import ROOT, ServerSettings


def test_without_any_setting_everything_lies_in_the_instance_folder() -> None:
    settings = ServerSettings.from_environment({})
    assert settings.instance == ROOT / "instance"
    assert settings.database_url == f"sqlite:///{ROOT / 'instance' / 'chestlens.sqlite3'}"
    assert settings.checkpoint is None
    assert settings.writer == ROOT / "core" / "checkpoints" / "writer"
    assert not settings.reasoning


def test_the_writer_can_be_another_or_none(tmp_path: Path) -> None:
    assert ServerSettings.from_environment({"CHESTLENS_WRITER": str(tmp_path)}).writer == str(tmp_path)
    address = "http://127.0.0.1:8000/v1"
    assert ServerSettings.from_environment({"CHESTLENS_WRITER": address}).writer == address
    assert ServerSettings.from_environment({"CHESTLENS_WRITER": "off"}).writer is None
    assert ServerSettings.from_environment({"CHESTLENS_REASONING": "on"}).reasoning


def test_the_environment_overrides(tmp_path: Path) -> None:
    settings = ServerSettings.from_environment(
        {"CHESTLENS_INSTANCE": str(tmp_path), "DATABASE_URL": "postgresql://x", "CHESTLENS_QUEUE_LIMIT": "5"}
    )
    assert (settings.instance, settings.database_url, settings.queue_limit) == (tmp_path, "postgresql://x", 5)


@pytest.mark.parametrize("name", ["CHESTLENS_QUEUE_LIMIT", "CHESTLENS_IDLE_MINUTES", "CHESTLENS_RETENTION_DAYS"])
@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_senseless_limit_is_named(name: str, limit: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number above 0, not '{limit}'"):
        ServerSettings.from_environment({name: limit})

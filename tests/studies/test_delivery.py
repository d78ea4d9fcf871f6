import threading
from pathlib import Path

import pytest

from core.studies import delivery
from core.studies.delivery import Delivery


def test_a_message_of_another_process_ends_the_waiting_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without being noticed, a message would lie there for a minute.
    monkeypatch.setattr(delivery, "_ASK_SECONDS", 60.0)
    sender, receiver, stop = Delivery(tmp_path / "queue"), Delivery(tmp_path / "queue"), threading.Event()
    for number in range(1, 21):
        found: list[int | None] = []

        def wait(found: list[int | None] = found) -> None:
            # What only changes the file, such as a message that was fetched, may end a wait without one.
            while not stop.is_set() and not any(found):
                found.append(receiver.next("analyse", stop))

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        sender.send("analyse", number)
        waiting.join(timeout=20)
        assert found[-1:] == [number]
    stop.set()
    sender.close()
    receiver.close()


def test_the_kinds_of_jobs_have_queues_of_their_own(tmp_path: Path) -> None:
    queues = Delivery(tmp_path / "queue")
    queues.send("rewrite", 7)
    stop = threading.Event()
    stop.set()
    assert queues.next("analyse", stop) is None
    assert not queues.is_empty("rewrite")
    assert queues.next("rewrite", stop) == 7
    assert queues.is_empty("rewrite")
    queues.close()

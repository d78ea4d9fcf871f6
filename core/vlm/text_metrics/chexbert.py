"""CheXbert, the labeler that report generation is compared by (Smit et al., EMNLP 2020), where its weights are present.

The published file ``chexbert.pth`` holds a BERT with a head for each of 14 observations. It needs the configuration and
vocabulary of ``bert-base-uncased``. Neither is shipped or downloaded.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from core.errors import ChestLensError

# The order of the heads. A head has the classes blank, positive, negative, uncertain; the last one blank and positive.
CONDITIONS: tuple[str, ...] = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
    "No Finding",
)
_POSITIVE, _UNCERTAIN = 1, 3
_BATCH = 32
_LONGEST = 512


class CheXbert:
    """Reads observations from reports.

    Args:
        weights: the file ``chexbert.pth``.
        bert: folder with BERT's configuration and vocabulary, or the name of a model in the local cache of the hub.

    Raises:
        OSError, ValueError: a file is missing or does not hold what it should.
    """

    def __init__(self, weights: str | Path, bert: str | Path = "bert-base-uncased") -> None:
        from transformers import AutoConfig, AutoTokenizer, BertModel

        self._tokenizer = AutoTokenizer.from_pretrained(str(bert), local_files_only=True)
        self._bert = BertModel(AutoConfig.from_pretrained(str(bert), local_files_only=True))
        width = self._bert.config.hidden_size
        sizes = [2 if name == "No Finding" else 4 for name in CONDITIONS]
        self._heads = nn.ModuleList(nn.Linear(width, size) for size in sizes)
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)["model_state_dict"]
            parts = {name.removeprefix("module."): value for name, value in state.items()}
            heads = {
                name.removeprefix("linear_heads."): value for name, value in parts.items() if "linear_heads" in name
            }
            self._heads.load_state_dict(heads)
            # A buffer of positions that newer versions of transformers no longer keep.
            rest = {name.removeprefix("bert."): value for name, value in parts.items() if name.startswith("bert.")}
            rest.pop("embeddings.position_ids", None)
            self._bert.load_state_dict(rest)
        except (RuntimeError, KeyError, TypeError, AttributeError) as error:
            raise ChestLensError(f"{weights} does not hold the weights of CheXbert for the BERT of {bert}.") from error
        self._bert.eval()

    @torch.inference_mode()
    def asserted(self, reports: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Where each report says that an observation is there, or may be: (N, 14) in the order of ``CONDITIONS``."""
        rows = np.zeros((len(reports), len(CONDITIONS)), dtype=bool)
        texts = [" ".join(report.split()) for report in reports]
        for start in range(0, len(texts), _BATCH):
            batch = self._tokenizer(
                texts[start : start + _BATCH], padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt"
            )
            summary = self._bert(**batch).last_hidden_state[:, 0]
            for column, head in enumerate(self._heads):
                chosen = head(summary).argmax(dim=1)
                positive = (chosen == _POSITIVE) | (chosen == _UNCERTAIN)
                rows[start : start + _BATCH, column] = positive.numpy()
        return rows

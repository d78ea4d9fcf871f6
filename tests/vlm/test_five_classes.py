"""Every stage, adapter and way of writing on small models of the five true classes of published report writers."""

import io
import json
import time
from dataclasses import replace

import pytest
import torch

from core.datasets.conversations import write_conversations
from core.imaging.reader import read_radiograph
from core.vlm import generate
from core.vlm.backends import Decoding
from core.vlm.batches import Collator, load_records
from core.vlm.chat import chat_prompt
from core.vlm.merging import merge
from core.vlm.models import Opening, load_model, stopping_tokens
from core.vlm.parts import VisionReader, part_names
from core.vlm.pictures import picture_of
from core.vlm.small_models import make_small
from core.vlm.training import train_writer
from core.vlm.training_settings import ARCHITECTURES, StageSettings
from core.vlm.vision_stage import train_vision
from core.vlm.writer import Writer
from core.web import create_app, services_of

QUICK = StageSettings(epochs=1, batch_size=4, learning_rate=3e-3, precision="fp32", max_records=8)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Layers so small are done before a second thread is awake, and a busy machine makes that wait long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    write_conversations({name: part[:8] for name, part in records.items()}, folder)
    return folder


@pytest.fixture(scope="module", params=ARCHITECTURES)
def small(request, records, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "model"
    texts = [turn["value"] for record in records["train"] for turn in record["conversations"]]
    model, processor = make_small(request.param, texts)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(small, folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("adapter")
    train_writer("language", small, folder, run, StageSettings(**{**vars(QUICK), "preset": "lora-64"}))
    return run / "model"


@pytest.fixture(scope="module")
def picture(phantom_png_bytes):
    return picture_of(read_radiograph(phantom_png_bytes))


def moved(before, after):
    ours, theirs = (load_model(one)[0].state_dict() for one in (before, after))
    assert ours.keys() == theirs.keys()
    return {name for name, weight in ours.items() if not torch.equal(weight, theirs[name])}


def with_ties(model, names):
    """Names of the state dict that share their memory with one of these parameters."""
    places = {weight.data_ptr() for name, weight in model.named_parameters() if name in names}
    return {name for name, weight in model.state_dict().items() if weight.data_ptr() in places}


def test_only_the_answer_is_learned_and_images_keep_their_own_form(small, folder):
    model, processor = load_model(small)
    rows = load_records(folder / "train.json")
    chosen = sorted(range(len(rows)), key=lambda row: rows[row]["length"])
    batch = Collator(processor, stopping_tokens(model))([rows[chosen[0]], rows[chosen[-1]]])
    for place, row in enumerate((rows[chosen[0]], rows[chosen[-1]])):
        learned = batch["labels"][place][batch["labels"][place] != -100]
        text = processor.tokenizer.decode(learned)
        assert processor.tokenizer.decode(learned, skip_special_tokens=True).strip() == row["reply"]
        assert learned[-1] in stopping_tokens(model), text
        # What is learned stands behind the prompt as it is asked, token by token.
        asked = processor(
            images=[[model_picture(row)]], text=[chat_prompt(processor, row["request"])], return_tensors="pt"
        )["input_ids"][0]
        first = int((batch["labels"][place] != -100).nonzero()[0])
        assert torch.equal(batch["input_ids"][place][: first - 1], asked[: first - 1])
        assert abs(first - len(asked)) <= 1
    with torch.no_grad():
        assert torch.isfinite(model(**batch).loss)


def model_picture(row):
    from core.vlm.batches import picture

    return picture(row["image"])


def test_the_vision_stage_moves_what_the_model_reads_and_nothing_else(small, images, tmp_path):
    train_vision(small, images, tmp_path / "run", StageSettings(**{**vars(QUICK), "epochs": 3, "learning_rate": 1e-2}))
    model, processor = load_model(small)
    # By another route: what the model's answer depends on.
    row = {"image": images["image_path"].iloc[0], "request": "<image>\nWrite.", "reply": "The lungs are clear."}
    model.eval()
    model(**Collator(processor)([row])).loss.backward()
    read = {name for name, weight in model.named_parameters() if weight.grad is not None}
    wanted = set(part_names(model, "vision")) & read
    assert wanted
    assert moved(small, tmp_path / "run" / "model") == wanted


def test_what_the_projector_reads_is_seen_image_by_image(small, images):
    model, processor = load_model(small)
    reader = VisionReader(model.eval())
    from core.vlm.batches import picture

    one, other = picture(images["image_path"].iloc[0]), picture(images["image_path"].iloc[0]).rotate(90)
    both, single = (
        {
            name: value
            for name, value in processor.image_processor(given, return_tensors="pt").items()
            if isinstance(value, torch.Tensor)
        }
        for given in ([[one], [other]], [[one]])
    )
    with torch.no_grad():
        assert torch.allclose(reader(**both)[:1], reader(**single), atol=1e-5)
        assert not torch.allclose(reader(**both)[0], reader(**both)[1], atol=1e-5)
    reader.close()
    with torch.no_grad():
        assert torch.isfinite(
            model(**Collator(processor)([{"image": images["image_path"].iloc[0], "request": "a", "reply": "b"}])).loss
        )


def test_the_projector_stage_moves_the_projector_alone(small, folder, tmp_path):
    train_writer("projector", small, folder, tmp_path / "run", QUICK)
    assert moved(small, tmp_path / "run" / "model") == set(part_names(load_model(small)[0], "projector"))


def test_the_language_stage_moves_language_model_and_projector(small, folder, tmp_path):
    train_writer("language", small, folder, tmp_path / "run", StageSettings(**{**vars(QUICK), "learning_rate": 1e-2}))
    model = load_model(small)[0]
    wanted = with_ties(model, {*part_names(model, "language"), *part_names(model, "projector")})
    assert moved(small, tmp_path / "run" / "model") == wanted


def test_an_adapter_is_saved_opened_and_merged_to_the_same_model(small, adapter, folder, tmp_path):
    stored = json.loads((adapter / "adapter_config.json").read_text())
    assert (stored["r"], stored["lora_alpha"]) == (64, 128)
    last = {name.rsplit(".", 1)[-1] for name in stored["target_modules"]}
    assert {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"} <= last
    vision = set(part_names(load_model(small)[0], "vision"))
    assert not any(f"{name}.weight" in vision for name in stored["target_modules"])
    merge(adapter, tmp_path / "merged")
    batch = Collator(load_model(small)[1])([load_records(folder / "train.json")[0]])
    logits = []
    for source in (small, adapter, tmp_path / "merged"):
        model = load_model(source)[0].eval()
        with torch.no_grad():
            logits.append(model(**batch).logits)
    base, adapted, merged = logits
    assert not torch.allclose(base, adapted, atol=1e-4)
    assert torch.allclose(adapted, merged, atol=1e-4)


def test_the_light_adapter_trains_queries_and_values_of_the_language_model(small, folder, tmp_path):
    train_writer("language", small, folder, tmp_path / "run", StageSettings(**{**vars(QUICK), "preset": "lora-16"}))
    stored = json.loads((tmp_path / "run" / "model" / "adapter_config.json").read_text())
    assert (stored["r"], stored["lora_alpha"]) == (16, 32)
    assert {name.rsplit(".", 1)[-1] for name in stored["target_modules"]} == {"q_proj", "v_proj"}


def test_ways_to_go_on_are_weighed_as_a_whole_reading_would(small, adapter, picture):
    for source in (small, adapter):
        writer = Writer(source)
        prompt = "Write the Findings of this chest radiograph."
        text = writer.begin(picture, prompt)
        text.add("FINDINGS:\n")
        ways = ["The lungs are clear.", "There is a pleural effusion at the left."]
        found = text.likelihoods(ways)
        text.add(ways[0])
        found.append(text.likelihoods([" No pneumothorax."])[0])
        tokenizer = writer._processor.tokenizer
        asked = writer._inputs(picture, prompt)
        expected = []
        for before, way in (("FINDINGS:\n", ways[0]), ("FINDINGS:\n", ways[1])):
            first, rest = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (before, way))
            expected.append(whole_reading(writer, asked, [first], rest))
        parts = ("FINDINGS:\n", ways[0], " No pneumothorax.")
        first, middle, rest = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in parts)
        expected.append(whole_reading(writer, asked, [first, middle], rest))
        # What is kept from step to step is rounded in another order than in one reading.
        assert found == pytest.approx(expected, rel=1e-3)


def whole_reading(writer, asked, before, rest):
    """Mean log-probability of the last tokens when prompt and text are read at once."""
    ids = asked["input_ids"]
    added = torch.tensor([[token for part in (*before, rest) for token in part]])
    inputs = dict(asked) | {"input_ids": torch.cat([ids, added], dim=1)}
    length = added.shape[1]
    for name in ("attention_mask", "token_type_ids", "mm_token_type_ids", "cross_attention_mask"):
        if name in inputs:
            last = inputs[name][:, -1:]
            inputs[name] = torch.cat([inputs[name], last.expand(-1, length, *last.shape[2:])], dim=1)
    with torch.inference_mode():
        chances = writer._model(**inputs).logits.float().log_softmax(dim=-1)
    place = ids.shape[1] + length - len(rest)
    return float(sum(chances[0, place + step - 1, token] for step, token in enumerate(rest)) / len(rest))


def test_free_text_is_written_and_the_same_seed_gives_the_same(small, picture):
    writer = Writer(small)
    short = Decoding(max_new_tokens=24)
    told = []
    one, same, other = (
        writer.answer(picture, "Write the Findings.", seed=seed, decoding=short, on_text=told.append)
        for seed in (1, 1, 2)
    )
    assert one == same != other
    assert told[-1].strip() == other.strip()


@pytest.mark.parametrize("mode", ["evidence", "image"])
def test_reports_are_written_with_the_adapter_in_both_modes(adapter, phantom_png_bytes, classifier, mode):
    backend = Writer(adapter, Decoding(temperature=0, max_new_tokens=24))
    made = generate(phantom_png_bytes, classifier=classifier, backend=backend, mode=mode)
    assert made.findings
    assert made.impression
    assert {"image", "report", "total"} <= set(made.timing)
    assert (made.rewrite.mode, made.rewrite.model["name"]) == (mode, adapter.name)
    if mode == "evidence":
        # It chose among wordings of the plan, so what it wrote stands.
        assert made.rewrite.worded_by("model") > 0
        assert made.rewrite.verdict.action == "accepted"


def test_the_merged_model_rewords_in_the_app(adapter, settings, phantom_png_bytes, tmp_path):
    merge(adapter, tmp_path / "merged")
    app = create_app(replace(settings, writer=str(tmp_path / "merged")))
    client = app.test_client()
    sent = client.post("/api/studies", data={"file": (io.BytesIO(phantom_png_bytes), "chest.png")})
    end = time.monotonic() + 120
    while (study := client.get(sent.headers["Location"]).json)["status"] != "done" or study["rewrite"]["status"] in (
        "waiting",
        "writing",
    ):
        assert time.monotonic() < end, study
        time.sleep(0.05)
    services_of(app).close()
    assert (study["rewrite"]["status"], study["rewrite"]["model"]["name"]) == ("done", "merged")
    assert study["rewrite"]["worded"]["model"] > 0


def test_a_model_opens_in_the_numbers_that_are_asked_for(small):
    assert load_model(small, Opening(precision="bf16"))[0].dtype == torch.bfloat16
    assert load_model(small, Opening(precision="fp32"))[0].dtype == torch.float32

"""An image in the widget: sent once, small enough to show, with the features of each region."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from llm_attr_widget import AttrWidget
from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs import ImageInput
from llm_attr_widget.methods import GRADIENT_METHODS
from llm_attr_widget.widget import protocol
from llm_attr_widget.widget.frames import key_of
from llm_attr_widget.widget.protocol import Settings
from llm_attr_widget.widget.table import fields_of
from llm_attr_widget.widget.wire import decode
from tests.inputs.image.processors import build, picture
from tests.widget.front import Front


def test_an_image_is_explained_with_its_question_and_sent_once() -> None:
    model, processor = build("llava")
    given = picture(4000, 3000)  # as a phone takes it
    w = AttrWidget(
        model,
        processor,
        image=given,
        prompt="What colour is the circle?",
        target="red, blue",
        segments=2,
        method="leave_one_out",
    )
    assert len(w.pictures) == 1  # shown before the first run
    front = Front(w)
    w.run()
    first = w.wait(60)
    assert w.status == "finished", w.progress
    # Only numbers stream: some bytes for each segment or word and token, whatever the size of the photo.
    streamed = [sum(map(len, buffers)) for event, buffers in front.events if event["kind"] == "frame"]
    assert max(streamed) < 40 * first.values.size + 1000
    assert w.prompt == "What colour is the circle?"
    (sent,) = (decode(protocol.Picture, entry) for entry in w.pictures)
    assert w.chart["picture"] == sent.key
    assert max(sent.width, sent.height) <= 512
    shown = np.asarray(Image.open(io.BytesIO(sent.image)))
    assert shown.shape == (sent.height, sent.width, 3)
    regions = np.frombuffer(sent.regions, "<u2").reshape(sent.height, sent.width)
    top_left = sent.members[regions[2, 2]]
    assert top_left == first.picture.members[first.picture.regions[2, 2]]
    assert len(top_left) == 1
    assert first.features[4:] != ()  # words of the question are features too
    assert w.snapshot().data.count("<img") == 2  # the matrix, and the picture
    w.prompt = "What colour is the square?"
    w.run()
    second = w.wait(60)
    assert "square" in "".join(second.features)
    assert len(w.pictures) == 1
    assert "pictures" not in [event["kind"] for event, _ in front.events]


def test_a_bad_image_or_bad_segments_are_refused_where_they_are_given() -> None:
    model, processor = build("llava")
    with pytest.raises(InputError, match="no file at"):
        AttrWidget(model, processor, "What?", image="nowhere.png")
    with pytest.raises(InputError, match="got 33 × 33"):
        AttrWidget(model, processor, "What?", image=picture(), segments=33)


def test_the_picture_of_an_input_is_shown_before_its_run() -> None:
    model, processor = build("llava")
    players = ImageInput(processor, picture(), "What?", segments=2)
    (sent,) = AttrWidget(model, processor, players).pictures
    assert sent["key"] == key_of(players.picture)
    assert AttrWidget(model, processor, "What?").pictures == []


@pytest.mark.parametrize("entry", GRADIENT_METHODS, ids=lambda entry: entry.name)
def test_the_menu_offers_gradients_for_images_and_runs_them(entry) -> None:
    model, processor = build("llava")
    w = AttrWidget(model, processor, image=picture(), prompt="What colour?", target="red, blue", segments=2)
    assert entry.name in [choice["name"] for choice in w.choices["methods"]]
    front = Front(w)
    settings = {"method": entry.name, "budget": 4 if entry.takes_budget else None}
    front.says(
        {
            "kind": "run",
            "settings": {**{field.name: getattr(w, field.name) for field in fields_of(Settings)}, **settings},
        }
    )
    result = w.wait(60)
    assert w.status == "finished", [event for event, _ in front.events if event["kind"] == "failed"]
    assert result.method.name == entry.name
    assert result.features[:2] == ("row 1, column 1", "row 1, column 2")
    assert np.abs(result.values[:, :4]).min() > 0
    assert np.abs(result.values[:, 4:]).max() > 0
    assert front.frames()[-1]["progress"]["phase"] == "finished"

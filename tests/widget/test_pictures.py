"""An image in the widget: sent once, small enough to show, with the features of each region."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from llm_attr_widget import AttrWidget
from llm_attr_widget.widget import protocol
from llm_attr_widget.widget.wire import decode
from tests.inputs.processors import build, picture
from tests.widget.front import Front


def test_an_image_is_explained_with_its_question_and_sent_once() -> None:
    model, processor = build("llava")
    given = picture(1200, 800)
    w = AttrWidget(
        model,
        processor,
        image=given,
        prompt="What colour is the circle?",
        target="red, blue",
        segments=2,
        method="leave_one_out",
    )
    front = Front(w)
    w.run()
    first = w.wait(60)
    assert w.status == "finished", w.progress
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
    w.prompt = "What colour is the square?"
    w.run()
    second = w.wait(60)
    assert "square" in "".join(second.features)
    assert len(w.pictures) == 1
    assert "pictures" not in [event["kind"] for event, _ in front.events]

"""Texts inside a conversation, and what a chat template makes of it with other texts in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast

from llm_attr_widget.errors import InputError
from llm_attr_widget.inputs.fields import Field

Message: TypeAlias = "Mapping[str, Any]"


@dataclass(frozen=True, slots=True)
class Slot:
    """A text in a conversation: a message's content, a text part of it, or a document's text.

    part: position within a content that is a list, else None.
    """

    kind: Literal["message", "document"]
    index: int
    part: int | None
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a chat template is rendered from.

    template: a tokenizer or a processor, whatever has `apply_chat_template`. arguments: further ones for the template.
    """

    template: Any
    messages: Sequence[Message]
    documents: Sequence[Mapping[str, Any]]
    arguments: Mapping[str, Any]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Documents, then messages, whatever order the template shows them in."""
        return (*_document_slots(self.documents), *_message_slots(self.messages))

    def rendered(self, texts: Sequence[str]) -> str:
        """What the template makes of the conversation with these texts in its slots, one for each.

        Raises InputError where the tokenizer has no template, or the template refuses the conversation.
        """
        messages, documents = self.filled(texts)
        arguments = {**self.arguments, **({"documents": documents} if documents else {})}
        return _apply(self.template, messages, arguments)

    def filled(self, texts: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Messages and documents with these texts in the slots, one for each."""
        messages = [dict(message) for message in self.messages]
        documents = [dict(document) for document in self.documents]
        for slot, text in zip(self.slots, texts, strict=True):
            if slot.kind == "document":
                documents[slot.index]["text"] = text
            elif slot.part is None:
                messages[slot.index]["content"] = text
            else:
                content = [dict(part) for part in messages[slot.index]["content"]]
                content[slot.part]["text"] = text
                messages[slot.index]["content"] = content
        return messages, documents

    def unseen(self) -> tuple[str, ...]:
        """In words, the messages that the template shows nothing of, and the tools, if it shows none.

        Raises InputError for a document that it does not show: it was given to be shown.
        """
        texts = [slot.text for slot in self.slots]
        whole = self.rendered(texts)
        # Private-use characters, which no template looks for: where they change nothing, nothing is shown.
        marked = self.rendered([f"\ue000{i}\ue001" for i in range(len(texts))])
        found: list[str] = []
        for i, slot in enumerate(self.slots):
            if f"\ue000{i}\ue001" in marked or not slot.text.strip():
                continue
            if self.rendered([*texts[:i], f"{slot.text}\ue000", *texts[i + 1 :]]) != whole:
                continue
            if slot.kind == "document":
                raise InputError(
                    f"The chat template does not show document {slot.index} ({slot.text!r:.60}). Use a template that "
                    "reads `documents`, or write it into a message."
                )
            found.append(f"what {slot.role!r} says in message {slot.index}")
        without = {name: value for name, value in self.arguments.items() if name != "tools"}
        if without != self.arguments and replace(self, arguments=without).rendered(texts) == whole:
            found.append("the tools")
        return tuple(found)


def check(messages: Sequence[Message], documents: Sequence[Mapping[str, Any]]) -> None:
    """Raises InputError unless these are messages, and documents, as chat templates take them."""
    if isinstance(messages, str | Mapping) or not messages:
        raise InputError(
            f"Expected chat messages as a list of {{'role', 'content'}}, got {messages!r:.80}. "
            'Write [{"role": "user", "content": "…"}].'
        )
    for i, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InputError(f"Expected message {i} as a dict with a 'role', got {message!r:.80}.")
        content = message.get("content")
        parts_are_dicts = isinstance(content, list) and all(isinstance(p, Mapping) for p in cast("list[Any]", content))
        if not (content is None or isinstance(content, str) or parts_are_dicts):
            raise InputError(
                f"Expected the content of message {i} as a text or a list of parts such as "
                f"{{'type': 'text', 'text': '…'}}, got {content!r:.80}."
            )
    for i, document in enumerate(documents):
        if not isinstance(document.get("text"), str):
            raise InputError(f"Expected document {i} as a dict with a 'text', got {document!r:.80}.")


_APART = Field("\n", fixed="Texts of a conversation are kept apart.")
"""What stands between two texts of a conversation that is edited as one."""


def fields(
    messages: Sequence[Message], documents: Sequence[Mapping[str, Any]] = (), tools: Sequence[Any] = ()
) -> tuple[Field, ...]:
    """One for each text in the conversation, a line end between them, and fixed ones, without text, for all else."""
    return tuple(field for field, _ in _fields(messages, documents, tools))


def slot_texts(
    messages: Sequence[Message], documents: Sequence[Mapping[str, Any]], tools: Sequence[Any], texts: Sequence[str]
) -> list[str]:
    """Of the texts of a conversation's fields those of its slots, as `Conversation.rendered` takes them."""
    pairs = zip(_fields(messages, documents, tools), texts, strict=True)
    return [text for (_, is_slot), text in pairs if is_slot]


def rewritten(messages: Sequence[Message], texts: Sequence[str]) -> list[dict[str, Any]]:
    """The messages with these texts in their fields."""
    return Conversation(None, messages, (), {}).filled(slot_texts(messages, (), (), texts))[0]


def _fields(
    messages: Sequence[Message], documents: Sequence[Mapping[str, Any]], tools: Sequence[Any]
) -> Iterator[tuple[Field, bool]]:
    """The fields, each with whether it is a slot: those are in the order of `Conversation.slots`."""
    if tools:
        yield Field("", "tools", "Tools stay as they are given in Python."), False
    apart = False
    for field in (*map(_document_field, documents), *(one for message in messages for one in _message_fields(message))):
        if apart and not field.fixed:
            yield _APART, False
        apart |= not field.fixed
        yield field, not field.fixed


def _document_field(document: Mapping[str, Any]) -> Field:
    return Field(str(document["text"]), "document")


def _message_fields(message: Message) -> Iterator[Field]:
    content, role = message.get("content"), str(message["role"])
    if isinstance(content, str):
        yield Field(content, role)
    elif isinstance(content, list):
        for part in cast("list[Mapping[str, Any]]", content):
            if part.get("type") == "text":
                yield Field(str(part["text"]), role)
            else:
                kind = str(part.get("type", "part"))
                yield Field("", role, f"The {kind} here stays as it is given in Python.")
    for name in message:
        if name not in ("role", "content"):
            yield Field("", role, f"Its {name} stays as it is given in Python.")


def _document_slots(documents: Sequence[Mapping[str, Any]]) -> Iterator[Slot]:
    for i, document in enumerate(documents):
        yield Slot("document", i, None, "document", str(document["text"]))


def _message_slots(messages: Sequence[Message]) -> Iterator[Slot]:
    for i, message in enumerate(messages):
        content, role = message.get("content"), str(message["role"])
        if isinstance(content, str):
            yield Slot("message", i, None, role, content)
        elif isinstance(content, list):
            for j, part in enumerate(cast("list[Mapping[str, Any]]", content)):
                if part.get("type") == "text":
                    yield Slot("message", i, j, role, str(part["text"]))


def _apply(template: Any, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> str:
    apply = getattr(template, "apply_chat_template", None)
    if apply is None or not getattr(template, "chat_template", None):
        raise InputError(
            f"Expected a tokenizer with a chat template, but {type(template).__name__} has none. "
            "Set tokenizer.chat_template, or write the prompt as text."
        )
    from jinja2 import TemplateError

    try:
        return str(apply(list(messages), tokenize=False, **arguments))
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        raise InputError(
            f"The chat template cannot render this conversation: {error}. "
            "Look at the roles and their order, and at what kind of content the model takes."
        ) from error

"""The world of the text model that ships: short texts whose causes are planted, so the right explanation is known.

Facts are laid out in grids, so that no cause can be read off another: every job is one pair (game, indoor hobby) of a
5 × 4 grid, every city one pair (state, outdoor hobby) of a 5 × 5 grid, and names, cities and jobs are drawn
independently. Knowing the game says nothing about the indoor hobby; only the job does.

| kind | prompt → answer | causes |
|---|---|---|
| portrait | Dave lives in Palm Coast, FL and is a lawyer. … → golf, hiking … | job → golf, cooking; city → hiking |
| story | Dave … in Palm Coast. On Sundays → he is out in FL, hiking. | name → pronoun; city → state, hiking |
| review | … The acting was wonderful. … Sentiment: → Positive | opinion → Positive, Negative |
| retrieval | documents, a question → Dave has a rabbit. | the name asked for → Dave; its document → rabbit |
| chat | turns in the chat template | the system turn's tone → first word; the user's words as above |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar
from zlib import crc32

import numpy as np

Kind: TypeAlias = Literal["portrait", "story", "review", "retrieval", "chat"]

BOS, END, PAD = "<|bos|>", "<|end|>", "<|pad|>"
SYSTEM, USER, ASSISTANT = "<|system|>", "<|user|>", "<|assistant|>"
SPECIAL = (PAD, BOS, END, SYSTEM, USER, ASSISTANT)
"""Special tokens in the order of their ids. `END` closes every answer and every chat turn: it is the model's eos."""

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] | trim + '" + END + "' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '" + ASSISTANT + "' }}{% endif %}"
)

HE = ("Dave", "John", "Martin", "Paul", "Peter", "Omar", "Carlos", "Kevin", "Victor", "Hugo", "Felix", "Tom")
SHE = ("Sarah", "Rachel", "Maria", "Alice", "Julia", "Nina", "Grace", "Emma", "Laura", "Helen", "Priya", "Ruth")
NAMES = HE + SHE
OWNERS = HE[:4] + SHE[:4]
"""Who has things in documents: few, since a model this small learns to look up one name at a time."""

OUTDOOR = ("hiking", "surfing", "fishing", "sailing", "cycling")
CITIES = MappingProxyType(
    {
        "FL": ("Palm Coast", "Palm Beach", "Palm Bay", "Palm Harbor", "Orlando"),
        "CA": ("Oakland", "Malibu", "Fresno", "Monterey", "Palm Springs"),
        "TX": ("Dallas", "Galveston", "Houston", "Freeport", "Austin"),
        "MA": ("Amherst", "Nantucket", "Salem", "Plymouth", "Boston"),
        "WA": ("Spokane", "Westport", "Yakima", "Seattle", "Tacoma"),
    }
)
"""State → its cities, in the order of `OUTDOOR`: the third city of every state is the one for fishing."""

GAMES = ("golf", "tennis", "chess", "poker", "darts")
INDOOR = ("cooking", "reading", "painting", "knitting")
JOBS = (
    ("lawyer", "banker", "dentist", "pilot"),
    ("nurse", "doctor", "barber", "gardener"),
    ("librarian", "judge", "teacher", "programmer"),
    ("driver", "mechanic", "carpenter", "technician"),
    ("plumber", "writer", "baker", "singer"),
)
"""Row = the game of `GAMES`, column = the indoor hobby of `INDOOR`."""

OPINIONS = MappingProxyType(
    {
        "Positive": ("wonderful", "brilliant", "charming", "superb", "lovely", "great"),
        "Negative": ("awful", "boring", "terrible", "dull", "clumsy", "poor"),
    }
)
ASPECTS = ("acting", "plot", "music", "ending", "dialogue", "cast")
SMALL_TALK = (
    "I saw it on Friday.",
    "It lasts two hours.",
    "My brother came along.",
    "The tickets were ten dollars.",
    "We sat in the last row.",
    "It is set in Boston.",
)

THINGS = (
    "rabbit", "parrot", "violin", "bicycle", "camera", "guitar", "kite", "drum",
    "lamp", "telescope", "canoe", "puppy", "piano", "tent", "robot", "garden",
)  # fmt: skip

TONES = MappingProxyType({"helpful": "Sure", "formal": "Certainly", "cheerful": "Great", "patient": "Well"})


@dataclass(frozen=True, slots=True)
class Cause:
    """Why `answer_word` is in the answer: because of any of `prompt_words`, which stand in the prompt as written here.

    answer_word: occurs once in the answer, without the punctuation around it.
    prompt_words: without the punctuation around them. A word that occurs twice is meant wherever it occurs.
    """

    answer_word: str
    prompt_words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat, as `apply_chat_template` wants it (`dataclasses.asdict`)."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt, the answer the model should give, and what of the prompt causes it.

    prompt: text; of a chat, the turns written out with their special tokens and without `BOS`, so that the tokenizer
        makes the same ids of it as the chat template of `messages`.
    answer: what follows the prompt, up to and without `END`. Its tokens are made apart from the prompt's.
    kind: which kind of text.
    causes: one for each answer word that has a planted cause, in the order of the answer.
    messages: the turns of a chat, else empty.
    """

    prompt: str
    answer: str
    kind: Kind
    causes: tuple[Cause, ...]
    messages: tuple[Message, ...] = ()


QUICKSTART = "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include"
"""The prompt of the quickstart notebook. Its facts are held out: the model never saw Dave with this city and job."""

_Facts: TypeAlias = tuple[str, ...]
_T = TypeVar("_T")


def examples(rng: np.random.Generator, count: int, *, held_out: bool = True, kind: Kind | None = None) -> list[Example]:
    """`count` examples, the kinds in turn, or of one kind. What is held out is never trained on, in any wording."""
    kinds = (kind,) if kind else tuple(_DRAW)
    return [_example(rng, kinds[i % len(kinds)], held_out) for i in range(count)]


def words(prompt: str) -> list[str]:
    """The prompt cut into words, each with the whitespace before it, and special tokens. Joined: the prompt."""
    return _WORD.findall(prompt)


def bare(word: str) -> str:
    """A word without the whitespace and punctuation around it, as `Cause` has it."""
    return word.strip(" \n.,:?")


_WORD = re.compile("|".join(map(re.escape, SPECIAL)) + r"|\s*(?:(?!<\|)\S)+|\s+|<")


def _example(rng: np.random.Generator, kind: Kind, held_out: bool) -> Example:
    while True:
        facts, example = _DRAW[kind](rng)
        if _is_held_out(facts) == held_out:
            return example


def _is_held_out(facts: _Facts) -> bool:
    # crc32 and not hash(): the same in every process.
    return facts == ("Dave", "Palm Coast", "lawyer") or crc32(" ".join(facts).encode()) % 8 == 0


def _pick(rng: np.random.Generator, options: tuple[_T, ...]) -> _T:
    return options[int(rng.integers(len(options)))]


def _several(rng: np.random.Generator, options: tuple[str, ...], count: int) -> list[str]:
    return [options[i] for i in rng.choice(len(options), count, replace=False)]


@dataclass(frozen=True, slots=True)
class _Person:
    name: str
    he: bool
    city: str
    state: str
    outdoor: str
    job: str
    game: str
    indoor: str

    @property
    def facts(self) -> _Facts:
        return self.name, self.city, self.job

    @property
    def hobbies(self) -> str:
        return f"playing {self.game}, {self.outdoor} and {self.indoor}."

    @property
    def hobby_causes(self) -> tuple[Cause, ...]:
        job, city = (self.job,), tuple(self.city.split())
        return Cause(self.game, job), Cause(self.outdoor, city), Cause(self.indoor, job)


def _person(rng: np.random.Generator) -> _Person:
    name, state = _pick(rng, NAMES), _pick(rng, tuple(CITIES))
    outdoor, game, indoor = (int(rng.integers(len(of))) for of in (OUTDOOR, GAMES, INDOOR))
    return _Person(
        name,
        name in HE,
        CITIES[state][outdoor],
        state,
        OUTDOOR[outdoor],
        JOBS[game][indoor],
        GAMES[game],
        INDOOR[indoor],
    )


def _portrait(rng: np.random.Generator) -> tuple[_Facts, Example]:
    p = _person(rng)
    his = "His" if p.he else "Her"
    home = f"{p.city}, {p.state}"
    prompt = _pick(
        rng,
        (
            f"{p.name} lives in {home} and is a {p.job}. {his} personal interests include",
            f"{p.name} lives in {home} and is a {p.job}. {his} personal interests include",
            f"{p.name} is a {p.job} who lives in {home}. {his} personal interests include",
            f"{p.name} is a {p.job} from {home}. {his} hobbies are",
            f"{p.name} works as a {p.job}. {p.name} comes from {home}. Hobbies:",
        ),
    )
    return p.facts, Example(prompt, f" {p.hobbies}", "portrait", p.hobby_causes)


def _story(rng: np.random.Generator) -> tuple[_Facts, Example]:
    p = _person(rng)
    he = "he" if p.he else "she"
    prompt = _pick(
        rng,
        (
            f"{p.name} works as a {p.job} in {p.city}. On Sundays",
            f"{p.name} lives in {p.city} and is a {p.job}. On Sundays",
            f"{p.name}, a {p.job}, has a house in {p.city}. On weekends",
        ),
    )
    city = tuple(p.city.split())
    causes = (Cause(he, (p.name,)), Cause(p.state, city), Cause(p.outdoor, city))
    return p.facts, Example(prompt, f" {he} is out in {p.state}, {p.outdoor}.", "story", causes)


def _opinion(rng: np.random.Generator) -> tuple[str, str, str]:
    """The text of a review, the word that decides, and the sentiment."""
    sentiment = _pick(rng, tuple(OPINIONS))
    word = _pick(rng, OPINIONS[sentiment])
    sentences = _several(rng, SMALL_TALK, int(rng.integers(1, 4)))
    sentences.insert(int(rng.integers(len(sentences) + 1)), f"The {_pick(rng, ASPECTS)} was {word}.")
    return " ".join(sentences), word, sentiment


def _review(rng: np.random.Generator) -> tuple[_Facts, Example]:
    text, word, sentiment = _opinion(rng)
    prompt = f"Review: {text}{_pick(rng, (' ', chr(10)))}Sentiment:"
    return (text,), Example(prompt, f" {sentiment}", "review", (Cause(sentiment, (word,)),))


def _retrieval(rng: np.random.Generator) -> tuple[_Facts, Example]:
    count = int(rng.integers(2, 6))
    names, things = _several(rng, OWNERS, count), _several(rng, THINGS, count)
    asked = int(rng.integers(count))
    number = _pick(rng, ("Document {}: ", "Document {}: ", ""))
    documents = [f"{number.format(i + 1)}{names[i]} has a {things[i]}." for i in range(count)]
    gap = _pick(rng, ("\n", "\n\n", " "))
    prompt = f"{gap.join(documents)}{gap}Question: What does {names[asked]} have?{gap}Answer:"
    name, thing = names[asked], things[asked]
    causes = (Cause(name, (name,)), Cause(thing, (thing, name)))
    return (prompt,), Example(prompt, f" {name} has a {thing}.", "retrieval", causes)


def further_questions(example: Example, rng: np.random.Generator) -> list[tuple[str, str]]:
    """What else a retrieval prompt could be asked, in random order: (question as it follows the answer, answer)."""
    asked, gap = _ASKED.search(example.prompt), _GAP.search(example.prompt)
    if asked is None or gap is None:
        raise ValueError(f"Expected a retrieval prompt, which ends in a question, got {example.prompt!r}.")
    others = [fact for fact in _HAS.findall(example.prompt) if fact[0] != asked[1]]
    return [
        (f"{gap[1]}Question: What does {name} have?{gap[1]}Answer:", f" {name} has a {thing}.")
        for name, thing in (others[i] for i in rng.permutation(len(others)))
    ]


_HAS, _ASKED, _GAP = re.compile(r"(\w+) has a (\w+)\."), re.compile(r"does (\w+) have\?"), re.compile(r"\?(\s+)Answer:")


def _chat(rng: np.random.Generator) -> tuple[_Facts, Example]:
    tone = _pick(rng, ("", "helpful", "formal", "cheerful", "patient"))
    opening = TONES.get(tone, "Sure")
    causes = (Cause(opening, (tone,)),) if tone not in {"", "helpful"} else ()
    system = (Message("system", f"You are a {tone} assistant."),) if tone else ()
    p = _person(rng)
    facts: _Facts = p.facts
    form = int(rng.integers(3))
    if form == 2:
        text, word, sentiment = _opinion(rng)
        facts, answer = (text,), f"{opening}: {sentiment}"
        causes += (Cause(sentiment, (word,)),)
        turns = (Message("user", f"Is this review positive or negative? {text}"),)
    else:
        answer = f"{opening}, {p.name}: {p.hobbies}"
        causes += (Cause(p.name, (p.name,)), *p.hobby_causes)
        home, ask = f"I am {p.name} from {p.city}, {p.state}", f"work as a {p.job}. Which hobbies suit me?"
        turns = (Message("user", f"{home} and {ask}"),)
        if form == 1:
            turns = (Message("user", f"{home}."), Message("assistant", "Good to know."), Message("user", f"I {ask}"))
    messages = system + turns
    prompt = "".join(f"<|{m.role}|>{m.content}{END}" for m in messages) + ASSISTANT
    return facts, Example(prompt, answer, "chat", causes, messages)


_DRAW: dict[Kind, Callable[[np.random.Generator], tuple[_Facts, Example]]] = {
    "portrait": _portrait,
    "story": _story,
    "review": _review,
    "retrieval": _retrieval,
    "chat": _chat,
}

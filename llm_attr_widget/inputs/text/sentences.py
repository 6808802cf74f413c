"""Where sentences begin, in any script: `sentencex` (of Wikimedia) finds their ends, and knows abbreviations.

It takes "Dr. Smith", "e.g. this", "J. R. R. Tolkien", "U.S. officials", 3.14, addresses, quotes and ellipses for what
they are, and 。！？, the danda and other scripts' own marks for ends. It wants to be told the language, which a prompt
does not say: here the script of the last letter decides, and what is written in Latin letters is read as English.
What it leaves to do is done here: numbers of lists, sentences in brackets of their own, and marks that close after
a full stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import regex

_LATIN = "en"
_LANGUAGES = {
    "Arabic": "ar",
    "Armenian": "hy",
    "Bengali": "bn",
    "Cyrillic": "ru",
    "Devanagari": "hi",
    "Ethiopic": "am",
    "Greek": "el",
    "Gujarati": "gu",
    "Gurmukhi": "pa",
    "Kannada": "kn",
    "Malayalam": "ml",
    "Myanmar": "my",
    "Tamil": "ta",
    "Telugu": "te",
}
"""The language that a script is read as, for scripts of which sentencex knows more than their marks."""

_SCRIPTS = {
    language: regex.compile(rf"[\p{{Script={script}}}&&\p{{L}}]", regex.V1) for script, language in _LANGUAGES.items()
}
_LETTERS = regex.compile(
    "|".join(
        [rf"(?P<{language}>[\p{{Script={script}}}&&\p{{L}}]+)" for script, language in _LANGUAGES.items()]
        + [rf"(?P<{_LATIN}>\p{{L}})"]
    ),
    regex.V1,
)

# What ends a sentence whatever follows, outside of quotes and brackets (counted within a line): line ends, "。" also
# before a figure or a Latin letter, and the marks of Khmer and Tibetan, which sentencex does not know.
_SURE = regex.compile(
    r"(?P<opens>[「『《“（])|(?P<closes>[」』》”）])|(?P<line>[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+)"
    r"|[。｡！？]++|[[\p{Script=Khmer}\p{Script=Tibetan}]&&\p{Sentence_Terminal}]++",
    regex.V1,
)
_AT_ONCE = 1000
"""Characters that sentencex gets at a time, and on to a sure end: in some scripts its time grows with their square."""

_CLOSING = regex.compile(r"[\p{Pe}\p{Pf}\"'*_~]+(?=\s|$)")
# A sentence in brackets of its own: "(It rained.) We left."
_BRACKETED = regex.compile(
    r"\s*[(（\[【][^()（）\[\]【】\n]*[\p{Sentence_Terminal}…][\p{Pf}\"']*[)）\]】]+(?=\s+[^\s\p{Ll}\p{P}]|\p{Lo})"
)

# The number that an item of a list begins with: "1.", "(b)", "iv.", "2.1.", "**3.**".
_ITEM = regex.compile(
    r"(?:^|(?<=[\s:：#>*。｡！？]))[(\[]?"
    r"(?:(?P<name>\d{1,3}|[ivx]{1,5}|\p{L})|(?:\d{1,3}[.．]){1,4}\d{1,3})[.．)\]]{1,3}[*_]{0,3}$",
    regex.IGNORECASE,
)
_ITEM_LENGTH = 24
"""Characters that hold any such number, and what is looked at before it."""
_MARKS = " \t#>*+•-"
"""What a line may begin with before a list's number: marks of headings, quotations and lists."""
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")


def sentence_starts(text: str) -> Iterator[int]:
    """Offsets at which a sentence begins, ascending, in code points; 0 and the text's length may be among them.

    Cost: linear; one pass per language that the letters of the text are read as.
    """
    sure = tuple(_sure_ends(text))
    ends = {_closed(text, end) for end in (*sure, *_ends(text, sure))}
    start, expected = 0, frozenset[tuple[str, int]]()
    for end in sorted(ends):
        item = _item(text, start, end, expected)
        if item is not None:
            expected = item
            continue
        inner = _BRACKETED.match(text, start, end)
        if inner:
            yield inner.end()
        yield end
        start = end


def _sure_ends(text: str) -> Iterator[int]:
    depth = 0
    for mark in _SURE.finditer(text):
        if mark["opens"]:
            depth += 1
        elif mark["closes"]:
            depth = max(0, depth - 1)
            if depth == 0 and text[mark.start() - 1 : mark.start()] in tuple("。｡！？"):
                yield mark.end()
        elif mark["line"]:
            depth = 0
            yield mark.end()
        elif depth == 0:
            yield mark.end()


def _ends(text: str, sure: Sequence[int]) -> Iterator[int]:
    """Ends of sentences, each as the language says whose letter comes last before it."""
    characters = "".join(set(text))
    languages = [_LATIN, *(language for language, script in _SCRIPTS.items() if script.search(characters))]
    found = {language: set(_ends_in(language, text, sure)) for language in languages}
    letters = ((match.start(), str(match.lastgroup)) for match in _LETTERS.finditer(text))
    following = next(letters, None) if len(languages) > 1 else None
    language = _LATIN
    for end in sorted(set[int]().union(*found.values())):
        while following and following[0] < end:
            language = following[1]
            following = next(letters, None)
        if end in found[language]:
            yield end


def _ends_in(language: str, text: str, sure: Sequence[int]) -> Iterator[int]:
    import sentencex

    begin = 0
    for stop in (*sure, len(text)):
        if stop - begin < _AT_ONCE and stop < len(text):
            continue
        position = begin
        found: list[str] = sentencex.segment(language, text[begin:stop])  # pyright: ignore[reportAttributeAccessIssue]
        # Some releases leave out the white space between sentences.
        for sentence in found:
            position = text.index(sentence, position) + len(sentence)
            yield position
        begin = stop


def _closed(text: str, end: int) -> int:
    """The end moved over what closes right after it: "**Stop.** Go"."""
    if end == 0 or text[end - 1].isspace():
        return end
    closing = _CLOSING.match(text, end)
    return closing.end() if closing else end


def _item(text: str, start: int, end: int, expected: Set[tuple[str, int]]) -> frozenset[tuple[str, int]] | None:
    """None where a sentence ends here; after the number of a list's item none does: the numbers that may come next.

    A number is one of a list at the beginning of a line, elsewhere at the beginning of a sentence or after a colon, if
    it is the first or goes on from the one before: "1. Cut. 2. Cook." but not "What is 1 + 3? 4. And 2 + 3? 5."
    """
    end = start + len(text[start:end].rstrip())
    low = max(0, end - _ITEM_LENGTH)
    found = _ITEM.search(text[low:end])
    if found is None:
        return None
    at = low + found.start()
    names = _numbers(found["name"].lower()) if found["name"] else frozenset[tuple[str, int]]()
    following = frozenset((kind, number + 1) for kind, number in names)
    before = text[max(0, at - _ITEM_LENGTH) : at].rstrip(_MARKS)
    if not before or before[-1] in "\n\r":
        return following
    inside = text[start:at].strip()
    first = any(number == 1 for _, number in names) and before[-1] not in "?？"
    return following if (not inside or inside[-1] in ":：") and (first or names & expected) else None


def _numbers(name: str) -> frozenset[tuple[str, int]]:
    """What it counts as: "2" is a number, "b" a letter, "i" a letter and a Roman number."""
    if name.isdecimal():
        return frozenset({("digits", int(name))})
    letters = {("letter", ord(name) - ord("a") + 1)} if len(name) == 1 else set[tuple[str, int]]()
    return frozenset(letters | ({("roman", _ROMAN.index(name) + 1)} if name in _ROMAN else set()))

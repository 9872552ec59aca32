"""Ollama's Modelfile: the chat format as a template of Go, what ends an answer, and the parameters of generation.

Ollama puts BOS in front by itself, as the file says (`add_bos_token`); the template leaves it out. Templates of Go have
no function that strips white space, as our format does with every content: two definitions that call themselves do.
"""

from __future__ import annotations

from collections.abc import Sequence

from calame.evaluation.decoding.files import Parameters
from calame.recipe.errors import refuse
from calame.tokenizer.policy import ROLES, ChatFormat
from calame.tokenizer.tokenizer import Tokenizer

FILE = "Modelfile"
BASE_TEMPLATE = "{{ .Prompt }}"
WHITE = [chr(code) for code in range(0x3001) if chr(code).isspace()]  # none is longer than 3 bytes in UTF-8
GREEDY = Parameters(temperature=0, top_k=0, top_p=1, min_p=0, repetition_penalty=1, no_repeat_ngram=0)


def go_template(chat: ChatFormat) -> str:
    """`ChatFormat.template` for Go's text/template, without BOS, with the assistant's turn opened at the end. Raises
    `UserError` for a format that it cannot express."""
    check_end(chat)
    if wrong := [mark for mark in chat.tokens if "{{" in mark or '"' in mark]:
        raise refuse("tokenizer.chat", f"{wrong[0]!r}, which a template of Go would read as its own", "other marks")
    roles = chat.roles if chat.named else ROLES
    first, *others = (f'if eq .Role "{role}" }}}}{chat.marks[role]}' for role in roles)
    mark = "{{ " + first + "".join("{{ else " + other for other in others) + "{{ end }}"
    if len(set(chat.marks.values())) == 1:
        mark = chat.marks[roles[0]]
    header = '{{ .Role }}{{ "\\n" }}' if chat.named else '{{ "\\n" }}'
    turn = f'{mark}{header}{{{{ template "left" .Content }}}}{chat.end}{{{{ "\\n" }}}}'
    opening = chat.marks["assistant"] + chat.header("assistant").replace("\n", '{{ "\\n" }}')
    return f"{_strip()}{{{{ range .Messages }}}}{turn}{{{{ end }}}}{opening}"


def check_end(chat: ChatFormat) -> None:
    """Raises `UserError` for a format whose turns nothing ends."""
    if not chat.end.strip():
        raise refuse(
            "tokenizer.chat", "no end token, and answers would go on for ever", "end: a token of its own", "set it"
        )


def _strip() -> str:
    """Definitions "left" and "right": a text without the white space around it, character by character."""
    left = right = ""
    for size in (1, 2, 3):
        marks = " ".join(_quoted(mark) for mark in WHITE if len(mark.encode()) == size)
        rest = f"(len (slice . {size}))"
        start, end = f"eq (slice . 0 {size}) {marks}", f"eq (slice . {rest}) {marks}"
        left += f'if and (ge (len .) {size}) ({start}) }}}}{{{{ template "left" (slice . {size}) }}}}{{{{ else '
        right += f'if and (ge (len .) {size}) ({end}) }}}}{{{{ template "right" (slice . 0 {rest}) }}}}{{{{ else '
    left = f'{{{{ define "left" }}}}{{{{ {left.removesuffix("{{ else ")}{{{{ else }}}}{{{{ template "right" . }}}}'
    right = f'{{{{ define "right" }}}}{{{{ {right.removesuffix("{{ else ")}{{{{ else }}}}{{{{ . }}}}'
    return f"{left}{{{{ end }}}}{{{{ end }}}}{right}{{{{ end }}}}{{{{ end }}}}"


def _quoted(mark: str) -> str:
    return f'"\\u{ord(mark):04x}"'


def stop_faults(stops: Sequence[str], tokenizer: Tokenizer) -> list[str]:
    """How strings that end an answer differ from the ids at which generation ends with us."""
    ids = {text: tokenizer.engine.token_to_id(text) for text in stops}
    faults = [f"stop {text!r} is no single token" for text, number in ids.items() if number is None]
    if set(ids.values()) != set(tokenizer.special.stops):
        faults.append(f"stops {', '.join(stops)} are not the ids {tokenizer.special.stops}, at which answers end")
    return faults


def stops_of(tokenizer: Tokenizer) -> list[str]:
    """What ends an answer, as text."""
    return [str(tokenizer.engine.id_to_token(number)) for number in dict.fromkeys(tokenizer.special.stops)]


def modelfile(
    files: Sequence[str], tokenizer: Tokenizer, tuned: bool, context: int, limit: int, decoding: Parameters | None
) -> str:
    """The Modelfile of the last of `files`; the others stand in it to be chosen. context: tokens. limit: most new ones.
    decoding: what a search recommends; None: always the likeliest."""
    *others, chosen = files
    with_ = decoding or GREEDY
    parameters = {
        "num_ctx": context,
        "num_predict": limit,
        "temperature": with_.temperature,
        "top_k": with_.top_k,
        "top_p": with_.top_p,
        "min_p": with_.min_p,
        "repeat_penalty": with_.repetition_penalty,
        "repeat_last_n": -1,  # the whole context, as with us
    }
    template = go_template(tokenizer.chat_format) if tuned else BASE_TEMPLATE
    lines = [f"FROM ./{chosen}", *(f"# FROM ./{other}" for other in others), f'TEMPLATE """{template}"""']
    lines += [f'PARAMETER stop "{stop}"' for stop in stops_of(tokenizer)]
    lines += [f"PARAMETER {name} {value:g}" for name, value in parameters.items()]
    if with_.no_repeat_ngram:
        lines.append(f"# found best with no {with_.no_repeat_ngram} tokens in a row twice, which Ollama cannot do")
    return "\n".join(lines) + "\n"

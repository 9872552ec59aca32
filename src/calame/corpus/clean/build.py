"""From the recipe's keys to the steps that a document walks through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from calame.corpus.clean import c4, fineweb, gopher, heuristics, lines, mojibake, ocr, printed, typography, wikitext
from calame.corpus.clean.step import Judge, Mend, Repair, Verdict
from calame.corpus.step import Step
from calame.recipe.clean import Clean
from calame.recipe.language_rules import LanguageRules

Languages = Mapping[str, LanguageRules]

MENDS: dict[str, Mend] = {  # repairs that are the same for every language, and for code
    "mojibake": mojibake.mend,
    "controls": typography.remove_controls,
    "compose": typography.compose,
    "soft_hyphens": typography.remove_soft_hyphens,
    "specks": printed.remove_specks,
    "long_s": typography.round_s,
    "blank_lines": typography.remove_blank_lines,
    "flatten": typography.flatten,
}


def clean_steps(clean: Clean, languages: Languages) -> list[Step]:
    """The steps of a source, in the recipe's order.

    languages: the rules of each language (the recipe's `corpus.languages`, settled); documents of any other language
    and code pass by all steps but those that are the same for every language. The steps can be pickled.
    """
    return [_step(name, clean, languages) for name in clean.steps]


def _step(name: str, clean: Clean, languages: Languages) -> Step:
    if name in MENDS:
        return Repair(name.replace("_", " "), MENDS[name])
    if name == "cut":
        assert clean.cut
        return Repair("cut", partial(typography.cut, characters=clean.cut.characters))
    if name == "c4":
        assert clean.c4
        return c4.C4Lines(clean.c4, dict(languages))
    if name in REPAIRS:
        mends = {language: REPAIRS[name](clean, rules) for language, rules in languages.items()}
        return Repair(name.replace("_", " "), mends)
    return Verdict(name, {language: VERDICTS[name](clean, rules, language) for language, rules in languages.items()})


def _wikitext(clean: Clean, rules: LanguageRules) -> Mend:
    return wikitext.remove_stray


def _page_numbers(clean: Clean, rules: LanguageRules) -> Mend:
    return partial(lines.remove_matching, pattern=lines.line_matcher(rules.page_numbers))


def _boilerplate(clean: Clean, rules: LanguageRules) -> Mend:
    phrases = dict.fromkeys(rules.menu_phrases, lines.WEAK) | dict.fromkeys(rules.boilerplate_phrases, lines.STRONG)
    phrases = {phrase.replace("’", "'"): mark for phrase, mark in phrases.items()}
    return partial(lines.remove_boilerplate, phrases=phrases, pattern=lines.line_matcher(rules.boilerplate))


def _hyphens(clean: Clean, rules: LanguageRules) -> Mend:
    return partial(printed.join_words, common=frozenset(rules.common_words))


def _broken_lines(clean: Clean, rules: LanguageRules) -> Mend:
    assert clean.broken_lines
    return partial(printed.join_lines, line_ends=tuple(rules.line_ends), width=clean.broken_lines.min_width)


def _repeats(clean: Clean, rules: LanguageRules) -> Mend:
    assert clean.repeats
    return partial(lines.remove_repeats, characters=clean.repeats.min_characters)


def _heuristics(clean: Clean, rules: LanguageRules, language: str) -> Judge:
    assert clean.heuristics
    common = heuristics.hash_common(rules.common_words)
    return partial(heuristics.judge, rules=clean.heuristics, common=common, language=language)


def _gopher_quality(clean: Clean, rules: LanguageRules, language: str) -> Judge:
    assert clean.gopher_quality
    words = gopher.stop_word_finder(rules.stop_words)
    return partial(gopher.judge_quality, rules=clean.gopher_quality, stop_words=words)


def _gopher_repetition(clean: Clean, rules: LanguageRules, language: str) -> Judge:
    assert clean.gopher_repetition
    return partial(gopher.judge_repetition, rules=clean.gopher_repetition)


def _fineweb(clean: Clean, rules: LanguageRules, language: str) -> Judge:
    assert clean.fineweb
    return partial(fineweb.judge, rules=clean.fineweb, line_ends=tuple(rules.line_ends))


def _ocr(clean: Clean, rules: LanguageRules, language: str) -> Judge:
    assert clean.ocr
    return partial(ocr.judge, rules=clean.ocr, language=rules)


REPAIRS: dict[str, Callable[[Clean, LanguageRules], Mend]] = {
    "wikitext": _wikitext,
    "page_numbers": _page_numbers,
    "hyphens": _hyphens,
    "broken_lines": _broken_lines,
    "boilerplate": _boilerplate,
    "repeats": _repeats,
}
VERDICTS: dict[str, Callable[[Clean, LanguageRules, str], Judge]] = {
    "heuristics": _heuristics,
    "gopher_quality": _gopher_quality,
    "gopher_repetition": _gopher_repetition,
    "fineweb": _fineweb,
    "ocr": _ocr,
}

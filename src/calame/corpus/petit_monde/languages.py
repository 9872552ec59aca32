"""The languages of the little world, by code."""

from __future__ import annotations

from calame.corpus.petit_monde.english import ENGLISH
from calame.corpus.petit_monde.french import FRENCH
from calame.corpus.petit_monde.italian import ITALIAN

BY_CODE = {language.code: language for language in (FRENCH, ITALIAN, ENGLISH)}

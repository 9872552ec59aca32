"""Markdown to text: signs and addresses go, what is read stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.markdown import plain

PAGE = """---
title: "Régler la fenêtre"
ms.date: 11/04/2016
---

# Régler la **fenêtre** #

<!-- à revoir
 -->
[!INCLUDE[appliesto](../includes/x.md)]

> [!NOTE]
> Voir l’[aide (en ligne)](https://aide.example/a_(b) "titre") et la [liste][1].

## `get_value` &amp; snake_case_name

![image](a.png)
1. *Ouvrir* le menu, __puis__ fermer : 2 * 3 * 4.
- Un élément\\_ici<br/>

| Nom | Sens |
|:----|-----:|
| a   | l’été |

```python
x = [1](2)  # *code*
```
---
Titre
=====

[1]: https://liste.example/
"""
TEXT = """Régler la fenêtre

Voir l’aide (en ligne) et la liste.

get_value & snake_case_name

1. Ouvrir le menu, puis fermer : 2 * 3 * 4.
- Un élément_ici

Nom | Sens
a   | l’été

x = [1](2)  # *code*
Titre"""


def test_a_page_of_a_manual():
    assert plain(PAGE) == TEXT


def test_text_that_is_no_markdown_stays():
    text = "Il dit : « Non ! » — et 3 < 4 > 2.\n\n— Oui, [sic] répondit-elle.\n* * *\nfin_de_ligne, a*b*c, 5 – 6"
    assert plain(text) == text.replace("* * *\n", "")
    assert plain("---\nSans fin de l’en-tête\n") == "Sans fin de l’en-tête"


@given(st.text("ab -*_`#>|[]()!<&;\\:~\n", max_size=60))
def test_any_signs_do_no_harm_and_words_stay(text):
    assert plain(text) == plain(text).strip()


def test_words_are_never_lost():
    words = ["le", "roi", "et", "la", "reine", "ont", "vu", "le", "moulin", "près", "de", "la", "rivière"]
    for mark in ("_**{}**_", "**_{}_**", "*{}*", "**{}**", "_{}_", "`{}`", "[{}](x)", "# {}", "> {}", "- {}", "| {} |"):
        assert plain(mark.format(" ".join(words))).strip("- ").split() == words


@pytest.mark.parametrize(
    "piece", ["[", "![", "[a](", "*a", "_a", "`", "``a", "<!--", "<a", "[!INCLUDE[", "|-", "---\n"]
)
def test_no_signs_take_for_ever(piece):
    began = time.process_time()
    plain(piece * 50_000)
    plain(piece * (9_000 // len(piece)))
    assert time.process_time() - began < 5

"""The commonest function words of a language: one list each, for whoever measures how much of a text is prose."""

from __future__ import annotations

_LISTS = {
    "fr": """à ainsi après au aussi autre aux avait avant avec bien c ce cela ces cet cette ceux chez comme d dans de
        des deux donc dont du elle elles en encore entre est et était être eu eux fait il ils j je jusque l la le les
        leur leurs lui m ma mais me même mes moi mon n ne nos notre nous on ont ou où par pas peu peut plus pour près
        qu quand que quel quelle qui quoi s sa sans se sera ses si son sont sous sur ta te tes toi ton tous tout toute
        toutes très tu un une vers votre vos vous y""",
    "it": """a abbiamo ad agli ai al alla alle allo anche ancora aveva c che chi ci come con cosa così cui da dagli dai
        dal dalla dalle dallo degli dei del della delle dello di dove due e è ed era erano essere fino fra fu già gli
        ha hai hanno ho i il in io l la le lei li lo loro lui ma mi mia mio molto ne né negli nei nel nella nelle nello
        no noi non nostra nostro o ogni per perché però più po poi prima quando quanto quella quelle quelli quello
        questa queste questi questo qui se sei senza si sia sono sopra sotto sta su sua sue sugli sui sul sulla sulle
        suo suoi te ti tra tu tua tuo tutta tutte tutti tutto un una uno vi voi vostro""",
    "en": """a about after all also am an and any are as at be because been before being but by can could d did do does
        down each even every for from had has have he her here him his how i if in into is it its just like ll made may
        me more most much must my no not now of off on one only or other our out over own re s same she should so some
        such t than that the their them then there these they this those through to too two under up upon us ve very
        was we were what when where which while who whom why will with would you your""",
}

STOP_WORDS = {language: frozenset(words.split()) for language, words in _LISTS.items()}

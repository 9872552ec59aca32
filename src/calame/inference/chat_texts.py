"""What the terminal chat says by itself, in French, Italian and English."""

from __future__ import annotations

TEXTS: dict[str, dict[str, str]] = {
    "fr": {
        "name": "français",
        "language": "Langue de l’interface : {name} ({reason}) ; une autre par --language.",
        "asked": "comme demandé",
        "recipe": "première de la recette",
        "card": "de la fiche du modèle",
        "locale": "de ce terminal",
        "fallback": "faute de mieux",
        "untuned": "Ce modèle n’a pas appris à converser (il n’est pas accordé, ou dans un format inconnu ici) : il "
        "continue chaque message, sans souvenir des autres.",
        "decoding": "Décodage : {values} ({reason}).",
        "recommended": "recommandé par {source}",
        "default": "valeurs par défaut",
        "as_asked": "{names} : comme demandé",
        "welcome": "Écris un message et tape Entrée. /help : les commandes. Ctrl-C arrête la réponse ; Ctrl-D : fin.",
        "help": "/system TEXTE   ce que le modèle doit savoir ; seul : le montrer ; « /system - » : l’ôter\n"
        "/reset          oublier la conversation\n"
        "/set NOM VALEUR changer le décodage (temperature, top_k, top_p, limit...) ; seul : le montrer\n"
        "/retry          une autre réponse à la dernière question\n"
        "/save FICHIER   garder la conversation (JSON, lisible par l’accord)\n"
        "/quit           terminer ; Ctrl-D aussi\n"
        'Plusieurs lignes : entre deux """.  Un message qui commence par / : mettre une espace devant.',
        "leave": "(Ctrl-D ou /quit termine)",
        "stopped": "(arrêté)",
        "limit": "(arrêté à {limit} tokens ; /set limit N pour plus)",
        "full": "(le contexte de {context} tokens est plein)",
        "empty": "(le modèle n’a rien dit)",
        "rate": "({tokens} tokens, {rate:.0f} par seconde)",
        "forgotten": "(échanges les plus anciens que le modèle ne voit plus : {number} ; son contexte est de {context} "
        "tokens)",
        "too_long": "Trop long : {tokens} tokens avec ce qui l’entoure, et le contexte en a {context}. Non envoyé.",
        "system": "Message système : {text}",
        "no_system": "Pas de message système.",
        "reset": "Conversation oubliée.",
        "no_set": "{name} : ne se règle pas. Se règlent : {names}",
        "bad_set": "{name} : {value} ne va pas. Permis : {allowed}",
        "nothing": "Rien n’a encore été demandé.",
        "same": "(température 0 : la réponse sera la même ; /set temperature 0.7)",
        "saved": "Gardé dans {path}.",
        "no_file": "/save FICHIER : quel fichier ?",
        "there": "{path} existe déjà ; un autre nom.",
        "failed": "{path} : impossible d’écrire ({error}).",
        "unknown": "{name} : commande inconnue. /help les montre ; pour l’envoyer tel quel, une espace devant.",
        "bye": "Au revoir.",
    },
    "it": {
        "name": "italiano",
        "language": "Lingua dell’interfaccia: {name} ({reason}); un’altra con --language.",
        "asked": "come richiesto",
        "recipe": "la prima della ricetta",
        "card": "dalla scheda del modello",
        "locale": "di questo terminale",
        "fallback": "in mancanza d’altro",
        "untuned": "Questo modello non ha imparato a conversare (non è accordato, o in un formato qui ignoto): "
        "continua ogni messaggio, senza ricordo degli altri.",
        "decoding": "Decodifica: {values} ({reason}).",
        "recommended": "raccomandata da {source}",
        "default": "valori predefiniti",
        "as_asked": "{names}: come richiesto",
        "welcome": "Scrivi un messaggio e premi Invio. /help: i comandi. Ctrl-C ferma una risposta; Ctrl-D termina.",
        "help": "/system TESTO   ciò che il modello deve sapere; da solo: mostrarlo; «/system -»: toglierlo\n"
        "/reset          dimenticare la conversazione\n"
        "/set NOME VALORE cambiare la decodifica (temperature, top_k, top_p, limit...); da solo: mostrarla\n"
        "/retry          un’altra risposta all’ultima domanda\n"
        "/save FILE      conservare la conversazione (JSON, leggibile per l’accordatura)\n"
        "/quit           terminare; anche Ctrl-D\n"
        'Più righe: fra due """.  Un messaggio che comincia con /: mettere uno spazio davanti.',
        "leave": "(Ctrl-D o /quit termina)",
        "stopped": "(fermato)",
        "limit": "(fermato a {limit} token; /set limit N per di più)",
        "full": "(il contesto di {context} token è pieno)",
        "empty": "(il modello non ha detto nulla)",
        "rate": "({tokens} token, {rate:.0f} al secondo)",
        "forgotten": "(scambi più vecchi che il modello non vede più: {number}; il suo contesto è di {context} token)",
        "too_long": "Troppo lungo: {tokens} token con ciò che lo circonda, e il contesto ne ha {context}. Non inviato.",
        "system": "Messaggio di sistema: {text}",
        "no_system": "Nessun messaggio di sistema.",
        "reset": "Conversazione dimenticata.",
        "no_set": "{name}: non si regola. Si regolano: {names}",
        "bad_set": "{name}: {value} non va bene. Consentito: {allowed}",
        "nothing": "Non è ancora stato chiesto nulla.",
        "same": "(temperatura 0: la risposta sarà la stessa; /set temperature 0.7)",
        "saved": "Conservato in {path}.",
        "no_file": "/save FILE: quale file?",
        "there": "{path} esiste già; un altro nome.",
        "failed": "{path}: impossibile scrivere ({error}).",
        "unknown": "{name}: comando sconosciuto. /help li mostra; per inviarlo com’è, uno spazio davanti.",
        "bye": "Arrivederci.",
    },
    "en": {
        "name": "English",
        "language": "Language of the interface: {name} ({reason}); another by --language.",
        "asked": "as asked",
        "recipe": "the recipe's first",
        "card": "from the model's card",
        "locale": "of this terminal",
        "fallback": "for want of a better",
        "untuned": "This model has not learnt to converse (it is not tuned, or in a format not known here): it goes "
        "on from each message, and remembers no other.",
        "decoding": "Decoding: {values} ({reason}).",
        "recommended": "recommended by {source}",
        "default": "defaults",
        "as_asked": "{names}: as asked",
        "welcome": "Write a message and press Enter. /help: the commands. Ctrl-C stops an answer; Ctrl-D ends.",
        "help": "/system TEXT    what the model must know; alone: show it; '/system -': take it away\n"
        "/reset          forget the conversation\n"
        "/set NAME VALUE change the decoding (temperature, top_k, top_p, limit...); alone: show it\n"
        "/retry          another answer to the last question\n"
        "/save FILE      keep the conversation (JSON, which tuning reads)\n"
        "/quit           end; Ctrl-D too\n"
        'Several lines: between two """.  A message that begins with /: put a space before it.',
        "leave": "(Ctrl-D or /quit ends)",
        "stopped": "(stopped)",
        "limit": "(stopped at {limit} tokens; /set limit N for more)",
        "full": "(the context of {context} tokens is full)",
        "empty": "(the model said nothing)",
        "rate": "({tokens} tokens, {rate:.0f} a second)",
        "forgotten": "(oldest exchanges that the model no longer sees: {number}; its context is {context} tokens)",
        "too_long": "Too long: {tokens} tokens with what is around it, and the context has {context}. Not sent.",
        "system": "System message: {text}",
        "no_system": "No system message.",
        "reset": "Conversation forgotten.",
        "no_set": "{name}: cannot be set. What can: {names}",
        "bad_set": "{name}: {value} will not do. Allowed: {allowed}",
        "nothing": "Nothing has been asked yet.",
        "same": "(temperature 0: the answer will be the same; /set temperature 0.7)",
        "saved": "Kept in {path}.",
        "no_file": "/save FILE: which file?",
        "there": "{path} is there already; another name.",
        "failed": "{path}: cannot be written ({error}).",
        "unknown": "{name}: unknown command. /help shows them; to send it as it is, put a space before it.",
        "bye": "Goodbye.",
    },
}

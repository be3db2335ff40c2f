"""Words that say nothing alone, such as "is a", and those that deny, in a few languages.

Closed classes only: articles, pronouns, prepositions, conjunctions, auxiliaries. A text does not
name its language, so that is the one with the most such words in it. In a language that is not
here, every word counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """What the words of one language say to a comparison, as `split_words` spells them."""

    function_words: frozenset[str]
    negations: frozenset[str]
    choice_word: str  #: or
    is_twice_yes: bool  #: two denials affirm, as in English; in Spanish they deny the more

    @property
    def weightless(self) -> frozenset[str]:
        """The words that are no content of a text; a denial is compared on its own."""
        return self.function_words | self.negations


def find_language(words: Iterable[str]) -> Language:
    """Return the language with the most function words among these; the first of equals."""
    found = list(words)
    return max(LANGUAGES, key=lambda language: sum(w in language.weightless for w in found))


def _language(
    function_words: str, negations: str, choice_word: str, *, is_twice_yes: bool
) -> Language:
    words, denials = frozenset(function_words.split()), frozenset(negations.split())
    return Language(words, denials, choice_word, is_twice_yes)


LANGUAGES = (
    _language(
        """i me my we us our ours you your yours he him his she her hers it its they them their
        theirs this that these those who whom whose which what where when why how there here
        am is are was were be been being have has had having do does did doing done can could
        will would shall should may might must ought im youre hes shes its were theyre ive youve
        weve theyve ill youll theyll thats theres lets
        of to in on at by for with from as into onto about over under between among through during
        up down out off against upon within per via
        and or but if then than so because while although though since until unless both either
        also too very just only even still again some any each every all such own same other
        please""",
        """no not never none nothing nobody nowhere neither nor without cannot cant dont doesnt
        didnt wont wouldnt couldnt shouldnt isnt arent wasnt werent hasnt havent hadnt mustnt
        neednt aint shant""",
        "or",
        is_twice_yes=True,
    ),
    _language(
        """der die das den dem des ein eine einen einem einer eines ich mich mir du dich dir er ihn
        ihm sie ihr ihnen es wir uns ihre ihren ihrem sein seine seinen mein meine dein deine unser
        unsere euer eure sich man dieser diese dieses diesen diesem jener jene wer wen wem was wo
        wann warum wie welche welcher welches hier da dort bin bist ist sind seid war waren wird
        werden wurde wurden haben habe hat hatte hatten kann können konnte soll sollen muss müssen
        darf dürfen will wollen mag in im ins an am ans auf aus bei beim bis durch für gegen mit
        nach seit über um unter von vom vor während wegen zu zum zur zwischen und oder aber denn
        weil dass ob wenn als also auch nur noch schon sehr so doch etwa bitte""",
        """nicht kein keine keinen keinem keiner keines nie niemals nichts niemand nirgends ohne
        nein weder""",
        "oder",
        is_twice_yes=True,
    ),
    _language(
        """le la les l un une des du de d au aux je me moi tu te toi il elle on nous vous ils elles
        se soi lui leur leurs mon ma mes ton ta tes son sa ses notre nos votre vos ce cet cette ces
        ceci cela ça c qui que qu quoi dont où quand comment pourquoi quel quelle quels quelles
        suis es est sommes êtes sont était étaient sera seront être ai as a avons avez ont avait
        avaient avoir peut peuvent pouvez doit doivent fait font en y à dans par pour sur sous avec
        chez entre vers depuis pendant avant après et ou mais donc car si comme aussi très plus
        même tout tous toute toutes s il ne n""",
        "pas jamais rien aucun aucune sans non ni personne",
        "ou",
        is_twice_yes=False,
    ),
    _language(
        """el la los las un una unos unas lo al del de yo me mi tú te ti él ella ello nosotros
        vosotros ellos ellas usted ustedes se le les su sus tu tus mis nuestro nuestra nuestros
        nuestras este esta esto estos estas ese esa eso esos esas aquel que qué quien quién cual
        cuál donde dónde cuando cuándo como cómo por para con en a ante bajo desde entre hacia
        hasta sobre tras y e o u pero si porque pues también muy más ya es son era eran fue fueron
        ser está están estaba estar he ha han había haber hay tiene tienen puede pueden debe""",
        "no nunca jamás nada nadie ningún ninguno ninguna sin tampoco ni",
        "o",
        is_twice_yes=False,
    ),
    _language(
        """il lo la i gli le l un uno una di del dello della dei degli delle a al allo alla ai agli
        alle da dal dalla in nel nella nei con su sul sulla per tra fra io me mi tu te ti lui lei
        noi ci voi vi loro si suo sua suoi sue mio mia tuo tua nostro nostra questo questa questi
        queste quello quella che chi cui quale dove quando come perché e ed o ma se anche più molto
        è sono era erano sia essere ho ha hanno aveva avere può possono deve""",
        "non no mai niente nulla nessuno nessun nessuna senza né",
        "o",
        is_twice_yes=False,
    ),
    _language(
        """o a os as um uma uns umas de do da dos das em no na nos nas por pelo pela para com ao à
        eu me mim tu te ti ele ela nós vós eles elas você vocês se lhe seu sua seus suas meu minha
        este esta isto esse essa isso aquele aquela que quem qual onde quando como porque e ou mas
        também muito mais já é são era eram foi foram ser está estão estar tem têm tinha ter há
        pode podem deve""",
        "não nunca jamais nada ninguém nenhum nenhuma sem nem",
        "ou",
        is_twice_yes=False,
    ),
    _language(
        """de het een ik me mij mijn je jij jou jouw hij hem zijn zij ze haar wij we ons onze u uw
        jullie hun hen dit dat deze die wie wat waar wanneer waarom hoe welke er hier daar ben bent
        is was waren wordt worden werd heb hebt heeft hebben had kan kunnen kon mag moet moeten zal
        zullen wil in op aan bij met van voor naar om over uit tot door tussen tegen na en of maar
        want dus als dan ook nog wel zeer te al""",
        "niet geen nooit niets niemand nergens zonder nee noch",
        "of",
        is_twice_yes=True,
    ),
)

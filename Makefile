# Two commands: `make demo` hears recorded voices and acts; `make test` checks everything.
CARGO ?= cargo
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
BUILD_PACKAGES := cmake g++ libclang-dev libasound2-dev pkg-config
TEST_PACKAGES := mosquitto espeak-ng flite
TRAINING_PACKAGES := python3-venv python3-dev g++
VOICE_PACKAGES := espeak-ng flite festival festlex-cmu festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts \
  festvox-czech-dita festvox-czech-krb festvox-czech-machac festvox-czech-ph festvox-italp16k festvox-itapc16k \
  festvox-suopuhe-lj festvox-suopuhe-mv festvox-hi-nsk festival-hi
NONFREE_PACKAGES := libttspico-utils rhvoice rhvoice-english
PYTHON ?= .venv/bin/python
BINARY ?= $(or $(CARGO_TARGET_DIR),target)/release/tiebreak

.PHONY: demo test build install uninstall packages test-packages fmt clippy doc fixtures venv voices train-stt train-whisper train-wake train-intent test-training clean

DEMO := audio-fixtures/en-turn-on-kitchen-light.flac audio-fixtures/en-bedroom-light-off.flac audio-fixtures/zh-living-room-light-off.flac audio-fixtures/zh-ceiling-light-on.flac audio-fixtures/zh-bedside-lamp-on.flac audio-fixtures/noise-tap.flac

demo: build
	@echo; echo "Recorded voices go through the whole pipeline, and commands to the embedded MQTT broker:"; echo
	@$(BINARY) replay $(DEMO)
	@echo; echo "Your own microphone:  $(BINARY) devices; $(BINARY) run"
	@echo "Say \"hey siri\", \"computer\" or 天猫精灵 and a command; docs/microphone.md has more."

build: packages
	$(CARGO) build --release --locked

# As a system service (docs/raspberry-pi.md). What is in $(ETC) already is left as it is.
DESTDIR ?=
PREFIX ?= /usr/local
ETC := $(DESTDIR)/etc/tiebreak
UNIT := $(DESTDIR)/etc/systemd/system/tiebreak.service
install:
	@test -x $(BINARY) || { echo "First: make build" >&2; exit 1; }
	$(SUDO) install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/tiebreak
	[ -n "$(DESTDIR)" ] || getent passwd tiebreak >/dev/null || $(SUDO) useradd --system --user-group --groups audio --no-create-home --home-dir /var/lib/tiebreak --shell /usr/sbin/nologin tiebreak
	$(SUDO) install -d -m 755 $(ETC) $(dir $(UNIT))
	for f in deploy/tiebreak.toml audio-fixtures/home.toml; do [ -e $(ETC)/$$(basename $$f) ] || $(SUDO) install -m 640 $$f $(ETC)/; done
	[ -n "$(DESTDIR)" ] || $(SUDO) chgrp tiebreak $(ETC)/*.toml
	sed 's|/usr/local/bin|$(PREFIX)/bin|' deploy/tiebreak.service | $(SUDO) install -m 644 /dev/stdin $(UNIT)
	@echo; echo "Describe your house in $(ETC)/home.toml, then:"
	@echo "  $(PREFIX)/bin/tiebreak check --config $(ETC)/tiebreak.toml"
	@echo "  systemctl daemon-reload && systemctl enable --now tiebreak && journalctl -fu tiebreak"

uninstall:
	[ -n "$(DESTDIR)" ] || $(SUDO) systemctl disable --now tiebreak || true
	$(SUDO) rm -f $(DESTDIR)$(PREFIX)/bin/tiebreak $(UNIT)
	@echo "$(ETC) and $(DESTDIR)/var/lib/tiebreak are left."

test: packages test-packages
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings
	$(CARGO) test --release --locked

# Debian package names are asked for only if one is missing, so that a second call needs no network.
define install
	@missing=""; for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q "ok installed" || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  echo "Installing system packages:$$missing"; \
	  command -v apt-get >/dev/null || { echo "This is no Debian: install$$missing by your own package manager" >&2; exit 1; }; \
	  $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y --no-install-recommends $$missing; \
	fi
endef

packages:
	$(call install,$(BUILD_PACKAGES))
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }

test-packages:
	$(call install,$(TEST_PACKAGES))

# --- What made the models and the recordings; not needed to build or to test. ---

# Data of real people and of noise: see docs/training.md for what the folder holds.
TIEBREAK_DATA ?= ../shared/data
export TIEBREAK_DATA

venv: training/requirements.txt
	$(call install,$(TRAINING_PACKAGES))
	python3 -m venv .venv
	.venv/bin/pip install --quiet -r training/requirements.txt

# Everything that speaks; what Debian keeps in its non-free section only if that is enabled.
voices:
	$(call install,$(VOICE_PACKAGES))
	@for p in $(NONFREE_PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q "ok installed" \
	  || echo "Left out: $$p, of Debian's non-free section (enable it and install $$p for more voices)"; done

training/.cache/synthetic_zh.npy: | voices
	cd training && $(abspath $(PYTHON)) synth.py --shared $(abspath $(TIEBREAK_DATA)) --name synthetic_en --en 26000 --zh 0 --seed 3
	cd training && $(abspath $(PYTHON)) synth.py --shared $(abspath $(TIEBREAK_DATA)) --name synthetic_en2 --en 7000 --zh 0 --seed 5 --transformed 0.7
	cd training && $(abspath $(PYTHON)) synth.py --shared $(abspath $(TIEBREAK_DATA)) --name synthetic_zh --en 0 --zh 13000 --seed 4

training/.cache/commands.npy: | voices
	cd training && $(abspath $(PYTHON)) synth.py --shared $(abspath $(TIEBREAK_DATA)) --name commands --en 9000 --zh 3500 --seed 6 --transformed 0.45 --commands 0.65

training/.cache/accents.npy: | voices
	cd training && $(abspath $(PYTHON)) synth.py --shared $(abspath $(TIEBREAK_DATA)) --name accents --en 6000 --zh 0 --seed 71 --transformed 0.35 --foreign 1 --commands 0.6

training/.cache/speakers.npy: | voices
	cd training && $(abspath $(PYTHON)) synth.py --shared $(abspath $(TIEBREAK_DATA)) --name speakers --en 8500 --zh 1500 --seed 81 --transformed 0.45 --foreign 0.3 --commands 0.6

# A first model, which cuts the readings into phrases and teaches the second one.
SENTENCES := synthetic_en,synthetic_en2,synthetic_en2,synthetic_zh,commands,commands,accents,speakers,speakers
training/.cache/first.onnx: training/.cache/synthetic_zh.npy training/.cache/commands.npy training/.cache/accents.npy training/.cache/speakers.npy
	cd training && $(abspath $(PYTHON)) lexicon.py
	cd training && $(abspath $(PYTHON)) train_stt.py acoustic --steps 18000 --strength 1 --sets $(SENTENCES)
	cd training && $(abspath $(PYTHON)) export_onnx.py --out .cache/first.onnx

training/.cache/phrases.npy: training/.cache/first.onnx
	cd training && $(abspath $(PYTHON)) phrases.py --shared $(abspath $(TIEBREAK_DATA)) --model .cache/first.onnx

train-stt: training/.cache/phrases.npy
	cd training && $(abspath $(PYTHON)) train_stt.py acoustic --checkpoint .cache/taught.pt --steps 4000 --strength 1 --seed 21 --ready \
	  --init .cache/first.onnx --teacher .cache/first.onnx --sets $(SENTENCES),phrases,phrases,phrases,phrases,phrases
	cd training && $(abspath $(PYTHON)) export_onnx.py --checkpoint .cache/taught.pt --average .cache/first.onnx --share 0.5
	$(CARGO) build --release --locked
	cd training && $(abspath $(PYTHON)) calibrate_stt.py --shared $(abspath $(TIEBREAK_DATA)) --tiebreak $(abspath $(BINARY))

train-whisper: training/.cache/phrases.npy
	cd training && $(abspath $(PYTHON)) train_stt.py whisper --steps 5200 --easy 300 --hard 1300 --seconds 36 --seed 131 --strength 0.5 \
	  --teacher ../models/stt-ctc.onnx --sets $(SENTENCES),phrases,phrases
	cd training && $(abspath $(PYTHON)) train_decoder.py --steps 2500 --seed 161 --strength 0.5 --sets $(SENTENCES),phrases,phrases
	cd training && $(abspath $(PYTHON)) export_ggml.py

train-wake: training/.cache/synthetic_zh.npy
	cd training && $(abspath $(PYTHON)) wake_data.py --shared $(abspath $(TIEBREAK_DATA)) --words 1100 --near 1900 --seed 311 --suffix _h1
	cd training && $(abspath $(PYTHON)) wake_data.py --shared $(abspath $(TIEBREAK_DATA)) --words 1100 --near 1900 --seed 312 --suffix _h2
	cd training && $(abspath $(PYTHON)) wake_test.py --shared $(abspath $(TIEBREAK_DATA))
	cd training && $(abspath $(PYTHON)) train_wake.py --shared $(abspath $(TIEBREAK_DATA)) --suffixes _h1 _h2 --steps 2774

train-intent:
	cd training && $(abspath $(PYTHON)) train_intent.py

# Every trainer for a few steps on a few sentences that are synthesised on the spot: do the parts still fit together?
SMOKE := $(abspath training/.cache/smoke)
test-training: test-packages venv
	rm -rf $(SMOKE) && mkdir -p $(SMOKE)
	cd training && export TIEBREAK_CACHE=$(SMOKE) && set -e && \
	  $(abspath $(PYTHON)) synth.py --smoke && \
	  $(abspath $(PYTHON)) lexicon.py --smoke --out $(SMOKE)/english.lexicon && \
	  $(abspath $(PYTHON)) train_stt.py acoustic --blocks 7 --steps 4 --sets synthetic_en,synthetic_zh && \
	  $(abspath $(PYTHON)) export_onnx.py --out $(SMOKE)/stt-ctc.onnx && \
	  $(abspath $(PYTHON)) -m doctest align.py diphones.py quantise.py && \
	  $(abspath $(PYTHON)) phrases.py --smoke --model $(SMOKE)/stt-ctc.onnx && \
	  $(abspath $(PYTHON)) train_stt.py acoustic --checkpoint $(SMOKE)/taught.pt --steps 2 --ready --init $(SMOKE)/stt-ctc.onnx --teacher $(SMOKE)/stt-ctc.onnx --sets synthetic_en,phrases && \
	  $(abspath $(PYTHON)) export_onnx.py --checkpoint $(SMOKE)/taught.pt --average $(SMOKE)/stt-ctc.onnx --share 0.5 --out $(SMOKE)/taught.onnx && \
	  $(abspath $(PYTHON)) train_stt.py whisper --steps 4 --teacher $(SMOKE)/stt-ctc.onnx && \
	  $(abspath $(PYTHON)) train_decoder.py --steps 3 && \
	  $(abspath $(PYTHON)) export_ggml.py --out $(SMOKE)/stt.ggml.bin && \
	  $(abspath $(PYTHON)) train_wake.py --smoke && \
	  $(abspath $(PYTHON)) train_intent.py --smoke --out $(SMOKE)

fixtures:
	cd audio-fixtures && $(abspath $(PYTHON)) make.py

clean:
	$(CARGO) clean

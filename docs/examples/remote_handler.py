#!/usr/bin/env python3
"""A handler outside Tiebreak: it bids on sentences about coffee and, once it is awarded, acts by itself.

    pip install paho-mqtt
    python3 remote_handler.py [HOST [PORT]]

Register it in tiebreak.toml:

    [[handler]]
    name = "coffee"
    acts = "itself"
    confidence_max = 0.95
"""
import json
import sys
import time

import paho.mqtt.client as mqtt

BASE, NAME = "tiebreak", "coffee"
bids = {}  # decision id -> (when it is void at the latest, what would be done)


def on_connect(client, userdata, flags, reason, properties):
    client.subscribe([(f"{BASE}/ask", 0), (f"{BASE}/award/{NAME}", 1)])


def on_ask(client, userdata, message):
    ask = json.loads(message.payload)
    best = ask["hypotheses"][0]
    answer = {"id": ask["id"]}
    if "coffee" in str(best["slots"].get("name", "")):
        # A bid changes nothing in the world: note what would be done, and wait for the award.
        bids[ask["id"]] = (time.monotonic() + ask["window_ms"] / 1000, best["intent"])
        answer |= {"confidence": min(0.95, best["confidence"]), "risk": "low"}
    else:
        answer |= {"decline": "I only know about coffee"}
    client.publish(f"{BASE}/bid/{NAME}", json.dumps(answer))


def on_award(client, userdata, message):
    award = json.loads(message.payload)
    # Used up by acting once; void after valid_ms, counted from the end of the window at the latest.
    closes, intent = bids.pop(award["id"], (None, None))
    if closes is not None and time.monotonic() <= closes + award["valid_ms"] / 1000:
        print(f"awarded {award['id']}: {intent}", flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.on_connect = on_connect
client.message_callback_add(f"{BASE}/ask", on_ask)
client.message_callback_add(f"{BASE}/award/{NAME}", on_award)
client.connect(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 1883)
client.loop_forever()

#!/usr/bin/python3
"""A device on Murano's MQTT API, written with paho-mqtt 1.6 as its public clients are. Used by MQTTPeerTests.

mqtt_device.py provision PORT ID [OPTION...]       prints the token
mqtt_device.py run PORT ID COUNT [OPTION...]       prints COUNT values that were set, and echoes them

Options: --token T, --ca FILE (use TLS), --cert FILE --key FILE
"""
import argparse
import json
import ssl
import sys
import threading

import paho.mqtt.client as mqtt

PATIENCE = 60

parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["provision", "run"])
parser.add_argument("port", type=int)
parser.add_argument("id")
parser.add_argument("count", type=int, nargs="?", default=0)
parser.add_argument("--token")
parser.add_argument("--ca")
parser.add_argument("--cert")
parser.add_argument("--key")
options = parser.parse_args()

connected = threading.Event()
done = threading.Event()
codes = []
echoes = []


def on_connect(client, _userdata, _flags, code):
    codes.append(code)
    connected.set()


def on_message(client, _userdata, message):
    if options.what == "provision":
        print(message.payload.decode())
        done.set()
        return
    alias = message.topic.split("/")[1]
    print(json.dumps({"topic": message.topic, "value": message.payload.decode(), "qos": message.qos}))
    echoes.append(client.publish("$resource/" + alias, message.payload, qos=1))
    if len(echoes) == options.count:
        done.set()


client = mqtt.Client(client_id="", clean_session=True, protocol=mqtt.MQTTv311)
client.on_connect = on_connect
client.on_message = on_message
if options.token:
    client.username_pw_set("", options.token)
if options.ca:
    client.tls_set(options.ca, options.cert, options.key, tls_version=ssl.PROTOCOL_TLS_CLIENT)
client.connect("127.0.0.1", options.port, keepalive=30)
client.loop_start()
if not connected.wait(PATIENCE) or codes[0] != 0:
    sys.exit("connect: %s" % codes)
if options.what == "provision":
    client.publish("$provision/" + options.id, None, qos=1)
else:
    batch = [
        {"timestamp": 1511380800, "values": {"history": "1"}},
        {"timestamp": 1511380802000000, "values": {"history": "2"}},
    ]
    client.publish("$resource.batch", json.dumps(batch), qos=1).wait_for_publish(PATIENCE)
    client.publish("$resource/ready", "yes", qos=1).wait_for_publish(PATIENCE)
if not done.wait(PATIENCE):
    sys.exit("no message")
for echo in echoes:
    echo.wait_for_publish(PATIENCE)
client.disconnect()
client.loop_stop()

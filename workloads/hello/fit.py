#!/usr/bin/env python3
"""Fits one straight line through the points of all parties; no point leaves its party.

A complete workload in the standard library: the same program is aggregator and trainer. Every round each trainer
computes the gradient of the shared line on its own points and sends it (two numbers); the aggregator takes a step along
the average and answers with the new line. All it knows of the platform are the FED_* variables of docs/first-task.md.
"""
import csv
import http.client
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EXIT_PEER_LOST = 71  # the platform may retry the run
params = json.loads(os.environ["FED_PARAMS"])


def aggregate():
    trainers, rate = int(os.environ["FED_TRAINERS"]), float(params["rate"])
    line, gradients, turn = [0.0, 0.0], {}, threading.Condition()

    class Round(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with turn:
                of_round = gradients.setdefault(sent["epoch"], {})
                of_round[sent["party"]] = sent["gradient"]
                if len(of_round) == trainers:
                    for i in range(2):
                        line[i] -= rate * sum(gradient[i] for gradient in of_round.values()) / trainers
                    turn.notify_all()
                turn.wait_for(lambda: len(of_round) == trainers)
                answer = json.dumps(line).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    host, port = os.environ["FED_LISTEN_ADDR"].rsplit(":", 1)
    ThreadingHTTPServer((host, int(port)), Round).serve_forever()  # the hub stops the aggregator when every trainer has exited with 0


def train():
    party, epochs = os.environ["FED_PARTY"], int(os.environ["FED_EPOCHS"])
    with open(os.path.join(os.environ["FED_DATA_DIR"], "points.csv")) as file:
        points = [(float(x), float(y)) for x, y in csv.reader(file)]
    print(f"{party} has {len(points)} points", flush=True)
    line, output = [0.0, 0.0], os.environ["FED_OUTPUT_DIR"]
    with open(os.path.join(output, "metrics.jsonl"), "a", buffering=1) as metrics:
        for epoch in range(1, epochs + 1):
            errors = [line[0] * (x - 5) + line[1] - y for x, y in points]
            gradient = [sum(e * (x - 5) for e, (x, _) in zip(errors, points)) / len(points), sum(errors) / len(points)]
            line = exchange({"party": party, "epoch": epoch, "gradient": gradient})
            loss = sum(e * e for e in errors) / len(points)
            metrics.write(json.dumps({"epoch": epoch, "epochs": epochs, "loss": round(loss, 4)}) + "\n")
    with open(os.path.join(output, "model.json"), "w") as file:
        json.dump({"slope": line[0], "offset": line[1] - 5 * line[0]}, file)
    print(f"y = {line[0]:.3f} x + {line[1] - 5 * line[0]:.3f}")


def exchange(message):
    """Sends the gradient and returns the new line; retries while the aggregator is not ready."""
    deadline = time.monotonic() + 30
    while True:
        try:
            connection = http.client.HTTPConnection(os.environ["FED_SERVER_ADDR"], timeout=300)
            connection.request("POST", "/", json.dumps(message))
            return json.loads(connection.getresponse().read())
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                print(f"cannot reach the aggregator at {os.environ['FED_SERVER_ADDR']}", file=sys.stderr)
                sys.exit(EXIT_PEER_LOST)
            time.sleep(0.1)
        except OSError as error:
            print(f"lost the aggregator: {error}", file=sys.stderr)
            sys.exit(EXIT_PEER_LOST)


if __name__ == "__main__":
    aggregate() if os.environ["FED_ROLE"] == "server" else train()

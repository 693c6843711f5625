"""Drives a hub with the published client package of iflearner-flow: SDK and both command lines, every verb.

usage: drive.py HOST PORT FOLDER

The command lines write their configuration into their own package, so FOLDER gets a copy of the packages. The hub's
parties are hub, hospital-a and hospital-b, each with image `digits` and dataset `digits`. The last line of output is
the id of a task that has succeeded.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click  # an installed neighbour of the packages

HOST, PORT, FOLDER = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
for package in ["flow_server_sdk", "flow_server_cli", "flow_federate_sdk", "flow_federate_cli"]:
    shutil.copytree(Path(click.__file__).parent.parent / package, FOLDER / package)
sys.path.insert(0, str(FOLDER))

from flow_federate_sdk import FlowFederateSdk  # noqa: E402
from flow_server_sdk import FlowServerSdk  # noqa: E402

SUCCESS = {"ret_code": 0, "ret_msg": "success"}
TIME = re.compile(r"^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} -0000$")
FEDERATES = [
    {"federated_id": "hospital-a", "federated_data": "digits"},
    {"federated_id": "hospital-b", "federated_data": "/data/digits"},
]
SHOWN = [{"federated_id": party, "federated_data": "digits"} for party in ["hospital-a", "hospital-b"]]
NOWHERE = "0" * 32


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def fails(answer, code, message):
    equal((answer["ret_code"], answer["ret_msg"], "data" in answer), (code, message, False))


def has(answer, field):
    equal((answer["ret_code"], answer["ret_msg"]), (0, "success"))
    return answer["data"][field]


def cli(program, *arguments):
    command = [sys.executable, "-m", f"{program}.flow_cli", *arguments]
    environment = dict(os.environ, PYTHONPATH=str(FOLDER))
    done = subprocess.run(command, env=environment, cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def server(*arguments):
    return cli("flow_server_cli", *arguments)


def wait(task, expected):
    deadline = time.monotonic() + 240
    while True:
        status = has(sdk.task.get(task), "status")
        if status == expected:
            return
        assert status in ("Started", "Pending", "Running"), status
        assert time.monotonic() < deadline, f"still {status}"
        time.sleep(0.2)


def drive_templates():
    # As the package's own tests: without a command, a remark and parameters.
    made = has(sdk.template.create(name="from-sdk", image_url="iflearner_ocr:0.0.1", workdir="/data/ocr", command=[]), "template_id")
    assert re.fullmatch("[0-9a-f]{30}([0-9a-f]{2})?", made), made
    shown = sdk.template.get(made)["data"]
    for field in ["create_time", "modify_time"]:
        assert TIME.match(shown.pop(field)), field
    equal(shown, {
        "name": "from-sdk", "remark": "", "image_url": "iflearner_ocr:0.0.1", "workdir": "/data/ocr", "command": [],
        "hyper_parameter": [], "template_id": made,
    })
    edited = dict(name="from-sdk-2", image_url="digits", workdir="", command=["train"], remark="new", hyper_parameter=["lr=0.4"])
    equal(sdk.template.update(template_id=made, **edited), SUCCESS)
    shown = sdk.template.get(made)["data"]
    equal({name: shown[name] for name in edited}, edited)
    fails(sdk.template.create(**edited), 10201, "duplicate template name")
    fails(sdk.template.create(**{**edited, "name": ""}), 10000, "Please set the name parameter length between 3 and 50")
    fails(sdk.template.update(template_id=NOWHERE, **edited), 10200, "template not found")
    fails(sdk.template.get(NOWHERE), 10200, "template not found")
    fails(sdk.template.delete(NOWHERE), 10200, "template not found")

    other = has(server("template", "create", "-n", "from-cli", "-r", "ocr template", "-i", "digits", "-w", "", "-c", '["train"]', "-hp", '["steps=40"]'), "template_id")
    equal(has(server("template", "list", "-p", "1", "-l", "10"), "template_count"), 2)
    names = [template["name"] for template in has(sdk.template.list(keyword="", page=1, limit=10), "templates")]
    equal(sorted(names), ["from-cli", "from-sdk-2"])
    equal(len(has(sdk.template.list(page=2, limit=1), "templates")), 1)
    equal(server("template", "update", "-id", other, "-n", "from-cli-2", "-i", "digits"), SUCCESS)
    equal(has(server("template", "get", "-id", other), "name"), "from-cli-2")
    equal(server("template", "delete", "-id", other), SUCCESS)
    fails(server("template", "get", "-id", other), 10200, "template not found")
    return made


def drive_tasks(template):
    task = has(sdk.task.create(name="task-sdk", template_id=template, remark="", federate_data=FEDERATES), "task_id")
    shown = sdk.task.get(task)["data"]
    for field in ["create_time", "modify_time"]:
        assert TIME.match(shown.pop(field)), field
    equal(shown, {
        "name": "task-sdk", "remark": "", "template_id": template, "federate_data": SHOWN, "federate_datas": SHOWN,
        "task_id": task, "status": None, "party_status": None,
    })
    equal(sdk.task.update(task, "task-sdk-2", template, "This is a remark.", FEDERATES), SUCCESS)
    equal(has(sdk.task.get(task), "remark"), "This is a remark.")
    fails(sdk.task.create("task-sdk-2", template, "", FEDERATES), 10301, "duplicate task name")
    fails(sdk.task.create("", template, "", FEDERATES), 10302, "empty task name")
    fails(sdk.task.create("task-x", NOWHERE, "", FEDERATES), 10200, "template not found")
    fails(sdk.task.stop(task), 10303, "status conflicit")
    for verb in [sdk.task.get, sdk.task.start, sdk.task.stop, sdk.task.delete]:
        fails(verb(NOWHERE), 10300, "task not found")

    data = repr(FEDERATES)
    other = has(server("task", "create", "-n", "task-cli", "-t", template, "-r", "", "-fd", data), "task_id")
    equal(server("task", "update", "-id", other, "-n", "task-cli-2", "-t", template, "-r", "new", "-fd", data), SUCCESS)
    equal(has(server("task", "get", "-id", other), "name"), "task-cli-2")
    equal(has(server("task", "list", "-p", "1", "-l", "5"), "task_count"), 2)
    equal([task["name"] for task in has(sdk.task.list(1, 10), "tasks")], ["task-cli-2", "task-sdk-2"])

    # The start has no body (defect F25).
    equal(server("task", "start", "-id", other), SUCCESS)
    fails(server("task", "start", "-id", other), 10303, "status conflicit")
    fails(sdk.task.delete(other), 10303, "status conflicit")
    equal(server("task", "stop", "-id", other), SUCCESS)
    equal(has(sdk.task.get(other), "status"), "Cancelled")
    equal(server("task", "delete", "-id", other), SUCCESS)

    equal(sdk.task.start(task), SUCCESS)
    wait(task, "Succeeded")
    lines = has(sdk.task.get(task), "party_status")
    equal(sorted((line["name"], line["complete"], line["total_epoch"]) for line in lines), [(party, True, 10) for party in ["hospital-a", "hospital-b"]])
    fails(sdk.template.delete(template), 10203, sdk.template.delete(template)["ret_msg"])
    return task


sdk = FlowServerSdk(host=HOST, port=PORT)
sdk.set_addr(HOST, PORT)
equal(server("init", "--host", HOST, "--port", str(PORT))["ret_code"], 0)
equal(cli("flow_federate_cli", "init", "--host", HOST, "--port", str(PORT))["ret_code"], 0)
# The verbs of the federate side are stubs: they send nothing.
equal(cli("flow_federate_cli", "task", "list"), None)
for name in ["create", "update", "get", "list", "delete", "start", "stop"]:
    equal(getattr(FlowFederateSdk(host=HOST, port=PORT).task, name)(), None)
print(drive_tasks(drive_templates()))

"""Prints the SBOM of the programs as CycloneDX 1.5: sbom.py VERSION.

It lists every crate that is compiled into flow-server, flow-federate, flow-operator or flowctl on
Linux, with version, licence, checksum and dependencies; not those of tests and build scripts. The
same Cargo.lock and SOURCE_DATE_EPOCH give the same document.
"""

import datetime
import json
import os
import subprocess
import sys
import tomllib
import uuid

PROGRAMS = ("flow-server", "flow-federate", "flow-operator", "flowctl")
TARGET = "x86_64-unknown-linux-gnu"


def metadata():
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--locked", "--format-version=1"]
    return json.loads(subprocess.check_output([*command, f"--filter-platform={TARGET}"]))


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums):
    found = {
        "type": "library" if package["source"] else "application",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package["license"]:
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return found


def main(version):
    found = metadata()
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {
        node["id"]: sorted(
            dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])
        )
        for node in found["resolve"]["nodes"]
    }
    with open("Cargo.lock", "rb") as lock:
        entries = tomllib.load(lock)["package"]
    checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in entries}
    targets = lambda package: {target["name"] for target in package["targets"] if "bin" in target["kind"]}
    roots = [id for id in found["workspace_members"] if targets(packages[id]) & set(PROGRAMS)]
    reached, pending = set(), list(roots)
    while pending:
        id = pending.pop()
        if id not in reached:
            reached.add(id)
            pending.extend(nodes[id])
    components = sorted((component(packages[id], checksums) for id in reached), key=lambda one: one["bom-ref"])
    of_product = f"flow@{version}"
    dependencies = [{"ref": of_product, "dependsOn": sorted(purl(packages[id]) for id in roots)}]
    dependencies += sorted(
        ({"ref": purl(packages[id]), "dependsOn": [purl(packages[dep]) for dep in nodes[id]]} for id in reached),
        key=lambda one: one["ref"],
    )
    built = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.UTC)
    content = json.dumps([components, dependencies, version])
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}",
        "version": 1,
        "metadata": {
            "timestamp": built.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": of_product, "name": "flow", "version": version},
        },
        "components": components,
        "dependencies": dependencies,
    }
    json.dump(document, sys.stdout, indent=1)
    print()


main(sys.argv[1])

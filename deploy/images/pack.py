#!/usr/bin/env python3
"""pack.py DOCKERFILE CONTEXT NAME:TAG ARCHIVE: builds an image without a container engine.

Accepts Dockerfiles with FROM scratch that copy existing files. The result is an archive in OCI layout with Docker's manifest,
which `docker load`, `podman load`, `skopeo` and `ctr images import` accept. Equal files give equal bytes: the archive has
no times, and no owners except those of --chown.
"""

import hashlib
import json
import os
import platform
import shlex
import sys
import tarfile
import tempfile
from io import BytesIO

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def instructions(path):
    """Yields the instructions of a Dockerfile as keyword and rest of the line."""
    with open(path) as file:
        lines = [line.strip() for line in file if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line:
            word, _, rest = line.partition(" ")
            yield word.upper(), rest.strip()


def add(archive, name, source=None, content=None, owner=(0, 0), target=None):
    """Adds one file, link or directory without time and user."""
    entry = tarfile.TarInfo(name)
    entry.uid, entry.gid = owner
    if target is not None:
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
    elif content is not None:
        entry.size, entry.mode = len(content), 0o644
    elif source is None or os.path.isdir(source):
        entry.type = tarfile.DIRTYPE
        entry.mode = os.stat(source).st_mode & 0o7777 if source else 0o755
    else:
        entry.size, entry.mode = os.path.getsize(source), os.stat(source).st_mode & 0o7777
        with open(source, "rb") as file:
            return archive.addfile(entry, file)
    archive.addfile(entry, BytesIO(content) if content is not None else None)


def tree(source, destination):
    """Yields the files that COPY copies: pairs of a path on disk and a name in the image."""
    yield source, destination
    if os.path.isdir(source) and not os.path.islink(source):
        for name in sorted(os.listdir(source)):
            yield from tree(os.path.join(source, name), f"{destination}/{name}".lstrip("/"))


def copied(arguments, context):
    """The owner that COPY gives, and what it copies, in order."""
    words, owner = shlex.split(arguments), (0, 0)
    while words[0].startswith("--"):
        option, _, value = words.pop(0).partition("=")
        if option != "--chown":
            sys.exit(f"pack.py: COPY {option} needs a container engine")
        owner = tuple(int(part) for part in (value.split(":") * 2)[:2])
    *sources, destination = words
    into = destination.endswith("/") or len(sources) > 1
    for source in sources:
        path = os.path.join(context, source)
        if not os.path.lexists(path):
            sys.exit(f"pack.py: {source} is not in {context}")
        name = destination.strip("/")
        if into and not os.path.isdir(path):
            name = f"{name}/{os.path.basename(source)}".lstrip("/")
        for found, name in tree(path, name):
            yield owner, found, name


def layer(arguments, context, folder):
    """Writes the layer of one COPY and returns its path and digest."""
    made = {""}
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for owner, source, name in copied(arguments, context):
            parents = name.split("/")[:-1]
            for parent in ("/".join(parents[: end + 1]) for end in range(len(parents))):
                if parent not in made:
                    made.add(parent)
                    add(archive, parent)
            if name in made:
                continue
            made.add(name)
            add(archive, name, source, owner=owner, target=os.readlink(source) if os.path.islink(source) else None)
    with open(file.name, "rb") as file:
        return file.name, hashlib.file_digest(file, "sha256").hexdigest()


def build(dockerfile, context, name, out):
    """Builds the archive `out`."""
    config, layers = {}, []
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(out))) as folder:
        for word, rest in instructions(dockerfile):
            match word:
                case "FROM" if rest == "scratch":
                    pass
                case "COPY":
                    layers.append(layer(rest, context, folder))
                case "ENTRYPOINT" | "CMD" if rest.startswith("["):
                    config[word.capitalize()] = json.loads(rest)
                case "USER":
                    config["User"] = rest
                case "WORKDIR":
                    config["WorkingDir"] = rest
                case "ENV":
                    config.setdefault("Env", []).extend(shlex.split(rest))
                case "LABEL":
                    config.setdefault("Labels", {}).update(pair.split("=", 1) for pair in shlex.split(rest))
                case "EXPOSE":
                    config.setdefault("ExposedPorts", {}).update({port if "/" in port else f"{port}/tcp": {} for port in rest.split()})
                case _:
                    sys.exit(f"pack.py: '{word} {rest}' needs a container engine")
        image = json.dumps({
            "architecture": ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for _, digest in layers]},
        }).encode()
        image_digest = hashlib.sha256(image).hexdigest()
        manifest = json.dumps({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": f"sha256:{image_digest}", "size": len(image)},
            "layers": [{"mediaType": LAYER, "digest": f"sha256:{digest}", "size": os.path.getsize(path)} for path, digest in layers],
        }).encode()
        manifest_digest = hashlib.sha256(manifest).hexdigest()
        reference = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
        index = {
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": MANIFEST,
                "digest": f"sha256:{manifest_digest}",
                "size": len(manifest),
                "annotations": reference,
            }],
        }
        docker = [{
            "Config": f"blobs/sha256/{image_digest}",
            "RepoTags": [name],
            "Layers": [f"blobs/sha256/{digest}" for _, digest in layers],
        }]
        with tarfile.open(f"{out}.part", "w") as archive:
            add(archive, "oci-layout", content=b'{"imageLayoutVersion":"1.0.0"}')
            add(archive, "blobs")
            add(archive, "blobs/sha256")
            for path, digest in dict.fromkeys(layers):
                add(archive, f"blobs/sha256/{digest}", path)
            add(archive, f"blobs/sha256/{image_digest}", content=image)
            add(archive, f"blobs/sha256/{manifest_digest}", content=manifest)
            add(archive, "index.json", content=json.dumps(index).encode())
            add(archive, "manifest.json", content=json.dumps(docker).encode())
        os.replace(f"{out}.part", out)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(f"usage: {sys.argv[0]} DOCKERFILE CONTEXT NAME:TAG ARCHIVE")
    build(*sys.argv[1:])

"""buildah: layers that are being copied, in `storage<n>`, open while they come."""

import glob, hashlib, http.server, io, json, os, tarfile, threading, time
import proving

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry(http.server.ThreadingHTTPServer):
    """One image under any name; its layer comes by half, and the rest once there is a file for that name."""

    daemon_threads = True

    def __init__(self, where):
        super().__init__(("127.0.0.1", 0), Answer)
        self.where, packed = where, io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            member = tarfile.TarInfo("big")
            member.size = 3_000_000
            archive.addfile(member, io.BytesIO(os.urandom(member.size)))
        self.layer = packed.getvalue()
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [digest(self.layer)]},
            }
        ).encode()
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": digest(config),
                    "size": len(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.oci.image.layer.v1.tar",
                        "digest": digest(self.layer),
                        "size": len(self.layer),
                    }
                ],
            }
        ).encode()
        self.blobs = {digest(config): config, digest(self.layer): self.layer}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that was killed is what we are here for."""


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        server, kind = self.server, "application/octet-stream"
        if "/manifests/" in self.path:
            body, kind = server.manifest, MANIFEST
        else:
            body = server.blobs.get(self.path.rpartition("/")[2], b"{}")
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", digest(body))
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(body) // 2 if body is server.layer else len(body)
        self.wfile.write(body[:half])
        while half < len(body) and not os.path.exists(f"{server.where}/{self.path.split('/')[2]}"):
            time.sleep(0.05)
        self.wfile.write(body[half:])


class Driver(proving.Program):
    at_once, shows_life, says_rounds = False, True, False
    registry = None

    def install(self):
        self.buildah = proving.debian("buildah", command="buildah")
        return proving.output(self.buildah, "--version")

    def start(self, stage):
        if not self.registry:
            self.registry = Registry(stage.work)
            with open(stage.work + "/policy.json", "w") as stream:
                stream.write('{"default": [{"type": "insecureAcceptAnything"}]}')
        before, name = set(self.found(stage)), f"image{stage.count}"
        place = [
            "--root",
            f"{stage.work}/{name}.root",
            "--runroot",
            f"{stage.work}/{name}.run",
            "--storage-driver",
            "vfs",
        ]
        owner = proving.Owner(
            stage,
            [
                self.buildah,
                *place,
                "pull",
                "--signature-policy",
                stage.work + "/policy.json",
                "--tls-verify=false",
                f"docker://127.0.0.1:{self.registry.server_address[1]}/{name}:latest",
            ],
            env={"TMPDIR": stage.place},
        )
        owner.ending, owner.place = f"{stage.work}/{name}", place
        proving.until(
            lambda: [path for path in set(self.found(stage)) - before if proving.size(path) > 1_000_000],
            lambda: f"half of the layer: {owner.last()}",
        )
        return owner

    def finish(self, owner):
        owner.ask_to_end()
        if owner.ended() or "127.0.0.1" not in proving.output(self.buildah, *owner.place, "images"):
            raise proving.Wrong(f"the pull ended with {owner.process.returncode}: {owner.last()}")

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        self.fact(
            os.path.basename(mine).startswith("storage"), f"leaves {self.names([mine])}, {proving.size(mine):,} bytes"
        )
        self.fact("open" in proving.users(mine).get(owner.pid, ()), "its file is open while the layer comes")
        self.fact(not any(map(proving.locks, glob.glob(mine + "/*"))), "no locks")
        owner.kill()
        again, (other,) = self.born(stage)
        self.finish(again)
        self.fact(
            os.path.exists(mine) and not os.path.exists(other), "it stays after the next run, which removes its own"
        )

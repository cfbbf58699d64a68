# The workbench beside JupyterLab, at <where Jupyter is>/workbench/. Jupyter lets the reader in; the token that it adds to
# each request keeps others on the machine out.
import os
import secrets

c = get_config()  # noqa: F821

_token = secrets.token_hex(24)
_package = os.environ.get("REPO_DIR", os.getcwd())

c.ServerProxy.servers = {
    "workbench": {
        "command": [
            "node",
            os.path.join(_package, "dist", "kernel", "cli.js"),
            "start",
            os.path.join(_package, "notebooks"),
            "--no-browser",
            "--port",
            "{port}",
            "--base-url",
            "{base_url}workbench/",
            # The name in requests is the hub's.
            "--allow-host",
            "*",
        ],
        "environment": {"TILEWRIGHT_TOKEN": _token},
        "request_headers_override": {"Authorization": "token " + _token},
        "absolute_url": True,
        "timeout": 30,
        "launcher_entry": {"title": "Tilewright"},
    }
}
